//! `run`: plan and apply once.

use super::chosen::Chosen;
use crate::output::progress::Reporter;
use crate::output::views::RunView;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_core::naming::RequestMark;
use snapkeep_engine::policies::{self, ApplyOptions, RunOptions, RunReport};
use snapkeep_engine::{DrillOptions, run_drills};

/// Run the policies once: take what is due, delete what is to go, drill what is due
///
/// For cron and timers: it asks nothing, and may run as often as one likes. A new policy's first deletions are left out
/// until somebody says --yes once, or the policy says `first_delete: allow`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep run
  snapkeep run nightly --yes
  */10 * * * * snapkeep run --quiet --timeout 9min")]
pub(crate) struct Run {
    /// Policies [default: all]
    #[arg(value_name = "POLICY")]
    policies: Vec<String>,
    /// Let policies delete that never have; it is remembered
    #[arg(short, long)]
    yes: bool,
    /// Delete also where the server's clock is unknown or far from ours
    #[arg(long)]
    allow_unknown_clock: bool,
}

/// Runs.
pub(crate) async fn run(arguments: Run, session: &Session) -> Result<(), Failure> {
    let chosen = Chosen::read(session, &arguments.policies).await?;
    let fleet = chosen.fleet(session);
    session.goes_on("the next `snapkeep run` goes on from there");
    let options = RunOptions {
        apply: ApplyOptions {
            yes: arguments.yes,
            allow_unknown_clock: arguments.allow_unknown_clock,
            run: mark(),
            wait_until_end: true,
            clock: session.clock(),
        },
        only: chosen.only.clone(),
        at: session.now(),
    };
    let reporter = Reporter::new(&session.printer);
    let deadline = session.patient_deadline();
    let mut report = policies::run(&fleet, &chosen.policies, &options, deadline, &reporter).await;
    if chosen.meant().any(|policy| policy.drill.is_some()) {
        let drills = DrillOptions { only: &chosen.only, asked: false, run: &options.apply.run };
        report.drills = Some(run_drills(&fleet, &chosen.policies, &drills, deadline, &reporter).await);
    }
    finish(&report, session)
}

/// What this run is called in the metadata of its snapshots.
pub(super) fn mark() -> RequestMark {
    RequestMark::of(&uuid::Uuid::new_v4().to_string())
}

/// Shows the report; its worst failure ends the command.
pub(super) fn finish(report: &RunReport, session: &Session) -> Result<(), Failure> {
    let shown = session.printer.show_with(&RunView(report), session.now(), report.verdict());
    for policy in &report.policies {
        let at = format!("{} on {}", policy.policy, policy.cluster);
        policy.warnings.iter().for_each(|warning| session.printer.warning(&format!("{at}: {warning}")));
    }
    shown
}
