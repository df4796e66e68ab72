//! Removes what a drill made, and nothing else.

use snapkeep_cluster::{SnapshotApi, Unanswered, Written};
use snapkeep_core::Failure;
use snapkeep_core::drill::{Found, Record, not_drills};
use snapkeep_transport::Deadline;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two looks at first, and at the longest: what was removed is gone at once, but the oldest releases remove nothing that
/// is still being restored.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What is left of it.
#[derive(Debug, Default)]
pub(super) struct Removal {
    /// Names that could not be removed, each with why.
    pub(super) stuck: Vec<String>,
    /// Names that were removed.
    pub(super) removed: Vec<String>,
}

/// What is there of it.
struct Seen {
    /// Indices that the drill made.
    ours: Vec<Found>,
    /// Data streams that somebody else has an index behind: a stream goes as a whole or stays.
    mixed: BTreeSet<String>,
}

/// Looks, removes, looks again, until nothing is left that the drill made or the time is up.
pub(super) async fn remove(target: &SnapshotApi, record: &Record, deadline: Deadline) -> Result<Removal, Failure> {
    let mut removal = Removal::default();
    let (mut pause, longest) = PAUSES;
    loop {
        let seen = see(target, record, deadline).await.map_err(|unanswered| unanswered.failure())?;
        removal.stuck =
            seen.mixed.iter().map(|stream| format!("{stream}: an index behind it is not the drill's")).collect();
        let names = seen.names();
        if names.is_empty() {
            return Ok(removal);
        }
        for name in names {
            match delete(target, record, &name, deadline).await {
                Ok(()) => removal.removed.push(name),
                Err(why) => removal.stuck.push(format!("{name}: {why}")),
            }
        }
        if !deadline.pause(pause).await {
            return Ok(removal);
        }
        pause = longest.min(pause * 2);
    }
}

async fn see(target: &SnapshotApi, record: &Record, deadline: Deadline) -> Result<Seen, Unanswered> {
    let mut seen = Seen { ours: Vec::new(), mixed: BTreeSet::new() };
    let streams: BTreeSet<&String> =
        record.items.iter().filter(|item| item.data_stream).map(|item| &item.target).collect();
    for found in target.drill_indices(deadline).await? {
        let is_named = record.made().any(|(_, part)| part.name == found.name);
        match not_drills(record, &found) {
            None => seen.ours.push(found),
            Some(why) => {
                if is_named {
                    tracing::warn!("index {} is left alone: {why}", found.name);
                }
                seen.mixed.extend(found.data_stream.filter(|stream| streams.contains(stream)));
            }
        }
    }
    Ok(seen)
}

impl Seen {
    /// What the requests name: a stream goes with the indices behind it.
    fn names(&self) -> BTreeSet<String> {
        let name = |found: &Found| found.data_stream.clone().unwrap_or_else(|| found.name.clone());
        self.ours.iter().map(name).filter(|name| !self.mixed.contains(name)).collect()
    }
}

async fn delete(target: &SnapshotApi, record: &Record, name: &str, deadline: Deadline) -> Result<(), String> {
    let is_stream = record.items.iter().any(|item| item.data_stream && item.target == name);
    let written = if is_stream {
        target.delete_drill_stream(name, deadline).await
    } else {
        target.delete_drill_index(name, deadline).await
    };
    match written {
        Written::Done(()) => Ok(()),
        // It is gone: by an earlier request whose answer was lost, or by somebody's hand.
        Written::Refused(refusal) if refusal.status == 404 => Ok(()),
        Written::Refused(refusal) => Err(refusal.failure().cause),
        Written::Lost(lost) => Err(Unanswered::Lost(lost).failure().cause),
    }
}
