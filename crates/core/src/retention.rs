//! Which of a policy's snapshots stay: a pure function from snapshots and rules to verdicts with reasons.
//!
//! The order is fixed (`docs/retention.md` says it for people):
//!
//! 1. What must not be touched stays: held, running, mounted, being restored, standing for the slot that is due; also
//!    what is not understood: an unknown state, an unknown start, a start in the future.
//! 2. The newest SUCCESS and the floor, the `min_count` newest SUCCESS, stay. The policy's own are counted among
//!    themselves, as if nothing were adopted; an adopted one is counted among all. So one that is adopted never stands
//!    in for an own one, and stays itself until so many newer ones exist.
//! 3. FAILED and PARTIAL stay until a newer SUCCESS exists, and then as their own rules say.
//! 4. `max_age` and `max_count` delete, also what a keep rule wants.
//! 5. What any keep rule wants stays; rules are alternatives, each looks at SUCCESS only.
//! 6. The rest goes; without any keep rule, all that `max_age` and `max_count` left stays.
//!
//! Ages are by the server's start time. A snapshot from the future is nothing that a rule counts.

mod keep;
mod reason;
mod rules;

pub use keep::{Count, Keep, Unsuccessful};
pub use reason::{Reason, Rule};

use crate::snapshot::{Snapshot, State};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cmp::Reverse;

/// What holds a snapshot, whatever the rules say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// A legal hold.
    pub held: bool,
    /// An index is mounted from it (searchable snapshots).
    pub mounted: bool,
    /// It is being restored.
    pub restoring: bool,
}

/// One of the policy's snapshots, and what holds it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// What holds it.
    pub ties: Ties,
    /// Whether it stands for the slot that is due: without it, that slot's snapshot would be taken once more.
    pub due: bool,
    /// Whether the policy did not take it, and only adopts it.
    pub adopted: bool,
}

/// What becomes of a snapshot, and why. There is at least one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Whether it stays.
    pub keep: bool,
    /// Every reason that led there: for one that stays each rule that wants it, for one that goes the rule that
    /// deletes it and after that those that wanted it.
    pub reasons: Vec<Reason>,
}

/// Whether a snapshot counts as good at `now`: SUCCESS, with a start that is known and not in the future.
pub fn is_good(snapshot: &Snapshot, now: Timestamp) -> bool {
    snapshot.state == Some(State::Success) && snapshot.started_at.is_some_and(|start| start <= now)
}

/// The order in which snapshots are counted: newest first; at the same moment, by name, so that no listing's order
/// matters.
pub(crate) fn newest_first(snapshot: &Snapshot) -> (Reverse<Option<Timestamp>>, Reverse<&str>) {
    (Reverse(snapshot.started_at), Reverse(&snapshot.name))
}

/// The verdict on each of the policy's snapshots, newest first. `zone` is where hours, days, weeks, months, quarters
/// and years begin.
pub fn apply<'a>(keep: &Keep, subjects: &[Subject<'a>], now: Timestamp, zone: &TimeZone) -> Vec<Verdict<'a>> {
    let mut subjects = subjects.to_vec();
    subjects.sort_unstable_by_key(|subject| newest_first(subject.snapshot));
    let good = |of: fn(&Subject<'_>) -> bool| -> Vec<&'a Snapshot> {
        subjects
            .iter()
            .filter(|subject| of(subject))
            .map(|subject| subject.snapshot)
            .filter(|s| is_good(s, now))
            .collect()
    };
    let own = good(|subject| !subject.adopted);
    let all = if subjects.iter().any(|subject| subject.adopted) { good(|_| true) } else { Vec::new() };
    let bounds = Bounds::new(keep, [own.first().copied(), all.first().copied()], now, zone);
    let mut of_own = rules::wishes(keep, &own, zone).into_iter().enumerate();
    let mut of_all = rules::wishes(keep, &all, zone).into_iter().enumerate();
    let mut rank = |subject: &Subject<'_>| {
        let among_all = of_all.next();
        if subject.adopted { among_all } else { of_own.next() }.unwrap_or_default()
    };
    let judge = |subject: Subject<'a>| {
        let rank = is_good(subject.snapshot, now).then(|| rank(&subject));
        let (keep, reasons) = bounds.judge(subject, rank);
        Verdict { snapshot: subject.snapshot, keep, reasons }
    };
    subjects.iter().copied().map(judge).collect()
}

/// What every verdict of one policy shares.
struct Bounds<'k> {
    keep: &'k Keep,
    now: Timestamp,
    /// The newest good one of its own, and of all.
    newest: [Option<&'k Snapshot>; 2],
    /// What began before this is too old.
    oldest: Option<Timestamp>,
    failed_until: Option<Timestamp>,
    partial_until: Option<Timestamp>,
}

