//! The front as its users see it: over sockets, in front of a small node of our own.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod botocore;
mod domain;
mod faults;
mod registration;
mod signatures;
mod support;
mod tls;
mod vectors;
mod wire;
