//! Drills on real nodes: what they find, what they leave, and what is left of one that was killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stderr, reason = "what is left out says so")]

mod elsewhere;
mod killed;
mod passing;
#[allow(dead_code, reason = "the engine's other tests use the rest")]
#[path = "../engine/stage.rs"]
mod stage;
mod streams;
mod world;
