//! The function as its users run it: the real binary under Lambda's runtime API, or its handler, in
//! front of a real OpenSearch node with a real S3 repository, through a front that demands signatures.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod access;
mod chaos;
mod deliveries;
mod drills;
mod events;
mod journey;
mod lost_answers;
mod policies;
mod registration;
mod restore;
mod secrets;
mod stage;
mod telling;
mod versions;
