//! The snapshot API of OpenSearch and Elasticsearch, typed: the few endpoints that a backup needs,
//! and what a refusal means ([`Refusal`]).

mod api;
mod explain;
mod read;
mod refusal;

pub use api::{Registered, SnapshotApi, Unanswered, Written};
pub use refusal::{Kind, Refusal};
