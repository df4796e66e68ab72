//! What should be there in the end.

use snapkeep_cluster::SnapshotApi;
use snapkeep_core::restore::{Item, Kind, RestorePlan};
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;

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
    if expected.iter().any(|one| one.item.kind == Kind::DataStream) {
        let behind = api.indices_behind_streams(deadline).await.unwrap_or_else(|unanswered| {
            let cause = unanswered.failure().cause;
            tracing::warn!("what is behind the data streams is not known beyond what names tell: {cause}");
            BTreeMap::new()
        });
        for one in expected.iter_mut().filter(|one| one.item.kind == Kind::DataStream) {
            let told = behind.iter().filter(|(_, stream)| **stream == one.item.target).map(|(index, _)| index);
            let unnamed: Vec<String> = told.filter(|index| !one.item.indices.contains(index)).cloned().collect();
            one.indices.extend(unnamed);
        }
    }
    expected
}
