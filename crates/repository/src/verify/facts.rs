//! What was seen of one shard: all that the verdict on it rests on.

use super::files::{FileNumber, Files, Numbers};
use super::names::Names;
use crate::load::{Loaded, Trouble};
use crate::model::{FileInfo, ShardIndex, ShardSnapshot, SnapshotRef};
use crate::store::Access;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// A blob's size and storage class, as its folder's listing has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Bytes.
    pub size: u64,
    /// S3's storage class, unless it is the normal one.
    pub class: Option<Box<str>>,
}

/// Blobs of a shard's folder by their names.
pub type Listing = BTreeMap<String, Listed>;

/// Which `index-…` of a shard is the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Current {
    /// This one.
    Known(String),
    /// Neither `index-N` nor the folder says it.
    Undefined,
}

/// What a snapshot says of a shard.
#[derive(Debug)]
pub enum InSnapshot {
    /// These files, some of them perhaps said otherwise than elsewhere.
    Files {
        /// By their numbers in the table.
        files: Numbers,
        /// What is said otherwise.
        differences: Vec<String>,
    },
    /// Its `snap-….dat` is there, and was not opened: its files are those that the shard's `index-…` gives it.
    There,
    /// It is in a remote store.
    Elsewhere,
    /// Its `snap-….dat` says nothing.
    Trouble(Trouble),
    /// Its `snap-….dat` is that of another snapshot.
    Another {
        /// That one's name.
        name: String,
    },
}

/// What the shard's `index-…` says.
#[derive(Debug, Default)]
pub struct InGeneration {
    /// By the snapshot's name.
    pub snapshots: BTreeMap<String, Numbers>,
    /// Files that the blob says otherwise than a snapshot, or gives to a snapshot without describing them.
    pub differences: Vec<String>,
}

/// All that was seen of a shard.
#[derive(Debug)]
pub struct ShardFacts {
    /// The index's name.
    pub index: String,
    /// The shard's number.
    pub shard: u32,
    /// Its folder.
    pub folder: String,
    /// Its files.
    pub files: Files,
    /// What each snapshot that should hold it says.
    pub snapshots: Vec<(SnapshotRef, InSnapshot)>,
    /// Which `index-…` is current.
    pub current: Current,
    /// What that one says; nothing if none is known.
    pub generation: Option<Loaded<InGeneration>>,
    /// What its folder holds; nothing where it was not listed.
    pub listing: Option<Result<Listing, Access>>,
    /// Blobs that look wrong in the listing and that nothing could be learnt of by asking for them.
    pub unconfirmed: BTreeMap<String, Access>,
    /// Names of snapshots by their places in `snapshots`: thousands of files have the same users.
    users: Mutex<HashMap<Vec<usize>, Names>>,
}

impl ShardFacts {
    /// Nothing is known yet.
    pub fn new(index: &str, shard: u32, folder: String, current: Current) -> Self {
        Self {
            index: index.to_owned(),
            shard,
            folder,
            files: Files::default(),
            snapshots: Vec::new(),
            current,
            generation: None,
            listing: None,
            unconfirmed: BTreeMap::new(),
            users: Mutex::default(),
        }
    }

    /// Takes in the shard's `index-…`, after the snapshots: restores rest on what those say. Neighbours that hold the same files
    /// share their list.
    pub fn take_generation(&mut self, loaded: Loaded<ShardIndex>) {
        self.generation = Some(loaded.map(|index| {
            let mut found = InGeneration::default();
            let mut numbers = Vec::with_capacity(index.files.len());
            for file in index.files {
                let (number, difference) = self.files.take(file);
                numbers.push(number);
                found.differences.extend(difference);
            }
            let mut last: Option<(Arc<[u32]>, Numbers)> = None;
            for (snapshot, entry) in index.snapshots {
                let same = last.take().filter(|(files, _)| Arc::ptr_eq(files, &entry.files));
                let (files, known) = same.unwrap_or_else(|| {
                    let at = |place: &u32| numbers.get(usize::try_from(*place).ok()?).copied();
                    let known = Numbers::of(entry.files.iter().filter_map(at));
                    (entry.files, known)
                });
                found.snapshots.insert(snapshot, known.clone());
                last = Some((files, known));
            }
            found
        }));
    }

