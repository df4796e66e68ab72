//! The engine against real nodes, through a front that loses, delays and invents answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod aborts;
mod clones;
mod creations;
mod deletions;
mod following;
mod looking;
mod registry;
mod stage;
mod watching;
