//! Restores on real nodes, through a front that loses and invents answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod answers;
mod conflicts;
mod halfway;
mod round_trip;
#[allow(dead_code, reason = "the engine's other tests use the rest")]
#[path = "../engine/stage.rs"]
mod stage;
mod world;
