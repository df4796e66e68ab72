//! All about one snapshot.

use crate::run::missing;
use serde::Serialize;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::{Details, Progress};
use snapkeep_transport::Deadline;
use std::time::Duration;

/// What `_status` may take: of a snapshot that has ended the server reads a file for each shard.
const STATUS_TIME: Duration = Duration::from_secs(20);

/// All that the cluster tells of a snapshot. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// What `GET _snapshot` tells.
    #[serde(flatten)]
    pub details: Details,
    /// What `_status` tells; `None` if it could not be had in time.
    pub progress: Option<Progress>,
}

/// Looks at one snapshot; `snapshot_missing` if there is none of that name.
pub async fn show(
    api: &SnapshotApi,
    repository: &RepositoryName,
    snapshot: &SnapshotName,
    deadline: Deadline,
) -> Result<Shown, Failure> {
    let found = api.full(repository, snapshot, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let mut details = found.ok_or_else(|| missing(snapshot.as_str(), repository.as_str()))?;
    let progress = match api.progress(repository, snapshot, deadline.or_after(STATUS_TIME)).await {
        Ok(progress) => progress,
        Err(unanswered) => {
            tracing::warn!("`_status` is left out: {}", unanswered.failure().cause);
            None
        }
    };
    let size = progress.as_ref().and_then(|progress| progress.size_bytes);
    details.snapshot.size_bytes = details.snapshot.size_bytes.or(size);
    Ok(Shown { schema: 1, repository: repository.as_str().to_owned(), details, progress })
}
