//! What one run says of a policy on a cluster, as far as it is worth a message.

use jiff::Timestamp;
use snapkeep_core::drill::Outcome;
use snapkeep_core::plan::{Attempt, Facts};
use snapkeep_core::policy::Policy;
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::LastDrill;
use snapkeep_engine::policies::{PolicyReport, RunReport};
use std::collections::BTreeMap;

/// A policy on one of its clusters, as a run left it.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The cluster's name.
    pub cluster: String,
    /// How its snapshots stand; `None` if they could not be seen.
    pub facts: Option<&'a Facts>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Its last drill; `None` if there was none, or nobody looked.
    pub drill: Option<&'a LastDrill>,
    /// Whether nobody has looked after its drills, so that what is wrong with them may be so still.
    pub is_drill_unseen: bool,
    /// When the run began.
    pub at: Timestamp,
}

impl<'a> Look<'a> {
    /// Every policy of the report, with its cluster's own failure.
    pub fn all(report: &'a RunReport, policies: &'a BTreeMap<String, Policy>) -> Vec<Self> {
        let of = |one: &'a PolicyReport| {
            let policy = policies.get(&one.policy)?;
            let unseen = report.clusters.get(&one.cluster).and_then(|cluster| cluster.failure.clone());
            let drills = report.drills.as_ref().filter(|_| policy.drill.is_some());
            let hindrances = drills.into_iter().flat_map(|drills| drills.hindrances(&one.policy, &one.cluster));
            let failures = unseen.into_iter().chain(one.failures.iter().cloned()).chain(hindrances).collect();
            let drill = drills.and_then(|drills| drills.last_of(&one.policy, &one.cluster));
            let is_drill_unseen = drills.is_some_and(|drills| drills.unseen.contains(&one.policy));
            let (facts, at) = (one.facts.as_ref(), report.started_at);
            Some(Self { policy, cluster: one.cluster.clone(), facts, failures, drill, is_drill_unseen, at })
        };
        report.policies.iter().filter_map(of).collect()
    }

    /// Each of these policies on each of its clusters, in a run that failed before it could look.
    pub fn in_vain(policies: impl IntoIterator<Item = &'a Policy>, failure: &Failure, at: Timestamp) -> Vec<Self> {
        let on = |policy: &'a Policy, cluster: &String| Self {
            policy,
            cluster: cluster.clone(),
            facts: None,
            failures: vec![failure.clone()],
            drill: None,
            is_drill_unseen: false,
            at,
        };
        let each = |policy: &'a Policy| policy.clusters.iter().map(move |cluster| on(policy, cluster));
        policies.into_iter().flat_map(each).collect()
    }

    /// The newest of its own snapshots that had ended before `end`.
    pub(crate) fn newest_ended(&self, end: Timestamp) -> Option<&'a Attempt> {
        self.facts?.attempts.iter().find(|attempt| attempt.end() < end)
    }

    /// What kept the policy from its work: neither a snapshot that ended badly, which speaks for itself, nor what the next
    /// run mends.
    pub(crate) fn hindrance(&self, newest: Option<&Attempt>) -> Option<&Failure> {
        let speaks = newest.is_some_and(|newest| newest.state != State::Success);
        self.failures.iter().find(|failure| match failure.code {
            Code::PlanStale | Code::SnapshotRunning => false,
            Code::SnapshotFailed | Code::SnapshotPartial => !speaks,
            _ => true,
        })
    }

    /// Its last drill, if that did not pass. One that was killed speaks of whoever killed it, and is made anew.
    pub(crate) fn failed_drill(&self) -> Option<(&'a LastDrill, &'a Failure)> {
        let last = self.drill.filter(|last| last.outcome != Outcome::Interrupted)?;
        Some((last, last.failure.as_ref()?))
    }

    /// The moment whose first run tells what leaves no trace in the repository: the slot that is due; for a policy without
    /// a schedule, the day.
    pub(crate) fn turn(&self) -> Timestamp {
        let due = self.policy.schedule.as_ref().and_then(|schedule| schedule.latest_slot(self.at));
        let day = 86_400;
        let midnight = || Timestamp::from_second(self.at.as_second().div_euclid(day) * day).unwrap_or(self.at);
        due.unwrap_or_else(midnight)
    }

    /// The key of its place in what is remembered.
    pub(crate) fn key(&self) -> String {
        format!("{}@{}/{}", self.policy.name, self.cluster, self.policy.repository.as_str())
    }
}
