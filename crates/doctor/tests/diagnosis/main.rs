//! What the doctor says of broken set-ups: the one right diagnosis first, with what mends it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod healthy;
mod order;
mod statements;
mod table;
mod unseen;
