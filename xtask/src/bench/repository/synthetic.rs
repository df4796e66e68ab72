//! A repository as Elasticsearch 9.2 writes one, without a node: SMILE in DEFLATE with its checksums, metadata of indices
//! once for each of their changes, a shard's files once for all snapshots that hold them, and some blobs that nothing needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::encode::{Stored, dat, smile};
use super::shard::Shard;
use crate::failure::{Failure, Result};

/// So many changes of an index's data come with one of its mappings.
const MAPPED_EVERY: u64 = 10;

/// The first snapshot, in milliseconds since 1970; then one each hour.
const BEGIN: u64 = 1_795_425_389_655;

/// How large it is.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Snapshots; each holds all indices.
    pub(super) snapshots: u64,
    /// Indices.
    pub(super) indices: u64,
    /// Shards of each index.
    pub(super) shards: u64,
    /// An index changes from one snapshot to the next once in so many of them.
    pub(super) changes_every: u64,
    /// What the shards' files hold.
    pub(super) data: Data,
}

/// What files hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Data {
    /// Nothing, at their full length: who only looks at lengths sees no difference.
    Holes,
    /// Bytes with Lucene's footer, about so many together.
    Bytes(u64),
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) metadata_blobs: u64,
    pub(super) metadata_bytes: u64,
    pub(super) data_blobs: u64,
    pub(super) data_bytes: u64,
    /// Blobs that no snapshot needs.
    pub(super) orphans: u64,
}

impl Written {
    fn add(&mut self, other: Self) {
        self.metadata_blobs += other.metadata_blobs;
        self.metadata_bytes += other.metadata_bytes;
        self.data_blobs += other.data_blobs;
        self.data_bytes += other.data_bytes;
        self.orphans += other.orphans;
    }
}

impl Shape {
    /// Whether the index has other data in this snapshot than in the one before.
    pub(super) fn changes(&self, index: u64, snapshot: u64) -> bool {
        snapshot == 0 || (snapshot + index).is_multiple_of(self.changes_every)
    }

    /// Bytes of a shard's next segment.
    pub(super) fn segment_bytes(&self, shard: &str, number: u64) -> u64 {
        match self.data {
            // From 1 to 64 MiB.
            Data::Holes => (1 << 20) * (1 + u64::from(Sha256::digest(format!("{shard} {number}"))[0] % 64)),
            // Each half as large as the one before.
            Data::Bytes(all) => ((all / (self.indices * self.shards)) >> (number + 1)).max(1 << 10),
        }
    }
}

/// 22 characters, as the servers' ids: always the same ones for the same thing.
pub(super) fn id(of: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    Sha256::digest(of).iter().take(22).map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}

/// All of one length.
pub(super) fn snapshot_name(number: u64) -> String {
    format!("nightly-{number:06}")
}

/// The snapshot's UUID.
pub(super) fn snapshot_uuid(number: u64) -> String {
    id(&format!("snapshot {number}"))
}

/// Writes a file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(Failure::during(format!("cannot write {}", path.display())))
}

/// What `index-N` is to say of an index.
struct Index {
    id: String,
    generations: Vec<String>,
    /// By snapshot.
    identifiers: Vec<String>,
}

/// Writes the repository; its `index-N` comes last.
pub(super) fn create(folder: &Path, shape: &Shape) -> Result<Written> {
    fs::create_dir_all(folder).map_err(Failure::during("cannot make the repository's folder"))?;
    let (next, done) = (AtomicU64::new(0), Mutex::new((BTreeMap::new(), Written::default())));
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= shape.indices {
                return Ok(());
            }
            let (index, written) = index(folder, shape, number)?;
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.0.insert(format!("logs-{number:04}"), index);
            done.1.add(written);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(Failure::new("a writer died"))))
    })?;
    let (indices, mut written) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    for number in 0..shape.snapshots {
        written.add(snapshot(folder, shape, number, &indices)?);
    }
    let root = root(shape, &indices).to_string();
    let generation = shape.snapshots - 1;
    write(&folder.join("index.latest"), &generation.to_be_bytes())?;
    write(&folder.join(format!("index-{generation}")), root.as_bytes())?;
    written.add(Written { metadata_blobs: 2, metadata_bytes: root.len() as u64 + 8, ..Written::default() });
    Ok(written)
}

fn index(folder: &Path, shape: &Shape, number: u64) -> Result<(Index, Written)> {
    let (id_of_it, uuid) = (id(&format!("index {number}")), id(&format!("uuid of index {number}")));
    let folder = folder.join("indices").join(&id_of_it);
    let mut index = Index { id: id_of_it, generations: Vec::new(), identifiers: Vec::new() };
    let mut written = Written::default();
    for shard in 0..shape.shards {
        let (generation, of_shard) = Shard::new(shape, folder.join(shard.to_string()), number, shard).write()?;
        index.generations.push(generation);
        written.add(of_shard);
    }
    let mut changes = 0;
    for snapshot in 0..shape.snapshots {
        changes += u64::from(shape.changes(number, snapshot));
        let mapping = 1 + changes / MAPPED_EVERY;
        let identifier = format!("{uuid}-_na_-1-{mapping}-1");
        if index.identifiers.last() != Some(&identifier) {
            written.add(metadata_of_index(&folder, shape, number, (&uuid, &identifier, mapping))?);
        }
        index.identifiers.push(identifier);
    }
    Ok((index, written))
}

