//! Carries a job out: look, act, look again, say what happened.
//!
//! - [`Job`]: what to do, valid already
//! - [`run`]: does it against one cluster, within a deadline
//! - [`Report`]: what happened
//!
//! No write is repeated without looking first, and a lost answer is neither a failure nor a success
//! until a look has told which.

mod create;
mod follow;
mod job;
mod list;
mod register;
mod report;
mod run;

pub use job::{Creation, Identity, Job, Registration};
pub use report::{Outcome, RegistrationOutcome, Report, Warnings};
pub use run::run;
