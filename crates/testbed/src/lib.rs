//! Real parts for snapkeep's tests and demo.
//!
//! - [`bed`]: what tests use; it brings together the rest
//! - [`node`]: Elasticsearch and OpenSearch nodes of the versions in [`release`], fetched with [`maven`], run on a Java
//!   that [`jdk`] finds, kept in [`cache`]
//! - [`s3`]: an S3 server in this process whose buckets can be held, refused and counted
//! - [`runtime_api`]: AWS Lambda's runtime API and function processes that run under it
//! - [`watchdog`]: how all of it goes away, however the process that started it ends

pub mod bed;
pub mod cache;
pub mod error;
pub mod jdk;
pub mod maven;
pub mod node;
pub mod progress;
pub mod release;
pub mod runtime_api;
pub mod s3;
pub mod watchdog;

mod background;
mod http_client;
mod node_handle;
mod user;

pub use bed::{Needs, Testbed, eventually};
pub use error::{Error, Result};
pub use http_client::Reply;
pub use node::{Node, NodeOptions};
pub use node_handle::NodeHandle;
pub use progress::Progress;
pub use release::{Product, RELEASES, Release};
pub use runtime_api::{Function, Invoke, LambdaProcess, Outcome, RuntimeApi};
pub use s3::{Mode, S3Client, S3Handle, S3Server};
