//! The client against Amazon's front, against certificates, and against whatever a server may answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bodies;
mod credentials;
mod retry;
mod signature;
mod support;
mod tls;
