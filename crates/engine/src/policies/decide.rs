//! The plan for what was gathered.

use super::gather::Gathered;
use jiff::Timestamp;
use snapkeep_core::inventory::Inventory;
use snapkeep_core::plan::{Options, Plan, Step, make};
use snapkeep_core::policy::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// The plan at `at` for what was gathered with the same `only`. All policies are looked at, since whose a snapshot is
/// depends on all; only those named are planned.
pub fn decide(
    policies: &BTreeMap<String, Policy>,
    gathered: &Gathered,
    only: &[String],
    options: &Options,
    at: Timestamp,
) -> Plan {
    let all: Vec<Policy> = policies.values().cloned().collect();
    let mut plan = make(&all, &gathered.inventory, options, at);
    keep_to(&mut plan, &all, only);
    gathered.spare(&mut plan);
    plan
}

/// The same for one cluster.
pub(super) fn decide_on(
    cluster: &str,
    inventory: &Inventory,
    policies: &[Policy],
    only: &[String],
    options: Options,
    at: Timestamp,
) -> Plan {
    let mut plan = make(policies, inventory, &options, at);
    plan.policies.retain(|standing| standing.place.cluster == cluster);
    plan.steps.retain(|step| step.place().cluster == cluster);
    plan.kept.retain(|kept| kept.cluster == cluster);
    plan.skipped.retain(|skipped| skipped.place.cluster == cluster);
    keep_to(&mut plan, policies, only);
    plan
}

/// Keeps to the policies named in `only`; none are all.
fn keep_to(plan: &mut Plan, all: &[Policy], only: &[String]) {
    if only.is_empty() {
        return;
    }
    let wanted = |name: &str| only.iter().any(|wanted| wanted == name);
    let wanted_policies = || all.iter().filter(|policy| wanted(&policy.name));
    let places: BTreeSet<(&str, &str)> = wanted_policies()
        .flat_map(|policy| policy.clusters.iter().map(|cluster| (cluster.as_str(), policy.repository.as_str())))
        .collect();
    plan.policies.retain(|standing| wanted(&standing.place.policy));
    plan.steps.retain(|step: &Step| wanted(&step.place().policy));
    plan.skipped.retain(|skipped| wanted(&skipped.place.policy));
    plan.kept.retain(|kept| match &kept.policy {
        Some(policy) => wanted(policy),
        None => places.contains(&(kept.cluster.as_str(), kept.repository.as_str())),
    });
}
