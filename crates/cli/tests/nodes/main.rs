//! The command line on real nodes.
#![allow(clippy::unwrap_used, reason = "a test's world is there or the test fails")]

mod conformance;
mod failover;
mod security;
mod statuses;
mod verbs;
mod world;
