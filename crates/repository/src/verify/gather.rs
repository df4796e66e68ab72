//! Reads what the verdict on a shard rests on.

use super::choice::Level;
use super::facts::{Current, InSnapshot, Listed, Listing, ShardFacts};
use super::judge::suspects;
use super::root::RootSnapshot;
use crate::load::{Loaded, Loader, Trouble};
use crate::model::{Remote, ShallowShardSnapshot, ShardIndex, ShardSnapshot, SnapshotRef};
use crate::open::name_of;
use crate::store::{Access, THAWED};
use futures_util::{StreamExt as _, stream};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// Blobs of one shard that are asked for at once.
const AT_ONCE: usize = 16;

/// Snapshots whose blobs of one shard are read in one go.
const BATCH: usize = 64;

/// How long it is waited before a folder that lacks the shard's `index-…` is looked into again.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];

/// A shard that is to be looked at.
#[derive(Clone, Debug)]
pub struct ShardPlace<'a> {
    /// The index's name.
    pub index: &'a str,
    /// The shard's number.
    pub shard: u32,
    /// Its folder.
    pub folder: String,
    /// What `index-N` says of its generation.
    pub generation: Option<&'a str>,
}

/// What a snapshot's blob of a shard turned out to be.
enum Seen {
    Here(Loaded<ShardSnapshot>),
    Elsewhere,
}

/// Reads what the level needs of a shard. `snapshots` are those that are to hold it.
///
/// For `metadata` their blobs of it are looked for by name only: there are as many as shards times snapshots, each of which
/// repeats what the shard's `index-…` says. Where the folder may not be listed they are read, which needs no listing.
pub async fn gather(
    loader: &Loader<'_>,
    place: &ShardPlace<'_>,
    snapshots: &[&RootSnapshot],
    level: Level,
) -> ShardFacts {
    if level >= Level::Blobs {
        let listing = list(loader, &place.folder).await;
        let mut facts = begun(place, listing.as_ref().ok().and_then(|found| current(found.keys())));
        opened(loader, &mut facts, snapshots).await;
        if listing.is_ok() {
            settled(loader, place, &mut facts).await;
        }
        facts.listing = Some(match listing {
            Ok(listing) => {
                let (listing, unconfirmed) = confirmed(loader, &facts, listing).await;
                facts.unconfirmed = unconfirmed;
                Ok(listing)
            }
            Err(access) => Err(access),
        });
        return facts;
    }
    match loader.store.names(&place.folder).await {
        Ok(names) => {
            let mut facts = begun(place, current(names.iter().map(|(name, _)| name)));
            let names = names.iter().map(|(name, _)| name.as_str()).collect();
            facts.snapshots = there(loader, &facts, snapshots, &names).await;
            generation(loader, &mut facts).await;
            settled(loader, place, &mut facts).await;
            facts
        }
        Err(access) => {
            let mut facts = gather_said(loader, place, snapshots).await;
            if facts.current == Current::Undefined {
                facts.listing = Some(Err(access));
            }
            facts
        }
    }
}

/// Reads what each snapshot's own blob says of a shard, and the shard's `index-…` where `index-N` says which it is. Nothing is
/// listed.
pub async fn gather_said(loader: &Loader<'_>, place: &ShardPlace<'_>, snapshots: &[&RootSnapshot]) -> ShardFacts {
    let mut facts = begun(place, None);
    opened(loader, &mut facts, snapshots).await;
    facts
}

/// Facts of a shard whose folder has that as its newest `index-…`.
fn begun(place: &ShardPlace<'_>, in_folder: Option<String>) -> ShardFacts {
    let relied_on = place.generation.filter(|generation| is_reliable(generation)).map(str::to_owned);
    let current = relied_on.or(in_folder).map_or(Current::Undefined, Current::Known);
    ShardFacts::new(place.index, place.shard, place.folder.clone(), current)
}

/// Opens the snapshots' blobs, and the shard's `index-…`.
async fn opened(loader: &Loader<'_>, facts: &mut ShardFacts, snapshots: &[&RootSnapshot]) {
    let folder = facts.folder.clone();
    for snapshots in snapshots.chunks(BATCH) {
        for (snapshot, seen) in snapshots.iter().zip(several(loader, &folder, snapshots).await) {
            match seen {
                Seen::Here(found) => facts.take_snapshot(snapshot.named.clone(), found),
                Seen::Elsewhere => facts.snapshots.push((snapshot.named.clone(), InSnapshot::Elsewhere)),
            }
        }
    }
    generation(loader, facts).await;
}

