//! The plan for what was gathered.

use super::gather::Gathered;
use jiff::Timestamp;
use snapkeep_core::plan::{Options, Plan, Step, make};
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet};

/// Whether each of these is a policy; `bad_config` that names the first that is not.
pub fn check_names(policies: &BTreeMap<String, Policy>, only: &[String]) -> Result<(), Failure> {
    let Some(unknown) = only.iter().find(|name| !policies.contains_key(*name)) else { return Ok(()) };
    let known: Vec<&str> = policies.keys().map(String::as_str).collect();
    let hint = if known.is_empty() { "there are none".to_owned() } else { format!("there are: {}", known.join(", ")) };
    Err(Failure::new(Code::BadConfig, format!("there is no policy {unknown:?}"), hint))
}

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
    if only.is_empty() {
        return plan;
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
    plan
}
