//! Lists the repository and asks its shards what they need.

use super::Orphan;
use super::rule::{Kind, Needed, Rule, in_shard};
use crate::load::{Loaded, Loader};
use crate::model::{BlobName, IndexEntry, ShardIndex, ShardSnapshot};
use crate::open::{Opened, name_of};
use crate::places::{Companions, Places};
use crate::store::Blob;
use crate::verify::{ShardPlace, current_generation};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use snapkeep_core::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Shards of one index that are looked at at once.
const SHARDS_AT_ONCE: usize = 4;

/// Blobs of a shard that are read in one go.
const BATCH: usize = 64;

/// How many times that at once.
const BATCHES_AT_ONCE: usize = 2;

/// What was seen of a shard.
struct Looked {
    shard: u32,
    blobs: Vec<Blob>,
    /// Its current `index-…` and the files that are needed, or why that is not known.
    needs: Result<(String, BTreeSet<String>), String>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) orphans: Vec<Orphan>,
    pub(super) newer: u64,
    pub(super) foreign: u64,
    pub(super) undecided: Vec<String>,
}

/// What is known of the repository.
struct Search<'a> {
    loader: &'a Loader<'a>,
    needed: Needed<'a>,
    companions: Companions,
    /// When the generation was written; nothing as new is an orphan.
    written: Timestamp,
    seen: Seen,
}

/// Looks through all folders of the repository.
pub(super) async fn find(loader: &Loader<'_>, opened: &Opened) -> Result<Seen, Failure> {
    let (Some(generation), Some(written)) = (opened.generation, opened.written) else { return Ok(Seen::default()) };
    let companions = Companions::list(loader).await;
    if let Some(access) = companions.unlisted() {
        return Err(access.failure("snapshot_shard_paths"));
    }
    let needed = Needed::of(generation, &opened.data);
    let mut search = Search { loader, needed, companions, written, seen: Seen::default() };
    search.root().await?;
    search.companions();
    search.unknown_indices().await?;
    for (name, entry) in &opened.data.indices {
        search.index(name, entry).await?;
    }
    Ok(search.seen)
}