async fn generation(loader: &Loader<'_>, facts: &mut ShardFacts) {
    if let Current::Known(generation) = &facts.current {
        let path = facts.path(&format!("index-{generation}"));
        facts.take_generation(loader.load(&path, ShardIndex::parse).await);
    }
}

/// Looks again for a shard's `index-…` that is gone: before 7.6 nodes replace it while a snapshot is taken, those of 5.x by
/// deleting it first, and `index-N` changes only when the snapshot ends.
async fn settled(loader: &Loader<'_>, place: &ShardPlace<'_>, facts: &mut ShardFacts) {
    if place.generation.is_some_and(is_reliable) {
        return;
    }
    for pause in PAUSES {
        if !is_gone(facts) || !loader.pause(pause).await {
            return;
        }
        let Ok(names) = loader.store.names(&place.folder).await else { return };
        facts.current = current(names.iter().map(|(name, _)| name)).map_or(Current::Undefined, Current::Known);
        generation(loader, facts).await;
    }
}

/// Whether only the shard's `index-…` is missing. Where all of the shard is, nobody is replacing it.
fn is_gone(facts: &ShardFacts) -> bool {
    let is_gone = match (&facts.current, &facts.generation) {
        (Current::Undefined, _) => facts.snapshots.iter().any(|(_, seen)| !matches!(seen, InSnapshot::Elsewhere)),
        (Current::Known(_), Some(Err(trouble))) => trouble.is_missing(),
        _ => false,
    };
    is_gone && !facts.is_nowhere()
}

/// What the names in a folder tell of a snapshot's blob; nothing of one that is not among them.
fn by_name(snapshot: &RootSnapshot, blob: &str, names: &HashSet<&str>) -> Option<InSnapshot> {
    match snapshot.remote() {
        Some(Remote::PinnedTimestamp { .. }) => Some(InSnapshot::Elsewhere),
        Some(Remote::ShallowCopy) if names.contains(&*format!("shallow-{blob}")) => Some(InSnapshot::Elsewhere),
        _ => names.contains(blob).then_some(InSnapshot::There),
    }
}

/// Which snapshots' blobs are there, by the names in the folder; one that is not among them is asked for.
async fn there(
    loader: &Loader<'_>,
    facts: &ShardFacts,
    snapshots: &[&RootSnapshot],
    names: &HashSet<&str>,
) -> Vec<(SnapshotRef, InSnapshot)> {
    let (mut found, mut left) = (Vec::with_capacity(snapshots.len()), Vec::new());
    for snapshot in snapshots {
        let blob = format!("snap-{}.dat", snapshot.named.uuid);
        let seen = by_name(snapshot, &blob, names).unwrap_or_else(|| {
            left.push((found.len(), blob));
            InSnapshot::Trouble(Trouble::Access(Access::Missing))
        });
        found.push((snapshot.named.clone(), seen));
    }
    let looks = left.iter().map(|(at, blob)| async move { (*at, loader.store.look(&facts.path(blob)).await) });
    let mut looks = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
    while let Some((at, looked)) = looks.next().await {
        found[at].1 = match looked {
            Ok(_) => InSnapshot::There,
            Err(access) => InSnapshot::Trouble(Trouble::Access(access)),
        };
    }
    drop(looks);
    found
}

/// Which `index-…` of the shard is the current one: by `index-N` if that can be relied on, else by its folder.
pub async fn current_generation(loader: &Loader<'_>, place: &ShardPlace<'_>) -> Option<String> {
    match place.generation.filter(|generation| is_reliable(generation)) {
        Some(generation) => Some(generation.to_owned()),
        None => current(loader.store.names(&place.folder).await.ok()?.iter().map(|(name, _)| name)),
    }
}

/// Numbers are what nodes before 7.6 wrote, and are not kept up to date in `index-N`; two words are placeholders. (A
/// generation's UUID may begin with `_` as well.)
pub(super) fn is_reliable(generation: &str) -> bool {
    !matches!(generation, "" | "_new" | "_deleted") && !generation.bytes().all(|byte| byte.is_ascii_digit())
}

