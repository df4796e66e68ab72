//! The repository's contents: `index-N`, `index.latest`, `incompatible-snapshots`.

use std::collections::BTreeMap;
use std::sync::Arc;

use snapkeep_core::snapshot::State;

/// `index-N`: what the repository holds in its generation N.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryData {
    /// In the order of the blob.
    pub snapshots: Vec<SnapshotEntry>,
    /// By the index's name.
    pub indices: BTreeMap<String, IndexEntry>,
    /// From the identifier of an index's metadata to the `<X>` of its `meta-<X>.dat` (Elasticsearch 7.9, OpenSearch).
    pub index_metadata_identifiers: BTreeMap<Arc<str>, String>,
    /// The oldest version that may write to the repository (Elasticsearch 7.6, OpenSearch).
    pub min_version: Option<String>,
    /// The repository's (Elasticsearch 7.12).
    pub uuid: Option<String>,
    /// Of the cluster that wrote last (Elasticsearch 7.12).
    pub cluster_id: Option<String>,
}

/// One snapshot in `index-N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The snapshot's name.
    pub name: String,
    /// The snapshot's UUID, in the names of its blobs; the name where the blob has none.
    pub uuid: Arc<str>,
    /// `None` if the blob does not say it or says a state that is not known.
    pub state: Option<State>,
    /// Of the node that wrote it (7.6); from Elasticsearch 8.9 on it stays `8.11.0`, see [`Self::index_version`].
    pub version: Option<String>,
    /// Elasticsearch's number for the format of indices, such as 9039001 for 9.2.0 (8.9).
    pub index_version: Option<i64>,
    /// Milliseconds since 1970 (Elasticsearch 7.14).
    pub start_millis: Option<i64>,
    /// Milliseconds since 1970 (Elasticsearch 7.14).
    pub end_millis: Option<i64>,
    /// From an index's id to the identifier of its metadata (Elasticsearch 7.9, OpenSearch); see
    /// [`RepositoryData::index_meta_blob`].
    pub index_metadata_lookup: BTreeMap<Arc<str>, Arc<str>>,
    /// The policy of Elasticsearch's own that made it; `None` if none did (7.16).
    pub slm_policy: Option<String>,
}

/// One index in `index-N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The index's id in this repository, the name of its folder; not the index's UUID.
    pub id: Arc<str>,
    /// UUIDs of the snapshots that hold the index.
    pub snapshots: Vec<Arc<str>>,
    /// By shard number, the `<G>` of the shard's current `index-<G>` (7.6); a `None` in it is a shard of which the blob does
    /// not say it. Numbers and names that begin with `_` are not to be relied on: then the shard's folder has to be listed.
    pub shard_generations: Option<Vec<Option<String>>>,
    /// Where the shards lie (OpenSearch 2.17): 0 below the index's folder, 1 below a hash before the repository's base path,
    /// 2 below a hash behind it.
    pub shard_path_type: Option<u8>,
}

/// A snapshot's name and UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRef {
    /// The snapshot's name.
    pub name: String,
    /// The snapshot's UUID; the name where the blob has none.
    pub uuid: String,
}

/// `incompatible-snapshots`: those that the server found to be of a version that it cannot read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncompatibleSnapshots {
    /// In the order of the blob.
    pub snapshots: Vec<SnapshotRef>,
}
