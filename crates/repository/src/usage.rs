//! What snapshots weigh: their bytes, those that go when one goes, growth, and what it costs.
//!
//! Snapshots are incremental: a file that many of them use is stored once. A snapshot's *total* is what its restore reads,
//! its *unique* bytes are those that are freed when it alone is deleted, *added* ones those that no older snapshot has.

mod prices;
pub mod shards;

pub use prices::{Price, Prices};

use crate::load::Loader;
use crate::model::SnapshotRef;
use crate::open::Opened;
use crate::store::{Counts, Location};
use crate::sums::{add, total};
use jiff::Timestamp;
use serde::Serialize;
use shards::{ShardUse, for_each_shard};
use snapkeep_core::Failure;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// What the snapshots of a repository weigh.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    /// The shape's version.
    pub schema: u32,
    /// The repository's place.
    pub location: String,
    /// The generation that was read.
    pub generation: Option<u64>,
    /// Bytes of all files that snapshots use, each once.
    pub data_bytes: u64,
    /// The oldest first.
    pub snapshots: Vec<SnapshotUse>,
    /// The largest first.
    pub indices: Vec<IndexUse>,
    /// Bytes of the bucket's objects by storage class, metadata and leftovers included; nothing in a folder.
    pub classes: Option<BTreeMap<String, ClassUse>>,
    /// What those cost a month, in US dollars, where all classes have a price.
    pub monthly_usd: Option<f64>,
    /// Shards of which nothing is known: the bytes are too few by theirs.
    pub unread: Vec<String>,
    /// What was asked of the store.
    pub counts: Counts,
    /// Bytes by the set of snapshots that use them.
    #[serde(skip)]
    sets: HashMap<Vec<u32>, u64>,
}

/// What one snapshot weighs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SnapshotUse {
    /// Its name.
    pub snapshot: String,
    /// When it began, where `index-N` or its own blob says it.
    pub started_at: Option<Timestamp>,
    /// Bytes of its files, as `_status` counts them: small ones that are part of the metadata included.
    pub total_bytes: u64,
    /// Stored bytes that are freed when it alone is deleted.
    pub unique_bytes: u64,
    /// Stored bytes that other snapshots use too.
    pub shared_bytes: u64,
    /// Stored bytes that no older snapshot uses.
    pub added_bytes: u64,
}

/// What one index weighs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexUse {
    /// Its name.
    pub index: String,
    /// How many snapshots hold it.
    pub snapshots: usize,
    /// Stored bytes, over all snapshots.
    pub bytes: u64,
}

/// Objects of one storage class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ClassUse {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What they cost a month, in US dollars.
    pub monthly_usd: Option<f64>,
}

/// Sums up as shards come.
#[derive(Debug, Default)]
struct Sums {
    sets: HashMap<Vec<u32>, u64>,
    virtual_bytes: BTreeMap<u32, u64>,
    indices: BTreeMap<String, u64>,
}

/// Reads what the snapshots weigh; in a bucket also what all of it costs. Ends as `inconclusive` if the repository changes
/// meanwhile.
pub async fn usage(loader: &Loader<'_>, opened: &Opened, prices: &Prices) -> Result<Usage, Failure> {
    opened.is_written(loader.store)?;
    let order = in_order(opened, &crate::inspect::contents(loader, opened).await?);
    let mut usage = weigh(loader, opened, &order).await;
    usage.classes = classes(loader, opened, prices).await?;
    opened.rests(loader.store).await?;
    let classes = usage.classes.as_ref();
    usage.monthly_usd = classes.and_then(|all| all.values().map(|class| class.monthly_usd).sum::<Option<f64>>());
    usage.counts = loader.store.counts();
    Ok(usage)
}

/// Reads what [`Usage::freed`] needs and no more: one blob of each shard. Snapshots stand in the order of `index-N`, and
/// nothing is said of classes and costs.
pub async fn shares(loader: &Loader<'_>, opened: &Opened) -> Result<Usage, Failure> {
    opened.is_written(loader.store)?;
    let order: Vec<_> = opened.data.snapshots.iter().map(|snapshot| (snapshot.name.clone(), None)).collect();
    let usage = weigh(loader, opened, &order).await;
    opened.rests(loader.store).await?;
    Ok(usage)
}

