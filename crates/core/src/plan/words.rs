//! A plan in words.

use super::kinds::{Create, Due, Kept, Skipped, Step, Why};
use super::skip::Skip;
use crate::retention::Reason;
use crate::select::span_words;
use crate::selection;
use jiff::SignedDuration;
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
    if matches!(skipped.why, Skip::ClockUnknown | Skip::ClockSkewed { .. }) && skipped.snapshot.is_none() {
        return format!("nothing is deleted from {at}: {}", skipped.why);
    }
    if skipped.reasons.is_empty() {
        return format!("{name}: nothing to do in {at}: {}", skipped.why);
    }
    format!("{name}: not deleted from {at}: {} (otherwise: {})", skipped.why, joined::<Reason>(&skipped.reasons))
}

impl fmt::Display for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds = self.indices.len();
        let what = if holds == 1 { "index or stream" } else { "indices and streams" };
        write!(f, "{}; {holds} {what}", joined(&self.reasons))?;
        match self.closed().as_slice() {
            [] => Ok(()),
            closed => write!(f, "; without {}: {}", closed.join(", "), selection::Reason::Closed),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot { late_seconds } => {
                write!(f, "due for {}", span_words(SignedDuration::from_secs(*late_seconds)))
            }
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
