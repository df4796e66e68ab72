//! What a run will cost, before it begins.

use super::choice::{Choice, Level};
use crate::load::Loader;
use crate::open::Opened;
use crate::store::Access;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Mutex;

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

/// Counts what the choice needs. For checksums the indices' folders are listed, to know the bytes.
pub async fn estimate(loader: &Loader<'_>, opened: &Opened, choice: &Choice) -> Result<Estimate, Access> {
    let mut estimate = requests(opened, choice);
    if choice.level == Level::Checksums {
        let (blobs, bytes) = measured(loader, opened, choice).await?;
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
    Ok(estimate)
}

/// Without asking anybody. Pure.
fn requests(opened: &Opened, choice: &Choice) -> Estimate {
    let snapshots = opened.data.snapshots.iter().filter(|snapshot| choice.has_snapshot(&snapshot.name));
    let chosen: BTreeSet<&str> = snapshots.map(|snapshot| &*snapshot.uuid).collect();
    let mut estimate = Estimate { snapshots: chosen.len() as u64, ..Estimate::default() };
    estimate.requests = 2 * estimate.snapshots + 3;
    for (_, index) in opened.data.indices.iter().filter(|(name, _)| choice.has_index(name)) {
        let holders = index.snapshots.iter().filter(|uuid| chosen.contains(&***uuid)).count() as u64;
        if holders == 0 {
            continue;
        }
        // Before 7.6 `index-N` does not say how many shards there are.
        let shards = index.shard_generations.as_ref().map_or(1, |shards| shards.len() as u64);
        let lists = u64::from(choice.level >= Level::Blobs);
        estimate.indices += 1;
        estimate.shards += shards;
        estimate.requests += 1 + shards * (1 + lists + holders);
    }
    estimate
}

/// Blobs and bytes below the indices' folders.
async fn measured(loader: &Loader<'_>, opened: &Opened, choice: &Choice) -> Result<(u64, u64), Access> {
    let companions = crate::places::Companions::list(loader).await;
    let mut sum = (0, 0);
    for (name, entry) in &opened.data.indices {
        if !choice.has_index(name) {
            continue;
        }
        let folders = match companions.places(loader, entry).await {
            Ok(crate::places::Places::Fixed { folder }) => vec![folder],
            Ok(crate::places::Places::Hashed { folders }) => folders,
            Err(_) => continue,
        };
        for folder in folders {
            let found = Mutex::new((0, 0));
            let each = |blob: crate::store::Blob| {
                if crate::open::name_of(&blob.path).starts_with("__") {
                    let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    *found = (found.0 + 1, found.1 + blob.size);
                }
            };
            loader.store.list(&folder, each).await?;
            let found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            sum = (sum.0 + found.0, sum.1 + found.1);
        }
    }
    Ok(sum)
}
