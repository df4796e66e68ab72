//! The command line on real nodes.
#![allow(clippy::unwrap_used, reason = "a test's world is there or the test fails")]

mod blocked;
mod clocks;
mod conformance;
mod failover;
mod partial;
mod processes;
mod restarts;
mod running;
mod security;
mod serve;
mod statuses;
mod verbs;
mod world;
