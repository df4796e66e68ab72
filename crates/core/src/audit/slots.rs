//! What became of each slot.

use super::{Kept, Owned, Stretch};
use crate::policy::Policy;
use crate::retention::{Subject, Ties, apply, is_good};
use crate::schedule::Schedule;
use crate::snapshot::{Snapshot, State};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The slots of a time, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slots {
    /// All that were due.
    pub due: u64,
    /// With a SUCCESS.
    pub met: u64,
    /// Without one that should be there.
    pub missed: u64,
    /// Without one, and nothing tells whether there was one: see the module.
    pub untold: u64,
    /// Not over yet.
    pub pending: u64,
    /// Seconds of the longest time between two slots: how old the newest recovery point may get by the schedule.
    pub promised_interval_s: Option<i64>,
    /// Whether each has its SUCCESS.
    pub kept: Kept,
}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Met,
    Missed,
    Untold,
    Pending,
}

/// The slots of a schedule in that time, as far as it has passed.
pub(super) fn within<'a>(schedule: &'a Schedule, stretch: &Stretch) -> impl Iterator<Item = Timestamp> + use<'a> {
    let (to, now) = (stretch.to, stretch.now);
    schedule.upcoming(just_before(stretch.from)).take_while(move |slot| *slot < to && *slot <= now)
}

/// After this moment the next slot may be the one at that time itself.
fn just_before(time: Timestamp) -> Timestamp {
    time.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(time)
}

/// Each slot's fate, in order.
pub(super) fn judge(policy: &Policy, owned: &[Owned<'_>], stretch: &Stretch) -> Vec<(Timestamp, Fate)> {
    let Some(schedule) = &policy.schedule else { return Vec::new() };
    let met: BTreeSet<Timestamp> =
        owned.iter().filter(|one| is_good(one.snapshot, stretch.now)).map(|one| one.slot).collect();
    let first = owned.iter().map(|one| one.slot).min();
    let slots: Vec<Timestamp> = within(schedule, stretch).collect();
    let unmet: Vec<Timestamp> = slots.iter().filter(|slot| !met.contains(slot)).copied().collect();
    let stays = staying(policy, owned, &unmet, stretch.now);
    let fate = |slot: Timestamp| {
        if met.contains(&slot) {
            Fate::Met
        } else if is_open(policy, schedule, owned, slot, stretch.now) {
            Fate::Pending
        } else if first.is_some_and(|first| slot < first) || !stays.contains(&slot) {
            Fate::Untold
        } else {
            Fate::Missed
        }
    };
    slots.into_iter().map(|slot| (slot, fate(slot))).collect()
}

/// Whether a good snapshot of the slot may still come.
fn is_open(policy: &Policy, schedule: &Schedule, owned: &[Owned<'_>], slot: Timestamp, now: Timestamp) -> bool {
    let runs = owned.iter().any(|one| one.slot == slot && one.snapshot.state == Some(State::InProgress));
    let next = schedule.next(slot).unwrap_or(Timestamp::MAX);
    let window = policy.limits.start_window.map_or(next, |window| window.after(slot, &policy.zone));
    runs || now < window.min(next)
}

/// Those of the slots whose snapshots would still be there today, had there been one of each.
fn staying(policy: &Policy, owned: &[Owned<'_>], unmet: &[Timestamp], now: Timestamp) -> BTreeSet<Timestamp> {
    let Some(keep) = &policy.keep else { return unmet.iter().copied().collect() };
    let supposed: BTreeMap<String, Snapshot> = unmet.iter().map(|slot| supposed(*slot)).collect();
    let real = owned.iter().map(|one| one.snapshot).filter(|snapshot| is_good(snapshot, now));
    let subjects: Vec<Subject<'_>> = real
        .chain(supposed.values())
        .map(|snapshot| Subject { snapshot, ties: Ties::default(), due: false, adopted: false })
        .collect();
    let verdicts = apply(keep, &subjects, now, &policy.zone);
    let kept = verdicts.into_iter().filter(|verdict| verdict.keep && supposed.contains_key(&verdict.snapshot.name));
    kept.filter_map(|verdict| verdict.snapshot.started_at).collect()
}

/// A good snapshot of that slot, as if it had begun on time. No snapshot's name has a colon.
fn supposed(slot: Timestamp) -> (String, Snapshot) {
    let name = format!(":{slot}");
    let snapshot = Snapshot {
        name: name.clone(),
        uuid: None,
        state: Some(State::Success),
        started_at: Some(slot),
        ended_at: Some(slot),
        shards: None,
        indices: None,
        size_bytes: None,
        failures: Vec::new(),
        metadata: None,
    };
    (name, snapshot)
}

pub(super) fn count(policy: &Policy, told: &[(Timestamp, Fate)], stretch: &Stretch) -> Slots {
    let of = |wanted| told.iter().filter(|(_, fate)| *fate == wanted).count() as u64;
    let (missed, untold) = (of(Fate::Missed), of(Fate::Untold));
    Slots {
        kept: Kept::of(missed > 0, untold),
        due: told.len() as u64,
        met: of(Fate::Met),
        missed,
        untold,
        pending: of(Fate::Pending),
        promised_interval_s: policy.schedule.as_ref().and_then(|schedule| interval(schedule, stretch)),
    }
}

/// The longest time between two slots of that time, from the last one before it, and to the first one at its end or later.
fn interval(schedule: &Schedule, stretch: &Stretch) -> Option<i64> {
    let first = schedule.latest_slot(stretch.from).or_else(|| schedule.next(stretch.from))?;
    let mut slots = std::iter::once(first).chain(schedule.upcoming(first)).take_while(|slot| *slot < stretch.to);
    let mut longest = None;
    let mut last = slots.next()?;
    for slot in slots.chain(schedule.next(just_before(stretch.to))) {
        longest = longest.max(Some(slot.duration_since(last).as_secs()));
        last = slot;
    }
    longest
}
