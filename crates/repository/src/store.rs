//! Where a repository lies, read-only: folders and object stores behind the same few questions.
//!
//! Every request and every byte is counted, reads can be held to a rate, and what goes wrong is told apart: a blob that is
//! [`Access::Missing`] was denied by a server that would have shown it, and nothing else is ever called missing.

mod access;
mod cloud;
mod connector;
mod folder;
mod location;
mod meter;
mod pace;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use cloud::{AwsKeys, FetchingKeys, KeySource};
pub use location::Location;
pub use meter::Counts;

use crate::open::name_of;
use bytes::Bytes;
use cloud::Cloud;
use folder::Folder;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use meter::Meter;
use pace::Pace;
use snapkeep_core::Failure;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What a store needs beyond its location.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// AWS keys, asked for at each request; without them requests are not signed.
    pub keys: Option<Arc<dyn KeySource>>,
    /// Further certificate authorities, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Most bytes per second that are read from blobs.
    pub bytes_per_second: Option<u64>,
    /// How often a request that a server did not serve is sent again.
    pub retries: usize,
}

/// A blob as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The whole path in the store: from the bucket's root, or the file system's.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, by the store's clock.
    pub modified: Timestamp,
    /// S3's storage class, such as `GLACIER`, or [`AZURE_ARCHIVE`]; nothing where it is the store's normal one, or has no classes. Where the blob
    /// was asked for by its name, only [`THAWED`] if it is.
    pub class: Option<Box<str>>,
}

/// In the place of a storage class: whatever the listing says, there is a copy that can be read for now.
pub const THAWED: &str = "THAWED";

/// Azure's archive tier as a class. (Google has an `ARCHIVE` too, which is read like any other.)
pub const AZURE_ARCHIVE: &str = "AZURE_ARCHIVE";

/// An open store: a bucket or a file system, and the repository's place in it.
#[derive(Debug)]
pub struct Store {
    location: Location,
    backend: Backend,
    meter: Arc<Meter>,
    pace: Pace,
    /// Holds how many requests are under way at once, and so the memory that they take.
    gate: Semaphore,
}

#[derive(Debug)]
enum Backend {
    Folder(Folder),
    Cloud(Cloud),
}

/// Largest blob of metadata that is read into memory, in bytes.
pub const METADATA_CAP: u64 = 256 << 20;

/// The same of an `index-…`, which grows with the number of snapshots. The largest seen is an `index-N` of some 100 MB.
pub const INDEX_CAP: u64 = 512 << 20;

/// Blobs of metadata that are larger are read one after the other, in bytes: many are read at once, and who wrote them decides
/// how large they are.
const LARGE: u64 = 1 << 20;

/// How large a blob may be, in bytes.
fn cap(path: &str) -> u64 {
    if name_of(path).starts_with("index-") { INDEX_CAP } else { METADATA_CAP }
}

/// Bytes of such a blob that are read at most: more than `index.latest` may have are not needed to see that it has too many.
fn most(path: &str) -> u64 {
    if name_of(path) == "index.latest" { 9 } else { cap(path) }
}

/// Files that are open at once.
const FILES_AT_ONCE: usize = 16;

/// Requests that are under way at once.
const REQUESTS_AT_ONCE: usize = 64;

/// Blobs that one caller asks for at once.
const BLOBS_AT_ONCE: usize = 16;

/// What is parsed where it arrives, in bytes: a thread of its own would cost more.
const SMALL: usize = 64 << 10;

impl Store {
    /// Opens the location. Nothing is sent yet.
    pub fn open(location: Location, settings: &Settings) -> Result<Self, Failure> {
        let meter = Arc::new(Meter::default());
        let (backend, at_once) = if let Location::Folder(_) = &location {
            (Backend::Folder(Folder::default()), FILES_AT_ONCE)
        } else {
            (Backend::Cloud(Cloud::open(&location, settings, &meter)?), REQUESTS_AT_ONCE)
        };
        let (pace, gate) = (Pace::new(settings.bytes_per_second), Semaphore::new(at_once));
        Ok(Self { location, backend, meter, pace, gate })
    }

    /// Where the repository is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The path of a blob of the repository, such as `index-7`, in the store.
    pub fn path(&self, name: &str) -> String {
        let base = self.location.base();
        if base.is_empty() { name.to_owned() } else { format!("{base}/{name}") }
    }

    /// What has been asked so far.
    pub fn counts(&self) -> Counts {
        self.meter.counts()
    }

    /// How many entries of listings were left out so far because nothing of a repository's can be called so: folder markers,
    /// keys with empty, `.` or `..` parts or control characters, links that lead in circles.
    pub fn strange(&self) -> u64 {
        self.meter.strange()
    }

