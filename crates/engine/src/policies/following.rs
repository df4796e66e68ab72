//! Snapshots that have begun: followed until they end, as long as that makes sense.

use super::apply::Wait;
use super::report::Taken;
use super::session::Session;
use crate::follow::{LAST_LOOK, follow, judge};
use crate::run::vanished;
use crate::watch::Watch;
use jiff::Timestamp;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::plan::Place;
use snapkeep_core::policy::Policy;
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::BTreeSet;
use std::time::Duration;

/// After nothing has moved for so long, the observer hears what a snapshot waits for.
const STALL_AFTER: Duration = Duration::from_mins(5);

/// A snapshot that has begun.
pub(super) struct UnderWay {
    pub(super) place: Place,
    pub(super) repository: RepositoryName,
    pub(super) name: SnapshotName,
    pub(super) taken: Taken,
    /// What it was to hold: by this run's plan, or by its own word when it was found running.
    pub(super) wanted: Vec<String>,
    /// Why the last look at it failed. Only one that was answered shows a snapshot that runs.
    pub(super) unseen: Option<Failure>,
    /// Why it is not waited for any longer, after "it": it runs beyond its `max_duration`, or does not move.
    pub(super) left_alone: Option<String>,
}

impl UnderWay {
    pub(super) fn begun(place: Place, repository: RepositoryName, name: SnapshotName, taken: Taken) -> Self {
        Self { place, repository, name, taken, wanted: Vec::new(), unseen: None, left_alone: None }
    }
}

impl Session<'_, '_> {
    pub(super) async fn follow_all(&mut self, reserve: Duration) {
        let waits = self.options.wait != Wait::No;
        let wait = if waits { self.eye.deadline.less(reserve).left() } else { Duration::ZERO };
        self.follow_for(wait).await;
    }

    /// Follows what is under way for so long; what has ended is reported.
    pub(super) async fn follow_for(&mut self, wait: Duration) {
        if self.eye.deadline.left() < LAST_LOOK {
            // A look that is cut short would tell nothing: what the one before has told holds.
            return;
        }
        let until = self.eye.deadline.or_after(wait);
        for mut one in std::mem::take(&mut self.under_way) {
            let until = until.or_after(self.turns.until_anothers(&one.place.policy, self.eye.ticker.now()));
            let mut watch = Watch::new(self.eye.observer(), Some(STALL_AFTER)).leaving_stuck();
            let seen = self.see_end(&one, until, &mut watch).await;
            let is_stuck = watch.stuck();
            one.taken.added_bytes = watch.added_bytes().or(one.taken.added_bytes);
            self.take_in(one, seen, is_stuck).await;
        }
    }

