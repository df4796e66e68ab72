//! One index after the other, shard by shard.

use super::finding::{Effect, Finding, Kind};
use super::journal::{Done, Journal, Totals};
use super::root::RootSnapshot;
use super::{Choice, Level, Progress, ShardPlace, Watch, bytes, gather, holders, judge, trouble};
use crate::load::{Loaded, Loader};
use crate::model::{IndexEntry, IndexMetadata, SnapshotEntry};
use crate::open::Opened;
use crate::places::{Companions, Lost, Places};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use snapkeep_core::Failure;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// Shards of one index that are looked at at once.
const AT_ONCE: usize = 4;

/// Metadata blobs of one index that are asked for at once.
const METADATA_AT_ONCE: usize = 8;

/// One run's means, and what it has seen.
pub(super) struct Run<'a> {
    pub(super) loader: &'a Loader<'a>,
    pub(super) opened: &'a Opened,
    pub(super) choice: &'a Choice,
    pub(super) journal: Option<&'a Journal>,
    pub(super) watch: &'a dyn Watch,
    pub(super) roots: &'a [RootSnapshot],
    pub(super) companions: &'a Companions,
    pub(super) seen: Mutex<Progress>,
}

/// What an index's metadata blobs say together.
struct Metadata {
    shards: u32,
    findings: Vec<Finding>,
}

impl Run<'_> {
    /// All that is wrong with an index.
    pub(super) async fn index(&self, name: &str, entry: &IndexEntry) -> Result<Vec<Finding>, Failure> {
        let holders = holders(self.roots, name);
        if holders.is_empty() {
            return Ok(Vec::new());
        }
        let metadata = self.metadata(name, entry, &holders).await;
        let mut findings = metadata.findings;
        let places = match self.companions.places(self.loader, entry).await {
            Ok(places) => places,
            Err(lost) => {
                findings.push(without_places(&lost, name, &holders));
                return Ok(findings);
            }
        };
        let shards = self.number_of_shards(metadata.shards, entry, &places).await;
        let looks = (0..shards).map(|shard| self.shard(name, entry, &places, shard, &holders)).collect::<Vec<_>>();
        let found: Vec<Vec<Finding>> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
        findings.extend(found.into_iter().flatten());
        Ok(findings)
    }

    /// Reads the index's metadata blobs: one may serve many snapshots.
    async fn metadata(&self, name: &str, entry: &IndexEntry, holders: &[&RootSnapshot]) -> Metadata {
        let blobs = self.metadata_blobs(entry, holders);
        let reads = blobs.keys().map(|blob| self.loader.load(blob, IndexMetadata::parse)).collect::<Vec<_>>();
        let loaded: Vec<Loaded<IndexMetadata>> = stream::iter(reads).buffered(METADATA_AT_ONCE).collect().await;
        let shards = loaded.iter().filter_map(|loaded| loaded.as_ref().ok()).map(|metadata| metadata.shards).max();
        let found = blobs.iter().zip(&loaded).filter_map(|((blob, users), loaded)| {
            let uuids: BTreeSet<&str> = users.iter().filter_map(|(_, uuid)| uuid.as_deref()).collect();
            let finding = of_metadata(name, &uuids, blob, loaded)?;
            Some(finding.of_index(name).hurts(users.iter().map(|(snapshot, _)| snapshot.clone()).collect()))
        });
        Metadata { shards: shards.unwrap_or_default(), findings: found.collect() }
    }

    /// By their paths: the snapshots that use them, with the index's UUID where the identifier tells it.
    fn metadata_blobs(
        &self,
        entry: &IndexEntry,
        holders: &[&RootSnapshot],
    ) -> BTreeMap<String, Vec<(String, Option<String>)>> {
        let entries = self.opened.data.snapshots.iter().map(|snapshot| (&*snapshot.uuid, snapshot));
        let entries: HashMap<&str, &SnapshotEntry> = entries.collect();
        let mut blobs: BTreeMap<String, Vec<(String, Option<String>)>> = BTreeMap::new();
        for holder in holders {
            let Some(snapshot) = entries.get(holder.named.uuid.as_str()) else { continue };
            let blob = self.opened.data.index_meta_blob(&entry.id, snapshot);
            let path = self.loader.store.path(&format!("indices/{}/meta-{blob}.dat", entry.id));
            let identifier = snapshot.index_metadata_lookup.get(&*entry.id);
            let uuid = identifier.and_then(|identifier| identifier.get(..UUID)).map(str::to_owned);
            blobs.entry(path).or_default().push((holder.named.name.clone(), uuid));
        }
        blobs
    }

    async fn number_of_shards(&self, by_metadata: u32, entry: &IndexEntry, places: &Places) -> u32 {
        let by_generations = entry.shard_generations.as_ref().map_or(0, Vec::len);
        let known = by_metadata.max(u32::try_from(by_generations).unwrap_or(u32::MAX));
        match places {
            _ if known > 0 => known,
            Places::Hashed { folders } => u32::try_from(folders.len()).unwrap_or(u32::MAX),
            Places::Fixed { folder } => {
                let folders = self.loader.store.level(folder).await.map(|(_, folders)| folders).unwrap_or_default();
                folders.iter().filter_map(|name| name.parse::<u32>().ok()).max().map_or(0, |highest| highest + 1)
            }
        }
    }

    async fn shard(
        &self,
        name: &str,
        entry: &IndexEntry,
        places: &Places,
        shard: u32,
        holders: &[&RootSnapshot],
    ) -> Result<Vec<Finding>, Failure> {
        if let Some(done) = self.journal.and_then(|journal| journal.done(&entry.id, shard)) {
            self.move_on(|progress| {
                progress.totals.add(done.totals);
                progress.findings += done.findings.len();
            });
            return Ok(done.findings.clone());
        }
        let held: Vec<&RootSnapshot> = holders.iter().filter(|holder| !holder.lacks(name, shard)).copied().collect();
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let Some(folder) = places.of(shard) else { return Ok(vec![nowhere(name, shard, &held)]) };
        let generation =
            entry.shard_generations.as_ref().and_then(|all| all.get(usize::try_from(shard).ok()?)?.as_deref());
        let place = ShardPlace { index: name, shard, folder, generation };
        let (findings, totals) = self.look(&place, &held).await;
        if let Some(journal) = self.journal {
            journal.note(&Done { id: entry.id.to_string(), shard, findings: findings.clone(), totals })?;
        }
        self.move_on(|progress| {
            // Its bytes were told as they were read.
            progress.totals.add(Totals { files_read: 0, bytes_read: 0, ..totals });
            progress.findings += findings.len();
        });
        Ok(findings)
    }

    /// Reads a shard and judges it.
    async fn look(&self, place: &ShardPlace<'_>, held: &[&RootSnapshot]) -> (Vec<Finding>, Totals) {
        let facts = gather(self.loader, place, held, self.choice.level).await;
        let mut findings = judge::judge(&facts);
        let files = facts.used().into_iter().filter_map(|number| facts.files.get(number));
        let mut totals = files.fold(Totals { shards: 1, ..Totals::default() }, |mut totals, file| {
            totals.add(Totals { files: 1, bytes: file.length, ..Totals::default() });
            totals
        });
        if self.choice.level == Level::Checksums {
            let read = Mutex::new(Totals::default());
            let note = |bytes: u64| {
                let one = Totals { files_read: 1, bytes_read: bytes, ..Totals::default() };
                read.lock().unwrap_or_else(PoisonError::into_inner).add(one);
                self.move_on(|progress| progress.totals.add(one));
            };
            findings.extend(bytes::check(self.loader, &facts, self.choice.share, &note).await);
            totals.add(read.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        (findings, totals)
    }

    fn move_on(&self, change: impl FnOnce(&mut Progress)) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut seen);
        seen.counts = self.loader.store.counts();
        let progress = *seen;
        drop(seen);
        self.watch.moved(&progress);
    }
}

