//! The program as its users run it: the real binary against real nodes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod doctor;
mod drill;
mod import;
mod interrupt;
mod invoke;
mod journey;
mod kept;
mod migrate;
mod policies;
mod reading;
mod refusals;
mod restore;
mod secrets;
mod sessions;
mod shapes;
mod sizes;
mod stage;
mod telling;
