//! Which snapshots use which files, shard by shard: one blob of a shard answers for all snapshots at once.

use crate::load::{Loader, Trouble};
use crate::model::{FileInfo, IndexEntry, IndexMetadata, ShardIndex, SnapshotRef};
use crate::open::Opened;
use crate::places::{Companions, Places, shards_in};
use crate::sums::add;
use crate::verify::facts::{InSnapshot, ShardFacts};
use crate::verify::root::{self, Holders, RootSnapshot};
use crate::verify::{ShardPlace, gather_said};
use futures_util::{StreamExt as _, stream};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Indices that are read at once.
const INDICES_AT_ONCE: usize = 8;

/// The files of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardUse {
    /// The index's name.
    pub index: String,
    /// The shard's number.
    pub shard: u32,
    /// Bytes of each stored file, and the snapshots that use it, by their places in `index-N`.
    pub files: Vec<(u64, Vec<u32>)>,
    /// Bytes of files that are not stored but part of the metadata, by such places.
    pub virtual_bytes: BTreeMap<u32, u64>,
}

/// A shard, or a whole index, of which nothing is known, or not what all snapshots have of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The index's name.
    pub index: String,
    /// Where and why, in words.
    pub why: String,
}

/// What is read.
struct Reading<'a, E> {
    loader: &'a Loader<'a>,
    opened: &'a Opened,
    companions: Companions,
    /// Places in `index-N` of the snapshots that are looked at.
    chosen: Vec<usize>,
    holders: Holders<'a>,
    /// All snapshots' places in `index-N`, by UUID.
    places: HashMap<&'a str, u32>,
    /// The same with what the snapshots say of themselves, by UUID; asked only where it matters.
    infos: OnceCell<HashMap<String, RootSnapshot>>,
    each: E,
    unread: Mutex<Vec<Unread>>,
}

/// A snapshot that holds an index, and its place in `index-N`.
type Holder<'a> = (&'a RootSnapshot, u32);

/// A shard's files by their blobs: bytes, whether they are virtual, and the snapshots that use them.
#[derive(Debug, Default)]
struct Users(BTreeMap<Arc<str>, (u64, bool, Vec<u32>)>);

/// Gives each shard's files to `each`, as far as the chosen snapshots use them; says of which shards not all is known.
pub async fn for_each_shard(
    loader: &Loader<'_>,
    opened: &Opened,
    chosen: impl Fn(&SnapshotRef) -> bool,
    each: impl Fn(&ShardUse),
) -> Vec<Unread> {
    let all = opened.data.snapshots.iter().enumerate();
    let meant = |name: &str, uuid: &str| chosen(&SnapshotRef { name: name.to_owned(), uuid: uuid.to_owned() });
    let chosen: Vec<usize> =
        all.filter(|(_, entry)| meant(&entry.name, &entry.uuid)).map(|(ordinal, _)| ordinal).collect();
    let roots = root::unread(&opened.data, &chosen);
    let companions = Companions::list(loader).await;
    let (infos, unread) = (OnceCell::new(), Mutex::default());
    let holders = Holders::among(&roots);
    let places = opened.data.snapshots.iter().zip(0..).map(|(entry, place)| (&*entry.uuid, place)).collect();
    let reading = Reading { loader, opened, companions, chosen, holders, places, infos, each, unread };
    let indices = opened.data.indices.iter().map(|(name, entry)| reading.index(name, entry)).collect::<Vec<_>>();
    stream::iter(indices).buffer_unordered(INDICES_AT_ONCE).collect::<Vec<()>>().await;
    let mut unread = reading.unread.into_inner().unwrap_or_else(PoisonError::into_inner);
    unread.sort_by(|one, other| (&one.index, &one.why).cmp(&(&other.index, &other.why)));
    unread
}

