//! The promises, judged by the truth at the moment that a write takes effect.

use crate::fault::Fault;
use crate::world::{Promise, Taker, Truth, World};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::schedule::Schedule;
use snapkeep_core::snapshot::State;

/// How far the slot of a creation may be from the server's clock: five minutes of skew, a permit's life, a late arrival.
const SLACK: SignedDuration = SignedDuration::from_mins(8);

/// A promise and its schedule, read once.
#[derive(Debug)]
pub(crate) struct Promised {
    promise: Promise,
    schedule: Option<Schedule>,
}

impl Promised {
    pub(crate) fn new(promise: Promise) -> Self {
        Self { promise, schedule: Schedule::parse(promise.schedule, TimeZone::UTC).ok() }
    }

    /// Whether a slot is the one that is due at a moment, give or take what is allowed.
    fn is_due(&self, slot: Timestamp, now: Timestamp) -> bool {
        let at = |moment: Timestamp| self.schedule.as_ref().and_then(|schedule| schedule.latest_slot(moment));
        [now - SLACK, now + SLACK].into_iter().any(|moment| at(moment) == Some(slot))
    }
}

impl World {
    fn promised(&self, policy: &str) -> Option<&Promised> {
        self.promised.iter().find(|promised| promised.promise.policy == policy)
    }

    /// Promise 6: a slot has at most one running or good snapshot; and it is the slot that is due.
    pub(crate) fn judge_creation(&mut self, name: &str, policy: &'static str, slot: Timestamp, clock_told: bool) {
        let standing = |truth: &&Truth| {
            truth.taker == Taker::Policy(policy, slot)
                && matches!(truth.snapshot.state, Some(State::Success | State::InProgress))
        };
        if let Some(other) = self.snapshots.values().find(standing).map(|truth| truth.snapshot.name.clone()) {
            self.breaks(format!("6: {name} is taken although {other} stands for its slot"));
        }
        if clock_told && self.promised(policy).is_some_and(|promised| !promised.is_due(slot, self.now)) {
            self.breaks(format!("{name} is taken for a slot that is not due"));
        }
    }

    /// Promises 1 to 4, that nothing young goes, and nothing before anybody said yes.
    pub(crate) fn judge_deletion(&mut self, name: &str, policy: &'static str) {
        let Some(truth) = self.snapshots.get(name).cloned() else { return };
        let Some(promise) = self.promised(policy).map(|promised| promised.promise) else { return };
        if !self.may_have(policy, truth.taker) {
            self.breaks(format!("2: {policy} deletes {name}, which is not its own"));
        }
        if self.laws.has(Fault::Confirmation) && !self.has_yes {
            self.breaks(format!("{name} goes before anybody said yes"));
        }
        let newer = self.newer_good(&truth, policy);
        match truth.snapshot.state {
            Some(State::Success) if newer < promise.floor => {
                self.breaks(format!("1: {name} goes, and only {newer} newer good ones are there"));
            }
            Some(State::Success)
                if truth.snapshot.started_at.is_some_and(|start| start + promise.youngest > self.now) =>
            {
                self.breaks(format!("{name} goes too young"));
            }
            Some(State::Failed | State::Partial) if newer == 0 => {
                self.breaks(format!("3: {name} goes without a newer good one"));
            }
            Some(State::InProgress) | None => self.breaks(format!("4: {name} is deleted while it runs")),
            Some(_) => {}
        }
    }

    /// Its own, or, of the policy that adopts, what may be adopted.
    fn may_have(&self, policy: &str, taker: Taker) -> bool {
        match taker {
            Taker::Policy(taker, _) => taker == policy,
            Taker::Anybody => self.laws.has(Fault::Adoption) && self.promised[0].promise.policy == policy,
            Taker::Held | Taker::Other => false,
        }
    }

    /// Newer good ones of the policy's own; beside an adopted one the other adopted ones count too. Of two that began
    /// at the same moment either may go.
    fn newer_good(&self, than: &Truth, policy: &str) -> usize {
        let counts = |truth: &&Truth| match (than.taker, truth.taker) {
            (_, Taker::Policy(taker, _)) => taker == policy,
            (Taker::Anybody, Taker::Anybody | Taker::Held) => true,
            (_, Taker::Anybody | Taker::Held | Taker::Other) => false,
        };
        let good = self.snapshots.values().filter(|truth| truth.snapshot.state == Some(State::Success));
        let others = good.filter(counts).filter(|truth| truth.snapshot.name != than.snapshot.name);
        others.filter(|truth| truth.snapshot.started_at >= than.snapshot.started_at).count()
    }

    /// Promise 5, which only the sender's order of acts shows.
    pub fn judge_order(&mut self, name: &str, looked: bool) {
        if !looked {
            self.breaks(format!("5: a write of {name} is sent without a look since the last"));
        }
    }

    /// How many good snapshots the policy has.
    pub fn good(&self, policy: &str) -> usize {
        let good = self.snapshots.values().filter(|truth| truth.snapshot.state == Some(State::Success));
        good.filter(|truth| matches!(truth.taker, Taker::Policy(taker, _) if taker == policy)).count()
    }
}
