//! When a drill is due.

use super::{Outcome, Record};
use crate::schedule::Schedule;
use jiff::Timestamp;

/// How many drills of one slot may be killed before the next slot is waited for.
pub const MAX_ATTEMPTS: u32 = 3;

/// The slot that is to be drilled now, and which attempt that is; `None` if the latest one has been. A drill that failed
/// is a finding and is not repeated; one that was killed is. `records` are those of the policy and its cluster.
pub fn due(schedule: &Schedule, records: &[Record], now: Timestamp) -> Option<(Timestamp, u32)> {
    let slot = schedule.latest_slot(now)?;
    let of_slot: Vec<&Record> = records.iter().filter(|record| record.slot == Some(slot)).collect();
    let is_over = |record: &&Record| record.outcome != Outcome::Interrupted && !record.was_killed(now);
    let attempt = of_slot.iter().map(|record| record.attempt).max().unwrap_or(0) + 1;
    (!of_slot.iter().any(is_over) && attempt <= MAX_ATTEMPTS).then_some((slot, attempt))
}

/// The record's id in the index of records. Of a slot there is one for each attempt, whoever makes it: the second who
/// writes it is refused. A drill that somebody asks for has an id of its own. (A policy's name holds no `:`, and a cluster's
/// comes last: no two make one id.)
pub fn id_of(record: &Record) -> String {
    let Record { policy, cluster, attempt, id, .. } = record;
    match record.slot {
        Some(slot) => format!("{policy}:{slot}:{attempt}:{cluster}"),
        None => format!("{policy}:{id}:{cluster}"),
    }
}
