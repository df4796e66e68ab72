//! Which generation of a repository is read, and whether it is still the newest.

use crate::load::{Loaded, Loader, Trouble};
use crate::model::{self, BlobName, IncompatibleSnapshots, RepositoryData, SnapshotRef};
use crate::store::{Access, Blob, Location, Store};
use jiff::Timestamp;
use snapkeep_core::{Code, Failure};

/// How often the root is listed again when what it showed is gone a moment later.
const TRIES: usize = 5;

/// A repository as one generation of it shows it.
#[derive(Debug)]
pub struct Opened {
    /// N of the `index-N` that was read; nothing for a repository that nothing was ever written to.
    pub generation: Option<u64>,
    /// When that blob was written, by the store's clock.
    pub written: Option<Timestamp>,
    /// The CRC32 of its bytes.
    pub checksum: Option<u32>,
    /// What it says.
    pub data: RepositoryData,
    /// What `index.latest` says, or why it says nothing.
    pub latest: Result<u64, Trouble>,
    /// Blobs at the repository's root; nothing if listing them is not allowed.
    pub root: Vec<Blob>,
    /// Whether the root could be listed; else the generation is what `index.latest` says.
    pub is_listed: bool,
}

/// What the root shows.
struct Root {
    blobs: Vec<Blob>,
    folders: Vec<String>,
    newest: Option<u64>,
}

impl Opened {
    /// Reads the newest generation that can be found.
    pub async fn open(loader: &Loader<'_>) -> Result<Self, Failure> {
        for _ in 1..TRIES {
            if let Some(opened) = Self::attempt(loader, false).await? {
                return Ok(opened);
            }
        }
        Self::attempt(loader, true).await?.ok_or_else(|| never_rests(loader.store))
    }

    /// Complains about a place that nothing was ever written to: most often it is another one that is meant.
    pub fn is_written(&self, store: &Store) -> Result<(), Failure> {
        if self.generation.is_some() {
            return Ok(());
        }
        let cause = format!("{} holds no repository: nothing was ever written there", store.location());
        Err(Failure::new(
            Code::RepositoryMissing,
            cause,
            "name the folder that holds index-N: a repository's base_path is part of it",
        ))
    }

    /// Whether another generation is the newest by now: what was read may then be half of each.
    pub async fn moved(&self, store: &Store) -> Result<bool, Failure> {
        if !self.is_listed {
            let latest = store.read_as(&store.path("index.latest"), model::latest).await;
            let latest = latest.map_err(|access| access.failure("index.latest"))?;
            return Ok(latest.ok() != self.generation);
        }
        let root = root(store).await.map_err(|access| access.failure(&store.location().to_string()))?;
        Ok(root.newest != self.generation)
    }

    /// Complains if another generation is the newest by now.
    pub async fn rests(&self, store: &Store) -> Result<(), Failure> {
        if !self.moved(store).await? {
            return Ok(());
        }
        let cause =
            "the repository changed while it was read: what was read is half of one generation, half of another";
        Err(Failure::new(Code::Inconclusive, cause, "run it again while no snapshot is taken or deleted"))
    }

    /// Snapshots that `incompatible-snapshots` has: those that the servers found to be of a version that they cannot read.
    pub async fn incompatible(&self, loader: &Loader<'_>) -> Loaded<Vec<SnapshotRef>> {
        let path = loader.store.path("incompatible-snapshots");
        if !self.root.iter().any(|blob| blob.path == path) {
            return Ok(Vec::new());
        }
        loader.load(&path, IncompatibleSnapshots::parse).await.map(|found| found.snapshots)
    }

