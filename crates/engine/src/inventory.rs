//! What a repository holds, filtered and in order.

use crate::report::Warnings;
use serde::Serialize;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::select::{Filter, Sort};
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_transport::Deadline;
use std::collections::HashMap;
use std::time::Duration;

/// What one `_status` may take when a size is asked for: the server reads a file for each shard.
const SIZE_TIME: Duration = Duration::from_secs(20);

/// Which snapshots to show, and how.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// The other way round.
    pub reverse: bool,
    /// At most so many, after sorting.
    pub limit: Option<usize>,
    /// With sizes where lists do not tell them: one more request for each snapshot shown, for which the
    /// server reads a file for each shard.
    pub with_sizes: bool,
}

/// What a repository holds. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// All snapshots of the repository.
    pub total: usize,
    /// Those that the filter admits, before the limit.
    pub matching: usize,
    /// Those to show.
    pub snapshots: Vec<Snapshot>,
}

/// Looks at the repository's snapshots. Ages are by `now`.
pub async fn inventory(
    api: &SnapshotApi,
    repository: &RepositoryName,
    query: &Query,
    now: jiff::Timestamp,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<Inventory, Failure> {
    let mut found = candidates(api, repository, query, deadline).await?;
    let total = found.total;
    found.snapshots.retain(|snapshot| query.filter.admits(snapshot, now));
    let matching = found.snapshots.len();
    query.sort.sort(&mut found.snapshots, query.reverse);
    found.snapshots.truncate(query.limit.unwrap_or(usize::MAX));
    if query.with_sizes {
        measure(api, repository, &mut found.snapshots, deadline, warnings).await;
    }
    note_unknown_states(&found.snapshots, warnings);
    Ok(Inventory { schema: 1, repository: repository.as_str().to_owned(), total, matching, snapshots: found.snapshots })
}

/// Snapshots with their details, and how many there are in all.
struct Candidates {
    total: usize,
    snapshots: Vec<Snapshot>,
}

/// Details of all, or, where names and states rule some out, of the others only.
async fn candidates(
    api: &SnapshotApi,
    repository: &RepositoryName,
    query: &Query,
    deadline: Deadline,
) -> Result<Candidates, Failure> {
    if query.filter.globs.is_empty() && query.filter.states.is_empty() {
        let product = api.product(deadline).await.map_err(|unanswered| unanswered.failure())?;
        let found = api.all(repository, &product, query.with_sizes, deadline).await;
        let snapshots = found.map_err(|unanswered| unanswered.failure())?;
        return Ok(Candidates { total: snapshots.len(), snapshots });
    }
    let mut names = api.names(repository, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let total = names.len();
    names.retain(|snapshot| query.filter.admits_name(snapshot));
    let snapshots = with_details(api, repository, names, deadline).await?;
    Ok(Candidates { total, snapshots })
}

/// Details where they are to be had; what has none keeps what the short list said.
pub(crate) async fn with_details(
    api: &SnapshotApi,
    repository: &RepositoryName,
    names: Vec<Snapshot>,
    deadline: Deadline,
) -> Result<Vec<Snapshot>, Failure> {
    let askable: Vec<SnapshotName> = names.iter().filter_map(|entry| SnapshotName::parse(&entry.name).ok()).collect();
    let details = api.details(repository, &askable, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let mut details: HashMap<String, Snapshot> =
        details.into_iter().map(|snapshot| (snapshot.name.clone(), snapshot)).collect();
    Ok(names.into_iter().map(|entry| details.remove(&entry.name).unwrap_or(entry)).collect())
}

/// Asks for sizes that the list did not tell, until one cannot be had.
async fn measure(
    api: &SnapshotApi,
    repository: &RepositoryName,
    snapshots: &mut [Snapshot],
    deadline: Deadline,
    warnings: &mut Warnings,
) {
    let unmeasured = |snapshot: &Snapshot| snapshot.size_bytes.is_none() && snapshot.state != Some(State::InProgress);
    for snapshot in snapshots.iter_mut().filter(|snapshot| unmeasured(snapshot)) {
        let Ok(name) = SnapshotName::parse(&snapshot.name) else { continue };
        match api.progress(repository, &name, deadline.or_after(SIZE_TIME)).await {
            Ok(progress) => snapshot.size_bytes = progress.and_then(|progress| progress.size_bytes),
            Err(unanswered) => {
                let cause = unanswered.failure().cause;
                warnings.add(format!("sizes from snapshot {name} on are left out: {cause}"));
                return;
            }
        }
    }
}

fn note_unknown_states(snapshots: &[Snapshot], warnings: &mut Warnings) {
    let unknown = snapshots.iter().filter(|snapshot| snapshot.state.is_none()).count();
    if unknown > 0 {
        let are = if unknown == 1 { "snapshot is" } else { "snapshots are" };
        warnings.add(format!("{unknown} {are} in a state whose word is not known here: not good"));
    }
}
