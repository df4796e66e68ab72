//! What a plan says before anything is done, as the beginning of a report.

use super::report::{NotDone, PolicyReport};
use snapkeep_core::Failure;
use snapkeep_core::failure::line;
use snapkeep_core::plan::{Place, Plan, Skip, Skipped};
use std::collections::BTreeMap;

impl PolicyReport {
    pub(super) fn new(place: &Place) -> Self {
        Self {
            policy: place.policy.clone(),
            cluster: place.cluster.clone(),
            repository: place.repository.clone(),
            created: Vec::new(),
            pending: Vec::new(),
            deleted: Vec::new(),
            kept: 0,
            skipped: Vec::new(),
            stale: false,
            warnings: Vec::new(),
            failures: Vec::new(),
            facts: None,
            gave_way: false,
        }
    }

    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.policy == place.policy && self.cluster == place.cluster
    }

    /// Adds a warning, unless it has been said.
    pub(super) fn warn(&mut self, warning: impl AsRef<str>) {
        let warning = line(warning.as_ref());
        if !self.warnings.contains(&warning) {
            tracing::warn!(policy = self.policy, cluster = self.cluster, "{warning}");
            self.warnings.push(warning);
        }
    }

    /// Adds a failure, unless it has been said.
    pub(super) fn fail(&mut self, failure: Failure) {
        if !self.failures.contains(&failure) {
            tracing::warn!(policy = self.policy, cluster = self.cluster, code = %failure.code, "{}", failure.cause);
            self.failures.push(failure);
        }
    }

    pub(super) fn skip(&mut self, what: &str, why: impl Into<String>) {
        self.skipped.push(NotDone { what: Some(what.to_owned()), why: why.into() });
    }

    /// What the planner left out, and what that means.
    fn note(&mut self, skipped: &Skipped, unseen: &Unseen<'_>) {
        self.skipped.push(NotDone { what: skipped.snapshot.clone(), why: skipped.why.to_string() });
        match (&skipped.why, unseen.failure(skipped)) {
            (Skip::Readonly, Some(failure)) => {
                let cause = format!("repository {} is registered readonly on {}", self.repository, self.cluster);
                self.fail(failure.with_cause(cause));
            }
            (_, Some(failure)) => self.fail(named(skipped, failure)),
            (Skip::ClockUnknown | Skip::ClockSkewed { .. }, None) => {
                self.warn(format!("nothing is deleted: {}", skipped.why));
            }
            (Skip::Limit { .. }, None) => self.warn(format!("{}: the next run goes on", skipped.why)),
            (_, None) => {}
        }
    }
}

/// What the policy fails with for what the planner left out.
pub(super) fn untaken(skipped: &Skipped) -> Option<Failure> {
    skipped.why.failure().map(|failure| named(skipped, failure))
}

/// Says which snapshot it is about.
fn named(skipped: &Skipped, failure: Failure) -> Failure {
    let Some(snapshot) = &skipped.snapshot else { return failure };
    let cause = format!("{snapshot}: {}", failure.cause);
    failure.with_cause(cause)
}

/// What could not be seen of a cluster, and why: known better than the plan knows it.
pub(super) struct Unseen<'s> {
    /// The cluster's own failure says it all.
    is_cluster: bool,
    repositories: Option<&'s BTreeMap<String, Failure>>,
}

impl<'s> Unseen<'s> {
    /// Nothing of it.
    pub(super) fn cluster() -> Self {
        Self { is_cluster: true, repositories: None }
    }

    /// These of its repositories.
    pub(super) fn repositories(failures: &'s BTreeMap<String, Failure>) -> Self {
        Self { is_cluster: false, repositories: Some(failures) }
    }

    /// What of a cluster or repository that the plan could not see fails the policy.
    fn failure(&self, skipped: &Skipped) -> Option<Failure> {
        let known = self.repositories.and_then(|known| known.get(&skipped.place.repository)).cloned();
        known.or_else(|| skipped.why.failure().filter(|_| !self.is_cluster))
    }
}

/// The reports of a plan's policies on one cluster, before anything is done.
pub(super) fn begin(plan: &Plan, cluster: &str, unseen: &Unseen<'_>) -> Vec<PolicyReport> {
    let mut reports: Vec<PolicyReport> = Vec::new();
    for standing in plan.policies.iter().filter(|standing| standing.place.cluster == cluster) {
        let report = at(&mut reports, &standing.place);
        report.stale = standing.stale;
        report.facts = Some(standing.facts.clone());
        for overdue in &standing.overdue {
            report.warn(format!("snapshot {overdue} runs for longer than `max_duration`"));
        }
    }
    for skipped in plan.skipped.iter().filter(|skipped| skipped.place.cluster == cluster) {
        at(&mut reports, &skipped.place).note(skipped, unseen);
    }
    for kept in plan.kept.iter().filter(|kept| kept.cluster == cluster) {
        if let Some(report) = reports.iter_mut().find(|report| kept.policy.as_deref() == Some(&report.policy)) {
            report.kept += 1;
        }
    }
    for step in plan.steps.iter().filter(|step| step.place().cluster == cluster) {
        at(&mut reports, step.place());
    }
    reports
}

/// The report of that place.
pub(super) fn at<'r>(reports: &'r mut Vec<PolicyReport>, place: &Place) -> &'r mut PolicyReport {
    let found = reports.iter().position(|report| report.is_at(place)).unwrap_or_else(|| {
        reports.push(PolicyReport::new(place));
        reports.len() - 1
    });
    &mut reports[found]
}