impl Search<'_> {
    /// Judges a blob by what `index-N` says.
    fn judge(&mut self, blob: &Blob, below: &str) {
        match self.needed.judge(below) {
            Some((kind, rule)) => self.take(blob, kind, rule),
            None if BlobName::parse(below) == BlobName::Other => self.seen.foreign += 1,
            None => {}
        }
    }

    fn take(&mut self, blob: &Blob, kind: Kind, rule: Rule) {
        if blob.modified >= self.written {
            self.seen.newer += 1;
            return;
        }
        let (bytes, written_at) = (blob.size, blob.modified);
        self.seen.orphans.push(Orphan { blob: blob.path.clone(), kind, rule, bytes, written_at });
    }

    async fn level(&self, folder: &str) -> Result<(Vec<Blob>, Vec<String>), Failure> {
        self.loader.store.level(folder).await.map_err(|access| access.failure(folder))
    }

    /// All blobs below a folder.
    async fn all(&self, folder: &str) -> Result<Vec<Blob>, Failure> {
        let found = Mutex::new(Vec::new());
        let each = |blob| found.lock().unwrap_or_else(PoisonError::into_inner).push(blob);
        self.loader.store.list(folder, each).await.map_err(|access| access.failure(folder))?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The root's blobs, and what verifications left.
    async fn root(&mut self) -> Result<(), Failure> {
        let base = self.loader.store.location().base().to_owned();
        let (blobs, folders) = self.level(&base).await?;
        for blob in &blobs {
            self.judge(blob, name_of(&blob.path));
        }
        for folder in folders.iter().filter(|folder| folder.starts_with("tests-")) {
            for blob in self.all(&self.loader.store.path(folder)).await? {
                self.take(&blob, Kind::Verification, Rule::Leftover);
            }
        }
        Ok(())
    }

    /// Companion blobs of indices that are gone.
    fn companions(&mut self) {
        let unknown: Vec<Blob> =
            self.companions.of_unknown(|id| self.needed.has_index(id)).map(|(_, blob)| blob.clone()).collect();
        for blob in unknown {
            self.take(&blob, Kind::ShardPaths, Rule::UnknownIndex);
        }
    }

    /// Folders of indices that are gone, and the hashed ones that their companions name.
    async fn unknown_indices(&mut self) -> Result<(), Failure> {
        let (_, ids) = self.level(&self.loader.store.path("indices")).await?;
        let mut folders: BTreeSet<String> = BTreeSet::new();
        for id in ids.iter().filter(|id| !self.needed.has_index(id)) {
            folders.insert(self.loader.store.path(&format!("indices/{id}")));
        }
        let companions: Vec<String> =
            self.companions.of_unknown(|id| self.needed.has_index(id)).map(|(_, blob)| blob.path.clone()).collect();
        for companion in companions {
            // One that cannot be read leads nowhere.
            folders.extend(self.companions.companion(self.loader, &companion).await.unwrap_or_default());
        }
        for folder in folders {
            for blob in self.all(&folder).await? {
                self.take(&blob, Kind::Index, Rule::UnknownIndex);
            }
        }
        Ok(())
    }

    async fn index(&mut self, name: &str, entry: &IndexEntry) -> Result<(), Failure> {
        let own = self.loader.store.path(&format!("indices/{}", entry.id));
        let (blobs, mut shards) = self.level(&own).await?;
        for blob in &blobs {
            self.judge(blob, &format!("indices/{}/{}", entry.id, name_of(&blob.path)));
        }
        let places = match self.companions.places(self.loader, entry).await {
            Ok(places) => places,
            Err(lost) => {
                self.seen.undecided.push(format!("{name}: {}", lost.why));
                return Ok(());
            }
        };
        if let Places::Hashed { folders } = &places {
            shards = (0..folders.len()).map(|shard| shard.to_string()).collect();
        }
        let shards = shards.iter().filter_map(|shard| shard.parse::<u32>().ok());
        let looks = shards.filter_map(|shard| Some(self.look(name, entry, shard, places.of(shard)?)));
        let looks = looks.collect::<Vec<_>>();
        let shards: Vec<Looked> = stream::iter(looks).buffered(SHARDS_AT_ONCE).try_collect().await?;
        for shard in &shards {
            self.shard(name, entry, shard);
        }
        Ok(())
    }

    async fn look(&self, name: &str, entry: &IndexEntry, shard: u32, folder: String) -> Result<Looked, Failure> {
        let (blobs, _) = self.level(&folder).await?;
        if blobs.is_empty() {
            // No snapshot ever held the shard: it had no place on any node.
            return Ok(Looked { shard, blobs, needs: Ok((String::new(), BTreeSet::new())) });
        }
        let generation =
            entry.shard_generations.as_ref().and_then(|all| all.get(usize::try_from(shard).ok()?)?.as_deref());
        let place = ShardPlace { index: name, shard, folder, generation };
        let needs = self.needs(&place, entry, &blobs).await;
        Ok(Looked { shard, blobs, needs })
    }

    fn shard(&mut self, name: &str, entry: &IndexEntry, looked: &Looked) {
        let below = |blob: &Blob| format!("indices/{}/{}/{}", entry.id, looked.shard, name_of(&blob.path));
        for blob in &looked.blobs {
            self.judge(blob, &below(blob));
        }
        match &looked.needs {
            Ok((current, files)) => {
                for blob in &looked.blobs {
                    if let Some((kind, rule)) = in_shard(&below(blob), current, files) {
                        self.take(blob, kind, rule);
                    }
                }
            }
            Err(why) => self.seen.undecided.push(format!("{name} shard {}: {why}", looked.shard)),
        }
    }

    /// The shard's current `index-…`, and the names of all files that it names; where there are other ones, also of
    /// those that the shard's snapshots name.
    async fn needs(
        &self,
        place: &ShardPlace<'_>,
        entry: &IndexEntry,
        blobs: &[Blob],
    ) -> Result<(String, BTreeSet<String>), String> {
        let current = current_generation(self.loader, place).await.ok_or("no index-… is the current one")?;
        let said =
            |loaded: Loaded<BTreeSet<String>>, blob: &str| loaded.map_err(|trouble| format!("{blob}: {trouble}"));
        let blob = format!("{}/index-{current}", place.folder);
        let mut files = said(self.loader.load(&blob, names_of_generation).await, &blob)?;
        let below = |blob: &Blob| format!("indices/{}/{}/{}", entry.id, place.shard, name_of(&blob.path));
        let is_named = |blob: &Blob| !matches!(in_shard(&below(blob), &current, &files), Some((Kind::Data, _)));
        if blobs.iter().all(is_named) {
            return Ok((current, files));
        }
        let known: BTreeMap<&str, &Blob> = blobs.iter().map(|blob| (name_of(&blob.path), blob)).collect();
        // A snapshot that lacks the shard has no blob here.
        let of = |uuid: &Arc<str>| known.get(format!("snap-{uuid}.dat").as_str()).map(|blob| blob.path.clone());
        let paths: Vec<String> = entry.snapshots.iter().filter_map(of).collect();
        let reads = paths.chunks(BATCH).map(|paths| self.loader.load_all(paths, names_of_snapshot)).collect::<Vec<_>>();
        let loaded: Vec<Vec<_>> = stream::iter(reads).buffered(BATCHES_AT_ONCE).collect().await;
        for (path, loaded) in paths.iter().zip(loaded.into_iter().flatten()) {
            files.extend(said(loaded, name_of(path))?);
        }
        Ok((current, files))
    }
}

fn names_of_generation(blob: &[u8]) -> Result<BTreeSet<String>, crate::Damage> {
    ShardIndex::parse(blob).map(|index| index.files.iter().map(|file| file.name.to_string()).collect())
}

fn names_of_snapshot(blob: &[u8]) -> Result<BTreeSet<String>, crate::Damage> {
    ShardSnapshot::parse(blob).map(|snapshot| snapshot.files.iter().map(|file| file.name.to_string()).collect())
}
