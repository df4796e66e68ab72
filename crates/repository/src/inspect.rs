//! What a repository holds: snapshots, their indices, files and metadata, and how two snapshots differ.

mod detail;
mod diff;

pub use detail::{IndexDetail, ShardDetail, SnapshotDetail, snapshot};
pub use diff::{Difference, IndexDifference, diff};

use crate::load::Loader;
use crate::model::{IndexEntry, Remote, SnapshotEntry};
use crate::open::Opened;
use crate::store::Counts;
use crate::verify::root::{self, RootSnapshot};
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_core::{Code, Failure};
use std::collections::HashMap;

/// What a repository holds.
#[derive(Clone, Debug, Serialize)]
pub struct Contents {
    /// The shape's version.
    pub schema: u32,
    /// The repository's place.
    pub location: String,
    /// The generation that was read; nothing for an empty repository.
    pub generation: Option<u64>,
    /// When it was written, by the store's clock.
    pub written_at: Option<Timestamp>,
    /// The repository's UUID.
    pub uuid: Option<String>,
    /// UUID of the cluster that wrote last.
    pub cluster_id: Option<String>,
    /// The oldest version that may write to it.
    pub min_version: Option<String>,
    /// The oldest first.
    pub snapshots: Vec<SnapshotLine>,
    /// By name.
    pub indices: Vec<IndexLine>,
    /// Names of snapshots that the servers found to be of a version that they cannot read: `incompatible-snapshots`.
    pub incompatible: Vec<String>,
    /// What else cannot be read, and why.
    pub trouble: Vec<String>,
    /// What was asked of the store.
    pub counts: Counts,
}

/// One snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotLine {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
    /// Its own word on its state; where its blob says nothing, that of `index-N`.
    pub state: Option<String>,
    /// The version that wrote it.
    pub version: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many indices it holds.
    pub indices: usize,
    /// How many shards it was to hold.
    pub shards: Option<u32>,
    /// How many it holds.
    pub shards_successful: Option<u32>,
    /// Bytes of its files by its own word, where it says it (Elasticsearch 7.13).
    pub bytes: Option<u64>,
    /// Where its data is, if not in this repository: `shallow copy` or `pinned timestamp`.
    pub remote: Option<&'static str>,
    /// Its own blob and why that says nothing.
    pub trouble: Option<String>,
}

/// One index.
#[derive(Clone, Debug, Serialize)]
pub struct IndexLine {
    /// Its name.
    pub name: String,
    /// Its id in the repository.
    pub id: String,
    /// How many snapshots hold it.
    pub snapshots: usize,
    /// How many shards it has, where `index-N` says it.
    pub shards: Option<usize>,
    /// Whether its shards lie below hashed folders.
    pub hashed: bool,
    /// Bytes of its files in the newest snapshot that says it.
    pub bytes: Option<u64>,
}

/// Reads what the repository holds: `index-N`, and each snapshot's own blob. Ends as `inconclusive` if one cannot be read and
/// the repository has changed meanwhile.
pub async fn contents(loader: &Loader<'_>, opened: &Opened) -> Result<Contents, Failure> {
    let all: Vec<usize> = (0..opened.data.snapshots.len()).collect();
    let roots = root::whole_infos(loader, &opened.data, &all).await;
    let entries: HashMap<&str, &SnapshotEntry> =
        opened.data.snapshots.iter().map(|snapshot| (&*snapshot.uuid, snapshot)).collect();
    let of = |root: &RootSnapshot| line(loader, root, entries.get(root.named.uuid.as_str()).copied());
    let mut snapshots: Vec<SnapshotLine> = roots.iter().map(of).collect();
    snapshots.sort_by(|one, other| (one.started_at, &one.name).cmp(&(other.started_at, &other.name)));
    let (incompatible, trouble) = match opened.incompatible(loader).await {
        Ok(found) => (found.into_iter().map(|snapshot| snapshot.name).collect(), Vec::new()),
        Err(trouble) => (Vec::new(), vec![format!("{}: {trouble}", loader.store.path("incompatible-snapshots"))]),
    };
    if !trouble.is_empty() || snapshots.iter().any(|line| line.trouble.is_some()) {
        opened.rests(loader.store).await?;
    }
    Ok(Contents {
        schema: 1,
        location: loader.store.location().to_string(),
        generation: opened.generation,
        written_at: opened.written,
        uuid: opened.data.uuid.clone(),
        cluster_id: opened.data.cluster_id.clone(),
        min_version: opened.data.min_version.clone(),
        snapshots,
        indices: index_lines(opened, &roots),
        incompatible,
        trouble,
        counts: loader.store.counts(),
    })
}