/// The current `index-…` by what is in the folder: the highest number, else the only one there is.
fn current<'n>(names: impl IntoIterator<Item = &'n String>) -> Option<String> {
    let generations: Vec<&str> = names.into_iter().filter_map(|name| name.strip_prefix("index-")).collect();
    let numbers = generations.iter().filter_map(|generation| generation.parse::<u64>().ok());
    match (numbers.max(), &generations[..]) {
        (Some(highest), _) => Some(highest.to_string()),
        (None, [only]) => Some((*only).to_owned()),
        (None, _) => None,
    }
}

async fn list(loader: &Loader<'_>, folder: &str) -> Result<Listing, Access> {
    let (blobs, _) = loader.store.level(folder).await?;
    Ok(blobs
        .into_iter()
        .map(|blob| (name_of(&blob.path).to_owned(), Listed { size: blob.size, class: blob.class }))
        .collect())
}

/// What some snapshots say of a shard, in their order.
async fn several(loader: &Loader<'_>, folder: &str, snapshots: &[&RootSnapshot]) -> Vec<Seen> {
    if snapshots.iter().any(|snapshot| snapshot.remote().is_some()) {
        let reads = snapshots.iter().map(|snapshot| one(loader, folder, snapshot)).collect::<Vec<_>>();
        return stream::iter(reads).buffered(AT_ONCE).collect().await;
    }
    let path = |snapshot: &&RootSnapshot| format!("{folder}/snap-{}.dat", snapshot.named.uuid);
    let paths: Vec<String> = snapshots.iter().map(path).collect();
    loader.load_all(&paths, ShardSnapshot::parse).await.into_iter().map(Seen::Here).collect()
}

async fn one(loader: &Loader<'_>, folder: &str, snapshot: &RootSnapshot) -> Seen {
    let uuid = &snapshot.named.uuid;
    match snapshot.remote() {
        Some(Remote::PinnedTimestamp { .. }) => return Seen::Elsewhere,
        Some(Remote::ShallowCopy) => {
            let shallow = loader.load(&format!("{folder}/shallow-snap-{uuid}.dat"), ShallowShardSnapshot::parse).await;
            match shallow {
                Ok(_) => return Seen::Elsewhere,
                // An index without a remote store is copied as ever.
                Err(trouble) if trouble.is_missing() => {}
                Err(trouble) => return Seen::Here(Err(trouble)),
            }
        }
        None => {}
    }
    Seen::Here(loader.load(&format!("{folder}/snap-{uuid}.dat"), ShardSnapshot::parse).await)
}

/// The listing, with what looks wrong in it asked for by name: listings of some stores are behind.
async fn confirmed(
    loader: &Loader<'_>,
    facts: &ShardFacts,
    mut listing: Listing,
) -> (Listing, BTreeMap<String, Access>) {
    let mut unconfirmed = BTreeMap::new();
    let names = suspects(facts, &listing);
    let looks = names.iter().map(|name| async move { (name, loader.store.look(&facts.path(name)).await) });
    let mut looks = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
    while let Some((name, found)) = looks.next().await {
        match found {
            Ok(blob) => {
                // No listing says what has been thawed.
                let is_thawed = blob.class.as_deref() == Some(THAWED);
                let class = listing.get(name).and_then(|listed| listed.class.clone()).filter(|_| !is_thawed);
                listing.insert(name.clone(), Listed { size: blob.size, class });
            }
            Err(Access::Missing) => drop(listing.remove(name)),
            Err(access) => drop(unconfirmed.insert(name.clone(), access)),
        }
    }
    drop(looks);
    (listing, unconfirmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_generations_that_nodes_keep_are_relied_on() {
        for (generation, expected) in
            [("Yq3sAbCdEf", true), ("_jUdkiBj", true), ("12", false), ("_new", false), ("_deleted", false), ("", false)]
        {
            assert_eq!(is_reliable(generation), expected, "{generation}");
        }
    }

    #[test]
    fn the_folder_says_which_generation_is_current() {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (names, expected) in [
            (&["index-9", "index-10", "__0"][..], Some("10")),
            (&["index-Yq3s", "snap-a.dat"], Some("Yq3s")),
            (&["index-Yq3s", "index-Zz"], None),
            (&["index-Yq3s", "index-4"], Some("4")),
            (&["snap-a.dat"], None),
        ] {
            assert_eq!(current(&owned(names)).as_deref(), expected, "{names:?}");
        }
    }
}
