//! Deletes snapshots by a plan: looks again right before each request, believes no answer but the list,
//! and never sends a wildcard.

mod apply;
mod report;

pub use report::{DeletionReport, Skipped};

use crate::inventory::with_details;
use crate::observe::Observer;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::deletion::{DeletionPlan, Selection, plan};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::snapshot::Snapshot;
use snapkeep_core::{Failure, repository::refuse_reserved};
use snapkeep_transport::Deadline;

/// Decides which snapshots are to be deleted, ages by `now`. Changes nothing.
pub async fn plan_deletion(
    api: &SnapshotApi,
    repository: &RepositoryName,
    selection: &Selection,
    now: jiff::Timestamp,
    deadline: Deadline,
) -> Result<DeletionPlan, Failure> {
    // What can be refused without looking is refused without looking.
    plan(repository, &[], selection, now)?;
    let names = api.names(repository, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let (asked, others): (Vec<Snapshot>, Vec<Snapshot>) =
        names.into_iter().partition(|snapshot| may_be_asked_for(snapshot, selection));
    let mut inventory = with_details(api, repository, asked, deadline).await?;
    inventory.extend(others);
    plan(repository, &inventory, selection, now)
}

/// Whether the selection could be about it, as far as a name and a state tell.
fn may_be_asked_for(snapshot: &Snapshot, selection: &Selection) -> bool {
    selection.names.iter().any(|name| name.as_str() == snapshot.name) || selection.filter.admits_name(snapshot)
}

/// Carries a plan out. An error means that nothing was deleted; otherwise the report says what became
/// of each step, and its [`complaint`](DeletionReport::complaint) what is to be done about the rest.
pub async fn apply_deletion(
    api: &SnapshotApi,
    plan: &DeletionPlan,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<DeletionReport, Failure> {
    let repository = RepositoryName::parse(&plan.repository)?;
    refuse_reserved(&repository)?;
    apply::apply(api, plan, &repository, deadline, observer).await
}
