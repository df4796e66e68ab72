//! `drill`: a restore that is practised.

use super::chosen::Chosen;
use super::run::mark;
use crate::output::progress::Reporter;
use crate::output::views::DrillView;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_engine::{DrillOptions, check_drills, run_drills};

/// Practise a restore: the newest good snapshot, under names of its own, checked, timed and removed
///
/// What is restored, where to and what is checked says the policy's `drill`. Nothing existing is touched, and only indices
/// that a drill made are removed: also those of a drill that was killed. What came of it is kept in the index
/// .snapkeep-drills of the cluster that took the snapshot; `snapkeep report --audit` shows it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep drill nightly
  snapkeep drill --due")]
pub(crate) struct DrillArguments {
    /// Policies [default: all that have `drill`]
    #[arg(value_name = "POLICY")]
    policies: Vec<String>,
    /// Only those whose drill is due by its schedule, as `snapkeep run` does
    #[arg(long)]
    due: bool,
}

/// Drills.
pub(crate) async fn run(arguments: DrillArguments, session: &Session) -> Result<(), Failure> {
    let chosen = Chosen::read(session, &arguments.policies).await?;
    check_drills(&chosen.policies, &chosen.only)?;
    let fleet = chosen.fleet(session);
    session.goes_on("what the drill has restored stays until the next `snapkeep drill` or `snapkeep run` removes it");
    let run = mark();
    let options = DrillOptions { only: &chosen.only, asked: !arguments.due, run: &run };
    let reporter = Reporter::new(&session.printer);
    let report = run_drills(&fleet, &chosen.policies, &options, session.patient_deadline(), &reporter).await;
    drop(reporter);
    session.printer.show_with(&DrillView(&report), session.now(), report.verdict())
}
