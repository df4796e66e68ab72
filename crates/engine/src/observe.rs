//! What a run tells whoever watches it.

use crate::report::Outcome;
use snapkeep_core::snapshot::{Progress, Snapshot};
use std::time::Duration;

/// Hears what happens while it happens. Called from the run itself: it must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn notice(&self, event: &Event<'_>);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notice(&self, _event: &Event<'_>) {}
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A snapshot has begun.
    Begun {
        /// Its name.
        snapshot: &'a str,
        /// How it began.
        outcome: Outcome,
    },
    /// A snapshot was seen in a state that it was not seen in before.
    State(&'a Snapshot),
    /// How far a running snapshot is: told at every look, whether anything has changed or not.
    Moved(&'a Progress),
    /// Nothing has moved for some time. Told once until something moves again.
    Stalled {
        /// The snapshot's name.
        snapshot: &'a str,
        /// For how long.
        since: Duration,
        /// What does not move, and what to do.
        diagnosis: &'a str,
    },
    /// A look failed, and the run goes on without it. Told once for each cause.
    LookFailed {
        /// Why.
        cause: &'a str,
    },
    /// The cluster does something else first.
    Waiting {
        /// What.
        why: &'a str,
        /// How much longer the run is ready to wait.
        left: Duration,
    },
    /// A deletion is sent.
    Deleting {
        /// Snapshots of the plan that are dealt with.
        done: usize,
        /// Snapshots of the plan.
        of: usize,
        /// Those that this request deletes.
        names: &'a [&'a str],
    },
}
