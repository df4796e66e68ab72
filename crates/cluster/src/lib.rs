//! The snapshot API of OpenSearch and Elasticsearch, typed, on all versions that people run: which product
//! answers ([`Product`]), what it can do ([`Feature`]), and what a refusal means ([`Refusal`]).

mod api;
mod clock;
mod explain;
mod features;
mod lists;
mod paths;
mod product;
mod read;
mod refusal;
mod repositories;
mod snapshots;
mod status;

pub use api::{Registered, SnapshotApi, Unanswered, Written};
pub use clock::{Clock, ClockSource};
pub use features::Feature;
pub use paths::batches;
pub use product::{Flavour, Product, Version};
pub use refusal::{Kind, Refusal};
pub use repositories::Cleaned;
