//! What lies in a shard's folder, and where that folder is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use super::FileInfo;
use super::fields::{Entries, Pool, Text};
use super::file::RawFile;
use crate::Damage;
use crate::bytes::{Body, Codec, json};
use crate::damage::quoted;

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
    /// Places in [`ShardIndex::files`]. Neighbours in the blob that hold the same files share the list.
    pub files: Arc<[u32]>,
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

impl ShardSnapshot {
    /// Reads a shard's `snap-<uuid>.dat`.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let body = Body::open(blob, Codec::Snapshot)?;
        let raw: RawShardSnapshot<'_> = body.read()?;
        let pool = Pool::default();
        Ok(Self {
            name: raw.name,
            index_version: raw.index_version,
            start_millis: raw.start_time,
            took_millis: raw.time,
            number_of_files: raw.number_of_files,
            total_size: raw.total_size,
            files: files(&body, raw.files, &pool)?,
        })
    }
}

fn files(body: &Body<'_>, files: Vec<RawFile<'_>>, pool: &Pool) -> Result<Vec<FileInfo>, Damage> {
    let files = files.into_iter().map(|file| file.shared(pool));
    files.collect::<Result<_, _>>().map_err(|(expected, found)| body.damage(expected, found))
}

#[derive(Deserialize)]
struct RawShardSnapshot<'a> {
    name: String,
    #[serde(alias = "index-version")]
    index_version: Option<i64>,
    start_time: Option<i64>,
    time: Option<u64>,
    number_of_files: Option<u64>,
    total_size: Option<u64>,
    #[serde(default, borrow)]
    files: Vec<RawFile<'a>>,
}

impl ShardIndex {
    /// Reads a shard's `index-<G>`. A blob that a snapshot names and the list of files does not is damage.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let body = Body::open(blob, Codec::ShardIndex)?;
        let raw: RawShardIndex<'_> = body.read()?;
        let files = files(&body, raw.files, &Pool::default())?;
        let mut snapshots = BTreeMap::new();
        let mut places = Places::of(&files);
        for (name, raw) in raw.snapshots.0 {
            let files = places.find(raw.files).map_err(|unknown| {
                body.damage(format_args!("a file of the blob's in the snapshot {}", quoted(&name)), quoted(&unknown))
            })?;
            snapshots.insert(name.into(), ShardFiles { files, shard_state_id: raw.shard_state_id });
        }
        Ok(Self { files, snapshots })
    }

    /// The files of one of its snapshots.
    pub fn files_of(&self, of: &ShardFiles) -> impl Iterator<Item = &FileInfo> {
        of.files.iter().filter_map(move |place| self.files.get(usize::try_from(*place).ok()?))
    }
}

/// Where the files stand in the blob's list, by their names.
struct Places<'f, 'a> {
    by_name: HashMap<&'f str, u32>,
    /// What was found last: mostly it is asked for again.
    last: (Vec<Text<'a>>, Arc<[u32]>),
}

impl<'f, 'a> Places<'f, 'a> {
    fn of(files: &'f [FileInfo]) -> Self {
        let mut by_name = HashMap::with_capacity(files.len());
        for (file, place) in files.iter().zip(0..) {
            by_name.entry(&*file.name).or_insert(place);
        }
        Self { by_name, last: (Vec::new(), Arc::default()) }
    }

    /// Of these; a name that the list has not is the error.
    fn find(&mut self, names: Vec<Text<'a>>) -> Result<Arc<[u32]>, String> {
        if names != self.last.0 {
            let place = |name: &Text<'a>| self.by_name.get(&**name).copied().ok_or_else(|| name.to_string());
            let places = names.iter().map(place).collect::<Result<_, _>>()?;
            self.last = (names, places);
        }
        Ok(Arc::clone(&self.last.1))
    }
}

#[derive(Deserialize)]
struct RawShardIndex<'a> {
    #[serde(default, borrow)]
    files: Vec<RawFile<'a>>,
    #[serde(default, borrow)]
    snapshots: Entries<'a, RawShardFiles<'a>>,
}

#[derive(Deserialize)]
struct RawShardFiles<'a> {
    #[serde(default, borrow)]
    files: Vec<Text<'a>>,
    shard_state_id: Option<String>,
}

impl ShallowShardSnapshot {
    /// Reads a shard's `shallow-snap-<uuid>.dat`.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let raw: RawShallow = Body::open(blob, Codec::Snapshot)?.read()?;
        Ok(Self {
            name: raw.name,
            index_uuid: raw.index_uuid,
            remote_store_repository: raw.remote_store_repository,
            repository_base_path: raw.remote_store_repository_base_path,
            total_size: raw.total_size,
            file_names: raw.file_names,
        })
    }
}

#[derive(Deserialize)]
struct RawShallow {
    name: String,
    index_uuid: String,
    remote_store_repository: String,
    remote_store_repository_base_path: Option<String>,
    total_size: Option<u64>,
    #[serde(default)]
    file_names: Vec<String>,
}

impl ShardPaths {
    /// Reads a blob of `snapshot_shard_paths/`; `name` is what is behind that slash. That the blob says the same as its name is
    /// part of the reading: nothing else protects it.
    pub fn parse(name: &str, blob: &[u8]) -> Result<Self, Damage> {
        let raw: RawPaths = json::decode(blob)?;
        let paths = Self {
            index_id: raw.index_id,
            index_name: raw.index_name,
            shards: raw.number_of_shards,
            path_type: raw.shard_path_type,
            hash_algorithm: raw.shard_path_hash_algorithm,
            paths: raw.paths,
        };
        let named = paths.names();
        if !named.iter().any(|own| own == name) {
            return Err(Damage::new(0, format_args!("what the blob's name {} says", quoted(name)), quoted(&named[0])));
        }
        if paths.paths.len() as u64 != u64::from(paths.shards) {
            return Err(Damage::new(0, format_args!("{} paths", paths.shards), paths.paths.len()));
        }
        Ok(paths)
    }

    /// The names that a blob with these contents has, of newer and of older versions.
    fn names(&self) -> [String; 2] {
        let algorithm = self.hash_algorithm.unwrap_or_default();
        let (id, name) = (&self.index_id, &self.index_name);
        let (shards, path_type) = (self.shards, self.path_type);
        [
            format!("snapshot_path_{id}.{name}.{shards}.{path_type}.{algorithm}"),
            format!("{id}#{name}#{shards}#{path_type}#{algorithm}"),
        ]
    }
}

#[derive(Deserialize)]
struct RawPaths {
    #[serde(rename = "indexId")]
    index_id: String,
    #[serde(rename = "indexName")]
    index_name: String,
    number_of_shards: u32,
    shard_path_type: u8,
    shard_path_hash_algorithm: Option<u8>,
    paths: Vec<String>,
}
