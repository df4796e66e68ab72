//! A repository in a folder, all of it read, with what must hold within it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use snapkeep_repository::Damage;
use snapkeep_repository::model::{
    BlobName, FileInfo, GlobalMetadata, IncompatibleSnapshots, IndexMetadata, RepositoryData, ShallowShardSnapshot,
    ShardIndex, ShardPaths, ShardSnapshot, SnapshotEntry, SnapshotInfo, latest,
};

/// Paths below the repository's folder, with `/`, and the blobs.
pub(crate) type Blobs = BTreeMap<String, Vec<u8>>;

/// Everything that a repository says.
pub(crate) struct Whole {
    pub(crate) blobs: Blobs,
    pub(crate) generation: u64,
    pub(crate) data: RepositoryData,
    /// By the snapshot's UUID.
    pub(crate) snapshots: BTreeMap<String, SnapshotInfo>,
    /// By the snapshot's UUID.
    pub(crate) global: BTreeMap<String, GlobalMetadata>,
    /// By the index's id and `<X>`.
    pub(crate) indices: BTreeMap<(String, String), IndexMetadata>,
    /// By the index's id.
    pub(crate) paths: BTreeMap<String, ShardPaths>,
}

pub(crate) fn blobs(folder: &Path) -> Blobs {
    let mut found = Blobs::new();
    collect(folder, "", &mut found);
    found
}

fn collect(folder: &Path, below: &str, found: &mut Blobs) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{path}/"), found);
        } else {
            found.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}

pub(crate) fn fine<T>(path: impl fmt::Display, parsed: Result<T, Damage>) -> T {
    parsed.unwrap_or_else(|damage| panic!("{path}: {damage}"))
}

/// A path as the format has it: without the hash that OpenSearch 3 puts before a shard's folder.
pub(crate) fn plain(path: &str) -> &str {
    path.find("indices/").map_or(path, |start| &path[start..])
}

/// Whether a blob has an envelope.
pub(crate) fn is_sealed(path: &str) -> bool {
    !matches!(
        BlobName::parse(plain(path)),
        BlobName::Generation(_)
            | BlobName::Latest
            | BlobName::Incompatible
            | BlobName::ShardPaths(_)
            | BlobName::Data { .. }
    )
}

impl Whole {
    pub(crate) fn read(folder: &Path) -> Self {
        let blobs = blobs(folder);
        let generations = blobs.keys().filter_map(|path| match BlobName::parse(path) {
            BlobName::Generation(generation) => Some(generation),
            _ => None,
        });
        let generation = generations.max().expect("a generation");
        let current = format!("index-{generation}");
        let data = fine(&current, RepositoryData::parse(&blobs[&current]));
        let mut whole = Self {
            blobs: Blobs::new(),
            generation,
            data,
            snapshots: BTreeMap::new(),
            global: BTreeMap::new(),
            indices: BTreeMap::new(),
            paths: BTreeMap::new(),
        };
        for (path, blob) in &blobs {
            whole.take(path, blob);
        }
        whole.blobs = blobs;
        whole
    }

