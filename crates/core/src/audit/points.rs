//! The recovery points that there are, and where there are none.

use super::slots::Fate;
use super::{Owned, Stretch};
use crate::retention::is_good;
use jiff::Timestamp;
use serde::Serialize;

/// The recovery points of a time. A point is the start of a SUCCESS: what was written later may not be in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Points {
    /// How many there are.
    pub count: u64,
    /// The oldest.
    pub oldest: Option<Timestamp>,
    /// The newest.
    pub newest: Option<Timestamp>,
    /// Seconds of the longest time without one: the actual recovery point at its worst. Counted from the last point
    /// before the time, if there is one, and to its end.
    pub longest_s: Option<i64>,
    /// When that longest time began.
    pub longest_from: Option<Timestamp>,
    /// Seconds from the newest point to the end: the recovery point at the end.
    pub age_at_end_s: Option<i64>,
}

/// Slots in a row without a good snapshot that should be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first slot.
    pub first: Timestamp,
    /// The last slot.
    pub last: Timestamp,
    /// How many slots.
    pub slots: u64,
    /// The good snapshot's start before it.
    pub good_before: Option<Timestamp>,
    /// The good snapshot's start after it.
    pub good_after: Option<Timestamp>,
}

pub(super) fn points(owned: &[Owned<'_>], stretch: &Stretch) -> Points {
    let end = stretch.end();
    let starts = starts(owned, end);
    let within: Vec<Timestamp> = starts.iter().filter(|at| **at >= stretch.from).copied().collect();
    let last_before = starts.iter().rev().find(|at| **at < stretch.from).copied();
    let mut marks: Vec<Timestamp> = last_before.into_iter().chain(within.iter().copied()).collect();
    marks.push(end);
    let spans = marks.windows(2).map(|pair| (pair[1].duration_since(pair[0]).as_secs(), pair[0]));
    let longest = spans.max_by_key(|(seconds, from)| (*seconds, std::cmp::Reverse(*from)));
    let newest = within.last().copied().or(last_before);
    Points {
        count: within.len() as u64,
        oldest: within.first().copied(),
        newest: within.last().copied(),
        longest_s: longest.map(|(seconds, _)| seconds),
        longest_from: longest.map(|(_, from)| from),
        age_at_end_s: newest.map(|newest| end.duration_since(newest).as_secs()),
    }
}

/// When the good ones began that had begun by `end`, oldest first.
fn starts(owned: &[Owned<'_>], end: Timestamp) -> Vec<Timestamp> {
    let good = owned.iter().filter(|one| is_good(one.snapshot, end));
    let mut starts: Vec<Timestamp> = good.filter_map(|one| one.snapshot.started_at).collect();
    starts.sort_unstable();
    starts
}

pub(super) fn gaps(told: &[(Timestamp, Fate)], owned: &[Owned<'_>]) -> Vec<Gap> {
    let starts = starts(owned, Timestamp::MAX);
    let mut gaps: Vec<Gap> = Vec::new();
    let mut is_open = false;
    for (slot, fate) in told {
        match (fate, gaps.last_mut().filter(|_| is_open)) {
            (Fate::Missed, Some(gap)) => (gap.last, gap.slots) = (*slot, gap.slots + 1),
            (Fate::Missed, None) => gaps.push(Gap {
                first: *slot,
                last: *slot,
                slots: 1,
                good_before: starts.iter().rev().find(|at| **at < *slot).copied(),
                good_after: None,
            }),
            _ => {}
        }
        is_open = *fate == Fate::Missed;
    }
    for gap in &mut gaps {
        gap.good_after = starts.iter().find(|at| **at >= gap.last).copied();
    }
    gaps
}
