//! How old each policy's newest good snapshot is: as `plan` finds it.

use crate::commands::chosen::of_cluster;
use crate::session::Session;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::plan::Options;
use snapkeep_core::policy::Policy;
use snapkeep_doctor::Age;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{Fleet, decide, gather};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The ages of the policies that write to that repository of that cluster. Of a repository that cannot be listed there are
/// none: why, other checks say.
pub(super) async fn ages(
    cluster: &str,
    repository: &RepositoryName,
    policies: &BTreeMap<String, Policy>,
    api: &Arc<SnapshotApi>,
    session: &Session,
) -> Result<BTreeMap<String, Age>, Failure> {
    let mut policies = of_cluster(policies, cluster)?;
    policies.retain(|_, policy| policy.repository == *repository);
    if policies.is_empty() {
        return Ok(BTreeMap::new());
    }
    let fleet = Fleet::new(BTreeMap::from([(cluster.to_owned(), Arc::clone(api))]));
    let now = session.now();
    let gathered = gather(&fleet, &policies, &[], now, session.deadline(), &Silent).await;
    // Nothing comes of this plan: whatever the clocks show, it tells how the policies stand.
    let plan = decide(&policies, &gathered, &[], &Options { allow_unknown_clock: true }, now);
    let is_seen = |repository: &str| {
        gathered.inventory.clusters.get(cluster).is_some_and(|seen| seen.repositories.contains_key(repository))
    };
    let standings = plan.policies.into_iter().filter(|standing| is_seen(&standing.place.repository));
    Ok(standings
        .map(|standing| {
            let last_good = standing.newest_success.map(|newest| newest.started_at);
            (standing.place.policy, Age { last_good, is_stale: standing.stale })
        })
        .collect())
}
