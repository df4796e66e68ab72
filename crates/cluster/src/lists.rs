//! Lists of snapshots: short ones by name, and with details in chunks or pages. One request is in
//! flight at a time, and no answer is larger than [`LIST_CAP`].

use crate::api::{SnapshotApi, Unanswered};
use crate::features::Feature;
use crate::paths::{cut, list};
use crate::product::Product;
use crate::read::{Entry, Listing};
use crate::{Kind, Refusal};
use snapkeep_core::naming::{RepositoryName, RequestMark, SnapshotName, encode_segment};
use snapkeep_core::snapshot::Snapshot;
use snapkeep_transport::{Call, Deadline, Lost, Method};
use std::collections::{HashMap, HashSet};

/// Largest list that is read, in bytes: some 100,000 names.
const LIST_CAP: usize = 32 << 20;

/// Most snapshots whose details are asked for in one request: the server reads a file for each, and the
/// answer names all their indices.
const CHUNK: usize = 100;

/// Leaves the names of indices out of a short list on the server's side. Servers that ignore it send
/// them; they are dropped here.
const WITHOUT_INDICES: &str = "filter_path=-snapshots.indices,-snapshots.data_streams,-responses.snapshots.indices,-responses.snapshots.data_streams";

impl SnapshotApi {
    /// Names and states of the snapshots whose name ends in `mark`.
    pub async fn marked(
        &self,
        repository: &RepositoryName,
        mark: &RequestMark,
        deadline: Deadline,
    ) -> Result<Vec<Snapshot>, Unanswered> {
        let path = format!("/_snapshot/{}/*-{}?verbose=false", repository.segment(), mark.as_str());
        let found = self.listed(path, deadline).await?;
        Ok(found.into_iter().filter(|entry| mark.marks(&entry.name)).collect())
    }

    /// Names and states of all snapshots: `verbose=false` reads one blob, whatever their number.
    pub async fn names(&self, repository: &RepositoryName, deadline: Deadline) -> Result<Vec<Snapshot>, Unanswered> {
        let path = format!("/_snapshot/{}/_all?verbose=false", repository.segment());
        let call = Call::new(Method::GET, format!("{path}&{WITHOUT_INDICES}")).cap(LIST_CAP);
        let found: Option<Listing> = self.listing(&call, deadline).await?;
        match found.map(Listing::into_entries) {
            Some(Some(found)) => Ok(found),
            None => Ok(Vec::new()),
            // A filter takes an empty list away as well, on most versions. Without one it must be there.
            Some(None) => self.listed(path, deadline).await,
        }
    }

    /// The snapshots that run in this repository.
    pub async fn running(&self, repository: &RepositoryName, deadline: Deadline) -> Result<Vec<Snapshot>, Unanswered> {
        self.listed(format!("/_snapshot/{}/_current", repository.segment()), deadline).await
    }

