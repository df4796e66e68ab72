//! Restores by a plan: looks at the snapshot and at what is there, decides, and, when it is told to, looks again, sends,
//! follows each shard, and ends with what truly serves.

mod apply;
mod expected;
mod follow;
pub(crate) mod look;
mod report;

pub use report::{RestoreReport, RestoredItem};

use crate::observe::Observer;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::restore::{Among, Choice, Request, RestorePlan};
use snapkeep_transport::Deadline;
use std::time::Duration;

/// What to restore.
#[derive(Clone, Debug)]
pub struct RestoreJob {
    /// Where the snapshot is.
    pub repository: RepositoryName,
    /// Which snapshot.
    pub choice: Choice,
    /// Among which, where it is not named.
    pub among: Among,
    /// What of it, and how.
    pub request: Request,
}

/// How a restore is followed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Following {
    /// How long.
    pub wait: Duration,
    /// How long it may stand still until the observer is told.
    pub stall_after: Option<Duration>,
    /// Whether it is then followed no longer.
    pub stop_on_stall: bool,
}

/// Decides what is to be restored. Changes nothing.
pub async fn plan_restore(api: &SnapshotApi, job: &RestoreJob, deadline: Deadline) -> Result<RestorePlan, Failure> {
    let snapshot = look::choose(api, job, deadline).await?;
    look::plan(api, job, &snapshot, deadline).await
}

/// Carries a plan out that `job` made: only if it would be made just so again. An error means that nothing was begun, or
/// says what was.
pub async fn apply_restore(
    api: &SnapshotApi,
    job: &RestoreJob,
    plan: &RestorePlan,
    following: &Following,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<RestoreReport, Failure> {
    let refused = plan.complaint();
    if let Some(refused) = refused {
        return Err(refused);
    }
    let snapshot = SnapshotName::parse(&plan.snapshot)?;
    let now = look::plan(api, job, &snapshot, deadline).await?;
    if let Some(stale) = plan.stale(&now) {
        return Err(stale);
    }
    let began = tokio::time::Instant::now();
    let outcome = apply::send(api, job, plan, &snapshot, deadline, observer).await?;
    let expected = expected::expected(api, plan, deadline).await;
    let end = follow::follow(api, job, &expected, &snapshot, following, deadline, observer).await?;
    Ok(report::report(api, plan, &expected, outcome, end, began.elapsed(), deadline).await)
}
