//! `run`: plan and apply once.

use super::chosen::Chosen;
use super::telling::{self, about};
use crate::output::progress::Reporter;
use crate::output::views::RunView;
use crate::session::Session;
use crate::settings::whole::Whole;
use crate::signals::Signals;
use clap::Args;
use snapkeep_core::naming::RequestMark;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::{self, ApplyOptions, RunOptions, RunReport, Wait};
use snapkeep_engine::{DrillOptions, run_drills};
use snapkeep_notify::Look;
use snapkeep_notify::hooks::{self, LAST_WORDS, When};
use std::path::PathBuf;

/// Run the policies once: take what is due, delete what is to go, drill what is due
///
/// For cron and timers: it asks nothing, and may run as often as one likes. A new policy's first deletions are left out
/// until somebody says --yes once, or the policy says `first_delete: allow`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep run
  snapkeep run nightly --yes
  snapkeep run --metrics-file /var/lib/node_exporter/textfile/snapkeep.prom
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
    /// Write the run's metrics there, in Prometheus' text format
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    /// Write the run's report there, as Markdown
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs, with the operator's commands around it. Who interrupts it cuts off the work, not what is to follow.
pub(crate) async fn run(arguments: Run, session: &Session) -> Result<(), Failure> {
    let mut signals = Signals::heard();
    let chosen = tokio::select! {
        biased;
        () = signals.next() => return Err(session.interrupted()),
        chosen = Chosen::read(session, &arguments.policies) => chosen?,
    };
    let names = chosen.meant().map(|policy| policy.name.as_str());
    let around = Around::new(chosen.whole(), names, session);
    let begun = async {
        around.before().await?;
        Ok(work(&arguments, &chosen, session).await)
    };
    let end = tokio::select! {
        biased;
        () = signals.next() => Err(session.interrupted()),
        end = begun => end,
    };
    let is_interrupted = end.as_ref().is_err_and(|failure| failure.code == Code::Interrupted);
    tokio::select! {
        biased;
        () = signals.enough(is_interrupted, LAST_WORDS) => Err(session.interrupted()),
        shown = follow_up(&arguments, &chosen, &around, end, session) => shown,
    }
}

/// What follows the work, or what was in its way.
async fn follow_up(
    arguments: &Run,
    chosen: &Chosen,
    around: &Around<'_>,
    end: Result<RunReport, Failure>,
    session: &Session,
) -> Result<(), Failure> {
    let report = match end {
        Ok(report) => report,
        Err(failure) => {
            // Who interrupts it knows.
            if failure.code != Code::Interrupted {
                let looks = Look::in_vain(chosen.meant(), &failure, session.now());
                let deliveries = about(&looks, chosen.whole(), session).await;
                if let Some(file) = &arguments.metrics_file {
                    telling::metrics(file, chosen, Err(&failure), &deliveries, session);
                }
            }
            around.after(None, Err(&failure)).await;
            return Err(failure);
        }
    };
    let shown = finish(&report, session);
    let deliveries = about(&Look::all(&report, &chosen.policies), chosen.whole(), session).await;
    if let Some(file) = &arguments.metrics_file {
        telling::metrics(file, chosen, Ok(&report), &deliveries, session);
    }
    if let Some(file) = &arguments.report {
        telling::report(file, &report, session);
    }
    around.after(Some(&report), report.verdict().as_ref().err().map_or(Ok(()), Err)).await;
    shown
}

async fn work(arguments: &Run, chosen: &Chosen, session: &Session) -> RunReport {
    let fleet = chosen.fleet(session);
    session.goes_on("the next `snapkeep run` goes on from there");
    let options = RunOptions {
        apply: ApplyOptions {
            yes: arguments.yes,
            allow_unknown_clock: arguments.allow_unknown_clock,
            run: mark(),
            wait: Wait::ToTheEnd,
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
    report
}

/// The operator's commands around a run.
pub(super) struct Around<'s> {
    whole: &'s Whole,
    session: &'s Session,
    told: hooks::Told,
}

impl<'s> Around<'s> {
    /// Around a run of these policies.
    pub(super) fn new<'p>(whole: &'s Whole, names: impl Iterator<Item = &'p str>, session: &'s Session) -> Self {
        Self { whole, session, told: hooks::Told::before(names) }
    }

    /// What is to be so before anything is sent.
    pub(super) async fn before(&self) -> Result<(), Failure> {
        self.hook(When::Before, &self.told).await
    }

    /// What follows the run's end. What it has done is done: a command that fails here is told, and changes nothing.
    pub(super) async fn after(&self, report: Option<&RunReport>, end: Result<(), &Failure>) {
        let told = report.map_or_else(|| self.told.clone(), |report| self.told.clone().and_run(report)).and_end(end);
        for when in [if end.is_ok() { When::After } else { When::Failed }, When::Finally] {
            if let Err(failure) = self.hook(when, &told).await {
                self.session.printer.warning(&failure.cause);
            }
        }
    }

    async fn hook(&self, when: When, told: &hooks::Told) -> Result<(), Failure> {
        let all = &self.whole.config.hooks;
        let hook = match when {
            When::Before => &all.before,
            When::After => &all.after,
            When::Failed => &all.failed,
            When::Finally => &all.finally,
        };
        match hook {
            Some(hook) => hooks::run(hook, when, told, self.whole.base()).await,
            None => Ok(()),
        }
    }
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
