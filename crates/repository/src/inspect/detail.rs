//! One snapshot in full.

use super::{named, remote, version};
use crate::load::{Loader, Trouble};
use crate::model::{FileInfo, IndexMetadata, ShardFailure};
use crate::open::Opened;
use crate::places::{Companions, Places};
use crate::store::Counts;
use crate::sums::total;
use crate::verify::facts::InSnapshot;
use crate::verify::root::{self, RootSnapshot};
use crate::verify::{ShardPlace, gather_said};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use snapkeep_core::{Code, Failure};
use std::collections::BTreeMap;

/// Indices, or shards of one, that are read at once.
const AT_ONCE: usize = 16;

/// All about a snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotDetail {
    /// The shape's version.
    pub schema: u32,
    /// The repository's place.
    pub location: String,
    /// The generation that was read.
    pub generation: Option<u64>,
    /// The snapshot's name.
    pub snapshot: String,
    /// Its UUID.
    pub uuid: String,
    /// Its own word on its state.
    pub state: String,
    /// Why it is not `SUCCESS`.
    pub reason: Option<String>,
    /// The version that wrote it.
    pub version: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether the cluster's state is in it.
    pub include_global_state: Option<bool>,
    /// What it was created with.
    pub metadata: Option<Value>,
    /// Its data streams.
    pub data_streams: Vec<String>,
    /// Shards that it was to hold.
    pub shards: u32,
    /// Shards that it holds.
    pub shards_successful: u32,
    /// Bytes of its files by its own word, where it says it.
    pub bytes: Option<u64>,
    /// Where its data is, if not in this repository.
    pub remote: Option<&'static str>,
    /// Shards that it lacks by its own word: index, shard, reason.
    pub failures: Vec<(String, u32, Option<String>)>,
    /// Its indices.
    pub indices: Vec<IndexDetail>,
    /// What was asked of the store.
    pub counts: Counts,
}

/// An index in a snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct IndexDetail {
    /// Its name.
    pub name: String,
    /// Its id in the repository.
    pub id: Option<String>,
    /// How many shards it has.
    pub shards: Option<u32>,
    /// How many copies of each.
    pub replicas: Option<u32>,
    /// `open` or `close`.
    pub state: Option<String>,
    /// Bytes of its files by the snapshot's own word, where it says it.
    pub bytes: Option<u64>,
    /// Why its metadata says nothing.
    pub trouble: Option<String>,
    /// Its settings; for an index that is asked for.
    pub settings: Option<BTreeMap<String, Value>>,
    /// Its mappings; as above.
    pub mappings: Option<BTreeMap<String, Value>>,
    /// Its aliases; as above.
    pub aliases: Option<BTreeMap<String, Value>>,
    /// Its shards' files; as above.
    pub files: Vec<ShardDetail>,
    /// Why nothing is known of its shards.
    pub shards_trouble: Option<String>,
}

/// A shard's files in a snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct ShardDetail {
    /// The shard.
    pub shard: u32,
    /// Its folder.
    pub folder: String,
    /// Its bytes.
    pub bytes: u64,
    /// Lucene's name, the blob's name, bytes, checksum.
    pub files: Vec<(String, String, u64, Option<String>)>,
    /// Why nothing is known of it.
    pub trouble: Option<String>,
}

/// Reads all about a snapshot; of the index that is asked for, also settings, mappings, aliases and files. Ends as
/// `inconclusive` if something cannot be read and the repository has changed meanwhile.
pub async fn snapshot(
    loader: &Loader<'_>,
    opened: &Opened,
    name: &str,
    index: Option<&str>,
) -> Result<SnapshotDetail, Failure> {
    let ordinal = named(opened, name)?;
    let roots = root::whole_infos(loader, &opened.data, &[ordinal]).await;
    let root = roots.first().ok_or_else(|| unreadable(name, "it is gone"))?;
    let info = match &root.info {
        Ok(info) => info,
        Err(trouble) => {
            opened.rests(loader.store).await?;
            let blob = loader.store.path(&format!("snap-{}.dat", root.named.uuid));
            return Err(without_info(name, &blob, trouble));
        }
    };
    if let Some(index) = index.filter(|index| !root.indices.contains(*index)) {
        let cause = format!("snapshot {name} holds no index {index}");
        return Err(Failure::new(Code::BadEvent, cause, "without --index all of them are listed"));
    }
    let chosen = root.indices.iter().filter(|one| index.is_none_or(|index| index == &***one));
    let reads = chosen.map(|one| of_index(loader, opened, root, one, index.is_some())).collect::<Vec<_>>();
    let indices: Vec<IndexDetail> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    if indices.iter().any(IndexDetail::is_troubled) {
        opened.rests(loader.store).await?;
    }
    let failure = |failure: &ShardFailure| (failure.index.clone(), failure.shard, failure.reason.clone());
    Ok(SnapshotDetail {
        schema: 1,
        location: loader.store.location().to_string(),
        generation: opened.generation,
        snapshot: name.to_owned(),
        uuid: root.named.uuid.clone(),
        state: info.state.clone(),
        reason: info.reason.clone(),
        version: version(&opened.data.snapshots[ordinal], info.version_id),
        started_at: super::at(info.start_millis),
        ended_at: super::at(info.end_millis),
        include_global_state: info.include_global_state,
        metadata: info.metadata.clone(),
        data_streams: info.data_streams.clone(),
        shards: info.total_shards,
        shards_successful: info.successful_shards,
        bytes: info.bytes(),
        remote: info.remote.map(remote),
        failures: info.failures.iter().map(failure).collect(),
        indices,
        counts: loader.store.counts(),
    })
}

