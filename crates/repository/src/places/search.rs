//! Where shards lie below hashed folders by what is there, for companion blobs that are lost or lead nowhere.

use super::HASHED_PREFIX;
use crate::load::Loader;
use crate::model::{IndexEntry, MAX_SHARDS};
use crate::open::name_of;
use crate::store::{Access, Location};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, HashMap};
use tokio::sync::OnceCell;

/// Folders that are listed at once.
const AT_ONCE: usize = 16;

/// Folders of shards by their numbers, by the id of their index.
type Folders = HashMap<String, BTreeMap<u32, String>>;

/// What the hashed folders hold. Nodes find shards by the hash and need no companion; the hash is not computed here, so all
/// folders that are called like one are looked into: once, however many indices lack their companion.
#[derive(Debug, Default)]
pub(crate) struct Hashed {
    /// Of those in front of the base path.
    in_front: OnceCell<Result<Folders, Access>>,
    /// Of those behind it.
    behind: OnceCell<Result<Folders, Access>>,
}

impl Hashed {
    /// The folders of an index's shards, by number; nothing if none are found.
    pub(crate) async fn shards(&self, loader: &Loader<'_>, index: &IndexEntry) -> Option<&BTreeMap<u32, String>> {
        let location = loader.store.location();
        // How much of a folder's path is the base path is not known: that it has none is usual.
        let is_in_front = index.shard_path_type == Some(HASHED_PREFIX) && !matches!(location, Location::Folder(_));
        let (cell, root) = if is_in_front { (&self.in_front, "") } else { (&self.behind, location.base()) };
        let below = if is_in_front { within(location.base(), "indices") } else { "indices".to_owned() };
        let found = cell.get_or_init(|| look(loader, root, &below)).await;
        found.as_ref().ok()?.get(&*index.id)
    }
}

/// Looks into each hashed folder of the root; in it, indices lie in the folder `below`.
async fn look(loader: &Loader<'_>, root: &str, below: &str) -> Result<Folders, Access> {
    let (_, hashes) = loader.store.level(root).await?;
    let places: Vec<String> =
        hashes.iter().filter(|name| is_hash(name)).map(|name| within(root, &format!("{name}/{below}"))).collect();
    let indices = levels(loader, places).await?;
    let indices: Vec<String> =
        indices.iter().flat_map(|(place, ids)| ids.iter().map(move |id| format!("{place}/{id}"))).collect();
    let mut folders = Folders::new();
    for (place, shards) in levels(loader, indices).await? {
        let found = folders.entry(name_of(&place).to_owned()).or_default();
        let numbers = shards.iter().filter_map(|name| name.parse().ok()).filter(|number| *number < MAX_SHARDS);
        found.extend(numbers.map(|number: u32| (number, format!("{place}/{number}"))));
    }
    Ok(folders)
}

/// The folders in each of these.
async fn levels(loader: &Loader<'_>, places: Vec<String>) -> Result<Vec<(String, Vec<String>)>, Access> {
    let reads = places.into_iter().map(async |place| {
        let (_, folders) = loader.store.level(&place).await?;
        Ok((place, folders))
    });
    stream::iter(reads.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await
}

fn within(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A hash is a letter of base64 and 14 bits, or 11 letters.
fn is_hash(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_bit = |byte: u8| matches!(byte, b'0' | b'1');
    match name.as_bytes() {
        [first, bits @ ..] if bits.len() == 14 => is_letter(*first) && bits.iter().copied().all(is_bit),
        letters => letters.len() == 11 && letters.iter().copied().all(is_letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_hashes_are_known_by_their_shape() {
        for (name, expected) in [
            ("X01110001011100", true),
            ("-01110001011100", true),
            ("X01110001011102", false),
            ("X0111000101110", false),
            ("a1B2c3D4-_e", true),
            ("a1B2c3D4-_é", false),
            ("indices", false),
            ("", false),
        ] {
            assert_eq!(is_hash(name), expected, "{name}");
        }
    }
}
