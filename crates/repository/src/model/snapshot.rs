//! The root's `snap-<uuid>.dat`: how a snapshot ended.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::Damage;
use crate::bytes::{Body, Codec, Tree};
use crate::sums::total;

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
    /// Bytes of each index's shards, where Elasticsearch says it (7.13).
    pub index_bytes: BTreeMap<String, u64>,
}

impl SnapshotInfo {
    /// Bytes of all its files, by its own word.
    pub fn bytes(&self) -> Option<u64> {
        let indices = total(self.index_bytes.values().copied());
        let is_told = !self.indices.is_empty() && self.indices.iter().all(|index| self.index_bytes.contains_key(index));
        self.size_in_bytes.filter(|bytes| *bytes > 0).or(is_told.then_some(indices))
    }
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

impl SnapshotInfo {
    /// Reads the root's `snap-<uuid>.dat`.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let body = Body::open(blob, Codec::Snapshot)?;
        let Raw { snapshot } = body.read()?;
        Ok(snapshot.into())
    }
}

#[derive(Deserialize)]
struct Raw {
    snapshot: RawInfo,
}

#[derive(Deserialize)]
struct RawInfo {
    name: String,
    uuid: Option<String>,
    version_id: Option<i64>,
    #[serde(default)]
    indices: Vec<String>,
    #[serde(default)]
    data_streams: Vec<String>,
    state: String,
    reason: Option<String>,
    include_global_state: Option<bool>,
    metadata: Option<Tree>,
    #[serde(default)]
    start_time: i64,
    #[serde(default)]
    end_time: i64,
    #[serde(default)]
    total_shards: u32,
    #[serde(default)]
    successful_shards: u32,
    #[serde(default)]
    failures: Vec<RawFailure>,
    remote_store_index_shallow_copy: Option<bool>,
    pinned_timestamp: Option<i64>,
    snapshot_size_in_bytes: Option<u64>,
    index_details: Option<Tree>,
}

/// Bytes by index; nothing here is worth to call a blob damaged.
fn sizes(details: Option<Tree>) -> BTreeMap<String, u64> {
    let Some(Tree(Value::Object(details))) = details else { return BTreeMap::new() };
    let size = |details: &Value| details.get("size_in_bytes")?.as_u64();
    details.iter().filter_map(|(index, details)| Some((index.clone(), size(details)?))).collect()
}

#[derive(Deserialize)]
struct RawFailure {
    index: String,
    shard_id: u32,
    node_id: Option<String>,
    reason: Option<String>,
    status: Option<String>,
}

impl RawInfo {
    fn remote(&self) -> Option<Remote> {
        match self.pinned_timestamp {
            // Written as 0 by snapshots that pin nothing.
            Some(millis) if millis > 0 => Some(Remote::PinnedTimestamp { millis }),
            _ => self.remote_store_index_shallow_copy.filter(|is_shallow| *is_shallow).map(|_| Remote::ShallowCopy),
        }
    }
}

impl From<RawInfo> for SnapshotInfo {
    fn from(raw: RawInfo) -> Self {
        Self {
            remote: raw.remote(),
            uuid: raw.uuid.unwrap_or_else(|| raw.name.clone()),
            name: raw.name,
            version_id: raw.version_id,
            indices: raw.indices,
            data_streams: raw.data_streams,
            state: raw.state,
            reason: raw.reason,
            include_global_state: raw.include_global_state,
            metadata: raw.metadata.map(|Tree(value)| value),
            start_millis: raw.start_time,
            end_millis: raw.end_time,
            total_shards: raw.total_shards,
            successful_shards: raw.successful_shards,
            failures: raw.failures.into_iter().map(ShardFailure::from).collect(),
            size_in_bytes: raw.snapshot_size_in_bytes,
            index_bytes: sizes(raw.index_details),
        }
    }
}

impl From<RawFailure> for ShardFailure {
    fn from(raw: RawFailure) -> Self {
        Self { index: raw.index, shard: raw.shard_id, node: raw.node_id, reason: raw.reason, status: raw.status }
    }
}
