//! What a plan says before anything is done, as the beginning of a report.

use super::report::{NotDone, PolicyReport};
use snapkeep_core::failure::line;
use snapkeep_core::plan::{Place, Plan, Skip, Skipped};
use snapkeep_core::{Code, Failure};

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
    fn note(&mut self, skipped: &Skipped) {
        self.skipped.push(NotDone { what: skipped.snapshot.clone(), why: skipped.why.to_string() });
        let why = skipped.why.to_string();
        match &skipped.why {
            Skip::Readonly => self.fail(Failure::new(
                Code::RepositoryConflict,
                format!("repository {} is registered readonly on {}", self.repository, self.cluster),
                "let the policy hold for the cluster that owns the repository, or register it without `readonly`",
            )),
            Skip::NameTaken => self.fail(Failure::new(
                Code::SnapshotConflict,
                format!("{}: {why}", skipped.snapshot.as_deref().unwrap_or_default()),
                "look at that snapshot (`show`); give the policy another `prefix`, or delete the snapshot",
            )),
            Skip::ClockFar { .. } | Skip::ClockContradicted { .. } | Skip::NameOfEvents => {
                skipped.why.failure().into_iter().for_each(|failure| self.fail(failure));
            }
            Skip::AttemptsUsed { .. } | Skip::NothingSelected | Skip::SlotUnknown => {
                self.warn(format!("{why}: no snapshot is taken"));
            }
            Skip::ClockUnknown | Skip::ClockSkewed { .. } => self.warn(format!("nothing is deleted: {why}")),
            Skip::Limit { .. } => self.warn(format!("{why}: the next run goes on")),
            Skip::ClusterUnseen
            | Skip::RepositoryUnseen
            | Skip::NoSlot
            | Skip::SlotDone
            | Skip::SlotRunning
            | Skip::WindowOver { .. }
            | Skip::Waiting { .. } => {}
        }
    }
}

/// The reports of a plan's policies on one cluster, before anything is done.
pub(super) fn begin(plan: &Plan, cluster: &str) -> Vec<PolicyReport> {
    let mut reports: Vec<PolicyReport> = Vec::new();
    for standing in plan.policies.iter().filter(|standing| standing.place.cluster == cluster) {
        let report = at(&mut reports, &standing.place);
        report.stale = standing.stale;
        for overdue in &standing.overdue {
            report.warn(format!("snapshot {overdue} runs for longer than `max_duration`"));
        }
    }
    for skipped in plan.skipped.iter().filter(|skipped| skipped.place.cluster == cluster) {
        at(&mut reports, &skipped.place).note(skipped);
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
