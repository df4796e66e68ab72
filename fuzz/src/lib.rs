//! What each fuzz target does with its bytes.
//!
//! The parsers are compiled from their sources alone: the rest of snapkeep-repository, which reads from buckets, brings in a
//! hundred crates that would have to be built for fuzzing.
#![allow(dead_code, unused_imports, unreachable_pub)]

extern crate self as snapkeep_repository;

#[path = "../../crates/repository/src"]
mod parsers {
    pub mod bytes;
    pub mod damage;
    pub mod model;
    pub mod sums;
    pub mod verify {
        pub mod checksum;
        pub mod finding;
    }
}
mod targets;

pub use parsers::damage::Damage;
use parsers::sums;
pub use parsers::{bytes, damage, model, verify};
pub use targets::TARGETS;

/// Runs a target.
///
/// # Panics
/// When there is no such target, or the bytes lead to what must not be.
pub fn run(target: &str, bytes: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    run(bytes);
}
