//! What lies in a shard's folder, and where that folder is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::FileInfo;

/// A shard's `snap-<uuid>.dat`: its files in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSnapshot {
    /// The snapshot's name.
    pub name: String,
    /// The number of the commit, where the server writes it.
    pub index_version: Option<i64>,
    /// Milliseconds since 1970.
    pub start_millis: Option<i64>,
    /// Milliseconds.
    pub took_millis: Option<u64>,
    /// Files that were *new* in this snapshot; no measure of its size.
    pub number_of_files: Option<u64>,
    /// Bytes that were *new* in this snapshot; no measure of its size.
    pub total_size: Option<u64>,
    /// All files of the shard.
    pub files: Vec<FileInfo>,
}

/// A shard's `index-<G>`: its files in all snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardIndex {
    /// Each file once.
    pub files: Vec<FileInfo>,
    /// By the snapshot's *name*.
    pub snapshots: BTreeMap<String, ShardFiles>,
}

/// The files of a shard in one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardFiles {
    /// Names of blobs, as in [`FileInfo::name`].
    pub files: Vec<Arc<str>>,
    /// What the shard was, to know it again without comparing files (7.6).
    pub shard_state_id: Option<String>,
}

/// A shard's `shallow-snap-<uuid>.dat`: where the shard is in OpenSearch's remote store (2.10). The data is not readable here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShallowShardSnapshot {
    /// The snapshot's name.
    pub name: String,
    /// The index's UUID.
    pub index_uuid: String,
    /// The repository that is the remote store of the index's segments.
    pub remote_store_repository: String,
    /// That repository's base path.
    pub repository_base_path: Option<String>,
    /// Bytes of the shard.
    pub total_size: Option<u64>,
    /// Files of the shard.
    pub file_names: Vec<String>,
}

/// A companion blob in `snapshot_shard_paths/` (OpenSearch 2.17): the folders of an index's shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPaths {
    /// The index's id in this repository.
    pub index_id: String,
    /// The index's name.
    pub index_name: String,
    /// How many shards it has.
    pub shards: u32,
    /// As [`super::IndexEntry::shard_path_type`].
    pub path_type: u8,
    /// The number of the hash.
    pub hash_algorithm: Option<u8>,
    /// By shard number, the folder from the *bucket's* root.
    pub paths: Vec<String>,
}
