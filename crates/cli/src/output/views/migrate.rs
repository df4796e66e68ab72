//! Results of `migrate`: the plan, and what came of it.

use super::restore::{RestorePlanView, RestoredView};
use crate::output::{Look, View, harmless, json_of};
use serde::Serialize;
use serde_json::{Map, Value};
use snapkeep_core::migrate::{Attach, Attachment, MigrationPlan};
use snapkeep_engine::{MigrationReport, RegistrationOutcome};

/// The plan, shown before anything is done.
pub(crate) struct MigrationPlanView<'a> {
    pub(crate) plan: &'a MigrationPlan,
    /// What the target is called.
    pub(crate) target: &'a str,
}

impl View for MigrationPlanView<'_> {
    fn text(&self, look: &Look) -> String {
        let attachment = &self.plan.attachment;
        let mut lines = vec![harmless(attached(attachment, self.target))];
        lines.push(RestorePlanView(&self.plan.restore).text(look));
        let problems = self.plan.problems.iter().map(|problem| harmless(format!("in the way: {}", problem.cause)));
        lines.extend(problems);
        if attachment.unregister && self.plan.problems.is_empty() {
            lines.push(harmless(format!("then {} forgets repository {}", self.target, attachment.name)));
        }
        lines.join("\n")
    }

    fn json(&self) -> String {
        MigrationLine::of(self.plan, None)
    }
}

fn attached(attachment: &Attachment, target: &str) -> String {
    let name = &attachment.name;
    match attachment.action {
        Attach::Register => {
            let place = place(&attachment.settings);
            format!("register repository {name} on {target}, read-only ({}{place})", attachment.kind)
        }
        Attach::Present => format!("{target} reads the repository as {name} already"),
        Attach::Blocked => format!("repository {name} is not registered on {target}"),
    }
}

/// Settings in one line; read-only is said before.
fn place(settings: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let shown = settings.iter().filter(|(key, _)| *key != "readonly");
    shown.flat_map(|(key, value)| [", ".to_owned(), key.clone(), " ".to_owned(), text(value)]).collect()
}

/// The plan and what came of it.
pub(crate) struct MigratedView<'a> {
    pub(crate) plan: &'a MigrationPlan,
    pub(crate) report: &'a MigrationReport,
}

impl View for MigratedView<'_> {
    fn text(&self, look: &Look) -> String {
        let (plan, report) = (self.plan, self.report);
        let mut lines = vec![RestoredView { plan: &plan.restore, report: &report.restore }.text(look)];
        let name = &report.repository;
        lines.push(harmless(match (report.unregistered, report.registration) {
            (true, _) => format!("repository {name} is forgotten there again"),
            (false, RegistrationOutcome::Unchanged) => {
                format!("repository {name} is registered there, as before, read-only")
            }
            (false, _) => format!("repository {name} is registered there, read-only"),
        }));
        lines.extend(report.warnings.iter().map(|warning| harmless(format!("note: {warning}"))));
        lines.join("\n")
    }

    fn json(&self) -> String {
        MigrationLine::of(self.plan, Some(self.report))
    }
}

/// Both, for programs: without a report nothing was done.
#[derive(Serialize)]
struct MigrationLine<'a> {
    schema: u32,
    repository: &'a str,
    snapshot: &'a str,
    dry_run: bool,
    plan: &'a MigrationPlan,
    report: Option<&'a MigrationReport>,
}

impl<'a> MigrationLine<'a> {
    fn of(plan: &'a MigrationPlan, report: Option<&'a MigrationReport>) -> String {
        let (repository, snapshot) = (plan.repository.as_str(), plan.restore.snapshot.as_str());
        json_of(&Self { schema: 1, repository, snapshot, dry_run: report.is_none(), plan, report })
    }
}