    /// Details of snapshots by name, in requests whose path and number of names stay small. Those that have
    /// vanished meanwhile are left out.
    pub async fn details(
        &self,
        repository: &RepositoryName,
        names: &[SnapshotName],
        deadline: Deadline,
    ) -> Result<Vec<Snapshot>, Unanswered> {
        let mut found = Vec::with_capacity(names.len());
        let mut chunks = cut(names, CHUNK);
        chunks.reverse();
        while let Some(chunk) = chunks.pop() {
            let path = format!("/_snapshot/{}/{}?ignore_unavailable=true", repository.segment(), list(chunk));
            match self.listed(path, deadline).await {
                Ok(listed) => found.extend(listed),
                Err(unanswered) if is_too_large(&unanswered) && chunk.len() > 1 => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    chunks.extend([second, first]);
                }
                Err(unanswered) => return Err(unanswered),
            }
        }
        Ok(found)
    }

    /// All snapshots of a repository with their details, each once, in the server's order: by pages where
    /// the product has them, else by name and then in chunks. `with_sizes` asks for
    /// [`Snapshot::size_bytes`] where lists tell it ([`Feature::IndexDetails`]): more work for the server.
    ///
    /// One that vanishes meanwhile is left out, and one that begins is not there yet. One whose details the server cannot read keeps what the
    /// short list says of it.
    pub async fn all(
        &self,
        repository: &RepositoryName,
        product: &Product,
        with_sizes: bool,
        deadline: Deadline,
    ) -> Result<Vec<Snapshot>, Unanswered> {
        if product.has(Feature::Paging) {
            let with_sizes = with_sizes && product.has(Feature::IndexDetails);
            return self.by_pages(repository, with_sizes, deadline).await;
        }
        let mut names = self.names(repository, deadline).await?;
        let askable: Vec<SnapshotName> =
            names.iter().filter_map(|entry| SnapshotName::parse(&entry.name).ok()).collect();
        let details = self.details(repository, &askable, deadline).await?;
        let mut details: HashMap<String, Snapshot> =
            details.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        if !names.iter().all(|entry| details.contains_key(&entry.name)) {
            // Without details: gone, or not readable? The short list tells.
            let left = self.names(repository, deadline).await?;
            let left: HashSet<String> = left.into_iter().map(|entry| entry.name).collect();
            names.retain(|entry| left.contains(&entry.name));
        }
        Ok(names.into_iter().map(|entry| details.remove(&entry.name).unwrap_or(entry)).collect())
    }

    async fn by_pages(
        &self,
        repository: &RepositoryName,
        with_sizes: bool,
        deadline: Deadline,
    ) -> Result<Vec<Snapshot>, Unanswered> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let (mut after, mut total, mut size) = (None::<String>, 0, CHUNK);
        loop {
            let call = Call::new(Method::GET, page(repository, size, with_sizes, after.as_deref())).cap(LIST_CAP);
            let mut listing: Listing = match self.listing(&call, deadline).await {
                Ok(found) => found.unwrap_or_else(Listing::empty),
                Err(unanswered) if is_too_large(&unanswered) && size > 1 => {
                    size /= 2;
                    continue;
                }
                Err(unanswered) => return Err(unanswered),
            };
            total = total.max(listing.total.unwrap_or(0));
            let next = listing.next.take();
            let entries = listing.into_entries().ok_or_else(no_list)?;
            found.extend(entries.into_iter().filter(|entry| seen.insert(entry.name.clone())));
            if next.is_none() || next == after {
                break;
            }
            after = next;
        }
        if total > found.len() as u64 {
            let names = self.names(repository, deadline).await?;
            found.extend(names.into_iter().filter(|entry| seen.insert(entry.name.clone())));
        }
        Ok(found)
    }

    /// The entries of a list; none if what was asked for is missing.
    pub(crate) async fn listed(&self, path: String, deadline: Deadline) -> Result<Vec<Snapshot>, Unanswered> {
        let call = Call::new(Method::GET, path).cap(LIST_CAP);
        match self.listing(&call, deadline).await? {
            None => Ok(Vec::new()),
            Some(listing) => listing.into_entries().ok_or_else(no_list),
        }
    }

    /// A list without errors inside; `None` if the snapshot that was asked for is missing.
    pub(crate) async fn listing<T: Entry>(
        &self,
        call: &Call,
        deadline: Deadline,
    ) -> Result<Option<Listing<T>>, Unanswered> {
        let is_missing = |kind| kind == Kind::SnapshotMissing;
        let Some(listing) = self.find::<Listing<T>>(call, is_missing, deadline).await? else { return Ok(None) };
        match listing.error().map(Refusal::inside) {
            Some(refusal) if refusal.kind == Kind::SnapshotMissing => Ok(None),
            Some(refusal) => Err(Unanswered::Refused(refusal)),
            None => Ok(Some(listing)),
        }
    }
}

pub(crate) fn no_list() -> Unanswered {
    Unanswered::Malformed { status: 200, what: "it holds no list of snapshots".into() }
}

fn is_too_large(unanswered: &Unanswered) -> bool {
    matches!(unanswered, Unanswered::Lost(Lost::Unreadable(cause)) if cause.contains("larger than"))
}

/// Sorted by name, because names are unique and do not change: no page can repeat another's.
fn page(repository: &RepositoryName, size: usize, with_sizes: bool, after: Option<&str>) -> String {
    let mut path =
        format!("/_snapshot/{}/_all?ignore_unavailable=true&size={size}&sort=name&order=asc", repository.segment());
    if with_sizes {
        path.push_str("&index_details=true");
    }
    if let Some(after) = after {
        path.push_str("&after=");
        path.push_str(&encode_segment(after));
    }
    path
}
