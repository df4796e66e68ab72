//! From one node to another, over versions: what was there comes back there, and nobody writes to the repository.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stderr, reason = "what is left out says so")]

mod leaps;
mod place;
mod round_trips;
mod world;
