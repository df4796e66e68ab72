//! What a run did.

use super::location::Locations;
use crate::drill::DrillReport;
use crate::report::Outcome;
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_core::plan::Facts;
use snapkeep_core::retention::Reason;
use snapkeep_core::snapshot::{Shards, Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Calls;
use std::collections::BTreeMap;

/// What a run did, policy by policy. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// 1.
    pub schema: u32,
    /// When it began, by our clock.
    pub started_at: Timestamp,
    /// When it ended, by our clock.
    pub finished_at: Timestamp,
    /// Each cluster by name.
    pub clusters: BTreeMap<String, ClusterReport>,
    /// Each policy on each of its clusters, by policy and cluster.
    pub policies: Vec<PolicyReport>,
    /// The drills that were due; `None` where no policy has any.
    pub drills: Option<DrillReport>,
}

/// What came of one cluster.
pub(super) struct Visit {
    failure: Option<Failure>,
    policies: Vec<PolicyReport>,
    calls: Calls,
}

impl Visit {
    /// It answered.
    pub(super) fn made(policies: Vec<PolicyReport>) -> Self {
        Self { failure: None, policies, calls: Calls::default() }
    }

    /// It could not be set up, or did not answer.
    pub(super) fn in_vain(failure: Failure, policies: Vec<PolicyReport>) -> Self {
        Self { failure: Some(failure), policies, calls: Calls::default() }
    }

    /// With what was sent meanwhile.
    pub(super) fn with(self, calls: Calls) -> Self {
        Self { calls, ..self }
    }
}

/// How a cluster fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterReport {
    /// Whether it could be asked.
    pub outcome: ClusterOutcome,
    /// Why not.
    pub failure: Option<Failure>,
    /// Requests that were sent to it.
    pub api_calls: u64,
    /// Those of them that got no answer, or a refusal that says nothing about what was asked for: 401, 403, 408, 429, 5xx.
    pub api_errors: u64,
}

/// Whether a cluster could be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterOutcome {
    /// It answered.
    Seen,
    /// It did not: nothing was done there.
    Unseen,
}

/// What was done for a policy on one of its clusters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyReport {
    /// The policy's name.
    pub policy: String,
    /// The cluster's name.
    pub cluster: String,
    /// The repository's name.
    pub repository: String,
    /// Snapshots that were taken (or found begun) and have ended.
    pub created: Vec<Taken>,
    /// Snapshots that still run: the next run finds them.
    pub pending: Vec<Taken>,
    /// Snapshots that were deleted.
    pub deleted: Vec<Deleted>,
    /// How many snapshots stay.
    pub kept: usize,
    /// What might be expected and was not done.
    pub skipped: Vec<NotDone>,
    /// Whether the policy's newest good snapshot was too old when the plan was made, and none was taken since.
    pub stale: bool,
    /// What the operator should know although nothing failed.
    pub warnings: Vec<String>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// How its snapshots stand after the run; `None` if they could not be seen.
    pub facts: Option<Facts>,
    /// Whether its slot's snapshot has not been begun yet since another policy's slot came first: another run does so, soon.
    #[serde(skip)]
    pub gave_way: bool,
}

/// A snapshot that was to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Its name.
    pub snapshot: String,
    /// Whether this run began it or found it.
    pub outcome: Outcome,
    /// Its state when it was last seen; `None` if it was not, or is in one whose word is not known.
    pub state: Option<State>,
    /// Its shards, once the server has counted them.
    pub shards: Option<Shards>,
    /// When it began, by the server's clock.
    pub started_at: Option<Timestamp>,
    /// When it ended, by the server's clock.
    pub ended_at: Option<Timestamp>,
    /// What it adds to the repository, in bytes, as the server last said while it ran; `None` if it was not seen running.
    pub added_bytes: Option<u64>,
}

/// A snapshot that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// Its name.
    pub snapshot: String,
    /// Why it went.
    pub reasons: Vec<Reason>,
}

/// Something that was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotDone {
    /// The snapshot that was not taken or not deleted, if it has a name.
    pub what: Option<String>,
    /// Why not.
    pub why: String,
}

impl Taken {
    /// As it was when it began.
    pub(super) fn begun(snapshot: &str, outcome: Outcome) -> Self {
        Self {
            snapshot: snapshot.to_owned(),
            outcome,
            state: None,
            shards: None,
            started_at: None,
            ended_at: None,
            added_bytes: None,
        }
    }

    /// As it was seen.
    pub(super) fn observe(&mut self, seen: &Snapshot) {
        (self.state, self.shards) = (seen.state, seen.shards);
        (self.started_at, self.ended_at) = (seen.started_at, seen.ended_at);
    }
}

