//! Lists a repository's snapshots, newest first.

use crate::report::Warnings;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::Snapshot;
use snapkeep_transport::Deadline;

/// Most snapshots whose details are asked for: the server reads one blob for each.
const DETAILED: usize = 500;

/// Most snapshots in an answer: a Lambda's may have 6 MB.
const LISTED: usize = 10_000;

pub(crate) async fn list(
    api: &SnapshotApi,
    repository: &RepositoryName,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<Vec<Snapshot>, Failure> {
    let names = api.names(repository, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let mut found = if names.len() <= DETAILED {
        detailed(api, repository, names, deadline).await?
    } else {
        warnings.add(format!("{} snapshots: times and shards are left out above {DETAILED}", names.len()));
        names
    };
    found.sort_by(|a, b| (b.started_at, &b.name).cmp(&(a.started_at, &a.name)));
    if found.len() > LISTED {
        warnings.add(format!("{} snapshots: only {LISTED} are listed", found.len()));
        found.truncate(LISTED);
    }
    Ok(found)
}

/// Details where they are to be had; names that cannot stand in a path keep what the list said.
async fn detailed(
    api: &SnapshotApi,
    repository: &RepositoryName,
    names: Vec<Snapshot>,
    deadline: Deadline,
) -> Result<Vec<Snapshot>, Failure> {
    let askable: Vec<SnapshotName> = names.iter().filter_map(|entry| SnapshotName::parse(&entry.name).ok()).collect();
    let details = api.details(repository, &askable, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let with_details = |entry: Snapshot| details.iter().find(|d| d.name == entry.name).cloned().unwrap_or(entry);
    Ok(names.into_iter().map(with_details).collect())
}