    /// Nothing if the generation went away while it was read; the `last` attempt says what is the matter.
    async fn attempt(loader: &Loader<'_>, last: bool) -> Result<Option<Self>, Failure> {
        let store = loader.store;
        let latest = loader.load(&store.path("index.latest"), model::latest).await;
        let (root, is_listed) = match root(store).await {
            Ok(root) => (root, true),
            Err(access) if access.is_lost_access() && latest.is_ok() => (Root::unlisted(latest.as_ref().ok()), false),
            Err(access) => return Err(access.failure(&store.location().to_string())),
        };
        let Some(generation) = root.newest else { return root.without_generation(store, latest).map(Some) };
        let name = format!("index-{generation}");
        let parse = |bytes: &[u8]| RepositoryData::parse(bytes).map(|data| (data, crc32fast::hash(bytes)));
        let (data, checksum) = match loader.load(&store.path(&name), parse).await {
            Ok(read) => read,
            Err(trouble) if trouble.is_missing() && !last => return Ok(None),
            Err(trouble) => return Err(unreadable(store, &name, &trouble)),
        };
        let path = store.path(&name);
        let written = root.blobs.iter().find(|blob| blob.path == path).map(|blob| blob.modified);
        let (generation, checksum) = (Some(generation), Some(checksum));
        Ok(Some(Self { generation, written, checksum, data, latest, root: root.blobs, is_listed }))
    }
}

async fn root(store: &Store) -> Result<Root, Access> {
    let (blobs, folders) = store.level(store.location().base()).await?;
    let generations = blobs.iter().filter_map(|blob| match BlobName::parse(name_of(&blob.path)) {
        BlobName::Generation(generation) => Some(generation),
        _ => None,
    });
    let newest = generations.max();
    Ok(Root { blobs, folders, newest })
}

/// The last part of a path.
pub(crate) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Root {
    fn unlisted(latest: Option<&u64>) -> Self {
        Self { blobs: Vec::new(), folders: Vec::new(), newest: latest.copied() }
    }

    /// An empty repository, or something else.
    fn without_generation(self, store: &Store, latest: Result<u64, Trouble>) -> Result<Opened, Failure> {
        let location = store.location();
        if let Location::Folder(folder) = location
            && !folder.is_dir()
        {
            let why = if folder.exists() { "it is a file, not a folder" } else { "there is no such folder" };
            return Err(Access::NoStore { why: why.to_owned() }.failure(&location.to_string()));
        }
        let kinds: Vec<BlobName<'_>> = self.blobs.iter().map(|blob| BlobName::parse(name_of(&blob.path))).collect();
        let is_snapshots = |kind: &BlobName<'_>| {
            matches!(kind, BlobName::Snapshot { .. } | BlobName::GlobalMetadata { .. } | BlobName::Latest)
        };
        if kinds.iter().any(is_snapshots) {
            let cause = format!("{location} holds snapshots' blobs but no index-N, which says what is in it");
            let hint = "bring index-N back from a copy or an older version of the bucket; no cluster can use the repository without it";
            return Err(Failure::new(Code::DamageFound, cause, hint));
        }
        let foreign = self.blobs.first().map(|blob| name_of(&blob.path).to_owned());
        let own_folder = |name: &str| name.starts_with("tests-") || name == "indices" || name == "snapshot_shard_paths";
        let foreign = foreign.or_else(|| self.folders.into_iter().find(|name| !own_folder(name)));
        if let Some(example) = foreign {
            let cause = format!("{location} is no repository: there is no index-N, but for example {example}");
            let hint = "name the folder that holds index-N: a repository's base_path is part of it";
            return Err(Failure::new(Code::RepositoryMissing, cause, hint));
        }
        let data = RepositoryData::default();
        Ok(Opened { generation: None, written: None, checksum: None, data, latest, root: self.blobs, is_listed: true })
    }
}

fn unreadable(store: &Store, name: &str, trouble: &Trouble) -> Failure {
    match trouble {
        Trouble::Access(access) => access.failure(&format!("{name} of {}", store.location())),
        Trouble::Damaged(damage) => Failure::new(
            Code::DamageFound,
            format!("{name} of {} is damaged {damage}", store.location()),
            "no cluster can use the repository like this: bring the blob back from a copy or an older version of the bucket",
        ),
    }
}

fn never_rests(store: &Store) -> Failure {
    Failure::new(
        Code::Inconclusive,
        format!("{} changes faster than it can be read", store.location()),
        "run it again when fewer snapshots are taken and deleted",
    )
}
