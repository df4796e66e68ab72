//! The configuration file: YAML in, a valid [`Config`] out. No IO, no environment: who found the file, and who opens
//! what it refers to, is the front end.
//!
//! - [`Config::parse`]: the only way to a [`Config`]; what it refuses is `bad_config`, with line and column
//! - [`Config::complaints`], [`Config::settings`], [`schema()`]: all that is wrong with a file; all that holds, and where
//!   it comes from; and what an editor needs to complete it
//! - [`ConfigPlace`]: what `SNAPKEEP_CONFIG` holds or names
//! - [`Cluster`]: where a cluster is and who we are to it
//! - [`Repository`]: what `repo register` registers
//! - `policies`: what is taken and what stays, as [`snapkeep_core::policy::Policy`]
//! - [`Notifications`], [`Hooks`]: who is told of what, and what runs around a run
//! - [`SecretSource`]: where a secret is kept; the file itself never holds one
//! - [`read_yaml`]: other tools' files, with their places
//! - [`fields`]: reads a section key by key, and names the nearest known key for one that is unknown

mod check;
mod cluster;
mod drills;
pub mod fields;
mod file;
mod hooks;
mod notifications;
mod place;
mod policies;
mod repository;
mod schema;
mod secret_source;
mod settings;
mod yaml;

pub use check::Complaint;
pub use cluster::{AssumeRole, AuthKind, Cluster, WebIdentity};
pub use file::Config;
pub use hooks::{Hook, Hooks};
pub use notifications::{Address, Channel, Email, MailTls, Notifications, Target, Topic};
pub use place::ConfigPlace;
pub use repository::Repository;
pub use schema::schema;
pub use secret_source::SecretSource;
pub use settings::{REDACTED, Setting};
pub use yaml::{Node, Place, Value, read_yaml};
