//! Pure decisions of snapkeep. No IO, no async, no clock, no environment, no
//! randomness: whatever a decision rests on comes in as an argument.
//!
//! - [`code`], [`failure`]: the one table of error codes and the error every front end shows
//! - [`naming`]: names of repositories and snapshots, and the names that we make
//! - [`endpoint`]: which endpoints and addresses may be called
//! - [`repository`]: an S3 repository's settings, and how they differ from those found
//! - [`snapshot`]: what is known of a snapshot
//! - [`secret`]: text that never shows itself

pub mod code;
pub mod endpoint;
pub mod failure;
pub mod naming;
pub mod repository;
pub mod secret;
pub mod snapshot;

pub use code::Code;
pub use failure::Failure;