    fn take(&mut self, path: &str, blob: &[u8]) {
        match BlobName::parse(plain(path)) {
            BlobName::Latest => assert_eq!(fine(path, latest(blob)), self.generation, "{path}"),
            BlobName::Incompatible => drop(fine(path, IncompatibleSnapshots::parse(blob))),
            BlobName::Snapshot { uuid } => {
                self.snapshots.insert(uuid.to_owned(), fine(path, SnapshotInfo::parse(blob)));
            }
            BlobName::GlobalMetadata { uuid } => {
                self.global.insert(uuid.to_owned(), fine(path, GlobalMetadata::parse(blob)));
            }
            BlobName::IndexMetadata { index, id } => {
                let metadata = fine(path, IndexMetadata::parse(blob));
                self.indices.insert((index.to_owned(), id.to_owned()), metadata);
            }
            BlobName::ShardPaths(name) => {
                let paths = fine(path, ShardPaths::parse(name, blob));
                self.paths.insert(paths.index_id.clone(), paths);
            }
            BlobName::Generation(_) => drop(fine(path, RepositoryData::parse(blob))),
            BlobName::ShardSnapshot { .. } => drop(fine(path, ShardSnapshot::parse(blob))),
            BlobName::ShardIndex { .. } => drop(fine(path, ShardIndex::parse(blob))),
            BlobName::ShallowShardSnapshot { .. } => drop(fine(path, ShallowShardSnapshot::parse(blob))),
            BlobName::Data { .. } => {}
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Of the snapshots; the blob has them in no order.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.data.snapshots.iter().map(|snapshot| &*snapshot.name).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn snapshot(&self, name: &str) -> &SnapshotEntry {
        self.data.snapshots.iter().find(|snapshot| snapshot.name == name).expect("a snapshot of that name")
    }

    /// The metadata of an index in a snapshot.
    pub(crate) fn index(&self, snapshot: &SnapshotEntry, name: &str) -> &IndexMetadata {
        let id = self.data.indices[name].id.to_string();
        let blob = self.data.index_meta_blob(&id, snapshot).to_owned();
        self.indices.get(&(id, blob)).expect("the index's metadata")
    }

    /// A shard's folder, with a slash at its end.
    fn folder(&self, index: &str, shard: usize) -> String {
        let entry = &self.data.indices[index];
        match entry.shard_path_type {
            None | Some(0) => format!("indices/{}/{shard}/", entry.id),
            Some(_) => format!("{}/", self.paths[&*entry.id].paths[shard].trim_matches('/')),
        }
    }

    pub(crate) fn shard_snapshot(&self, snapshot: &SnapshotEntry, index: &str, shard: usize) -> ShardSnapshot {
        let path = format!("{}snap-{}.dat", self.folder(index, shard), snapshot.uuid);
        fine(&path, ShardSnapshot::parse(self.blob(&path)))
    }

    /// The current one: by `index-N` if that says so, else the highest.
    pub(crate) fn shard_index(&self, index: &str, shard: usize) -> ShardIndex {
        let start = format!("{}index-", self.folder(index, shard));
        let said = self.data.indices[index].shard_generations.as_ref().and_then(|all| all[shard].clone());
        let listed = || {
            let names = self.blobs.keys().filter_map(|path| path.strip_prefix(&start));
            names.max_by_key(|generation| generation.parse::<u64>().ok()).expect("a generation").to_owned()
        };
        let path = format!("{start}{}", said.unwrap_or_else(listed));
        fine(&path, ShardIndex::parse(self.blob(&path)))
    }

    fn blob(&self, path: &str) -> &[u8] {
        self.blobs.get(path).unwrap_or_else(|| panic!("{path} is not there"))
    }

    /// What must hold in a repository that nothing happened to.
    pub(crate) fn is_sound(&self) {
        for snapshot in &self.data.snapshots {
            let info = &self.snapshots[&*snapshot.uuid];
            assert_eq!((&info.name, &*info.uuid), (&snapshot.name, &*snapshot.uuid));
            if info.include_global_state != Some(false) {
                assert!(self.global.contains_key(&*snapshot.uuid), "{}", snapshot.name);
            }
            for index in &info.indices {
                self.is_sound_in(snapshot, info, index);
            }
        }
    }

    fn is_sound_in(&self, snapshot: &SnapshotEntry, info: &SnapshotInfo, index: &str) {
        assert!(self.data.indices[index].snapshots.contains(&snapshot.uuid), "{index}");
        let metadata = self.index(snapshot, index);
        assert_eq!(metadata.name, index);
        for shard in 0..metadata.shards {
            if info.failures.iter().any(|failure| failure.index == index && failure.shard == shard) {
                continue;
            }
            let shard = usize::try_from(shard).unwrap();
            let of_snapshot = self.shard_snapshot(snapshot, index, shard);
            let of_index = self.shard_index(index, shard);
            assert_eq!(of_snapshot.name, snapshot.name);
            let mut named: Vec<_> = of_snapshot.files.iter().map(|file| &file.name).collect();
            let mut listed: Vec<_> =
                of_index.files_of(&of_index.snapshots[&snapshot.name]).map(|file| &file.name).collect();
            named.sort();
            listed.sort();
            assert_eq!(named, listed, "{index}/{shard} of {}", snapshot.name);
            for file in &of_snapshot.files {
                self.is_stored(&self.folder(index, shard), file);
                assert!(of_index.files.contains(file), "{file:?}");
            }
        }
    }

    fn is_stored(&self, folder: &str, file: &FileInfo) {
        if file.is_virtual() {
            assert_eq!(file.meta_hash.as_ref().map(|bytes| bytes.len() as u64), Some(file.length), "{file:?}");
        }
        for (name, length) in file.parts() {
            let path = format!("{folder}{name}");
            assert_eq!(self.blob(&path).len() as u64, length, "{path}");
        }
    }
}
