//! Signed HTTP to a cluster: credentials, SigV4 and other auth, TLS, address guard, size caps,
//! deadlines, and the one retry policy for reads.
//!
//! A read ([`Client::read`]) is tried again; a write ([`Client::write`]) is sent once, and its lost
//! answer is told apart from its refusal ([`Lost`]): what follows is for the caller to look up.

mod answer;
mod auth;
mod client;
mod deadline;
mod guard;
mod retry;
mod sign;
mod tls;

pub use answer::{Answer, Lost};
pub use auth::{Auth, AwsCredentials};
pub use client::{Call, Client, Method, Settings};
pub use deadline::Deadline;
pub use guard::{LookingUp, Lookup};
pub use retry::{Pace, is_throttled};
pub use sign::{SigningError, sign};
