//! Drills: a policy's newest good snapshot is restored under names of its own, looked at, timed and removed. Decided here:
//! what a policy asks for, when a drill is due, what of the snapshot it brings back, what its checks say, and which index a
//! drill made and may therefore delete.
//!
//! What is left of a drill is its [`Record`], a document that is written before the first request and is the only state
//! that drills have. Its id holds the slot: the server refuses a second one, so that a slot is drilled once, from wherever
//! its run comes.

mod check;
mod due;
mod mark;
mod record;
mod sample;
mod settings;

pub use check::{Check, Checked, Query, Said};
pub use due::{MAX_ATTEMPTS, due, id_of};
pub use mark::{DrillId, Found, MARK, PREFIX, REMOVED_SETTINGS, not_drills};
pub use record::{Drilled, INDEX, Outcome, Part, Record, SCHEMA};
pub use sample::{Bounds, Candidate, Sampled, last_drilled, sample};
pub use settings::{DEFAULT_MAX_DURATION, DEFAULT_MAX_SIZE, Drill, size};

#[cfg(test)]
mod tests;
