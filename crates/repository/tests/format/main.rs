//! The format against repositories of real nodes, kept ones and fresh ones, and against bytes that nobody wrote.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod corpora;
mod encode;
mod fixtures;
mod nodes;
mod properties;
mod remote;
mod stage;
mod tables;
mod whole;
