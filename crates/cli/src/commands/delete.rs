//! `delete`: a plan with reasons, a question, then the plan and nothing else.

use super::select::Select;
use crate::choose;
use crate::confirm::{Yes, confirm};
use crate::output::progress::Reporter;
use crate::output::views::{Deleted, PlanView};
use crate::output::{Format, human};
use crate::session::Session;
use clap::Args;
use snapkeep_core::deletion::{DeletionPlan, Selection};
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::select::Glob;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{apply_deletion, plan_deletion};

/// Delete snapshots: shows the plan with its reasons, then asks
///
/// Names, patterns and limits say which; limits narrow what names and patterns say. The newest good snapshot stays
/// unless --allow-last-good. Running ones are never deleted: see abort.
#[derive(Debug, Args)]
#[command(
    visible_alias = "rm",
    after_help = "\
Examples:
  snapkeep delete -r nightly nightly-20260101t050000z-8476a536
  snapkeep delete -r nightly --match 'nightly-*' --older-than 30d --dry-run
  snapkeep delete -r nightly --state failed --yes"
)]
pub(crate) struct Delete {
    /// Snapshots by their names
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    #[command(flatten)]
    select: Select,
    /// Show the plan and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Let the last good snapshot go as well
    #[arg(long)]
    allow_last_good: bool,
    #[command(flatten)]
    yes: Yes,
}

/// Plans, asks, deletes.
pub(crate) async fn run(arguments: Delete, session: &Session) -> Result<(), Failure> {
    let selection = arguments.selection()?;
    let deadline = session.patient_deadline();
    let target = session.connect().await?;
    let repository = choose::repository(&target, session, session.deadline()).await?;
    let now = if selection.filter.is_about_age() {
        session.server_time(&target.api, session.deadline()).await?
    } else {
        session.now()
    };
    let plan = plan_deletion(&target.api, &repository, &selection, now, deadline).await?;
    if arguments.dry_run || plan.steps.is_empty() {
        return session.printer.show_plan(&PlanView(&plan), session.now_of(&target.api)).and(complaint(&plan));
    }
    if session.printer.format() == Format::Text {
        session.printer.show_plan(&PlanView(&plan), session.now_of(&target.api))?;
    }
    let question = format!("Delete {} from repository {repository}?", human::count(plan.steps.len(), "snapshot"));
    confirm(session, arguments.yes, &question).await?;
    session.goes_on("what was sent is carried out; the same command again deletes what is left of the plan");
    let report = apply_deletion(&target.api, &plan, deadline, &Reporter::new(&session.printer)).await?;
    let outcome = report.complaint().or_else(|| plan.complaint()).map_or(Ok(()), Err);
    session.printer.show_with(&Deleted { plan: &plan, report: &report }, session.now(), outcome)
}

fn complaint(plan: &DeletionPlan) -> Result<(), Failure> {
    plan.complaint().map_or(Ok(()), Err)
}

impl Delete {
    fn selection(&self) -> Result<Selection, Failure> {
        let names = self.snapshots.iter().map(|name| parse(name)).collect::<Result<_, _>>()?;
        Ok(Selection { names, filter: self.select.filter()?, allow_last_good: self.allow_last_good })
    }
}

/// A pattern must be meant as one.
fn parse(name: &str) -> Result<SnapshotName, Failure> {
    if Glob::is_glob(name) {
        let cause = format!("{name:?} is a pattern, not a name");
        return Err(Failure::new(Code::BadEvent, cause, format!("give it as --match '{name}'")));
    }
    SnapshotName::parse(name)
}
