//! One index after the other, shard by shard.

use super::finding::{Effect, Finding, Kind};
use super::gather::is_reliable;
use super::journal::{Journal, Totals};
use super::names::{Names, Pool};
use super::root::{Holders, RootSnapshot};
use super::{Choice, Level, Progress, ShardPlace, Watch, at_once, bytes, gather, judge, trouble};
use crate::load::{Loaded, Loader};
use crate::model::{IndexEntry, IndexMetadata, SnapshotEntry};
use crate::open::Opened;
use crate::places::{Companions, Lost, Places, search, shards_below};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use snapkeep_core::Failure;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// Metadata blobs of one index that are read in one go.
const BATCH: usize = 64;

/// One run's means, and what it has seen.
pub(super) struct Run<'a> {
    pub(super) loader: &'a Loader<'a>,
    pub(super) opened: &'a Opened,
    pub(super) choice: &'a Choice,
    pub(super) journal: Option<&'a Journal>,
    pub(super) watch: &'a dyn Watch,
    pub(super) roots: &'a [RootSnapshot],
    pub(super) holders: Holders<'a>,
    /// Snapshots of `index-N` by their UUIDs.
    pub(super) entries: HashMap<&'a str, &'a SnapshotEntry>,
    pub(super) companions: &'a Companions,
    /// Where shards are whose companion blob is lost.
    pub(super) hashed: search::Hashed,
    pub(super) seen: Mutex<Progress>,
    /// Whom the findings hurt.
    pub(super) names: Mutex<Pool>,
    /// By snapshot: indices whose metadata could be read, and their shards.
    pub(super) counted: Mutex<HashMap<&'a str, (usize, u64)>>,
}

/// What an index's metadata blobs say together.
struct Metadata<'a> {
    /// By snapshot: an index of that name may have been made anew with another number of shards.
    shards: HashMap<&'a str, u32>,
    findings: Vec<Finding>,
}

/// What a look at a shard brought.
struct Looked {
    findings: Vec<Finding>,
    totals: Totals,
    /// Whether its folder has the blob of none of the snapshots that hold it.
    is_nowhere: bool,
}

/// A snapshot that uses a metadata blob: its name, and the identifier where there is one.
type User<'a> = (&'a str, Option<&'a str>);

impl<'a> Metadata<'a> {
    /// Takes in a blob that these use.
    fn take(&mut self, name: &str, blob: &str, users: &[User<'a>], loaded: &Loaded<IndexMetadata>) {
        let identifiers: BTreeSet<&str> = users.iter().filter_map(|(_, identifier)| *identifier).collect();
        let finding = of_metadata(name, &identifiers, blob, loaded);
        if let (Ok(found), None | Some(Finding { effect: Effect::Later, .. })) = (loaded, &finding) {
            self.shards.extend(users.iter().map(|(snapshot, _)| (*snapshot, found.shards)));
        }
        let hurt = || users.iter().map(|(snapshot, _)| *snapshot).collect();
        self.findings.extend(finding.map(|finding| finding.of_index(name).hurts(hurt())));
    }

    /// Whether the snapshot has such a shard of the index, as far as is known.
    fn has(&self, snapshot: &RootSnapshot, shard: u32) -> bool {
        self.shards.get(snapshot.named.name.as_str()).is_none_or(|shards| shard < *shards)
    }
}

impl<'a> Run<'a> {
    /// All that is wrong with an index.
    pub(super) async fn index(&self, name: &str, entry: &IndexEntry) -> Result<Vec<Finding>, Failure> {
        let holders = self.holders.of(entry);
        if holders.is_empty() {
            return Ok(Vec::new());
        }
        let mut metadata = self.metadata(name, entry, &holders).await;
        let mut findings = std::mem::take(&mut metadata.findings);
        self.share(&mut findings);
        self.count(&metadata);
        let (places, lost) = self.places(name, entry, &holders).await;
        findings.extend(lost);
        let Some(places) = places else { return Ok(findings) };
        let by_metadata = metadata.shards.values().max().copied().unwrap_or_default();
        findings.extend(self.surplus(name, entry, &metadata, holders.len()));
        let shards = self.number_of_shards(by_metadata, entry, &places).await;
        let held = |shard: u32| -> Vec<&RootSnapshot> {
            let has = |holder: &&&RootSnapshot| !holder.lacks(name, shard) && metadata.has(holder, shard);
            holders.iter().filter(has).copied().collect()
        };
        let looks = (0..shards).map(|shard| self.shard(name, entry, &places, shard, held(shard))).collect::<Vec<_>>();
        let found: Vec<Vec<Finding>> =
            stream::iter(looks).buffer_unordered(at_once(self.choice.level)).try_collect().await?;
        findings.extend(found.into_iter().flatten());
        Ok(findings)
    }

