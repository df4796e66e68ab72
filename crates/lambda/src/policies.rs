//! Policies: a tick, `Action: run`, `Action: drill`.

use crate::configuration::Configuration;
use crate::environment::Environment;
use crate::event::Run;
use crate::function::Invocation;
use crate::telling::{Telling, Told};
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_core::Failure;
use snapkeep_core::naming::RequestMark;
use snapkeep_core::policy::check_names;
use snapkeep_engine::policies::{self, ApplyOptions, Connecting, Fleet, RunOptions, RunReport, Wait};
use snapkeep_engine::{DrillOptions, DrillReport, Silent, check_drills, run_drills};
use snapkeep_transport::Deadline;

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunAnswer {
    /// `run`.
    pub action: &'static str,
    /// The time that a tick's event gives, as it stands there. What is due is decided by the clock.
    pub time: Option<String>,
    /// What was done, policy by policy, with `schema`.
    #[serde(flatten)]
    pub report: RunReport,
    /// What the operator should know beside it.
    pub warnings: Vec<String>,
}

/// What drills came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrillAnswer {
    /// `drill`.
    pub action: &'static str,
    /// The drills and what earlier ones had left behind, with `schema`.
    #[serde(flatten)]
    pub report: DrillReport,
    /// What the operator should know beside it.
    pub warnings: Vec<String>,
}

/// Runs what the event asks for. A failure of one cluster or policy fails the invocation once all the others are done; the log
/// then holds the whole report.
pub(crate) async fn run(
    environment: &Environment,
    asked: Run,
    invocation: &Invocation,
    told_before: &Told,
    deadline: Deadline,
) -> Result<RunAnswer, Failure> {
    let configuration = Configuration::read(environment, deadline).await?;
    let known = &configuration.config.policies;
    check_names(known, &asked.policies)?;
    let telling = Telling::new(&configuration.config, environment, &asked, invocation, deadline.left())?;
    let fleet = fleet(&configuration, &asked.policies);
    let options = RunOptions {
        apply: ApplyOptions {
            yes: false,
            allow_unknown_clock: false,
            run: RequestMark::of(&invocation.request_id),
            wait: Wait::ToTheEnd,
            clock: Timestamp::now,
        },
        only: asked.policies,
        at: invocation.now,
    };
    tracing::info!(policies = known.len(), only = ?options.only, time = asked.time, "run");
    let mut report = policies::run(&fleet, known, &options, telling.of_run(deadline), &Silent).await;
    if known.values().any(|policy| policy.drill.is_some()) {
        let drills = DrillOptions { only: &options.only, asked: false, run: &options.apply.run };
        report.drills = Some(run_drills(&fleet, known, &drills, telling.of_run(deadline), &Silent).await);
    }
    let untold = telling.tell(&report, &configuration, environment, told_before, deadline).await;
    let warnings = asked.warnings.into_iter().chain(untold).collect();
    let answer = RunAnswer { action: "run", time: asked.time, report, warnings };
    let verdict = answer.report.verdict();
    told("the run in full", answer, verdict)
}

/// Drills the policies that the event names, or all that have drills, whether due or not.
pub(crate) async fn drill(
    environment: &Environment,
    asked: Run,
    invocation: &Invocation,
    deadline: Deadline,
) -> Result<DrillAnswer, Failure> {
    let configuration = Configuration::read(environment, deadline).await?;
    let known = &configuration.config.policies;
    check_names(known, &asked.policies)?;
    check_drills(known, &asked.policies)?;
    let fleet = fleet(&configuration, &asked.policies);
    let run = RequestMark::of(&invocation.request_id);
    let options = DrillOptions { only: &asked.policies, asked: true, run: &run };
    tracing::info!(policies = known.len(), only = ?options.only, "drill");
    let report = run_drills(&fleet, known, &options, deadline, &Silent).await;
    let verdict = report.verdict();
    told("the drills in full", DrillAnswer { action: "drill", report, warnings: asked.warnings }, verdict)
}

fn fleet<'a>(configuration: &'a Configuration<'_>, only: &[String]) -> Fleet<'a> {
    let connect = move |name: String| -> Connecting<'a> { Box::pin(async move { configuration.connect(&name).await }) };
    Fleet::of(&configuration.config.policies, only, connect)
}

/// An invocation that fails answers with the failure only: the log holds the rest.
fn told<A: Serialize>(what: &str, answer: A, verdict: Result<(), Failure>) -> Result<A, Failure> {
    if verdict.is_err() {
        let report = serde_json::to_string(&answer).unwrap_or_default();
        tracing::warn!(report, "{what}");
    }
    verdict.map(|()| answer)
}
