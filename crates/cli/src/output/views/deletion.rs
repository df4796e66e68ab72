//! Results of `delete`: the plan, and what came of it.

use super::{age, state};
use crate::output::{Cell, Look, Table, Tone, View, human, json_of};
use serde::Serialize;
use snapkeep_core::deletion::DeletionPlan;
use snapkeep_engine::DeletionReport;

/// The plan, shown before anything is done.
pub(crate) struct PlanView<'a>(pub(crate) &'a DeletionPlan);

impl View for PlanView<'_> {
    fn text(&self, look: &Look) -> String {
        let plan = self.0;
        let mut table = Table::new(&["", "NAME", "STATE", ">AGE", "WHY"]);
        for step in &plan.steps {
            let age = age(step.started_at, look).into();
            let delete = Cell::toned(Tone::Bad, "delete");
            table.row(vec![delete, step.name.as_str().into(), state(step.state), age, step.reasons.join(", ").into()]);
        }
        for kept in &plan.kept {
            let keep = Cell::toned(Tone::Good, "keep");
            table.row(vec![
                keep,
                kept.name.as_str().into(),
                state(kept.state),
                age(kept.started_at, look).into(),
                kept.why.as_str().into(),
            ]);
        }
        let rows = plan.steps.len() + plan.kept.len();
        let table = if rows == 0 { String::new() } else { table.render(look.style) + "\n" };
        let of_all = human::count(plan.total, "snapshot");
        format!("{table}{} of {of_all} in repository {} to delete", plan.steps.len(), plan.repository)
    }

    fn json(&self) -> String {
        DeletionLine::of(self.0, None)
    }
}

/// The plan and what came of it.
pub(crate) struct Deleted<'a> {
    pub(crate) plan: &'a DeletionPlan,
    pub(crate) report: &'a DeletionReport,
}

impl View for Deleted<'_> {
    fn text(&self, _: &Look) -> String {
        let report = self.report;
        let mut lines = vec![format!("{} deleted", human::count(report.deleted.len(), "snapshot"))];
        if !report.already_gone.is_empty() {
            lines.push(format!(
                "{} gone already: {}",
                human::count(report.already_gone.len(), "snapshot"),
                report.already_gone.join(", ")
            ));
        }
        lines.extend(report.skipped.iter().map(|skipped| format!("{} left as it is: {}", skipped.name, skipped.why)));
        if !report.left.is_empty() {
            lines.push(format!("{} not known to be gone", human::count(report.left.len(), "snapshot")));
        }
        lines.join("\n")
    }

    fn json(&self) -> String {
        DeletionLine::of(self.plan, Some(self.report))
    }
}

/// Both, for programs: without a report nothing was done.
#[derive(Serialize)]
struct DeletionLine<'a> {
    schema: u32,
    repository: &'a str,
    dry_run: bool,
    plan: &'a DeletionPlan,
    report: Option<&'a DeletionReport>,
}

impl<'a> DeletionLine<'a> {
    fn of(plan: &'a DeletionPlan, report: Option<&'a DeletionReport>) -> String {
        json_of(&Self { schema: 1, repository: &plan.repository, dry_run: report.is_none(), plan, report })
    }
}
