//! The snapshot API of OpenSearch and Elasticsearch, typed, on all versions that people run: which product
//! answers ([`Product`]), what it can do ([`Feature`]), and what a refusal means ([`Refusal`]).

mod api;
mod clock;
mod conditions;
mod drills;
mod explain;
mod features;
mod indices;
mod lifecycle;
mod lists;
mod nodes;
mod paths;
mod product;
mod read;
mod recovery;
mod refusal;
mod repositories;
mod restore;
mod snapshots;
mod status;

pub use api::{Registered, SnapshotApi, Unanswered, Written};
pub use clock::{Clock, ClockSource};
pub use conditions::Health;
pub use drills::{Kept, Stamp, Write};
pub use features::Feature;
pub use indices::{InRepository, IndexFacts};
pub use nodes::Space;
pub use paths::batches;
pub use product::{Flavour, Product, Version};
pub use recovery::Looked;
pub use refusal::{Kind, Refusal};
pub use repositories::Cleaned;
