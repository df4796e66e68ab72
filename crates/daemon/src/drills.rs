//! Drills, in nobody's turn: a restore takes its time, and the policy's slots come meanwhile. One at a time, each after a run
//! of its policy; what came of it is for the policy's next run to tell.

use crate::configuration::Configuration;
use crate::run::{LONGEST, Log};
use snapkeep_core::naming::RequestMark;
use snapkeep_core::policy::Policy;
use snapkeep_engine::{DrillNote, DrillOptions, DrillReport, run_drills};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::{JoinError, JoinSet};

/// A policy, and what came of its drills.
type Drilled = (String, DrillReport);

/// What is drilled, and what is known of it.
#[derive(Default)]
pub(crate) struct Drills {
    /// Policies whose drills are to be looked after.
    wanted: BTreeSet<String>,
    task: JoinSet<Drilled>,
    /// By policy. What was done in it is not there any more once a run has told it.
    known: BTreeMap<String, DrillReport>,
}

impl Drills {
    /// These have been run: drills of theirs that are due come next.
    pub(crate) fn want<'p>(&mut self, policies: impl Iterator<Item = &'p Policy>) {
        self.wanted.extend(policies.filter(|policy| policy.drill.is_some()).map(|policy| policy.name.clone()));
    }

    /// Begins the next one unless one is under way.
    pub(crate) fn begin(&mut self, configuration: &Arc<dyn Configuration>, mark: fn() -> RequestMark) {
        if self.task.is_empty()
            && let Some(name) = self.wanted.pop_first()
        {
            self.task.spawn(drill(Arc::clone(configuration), name, mark()));
        }
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.task.len()
    }

    /// The next one that ends; `None` if none is under way.
    pub(crate) async fn next(&mut self) -> Option<Result<Drilled, JoinError>> {
        self.task.join_next().await
    }

    /// Takes in how one has ended. The policy, if its last drill is not the one that was known: that is to be told at once.
    pub(crate) fn take_in(&mut self, ended: Result<Drilled, JoinError>) -> Option<String> {
        let (name, report) = match ended {
            Ok(drilled) => drilled,
            Err(error) => {
                tracing::error!("a drill has ended by a defect of ours: {error}");
                return None;
            }
        };
        let before = self.known.insert(name.clone(), report);
        let (Some(before), Some(known)) = (before, self.known.get_mut(&name)) else { return Some(name) };
        let is_new = known.last != before.last;
        // No run may have told it yet.
        known.drills.splice(..0, before.drills);
        known.cleaned.splice(..0, before.cleaned);
        known.notes.splice(..0, before.notes);
        is_new.then_some(name)
    }

    /// What a run of these policies tells of their drills; `None` if none of them has any.
    pub(crate) fn told_by<'p>(&mut self, policies: impl Iterator<Item = &'p Policy>) -> Option<DrillReport> {
        let mut told: Option<DrillReport> = None;
        for policy in policies.filter(|policy| policy.drill.is_some()) {
            let told = told.get_or_insert_with(|| DrillReport { schema: 1, ..DrillReport::default() });
            let Some(known) = self.known.get_mut(&policy.name) else {
                told.unseen.insert(policy.name.clone());
                continue;
            };
            told.drills.append(&mut known.drills);
            told.cleaned.append(&mut known.cleaned);
            told.notes.append(&mut known.notes);
            // These hold until the next one has ended.
            let is_new = |failure: &&DrillNote| !told.failures.contains(failure);
            let failures: Vec<DrillNote> = known.failures.iter().filter(is_new).cloned().collect();
            told.failures.extend(failures);
            told.last.extend(known.last.iter().cloned());
        }
        told
    }

    /// What is under way is left as a power cut would: the next run cleans up.
    pub(crate) async fn shutdown(&mut self) {
        self.task.shutdown().await;
    }
}

async fn drill(configuration: Arc<dyn Configuration>, name: String, run: RequestMark) -> Drilled {
    let only = [name];
    let fleet = configuration.fleet(&only);
    let options = DrillOptions { only: &only, asked: false, run: &run };
    let report = run_drills(&fleet, configuration.policies(), &options, Deadline::after(LONGEST), &Log).await;
    let [name] = only;
    (name, report)
}