fn index_lines(opened: &Opened, roots: &[RootSnapshot]) -> Vec<IndexLine> {
    let mut infos: Vec<_> = roots.iter().filter_map(|root| root.info.as_ref().ok()).collect();
    infos.sort_by_key(|info| info.start_millis);
    // The newest one's word stays.
    let sizes: HashMap<&str, u64> =
        infos.iter().flat_map(|info| &info.index_bytes).map(|(index, bytes)| (index.as_str(), *bytes)).collect();
    let line = |(name, entry): (&String, &IndexEntry)| IndexLine {
        name: name.clone(),
        id: entry.id.to_string(),
        snapshots: entry.snapshots.len(),
        shards: entry.shard_generations.as_ref().map(Vec::len),
        hashed: entry.shard_path_type.unwrap_or_default() > 0,
        bytes: sizes.get(name.as_str()).copied(),
    };
    opened.data.indices.iter().map(line).collect()
}

fn line(loader: &Loader<'_>, root: &RootSnapshot, entry: Option<&SnapshotEntry>) -> SnapshotLine {
    let info = root.info.as_ref().ok();
    let time = |own: Option<i64>, listed: Option<i64>| own.or(listed).and_then(at);
    let trouble = |trouble| format!("{}: {trouble}", loader.store.path(&format!("snap-{}.dat", root.named.uuid)));
    SnapshotLine {
        name: root.named.name.clone(),
        uuid: root.named.uuid.clone(),
        state: info.map(|info| info.state.clone()).or_else(|| root.state.map(str::to_owned)),
        version: entry.and_then(|entry| version(entry, info.and_then(|info| info.version_id))),
        started_at: time(info.map(|info| info.start_millis), entry.and_then(|entry| entry.start_millis)),
        ended_at: time(info.map(|info| info.end_millis), entry.and_then(|entry| entry.end_millis)),
        indices: root.indices.len(),
        shards: info.map(|info| info.total_shards),
        shards_successful: info.map(|info| info.successful_shards),
        bytes: info.and_then(|info| info.bytes()),
        remote: root.remote().map(remote),
        trouble: root.info.as_ref().err().map(trouble),
    }
}

pub(crate) fn remote(remote: Remote) -> &'static str {
    match remote {
        Remote::ShallowCopy => "shallow copy",
        Remote::PinnedTimestamp { .. } => "pinned timestamp",
    }
}

pub(crate) fn at(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok().filter(|_| millis > 0)
}

/// From Elasticsearch 8.9 on `index-N` says 8.11.0 of all; its number for the format of indices has the true major version.
fn version(entry: &SnapshotEntry, id: Option<i64>) -> Option<String> {
    let of_format = entry.index_version.and_then(of_format);
    of_format.or_else(|| entry.version.clone()).or_else(|| id.and_then(dotted))
}

/// Before 8.11 the number for the format was the release's.
fn of_format(number: i64) -> Option<String> {
    const OWN_NUMBERS: i64 = 8_500_000;
    if number < OWN_NUMBERS { dotted(number) } else { Some(format!("{}.x", number / 1_000_000)) }
}

/// `7.17.28` from 7172899; OpenSearch sets a bit of its own.
fn dotted(id: i64) -> Option<String> {
    const OPENSEARCH: i64 = 0x0800_0000;
    let number = id ^ if id & OPENSEARCH == 0 { 0 } else { OPENSEARCH };
    (number > 0).then(|| format!("{}.{}.{}", number / 1_000_000, number / 10_000 % 100, number / 100 % 100))
}

/// The snapshot of that name.
pub(crate) fn named(opened: &Opened, name: &str) -> Result<usize, Failure> {
    opened.data.snapshots.iter().position(|snapshot| snapshot.name == name).ok_or_else(|| {
        let cause = format!("the repository has no snapshot {name}");
        Failure::new(Code::SnapshotMissing, cause, "`snapkeep inspect` lists those that there are")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_numbers() {
        for (id, expected) in [(7_172_899, "7.17.28"), (5_061_699, "5.6.16"), (137_247_827, "3.3.0"), (0, "")] {
            assert_eq!(dotted(id).unwrap_or_default(), expected, "{id}");
        }
        for (number, expected) in [(8_100_099, "8.10.0"), (8_503_000, "8.x"), (9_039_001, "9.x")] {
            assert_eq!(of_format(number).as_deref(), Some(expected));
        }
    }
}