impl RunReport {
    /// The report on the clusters of these names. A repository that has turned out to be another's place as well is a
    /// failure of its policies, whatever has been done by then.
    pub(super) fn of(begun: Timestamp, ended: Timestamp, visits: Vec<(String, Visit)>, locations: &Locations) -> Self {
        let mut report = Self {
            schema: 1,
            started_at: begun,
            finished_at: ended,
            clusters: BTreeMap::new(),
            policies: Vec::new(),
            drills: None,
        };
        for (name, Visit { failure, policies, calls }) in visits {
            let outcome = if failure.is_none() { ClusterOutcome::Seen } else { ClusterOutcome::Unseen };
            report
                .clusters
                .insert(name, ClusterReport { outcome, failure, api_calls: calls.sent, api_errors: calls.failed });
            report.policies.extend(policies);
        }
        for ((cluster, repository), failure, _) in locations.conflicts() {
            let there = |policy: &&mut PolicyReport| policy.cluster == cluster && policy.repository == repository;
            report.policies.iter_mut().filter(there).for_each(|policy| policy.fail(failure.clone()));
        }
        report.policies.sort_by(|a, b| (&a.policy, &a.cluster).cmp(&(&b.policy, &b.cluster)));
        report
    }

    /// What ends a command or fails an invocation: the worst of all failures, a cluster's before a policy's; none if
    /// everything that was to be done is done or under way.
    pub fn verdict(&self) -> Result<(), Failure> {
        let of_clusters = self.clusters.iter().filter_map(|(name, cluster)| Some((name, cluster.failure.as_ref()?)));
        let of_clusters = of_clusters.map(|(name, failure)| worded(&format!("cluster {name}"), failure));
        let of_policies = self.policies.iter().flat_map(|policy| {
            let whose = format!("policy {} on {}", policy.policy, policy.cluster);
            policy.failures.iter().map(move |failure| worded(&whose, failure))
        });
        let of_drills = self.drills.iter().filter_map(|drills| drills.verdict().err());
        let all: Vec<Failure> = of_clusters.chain(of_policies).chain(of_drills).collect();
        let others = all.len().saturating_sub(1);
        // The first of the worst ones.
        match all.into_iter().min_by_key(|failure| rank(failure.code)) {
            None => Ok(()),
            Some(worst) if others == 0 => Err(worst),
            Some(worst) => {
                let cause = format!("{} (and {others} more: see the report)", worst.cause);
                Err(worst.with_cause(cause))
            }
        }
    }
}

fn worded(whose: &str, failure: &Failure) -> Failure {
    failure.clone().with_cause(format!("{whose}: {}", failure.cause))
}

/// Worst first: what leaves somebody without a backup, then what is not known, then what the next run mends.
fn rank(code: Code) -> u8 {
    match code {
        Code::DamageFound => 0,
        Code::SnapshotRunning => 5,
        Code::PlanStale => 6,
        Code::SnapshotPartial => 3,
        Code::OutcomeUnknown | Code::Inconclusive => 4,
        Code::SnapshotFailed => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(failures: &[Code]) -> RunReport {
        let failures = failures.iter().map(|code| Failure::new(*code, code.as_str(), "hint")).collect();
        let policy = PolicyReport {
            policy: "nightly".into(),
            cluster: "prod".into(),
            repository: "r".into(),
            created: vec![],
            pending: vec![],
            deleted: vec![],
            kept: 0,
            skipped: vec![],
            stale: false,
            warnings: vec![],
            failures,
            facts: None,
            gave_way: false,
        };
        let now = Timestamp::UNIX_EPOCH;
        RunReport {
            schema: 1,
            started_at: now,
            finished_at: now,
            clusters: BTreeMap::new(),
            policies: vec![policy],
            drills: None,
        }
    }

    #[test]
    fn the_verdict_is_the_worst_failure() {
        assert_eq!(report(&[]).verdict(), Ok(()));
        let verdict = report(&[Code::PlanStale, Code::SnapshotPartial, Code::OutcomeUnknown]).verdict().unwrap_err();
        assert_eq!(verdict.code, Code::SnapshotPartial);
        assert_eq!(verdict.cause, "policy nightly on prod: snapshot_partial (and 2 more: see the report)");
    }

    #[test]
    fn a_cluster_that_was_not_asked_is_worse_than_a_bad_snapshot() {
        let mut report = report(&[Code::SnapshotFailed]);
        let failure = Failure::new(Code::ClusterUnavailable, "no route", "look");
        report.clusters.insert(
            "eu".into(),
            ClusterReport { outcome: ClusterOutcome::Unseen, failure: Some(failure), api_calls: 1, api_errors: 1 },
        );
        assert_eq!(report.verdict().unwrap_err().cause, "cluster eu: no route (and 1 more: see the report)");
    }
}
