//! In which folders an index's shards lie.
//!
//! From 2.17 on OpenSearch puts shards below folders named by a hash, in front of the repository's base path or behind it.
//! The hash is never computed here: the companion blob in `snapshot_shard_paths/` says where they are. What it says is
//! believed only if it leads to this index's shards in this repository's place.

pub(crate) mod search;

use crate::load::{Loader, Trouble};
use crate::model::{IndexEntry, MAX_SHARDS, ShardPaths};
use crate::open::name_of;
use crate::store::{Access, Blob, Location};
use std::collections::BTreeMap;

/// The folder of companion blobs.
const COMPANIONS: &str = "snapshot_shard_paths";

/// Shards below a hash in front of the base path; 2 is behind it.
const HASHED_PREFIX: u8 = 1;

/// Companion blobs by the id of their index.
#[derive(Debug, Default)]
pub struct Companions {
    blobs: BTreeMap<String, Vec<Blob>>,
    /// Why they could not be listed.
    unlisted: Option<Access>,
}

/// Where an index's shards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// Below the index's own folder.
    Fixed {
        /// The index's folder.
        folder: String,
    },
    /// Where the companion blob says, by shard number.
    Hashed {
        /// The folders; an empty name is a shard of which it is not known.
        folders: Vec<String>,
    },
}

impl Places {
    /// The folder of a shard, if the shard has one.
    pub fn of(&self, shard: u32) -> Option<String> {
        match self {
            Self::Fixed { folder } => Some(format!("{folder}/{shard}")),
            Self::Hashed { folders } => {
                folders.get(usize::try_from(shard).ok()?).filter(|folder| !folder.is_empty()).cloned()
            }
        }
    }
}

/// Why it is not known where an index's shards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The companion blob, where there is one.
    pub blob: Option<String>,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
    /// In words.
    pub why: String,
}

impl Companions {
    /// Lists them. Where that fails, the failure is that of each index that needs one.
    pub async fn list(loader: &Loader<'_>) -> Self {
        let (blobs, unlisted) = match loader.store.level(&loader.store.path(COMPANIONS)).await {
            Ok((blobs, _)) => (blobs, None),
            Err(access) => (Vec::new(), Some(access)),
        };
        let mut by_index: BTreeMap<String, Vec<Blob>> = BTreeMap::new();
        for blob in blobs {
            let Some(id) = id_of(name_of(&blob.path)).map(str::to_owned) else { continue };
            by_index.entry(id).or_default().push(blob);
        }
        Self { blobs: by_index, unlisted }
    }

    /// Why they could not be listed.
    pub fn unlisted(&self) -> Option<&Access> {
        self.unlisted.as_ref()
    }

    /// Companion blobs of indices that are not known.
    pub fn of_unknown<'a>(&'a self, known: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = (&'a str, &'a Blob)> {
        let unknown = self.blobs.iter().filter(move |(id, _)| !known(id));
        unknown.flat_map(|(id, blobs)| blobs.iter().map(move |blob| (id.as_str(), blob)))
    }

    /// The path of an index's companion blob: one that is there, else the beginning of what it would be called.
    pub(crate) fn blob_of(&self, loader: &Loader<'_>, index: &IndexEntry) -> String {
        let first = self.blobs.get(&*index.id).and_then(|blobs| blobs.first());
        first.map_or_else(|| loader.store.path(&format!("{COMPANIONS}/…{}…", index.id)), |blob| blob.path.clone())
    }

    /// Where the index's shards are.
    pub async fn places(&self, loader: &Loader<'_>, index: &IndexEntry) -> Result<Places, Lost> {
        let path_type = index.shard_path_type.unwrap_or_default();
        if path_type == 0 {
            return Ok(Places::Fixed { folder: loader.store.path(&format!("indices/{}", index.id)) });
        }
        let mut longest: Option<Vec<String>> = None;
        for blob in self.blobs.get(&*index.id).into_iter().flatten() {
            let folders = self.companion(loader, &blob.path).await?;
            if longest.as_ref().is_none_or(|known| folders.len() > known.len()) {
                longest = Some(folders);
            }
        }
        longest.map(|folders| Places::Hashed { folders }).ok_or_else(|| {
            let access = self.unlisted.clone().unwrap_or(Access::Missing);
            Lost {
                blob: Some(self.blob_of(loader, index)),
                why: format!("no companion blob says where the shards are: {access}"),
                trouble: Some(Trouble::Access(access)),
            }
        })
    }

    /// The folders that a companion blob names.
    pub async fn companion(&self, loader: &Loader<'_>, path: &str) -> Result<Vec<String>, Lost> {
        let name = name_of(path).to_owned();
        let parsed = loader.load(path, move |bytes| ShardPaths::parse(&name, bytes)).await;
        let lost = |trouble: Option<Trouble>, why: String| Lost { blob: Some(path.to_owned()), trouble, why };
        let paths = parsed.map_err(|trouble| lost(Some(trouble.clone()), trouble.to_string()))?;
        let location = loader.store.location();
        let folders = paths.paths.iter().zip(0..).map(|(folder, shard)| in_store(folder, shard, &paths, location));
        folders.collect::<Result<_, _>>().map_err(|why| lost(None, why))
    }
}

