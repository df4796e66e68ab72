//! The policies, against an evaluator of IAM's rules, and against what is deployed.

mod deployed;
mod documents;
mod evaluator;
mod needed;
mod requests;
mod sam;
mod sent;
mod terraform;
