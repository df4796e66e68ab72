//! Drives the planner, the invariants and the step machine of production through histories that nobody would wait
//! for: several schedulers at once, runs that are killed, a cluster that loses, delays and repeats requests and
//! answers and whose manager restarts, clocks that jump by years.
//!
//! Each history is made from one seed and is the same each time. The [`world`] knows the truth (who took each
//! snapshot, for which slot, and when by its own clock) and judges each effect by it, not by what the code under
//! test believes.
//!
//! - [`history`]: one history from a seed, and the shortest one found that fails as it does
//! - [`fault`]: what goes wrong, and the bugs that a test plants to see them found
//! - [`scheduler`]: a run of production's code, one act at a time
//! - [`world`]: the cluster, its clock, and the promises

pub mod chance;
pub mod fault;
pub mod history;
pub mod scheduler;
pub mod world;

pub use fault::{Bug, Fault, Faults};
pub use history::{Found, Tally, run, shortest};
