//! Drives the planner, the invariants and the step machine of production through histories that nobody would wait
//! for: several schedulers at once, runs that are killed, a cluster that loses, delays and repeats requests and
//! answers, whose manager restarts, that keeps no metadata or does one thing at a time, clocks that jump by years.
//!
//! Each history is made from one seed and is the same each time. The [`world`] knows the truth (who took each
//! snapshot, for which slot, and when by its own clock) and judges each effect by it, not by what the code under
//! test believes.
//!
//! - [`history`]: one history from a seed, and the shortest one found that fails as it does
//! - [`fault`]: what goes wrong
//! - [`scheduler`]: a run of production's code, one act at a time
//! - [`world`]: the cluster and its clock; its promises are judged in `judge`

pub mod chance;
pub mod fault;
pub mod history;
mod judge;
pub mod scheduler;
pub mod world;

pub use fault::{Fault, Faults};
pub use history::{Found, Tally, run, shortest};
