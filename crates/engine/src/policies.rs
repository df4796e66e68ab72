//! Policies: look at what exists, plan, carry the plan out, say what happened.
//!
//! - [`Fleet`]: the clusters; [`gather`]: what exists on them; [`decide`]: the plan, which `snapkeep-core` makes
//! - [`apply`]: carries a plan out, each step with a look just before it; [`run`]: all of it, once
//!
//! There is no state but the clusters' own: a run that was stopped is gone on with by the next one, which finds what
//! was done already. A step is taken only if [`Look`](snapkeep_core::invariants::Look) permits it on facts that were
//! read just before.

mod apply;
mod behind;
mod beside;
mod decide;
mod eye;
mod fleet;
mod following;
mod gather;
mod location;
mod note;
mod preflight;
mod prune;
mod report;
mod run;
mod session;
mod take;
mod ticker;
mod together;
mod turns;

pub use apply::{ApplyOptions, Wait, apply};
pub use decide::decide;
pub use fleet::{Connecting, Fleet};
pub use gather::{Gathered, gather};
pub use report::{ClusterOutcome, ClusterReport, Deleted, NotDone, PolicyReport, RunReport, Taken};
pub use run::{RunOptions, run};