/// How many shards an index has by its folder: one more than the highest number among the folders in it.
pub(crate) async fn shards_in(loader: &Loader<'_>, folder: &str) -> Result<u32, Access> {
    loader.store.level(folder).await.map(|(_, folders)| number_of_shards(&folders))
}

/// The same, and none for a folder that cannot be listed.
pub(crate) async fn shards_below(loader: &Loader<'_>, folder: &str) -> u32 {
    shards_in(loader, folder).await.unwrap_or_default()
}

/// Pure. Folders of shards that no index can have are somebody else's.
fn number_of_shards(folders: &[String]) -> u32 {
    let numbers = folders.iter().filter_map(|name| name.parse::<u32>().ok());
    numbers.filter(|number| *number < MAX_SHARDS).max().map_or(0, |highest| highest + 1)
}

/// The index's id in a companion's name: `snapshot_path_<id>.<name>.…`, before 3.0 `<id>#<name>#…`.
fn id_of(name: &str) -> Option<&str> {
    let id = match name.strip_prefix("snapshot_path_") {
        Some(rest) => rest.split('.').next(),
        None => name.split_once('#').map(|(id, _)| id),
    };
    id.filter(|id| !id.is_empty())
}

/// The folder's path in the store: a companion counts from the bucket's root, or from the folder that the repository's base
/// path is in.
fn in_store(folder: &str, shard: u32, paths: &ShardPaths, location: &Location) -> Result<String, String> {
    let folder = folder.trim_matches('/');
    let wrong = || format!("{folder:?} is no folder of shard {shard} of this repository");
    let end = format!("indices/{}/{shard}", paths.index_id);
    let rest = folder.strip_suffix(&end).and_then(|rest| rest.strip_suffix('/')).ok_or_else(wrong)?;
    if rest.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(wrong());
    }
    let base = if paths.path_type == HASHED_PREFIX {
        rest.split_once('/').map_or("", |(_, base)| base)
    } else {
        rest.rsplit_once('/').map_or("", |(base, _)| base)
    };
    let own = location.base();
    let root = if base.is_empty() { Some(own) } else { own.strip_suffix(base) };
    match (location, root.map(|root| root.trim_end_matches('/'))) {
        (Location::Folder(_), Some(root)) => Ok(format!("{root}/{folder}")),
        // In a bucket the base path is the whole of what stands before.
        (_, Some("")) => Ok(folder.to_owned()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(path_type: u8) -> ShardPaths {
        ShardPaths {
            index_id: "iX".into(),
            index_name: "books".into(),
            shards: 1,
            path_type,
            hash_algorithm: None,
            paths: vec![],
        }
    }

    fn bucket(prefix: &str) -> Location {
        Location::S3 { bucket: "b".into(), prefix: prefix.into(), region: None, endpoint: None }
    }

    #[test]
    fn companions_lead_to_this_repository_only() {
        let folder = |path: &str| Location::Folder(path.into());
        for (text, path_type, location, expected) in [
            ("0101/indices/iX/0/", 1, bucket(""), Some("0101/indices/iX/0")),
            ("0101/b/indices/iX/0/", 1, bucket("b"), Some("0101/b/indices/iX/0")),
            ("0101/b/c/indices/iX/0/", 1, bucket("b/c"), Some("0101/b/c/indices/iX/0")),
            ("b/0101/indices/iX/0/", 2, bucket("b"), Some("b/0101/indices/iX/0")),
            ("0101/indices/iX/0/", 1, folder("/mnt/r"), Some("mnt/r/0101/indices/iX/0")),
            ("0101/b/indices/iX/0/", 1, folder("/mnt/r/b"), Some("mnt/r/0101/b/indices/iX/0")),
            ("b/0101/indices/iX/0/", 2, folder("/mnt/r/b"), Some("mnt/r/b/0101/indices/iX/0")),
            ("0101/other/indices/iX/0/", 1, bucket("b"), None),
            ("0101/../indices/iX/0/", 1, bucket(""), None),
            ("../indices/iX/0", 1, folder("/mnt/r"), None),
            ("0101/indices/iX/1/", 1, bucket(""), None),
            ("0101/indices/other/0/", 1, bucket(""), None),
            ("indices/iX/0", 1, bucket(""), None),
            ("etc", 1, folder("/mnt/r"), None),
        ] {
            let found = in_store(text, 0, &paths(path_type), &location);
            assert_eq!(found.ok().as_deref(), expected, "{text} of {location}");
        }
    }

    #[test]
    fn folders_of_shards_that_cannot_be_are_not_counted() {
        for (folders, expected) in
            [(&["0", "2", "1"][..], 3), (&[], 0), (&["4294967295", "1", "x"], 2), (&["65536"], 0), (&["65535"], 65_536)]
        {
            let folders: Vec<String> = folders.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(number_of_shards(&folders), expected, "{folders:?}");
        }
    }

    #[test]
    fn a_companions_name_tells_its_index() {
        assert_eq!(id_of("snapshot_path_iX.my.index.1.1.1"), Some("iX"));
        assert_eq!(id_of("iX#books#1#1#1"), Some("iX"));
        assert_eq!(id_of("readme"), None);
    }
}
