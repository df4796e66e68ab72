//! Signed HTTP to a cluster: credentials, SigV4 and other auth, TLS, address guard, size caps,
//! deadlines, and the one retry policy for reads.
//!
//! A read ([`Client::read`]) is tried again; a write ([`Client::write`]) is sent once, and its lost
//! answer is told apart from its refusal ([`Lost`]): what follows is for the caller to look up. Both
//! are sent once more if Amazon's front, which carries nothing out, refused the signature for its time
//! or for a token that has ended, and the next signature can be better.

mod answer;
mod auth;
mod calls;
mod client;
mod credentials;
mod date;
mod deadline;
mod exchange;
mod guard;
mod refused;
mod retry;
mod scrub;
mod services;
mod sign;
mod skew;
mod tls;

pub use answer::{Answer, Lost};
pub use auth::Auth;
pub use calls::Calls;
pub use client::{Call, Client, Method, Settings};
pub use credentials::{AwsCredentials, Resolver};
pub use deadline::Deadline;
pub use guard::{LookingUp, Lookup};
pub use retry::{Pace, is_throttled};
pub use services::{Caller, Service, Services};
pub use sign::{SigningError, sign};
pub use tls::ClientCertificate;
