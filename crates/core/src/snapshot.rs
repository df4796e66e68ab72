//! What is known of a snapshot.

use crate::metadata::Metadata;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A snapshot's state, as `GET _snapshot` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// It runs.
    InProgress,
    /// Every shard is in it. The only good one.
    Success,
    /// Some shards are missing from it. Not good.
    Partial,
    /// It failed. Not good.
    Failed,
}

impl State {
    /// Reads a server's word, of `GET _snapshot` and of `_status` both; unknown words are `None`, never good.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "IN_PROGRESS" | "STARTED" | "INIT" | "WAITING" | "ABORTED" => Some(Self::InProgress),
            "SUCCESS" => Some(Self::Success),
            "PARTIAL" => Some(Self::Partial),
            "FAILED" | "MISSING" | "INCOMPATIBLE" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// Shards of a snapshot, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards {
    /// All shards that it was to hold.
    pub total: u64,
    /// Shards that are in it.
    pub successful: u64,
    /// Shards that are not.
    pub failed: u64,
}

/// One snapshot as the cluster lists it. What the answer did not say is `None`
/// (`verbose=false` says no times and no shards).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Its name.
    #[serde(rename = "snapshot")]
    pub name: String,
    /// The server's id for it.
    pub uuid: Option<String>,
    /// Its state; `None` if the server used a word we do not know.
    pub state: Option<State>,
    /// By the server's clock.
    pub started_at: Option<Timestamp>,
    /// By the server's clock; `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// Shards by outcome.
    pub shards: Option<Shards>,
    /// How many indices it holds.
    pub indices: Option<u64>,
    /// What a restore would write, in bytes, where the server tells that in a list.
    pub size_bytes: Option<u64>,
    /// Why shards failed, at most a few, one line each.
    pub failures: Vec<String>,
    /// The metadata it was created with.
    pub metadata: Option<Metadata>,
}

impl Snapshot {
    /// One of that name, of which nothing else is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            uuid: None,
            state: None,
            started_at: None,
            ended_at: None,
            shards: None,
            indices: None,
            size_bytes: None,
            failures: Vec::new(),
            metadata: None,
        }
    }

    /// How long it took; `None` while it runs or if the times are not known.
    pub fn duration(&self) -> Option<SignedDuration> {
        Some(self.ended_at?.duration_since(self.started_at?))
    }
}

/// All that `GET _snapshot` tells of one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Details {
    /// What a list tells as well.
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// The version of the cluster that took it, as that says it.
    pub version: Option<String>,
    /// The names of its indices.
    #[serde(rename = "index_names")]
    pub indices_named: Vec<String>,
    /// The names of its data streams.
    pub data_streams: Vec<String>,
    /// The names of its feature states (Elasticsearch only).
    pub feature_states: Vec<String>,
    /// Whether it holds the cluster's global state.
    pub include_global_state: Option<bool>,
    /// The shards that are not in it, all of them.
    pub shard_failures: Vec<ShardFailure>,
}

/// A shard that is not in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardFailure {
    /// Its index.
    pub index: String,
    /// Its number.
    pub shard: Option<u64>,
    /// The id of the node that it was on.
    pub node: Option<String>,
    /// Why, one line.
    pub reason: String,
}

/// How far a snapshot is, as `GET _snapshot/{repository}/{snapshot}/_status` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The server's own word in upper case: `INIT`, `STARTED`, `SUCCESS`, `FAILED`, `ABORTED`, ….
    pub state: String,
    /// Shards by stage.
    pub shards: ShardStages,
    /// Bytes that this snapshot adds to the repository.
    pub bytes: Counted,
    /// Files that this snapshot adds to the repository.
    pub files: Counted,
    /// All that the snapshot refers to, in bytes: what a restore would write.
    pub size_bytes: Option<u64>,
    /// By the server's clock.
    pub started_at: Option<Timestamp>,
    /// Shards that are not done, at most some fifty of them.
    pub unfinished: Vec<ShardAt>,
}

/// Shards of a snapshot by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShardStages {
    /// Not begun.
    pub initializing: u64,
    /// Files are being copied.
    pub started: u64,
    /// The shard's list of files is being written.
    pub finalizing: u64,
    /// In the repository.
    pub done: u64,
    /// Given up.
    pub failed: u64,
    /// All of them.
    pub total: u64,
}

/// Something that is worked off. `None` where the server does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// All of it. It grows while shards begin.
    pub total: Option<u64>,
    /// What is done.
    pub done: Option<u64>,
}

/// Where one shard is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardAt {
    /// Its index.
    pub index: String,
    /// Its number.
    pub shard: u64,
    /// `INIT`, `STARTED`, `FINALIZE` or `FAILURE`.
    pub stage: String,
    /// The id of the node that it is on.
    pub node: Option<String>,
    /// Why it failed, one line.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_both_ends() {
        let at = |second| Timestamp::from_second(second).ok();
        let mut snapshot = Snapshot {
            state: Some(State::Success),
            started_at: at(10),
            ended_at: at(70),
            indices: Some(2),
            ..Snapshot::named("s")
        };
        assert_eq!(snapshot.duration(), Some(SignedDuration::from_mins(1)));
        snapshot.ended_at = None;
        assert_eq!(snapshot.duration(), None);
    }
}