async fn weigh(loader: &Loader<'_>, opened: &Opened, order: &[(String, Option<Timestamp>)]) -> Usage {
    let by_name: HashMap<&str, u32> =
        order.iter().zip(0..).map(|((name, _), number)| (name.as_str(), number)).collect();
    let snapshots = opened.data.snapshots.iter();
    let numbers: Vec<Option<u32>> = snapshots.map(|snapshot| by_name.get(&*snapshot.name).copied()).collect();
    let sums = Mutex::new(Sums::default());
    let each = |shard: &ShardUse| sums.lock().unwrap_or_else(PoisonError::into_inner).take(shard, &numbers);
    let unread = for_each_shard(loader, opened, |_: &SnapshotRef| true, &each).await;
    let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    let holders = |index: &str| opened.data.indices.get(index).map_or(0, |entry| entry.snapshots.len());
    let mut indices: Vec<IndexUse> = sums
        .indices
        .iter()
        .map(|(index, bytes)| IndexUse { index: index.clone(), snapshots: holders(index), bytes: *bytes })
        .collect();
    indices.sort_by(|one, other| (other.bytes, &one.index).cmp(&(one.bytes, &other.index)));
    Usage {
        schema: 1,
        location: loader.store.location().to_string(),
        generation: opened.generation,
        data_bytes: total(sums.sets.values().copied()),
        snapshots: of_snapshots(order, &sums),
        indices,
        unread: unread.into_iter().map(|unread| unread.why).collect(),
        counts: loader.store.counts(),
        sets: sums.sets,
        ..Usage::default()
    }
}

/// Names of the snapshots and when they began, the oldest first.
fn in_order(opened: &Opened, contents: &crate::inspect::Contents) -> Vec<(String, Option<Timestamp>)> {
    debug_assert_eq!(opened.data.snapshots.len(), contents.snapshots.len());
    contents.snapshots.iter().map(|line| (line.name.clone(), line.started_at)).collect()
}

impl Sums {
    /// `numbers` are those of the snapshots in the order of the answer, by their places in `index-N`.
    fn take(&mut self, shard: &ShardUse, numbers: &[Option<u32>]) {
        let number = |place: &u32| numbers.get(usize::try_from(*place).ok()?).copied().flatten();
        for (bytes, users) in &shard.files {
            let mut set: Vec<u32> = users.iter().filter_map(number).collect();
            set.sort_unstable();
            set.dedup();
            add(self.sets.entry(set).or_default(), *bytes);
            add(self.indices.entry(shard.index.clone()).or_default(), *bytes);
        }
        for (snapshot, bytes) in shard.virtual_bytes.iter().filter_map(|(place, bytes)| Some((number(place)?, bytes))) {
            add(self.virtual_bytes.entry(snapshot).or_default(), *bytes);
        }
    }
}

/// Pure.
fn of_snapshots(order: &[(String, Option<Timestamp>)], sums: &Sums) -> Vec<SnapshotUse> {
    let mut uses: Vec<SnapshotUse> = order
        .iter()
        .zip(0..)
        .map(|((name, started_at), number)| SnapshotUse {
            snapshot: name.clone(),
            started_at: *started_at,
            total_bytes: sums.virtual_bytes.get(&number).copied().unwrap_or_default(),
            ..SnapshotUse::default()
        })
        .collect();
    for (set, bytes) in &sums.sets {
        for (position, number) in set.iter().enumerate() {
            let Some(one) = usize::try_from(*number).ok().and_then(|number| uses.get_mut(number)) else { continue };
            add(&mut one.total_bytes, *bytes);
            add(if set.len() == 1 { &mut one.unique_bytes } else { &mut one.shared_bytes }, *bytes);
            if position == 0 {
                add(&mut one.added_bytes, *bytes);
            }
        }
    }
    uses
}

impl Usage {
    /// Stored bytes that are freed when all of these are deleted: those that no other snapshot uses.
    pub fn freed(&self, snapshots: &[&str]) -> u64 {
        let gone: BTreeSet<u32> = (0..)
            .zip(&self.snapshots)
            .filter(|(_, used)| snapshots.contains(&used.snapshot.as_str()))
            .map(|(number, _)| number)
            .collect();
        let only_gone = |set: &[u32]| !set.is_empty() && set.iter().all(|number| gone.contains(number));
        total(self.sets.iter().filter(|(set, _)| only_gone(set)).map(|(_, bytes)| *bytes))
    }
}

