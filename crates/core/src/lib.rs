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
//! - [`restore`]: what a restore would do, and what stands in its way; [`migrate`]: how another cluster gets to read the repository
//! - [`drill`]: restores that are practised: when, of what, what must hold, and what of it may be deleted
//! - [`audit`]: promised and actual recovery points, failures, gaps and drills over a time
//! - [`policy`]: what is to be taken and what is to stay; [`schedule`], [`period`], [`selection`], [`adopt`], [`pattern`]: its parts
//! - [`metadata`], [`ownership`]: whose a snapshot is
//! - [`retention`]: which of a policy's snapshots stay, and why
//! - [`inventory`], [`plan`]: from what exists to what is to be done, with reasons
//! - [`invariants`]: what must hold whatever happens; [`steps`]: how one step is carried out so that it does
//! - [`size`]: sizes for people
//! - [`secret`]: text that never shows itself

pub mod adopt;
pub mod audit;
pub mod code;
pub mod deletion;
pub mod drill;
pub mod endpoint;
pub mod failure;
pub mod invariants;
pub mod inventory;
pub mod metadata;
pub mod migrate;
pub mod naming;
pub mod ownership;
pub mod pattern;
pub mod period;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod repository;
pub mod restore;
pub mod retention;
pub mod schedule;
pub mod secret;
pub mod select;
pub mod selection;
pub mod size;
pub mod snapshot;
pub mod steps;

pub use code::Code;
pub use failure::Failure;

#[cfg(test)]
mod testing;
