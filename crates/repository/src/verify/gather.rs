//! Reads what the verdict on a shard rests on.

use super::choice::Level;
use super::facts::{Current, InSnapshot, Listed, Listing, ShardFacts};
use super::judge::suspects;
use super::root::RootSnapshot;
use crate::load::{Loaded, Loader};
use crate::model::{Remote, ShallowShardSnapshot, ShardIndex, ShardSnapshot};
use crate::open::name_of;
use crate::store::{Access, THAWED};
use futures_util::{StreamExt as _, stream};
use std::collections::BTreeMap;

/// Blobs of one shard that are asked for at once.
const AT_ONCE: usize = 16;

/// Snapshots whose blobs of one shard are read in one go.
const BATCH: usize = 64;

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

/// Reads all about a shard. `snapshots` are those that are to hold it.
pub async fn gather(
    loader: &Loader<'_>,
    place: &ShardPlace<'_>,
    snapshots: &[&RootSnapshot],
    level: Level,
) -> ShardFacts {
    let relied_on = place.generation.filter(|generation| is_reliable(generation));
    let listing =
        if level >= Level::Blobs || relied_on.is_none() { Some(list(loader, &place.folder).await) } else { None };
    let current =
        relied_on.map(str::to_owned).or_else(|| listing.as_ref().and_then(|found| current(found.as_ref().ok()?)));
    let current = current.map_or(Current::Undefined, Current::Known);
    let mut facts = ShardFacts::new(place.index, place.shard, place.folder.clone(), current);
    for snapshots in snapshots.chunks(BATCH) {
        for (snapshot, seen) in snapshots.iter().zip(several(loader, &place.folder, snapshots).await) {
            match seen {
                Seen::Here(found) => facts.take_snapshot(snapshot.named.clone(), found),
                Seen::Elsewhere => facts.snapshots.push((snapshot.named.clone(), InSnapshot::Elsewhere)),
            }
        }
    }
    if let Current::Known(generation) = &facts.current {
        let path = facts.path(&format!("index-{generation}"));
        facts.take_generation(loader.load(&path, ShardIndex::parse).await);
    }
    if level >= Level::Blobs {
        facts.listing = match listing {
            Some(Ok(listing)) => {
                let (listing, unconfirmed) = confirmed(loader, &facts, listing).await;
                facts.unconfirmed = unconfirmed;
                Some(Ok(listing))
            }
            other => other,
        };
    }
    facts
}

/// Which `index-…` of the shard is the current one: by `index-N` if that can be relied on, else by its folder.
pub async fn current_generation(loader: &Loader<'_>, place: &ShardPlace<'_>) -> Option<String> {
    match place.generation.filter(|generation| is_reliable(generation)) {
        Some(generation) => Some(generation.to_owned()),
        None => current(&list(loader, &place.folder).await.ok()?),
    }
}

/// Numbers are what nodes before 7.6 wrote, and are not kept up to date in `index-N`; two words are placeholders. (A
/// generation's UUID may begin with `_` as well.)
fn is_reliable(generation: &str) -> bool {
    !matches!(generation, "" | "_new" | "_deleted") && !generation.bytes().all(|byte| byte.is_ascii_digit())
}

/// The current `index-…` by what is in the folder: the highest number, else the only one there is.
fn current(listing: &Listing) -> Option<String> {
    let generations: Vec<&str> = listing.keys().filter_map(|name| name.strip_prefix("index-")).collect();
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
        let listing =
            |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Listed { size: 1, class: None })).collect();
        for (names, expected) in [
            (&["index-9", "index-10", "__0"][..], Some("10")),
            (&["index-Yq3s", "snap-a.dat"], Some("Yq3s")),
            (&["index-Yq3s", "index-Zz"], None),
            (&["index-Yq3s", "index-4"], Some("4")),
            (&["snap-a.dat"], None),
        ] {
            assert_eq!(current(&listing(names)).as_deref(), expected, "{names:?}");
        }
    }
}