impl IndexDetail {
    /// Whether anything of it could not be read.
    fn is_troubled(&self) -> bool {
        let is_troubled = self.trouble.is_some() || self.shards_trouble.is_some();
        is_troubled || self.files.iter().any(|shard| shard.trouble.is_some())
    }
}

/// Only what is damaged or gone is damage.
fn without_info(name: &str, blob: &str, trouble: &Trouble) -> Failure {
    match trouble {
        Trouble::Access(access) if !trouble.is_missing() => access.failure(blob),
        _ => unreadable(name, &format!("{blob}: {trouble}")),
    }
}

fn unreadable(name: &str, why: &str) -> Failure {
    let cause = format!("what snapshot {name} says of itself cannot be read: {why}");
    Failure::new(Code::DamageFound, cause, "`snapkeep verify` says what else is damaged")
}

async fn of_index(loader: &Loader<'_>, opened: &Opened, root: &RootSnapshot, name: &str, whole: bool) -> IndexDetail {
    let entry = opened.data.indices.get(name);
    let snapshot = opened.data.snapshot(&root.named.uuid);
    let path = entry.zip(snapshot).map(|(entry, snapshot)| {
        let blob = opened.data.index_meta_blob(&entry.id, snapshot);
        loader.store.path(&format!("indices/{}/meta-{blob}.dat", entry.id))
    });
    let read = match &path {
        Some(path) => loader.load(path, IndexMetadata::parse).await.map_err(|trouble| format!("{path}: {trouble}")),
        None => Err("index-N does not know it".to_owned()),
    };
    let trouble = read.as_ref().err().cloned();
    let metadata = read.ok();
    let shards = metadata.as_ref().map(|metadata| metadata.shards);
    let files = if whole { of_shards(loader, opened, root, name, shards).await } else { Ok(Vec::new()) };
    let (files, shards_trouble) = files.map_or_else(|why| (Vec::new(), Some(why)), |files| (files, None));
    let kept =
        |whole: bool, of: fn(&IndexMetadata) -> BTreeMap<String, Value>| metadata.as_ref().filter(|_| whole).map(of);
    IndexDetail {
        name: name.to_owned(),
        id: entry.map(|entry| entry.id.to_string()),
        shards,
        replicas: metadata.as_ref().map(|metadata| metadata.replicas),
        state: metadata.as_ref().map(|metadata| metadata.state.clone()),
        bytes: root.info.as_ref().ok().and_then(|info| info.index_bytes.get(name).copied()),
        trouble,
        settings: kept(whole, |metadata| metadata.settings.clone()),
        mappings: kept(whole, |metadata| metadata.mappings.clone()),
        aliases: kept(whole, |metadata| metadata.aliases.clone()),
        files,
        shards_trouble,
    }
}

/// The shards that the snapshot has, by the index's metadata, else by `index-N`.
async fn of_shards(
    loader: &Loader<'_>,
    opened: &Opened,
    root: &RootSnapshot,
    name: &str,
    shards: Option<u32>,
) -> Result<Vec<ShardDetail>, String> {
    let entry = opened.data.indices.get(name).ok_or("index-N does not know the index")?;
    let by_generations = entry.shard_generations.as_ref().and_then(|all| u32::try_from(all.len()).ok());
    let shards = shards.or(by_generations).ok_or("how many there are is not known")?;
    let companions = Companions::list(loader).await;
    let places = companions.places(loader, entry).await.map_err(|lost| match lost.blob {
        Some(blob) => format!("{blob}: {}", lost.why),
        None => lost.why,
    })?;
    let held = (0..shards).filter(|shard| !root.lacks(name, *shard));
    let reads = held.map(|shard| of_shard(loader, root, name, &places, shard)).collect::<Vec<_>>();
    Ok(stream::iter(reads).buffered(AT_ONCE).collect().await)
}

async fn of_shard(loader: &Loader<'_>, root: &RootSnapshot, name: &str, places: &Places, shard: u32) -> ShardDetail {
    let nothing =
        |folder: String, why: String| ShardDetail { shard, folder, bytes: 0, files: vec![], trouble: Some(why) };
    let Some(folder) = places.of(shard) else {
        return nothing(String::new(), "no companion blob says where it is".to_owned());
    };
    let place = ShardPlace { index: name, shard, folder: folder.clone(), generation: None };
    let facts = gather_said(loader, &place, &[root]).await;
    let blob = format!("{folder}/snap-{}.dat", root.named.uuid);
    match facts.snapshots.first() {
        Some((_, InSnapshot::Files { .. } | InSnapshot::There)) => {}
        Some((_, InSnapshot::Trouble(trouble))) => return nothing(folder, format!("{blob}: {trouble}")),
        Some((_, InSnapshot::Another { name })) => {
            return nothing(folder, format!("{blob}: it is the blob of another snapshot, {name}"));
        }
        Some((_, InSnapshot::Elsewhere)) | None => {
            return nothing(folder, "its data is in a remote store, which is not readable here".to_owned());
        }
    }
    let files: Vec<&FileInfo> = facts.used().into_iter().filter_map(|number| facts.files.get(number)).collect();
    let line =
        |file: &&FileInfo| (file.physical_name.clone(), file.name.to_string(), file.length, file.checksum.clone());
    ShardDetail {
        shard,
        folder,
        bytes: total(files.iter().map(|file| file.length)),
        files: files.iter().map(line).collect(),
        trouble: None,
    }
}
