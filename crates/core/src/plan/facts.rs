//! How a policy's snapshots stand: what metrics show and notifications rest on.

use crate::naming::counts_from;
use crate::ownership::Owned;
use crate::policy::Policy;
use crate::retention::newest_first;
use crate::snapshot::{Snapshot, State};
use jiff::Timestamp;
use serde::Serialize;

/// Most of the newest attempts that are kept at hand.
const ATTEMPTS: usize = 32;

/// Slots that are looked at for the longest time between two: a week of a daily policy that leaves out its weekends.
const SLOTS: usize = 8;

/// How a policy's snapshots stand on one cluster. All times are the server's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// When its newest good snapshot began; one that it adopted is none.
    pub last_success: Option<Timestamp>,
    /// The slot that is due.
    pub slot: Option<Timestamp>,
    /// The slot after that.
    pub next_slot: Option<Timestamp>,
    /// The longest time between two of its slots, in seconds, as of now.
    pub expected_interval_seconds: Option<i64>,
    /// It is stale when its newest good snapshot began so many seconds ago.
    pub stale_after_seconds: Option<i64>,
    /// What it has, adopted ones included.
    pub snapshots: Counts,
    /// The newest of its own that have ended, newest first, and its two newest good ones whatever came since.
    #[serde(skip)]
    pub attempts: Vec<Attempt>,
    /// Those that ran when it was looked.
    #[serde(skip)]
    pub running: Vec<String>,
}

/// Snapshots by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Good ones.
    pub success: u64,
    /// Those without some of their shards.
    pub partial: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that run.
    pub in_progress: u64,
    /// Those in a state that is not known here.
    pub unknown: u64,
}

impl Counts {
    /// The count of that state.
    pub fn of(&mut self, state: Option<State>) -> &mut u64 {
        match state {
            Some(State::Success) => &mut self.success,
            Some(State::Partial) => &mut self.partial,
            Some(State::Failed) => &mut self.failed,
            Some(State::InProgress) => &mut self.in_progress,
            None => &mut self.unknown,
        }
    }
}

/// A snapshot of the policy's own that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its name.
    pub snapshot: String,
    /// Good or not; never `IN_PROGRESS`.
    pub state: State,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, where the server says so.
    pub ended_at: Option<Timestamp>,
}

impl Attempt {
    fn of(snapshot: &Snapshot) -> Option<Self> {
        let state = snapshot.state.filter(|state| *state != State::InProgress)?;
        let (name, started_at) = (snapshot.name.clone(), snapshot.started_at?);
        Some(Self { snapshot: name, state, started_at, ended_at: snapshot.ended_at })
    }

    /// When it ended, or, where that is not known, began.
    pub fn end(&self) -> Timestamp {
        self.ended_at.unwrap_or(self.started_at)
    }

    /// From when on it counts, by the server's clock and its slot.
    pub fn counts_from(&self) -> Timestamp {
        counts_from(&self.snapshot, self.started_at)
    }

    fn is_good(&self) -> bool {
        self.state == State::Success
    }
}