    /// Takes in a snapshot's `snap-….dat` of the shard.
    pub fn take_snapshot(&mut self, snapshot: SnapshotRef, loaded: Loaded<ShardSnapshot>) {
        let seen = match loaded {
            Err(trouble) => InSnapshot::Trouble(trouble),
            Ok(found) if found.name != snapshot.name => InSnapshot::Another { name: found.name },
            Ok(found) => self.files_of(found.files),
        };
        self.snapshots.push((snapshot, seen));
    }

    fn files_of(&mut self, infos: Vec<FileInfo>) -> InSnapshot {
        let (mut files, mut differences) = (Vec::with_capacity(infos.len()), Vec::new());
        for info in infos {
            let (number, difference) = self.files.take(info);
            files.push(number);
            differences.extend(difference);
        }
        let files = Numbers::of(files);
        // Most snapshots hold what the one before held.
        let last = self.snapshots.iter().rev().find_map(|(_, seen)| match seen {
            InSnapshot::Files { files: last, .. } => Some(last),
            _ => None,
        });
        let files = last.filter(|last| **last == files).cloned().unwrap_or(files);
        InSnapshot::Files { files, differences }
    }

    /// Whether the folder has the blob of none of the snapshots.
    pub fn is_nowhere(&self) -> bool {
        self.snapshots.iter().all(|(_, seen)| matches!(seen, InSnapshot::Trouble(trouble) if trouble.is_missing()))
    }

    /// How many blobs with data lie there that neither the shard's `index-…` nor a snapshot names, where all that is known.
    pub fn unreferenced(&self) -> u64 {
        let (Some(Ok(listing)), Some(Ok(_))) = (&self.listing, &self.generation) else { return 0 };
        let is_known = |name: &str| {
            let whole = name.rsplit_once(".part").map_or(name, |(whole, _)| whole);
            self.files.number(whole).is_some() || self.files.number(name).is_some()
        };
        listing.keys().filter(|name| name.starts_with("__") && !is_known(name)).count() as u64
    }

    /// The path of a blob of the shard.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// The files that a snapshot's restore would read, as far as is known.
    pub fn files_in<'a>(&'a self, snapshot: &SnapshotRef, seen: &'a InSnapshot) -> Option<&'a Numbers> {
        match (seen, &self.generation) {
            (InSnapshot::Files { files, .. }, _) => Some(files),
            (InSnapshot::There, Some(Ok(generation))) => generation.snapshots.get(&snapshot.name),
            _ => None,
        }
    }

    /// Those of all snapshots of which that is known.
    pub fn known(&self) -> impl Iterator<Item = (&SnapshotRef, &Numbers)> {
        self.snapshots.iter().filter_map(move |(snapshot, seen)| Some((snapshot, self.files_in(snapshot, seen)?)))
    }

    /// The files that some snapshot's restore would read.
    pub fn used(&self) -> Vec<FileNumber> {
        let mut is_used = vec![false; self.files.len()];
        let mut last: Option<&Numbers> = None;
        for (_, files) in self.known() {
            if last.is_some_and(|last| last.is_same(files)) {
                continue;
            }
            for file in files.iter() {
                if let Some(used) = usize::try_from(file).ok().and_then(|file| is_used.get_mut(file)) {
                    *used = true;
                }
            }
            last = Some(files);
        }
        (0..).zip(is_used).filter(|(_, is_used)| *is_used).map(|(file, _)| file).collect()
    }

    /// The snapshots whose restore would read the file.
    pub fn users_of(&self, file: FileNumber) -> Names {
        let (mut places, mut last) = (Vec::new(), None::<(&Numbers, bool)>);
        for (place, (snapshot, seen)) in self.snapshots.iter().enumerate() {
            let Some(files) = self.files_in(snapshot, seen) else { continue };
            // Neighbours share their lists.
            let has = last.filter(|(same, _)| same.is_same(files)).map_or_else(|| files.has(file), |(_, has)| has);
            if has {
                places.push(place);
            }
            last = Some((files, has));
        }
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |places: &[usize]| places.iter().map(|place| &self.snapshots[*place].0.name).collect();
        users.entry(places).or_insert_with_key(|places| named(places)).clone()
    }
}
