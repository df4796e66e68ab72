//! A plan in words.

use super::kinds::{Create, Due, Kept, Skip, Skipped, Step, Why};
use crate::retention::Reason;
use std::fmt;

fn joined<T: fmt::Display>(reasons: &[T]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(super) fn step(step: &Step) -> String {
    let place = step.place();
    let at = format!("{}/{} by {}", place.cluster, place.repository, place.policy);
    match step {
        Step::Create(create) => format!("{}: create on {at}: {create}", create.snapshot),
        Step::Delete(delete) => {
            let yes = if delete.unconfirmed { " (needs a yes: the policy has never deleted before)" } else { "" };
            format!("{}: delete from {at}: {}{yes}", delete.snapshot, joined(&delete.reasons))
        }
    }
}

pub(super) fn kept(kept: &Kept) -> String {
    let by = kept.policy.as_ref().map_or(String::new(), |policy| format!(" by {policy}"));
    format!("{}: kept in {}/{}{by}: {}", kept.snapshot, kept.cluster, kept.repository, joined(&kept.reasons))
}

pub(super) fn skipped(skipped: &Skipped) -> String {
    let place = &skipped.place;
    let name = skipped.snapshot.as_deref().unwrap_or("no snapshot");
    let at = format!("{}/{} by {}", place.cluster, place.repository, place.policy);
    if skipped.reasons.is_empty() {
        return format!("{name}: nothing to do in {at}: {}", skipped.why);
    }
    format!("{name}: not deleted from {at}: {} (otherwise: {})", skipped.why, joined::<Reason>(&skipped.reasons))
}

impl fmt::Display for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds = self.indices.len();
        write!(
            f,
            "{}; {holds} {}",
            joined(&self.reasons),
            if holds == 1 { "index or stream" } else { "indices and streams" }
        )
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot { late_seconds } => write!(f, "due for {late_seconds} s"),
            Self::Retry { after, .. } => write!(f, "{after} was not successful"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(reason) => reason.fmt(f),
            Self::Foreign(foreign) => foreign.fmt(f),
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterUnseen => f.write_str("the cluster could not be asked"),
            Self::RepositoryUnseen => f.write_str("the repository is not registered or could not be listed"),
            Self::Readonly => f.write_str("the repository is registered readonly"),
            Self::NoSlot => f.write_str("no slot has been due yet"),
            Self::SlotDone => f.write_str("the slot has its snapshot"),
            Self::SlotRunning => f.write_str("the slot's snapshot runs"),
            Self::SlotUnknown => f.write_str("the state of the slot's snapshot is not known"),
            Self::NameTaken => f.write_str("a snapshot of that name exists and is not the policy's"),
            Self::AttemptsUsed { attempts } => write!(f, "{attempts} attempts at the slot were not successful"),
            Self::WindowOver { since } => write!(f, "the slot could begin until {since}"),
            Self::Waiting { behind_repository, behind, until } => {
                write!(f, "waits until {until} for {behind} in {behind_repository}, which runs")
            }
            Self::NothingSelected => f.write_str("no index is selected"),
            Self::ClockUnknown => f.write_str("the server's clock is not known, so ages cannot be trusted"),
            Self::ClockSkewed { seconds } => write!(f, "the server's clock is {seconds} s ahead of ours"),
            Self::Limit { max_deletes_per_run } => write!(f, "the run has its {max_deletes_per_run} deletions"),
        }
    }
}