    /// Waits until another request may begin. (The gate is never closed.)
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.gate.acquire().await.ok()
    }

    /// A whole blob of metadata.
    pub async fn read(&self, path: &str) -> Result<Bytes, Access> {
        let _turn = self.turn().await;
        let bytes = match &self.backend {
            Backend::Folder(folder) => folder.read_as(path, Bytes::copy_from_slice, &self.meter).await?,
            Backend::Cloud(cloud) => cloud.read(path).await?.0,
        };
        self.spent(bytes.len() as u64).await;
        Ok(bytes)
    }

    /// What `parse` makes of a whole blob of metadata, on a thread that may take its time.
    pub async fn read_as<T: Send + 'static>(
        &self,
        path: &str,
        parse: impl FnOnce(&[u8]) -> T + Send + 'static,
    ) -> Result<T, Access> {
        let _turn = self.turn().await;
        match &self.backend {
            Backend::Folder(folder) => {
                let made = |bytes: &[u8]| (parse(bytes), bytes.len() as u64);
                let (made, size) = folder.read_as(path, made, &self.meter).await?;
                self.spent(size).await;
                Ok(made)
            }
            Backend::Cloud(cloud) => {
                let (bytes, large) = cloud.read(path).await?;
                self.spent(bytes.len() as u64).await;
                if bytes.len() < SMALL {
                    return Ok(parse(&bytes));
                }
                let work = move || {
                    let parsed = parse(&bytes);
                    drop((bytes, large));
                    parsed
                };
                let parsed = tokio::task::spawn_blocking(work).await;
                parsed.map_err(|ended| Access::Other { why: format!("{path}: {ended}") })
            }
        }
    }

    /// Counts bytes of metadata, and waits until they fit the rate.
    async fn spent(&self, bytes: u64) {
        self.meter.add_bytes(bytes);
        self.pace.spend(bytes).await;
    }

    /// The same of many blobs, in their order; those of a folder on one thread, one after the other.
    pub async fn read_all_as<T: Send + 'static>(
        &self,
        paths: &[String],
        parse: impl Fn(&[u8]) -> T + Clone + Send + 'static,
    ) -> Vec<Result<T, Access>> {
        let Backend::Folder(folder) = &self.backend else {
            let reads = paths.iter().map(|path| self.read_as(path, parse.clone())).collect::<Vec<_>>();
            return stream::iter(reads).buffered(BLOBS_AT_ONCE).collect().await;
        };
        let _turn = self.turn().await;
        let made = move |bytes: &[u8]| (parse(bytes), bytes.len() as u64);
        let found = folder.read_each(paths, made, &self.meter).await;
        let size: u64 = found.iter().flatten().map(|(_, size)| size).sum();
        self.spent(size).await;
        found.into_iter().map(|found| found.map(|(made, _)| made)).collect()
    }

    /// Gives a blob's bytes to `take`, part by part in their order, and says how many there were.
    pub async fn stream<T: Send + 'static>(
        &self,
        path: &str,
        state: T,
        take: impl FnMut(&mut T, &[u8]) + Send + 'static,
    ) -> Result<(T, u64), Access> {
        let _turn = self.turn().await;
        let (state, count) = match &self.backend {
            Backend::Folder(folder) => folder.stream(path, state, take, &self.meter, &self.pace).await?,
            Backend::Cloud(cloud) => cloud.stream(path, state, take, &self.meter, &self.pace).await?,
        };
        Ok((state, count))
    }

    /// One blob as it is now, asked for by its name.
    pub async fn look(&self, path: &str) -> Result<Blob, Access> {
        let _turn = self.turn().await;
        match &self.backend {
            Backend::Folder(folder) => folder.look(path, &self.meter).await,
            Backend::Cloud(cloud) => cloud.look(path).await,
        }
    }

    /// All blobs below a path, in no order.
    pub async fn list(&self, path: &str, each: impl FnMut(Blob) + Send) -> Result<(), Access> {
        let _turn = self.turn().await;
        match &self.backend {
            Backend::Folder(folder) => folder.list(path, each, &self.meter).await,
            Backend::Cloud(cloud) => cloud.list(path, each).await,
        }
    }

    /// The names of the blobs right in a path, with the blobs themselves where that costs nothing more: in a folder it does, file
    /// by file. A link counts as a blob, wherever it leads.
    pub async fn names(&self, path: &str) -> Result<Vec<(String, Option<Blob>)>, Access> {
        let _turn = self.turn().await;
        match &self.backend {
            Backend::Folder(folder) => folder.names(path, &self.meter).await,
            Backend::Cloud(cloud) => {
                let (blobs, _) = cloud.level(path).await?;
                Ok(blobs.into_iter().map(|blob| (name_of(&blob.path).to_owned(), Some(blob))).collect())
            }
        }
    }

    /// The blobs right in a path, and the names of the folders there.
    pub async fn level(&self, path: &str) -> Result<(Vec<Blob>, Vec<String>), Access> {
        let _turn = self.turn().await;
        match &self.backend {
            Backend::Folder(folder) => folder.level(path, &self.meter).await,
            Backend::Cloud(cloud) => cloud.level(path).await,
        }
    }
}
