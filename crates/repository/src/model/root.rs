//! The repository's contents: `index-N`, `index.latest`, `incompatible-snapshots`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use snapkeep_core::snapshot::State;

use super::fields::{Entries, Pool, Reference, Text, text_or_number};
use crate::Damage;
use crate::bytes::json;
use crate::damage::quoted;

/// `index-N`: what the repository holds in its generation N.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryData {
    /// In the order of the blob, which says nothing.
    pub snapshots: Vec<SnapshotEntry>,
    /// By the index's name.
    pub indices: BTreeMap<String, IndexEntry>,
    /// From the identifier of an index's metadata to the `<X>` of its `meta-<X>.dat` (Elasticsearch 7.9, OpenSearch).
    pub index_metadata_identifiers: BTreeMap<Arc<str>, String>,
    /// The oldest version that may write to the repository (Elasticsearch 7.6, OpenSearch 1).
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
    /// `None` if the blob does not say it.
    pub state: Option<State>,
    /// Of the node that wrote it (7.6); from Elasticsearch 8.9 on it stays `8.11.0`, see [`Self::index_version`].
    pub version: Option<String>,
    /// Elasticsearch's number for the format of indices, such as 9039001 for 9.2.0 (8.9); 8.10 says it in the version's place.
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

/// `index.latest`: the current generation, as eight bytes.
pub fn latest(blob: &[u8]) -> Result<u64, Damage> {
    let number = <[u8; 8]>::try_from(blob).map_err(|_| {
        let at = blob.len().min(8);
        let found = if blob.len() > 8 { "more".to_owned() } else { format!("{} bytes", blob.len()) };
        Damage::new(at, "a number of 8 bytes and no more", found)
    })?;
    let generation = i64::from_be_bytes(number);
    generation.try_into().map_err(|_| Damage::new(0, "a generation", generation))
}

impl RepositoryData {
    /// Reads `index-N`. A snapshot that an index names and the blob does not is damage.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let raw: RawData<'_> = json::decode(blob)?;
        raw.check_states(blob)?;
        let pool = Pool::default();
        let snapshots: Vec<_> = raw.snapshots.into_iter().map(|snapshot| snapshot.shared(&pool)).collect();
        let indices: BTreeMap<_, _> =
            raw.indices.0.into_iter().map(|(name, index)| (name.into(), index.shared(&pool))).collect();
        let identifiers = raw.index_metadata_identifiers.0.into_iter();
        let data = Self {
            snapshots,
            indices,
            index_metadata_identifiers: identifiers.map(|(from, to)| (pool.get(&from), to.into())).collect(),
            min_version: raw.min_version,
            uuid: raw.uuid.map(String::from),
            cluster_id: raw.cluster_id.map(String::from),
        };
        data.check(blob)?;
        Ok(data)
    }

    /// The snapshot with this UUID.
    pub fn snapshot(&self, uuid: &str) -> Option<&SnapshotEntry> {
        self.snapshots.iter().find(|snapshot| &*snapshot.uuid == uuid)
    }

    /// The `<X>` of `indices/<index_id>/meta-<X>.dat` for an index in a snapshot: where the blob has no word on it, as before
    /// 7.9, the snapshot's UUID.
    pub fn index_meta_blob<'a>(&'a self, index_id: &str, snapshot: &'a SnapshotEntry) -> &'a str {
        let identifier = snapshot.index_metadata_lookup.get(index_id);
        identifier
            .and_then(|identifier| self.index_metadata_identifiers.get(identifier))
            .map_or(&*snapshot.uuid, String::as_str)
    }

    /// What becomes part of blobs' paths.
    fn names_in_paths(&self) -> impl Iterator<Item = &str> {
        let snapshots = self.snapshots.iter().map(|snapshot| &*snapshot.uuid);
        let generations = self.indices.values().flat_map(|index| index.shard_generations.iter().flatten().flatten());
        let ids = self.indices.values().map(|index| &*index.id);
        let metadata = self.index_metadata_identifiers.values();
        // An empty generation stands for one that is not known.
        let generations = generations.map(String::as_str).filter(|generation| !generation.is_empty());
        snapshots.chain(ids).chain(generations).chain(metadata.map(String::as_str))
    }

    fn check(&self, blob: &[u8]) -> Result<(), Damage> {
        if let Some(bad) = self.names_in_paths().find(|name| !is_plain(name)) {
            return Err(Damage::new(place(blob, bad), "an id that can be part of a blob's name", quoted(bad)));
        }
        let known: HashSet<&str> = self.snapshots.iter().map(|snapshot| &*snapshot.uuid).collect();
        for (name, index) in &self.indices {
            if let Some(unknown) = index.snapshots.iter().find(|uuid| !known.contains(&***uuid)) {
                let expected = format!("a snapshot of the blob's in the index {}", quoted(name));
                return Err(Damage::new(place(blob, unknown), expected, quoted(unknown)));
            }
        }
        for snapshot in &self.snapshots {
            let identifiers = &self.index_metadata_identifiers;
            let missing = snapshot.index_metadata_lookup.values().find(|id| !identifiers.contains_key(&***id));
            if let Some(unknown) = missing {
                let expected = format!("an identifier of the blob's in the snapshot {}", quoted(&snapshot.name));
                return Err(Damage::new(place(blob, unknown), expected, quoted(unknown)));
            }
        }
        Ok(())
    }
}

