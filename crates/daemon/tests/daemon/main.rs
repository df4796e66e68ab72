//! The daemon on real nodes, through time that is simulated.
#![allow(clippy::print_stdout, reason = "what the days have brought, for whoever looks; and what a process says")]
#![allow(clippy::unwrap_used, reason = "a test's world is there or the test fails")]

mod days;
mod drills;
mod month;
mod operator;
mod orders;
mod time;
mod troubles;
mod world;
