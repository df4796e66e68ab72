//! The root's `snap-<uuid>.dat`: how a snapshot ended.

use serde_json::Value;

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotInfo {
    /// The snapshot's name.
    pub name: String,
    /// The snapshot's UUID; the name where the blob has none.
    pub uuid: String,
    /// The version that wrote it, as the servers' number: 7172899 is 7.17.28.
    pub version_id: Option<i64>,
    /// Names of the indices in it.
    pub indices: Vec<String>,
    /// Names of the data streams in it (Elasticsearch 7.9, OpenSearch).
    pub data_streams: Vec<String>,
    /// The server's word, such as `SUCCESS`.
    pub state: String,
    /// Why it is not `SUCCESS`.
    pub reason: Option<String>,
    /// Whether the cluster's state is in it (6.2).
    pub include_global_state: Option<bool>,
    /// What it was created with (7.3).
    pub metadata: Option<Value>,
    /// Milliseconds since 1970.
    pub start_millis: i64,
    /// Milliseconds since 1970.
    pub end_millis: i64,
    /// Shards that it was to hold.
    pub total_shards: u32,
    /// Shards that are in it.
    pub successful_shards: u32,
    /// Shards that are not, with the reason.
    pub failures: Vec<ShardFailure>,
    /// The data is not in this repository but in a remote store's.
    pub remote: Option<Remote>,
    /// Bytes of its data, where OpenSearch says it.
    pub size_in_bytes: Option<u64>,
}

/// Snapshots of OpenSearch's remote store, whose data this repository does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The shards' blobs only point to the remote store (OpenSearch 2.10).
    ShallowCopy,
    /// There are no shards' blobs; the remote store keeps what it held at that time (OpenSearch 2.17).
    PinnedTimestamp {
        /// Milliseconds since 1970.
        millis: i64,
    },
}

/// A shard that is not in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFailure {
    /// The index's name.
    pub index: String,
    /// The shard's number.
    pub shard: u32,
    /// The id of the node that should have written it.
    pub node: Option<String>,
    /// The server's words.
    pub reason: Option<String>,
    /// The name of an HTTP status, such as `INTERNAL_SERVER_ERROR`.
    pub status: Option<String>,
}
