//! Whether a policy's slot wants a snapshot now.

use super::kinds::{Create, CreateGuard, Due, Standing};
use super::make::View;
use super::skip::Skip;
use super::{Options, judged};
use crate::inventory::{Cluster, MAX_SKEW, Repository, SANE_SKEW};
use crate::naming;
use crate::ownership::Owned;
use crate::policy::Policy;
use crate::schedule::Schedule;
use crate::snapshot::State;
use jiff::Timestamp;
use std::cmp::Reverse;

/// Why no snapshot is taken, with the name of the one that stands for the slot or would have been taken.
type NotDue = (Option<String>, Skip);

/// The creation that is due; `None` if the policy has no schedule.
pub(super) fn due(view: &View<'_>, standing: &Standing) -> Result<Option<Create>, NotDue> {
    let Some(schedule) = &view.policy.schedule else { return Ok(None) };
    if let Some(why) = view.common.dispute(schedule) {
        return Err((None, why));
    }
    if view.policy.is_named_like_events() && !view.common.cluster.has_metadata {
        return Err((None, Skip::NameOfEvents));
    }
    let slot = standing.slot.filter(|slot| naming::is_nameable(*slot)).ok_or((None, Skip::NoSlot))?;
    let (attempt, reason) = next_attempt(view, slot)?;
    let snapshot = naming::name_for_attempt(view.policy.prefix(), slot, attempt).to_string();
    let not_due = |why: Skip| (Some(snapshot.clone()), why);
    if view.common.repository.readonly {
        return Err(not_due(Skip::Readonly));
    }
    let begin_before = begin_before(view.policy, schedule, slot);
    if view.common.now >= begin_before {
        return Err(not_due(Skip::WindowOver { since: begin_before }));
    }
    if is_foreign(view, &snapshot) {
        return Err(not_due(Skip::NameTaken));
    }
    if let Some(why) = behind(view, begin_before) {
        return Err(not_due(why));
    }
    let expansion = view.policy.indices.expand(&view.common.cluster.indices, view.common.now);
    if expansion.chosen.is_empty() {
        return Err(not_due(Skip::NothingSelected));
    }
    let confirmed = judged::has_confirmed_mark(&view.owned);
    Ok(Some(Create {
        place: view.place.clone(),
        snapshot,
        slot,
        attempt,
        indices: expansion.names(),
        partial: view.policy.partial,
        include_global_state: view.policy.include_global_state,
        user_metadata: view.policy.metadata.clone(),
        guard: CreateGuard { begin_before, alone: !view.common.cluster.concurrent, confirmed },
        reasons: vec![reason],
        chosen: expansion.chosen,
        left_out: expansion.left_out,
    }))
}

/// The moment before which the slot's snapshot must begin.
pub(crate) fn begin_before(policy: &Policy, schedule: &Schedule, slot: Timestamp) -> Timestamp {
    let next_slot = schedule.next(slot).unwrap_or(Timestamp::MAX);
    let window_end = policy.limits.start_window.map_or(next_slot, |window| window.after(slot, schedule.zone()));
    window_end.min(next_slot)
}

/// Why it cannot be told which slot is due: the server's clock is so far off that nobody knows which of the two is
/// right, or it is not known and ours is behind what it has recorded; and it makes another slot.
pub(crate) fn dispute(
    schedule: &Schedule,
    cluster: &Cluster,
    repository: &Repository,
    ours: Timestamp,
) -> Option<Skip> {
    let differs = |theirs: Timestamp| schedule.latest_slot(theirs) != schedule.latest_slot(ours);
    match cluster.skew {
        Some(skew) if skew.abs() <= SANE_SKEW => None,
        Some(skew) => {
            let theirs = ours.checked_add(skew);
            theirs.map_or(true, differs).then_some(Skip::ClockFar { seconds: skew.as_secs() })
        }
        None => {
            let newest = repository.snapshots.iter().filter_map(|snapshot| snapshot.started_at).max()?;
            let ahead = newest.duration_since(ours);
            (ahead > MAX_SKEW && differs(newest)).then_some(Skip::ClockContradicted { seconds: ahead.as_secs() })
        }
    }
}

/// Why ages are not to be trusted, unless the operator says that they are.
pub(crate) fn astray(cluster: &Cluster, options: Options) -> Option<Skip> {
    if cluster.clock_is_trusted() || options.allow_unknown_clock {
        return None;
    }
    Some(cluster.skew.map_or(Skip::ClockUnknown, |skew| Skip::ClockSkewed { seconds: skew.as_secs() }))
}

/// The number of the attempt that the slot wants next.
fn next_attempt(view: &View<'_>, slot: Timestamp) -> Result<(u32, Due), NotDue> {
    let mut attempts: Vec<(u32, &Owned<'_>)> = view
        .owned
        .iter()
        .filter_map(|owned| owned.name.filter(|name| name.slot == slot).map(|name| (name.attempt, owned)))
        .collect();
    if let Some(later) = later(view, slot) {
        return Err((Some(later.snapshot.name.clone()), Skip::SlotDone));
    }
    attempts.sort_unstable_by_key(|(attempt, _)| Reverse(*attempt));
    for (_, owned) in &attempts {
        let why = match owned.snapshot.state {
            Some(State::Success) => Skip::SlotDone,
            Some(State::InProgress) => Skip::SlotRunning,
            None => Skip::SlotUnknown,
            Some(State::Failed | State::Partial) => continue,
        };
        return Err((Some(owned.snapshot.name.clone()), why));
    }
    let Some((attempt, last)) = attempts.first() else {
        let late_seconds = view.common.now.duration_since(slot).as_secs();
        return Ok((1, Due::Slot { late_seconds }));
    };
    let after = last.snapshot.name.clone();
    if *attempt >= view.policy.limits.max_attempts {
        return Err((Some(after), Skip::AttemptsUsed { attempts: *attempt }));
    }
    Ok((attempt + 1, Due::Retry { after, state: last.snapshot.state.unwrap_or(State::Failed) }))
}

/// A snapshot for a later slot that began since this one: a clock was set back meanwhile, or another machine's is ahead.
/// What it holds is no older than what this slot's would.
fn later<'v>(view: &'v View<'_>, slot: Timestamp) -> Option<&'v Owned<'v>> {
    let is_now = |start: Timestamp| start >= slot && start.duration_since(view.common.now) <= MAX_SKEW;
    let counts = |owned: &&Owned<'_>| {
        matches!(owned.snapshot.state, Some(State::Success | State::InProgress))
            && owned.name.is_some_and(|name| name.slot > slot)
            && owned.snapshot.started_at.is_some_and(is_now)
    };
    view.owned.iter().find(counts)
}

/// Whether a snapshot of that name exists that is not the policy's. (One of its own would have been an attempt.)
fn is_foreign(view: &View<'_>, name: &str) -> bool {
    view.common.foreign.binary_search_by_key(&name, |(snapshot, _)| &snapshot.name).is_ok()
}

/// What runs and must end first: anything at all where the version takes one at a time, else an earlier snapshot of
/// the policy's own.
fn behind(view: &View<'_>, until: Timestamp) -> Option<Skip> {
    let own = |name: &str| view.owned.iter().any(|owned| owned.snapshot.name == name);
    let in_the_way = |(repository, name): &&(&str, &str)| {
        !view.common.cluster.concurrent || (*repository == view.place.repository && own(name))
    };
    let (repository, name) = view.common.running.iter().find(in_the_way)?;
    Some(Skip::Waiting { behind_repository: (*repository).to_owned(), behind: (*name).to_owned(), until })
}
