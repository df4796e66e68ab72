//! What a policy's retention says of what it owns: asked by the planner, and once more by each look before an act.

use crate::inventory::Repository;
use crate::ownership::{Mark, Owned};
use crate::policy::{FirstDelete, Policy};
use crate::retention::{self, Subject, Verdict};
use crate::snapshot::State;
use jiff::Timestamp;

/// The verdicts on all that the policy owns or adopts, newest first; `None` if it deletes nothing.
pub(crate) fn verdicts<'a>(
    policy: &Policy,
    owned: &[Owned<'a>],
    repository: &Repository,
    now: Timestamp,
) -> Option<Vec<Verdict<'a>>> {
    let keep = policy.keep.as_ref()?;
    let slot = policy.schedule.as_ref().and_then(|schedule| schedule.latest_slot(now));
    Some(retention::apply(keep, &subjects(owned, repository, slot), now, &policy.zone))
}

/// A slot's good snapshot stands for it; while it has none, its other attempts do, which say how many there were.
fn subjects<'a>(owned: &[Owned<'a>], repository: &Repository, slot: Option<Timestamp>) -> Vec<Subject<'a>> {
    let of_slot = |owned: &Owned<'_>| slot.is_some() && owned.name.map(|name| name.slot) == slot;
    let succeeded = |owned: &Owned<'_>| owned.snapshot.state == Some(State::Success);
    let done = owned.iter().any(|owned| of_slot(owned) && succeeded(owned));
    let subject = |owned: &Owned<'a>| Subject {
        snapshot: owned.snapshot,
        ties: repository.ties(owned.snapshot),
        due: of_slot(owned) && (!done || succeeded(owned)),
        adopted: owned.name.is_none(),
    };
    owned.iter().map(subject).collect()
}

/// Whether the policy may delete without a yes.
pub(crate) fn is_confirmed(policy: &Policy, owned: &[Owned<'_>]) -> bool {
    policy.first_delete == FirstDelete::Allow || has_confirmed_mark(owned)
}

/// Whether a snapshot of the policy's own carries a yes.
pub(crate) fn has_confirmed_mark(owned: &[Owned<'_>]) -> bool {
    let own = owned.iter().filter(|owned| owned.name.is_some());
    own.filter_map(|owned| Mark::read(owned.snapshot)).any(|mark| mark.confirmed)
}
