//! Carries a job out: look, act, look again, say what happened.
//!
//! - [`Job`], [`run`], [`run_observed`], [`Report`]: register and create, within a deadline; the Lambda's whole work
//! - [`list_repositories`] and its neighbours: repositories beyond their registration
//! - [`inventory()`], [`show()`], [`status()`]: what there is, and how it fares
//! - [`plan_deletion`], [`apply_deletion`], [`abort()`], [`clone()`]: what changes snapshots
//! - [`plan_restore`], [`apply_restore`]: bring back what a snapshot holds
//! - [`plan_migration`], [`apply_migration`]: the same to another cluster
//! - [`run_drills`]: practises restores, checks, times and removes them, and keeps the record
//! - [`policies`]: look, plan and apply for whole sets of policies
//! - [`Observer`]: hears what happens while it happens
//!
//! No write is repeated without looking first, and a lost answer is neither a failure nor a success
//! until a look has told which.

mod abort;
mod address;
mod cloning;
mod create;
mod deletion;
mod drill;
mod follow;
mod guard;
mod inventory;
mod job;
mod list;
mod migrate;
mod observe;
mod patience;
pub mod policies;
mod register;
mod registry;
mod report;
mod restore;
mod run;
mod running;
mod show;
mod takeover;
mod watch;

pub use abort::{AbortOutcome, Aborted, abort};
pub use cloning::{CloneJob, CloneReport, clone};
pub use deletion::{DeletionReport, Skipped, apply_deletion, plan_deletion};
pub use drill::{
    Cleaned, DrillNote, DrillOptions, DrillReport, LastDrill, check_drills, drill_failure, drill_records, run_drills,
};
pub use inventory::{Inventory, Query, inventory};
pub use job::{Creation, Identity, Job, Registration, WrittenBefore};
pub use migrate::{Clusters, MigrationJob, MigrationReport, apply_migration, plan_migration};
pub use observe::{Event, Observer, Silent};
pub use registry::{cleanup_repository, list_repositories, remove_repository, show_repository, verify_repository};
pub use report::{Outcome, RegistrationOutcome, Report, Warnings};
pub use restore::{Following, RestoreJob, RestoreReport, RestoredItem, apply_restore, plan_restore};
pub use run::{clock_is_off, run, run_observed};
pub use running::{Running, STALL_AFTER, Status, StatusQuery, Unlooked, Verdict, status};
pub use show::{Shown, show};
