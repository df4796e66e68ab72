//! Which blobs nothing needs. Pure.

use crate::model::{BlobName, RepositoryData, SnapshotRef};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a blob was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An `index-M` of the root.
    Generation,
    /// A `snap-….dat` or `meta-….dat` of the root.
    Snapshot,
    /// Anything of an index that `index-N` does not have.
    Index,
    /// A `meta-….dat` of an index.
    IndexMetadata,
    /// An `index-…` of a shard.
    ShardGeneration,
    /// A `snap-….dat` of a shard.
    ShardSnapshot,
    /// Data of a shard.
    Data,
    /// A companion blob in `snapshot_shard_paths/`.
    ShardPaths,
    /// What a write was to become that did not end.
    Temporary,
    /// What a verification by the nodes left.
    Verification,
}

/// Why nothing needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A newer generation took its place; the one just before the newest is left alone.
    Superseded,
    /// `index-N` does not know its snapshot.
    UnknownSnapshot,
    /// `index-N` does not know its index.
    UnknownIndex,
    /// The index is not in its snapshot.
    NotInSnapshot,
    /// Neither the shard's `index-…` nor any of its snapshots names it.
    Unreferenced,
    /// It is nothing that stays.
    Leftover,
}

/// What `index-N` needs.
#[derive(Debug)]
pub(super) struct Needed<'a> {
    generation: u64,
    snapshots: BTreeSet<&'a str>,
    /// By id: the snapshots that hold the index, and its metadata blobs.
    indices: BTreeMap<&'a str, (BTreeSet<&'a str>, BTreeSet<&'a str>)>,
    /// UUIDs of snapshots that `index-N` does not have and that are none the less there: what indices and data they need is
    /// not known.
    incompatible: BTreeSet<&'a str>,
}

