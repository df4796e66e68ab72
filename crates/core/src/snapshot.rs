//! What is known of a snapshot.

use jiff::Timestamp;
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
    /// Why shards failed, at most a few, one line each.
    pub failures: Vec<String>,
    /// The metadata it was created with.
    #[serde(skip)]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}
