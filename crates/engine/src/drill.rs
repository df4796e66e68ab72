//! Drills: restores the newest good snapshot under names of their own, looks at it, removes it, and keeps the record.
//!
//! A record is written before the first request to the restoring cluster, and holds the names that the drill is about to
//! make. Whoever is killed leaves it behind with a time until which he was alive; the next run finds it, removes what was
//! made, and nothing else, and says so in it.

mod claim;
mod clean;
mod practice;
mod prepare;
mod remove;
mod run;

pub use clean::Cleaned;
pub use run::{
    DrillNote, DrillOptions, DrillReport, LastDrill, check_drills, drill_failure, drill_records, run_drills,
};

use snapkeep_cluster::SnapshotApi;
use std::time::Duration;

/// How long who drills counts as alive after he has last said so. He says so anew after a quarter of it.
pub(crate) const LEASE: Duration = Duration::from_mins(2);

/// What is kept of a drill's time to remove what it made.
const REMOVAL_TIME: Duration = Duration::from_mins(1);

/// Where a drill takes place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage<'a> {
    /// The cluster that took the snapshot: it keeps the records, and its clock is the one that counts.
    pub(crate) source: &'a SnapshotApi,
    /// Its name in the configuration.
    pub(crate) source_name: &'a str,
    /// The cluster that is restored to. It may be the same.
    pub(crate) target: &'a SnapshotApi,
    /// Its name in the configuration.
    pub(crate) target_name: &'a str,
}
