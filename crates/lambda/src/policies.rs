//! Policies: a tick, or `Action: run`.

use crate::configuration::Configuration;
use crate::environment::Environment;
use crate::event::Run;
use crate::function::Invocation;
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_core::Failure;
use snapkeep_core::naming::RequestMark;
use snapkeep_core::policy::check_names;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{self, ApplyOptions, Fleet, RunOptions, RunReport};
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

/// Runs what the event asks for. A failure of one cluster or policy fails the invocation once all the others are done; the log
/// then holds the whole report.
pub(crate) async fn run(
    environment: &Environment,
    asked: Run,
    invocation: &Invocation,
    deadline: Deadline,
) -> Result<RunAnswer, Failure> {
    let configuration = Configuration::read(environment, deadline).await?;
    let known = &configuration.config.policies;
    check_names(known, &asked.policies)?;
    let configuration = &configuration;
    let fleet = Fleet::of(known, &asked.policies, |name| Box::pin(async move { configuration.connect(&name).await }));
    let options = RunOptions {
        apply: ApplyOptions {
            yes: false,
            allow_unknown_clock: false,
            run: RequestMark::of(&invocation.request_id),
            wait_until_end: true,
            clock: Timestamp::now,
        },
        only: asked.policies,
        at: invocation.now,
    };
    tracing::info!(policies = known.len(), only = ?options.only, time = asked.time, "run");
    let report = policies::run(&fleet, known, &options, deadline, &Silent).await;
    let answer = RunAnswer { action: "run", time: asked.time, report, warnings: asked.warnings };
    match answer.report.verdict() {
        Ok(()) => Ok(answer),
        Err(failure) => {
            // An invocation that fails answers with the failure only.
            let report = serde_json::to_string(&answer).unwrap_or_default();
            tracing::warn!(report, "the run in full");
            Err(failure)
        }
    }
}
