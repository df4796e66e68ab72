//! The root: what each snapshot says of itself, beside what `index-N` says of it.

use super::finding::{Effect, Finding, Kind};
use super::names::Names;
use super::trouble;
use crate::Damage;
use crate::load::{Loaded, Loader, Trouble};
use crate::model::{GlobalMetadata, IndexEntry, Remote, RepositoryData, SnapshotEntry, SnapshotInfo, SnapshotRef};
use crate::store::Access;
use futures_util::{StreamExt as _, stream};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Blobs that are asked for at once.
const AT_ONCE: usize = 32;

/// One snapshot, as far as the root tells.
#[derive(Debug)]
pub struct RootSnapshot {
    /// Name and UUID.
    pub named: SnapshotRef,
    /// What its `snap-….dat` says.
    pub info: Loaded<Box<SnapshotInfo>>,
    /// Whether its `meta-….dat` can be read.
    pub global: Loaded<()>,
    /// Names of the indices that `index-N` says it holds.
    pub indices: BTreeSet<Arc<str>>,
    /// What `index-N` says of its state.
    pub state: Option<&'static str>,
}

impl RootSnapshot {
    /// Whether the snapshot itself says that it lacks the shard.
    pub fn lacks(&self, index: &str, shard: u32) -> bool {
        let Ok(info) = &self.info else { return false };
        info.failures.iter().any(|failure| failure.shard == shard && failure.index == index)
    }

    /// Where its data is, if not in this repository.
    pub fn remote(&self) -> Option<Remote> {
        self.info.as_ref().ok().and_then(|info| info.remote)
    }
}

/// Which of the snapshots that are looked at hold an index.
#[derive(Debug)]
pub struct Holders<'r> {
    roots: &'r [RootSnapshot],
    by_uuid: HashMap<&'r str, usize>,
}

impl<'r> Holders<'r> {
    /// Among these.
    pub fn among(roots: &'r [RootSnapshot]) -> Self {
        let by_uuid = roots.iter().enumerate().map(|(at, root)| (root.named.uuid.as_str(), at)).collect();
        Self { roots, by_uuid }
    }

    /// In the order of those.
    pub fn of(&self, index: &IndexEntry) -> Vec<&'r RootSnapshot> {
        let places = index.snapshots.iter().filter_map(|uuid| self.by_uuid.get(&**uuid).copied());
        let places: BTreeSet<usize> = places.collect();
        places.into_iter().filter_map(|at| self.roots.get(at)).collect()
    }
}

