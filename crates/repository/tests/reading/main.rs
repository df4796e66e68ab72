//! What is read of repositories that real nodes wrote, beside what those nodes say of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod agree;
mod agreement;
mod buckets;
mod damage;
#[path = "../format/encode.rs"]
#[allow(dead_code, reason = "what the other tests need of it")]
mod encode;
mod guarded;
mod histories;
mod kept;
mod kinds;
mod older;
mod refused;
mod sound;
mod stage;
