//! What a run will cost, before it begins.

use super::choice::{Choice, Level};
use crate::load::Loader;
use crate::model::IndexEntry;
use crate::open::{Opened, name_of};
use crate::places::{Companions, Places};
use crate::store::Blob;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Folders that are listed at once.
const AT_ONCE: usize = 16;

/// Requests and bytes to come, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Snapshots that are looked at.
    pub snapshots: u64,
    /// Their indices.
    pub indices: u64,
    /// Shards of those, as far as `index-N` tells.
    pub shards: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes of data that are read; nothing where none are.
    pub bytes: Option<u64>,
}

/// Counts what the choice needs. For checksums the indices' folders are listed, to know the bytes: all that lie there, also
/// those that only snapshots need which were not chosen. What cannot be listed is left out.
pub async fn estimate(loader: &Loader<'_>, opened: &Opened, choice: &Choice) -> Estimate {
    let mut estimate = requests(opened, choice);
    if choice.level == Level::Checksums {
        let (blobs, bytes) = measured(loader, opened, choice).await;
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "about"
        )]
        let share = |count: u64| (count as f64 * choice.share.fraction()) as u64;
        estimate.requests += share(blobs);
        estimate.bytes = Some(share(bytes));
    }
    estimate
}

/// The indices that are looked at, with the number of snapshots that hold each.
fn indices<'a>(opened: &'a Opened, choice: &'a Choice) -> impl Iterator<Item = (&'a IndexEntry, u64)> {
    let snapshots = opened.data.snapshots.iter().filter(|snapshot| choice.has_snapshot(&snapshot.name));
    let chosen: BTreeSet<&str> = snapshots.map(|snapshot| &*snapshot.uuid).collect();
    opened.data.indices.iter().filter(|(name, _)| choice.has_index(name)).filter_map(move |(_, index)| {
        let holders = index.snapshots.iter().filter(|uuid| chosen.contains(&***uuid)).count() as u64;
        (holders > 0).then_some((index, holders))
    })
}

/// Without asking anybody. Pure.
fn requests(opened: &Opened, choice: &Choice) -> Estimate {
    let snapshots = opened.data.snapshots.iter().filter(|snapshot| choice.has_snapshot(&snapshot.name)).count() as u64;
    let mut estimate = Estimate { snapshots, requests: 2 * snapshots + 3, ..Estimate::default() };
    for (index, holders) in indices(opened, choice) {
        // Before 7.6 `index-N` does not say how many shards there are.
        let shards = index.shard_generations.as_ref().map_or(1, |shards| shards.len() as u64);
        // For `metadata` the snapshots' own blobs are only listed.
        let read = if choice.level >= Level::Blobs { holders } else { 0 };
        estimate.indices += 1;
        estimate.shards += shards;
        estimate.requests += 1 + shards * (2 + read);
    }
    estimate
}

/// Blobs and bytes below the indices' folders.
async fn measured(loader: &Loader<'_>, opened: &Opened, choice: &Choice) -> (u64, u64) {
    let companions = &Companions::list(loader).await;
    let lists = indices(opened, choice).map(|(entry, _)| async move {
        let folders = match companions.places(loader, entry).await {
            Ok(Places::Fixed { folder }) => vec![folder],
            Ok(Places::Hashed { folders }) => folders,
            Err(_) => Vec::new(),
        };
        let mut sum = (0, 0);
        for folder in folders {
            let (blobs, bytes) = below(loader, &folder).await;
            sum = (sum.0 + blobs, sum.1 + bytes);
        }
        sum
    });
    let lists = lists.collect::<Vec<_>>();
    stream::iter(lists).buffer_unordered(AT_ONCE).fold((0, 0), async |sum, one| (sum.0 + one.0, sum.1 + one.1)).await
}

/// What the folder cannot show is told by the run itself.
async fn below(loader: &Loader<'_>, folder: &str) -> (u64, u64) {
    let found = Mutex::new((0, 0));
    let each = |blob: Blob| {
        if name_of(&blob.path).starts_with("__") {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            *found = (found.0 + 1, found.1 + blob.size);
        }
    };
    let _ = loader.store.list(folder, each).await;
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}