/// An index's `meta-….dat`, of as many fields as an index with logs has.
fn metadata_of_index(folder: &Path, shape: &Shape, number: u64, names: (&str, &str, u64)) -> Result<Written> {
    let (uuid, identifier, mapping) = names;
    let field = |field| (format!("field_{field:02}"), json!({ "type": "keyword", "ignore_above": 1_024 }));
    let fields: Map<String, Value> = (0..40).map(field).collect();
    let settings = json!({
        "index.creation_date": BEGIN.to_string(), "index.number_of_replicas": "1", "index.uuid": uuid,
        "index.number_of_shards": shape.shards.to_string(), "index.version.created": "9039001",
        "index.provided_name": format!("logs-{number:04}"),
    });
    let index = json!({
        "version": 12, "mapping_version": mapping, "settings_version": 1, "aliases_version": 1, "routing_num_shards": 1_024,
        "state": "open", "settings": settings, "mappings": [{ "_doc": { "properties": fields } }], "aliases": {},
        "primary_terms": vec![1; usize::try_from(shape.shards).unwrap_or_default()],
    });
    let mut body = Map::new();
    body.insert(format!("logs-{number:04}"), index);
    put(&folder.join(format!("meta-{}.dat", id(identifier))), "index-metadata", &body.into())
}

/// A snapshot's two blobs at the root.
fn snapshot(folder: &Path, shape: &Shape, number: u64, indices: &BTreeMap<String, Index>) -> Result<Written> {
    let uuid = snapshot_uuid(number);
    let begin = BEGIN + number * 3_600_000;
    let shards = shape.indices * shape.shards;
    let info = json!({ "snapshot": {
        "name": snapshot_name(number), "uuid": uuid, "version_id": 9_039_001, "indices": indices.keys().collect::<Vec<_>>(),
        "data_streams": [], "state": "SUCCESS", "include_global_state": true, "start_time": begin,
        "end_time": begin + 90_000, "total_shards": shards, "successful_shards": shards, "failures": [], "feature_states": [],
    } });
    let template = |number| (format!("template-{number}"), json!({ "index_patterns": ["logs-*"], "order": number }));
    let templates: Map<String, Value> = (0..30).map(template).collect();
    let global = json!({ "meta-data": {
        "version": 5_000 + number, "cluster_uuid": id("cluster"), "cluster_uuid_committed": true, "templates": templates,
    } });
    let mut written = put(&folder.join(format!("snap-{uuid}.dat")), "snapshot", &info)?;
    written.add(put(&folder.join(format!("meta-{uuid}.dat")), "metadata", &global)?);
    Ok(written)
}

fn put(path: &Path, codec: &str, body: &Value) -> Result<Written> {
    let blob = dat(codec, &smile(body, false), Stored::Deflate);
    write(path, &blob)?;
    Ok(Written { metadata_blobs: 1, metadata_bytes: blob.len() as u64, ..Written::default() })
}

/// What `index-N` says.
fn root(shape: &Shape, indices: &BTreeMap<String, Index>) -> Value {
    let uuids: Vec<String> = (0..shape.snapshots).map(snapshot_uuid).collect();
    let identifier = |number: u64, index: &Index| usize::try_from(number).ok().map(|at| index.identifiers[at].clone());
    let snapshots = uuids.iter().zip(0..).map(|(uuid, number)| {
        let lookup: BTreeMap<&String, _> = indices.values().map(|index| (&index.id, identifier(number, index))).collect();
        let begin = BEGIN + number * 3_600_000;
        json!({
            "name": snapshot_name(number), "uuid": uuid, "state": 1, "index_metadata_lookup": lookup, "version": "8.11.0",
            "index_version": 9_039_001, "start_time_millis": begin, "end_time_millis": begin + 90_000, "slm_policy": "",
        })
    });
    let all = indices.iter().map(|(name, index)| {
        (name.clone(), json!({ "id": index.id, "snapshots": uuids, "shard_generations": index.generations }))
    });
    let identifiers = indices.values().flat_map(|index| &index.identifiers);
    json!({
        "min_version": "7.12.0", "uuid": id("repository"), "cluster_id": id("cluster"),
        "snapshots": snapshots.collect::<Vec<_>>(), "indices": all.collect::<Map<_, _>>(),
        "index_metadata_identifiers": identifiers.map(|one| (one.clone(), id(one))).collect::<BTreeMap<_, _>>(),
    })
}
