//! How two snapshots differ.

use super::named;
use crate::load::Loader;
use crate::model::SnapshotRef;
use crate::open::Opened;
use crate::store::Counts;
use crate::sums::add;
use crate::usage::shards::{ShardUse, for_each_shard};
use serde::Serialize;
use snapkeep_core::Failure;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How two snapshots differ.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The shape's version.
    pub schema: u32,
    /// One.
    pub from: String,
    /// The other.
    pub to: String,
    /// Indices of either, by name.
    pub indices: Vec<IndexDifference>,
    /// Shards of which nothing is known, and why.
    pub unread: Vec<String>,
    /// What was asked of the store.
    pub counts: Counts,
}

/// How an index differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexDifference {
    /// Its name.
    pub index: String,
    /// Whether the one has it.
    pub in_from: bool,
    /// Whether the other has it.
    pub in_to: bool,
    /// Bytes that only the one has.
    pub removed_bytes: u64,
    /// Bytes that only the other has.
    pub added_bytes: u64,
    /// Bytes that both have.
    pub shared_bytes: u64,
    /// How many of its shards are not known, or not wholly: the bytes are too few by theirs.
    pub unread_shards: usize,
}

/// Compares two snapshots by the blobs that their shards name. Ends as `inconclusive` if the repository changes meanwhile.
pub async fn diff(loader: &Loader<'_>, opened: &Opened, from: &str, to: &str) -> Result<Difference, Failure> {
    let pair = [named(opened, from)?, named(opened, to)?];
    let uuids = pair.map(|ordinal| opened.data.snapshots[ordinal].uuid.clone());
    let indices = Mutex::new(BTreeMap::<String, IndexDifference>::new());
    for (name, entry) in &opened.data.indices {
        let has = uuids.each_ref().map(|uuid| entry.snapshots.contains(uuid));
        if has.contains(&true) {
            let line =
                IndexDifference { index: name.clone(), in_from: has[0], in_to: has[1], ..IndexDifference::default() };
            indices.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), line);
        }
    }
    let places = pair.map(|ordinal| u32::try_from(ordinal).unwrap_or(u32::MAX));
    let each = |shard: &ShardUse| {
        let mut indices = indices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = indices.get_mut(&shard.index) {
            line.take(shard, places);
        }
    };
    let chosen = [from, to].map(str::to_owned);
    let unread = for_each_shard(loader, opened, |snapshot: &SnapshotRef| chosen.contains(&snapshot.name), &each).await;
    let mut indices = indices.into_inner().unwrap_or_else(PoisonError::into_inner);
    for unread in &unread {
        if let Some(line) = indices.get_mut(&unread.index) {
            line.unread_shards += 1;
        }
    }
    opened.rests(loader.store).await?;
    let (indices, unread) = (indices.into_values().collect(), unread.into_iter().map(|unread| unread.why).collect());
    let counts = loader.store.counts();
    Ok(Difference { schema: 1, from: from.to_owned(), to: to.to_owned(), indices, unread, counts })
}

impl IndexDifference {
    fn take(&mut self, shard: &ShardUse, places: [u32; 2]) {
        for (bytes, users) in &shard.files {
            let [in_from, in_to] = places.map(|place| users.contains(&place));
            let sum = match (in_from, in_to) {
                (true, true) => &mut self.shared_bytes,
                (true, false) => &mut self.removed_bytes,
                (false, true) => &mut self.added_bytes,
                (false, false) => continue,
            };
            add(sum, *bytes);
        }
    }
}
