//! The blob-store format of snapshot repositories, read without a cluster: Elasticsearch 5 to 9, OpenSearch 1 to 3.
//!
//! - [`damage`]: what is wrong with a blob, and at which byte
//! - [`bytes`]: a blob's envelope, its compression, its SMILE or JSON
//! - [`model`]: what each kind of blob says
//! - [`store`]: where the blobs lie: folders and buckets
//! - [`load`], [`open`], [`places`]: from blobs to what one generation says
//! - [`inspect`]: what it holds
//! - [`verify`]: whether the snapshots can be restored
//! - [`usage`], [`orphans`]: what the snapshots weigh, and what nothing needs any more
//!
//! Read-only. What is read comes from whoever can write to the bucket: no bytes lead to a panic, to recursion without end or
//! to more memory than the caps in [`bytes`] allow.

pub mod bytes;
pub mod damage;
pub mod inspect;
pub mod load;
pub mod model;
pub mod open;
pub mod orphans;
pub mod places;
pub mod store;
mod sums;
pub mod usage;
pub mod verify;

pub use damage::Damage;