    /// The snapshot as it is at its end, or when it is no longer waited for.
    async fn see_end(
        &self,
        one: &UnderWay,
        until: Deadline,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Snapshot>, Failure> {
        let (api, deadline) = (self.eye.api, self.eye.deadline);
        let begun = match api.snapshot(&one.repository, &one.name, deadline).await {
            // It was seen before: if it is not there any more, waiting brings nothing.
            Ok(None) => return Ok(None),
            first => first.ok().flatten().and_then(|first| first.started_at),
        };
        let wait = if one.left_alone.is_some() { Duration::ZERO } else { until.left() };
        let wait = self.may_run(&one.place, begun).map_or(wait, |left| wait.min(left));
        follow(api, &one.repository, &one.name, wait, deadline, Some(watch)).await
    }

    /// How long it may still run by its policy's `max_duration`.
    fn may_run(&self, place: &Place, begun: Option<Timestamp>) -> Option<Duration> {
        self.policy_may_run(self.policies.iter().find(|policy| policy.name == place.policy)?, begun)
    }

    fn policy_may_run(&self, policy: &Policy, begun: Option<Timestamp>) -> Option<Duration> {
        let end = policy.limits.max_duration?.after(begun?, &policy.zone);
        Some(Duration::try_from(end.duration_since(self.eye.ticker.now())).unwrap_or(Duration::ZERO))
    }

    /// Whether one of the policy's that began then runs for longer than it should.
    pub(super) fn is_overdue(&self, policy: &Policy, begun: Option<Timestamp>) -> bool {
        self.policy_may_run(policy, begun).is_some_and(|left| left.is_zero())
    }

    /// Takes in what following came to: an end is reported, what goes on stays under way.
    async fn take_in(&mut self, mut one: UnderWay, seen: Result<Option<Snapshot>, Failure>, is_stuck: Option<String>) {
        match seen {
            Ok(Some(seen)) => {
                one.taken.observe(&seen);
                one.unseen = None;
                match seen.state {
                    Some(State::InProgress) => self.leave_alone(&mut one, &seen, is_stuck),
                    Some(_) => return self.end(one, &seen).await,
                    None => self.report(&one.place).fail(not_understood(&seen)),
                }
            }
            Ok(None) => return self.report(&one.place).fail(vanished(one.name.as_str())),
            // Looked for long, and how it ends is not known: no answer is to be taken for a snapshot that runs.
            Err(failure) if matches!(failure.code, Code::OutcomeUnknown | Code::Inconclusive) => {
                let report = self.report(&one.place);
                report.fail(failure);
                report.pending.push(one.taken);
                return;
            }
            Err(failure) => {
                let cause = &failure.cause;
                self.report(&one.place).warn(format!("snapshot {} could not be looked at: {cause}", one.name));
                one.unseen = Some(failure);
            }
        }
        self.under_way.push(one);
    }

    /// One that runs is no longer waited for if it is overdue or stuck.
    fn leave_alone(&mut self, one: &mut UnderWay, seen: &Snapshot, is_stuck: Option<String>) {
        let is_overdue = self.may_run(&one.place, seen.started_at).is_some_and(|left| left.as_secs() == 0);
        let overdue = || is_overdue.then(|| "runs for longer than `max_duration`".to_owned());
        let Some(why) = is_stuck.or_else(overdue) else { return };
        self.report(&one.place).warn(format!("snapshot {} {why}", one.name));
        one.left_alone = Some(why);
    }

    /// It has ended: well, or not.
    async fn end(&mut self, one: UnderWay, seen: &Snapshot) {
        let missing = self.missing(&one).await;
        let policy = self.policies.iter().find(|policy| policy.name == one.place.policy);
        let report = self.report(&one.place);
        if let (Some(policy), Some(facts)) = (policy, &mut report.facts) {
            facts.ended(policy, seen);
        }
        if !missing.is_empty() {
            report.warn(format!(
                "snapshot {} does not hold {}: deleted while it was taken?",
                one.name,
                missing.join(", ")
            ));
        }
        if seen.state == Some(State::Success) {
            report.stale = false;
        }
        if let Err(failure) = judge(seen) {
            report.fail(failure);
        }
        report.created.push(one.taken);
    }

    /// What the snapshot was to hold and does not. Some versions leave out an index that is deleted meanwhile.
    async fn missing(&self, one: &UnderWay) -> Vec<String> {
        if one.wanted.is_empty() {
            return Vec::new();
        }
        let Some(held) = self.holds(&one.repository, &one.name).await else { return Vec::new() };
        one.wanted.iter().filter(|name| !held.contains(*name)).cloned().collect()
    }

    /// The indices and data streams that a snapshot names; `None` if it cannot be looked at.
    pub(super) async fn holds(&self, repository: &RepositoryName, name: &SnapshotName) -> Option<BTreeSet<String>> {
        let full = self.eye.api.full(repository, name, self.eye.deadline).await.ok()??;
        Some(full.indices_named.into_iter().chain(full.data_streams).collect())
    }
}

/// Whether it runs, is good or is not cannot be told.
fn not_understood(seen: &Snapshot) -> Failure {
    let cause = format!("the server's word for the state of snapshot {} is not known here", seen.name);
    let hint = "look at it on the cluster (`show`); until its state is known it counts neither as good nor as failed";
    Failure::new(Code::Inconclusive, cause, hint)
}
