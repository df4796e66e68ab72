//! Lists the repository and asks its shards what they need.

use super::Orphan;
use super::rule::{Kind, Needed, Rule};
use super::trust::Trusted;
use crate::load::Loader;
use crate::model::{BlobName, IndexEntry, IndexMetadata, Remote, ShardIndex, ShardSnapshot};
use crate::open::{Opened, name_of};
use crate::places::{Companions, Places};
use crate::store::{Access, Blob};
use crate::verify::root::{self, RootSnapshot};
use crate::verify::{ShardPlace, current_generation};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use snapkeep_core::Failure;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// Indices, and folders of indices that are gone, that are looked at at once.
const FOLDERS_AT_ONCE: usize = 8;

/// Shards of one index that are looked at at once.
const SHARDS_AT_ONCE: usize = 4;

/// Blobs of a shard that are read in one go.
const BATCH: usize = 64;

/// How many times that at once.
const BATCHES_AT_ONCE: usize = 2;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) orphans: Vec<Orphan>,
    pub(super) newer: u64,
    pub(super) younger: u64,
    pub(super) foreign: u64,
    pub(super) undecided: Vec<String>,
}

/// What is known of the repository.
struct Search<'a> {
    loader: &'a Loader<'a>,
    opened: &'a Opened,
    needed: Needed<'a>,
    companions: Companions,
    /// When the generation was written; nothing as new is an orphan.
    written: Timestamp,
    /// Nothing that is as new as this is one either.
    before: Option<Timestamp>,
    /// What the snapshots say of themselves, by UUID; asked only where it matters.
    roots: OnceCell<BTreeMap<String, RootSnapshot>>,
    seen: Mutex<Seen>,
}

/// A blob of a shard by its name, and what the listing says of it beyond.
type Named = (String, Option<Blob>);

/// The names in a shard's `index-…`.
struct Names {
    files: BTreeSet<String>,
    snapshots: BTreeSet<String>,
}

/// Looks through all folders of the repository.
pub(super) async fn find(
    loader: &Loader<'_>,
    opened: &Opened,
    trusted: &Trusted,
    before: Option<Timestamp>,
) -> Result<Seen, Failure> {
    let companions = Companions::list(loader).await;
    if let Some(access) = companions.unlisted() {
        return Err(access.failure("snapshot_shard_paths"));
    }
    let needed = Needed::of(trusted.generation, &opened.data, &trusted.incompatible);
    let (written, seen) = (trusted.written, Mutex::new(Seen::default()));
    let search = Search { loader, opened, needed, companions, written, before, roots: OnceCell::new(), seen };
    let strange = loader.store.strange();
    search.root().await?;
    search.companions();
    search.unknown_indices().await?;
    let indices = opened.data.indices.iter().map(|(name, entry)| search.index(name, entry)).collect::<Vec<_>>();
    stream::iter(indices).buffer_unordered(FOLDERS_AT_ONCE).try_collect::<Vec<()>>().await?;
    let mut seen = search.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.foreign += loader.store.strange() - strange;
    seen.undecided.extend(trusted.incompatible_word());
    seen.undecided.sort();
    seen.orphans.sort_by(|one, other| one.blob.cmp(&other.blob));
    Ok(seen)
}

