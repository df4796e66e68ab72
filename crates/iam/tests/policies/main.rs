//! The policies, against an evaluator of IAM's rules, and against what is deployed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod deployed;
mod documents;
mod evaluator;
mod examining;
mod needed;
mod requests;
mod sam;
mod sent;
mod terraform;
