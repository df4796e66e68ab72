//! Which snapshots use which files, shard by shard: one blob of a shard answers for all snapshots at once.

use crate::load::Loader;
use crate::model::{IndexEntry, ShardIndex, SnapshotRef};
use crate::open::Opened;
use crate::places::{Companions, Places, shards_below};
use crate::verify::root::{self, RootSnapshot};
use crate::verify::{Level, ShardPlace, gather};
use futures_util::{StreamExt as _, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Indices that are read at once.
const INDICES_AT_ONCE: usize = 8;

/// The files of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardUse {
    /// The index's name.
    pub index: String,
    /// The shard's number.
    pub shard: u32,
    /// Bytes of each stored file, and the names of the snapshots that use it.
    pub files: Vec<(u64, Vec<String>)>,
    /// Bytes of files that are not stored but part of the metadata, by snapshot.
    pub virtual_bytes: BTreeMap<String, u64>,
}

/// What is read.
struct Reading<'a, C, E> {
    loader: &'a Loader<'a>,
    companions: Companions,
    roots: Vec<RootSnapshot>,
    chosen: C,
    each: E,
    unread: Mutex<Vec<String>>,
}

/// Gives each shard's files to `each`, as far as the chosen snapshots use them; says of which shards nothing is known.
pub async fn for_each_shard(
    loader: &Loader<'_>,
    opened: &Opened,
    chosen: impl Fn(&SnapshotRef) -> bool,
    each: impl Fn(&ShardUse),
) -> Vec<String> {
    let all = opened.data.snapshots.iter().enumerate();
    let meant = |name: &str, uuid: &str| chosen(&SnapshotRef { name: name.to_owned(), uuid: uuid.to_owned() });
    let ordinals: Vec<usize> =
        all.filter(|(_, entry)| meant(&entry.name, &entry.uuid)).map(|(ordinal, _)| ordinal).collect();
    let roots = root::unread(&opened.data, &ordinals);
    let companions = Companions::list(loader).await;
    let reading = Reading { loader, companions, roots, chosen, each, unread: Mutex::default() };
    let indices = opened.data.indices.iter().map(|(name, entry)| reading.index(name, entry)).collect::<Vec<_>>();
    stream::iter(indices).buffer_unordered(INDICES_AT_ONCE).collect::<Vec<()>>().await;
    reading.unread.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Fn(&SnapshotRef) -> bool, E: Fn(&ShardUse)> Reading<'_, C, E> {
    async fn index(&self, name: &str, entry: &IndexEntry) {
        let holders: Vec<&RootSnapshot> =
            self.roots.iter().filter(|root| root.indices.contains(name) && (self.chosen)(&root.named)).collect();
        if holders.is_empty() {
            return;
        }
        let places = match self.companions.places(self.loader, entry).await {
            Ok(places) => places,
            Err(lost) => return self.note(format!("{name}: {}", lost.why)),
        };
        for shard in 0..self.shards(entry, &places).await {
            let Some(folder) = places.of(shard) else { continue };
            match self.shard(name, entry, &holders, shard, &folder).await {
                Ok(files) => (self.each)(&files),
                Err(why) => self.note(format!("{name} shard {shard}: {why}")),
            }
        }
    }

    async fn shards(&self, entry: &IndexEntry, places: &Places) -> u32 {
        let known = entry.shard_generations.as_ref().map_or(0, Vec::len);
        match places {
            _ if known > 0 => u32::try_from(known).unwrap_or(u32::MAX),
            Places::Hashed { folders } => u32::try_from(folders.len()).unwrap_or(u32::MAX),
            Places::Fixed { folder } => shards_below(self.loader, folder).await,
        }
    }

    async fn shard(
        &self,
        name: &str,
        entry: &IndexEntry,
        holders: &[&RootSnapshot],
        shard: u32,
        folder: &str,
    ) -> Result<ShardUse, String> {
        let generation =
            entry.shard_generations.as_ref().and_then(|all| all.get(usize::try_from(shard).ok()?)?.as_deref());
        let place = ShardPlace { index: name, shard, folder: folder.to_owned(), generation };
        let current = crate::verify::current_generation(self.loader, &place).await;
        let Some(current) = current else {
            // Where nothing is recorded and nothing lies, no snapshot ever held the shard.
            let listed = self.loader.store.level(folder).await.map_err(|access| access.to_string())?;
            let nothing = ShardUse { index: name.to_owned(), shard, ..ShardUse::default() };
            return if listed.0.is_empty() { Ok(nothing) } else { self.by_snapshots(&place, holders).await };
        };
        let blob = format!("{folder}/index-{current}");
        match self.loader.load(&blob, ShardIndex::parse).await {
            Ok(index) => Ok(by_generation(&place, holders, &index)),
            Err(_) => self.by_snapshots(&place, holders).await,
        }
    }

    /// Where the shard's `index-…` says nothing, each snapshot's own blob is asked.
    async fn by_snapshots(&self, place: &ShardPlace<'_>, holders: &[&RootSnapshot]) -> Result<ShardUse, String> {
        let facts = gather(self.loader, place, holders, Level::Metadata).await;
        let users = facts.users();
        if users.is_empty() {
            return Err("neither its index-… nor its snap-….dat can be read".to_owned());
        }
        let mut used = ShardUse { index: place.index.to_owned(), shard: place.shard, ..ShardUse::default() };
        for (number, names) in users {
            let Some(file) = facts.files.get(number) else { continue };
            used.take(file.length, file.is_virtual(), names);
        }
        Ok(used)
    }

    fn note(&self, why: String) {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).push(why);
    }
}

impl ShardUse {
    fn take(&mut self, bytes: u64, is_virtual: bool, names: Vec<String>) {
        if !is_virtual {
            self.files.push((bytes, names));
            return;
        }
        for name in names {
            let sum = self.virtual_bytes.entry(name).or_default();
            *sum = sum.saturating_add(bytes);
        }
    }
}

fn by_generation(place: &ShardPlace<'_>, holders: &[&RootSnapshot], index: &ShardIndex) -> ShardUse {
    let held: BTreeSet<&str> = holders.iter().map(|holder| holder.named.name.as_str()).collect();
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (snapshot, entry) in index.snapshots.iter().filter(|(snapshot, _)| held.contains(snapshot.as_str())) {
        for file in &entry.files {
            users.entry(file).or_default().push(snapshot.clone());
        }
    }
    let mut used = ShardUse { index: place.index.to_owned(), shard: place.shard, ..ShardUse::default() };
    for file in &index.files {
        if let Some(names) = users.remove(&*file.name) {
            used.take(file.length, file.is_virtual(), names);
        }
    }
    used
}