/// Reads the root's blobs of these snapshots, in their order.
pub async fn read(loader: &Loader<'_>, data: &RepositoryData, chosen: &[usize]) -> Vec<RootSnapshot> {
    let reads = infos(loader, data, chosen).await.into_iter().map(async |mut snapshot| {
        let path = loader.store.path(&format!("meta-{}.dat", snapshot.named.uuid));
        snapshot.global = loader.load(&path, GlobalMetadata::check).await;
        snapshot
    });
    stream::iter(reads.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
}

/// The same without the cluster's state, which is taken for good, and without the sizes of the indices, which are the greater
/// part of it.
pub async fn infos(loader: &Loader<'_>, data: &RepositoryData, chosen: &[usize]) -> Vec<RootSnapshot> {
    infos_as(loader, data, chosen, |bytes| {
        let mut info = SnapshotInfo::parse(bytes)?;
        info.index_bytes.clear();
        Ok(Box::new(info))
    })
    .await
}

/// The same with the sizes.
pub async fn whole_infos(loader: &Loader<'_>, data: &RepositoryData, chosen: &[usize]) -> Vec<RootSnapshot> {
    infos_as(loader, data, chosen, |bytes| SnapshotInfo::parse(bytes).map(Box::new)).await
}

async fn infos_as(
    loader: &Loader<'_>,
    data: &RepositoryData,
    chosen: &[usize],
    parse: fn(&[u8]) -> Result<Box<SnapshotInfo>, Damage>,
) -> Vec<RootSnapshot> {
    let reads = unread(data, chosen).into_iter().map(async |mut snapshot| {
        let path = loader.store.path(&format!("snap-{}.dat", snapshot.named.uuid));
        snapshot.info = loader.load(&path, parse).await;
        snapshot
    });
    stream::iter(reads.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
}

/// What `index-N` alone says of these snapshots.
pub fn unread(data: &RepositoryData, chosen: &[usize]) -> Vec<RootSnapshot> {
    let mut indices = indices_by_snapshot(data);
    let snapshots = chosen.iter().filter_map(|ordinal| data.snapshots.get(*ordinal));
    let one = |entry: &SnapshotEntry| RootSnapshot {
        named: SnapshotRef { name: entry.name.clone(), uuid: entry.uuid.to_string() },
        info: Err(Trouble::Access(Access::Missing)),
        global: Ok(()),
        indices: indices.remove(&*entry.uuid).unwrap_or_default(),
        state: entry.state.map(word),
    };
    snapshots.map(one).collect()
}

fn indices_by_snapshot(data: &RepositoryData) -> HashMap<&str, BTreeSet<Arc<str>>> {
    let mut by_snapshot: HashMap<&str, BTreeSet<Arc<str>>> = HashMap::new();
    for (name, index) in &data.indices {
        let name: Arc<str> = name.as_str().into();
        for uuid in &index.snapshots {
            by_snapshot.entry(uuid).or_default().insert(Arc::clone(&name));
        }
    }
    by_snapshot
}

fn word(state: snapkeep_core::snapshot::State) -> &'static str {
    use snapkeep_core::snapshot::State;
    match state {
        State::InProgress => "IN_PROGRESS",
        State::Success => "SUCCESS",
        State::Partial => "PARTIAL",
        State::Failed => "FAILED",
    }
}

/// What is wrong with a snapshot's blobs at the root. `base` is what stands before their names; `known` says whether
/// `index-N` has a snapshot of that UUID.
pub fn judge(snapshot: &RootSnapshot, base: impl Fn(&str) -> String, known: impl Fn(&str) -> bool) -> Vec<Finding> {
    let uuid = &snapshot.named.uuid;
    let info_blob = base(&format!("snap-{uuid}.dat"));
    let mut findings = match &snapshot.info {
        Err(trouble) => vec![trouble::finding(Kind::SnapshotInfo, Effect::Snapshot, &info_blob, trouble)],
        Ok(info) => {
            let found = of_info(snapshot, info, known).into_iter();
            found.map(|finding| finding.in_blob(info_blob.as_str())).collect()
        }
    };
    if let Err(trouble) = &snapshot.global {
        let effect = without_global_state(snapshot);
        let blob = base(&format!("meta-{uuid}.dat"));
        findings.push(trouble::finding(Kind::GlobalMetadata, effect, &blob, trouble));
    }
    findings.into_iter().map(|finding| finding.hurts(Names::from_iter([&snapshot.named.name]))).collect()
}

/// What a snapshot is without its cluster's state. Nodes of 5.x read it in every restore, later ones if it is asked for.
fn without_global_state(snapshot: &RootSnapshot) -> Effect {
    const SINCE: i64 = 6_000_000;
    match &snapshot.info {
        Ok(info) if info.version_id.is_some_and(|id| id < SINCE) => Effect::Snapshot,
        Ok(info) if info.include_global_state == Some(false) => Effect::Later,
        _ => Effect::GlobalState,
    }
}

fn of_info(snapshot: &RootSnapshot, info: &SnapshotInfo, known: impl Fn(&str) -> bool) -> Vec<Finding> {
    let contents = |effect, detail: String| Finding::new(Kind::Contents, effect, detail);
    let mut findings = Vec::new();
    if info.name != snapshot.named.name || info.uuid != snapshot.named.uuid && info.uuid != info.name {
        let detail = format!("it is the blob of another snapshot, {} ({})", info.name, info.uuid);
        findings.push(contents(in_anothers_place(info, known(&info.uuid)), detail));
    }
    let said: BTreeSet<&str> = info.indices.iter().map(String::as_str).collect();
    let recorded: BTreeSet<&str> = snapshot.indices.iter().map(|index| &**index).collect();
    for index in said.difference(&recorded) {
        let detail = format!("it names the index {index}, which index-N does not have in this snapshot");
        findings.push(contents(Effect::Index, detail).of_index(index));
    }
    for index in recorded.difference(&said) {
        let detail = format!("index-N has the index {index} in this snapshot, which itself does not name it");
        findings.push(contents(Effect::Index, detail).of_index(index));
    }
    if let Some(state) = snapshot.state.filter(|state| *state != info.state) {
        findings.push(contents(Effect::Later, format!("it says {}, index-N says {state}", info.state)));
    }
    findings.extend(info.remote.map(elsewhere));
    findings
}

/// What the blob of another snapshot in this one's place does, by the version that took the snapshot. Elasticsearch from 7.11 on
/// restores what the UUID in the blob stands for, and 5.x reads the cluster's state of that. OpenSearch, 6.x and 7.x to 7.10 take
/// what was asked for, and of the blob only the names of the indices.
fn in_anothers_place(info: &SnapshotInfo, is_known: bool) -> Effect {
    const SIX: i64 = 6_000_000;
    const SINCE: i64 = 7_110_000;
    const OPENSEARCH: i64 = 0x0800_0000;
    match info.version_id {
        Some(id) if (SINCE..OPENSEARCH).contains(&id) || id < SIX && !is_known => Effect::Snapshot,
        _ => Effect::Later,
    }
}

/// What a snapshot says of the number of its shards, beside what its indices' metadata do: `known` of these could be read, and
/// have `shards` together. Those that failed say little, and OpenSearch counts none in a clone.
pub fn judge_shards(snapshot: &RootSnapshot, base: impl Fn(&str) -> String, known: usize, shards: u64) -> Vec<Finding> {
    let Ok(info) = &snapshot.info else { return Vec::new() };
    if info.remote.is_some() || info.total_shards == 0 || !matches!(&*info.state, "SUCCESS" | "PARTIAL") {
        return Vec::new();
    }
    let mut details = Vec::new();
    let (total, successful) = (u64::from(info.total_shards), u64::from(info.successful_shards));
    if known == snapshot.indices.len() && known == info.indices.len() && total != shards {
        details.push(format!("it says that it has {total} shards, its indices have {shards}"));
    }
    let failures = info.failures.len() as u64;
    if total.checked_sub(successful) != Some(failures) {
        details
            .push(format!("it says that {successful} of {total} shards are in it, and tells of {failures} failures"));
    }
    let blob = base(&format!("snap-{}.dat", snapshot.named.uuid));
    let finding = |detail| Finding::new(Kind::Contents, Effect::Later, detail).in_blob(blob.as_str());
    let hurt = |detail| finding(detail).hurts(Names::from_iter([&snapshot.named.name]));
    details.into_iter().map(hurt).collect()
}

fn elsewhere(remote: Remote) -> Finding {
    let detail = match remote {
        Remote::ShallowCopy => {
            "a shallow copy: the data of indices with a remote store is there, not in this repository"
        }
        Remote::PinnedTimestamp { .. } => {
            "a snapshot of version 2: all of its data is in the remote store, none in this repository"
        }
    };
    Finding::new(Kind::Elsewhere, Effect::Nothing, detail)
}