impl<E: Fn(&ShardUse)> Reading<'_, E> {
    async fn index(&self, name: &str, entry: &IndexEntry) {
        let holders = self.holders.of(entry).into_iter();
        let holders: Vec<Holder<'_>> =
            holders.filter_map(|holder| Some((holder, *self.places.get(&*holder.named.uuid)?))).collect();
        if holders.is_empty() {
            return;
        }
        let places = match self.companions.places(self.loader, entry).await {
            Ok(places) => places,
            Err(lost) => return self.note(name, format!("{name}: {}", lost.why)),
        };
        let shards = match self.shards(entry, &places).await {
            Ok(shards) => shards,
            Err(why) => return self.note(name, format!("{name}: how many shards it has is not known: {why}")),
        };
        for shard in 0..shards {
            let Some(folder) = places.of(shard) else {
                self.note(name, format!("{name} shard {shard}: no companion blob says where it is"));
                continue;
            };
            let generation =
                entry.shard_generations.as_ref().and_then(|all| all.get(usize::try_from(shard).ok()?)?.as_deref());
            let place = ShardPlace { index: name, shard, folder, generation };
            let (used, why) = self.shard(&place, entry, &holders).await;
            (self.each)(&used);
            if let Some(why) = why {
                self.note(name, format!("{name} shard {shard}: {why}"));
            }
        }
    }

    async fn shards(&self, entry: &IndexEntry, places: &Places) -> Result<u32, String> {
        let known = entry.shard_generations.as_ref().map_or(0, Vec::len);
        match places {
            _ if known > 0 => Ok(u32::try_from(known).unwrap_or(u32::MAX)),
            Places::Hashed { folders } => Ok(u32::try_from(folders.len()).unwrap_or(u32::MAX)),
            Places::Fixed { folder } => shards_in(self.loader, folder).await.map_err(|access| access.to_string()),
        }
    }

    /// What the snapshots use of a shard, and why that is not all.
    async fn shard(
        &self,
        place: &ShardPlace<'_>,
        entry: &IndexEntry,
        holders: &[Holder<'_>],
    ) -> (ShardUse, Option<String>) {
        let mut users = Users::default();
        let current = crate::verify::current_generation(self.loader, place).await;
        let blob = current.map(|current| format!("{}/index-{current}", place.folder));
        let loaded = match &blob {
            Some(blob) => self.loader.load(blob, ShardIndex::parse).await.ok(),
            None => None,
        };
        let left: Vec<&str> = match &loaded {
            Some(index) => {
                users.take_generation(index, holders);
                let lacking = holders.iter().filter(|(holder, _)| !index.snapshots.contains_key(&holder.named.name));
                lacking.map(|(holder, _)| holder.named.uuid.as_str()).collect()
            }
            None => holders.iter().map(|(holder, _)| holder.named.uuid.as_str()).collect(),
        };
        let why = if left.is_empty() { None } else { self.by_snapshots(place, entry, &left, &mut users).await };
        (users.used(place), why)
    }

    /// Where the shard's `index-…` says nothing of a snapshot, the snapshot's own blob is asked.
    async fn by_snapshots(
        &self,
        place: &ShardPlace<'_>,
        entry: &IndexEntry,
        uuids: &[&str],
        users: &mut Users,
    ) -> Option<String> {
        let infos = self.infos().await;
        let roots = uuids.iter().filter_map(|uuid| infos.get(*uuid));
        let held: Vec<&RootSnapshot> = roots.filter(|root| !root.lacks(place.index, place.shard)).collect();
        if held.is_empty() {
            return None;
        }
        let facts = gather_said(self.loader, place, &held).await;
        users.take_snapshots(&facts, &self.places);
        let mut unknown = Vec::new();
        for (snapshot, seen) in &facts.snapshots {
            let why = match seen {
                InSnapshot::Trouble(trouble) if self.has_none(place, entry, &snapshot.uuid, trouble).await => continue,
                InSnapshot::Trouble(trouble) => format!("snap-{}.dat: {trouble}", snapshot.uuid),
                InSnapshot::Another { name } => format!("snap-{}.dat is that of another one, {name}", snapshot.uuid),
                _ => continue,
            };
            unknown.push((snapshot.name.as_str(), why));
        }
        let (name, why) = unknown.first()?;
        let more = if unknown.len() > 1 { format!(" and {} more", unknown.len() - 1) } else { String::new() };
        Some(format!("what {name}{more} have of it is not known: {why}"))
    }

    /// Whether the snapshot has no such shard: an index that was made anew may have had fewer.
    async fn has_none(&self, place: &ShardPlace<'_>, entry: &IndexEntry, uuid: &str, trouble: &Trouble) -> bool {
        let data = &self.opened.data;
        let Some(snapshot) = data.snapshot(uuid).filter(|_| trouble.is_missing()) else { return false };
        let blob = format!("indices/{}/meta-{}.dat", entry.id, data.index_meta_blob(&entry.id, snapshot));
        let metadata = self.loader.load(&self.loader.store.path(&blob), IndexMetadata::parse).await;
        metadata.is_ok_and(|metadata| metadata.name == place.index && metadata.shards <= place.shard)
    }

    async fn infos(&self) -> &HashMap<String, RootSnapshot> {
        let read = async || {
            let roots = root::infos(self.loader, &self.opened.data, &self.chosen).await;
            roots.into_iter().map(|root| (root.named.uuid.clone(), root)).collect()
        };
        self.infos.get_or_init(read).await
    }

    fn note(&self, index: &str, why: String) {
        let unread = Unread { index: index.to_owned(), why };
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).push(unread);
    }
}

impl Users {
    fn take_generation(&mut self, index: &ShardIndex, holders: &[Holder<'_>]) {
        let mut users: Vec<Vec<u32>> = vec![Vec::new(); index.files.len()];
        for (holder, place) in holders {
            let Some(entry) = index.snapshots.get(&holder.named.name) else { continue };
            for file in entry.files.iter() {
                let of_file = usize::try_from(*file).ok().and_then(|file| users.get_mut(file));
                if let Some(users) = of_file {
                    users.push(*place);
                }
            }
        }
        for (file, users) in index.files.iter().zip(users).filter(|(_, users)| !users.is_empty()) {
            self.take(file, users);
        }
    }

    fn take_snapshots(&mut self, facts: &ShardFacts, places: &HashMap<&str, u32>) {
        for (snapshot, files) in facts.known() {
            let Some(place) = places.get(snapshot.uuid.as_str()) else { continue };
            for file in files.iter().filter_map(|number| facts.files.get(number)) {
                self.take(file, [*place]);
            }
        }
    }

    fn take(&mut self, file: &FileInfo, users: impl IntoIterator<Item = u32>) {
        let new = || (file.length, file.is_virtual(), Vec::new());
        self.0.entry(Arc::clone(&file.name)).or_insert_with(new).2.extend(users);
    }

    fn used(self, place: &ShardPlace<'_>) -> ShardUse {
        let mut used = ShardUse { index: place.index.to_owned(), shard: place.shard, ..ShardUse::default() };
        for (bytes, is_virtual, users) in self.0.into_values() {
            if !is_virtual {
                used.files.push((bytes, users));
                continue;
            }
            for user in users {
                add(used.virtual_bytes.entry(user).or_default(), bytes);
            }
        }
        used
    }
}
