//! Reads a blob of metadata: twice before it is called damaged or missing, once where it is known that we do not get it.

use crate::Damage;
use crate::store::{Access, Store};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Why a blob of metadata says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It could not be had.
    Access(Access),
    /// It does not say what it should.
    Damaged(Damage),
}

/// What a blob of metadata says.
pub type Loaded<T> = Result<T, Trouble>;

impl Trouble {
    /// The byte where it is damaged.
    pub fn at(&self) -> Option<u64> {
        match self {
            Self::Damaged(damage) => Some(damage.at),
            Self::Access(_) => None,
        }
    }

    /// Whether it is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Access(Access::Missing))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(access) => access.fmt(f),
            Self::Damaged(damage) => damage.fmt(f),
        }
    }
}

/// How often one run waits for a blob that may be about to be replaced: where very much is lost, waiting for each would take
/// for ever, and changes nothing of the verdict.
const PAUSES: u64 = 100;

/// Loads blobs, and counts those whose first read was wrong and second right.
#[derive(Debug)]
pub struct Loader<'a> {
    /// Where from.
    pub store: &'a Store,
    rereads: AtomicU64,
    pauses: AtomicU64,
}

impl<'a> Loader<'a> {
    /// From this store.
    pub fn new(store: &'a Store) -> Self {
        Self { store, rereads: AtomicU64::new(0), pauses: AtomicU64::new(PAUSES) }
    }

    /// How many blobs were wrong at the first read and right at the second: a bad line or a bad disk, no bad blob.
    pub fn rereads(&self) -> u64 {
        self.rereads.load(Ordering::Relaxed)
    }

    /// Notes one more of them.
    pub fn note_reread(&self) {
        self.rereads.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits so long for a writer, unless the run has waited often enough: then it says no.
    pub(crate) async fn pause(&self, pause: Duration) -> bool {
        if pause.is_zero() {
            return true;
        }
        let take = |left: u64| left.checked_sub(1);
        if self.pauses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    /// What `parse` makes of the blob.
    pub async fn load<T: Send + 'static>(
        &self,
        path: &str,
        parse: impl Fn(&[u8]) -> Result<T, Damage> + Clone + Send + 'static,
    ) -> Loaded<T> {
        match self.store.read_as(path, parse.clone()).await {
            Ok(Ok(parsed)) => Ok(parsed),
            Err(access) if access.is_final() => Err(Trouble::Access(access)),
            _ => self.load_again(path, parse).await,
        }
    }

    /// The same of many blobs, in their order: small ones that lie in a folder cost more to go for than to read.
    pub async fn load_all<T: Send + 'static>(
        &self,
        paths: &[String],
        parse: impl Fn(&[u8]) -> Result<T, Damage> + Clone + Send + 'static,
    ) -> Vec<Loaded<T>> {
        let mut loaded = Vec::with_capacity(paths.len());
        for (path, found) in paths.iter().zip(self.store.read_all_as(paths, parse.clone()).await) {
            loaded.push(match found {
                Ok(Ok(parsed)) => Ok(parsed),
                Err(access) if access.is_final() => Err(Trouble::Access(access)),
                _ => self.load_again(path, parse.clone()).await,
            });
        }
        loaded
    }

    async fn load_again<T: Send + 'static>(
        &self,
        path: &str,
        parse: impl Fn(&[u8]) -> Result<T, Damage> + Clone + Send + 'static,
    ) -> Loaded<T> {
        match self.store.read_as(path, parse).await {
            Ok(Ok(parsed)) => {
                self.note_reread();
                Ok(parsed)
            }
            Ok(Err(damage)) => Err(Trouble::Damaged(damage)),
            Err(access) => Err(Trouble::Access(access)),
        }
    }
}
