//! The daemon: runs policies when they are due, and shows how they stand.
//!
//! ```text
//! clock ──► rota ──► run (the engine's) ──► report ──► board ──► page, status.json, metrics
//! ```
//!
//! - [`serve`], [`listen`], [`Settings`], [`Order`]: the whole of it, until it is told to stop
//! - [`Source`], [`Configuration`]: where the policies come from, what opens their clusters, and who hears of runs
//! - [`Clock`], [`SystemClock`]: what time it is; a simulation brings its own
//! - [`Rota`]: when each policy is looked at next: pure
//! - [`Board`], [`Status`]: what is known, and its shape as JSON
//!
//! It keeps no state of its own: what was missed while it was away is what the engine finds on the clusters. Several of
//! them, beside whatever else runs the same policies, take one snapshot of a slot, since the engine looks before each
//! step and a slot has one name.

mod board;
mod clock;
mod configuration;
mod daemon;
mod drills;
mod fields;
mod groups;
mod look;
mod page;
mod rota;
mod run;
mod server;
mod status;

pub use board::Board;
pub use clock::{Clock, Resting, SystemClock};
pub use configuration::{Around, Configuration, Reading, Source};
pub use daemon::{Metrics, Order, Settings, serve};
pub use rota::{Ending, Rota};
pub use server::listen;
pub use status::{
    ConfigurationStatus, DrillStatus, LastRun, NotDone, PolicyStatus, Practice, Preview, Refused, RunningStatus,
    ScheduleStatus, Standing, Status, ToDelete,
};