impl<'a> Needed<'a> {
    /// By that generation, and by `incompatible-snapshots`.
    pub(super) fn of(generation: u64, data: &'a RepositoryData, incompatible: &'a [SnapshotRef]) -> Self {
        let snapshots: BTreeMap<&str, _> = data.snapshots.iter().map(|snapshot| (&*snapshot.uuid, snapshot)).collect();
        let index = |entry: &'a crate::model::IndexEntry| {
            let holders: BTreeSet<&str> = entry.snapshots.iter().map(|uuid| &**uuid).collect();
            let blobs = holders.iter().filter_map(|uuid| snapshots.get(uuid));
            let blobs = blobs.map(|snapshot| data.index_meta_blob(&entry.id, snapshot)).collect();
            (&*entry.id, (holders, blobs))
        };
        let indices = data.indices.values().map(index).collect();
        // The oldest ones have their names in the places of UUIDs.
        let incompatible = incompatible.iter().flat_map(|known| [known.uuid.as_str(), known.name.as_str()]).collect();
        Self { generation, snapshots: snapshots.keys().copied().collect(), indices, incompatible }
    }

    /// Whether the index is known, or may be needed by a snapshot of which nothing is known.
    pub(super) fn keeps_index(&self, id: &str) -> bool {
        !self.incompatible.is_empty() || self.indices.contains_key(id)
    }

    fn has_snapshot(&self, uuid: &str) -> bool {
        self.snapshots.contains(uuid) || self.incompatible.contains(uuid)
    }

    /// What a blob was and why nothing needs it; nothing if it is needed, or if its shard has to say. `path` counts from the
    /// repository's base path.
    pub(super) fn judge(&self, path: &str) -> Option<(Kind, Rule)> {
        match BlobName::parse(path) {
            BlobName::Generation(generation) if generation < self.generation.saturating_sub(1) => {
                Some((Kind::Generation, Rule::Superseded))
            }
            BlobName::Snapshot { uuid } | BlobName::GlobalMetadata { uuid } if !self.has_snapshot(uuid) => {
                Some((Kind::Snapshot, Rule::UnknownSnapshot))
            }
            BlobName::IndexMetadata { index, id } => match self.indices.get(index) {
                _ if !self.incompatible.is_empty() => None,
                None => Some((Kind::Index, Rule::UnknownIndex)),
                Some((_, blobs)) => (!blobs.contains(id)).then_some((Kind::IndexMetadata, Rule::Unreferenced)),
            },
            BlobName::ShardSnapshot { shard, uuid } | BlobName::ShallowShardSnapshot { shard, uuid } => {
                match self.indices.get(shard.index) {
                    _ if self.incompatible.contains(uuid) => None,
                    None if self.keeps_index(shard.index) => None,
                    None => Some((Kind::Index, Rule::UnknownIndex)),
                    Some((holders, _)) if holders.contains(uuid) => None,
                    Some(_) if self.snapshots.contains(uuid) => Some((Kind::ShardSnapshot, Rule::NotInSnapshot)),
                    Some(_) => Some((Kind::ShardSnapshot, Rule::UnknownSnapshot)),
                }
            }
            BlobName::ShardIndex { shard, .. } | BlobName::Data { shard, .. } if !self.keeps_index(shard.index) => {
                Some((Kind::Index, Rule::UnknownIndex))
            }
            BlobName::Temporary => Some((Kind::Temporary, Rule::Leftover)),
            BlobName::Verification => Some((Kind::Verification, Rule::Leftover)),
            _ => None,
        }
    }

    /// The same for what a shard has to say: its current `index-…`, and the names of the files that it and its snapshots name.
    pub(super) fn in_shard(&self, path: &str, current: &str, files: &BTreeSet<String>) -> Option<(Kind, Rule)> {
        match BlobName::parse(path) {
            BlobName::ShardIndex { generation, .. } if generation != current => {
                Some((Kind::ShardGeneration, Rule::Superseded))
            }
            BlobName::Data { name, .. } if self.incompatible.is_empty() && !files.contains(name) => {
                Some((Kind::Data, Rule::Unreferenced))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IndexEntry, SnapshotEntry};

    fn data() -> RepositoryData {
        let entry = IndexEntry {
            id: "iA".into(),
            snapshots: vec!["s1".into()],
            shard_generations: None,
            shard_path_type: None,
        };
        let snapshot = |uuid: &str| SnapshotEntry {
            name: uuid.to_uppercase(),
            uuid: uuid.into(),
            state: None,
            version: None,
            index_version: None,
            start_millis: None,
            end_millis: None,
            index_metadata_lookup: BTreeMap::new(),
            slm_policy: None,
        };
        RepositoryData {
            snapshots: vec![snapshot("s1"), snapshot("s2")],
            indices: [("books".to_owned(), entry)].into(),
            ..RepositoryData::default()
        }
    }

    #[test]
    fn only_what_nothing_needs_is_an_orphan() {
        let data = data();
        let needed = Needed::of(9, &data, &[]);
        for (path, expected) in [
            ("index-9", None),
            ("index-8", None),
            ("index-10", None),
            ("index-7", Some((Kind::Generation, Rule::Superseded))),
            ("index.latest", None),
            ("incompatible-snapshots", None),
            ("snap-s1.dat", None),
            ("snap-sX.dat", Some((Kind::Snapshot, Rule::UnknownSnapshot))),
            ("meta-s2.dat", None),
            ("meta-sX.dat", Some((Kind::Snapshot, Rule::UnknownSnapshot))),
            ("indices/iA/meta-s1.dat", None),
            ("indices/iA/meta-s2.dat", Some((Kind::IndexMetadata, Rule::Unreferenced))),
            ("indices/iX/meta-s1.dat", Some((Kind::Index, Rule::UnknownIndex))),
            ("indices/iA/0/snap-s1.dat", None),
            ("indices/iA/0/snap-s2.dat", Some((Kind::ShardSnapshot, Rule::NotInSnapshot))),
            ("indices/iA/0/snap-sX.dat", Some((Kind::ShardSnapshot, Rule::UnknownSnapshot))),
            ("indices/iX/0/snap-s1.dat", Some((Kind::Index, Rule::UnknownIndex))),
            ("indices/iA/0/__a", None),
            ("indices/iX/0/__a", Some((Kind::Index, Rule::UnknownIndex))),
            ("indices/iX/0/index-g", Some((Kind::Index, Rule::UnknownIndex))),
            ("pending-index-9", Some((Kind::Temporary, Rule::Leftover))),
            ("tests-abc/master.dat", Some((Kind::Verification, Rule::Leftover))),
            ("readme.txt", None),
            ("photos/cat.jpg", None),
        ] {
            assert_eq!(needed.judge(path), expected, "{path}");
        }
    }

    #[test]
    fn a_shard_says_which_data_it_needs() {
        let (data, files) = (data(), ["__a".to_owned(), "__b".to_owned()].into());
        let needed = Needed::of(9, &data, &[]);
        for (path, expected) in [
            ("indices/iA/0/__a", None),
            ("indices/iA/0/__b.part1", None),
            ("indices/iA/0/__c", Some((Kind::Data, Rule::Unreferenced))),
            ("indices/iA/0/__c.part0", Some((Kind::Data, Rule::Unreferenced))),
            ("indices/iA/0/index-g", None),
            ("indices/iA/0/index-old", Some((Kind::ShardGeneration, Rule::Superseded))),
        ] {
            assert_eq!(needed.in_shard(path, "g", &files), expected, "{path}");
        }
    }

    #[test]
    fn what_incompatible_snapshots_may_need_is_kept() {
        let (data, files) = (data(), BTreeSet::new());
        let incompatible = [SnapshotRef { name: "old2x".into(), uuid: "sO".into() }];
        let needed = Needed::of(9, &data, &incompatible);
        for (path, expected) in [
            ("snap-sO.dat", None),
            ("meta-sO.dat", None),
            ("snap-sX.dat", Some((Kind::Snapshot, Rule::UnknownSnapshot))),
            ("indices/iA/meta-sO.dat", None),
            ("indices/iA/meta-s2.dat", None),
            ("indices/iA/0/snap-sO.dat", None),
            ("indices/iA/0/snap-s2.dat", Some((Kind::ShardSnapshot, Rule::NotInSnapshot))),
            ("indices/iX/meta-s1.dat", None),
            ("indices/iX/0/snap-s1.dat", None),
            ("indices/iX/0/__a", None),
            ("indices/iA/0/__a", None),
        ] {
            let found = needed.judge(path).or_else(|| needed.in_shard(path, "g", &files));
            assert_eq!(found, expected, "{path}");
        }
    }
}