    /// Where the index's shards are, if that is known, and what is wrong with the blob that should say it.
    async fn places(
        &self,
        name: &str,
        entry: &IndexEntry,
        holders: &[&RootSnapshot],
    ) -> (Option<Places>, Option<Finding>) {
        let lost = match self.companions.places(self.loader, entry).await {
            Ok(places) => return (Some(places), None),
            Err(lost) => lost,
        };
        let finding = |effect| Some(without_places(&lost, effect, name, holders));
        match self.hashed.shards(self.loader, entry).await {
            Some(found) if !found.is_empty() => (Some(hashed(found)), finding(Effect::Later)),
            _ => (None, finding(Effect::Unknown)),
        }
    }

    /// Adds up the index's shards, by snapshot.
    fn count(&self, metadata: &Metadata<'a>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (snapshot, shards) in &metadata.shards {
            let sum = counted.entry(*snapshot).or_default();
            *sum = (sum.0 + 1, sum.1 + u64::from(*shards));
        }
    }

    /// Reads the index's metadata blobs: one may serve many snapshots.
    async fn metadata(&self, name: &str, entry: &IndexEntry, holders: &[&'a RootSnapshot]) -> Metadata<'a> {
        let blobs = self.metadata_blobs(entry, holders);
        let (paths, users): (Vec<String>, Vec<Vec<User<'a>>>) = blobs.into_iter().unzip();
        let mut metadata = Metadata { shards: HashMap::with_capacity(holders.len()), findings: Vec::new() };
        for (paths, users) in paths.chunks(BATCH).zip(users.chunks(BATCH)) {
            let loaded = self.loader.load_all(paths, IndexMetadata::parse).await;
            for ((blob, users), loaded) in paths.iter().zip(users).zip(&loaded) {
                metadata.take(name, blob, users, loaded);
            }
        }
        metadata
    }

    /// By their paths: the snapshots that use them, with the identifier where there is one.
    fn metadata_blobs(&self, entry: &IndexEntry, holders: &[&'a RootSnapshot]) -> BTreeMap<String, Vec<User<'a>>> {
        let mut blobs: BTreeMap<String, Vec<User<'a>>> = BTreeMap::new();
        for holder in holders {
            let Some(snapshot) = self.entries.get(holder.named.uuid.as_str()) else { continue };
            let blob = self.opened.data.index_meta_blob(&entry.id, snapshot);
            let path = self.loader.store.path(&format!("indices/{}/meta-{blob}.dat", entry.id));
            let identifier = snapshot.index_metadata_lookup.get(&*entry.id).map(|identifier| &**identifier);
            blobs.entry(path).or_default().push((holder.named.name.as_str(), identifier));
        }
        blobs
    }

    /// Shards that `index-N` knows and that no snapshot has by its metadata. Nodes forget those whose snapshots are deleted.
    fn surplus(&self, name: &str, entry: &IndexEntry, metadata: &Metadata<'_>, holders: usize) -> Option<Finding> {
        let generations = entry.shard_generations.as_ref()?;
        if !self.choice.snapshots.is_empty() || metadata.shards.len() != holders {
            return None;
        }
        let most = metadata.shards.values().max().copied()?;
        let beyond = generations.iter().skip(usize::try_from(most).ok()?).flatten();
        let beyond = beyond.filter(|generation| is_reliable(generation)).count();
        let index = format!("index-{}", self.opened.generation?);
        let detail = format!("it knows {beyond} more shards of the index than the {most} that its metadata says");
        let finding = Finding::new(Kind::Contents, Effect::Nothing, detail).in_blob(self.loader.store.path(&index));
        (beyond > 0).then(|| finding.of_index(name))
    }

    async fn number_of_shards(&self, by_metadata: u32, entry: &IndexEntry, places: &Places) -> u32 {
        let by_generations = entry.shard_generations.as_ref().map_or(0, Vec::len);
        let known = by_metadata.max(u32::try_from(by_generations).unwrap_or(u32::MAX));
        match places {
            _ if known > 0 => known,
            Places::Hashed { folders } => u32::try_from(folders.len()).unwrap_or(u32::MAX),
            Places::Fixed { folder } => shards_below(self.loader, folder).await,
        }
    }

    async fn shard(
        &self,
        name: &str,
        entry: &IndexEntry,
        places: &Places,
        shard: u32,
        held: Vec<&RootSnapshot>,
    ) -> Result<Vec<Finding>, Failure> {
        if let Some(done) = self.journal.and_then(|journal| journal.done(&entry.id, shard)) {
            self.move_on(|progress| {
                progress.totals.add(done.totals);
                progress.findings += done.findings.len();
            });
            return Ok(done.findings.clone());
        }
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let Some(folder) = places.of(shard) else { return Ok(vec![nowhere(name, shard, &held)]) };
        let generation =
            entry.shard_generations.as_ref().and_then(|all| all.get(usize::try_from(shard).ok()?)?.as_deref());
        let place = ShardPlace { index: name, shard, folder, generation };
        let mut looked = self.look(&place, &held).await;
        if looked.is_nowhere && matches!(places, Places::Hashed { .. }) {
            looked = self.elsewhere(&place, entry, &held).await.unwrap_or(looked);
        }
        let Looked { mut findings, totals, .. } = looked;
        self.share(&mut findings);
        if let Some(journal) = self.journal {
            journal.note(&entry.id, shard, &findings, totals)?;
        }
        self.move_on(|progress| {
            // Its bytes were told as they were read.
            progress.totals.add(Totals { files_read: 0, bytes_read: 0, ..totals });
            progress.findings += findings.len();
        });
        Ok(findings)
    }

    /// The same in another folder than the companion blob says, if the shard lies in one.
    async fn elsewhere(&self, place: &ShardPlace<'_>, entry: &IndexEntry, held: &[&RootSnapshot]) -> Option<Looked> {
        let folder = self.hashed.shards(self.loader, entry).await?.get(&place.shard)?;
        if *folder == place.folder {
            return None;
        }
        let mut looked = self.look(&ShardPlace { folder: folder.clone(), ..place.clone() }, held).await;
        let detail = format!("it says that the shard is in {}, where nothing is; it is in {folder}", place.folder);
        let finding = Finding::new(Kind::ShardPaths, Effect::Later, detail);
        let finding = finding.in_blob(self.companions.blob_of(self.loader, entry));
        looked.findings.push(finding.of_shard(place.index, place.shard).hurts(names(held)));
        Some(looked)
    }

    /// Reads a shard and judges it.
    async fn look(&self, place: &ShardPlace<'_>, held: &[&RootSnapshot]) -> Looked {
        let facts = gather(self.loader, place, held, self.choice.level).await;
        let mut findings = judge::judge(&facts);
        let unreferenced = facts.unreferenced();
        let files = facts.used().into_iter().filter_map(|number| facts.files.get(number));
        let mut totals = files.fold(Totals { shards: 1, unreferenced, ..Totals::default() }, |mut totals, file| {
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
        } else {
            findings.extend(bytes::check_virtual(&facts));
        }
        Looked { findings, totals, is_nowhere: facts.is_nowhere() }
    }

    /// What is lost is often lost to the same snapshots.
    fn share(&self, findings: &mut [Finding]) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).share(findings);
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

/// What is wrong with a metadata blob of an index, of which the identifiers of its users tell the UUID and the versions.
fn of_metadata(
    name: &str,
    identifiers: &BTreeSet<&str>,
    blob: &str,
    loaded: &Loaded<IndexMetadata>,
) -> Option<Finding> {
    let finding =
        |effect: Effect, detail: String| Some(Finding::new(Kind::IndexMetadata, effect, detail).in_blob(blob));
    let metadata = match loaded {
        Err(trouble) => return Some(trouble::finding(Kind::IndexMetadata, Effect::Index, blob, trouble)),
        Ok(metadata) if metadata.name != name => {
            return finding(Effect::Index, format!("it is that of another index, {}", metadata.name));
        }
        Ok(metadata) => metadata,
    };
    let uuid = metadata.uuid.as_deref().filter(|uuid| uuid.len() == UUID)?;
    if let Some(expected) = identifiers.iter().filter_map(|said| said.get(..UUID)).find(|expected| *expected != uuid) {
        let detail = format!("it is that of another index {name}: its UUID is {uuid}, {expected} is recorded");
        return finding(Effect::Index, detail);
    }
    let versions = metadata.versions?;
    let expected = identifiers.iter().filter_map(|said| versions_in(said)).find(|expected| *expected != versions)?;
    // It is restored, with what the index had then.
    let words = |[settings, mappings, aliases]: [i64; 3]| format!("{settings}, {mappings}, {aliases}");
    let detail = format!(
        "it is an older or newer one of the index: settings, mappings and aliases have the versions {}; {} are recorded",
        words(versions),
        words(expected)
    );
    finding(Effect::Later, detail)
}

/// The versions of settings, mappings and aliases, with which an identifier ends: `<UUID>-<history>-1-2-1`.
fn versions_in(identifier: &str) -> Option<[i64; 3]> {
    let mut parts = identifier.rsplitn(4, '-');
    let [aliases, mappings, settings] = [parts.next()?, parts.next()?, parts.next()?];
    parts.next()?;
    Some([settings.parse().ok()?, mappings.parse().ok()?, aliases.parse().ok()?])
}

fn names(holders: &[&RootSnapshot]) -> Names {
    holders.iter().map(|holder| &holder.named.name).collect()
}

/// Nodes find the shards without it.
fn without_places(lost: &Lost, effect: Effect, name: &str, holders: &[&RootSnapshot]) -> Finding {
    let blob = lost.blob.clone().unwrap_or_default();
    let finding = match &lost.trouble {
        Some(trouble) => trouble::finding(Kind::ShardPaths, effect, &blob, trouble),
        None => Finding::new(Kind::ShardPaths, effect, &lost.why).in_blob(blob),
    };
    finding.of_index(name).hurts(names(holders))
}

/// Folders by shard, as a companion blob would say them.
fn hashed(found: &BTreeMap<u32, String>) -> Places {
    let mut folders = Vec::new();
    for (shard, folder) in found {
        folders.resize(usize::try_from(*shard).unwrap_or_default(), String::new());
        folders.push(folder.clone());
    }
    Places::Hashed { folders }
}

fn nowhere(name: &str, shard: u32, held: &[&RootSnapshot]) -> Finding {
    let detail = "no companion blob says where the shard is";
    Finding::new(Kind::ShardPaths, Effect::Unknown, detail).of_shard(name, shard).hurts(names(held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_ends_with_versions() {
        for (identifier, expected) in [
            ("wsYbFg8TQRSQIhnNL6_8mw-_na_-1-2-3", Some([1, 2, 3])),
            ("wsYbFg8TQRSQIhnNL6-8mw-aB-cD-10-20-30", Some([10, 20, 30])),
            ("wsYbFg8TQRSQIhnNL6_8mw-_na_-1-2-x", None),
            ("1-2-3", None),
            ("", None),
        ] {
            assert_eq!(versions_in(identifier), expected, "{identifier}");
        }
    }
}