/// Whether a text is one part of a path and no way to another place.
pub(super) fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(|c: char| c == '/' || c == '\\' || c.is_control())
}

/// Where a text stands in the blob first.
fn place(blob: &[u8], text: &str) -> usize {
    blob.windows(text.len().max(1)).position(|window| window == text.as_bytes()).unwrap_or_default()
}

impl IncompatibleSnapshots {
    /// Reads `incompatible-snapshots`.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let raw: RawIncompatible<'_> = json::decode(blob)?;
        let one = |Reference { name, uuid }| SnapshotRef { name: String::from(name), uuid: uuid.into() };
        Ok(Self { snapshots: raw.snapshots.into_iter().map(one).collect() })
    }
}

#[derive(Deserialize)]
struct RawIncompatible<'a> {
    #[serde(rename = "incompatible-snapshots", borrow)]
    snapshots: Vec<Reference<'a>>,
}

#[derive(Deserialize)]
struct RawData<'a> {
    #[serde(borrow)]
    snapshots: Vec<RawSnapshot<'a>>,
    #[serde(borrow)]
    indices: Entries<'a, RawIndex<'a>>,
    #[serde(default, borrow)]
    index_metadata_identifiers: Entries<'a, Text<'a>>,
    #[serde(default, deserialize_with = "text_or_number")]
    min_version: Option<String>,
    #[serde(borrow)]
    uuid: Option<Text<'a>>,
    #[serde(borrow)]
    cluster_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawSnapshot<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    uuid: Option<Text<'a>>,
    state: Option<u8>,
    #[serde(default, deserialize_with = "text_or_number")]
    version: Option<String>,
    index_version: Option<i64>,
    #[serde(rename = "start_time_millis")]
    start_millis: Option<i64>,
    #[serde(rename = "end_time_millis")]
    end_millis: Option<i64>,
    #[serde(default, borrow)]
    index_metadata_lookup: Entries<'a, Text<'a>>,
    #[serde(borrow)]
    slm_policy: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawIndex<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    snapshots: Vec<Reference<'a>>,
    shard_generations: Option<Vec<Option<String>>>,
    shard_path_type: Option<u8>,
}

impl RawSnapshot<'_> {
    fn shared(self, pool: &Pool) -> SnapshotEntry {
        let lookup = self.index_metadata_lookup.0.iter();
        // Elasticsearch 8.10 wrote the number of the format as the version.
        let number = self.version.as_deref().and_then(|version| version.parse().ok());
        SnapshotEntry {
            uuid: pool.get(self.uuid.as_ref().unwrap_or(&self.name)),
            name: self.name.into(),
            state: self.state.and_then(state),
            version: self.version.filter(|_| number.is_none()),
            index_version: self.index_version.or(number),
            start_millis: self.start_millis,
            end_millis: self.end_millis,
            index_metadata_lookup: lookup.map(|(index, id)| (pool.get(index), pool.get(id))).collect(),
            slm_policy: self.slm_policy.map(String::from).filter(|policy| !policy.is_empty()),
        }
    }
}

impl RawData<'_> {
    /// Servers refuse the whole blob for a state that they do not know.
    fn check_states(&self, blob: &[u8]) -> Result<(), Damage> {
        let unknown = |snapshot: &&RawSnapshot<'_>| snapshot.state.is_some_and(|number| state(number).is_none());
        let Some(snapshot) = self.snapshots.iter().find(unknown) else { return Ok(()) };
        let expected = format!("a state of the snapshot {}, 0 to 4", quoted(&snapshot.name));
        Err(Damage::new(place(blob, &snapshot.name), expected, snapshot.state.unwrap_or_default()))
    }
}

/// `SnapshotState.value()`; 4 is `INCOMPATIBLE`.
fn state(number: u8) -> Option<State> {
    match number {
        0 => Some(State::InProgress),
        1 => Some(State::Success),
        2 | 4 => Some(State::Failed),
        3 => Some(State::Partial),
        _ => None,
    }
}

impl RawIndex<'_> {
    fn shared(self, pool: &Pool) -> IndexEntry {
        IndexEntry {
            id: pool.get(&self.id),
            snapshots: self.snapshots.iter().map(|snapshot| pool.get(&snapshot.uuid)).collect(),
            shard_generations: self.shard_generations,
            shard_path_type: self.shard_path_type,
        }
    }
}
