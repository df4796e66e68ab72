//! What should be there in the end.

use snapkeep_cluster::SnapshotApi;
use snapkeep_core::restore::{Item, Kind, RestorePlan};
use snapkeep_transport::Deadline;

/// An item of the plan, and the indices that it is made of.
pub(super) struct Expected<'a> {
    pub(super) item: &'a Item,
    pub(super) indices: Vec<String>,
}

/// What the plan expects. Data streams are there as soon as their restore has begun, and the cluster tells which indices
/// are behind them: those that were shrunk or downsampled are named like no others.
pub(super) async fn expected<'a>(api: &SnapshotApi, plan: &'a RestorePlan, deadline: Deadline) -> Vec<Expected<'a>> {
    let items = plan.items.iter().filter(|item| item.action.is_expected());
    let mut expected: Vec<Expected<'a>> = items.map(|item| Expected { item, indices: item.indices.clone() }).collect();
    for one in expected.iter_mut().filter(|one| one.item.kind == Kind::DataStream) {
        match api.indices_behind(&one.item.target, deadline).await {
            Ok(told) => {
                let unnamed = told.into_iter().filter(|index| !one.item.indices.contains(index));
                one.indices.extend(unnamed);
            }
            Err(unanswered) => tracing::warn!(
                "what is behind data stream {} is not known beyond what names tell: {}",
                one.item.target,
                unanswered.failure().cause
            ),
        }
    }
    expected
}
