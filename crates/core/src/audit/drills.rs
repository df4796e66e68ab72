//! What was practised, and what should have been.

use super::slots::within;
use super::{Evidence, Kept, Stretch};
use crate::drill::{Outcome, Record};
use crate::schedule::Schedule;
use jiff::Timestamp;
use serde::Serialize;

/// The drills of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Drills {
    /// The schedule, as it is written; `None` if nothing is practised, or only when somebody asks.
    pub schedule: Option<String>,
    /// How many the schedule promised in the time.
    pub promised: u64,
    /// Of those, how many have a drill that passed.
    pub met: u64,
    /// Of those, how many have a drill that did not pass.
    pub unmet: u64,
    /// Of those, how many were not drilled.
    pub missed: u64,
    /// Of those, how many lie before the first drill that is known: nothing tells whether there was one.
    pub untold: u64,
    /// Of those, how many may still be drilled: none or one.
    pub pending: u64,
    /// Drills in that time that passed, those that somebody asked for among them.
    pub passed: u64,
    /// Drills in that time that did not pass.
    pub failed: u64,
    /// Drills in that time that were killed.
    pub interrupted: u64,
    /// Seconds of the slowest restore that passed: the measured recovery time.
    pub longest_recovery_s: Option<f64>,
    /// Seconds of the oldest recovery point that a drill which passed began from.
    pub oldest_point_s: Option<i64>,
    /// Whether all that was promised was drilled and passed, and no other drill failed.
    pub kept: Kept,
    /// Each of them, oldest first.
    pub records: Vec<Record>,
}

pub(super) fn of(evidence: &Evidence<'_>, stretch: &Stretch) -> Drills {
    let is_its = |record: &&Record| record.policy == evidence.policy.name && record.cluster == evidence.cluster;
    let all: Vec<&Record> = evidence.records.iter().filter(is_its).collect();
    let mut records: Vec<Record> =
        all.iter().filter(|record| stretch.holds(record.began_at)).map(|record| (*record).clone()).collect();
    records.sort_by(|a, b| (a.began_at, &a.id).cmp(&(b.began_at, &b.id)));
    let count = |outcome| records.iter().filter(|record| record.outcome == outcome).count() as u64;
    let passed = || records.iter().filter(|record| record.outcome == Outcome::Passed);
    let schedule = evidence.policy.drill.as_ref().and_then(|drill| drill.schedule.as_ref());
    let mut drills = Drills {
        schedule: schedule.map(|schedule| schedule.as_str().to_owned()),
        passed: count(Outcome::Passed),
        failed: count(Outcome::Failed),
        interrupted: count(Outcome::Interrupted),
        longest_recovery_s: passed().filter_map(|record| record.recovery_time_s).max_by(f64::total_cmp),
        oldest_point_s: passed().filter_map(|record| record.recovery_point_age_s).max(),
        records,
        ..Drills::default()
    };
    if let Some(schedule) = schedule {
        drills.count_slots(schedule, &all, stretch);
    }
    drills.kept = Kept::of(drills.missed + drills.unmet + drills.failed > 0, drills.untold);
    drills
}

impl Drills {
    fn count_slots(&mut self, schedule: &Schedule, all: &[&Record], stretch: &Stretch) {
        let first = all.iter().map(|record| record.began_at).min();
        let open = schedule.latest_slot(stretch.now);
        for slot in within(schedule, stretch) {
            self.promised += 1;
            *match fate(slot, all) {
                Some(Outcome::Passed) => &mut self.met,
                Some(_) => &mut self.unmet,
                None if Some(slot) == open => &mut self.pending,
                // The next slot is not yet there when a drill of this one begins.
                None if first.is_some_and(|first| schedule.next(slot).is_some_and(|next| next <= first)) => {
                    &mut self.untold
                }
                None => &mut self.missed,
            } += 1;
        }
    }
}

/// What came of the slot's drills; `None` if none of them came to an end of its own.
fn fate(slot: Timestamp, all: &[&Record]) -> Option<Outcome> {
    let ended = all.iter().filter(|record| record.slot == Some(slot)).map(|record| record.outcome);
    let mut ended = ended.filter(|outcome| matches!(outcome, Outcome::Passed | Outcome::Failed));
    let first = ended.next()?;
    Some(if ended.any(|outcome| outcome == Outcome::Passed) { Outcome::Passed } else { first })
}
