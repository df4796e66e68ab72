//! Lists a repository's snapshots, newest first.

use crate::inventory::with_details;
use crate::report::Warnings;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::naming::RepositoryName;
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
        with_details(api, repository, names, deadline).await?
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
