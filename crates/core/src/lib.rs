//! Pure decisions of snapkeep. No IO, no async, no clock, no environment, no
//! randomness: whatever a decision rests on comes in as an argument.
//!
//! - [`code`], [`failure`]: the one table of error codes and the error every front end shows
//! - [`naming`]: names of repositories and snapshots, and the names that we make
//! - [`endpoint`]: which endpoints and addresses may be called
//! - [`repository`]: a repository's settings, and how they differ from those found
//! - [`snapshot`]: what is known of a snapshot
//! - [`select`]: which snapshots are meant, and in which order they are shown
//! - [`progress`]: how fast a running snapshot moves, and what holds it up
//! - [`deletion`]: which snapshots are to be deleted, and why
//! - [`secret`]: text that never shows itself

pub mod code;
pub mod deletion;
pub mod endpoint;
pub mod failure;
pub mod naming;
pub mod progress;
pub mod repository;
pub mod secret;
pub mod select;
pub mod snapshot;

pub use code::Code;
pub use failure::Failure;
