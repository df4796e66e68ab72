//! What was true of the cluster and of its indices: `meta-….dat`, at the root and in each index's folder.

use std::collections::BTreeMap;

use serde_json::Value;

/// The root's `meta-<uuid>.dat`: the cluster's state, as far as snapshots keep it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GlobalMetadata {
    /// The number of the state.
    pub version: Option<i64>,
    /// The UUID of the cluster.
    pub cluster_uuid: Option<String>,
    /// Everything else by its name: `templates`, `settings`, `ingest` and so on.
    pub sections: BTreeMap<String, Value>,
}

/// `indices/<id>/meta-<X>.dat`: what an index was.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexMetadata {
    /// The index's name.
    pub name: String,
    /// The index's UUID, which its folder's name is not.
    pub uuid: Option<String>,
    /// How many primary shards it has.
    pub shards: u32,
    /// How many copies each shard has.
    pub replicas: u32,
    /// `open` or `close`.
    pub state: String,
    /// Flat names, such as `index.number_of_shards`; texts, or lists of texts.
    pub settings: BTreeMap<String, Value>,
    /// By type, as the cluster keeps them; `_doc` is the type where there are none.
    pub mappings: BTreeMap<String, Value>,
    /// By the alias's name, with its filter and routing.
    pub aliases: BTreeMap<String, Value>,
    /// The number of the metadata's changes.
    pub version: Option<i64>,
}