impl<'k> Bounds<'k> {
    fn new(keep: &'k Keep, newest: [Option<&'k Snapshot>; 2], now: Timestamp, zone: &TimeZone) -> Self {
        let before_now = |rule: Unsuccessful| match rule {
            Unsuccessful::For(period) => Some(period.before(now, zone)),
            Unsuccessful::Superseded | Unsuccessful::Always => None,
        };
        Self {
            keep,
            now,
            newest,
            oldest: keep.max_age.map(|age| age.before(now, zone)),
            failed_until: before_now(keep.failed),
            partial_until: before_now(keep.partial),
        }
    }

    /// `rank` is a good snapshot's place among the good ones, newest first, and the keep rules that want it.
    fn judge(&self, subject: Subject<'_>, rank: Option<(usize, Vec<Reason>)>) -> (bool, Vec<Reason>) {
        let snapshot = subject.snapshot;
        let mut untouchable = self.untouchable(subject);
        if !untouchable.is_empty() {
            untouchable.extend(rank.into_iter().flat_map(|(rank, wishes)| self.floor(rank).into_iter().chain(wishes)));
            return (true, untouchable);
        }
        match (rank, snapshot.state, snapshot.started_at) {
            (Some((rank, wishes)), _, Some(start)) => self.judge_good(rank, wishes, start),
            (None, Some(State::Failed), Some(start)) => {
                self.judge_bad(self.keep.failed, self.failed_until, start, subject.adopted)
            }
            (None, Some(State::Partial), Some(start)) => {
                self.judge_bad(self.keep.partial, self.partial_until, start, subject.adopted)
            }
            _ => (true, vec![Reason::UnknownState]),
        }
    }

    fn untouchable(&self, subject: Subject<'_>) -> Vec<Reason> {
        let Subject { snapshot, ties, due, .. } = subject;
        let mut reasons = Vec::new();
        let mut note = |holds: bool, reason: Reason| {
            if holds {
                reasons.push(reason);
            }
        };
        note(ties.held, Reason::Held);
        note(snapshot.state == Some(State::InProgress), Reason::Running);
        note(ties.mounted, Reason::Mounted);
        note(ties.restoring, Reason::Restoring);
        note(due, Reason::DueSlot);
        note(snapshot.state.is_none(), Reason::UnknownState);
        note(snapshot.started_at.is_none(), Reason::UnknownAge);
        note(snapshot.started_at.is_some_and(|start| start > self.now), Reason::Future);
        reasons
    }

    fn judge_good(&self, rank: usize, wishes: Vec<Reason>, start: Timestamp) -> (bool, Vec<Reason>) {
        let mut reasons = self.floor(rank);
        if !reasons.is_empty() {
            reasons.extend(wishes);
            return (true, reasons);
        }
        reasons = self.over(Some(rank), start);
        let keep = reasons.is_empty() && (!wishes.is_empty() || !self.keep.has_rules());
        reasons.extend(wishes);
        if reasons.is_empty() {
            reasons.push(if keep { Reason::WithinBounds } else { Reason::Unwanted });
        }
        (keep, reasons)
    }

    fn floor(&self, rank: usize) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if rank == 0 {
            reasons.push(Reason::NewestSuccess);
        }
        if (rank as u64) < u64::from(self.keep.floor()) {
            reasons.push(Reason::Floor { min_count: self.keep.floor() });
        }
        reasons
    }

    /// The limits that a snapshot is beyond; `rank` is `None` for those that `max_count` does not count.
    fn over(&self, rank: Option<usize>, start: Timestamp) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let (Some(max_age), Some(oldest)) = (self.keep.max_age, self.oldest)
            && start < oldest
        {
            reasons.push(Reason::MaxAge { max_age });
        }
        if let (Some(max_count), Some(rank)) = (self.keep.max_count, rank)
            && rank as u64 >= u64::from(max_count)
        {
            reasons.push(Reason::MaxCount { max_count });
        }
        reasons
    }

    fn judge_bad(
        &self,
        rule: Unsuccessful,
        until: Option<Timestamp>,
        start: Timestamp,
        adopted: bool,
    ) -> (bool, Vec<Reason>) {
        let Some(by) = self.newest[usize::from(adopted)].filter(|newest| newest.started_at > Some(start)) else {
            return (true, vec![Reason::NotSuperseded]);
        };
        let too_old = self.over(None, start);
        if !too_old.is_empty() {
            return (false, too_old);
        }
        match rule {
            Unsuccessful::Always => (true, vec![Reason::Unsuccessful { rule }]),
            Unsuccessful::For(_) if until.is_some_and(|until| start >= until) => {
                (true, vec![Reason::Unsuccessful { rule }])
            }
            Unsuccessful::For(_) | Unsuccessful::Superseded => {
                (false, vec![Reason::Superseded { by: by.name.clone() }])
            }
        }
    }
}

#[cfg(test)]
mod tests;
