//! The IAM policies that a configuration needs: who may send what to which domain, which role the service takes on, what
//! that role may do in the bucket. Pure: a configuration in, documents out.
//!
//! - [`policies`]: everything for a [`Config`](snapkeep_config::Config) and what is [`Asked`] beside it
//! - [`Operation`]: what somebody wants to do; each adds statements
//! - [`Document`], [`Statement`]: what IAM takes
//! - [`Stored`]: what a single repository needs, statement by statement
//! - [`decide`]: what documents that are there say to a [`Request`]

mod arn;
mod bucket;
mod caller;
mod document;
mod evaluate;
mod examining;
mod needs;
mod operation;
mod policies;
mod uses;

pub use arn::{DomainArn, check_account};
pub use document::{Document, Effect, Principal, Statement, Words};
pub use evaluate::{Decision, Request, arn_like, decide, like};
pub use needs::Stored;
pub use operation::Operation;
pub use policies::{Asked, Attached, Kind, Policies, policies};