/// Characters of an index's UUID, with which an identifier of its metadata begins.
const UUID: usize = 22;

/// What is wrong with a metadata blob of an index, whose UUID the identifiers of its users may tell.
fn of_metadata(name: &str, uuids: &BTreeSet<&str>, blob: &str, loaded: &Loaded<IndexMetadata>) -> Option<Finding> {
    let another = |detail: String| Some(Finding::new(Kind::IndexMetadata, Effect::Index, detail).in_blob(blob));
    match loaded {
        Err(trouble) => Some(trouble::finding(Kind::IndexMetadata, Effect::Index, blob, trouble)),
        Ok(metadata) if metadata.name != name => another(format!("it is that of another index, {}", metadata.name)),
        Ok(metadata) => {
            let uuid = metadata.uuid.as_deref().filter(|uuid| uuid.len() == UUID)?;
            let expected = uuids.iter().find(|expected| **expected != uuid)?;
            another(format!("it is that of another index {name}: its UUID is {uuid}, {expected} is recorded"))
        }
    }
}

fn names(holders: &[&RootSnapshot]) -> Vec<String> {
    holders.iter().map(|holder| holder.named.name.clone()).collect()
}

fn without_places(lost: &Lost, name: &str, holders: &[&RootSnapshot]) -> Finding {
    let blob = lost.blob.clone().unwrap_or_default();
    let finding = match &lost.trouble {
        Some(trouble) => trouble::finding(Kind::ShardPaths, Effect::Unknown, &blob, trouble),
        None => Finding::new(Kind::ShardPaths, Effect::Unknown, &lost.why).in_blob(blob),
    };
    finding.of_index(name).hurts(names(holders))
}

fn nowhere(name: &str, shard: u32, held: &[&RootSnapshot]) -> Finding {
    let detail = "no companion blob says where the shard is";
    Finding::new(Kind::ShardPaths, Effect::Unknown, detail).of_shard(name, shard).hurts(names(held))
}
