//! Snapshots for the tests of this crate.

use crate::snapshot::{Snapshot, State};
use jiff::Timestamp;

/// A good snapshot of which nothing else is known.
pub(crate) fn snapshot(name: &str) -> Snapshot {
    Snapshot {
        name: name.to_owned(),
        uuid: None,
        state: Some(State::Success),
        started_at: None,
        ended_at: None,
        shards: None,
        failures: Vec::new(),
        metadata: None,
    }
}

/// A snapshot with its state and start.
pub(crate) fn begun(name: &str, state: State, started_at: &str) -> Snapshot {
    let started_at: Timestamp = started_at.parse().unwrap();
    Snapshot { state: Some(state), started_at: Some(started_at), uuid: Some(format!("u-{name}")), ..snapshot(name) }
}

/// A moment.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