impl Facts {
    /// As the policy's `owned` snapshots tell them at `now`.
    pub(super) fn of(policy: &Policy, owned: &[Owned<'_>], now: Timestamp) -> Self {
        let mut snapshots = Counts::default();
        for owned in owned {
            *snapshots.of(owned.snapshot.state) += 1;
        }
        let mut own: Vec<&Snapshot> =
            owned.iter().filter(|owned| owned.name.is_some()).map(|owned| owned.snapshot).collect();
        own.retain(|snapshot| snapshot.started_at.is_some_and(|start| start <= now));
        own.sort_unstable_by_key(|snapshot| newest_first(snapshot));
        let running = own.iter().filter(|snapshot| snapshot.state == Some(State::InProgress));
        let running = running.map(|snapshot| snapshot.name.clone()).collect();
        let schedule = policy.schedule.as_ref();
        let slot = schedule.and_then(|schedule| schedule.latest_slot(now));
        let mut facts = Self {
            slot,
            next_slot: schedule.and_then(|schedule| schedule.next(now)),
            expected_interval_seconds: slot.and_then(|slot| longest_gap(policy, slot)),
            snapshots,
            attempts: newest(&own),
            running,
            ..Self::default()
        };
        facts.judge(policy);
        facts
    }

    /// A snapshot of the policy's own has ended since.
    pub fn ended(&mut self, policy: &Policy, snapshot: &Snapshot) {
        let Some(attempt) = Attempt::of(snapshot) else { return };
        self.attempts.retain(|known| known.snapshot != attempt.snapshot);
        self.no_longer_runs(&attempt.snapshot);
        *self.snapshots.of(Some(attempt.state)) += 1;
        let at = self.attempts.iter().position(|known| known.started_at <= attempt.started_at);
        self.attempts.insert(at.unwrap_or(self.attempts.len()), attempt);
        self.judge(policy);
    }

    /// A snapshot of the policy's own runs, whether it did before or not.
    pub fn runs(&mut self, snapshot: &str) {
        if !self.running.iter().any(|known| known == snapshot) {
            self.running.push(snapshot.to_owned());
            self.snapshots.in_progress += 1;
        }
    }

    /// A snapshot that was in that state is gone.
    pub fn deleted(&mut self, state: State) {
        let count = self.snapshots.of(Some(state));
        *count = count.saturating_sub(1);
    }

    fn no_longer_runs(&mut self, snapshot: &str) {
        let before = self.running.len();
        self.running.retain(|known| known != snapshot);
        self.snapshots.in_progress = self.snapshots.in_progress.saturating_sub((before - self.running.len()) as u64);
    }

    fn judge(&mut self, policy: &Policy) {
        let newest = self.attempts.iter().find(|attempt| attempt.is_good());
        self.last_success = newest.map(|newest| newest.started_at);
        let from = newest.map(Attempt::counts_from).or(self.slot);
        let limit =
            from.and_then(|from| Some(policy.stale_from(from)?.duration_since(self.last_success.unwrap_or(from))));
        self.stale_after_seconds = limit.map(|limit| limit.as_secs());
    }
}

/// The newest, and the two newest good ones.
fn newest(own: &[&Snapshot]) -> Vec<Attempt> {
    let (mut attempts, mut good) = (Vec::new(), 0);
    for attempt in own.iter().filter_map(|snapshot| Attempt::of(snapshot)) {
        if attempts.len() < ATTEMPTS || (attempt.is_good() && good < 2) {
            good += usize::from(attempt.is_good());
            attempts.push(attempt);
        }
        if attempts.len() >= ATTEMPTS && good >= 2 {
            break;
        }
    }
    attempts
}

fn longest_gap(policy: &Policy, slot: Timestamp) -> Option<i64> {
    let schedule = policy.schedule.as_ref()?;
    let slots: Vec<Timestamp> = std::iter::once(slot).chain(schedule.upcoming(slot).take(SLOTS)).collect();
    slots.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, begun as attempt, settings};

    #[test]
    fn the_newest_good_ones_stay_at_hand_whatever_came_since() {
        let old = [
            attempt("old", State::Success, "2026-01-01T00:00:00Z"),
            attempt("older", State::Success, "2025-12-31T00:00:00Z"),
            attempt("oldest", State::Success, "2025-12-30T00:00:00Z"),
        ];
        let failed: Vec<Snapshot> =
            (0..100).map(|n| attempt(&format!("f{n}"), State::Failed, "2026-01-02T00:00:00Z")).collect();
        let own: Vec<&Snapshot> = failed.iter().chain(&old).collect();
        let kept = newest(&own);
        let names: Vec<&str> = kept.iter().map(|attempt| attempt.snapshot.as_str()).collect();
        assert_eq!((names.len(), &names[32..]), (34, &["old", "older"][..]));
    }

    #[test]
    fn counts_follow_what_happens() {
        let mut facts = Facts { running: vec!["a".into()], ..Facts::default() };
        facts.snapshots = Counts { success: 1, in_progress: 1, ..Counts::default() };
        let policy = Policy::new(settings("p")).unwrap();
        facts.runs("a");
        facts.runs("b");
        assert_eq!(facts.snapshots.in_progress, 2);
        facts.ended(&policy, &attempt("a", State::Success, "2026-01-02T00:00:00Z"));
        facts.ended(&policy, &attempt("b", State::Partial, "2026-01-02T00:00:01Z"));
        facts.deleted(State::Success);
        assert_eq!(facts.snapshots, Counts { success: 1, partial: 1, ..Counts::default() });
        assert_eq!(facts.last_success, Some(at("2026-01-02T00:00:00Z")));
        assert_eq!(facts.attempts[0].snapshot, "b");
    }
}
