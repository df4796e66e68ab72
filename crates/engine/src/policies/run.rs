//! All of it, once: look, plan, carry out; again only for policies whose snapshot has to wait for another.

use super::apply::{ApplyOptions, apply};
use super::decide::decide;
use super::eye::Ticker;
use super::fleet::Fleet;
use super::gather::{Gathered, gather};
use super::note;
use super::report::{ClusterOutcome, ClusterReport, PolicyReport, RunReport};
use super::take::running_first;
use crate::observe::{Event, Observer};
use jiff::Timestamp;
use snapkeep_core::plan::{Options, Place, Plan, Skip, Step};
use snapkeep_core::policy::Policy;
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The pause until a snapshot that has to wait is looked at again: doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How policies are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// How what is planned is carried out.
    pub apply: ApplyOptions,
    /// The policies to run; none are all. (See [`check_names`](super::check_names) for names that are none.)
    pub only: Vec<String>,
    /// What time it is.
    pub at: Timestamp,
}

/// Runs the policies once. Where another snapshot runs and the version takes one at a time, it waits while the slot
/// may still begin and there is time. Never fails as a whole: see [`RunReport::verdict`].
pub async fn run(
    fleet: &Fleet,
    policies: &BTreeMap<String, Policy>,
    options: &RunOptions,
    deadline: Deadline,
    observer: &dyn Observer,
) -> RunReport {
    let ticker = Ticker::new(options.at);
    let planning = Options { allow_unknown_clock: options.apply.allow_unknown_clock };
    let mut report: Option<RunReport> = None;
    let (mut only, mut pause) = (options.only.clone(), PAUSE);
    loop {
        let now = ticker.now();
        let gathered = gather(fleet, policies, &only, now, deadline, observer).await;
        let mut plan = decide(policies, &gathered, &only, &planning, now);
        let postponed = postpone(&mut plan, &gathered, now);
        let mut round = apply(fleet, policies, &plan, &options.apply, now, deadline, observer).await;
        note_unseen(&mut round, &gathered, &plan);
        let waiting = waiting(&plan, now);
        match &mut report {
            Some(report) => report.go_on(round),
            None => report = Some(round),
        }
        let Some((place, why)) = waiting.first() else { break };
        observer.notice(&Event::Waiting { why, left: deadline.left() });
        tracing::info!(policy = place.policy, "{why}");
        only = waiting.iter().map(|(place, _)| place.policy.clone()).chain(postponed).collect();
        if !deadline.pause(pause).await {
            if let Some(report) = &mut report {
                report.waited_in_vain(&plan);
            }
            break;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    let mut report = report.unwrap_or_else(|| RunReport::empty(options.at));
    report.finished_at = ticker.now();
    report
}

/// Policies whose snapshot has to wait, and for what.
fn waiting(plan: &Plan, now: Timestamp) -> Vec<(&Place, String)> {
    let still =
        plan.skipped.iter().filter(|skipped| matches!(&skipped.why, Skip::Waiting { until, .. } if *until > now));
    still.map(|skipped| (&skipped.place, skipped.why.to_string())).collect()
}

/// Takes out deletions where a snapshot has to wait because one thing runs at a time: they would wait as well, and the
/// snapshot for them. Says whose they are.
fn postpone(plan: &mut Plan, gathered: &Gathered, now: Timestamp) -> Vec<String> {
    let one_at_a_time = |cluster: &str| gathered.inventory.clusters.get(cluster).is_some_and(|seen| !seen.concurrent);
    let busy: BTreeSet<String> = waiting(plan, now).into_iter().map(|(place, _)| place.cluster.clone()).collect();
    let is_later = |step: &Step| {
        let cluster = &step.place().cluster;
        matches!(step, Step::Delete(_)) && busy.contains(cluster) && one_at_a_time(cluster)
    };
    let (later, now): (Vec<Step>, Vec<Step>) = std::mem::take(&mut plan.steps).into_iter().partition(is_later);
    plan.steps = now;
    later.into_iter().map(|step| step.place().policy.clone()).collect()
}

/// Clusters and repositories that could not be looked at are failures of the run.
fn note_unseen(report: &mut RunReport, gathered: &Gathered, plan: &Plan) {
    for (name, failure) in &gathered.failures {
        let unseen = ClusterReport { outcome: ClusterOutcome::Unseen, failure: Some(failure.clone()) };
        report.clusters.insert(name.clone(), unseen);
    }
    let unseen = plan.skipped.iter().filter(|skipped| skipped.why == Skip::RepositoryUnseen);
    for place in unseen.map(|skipped| &skipped.place) {
        let failure = gathered.repositories.get(&place.cluster).and_then(|found| found.get(&place.repository));
        if let Some(failure) = failure {
            note::at(&mut report.policies, place).fail(failure.clone());
        }
    }
}

impl RunReport {
    fn empty(at: Timestamp) -> Self {
        Self { schema: 1, started_at: at, finished_at: at, clusters: BTreeMap::new(), policies: Vec::new() }
    }

    /// Takes over what a later round did. What the earlier one said of the state of things is out of date.
    fn go_on(&mut self, later: Self) {
        self.clusters.extend(later.clusters);
        for round in later.policies {
            match self.policies.iter_mut().find(|mine| mine.policy == round.policy && mine.cluster == round.cluster) {
                Some(mine) => mine.go_on(round),
                None => self.policies.push(round),
            }
        }
    }

    fn waited_in_vain(&mut self, plan: &Plan) {
        for skipped in &plan.skipped {
            if let Skip::Waiting { behind_repository, behind, .. } = &skipped.why {
                note::at(&mut self.policies, &skipped.place).fail(running_first(behind, behind_repository));
            }
        }
    }
}

impl PolicyReport {
    fn go_on(&mut self, later: Self) {
        self.created.extend(later.created);
        self.pending = later.pending;
        self.deleted.extend(later.deleted);
        (self.kept, self.skipped, self.stale) = (later.kept, later.skipped, later.stale);
        later.warnings.into_iter().for_each(|warning| self.warn(warning));
        later.failures.into_iter().for_each(|failure| self.fail(failure));
    }
}
