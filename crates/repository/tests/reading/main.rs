//! What is read of repositories that real nodes wrote, beside what those nodes say of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod agree;
mod agreement;
mod buckets;
mod damage;
mod histories;
mod kept;
mod kinds;
mod older;
mod refused;
mod sound;
mod stage;
