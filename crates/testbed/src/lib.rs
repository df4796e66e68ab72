//! Real parts for snapkeep's tests and demo: nothing here is a mock-up of a node or of S3.
//!
//! - [`bed`]: what tests use; it brings together the rest
//! - [`node`]: Elasticsearch and OpenSearch nodes of the versions in [`release`], fetched with [`maven`], run on a Java
//!   that [`jdk`] finds, kept in [`cache`]
//! - [`cluster`]: several of them as one cluster, whose nodes can be killed one by one
//! - [`s3`]: an S3 server in this process whose buckets can be held, refused and counted
//! - [`runtime_api`]: AWS Lambda's runtime API and function processes that run under it
//! - [`receiver`]: what messages to the operator are posted to
//! - [`synthetic`]: a cluster in memory with thousands of snapshots, which no node gets within a test
//! - [`watchdog`]: how all of it goes away, however the process that started it ends
//!
//! Everything listens on loopback, on ports of the system's choice. What is fetched is pinned by sha256 in the source.
//! Nothing needs root; what only root can install (Maven, a Java) is told in one line ([`Error::needs_operator`]). Run by
//! root, the nodes run as an unprivileged user, since they refuse root.
//!
//! | variable | meaning |
//! |---|---|
//! | `SNAPKEEP_TESTBED` | description file of a testbed that another process hosts; tests attach to it |
//! | `SNAPKEEP_TESTBED_VERBOSE` | set: what the testbed does is shown on standard error |
//! | `SNAPKEEP_CACHE` | where distributions are kept; see [`cache`] |
//! | `SNAPKEEP_JDK_17`, `SNAPKEEP_JDK_25`, … | the home of the Java of that major version; see [`jdk`] |
//! | `SNAPKEEP_MATRIX` | which releases tests run, in place of [`release::REQUIRED`]: `1` for all, or names between commas |
//!
//! # What the nodes do that one would not guess
//!
//! - A registration that fails its verification stays registered.
//! - A repository's unknown settings, `role_arn` among them, are kept and shown, and otherwise ignored.
//! - The same settings again are accepted while a snapshot runs and verified again; other settings are refused with status
//!   500. Verification runs on the threads that upload: on a machine of two cores there is one by default, and the PUT
//!   waits for it as long as an upload takes. The testbed's nodes have 20.
//! - A snapshot that was accepted and whose final writes S3 refuses is not `FAILED`: it is not there at all.
//! - OpenSearch 3 puts shards' blobs below a hashed prefix *before* the repository's `base_path`.

pub mod bed;
pub mod cache;
pub mod cluster;
pub mod error;
pub mod jdk;
pub mod maven;
pub mod node;
pub mod progress;
pub mod receiver;
pub mod release;
pub mod runtime_api;
pub mod s3;
pub mod synthetic;
pub mod watchdog;

mod background;
mod http_client;
mod node_handle;
mod user;

pub use bed::{Needs, Testbed, eventually};
pub use cluster::Cluster;
pub use error::{Error, Result};
pub use http_client::Reply;
pub use node::{Node, NodeOptions, PASSWORD, Seat, USER};
pub use node_handle::NodeHandle;
pub use progress::Progress;
pub use receiver::{Message, Receiver};
pub use release::{Product, RELEASES, Release};
pub use runtime_api::{Function, Invoke, LambdaProcess, Outcome, RuntimeApi};
pub use s3::{Mode, S3Client, S3Handle, S3Server};
