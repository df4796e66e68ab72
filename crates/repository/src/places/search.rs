//! Where shards lie below hashed folders by what is there, for companion blobs that are lost or lead nowhere.

use super::HASHED_PREFIX;
use crate::load::Loader;
use crate::model::{IndexEntry, MAX_SHARDS};
use crate::store::{Access, Location};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeMap;

/// Folders that are listed at once.
const AT_ONCE: usize = 16;

/// The folders of an index's shards, by number. Nodes find them by the hash and need no companion; the hash is not computed
/// here, so all folders that are called like one are looked into.
pub(crate) async fn shards(loader: &Loader<'_>, index: &IndexEntry) -> Result<BTreeMap<u32, String>, Access> {
    let (root, below) = around(loader.store.location(), index);
    let (_, folders) = loader.store.level(&root).await?;
    let places = folders.iter().filter(|name| is_hash(name)).map(|name| {
        let place = if root.is_empty() { format!("{name}/{below}") } else { format!("{root}/{name}/{below}") };
        async {
            let (_, shards) = loader.store.level(&place).await?;
            Ok((place, shards))
        }
    });
    let places = places.collect::<Vec<_>>();
    let found: Vec<(String, Vec<String>)> = stream::iter(places).buffer_unordered(AT_ONCE).try_collect().await?;
    let numbered = found.iter().flat_map(|(place, shards)| {
        let numbers = shards.iter().filter_map(|name| name.parse().ok()).filter(|number| *number < MAX_SHARDS);
        numbers.map(move |number: u32| (number, format!("{place}/{number}")))
    });
    Ok(numbered.collect())
}

/// What stands before a hash, and between it and the shard's number.
fn around(location: &Location, index: &IndexEntry) -> (String, String) {
    let (base, end) = (location.base(), format!("indices/{}", index.id));
    // How much of a folder's path is the base path is not known: that it has none is usual.
    if index.shard_path_type != Some(HASHED_PREFIX) || matches!(location, Location::Folder(_)) {
        return (base.to_owned(), end);
    }
    (String::new(), if base.is_empty() { end } else { format!("{base}/{end}") })
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
