//! Policies: a tick, or `Action: run`.

use crate::configuration::Configuration;
use crate::environment::Environment;
use crate::event::Run;
use crate::function::Invocation;
use serde::Serialize;
use snapkeep_core::Failure;
use snapkeep_core::naming::RequestMark;
use snapkeep_core::policy::Policy;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{self, ApplyOptions, ClusterOutcome, Fleet, RunOptions, RunReport, check_names};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    let (fleet, unreachable) = fleet(&configuration, known, &asked.policies).await;
    let options = RunOptions {
        apply: ApplyOptions {
            yes: false,
            allow_unknown_clock: false,
            run: RequestMark::of(&invocation.request_id),
            wait_until_end: true,
        },
        only: asked.policies,
        at: invocation.now,
    };
    tracing::info!(policies = known.len(), only = ?options.only, time = asked.time, "run");
    let mut report = policies::run(&fleet, known, &options, deadline, &Silent).await;
    for (name, failure) in unreachable {
        if let Some(cluster) = report.clusters.get_mut(&name) {
            (cluster.outcome, cluster.failure) = (ClusterOutcome::Unseen, Some(failure));
        }
    }
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

/// The clusters of the policies that are meant; those that cannot be set up do not hold up the others.
async fn fleet(
    configuration: &Configuration<'_>,
    policies: &BTreeMap<String, Policy>,
    only: &[String],
) -> (Fleet, BTreeMap<String, Failure>) {
    let meant = policies.values().filter(|policy| only.is_empty() || only.contains(&policy.name));
    let names: BTreeSet<&String> = meant.flat_map(|policy| &policy.clusters).collect();
    let (mut clusters, mut failures) = (BTreeMap::new(), BTreeMap::new());
    for name in names {
        match configuration.connect(name).await {
            Ok(api) => drop(clusters.insert(name.clone(), Arc::new(api))),
            Err(failure) => drop(failures.insert(name.clone(), failure)),
        }
    }
    (Fleet::new(clusters), failures)
}