/// All objects below the repository's folder and its shards' hashed ones, by class.
async fn classes(
    loader: &Loader<'_>,
    opened: &Opened,
    prices: &Prices,
) -> Result<Option<BTreeMap<String, ClassUse>>, Failure> {
    if let Location::Folder(_) = loader.store.location() {
        return Ok(None);
    }
    let found = Mutex::new(BTreeMap::<String, ClassUse>::new());
    let each = |blob: crate::store::Blob| {
        let class = blob.class.as_deref().unwrap_or("STANDARD").to_owned();
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        let used = found.entry(class).or_default();
        (used.objects, used.bytes) = (used.objects + 1, used.bytes + blob.size);
    };
    for folder in crate::orphans::folders(loader, opened).await {
        let listed = loader.store.list(&folder, each).await;
        listed.map_err(|access| access.failure(&folder))?;
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (class, used) in &mut found {
        used.monthly_usd = prices.monthly(class, used.bytes);
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usage_of(files: &[(u64, &[&str])], names: &[&str]) -> Usage {
        let order: Vec<_> = names.iter().map(|name| ((*name).to_owned(), None)).collect();
        let numbers: Vec<Option<u32>> = (0..).take(names.len()).map(Some).collect();
        let place = |user: &str| u32::try_from(names.iter().position(|name| *name == user).unwrap()).unwrap();
        let mut sums = Sums::default();
        let files = files.iter().map(|(bytes, users)| (*bytes, users.iter().map(|user| place(user)).collect()));
        sums.take(&ShardUse { index: "books".into(), files: files.collect(), ..ShardUse::default() }, &numbers);
        let snapshots = of_snapshots(&order, &sums);
        Usage { snapshots, data_bytes: total(sums.sets.values().copied()), sets: sums.sets, ..Usage::default() }
    }

    #[test]
    fn shared_bytes_are_counted_once_and_freed_together() {
        let usage =
            usage_of(&[(1, &["a"]), (10, &["a", "b"]), (100, &["b"]), (1_000, &["a", "b", "c"])], &["a", "b", "c"]);
        let lines: Vec<_> = usage
            .snapshots
            .iter()
            .map(|used| (used.total_bytes, used.unique_bytes, used.shared_bytes, used.added_bytes))
            .collect();
        assert_eq!(lines, [(1_011, 1, 1_010, 1_011), (1_110, 100, 1_010, 100), (1_000, 0, 1_000, 0)]);
        assert_eq!(usage.data_bytes, 1_111);
        for (gone, freed) in [(&["a"][..], 1), (&["b"], 100), (&["a", "b"], 111), (&["a", "b", "c"], 1_111), (&[], 0)] {
            assert_eq!(usage.freed(gone), freed, "{gone:?}");
        }
    }

    #[test]
    fn sums_of_what_nobody_can_store_end_somewhere() {
        let most = i64::MAX.unsigned_abs();
        let usage = usage_of(&[(most, &["a"]), (most, &["a", "b"]), (most, &["b"]), (most, &["a"])], &["a", "b"]);
        assert_eq!(
            (usage.data_bytes, usage.snapshots[0].total_bytes, usage.freed(&["a", "b"])),
            (u64::MAX, u64::MAX, u64::MAX)
        );
    }

    proptest! {
        #[test]
        fn added_bytes_are_all_bytes_and_deleting_more_frees_more(
            files in proptest::collection::vec((1_u64..1_000, 1_u8..16), 0..20)
        ) {
            let names = ["a", "b", "c", "d"];
            let users: Vec<Vec<&str>> = files
                .iter()
                .map(|(_, mask)| (0..4).filter(|bit| mask >> bit & 1 == 1).map(|bit| names[bit]).collect())
                .collect();
            let files: Vec<(u64, &[&str])> = files.iter().zip(&users).map(|((bytes, _), users)| (*bytes, &users[..])).collect();
            let usage = usage_of(&files, &names);
            prop_assert_eq!(usage.snapshots.iter().map(|used| used.added_bytes).sum::<u64>(), usage.data_bytes);
            prop_assert_eq!(usage.freed(&names), usage.data_bytes);
            for used in &usage.snapshots {
                prop_assert_eq!(usage.freed(&[&used.snapshot]), used.unique_bytes);
                prop_assert_eq!(used.unique_bytes + used.shared_bytes, used.total_bytes);
            }
            prop_assert!(usage.freed(&["a", "b"]) >= usage.freed(&["a"]) + usage.freed(&["b"]));
        }
    }
}
