//! The cluster client against real nodes of every version, and against what they were seen to answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod blocked;
mod bodies;
mod features;
mod journey;
mod lists;
mod product;
mod stage;
