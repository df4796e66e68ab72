//! What has been asked of a store.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Requests and bytes so far. In a folder a directory that is read is a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Listings, page by page.
    pub lists: u64,
    /// Blobs read, wholly or in part.
    pub gets: u64,
    /// Blobs asked for by name without their bytes.
    pub heads: u64,
    /// Requests sent again because the server did not serve them, part of the above.
    pub retries: u64,
    /// Bytes of blobs.
    pub bytes: u64,
}

impl Counts {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.lists + self.gets + self.heads
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    List,
    Get,
    Head,
}

/// Counts as it happens.
#[derive(Debug, Default)]
pub(super) struct Meter {
    lists: AtomicU64,
    gets: AtomicU64,
    heads: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
    strange: AtomicU64,
}

impl Meter {
    pub(super) fn add(&self, request: Request) {
        let counter = match request {
            Request::List => &self.lists,
            Request::Get => &self.gets,
            Request::Head => &self.heads,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn add_retry(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn add_strange(&self, count: u64) {
        self.strange.fetch_add(count, Relaxed);
    }

    pub(super) fn strange(&self) -> u64 {
        self.strange.load(Relaxed)
    }

    pub(super) fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Counts {
            lists: of(&self.lists),
            gets: of(&self.gets),
            heads: of(&self.heads),
            retries: of(&self.retries),
            bytes: of(&self.bytes),
        }
    }
}
