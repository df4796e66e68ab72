//! From policies and what exists to what is to be done, each with its reasons: a pure function.
//!
//! `(policies, inventory, now) → Plan`. The plan is what is shown, what is written to a file and what is carried out:
//! nothing else is. Each step holds the facts that it rests on; [`crate::invariants`] checks them again just before
//! the step is taken.
//!
//! **Slots.** A slot is the latest scheduled time ≤ now, so that whatever was missed is caught up once and never in a
//! burst. It has at most one running or good snapshot; attempts that ended FAILED or PARTIAL are followed by the next
//! one (`-r2`, `-r3`, …), up to `max_attempts`. It begins within `start_window`, or until the next slot.
//!
//! **The first deletion.** There is no database that could say whether somebody has ever seen what a policy deletes.
//! So each deletion of a policy that is not *confirmed* is marked `unconfirmed`, and is carried out only with a yes.
//! A yes is remembered where everything else is: in the metadata of the snapshots that the policy takes from then on
//! (`"retention": "confirmed"`), each of which inherits it from those before. The newest SUCCESS is never deleted, so
//! the yes is not lost. Where servers keep no metadata, or if a yes met no new snapshot to be written into, either say
//! yes again or write `first_delete: allow` into the policy.

mod facts;
pub(crate) mod judged;
mod kinds;
mod make;
mod skip;
pub(crate) mod slot;
mod words;

pub use facts::{Attempt, Counts, Facts};
pub use kinds::{Create, CreateGuard, Delete, DeleteGuard, Due, Kept, Newest, Place, Skipped, Standing, Step, Why};
pub use make::make;
pub use skip::Skip;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of a plan's shape; keys are only ever added.
pub const SCHEMA: u32 = 1;

/// What the operator allows beyond the policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Deletes also when the server's clock is unknown or far from ours.
    pub allow_unknown_clock: bool,
}

/// What is to be done, and why; what stays, and why; what is not done, and why not. Everything is sorted, so that
/// equal facts make equal plans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// 1.
    pub schema: u32,
    /// The moment that it was made for.
    pub at: Timestamp,
    /// Each policy on each of its clusters.
    pub policies: Vec<Standing>,
    /// What to do, in this order.
    pub steps: Vec<Step>,
    /// What stays.
    pub kept: Vec<Kept>,
    /// What might be expected and is not done.
    pub skipped: Vec<Skipped>,
}

impl Plan {
    /// The deletions.
    pub fn deletes(&self) -> impl Iterator<Item = &Delete> {
        self.steps.iter().filter_map(|step| match step {
            Step::Delete(delete) => Some(delete),
            Step::Create(_) => None,
        })
    }

    /// The creations.
    pub fn creates(&self) -> impl Iterator<Item = &Create> {
        self.steps.iter().filter_map(|step| match step {
            Step::Create(create) => Some(create),
            Step::Delete(_) => None,
        })
    }

    /// All that the plan says of a snapshot, in words, one line each; empty if it was not seen.
    pub fn explain(&self, snapshot: &str) -> Vec<String> {
        let steps = self.steps.iter().filter(|step| step.snapshot() == snapshot).map(words::step);
        let kept = self.kept.iter().filter(|kept| kept.snapshot == snapshot).map(words::kept);
        let skipped = self.skipped.iter().filter(|skip| skip.snapshot.as_deref() == Some(snapshot)).map(words::skipped);
        steps.chain(kept).chain(skipped).collect()
    }
}

#[cfg(test)]
mod tests;