impl Search<'_> {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `index-N` says of a blob; what is nothing of the format's is counted.
    fn judged(&self, below: &str) -> Option<(Kind, Rule)> {
        let found = self.needed.judge(below);
        if found.is_none() && BlobName::parse(below) == BlobName::Other {
            self.seen().foreign += 1;
        }
        found
    }

    fn judge(&self, blob: &Blob, below: &str) {
        if let Some((kind, rule)) = self.judged(below) {
            self.take(blob, kind, rule);
        }
    }

    fn take(&self, blob: &Blob, kind: Kind, rule: Rule) {
        let mut seen = self.seen();
        if blob.modified >= self.written {
            seen.newer += 1;
        } else if self.before.is_some_and(|before| blob.modified >= before) {
            seen.younger += 1;
        } else {
            let (bytes, written_at) = (blob.size, blob.modified);
            seen.orphans.push(Orphan { blob: blob.path.clone(), kind, rule, bytes, written_at });
        }
    }

    /// Takes a blob of which the listing may say no more than its name.
    async fn take_named(
        &self,
        folder: &str,
        name: &str,
        blob: Option<&Blob>,
        kind: Kind,
        rule: Rule,
    ) -> Result<(), Failure> {
        if let Some(blob) = blob {
            self.take(blob, kind, rule);
            return Ok(());
        }
        let path = format!("{folder}/{name}");
        match self.loader.store.look(&path).await {
            Ok(blob) => self.take(&blob, kind, rule),
            // It went meanwhile, or is a link that leads nowhere.
            Err(Access::Missing) => {}
            Err(access) => return Err(access.failure(&path)),
        }
        Ok(())
    }

    async fn level(&self, folder: &str) -> Result<(Vec<Blob>, Vec<String>), Failure> {
        self.loader.store.level(folder).await.map_err(|access| access.failure(folder))
    }

    /// Takes all blobs below a folder.
    async fn take_all(&self, folder: &str, kind: Kind, rule: Rule) -> Result<(), Failure> {
        let listed = self.loader.store.list(folder, |blob| self.take(&blob, kind, rule)).await;
        listed.map_err(|access| access.failure(folder))
    }

    /// The root's blobs, and what verifications left.
    async fn root(&self) -> Result<(), Failure> {
        let base = self.loader.store.location().base().to_owned();
        let (blobs, folders) = self.level(&base).await?;
        for blob in &blobs {
            self.judge(blob, name_of(&blob.path));
        }
        for folder in folders.iter().filter(|folder| folder.starts_with("tests-")) {
            self.take_all(&self.loader.store.path(folder), Kind::Verification, Rule::Leftover).await?;
        }
        Ok(())
    }

    /// Companion blobs of indices that are gone.
    fn companions(&self) {
        for (_, blob) in self.companions.of_unknown(|id| self.needed.keeps_index(id)) {
            self.take(blob, Kind::ShardPaths, Rule::UnknownIndex);
        }
    }

    /// Folders of indices that are gone, and the hashed ones that their companions name.
    async fn unknown_indices(&self) -> Result<(), Failure> {
        let (_, ids) = self.level(&self.loader.store.path("indices")).await?;
        let mut folders: BTreeSet<String> = BTreeSet::new();
        for id in ids.iter().filter(|id| !self.needed.keeps_index(id)) {
            folders.insert(self.loader.store.path(&format!("indices/{id}")));
        }
        for (_, companion) in self.companions.of_unknown(|id| self.needed.keeps_index(id)) {
            // One that cannot be read leads nowhere.
            folders.extend(self.companions.companion(self.loader, &companion.path).await.unwrap_or_default());
        }
        let looks = folders.iter().map(|folder| self.take_all(folder, Kind::Index, Rule::UnknownIndex));
        let looks = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(FOLDERS_AT_ONCE);
        looks.try_collect::<Vec<()>>().await.map(drop)
    }

    async fn index(&self, name: &str, entry: &IndexEntry) -> Result<(), Failure> {
        let own = self.loader.store.path(&format!("indices/{}", entry.id));
        let (blobs, mut shards) = self.level(&own).await?;
        for blob in &blobs {
            self.judge(blob, &format!("indices/{}/{}", entry.id, name_of(&blob.path)));
        }
        let places = match self.companions.places(self.loader, entry).await {
            Ok(places) => places,
            Err(lost) => {
                self.seen().undecided.push(format!("{name}: {}", lost.why));
                return Ok(());
            }
        };
        if let Places::Hashed { folders } = &places {
            shards = (0..folders.len()).map(|shard| shard.to_string()).collect();
        }
        let shards = shards.iter().filter_map(|shard| shard.parse::<u32>().ok());
        let looks = shards.filter_map(|shard| Some(self.shard(name, entry, shard, places.of(shard)?)));
        let looks = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(SHARDS_AT_ONCE);
        looks.try_collect::<Vec<()>>().await.map(drop)
    }

    async fn shard(&self, name: &str, entry: &IndexEntry, shard: u32, folder: String) -> Result<(), Failure> {
        let listed = self.loader.store.names(&folder).await;
        let blobs = listed.map_err(|access| access.failure(&folder))?;
        if blobs.is_empty() {
            // No snapshot ever held the shard: it had no place on any node.
            return Ok(());
        }
        let generation =
            entry.shard_generations.as_ref().and_then(|all| all.get(usize::try_from(shard).ok()?)?.as_deref());
        let place = ShardPlace { index: name, shard, folder, generation };
        match self.of_shard(&place, entry, &blobs).await {
            Ok(found) => {
                for ((name, blob), kind, rule) in found {
                    self.take_named(&place.folder, name, blob.as_ref(), kind, rule).await?;
                }
            }
            Err(why) => self.seen().undecided.push(format!("{name} shard {shard}: {why}")),
        }
        Ok(())
    }

    /// Blobs of a shard that nothing needs. The shard's snapshots are asked only if there is something to ask about.
    async fn of_shard<'b>(
        &self,
        place: &ShardPlace<'_>,
        entry: &IndexEntry,
        blobs: &'b [Named],
    ) -> Result<Vec<(&'b Named, Kind, Rule)>, String> {
        let below = format!("indices/{}/{}", entry.id, place.shard);
        let paths: Vec<(&Named, String)> = blobs.iter().map(|named| (named, format!("{below}/{}", named.0))).collect();
        let judged: Vec<_> = paths.iter().map(|(_, below)| self.judged(below)).collect();
        let current = current_generation(self.loader, place).await.ok_or("no index-… is the current one")?;
        let blob = format!("{}/index-{current}", place.folder);
        let mut names =
            self.loader.load(&blob, names_of_generation).await.map_err(|trouble| format!("{blob}: {trouble}"))?;
        let found = |files: &BTreeSet<String>| -> Vec<(&'b Named, Kind, Rule)> {
            let of = |(index, (blob, below)): (usize, &(&'b Named, String))| {
                let (kind, rule) = judged[index].or_else(|| self.needed.in_shard(below, &current, files))?;
                Some((*blob, kind, rule))
            };
            paths.iter().enumerate().filter_map(of).collect()
        };
        let first = found(&names.files);
        if first.is_empty() {
            return Ok(first);
        }
        self.add_needs_of_snapshots(place, entry, blobs, &mut names).await?;
        Ok(found(&names.files))
    }

    /// Adds the files that the shard's snapshots name. All that hold the shard have to say so.
    async fn add_needs_of_snapshots(
        &self,
        place: &ShardPlace<'_>,
        entry: &IndexEntry,
        blobs: &[Named],
        names: &mut Names,
    ) -> Result<(), String> {
        let listed: HashSet<&str> = blobs.iter().map(|(name, _)| name.as_str()).collect();
        let mut paths = Vec::new();
        for uuid in &entry.snapshots {
            let name = format!("snap-{uuid}.dat");
            if !listed.contains(name.as_str()) {
                let is_elsewhere = listed.contains(format!("shallow-snap-{uuid}.dat").as_str());
                if !is_elsewhere && !self.lacks(place, entry, uuid, names).await? {
                    return Err(format!("{name} is not there, and nothing says that the snapshot lacks the shard"));
                }
                continue;
            }
            paths.push(format!("{}/{name}", place.folder));
        }
        let reads = paths.chunks(BATCH).map(|paths| self.loader.load_all(paths, names_of_snapshot));
        let loaded = stream::iter(reads.collect::<Vec<_>>()).buffered(BATCHES_AT_ONCE);
        let loaded: Vec<Vec<_>> = loaded.collect().await;
        for (path, loaded) in paths.iter().zip(loaded.into_iter().flatten()) {
            names.files.extend(loaded.map_err(|trouble| format!("{}: {trouble}", name_of(path)))?);
        }
        Ok(())
    }

    /// Whether the files of a snapshot that has no blob of its own in the shard are known all the same: those that it names
    /// by the shard's `index-…`, or none, because it says that it lacks the shard.
    async fn lacks(
        &self,
        place: &ShardPlace<'_>,
        entry: &IndexEntry,
        uuid: &str,
        names: &Names,
    ) -> Result<bool, String> {
        let root = self.roots().await.get(uuid).ok_or("index-N does not know one of its snapshots")?;
        if names.snapshots.contains(&root.named.name) {
            return Ok(true);
        }
        if let Err(trouble) = &root.info {
            return Err(format!("what snapshot {} says of itself: {trouble}", root.named.name));
        }
        if matches!(root.remote(), Some(Remote::PinnedTimestamp { .. })) || root.lacks(place.index, place.shard) {
            return Ok(true);
        }
        // An index that was made anew may have had fewer shards.
        let data = &self.opened.data;
        let Some(snapshot) = data.snapshot(uuid) else { return Ok(false) };
        let blob = format!("indices/{}/meta-{}.dat", entry.id, data.index_meta_blob(&entry.id, snapshot));
        let metadata = self.loader.load(&self.loader.store.path(&blob), IndexMetadata::parse).await;
        Ok(metadata.is_ok_and(|metadata| metadata.name == place.index && metadata.shards <= place.shard))
    }

    async fn roots(&self) -> &BTreeMap<String, RootSnapshot> {
        let read = async || {
            let all: Vec<usize> = (0..self.opened.data.snapshots.len()).collect();
            let roots = root::infos(self.loader, &self.opened.data, &all).await;
            roots.into_iter().map(|root| (root.named.uuid.clone(), root)).collect()
        };
        self.roots.get_or_init(read).await
    }
}

fn names_of_generation(blob: &[u8]) -> Result<Names, crate::Damage> {
    ShardIndex::parse(blob).map(|index| Names {
        files: index.files.iter().map(|file| file.name.to_string()).collect(),
        snapshots: index.snapshots.into_keys().collect(),
    })
}

fn names_of_snapshot(blob: &[u8]) -> Result<BTreeSet<String>, crate::Damage> {
    ShardSnapshot::parse(blob).map(|snapshot| snapshot.files.iter().map(|file| file.name.to_string()).collect())
}
