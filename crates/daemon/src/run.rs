//! One run of some policies, as a task of its own.

use crate::configuration::Configuration;
use crate::rota::Ending;
use jiff::Timestamp;
use snapkeep_core::naming::RequestMark;
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::{self, ApplyOptions, ClusterOutcome, PolicyReport, RunOptions, RunReport, Wait};
use snapkeep_engine::{DrillOptions, DrillReport, Event, Observer, run_drills};
use snapkeep_transport::Deadline;
use std::sync::Arc;
use std::time::Duration;

/// Longest run. One that ends so has lost nothing: what it began is found by the next.
const LONGEST: Duration = Duration::from_hours(24);

/// How a run is done.
#[derive(Clone, Debug)]
pub(crate) struct How {
    pub(crate) allow_unknown_clock: bool,
    /// What it is called in the metadata of its snapshots.
    pub(crate) mark: RequestMark,
    pub(crate) at: Timestamp,
}

/// Runs these policies once, with what is done around a run. Fails only if what has to be so before it is not.
pub(crate) async fn run(
    configuration: Arc<dyn Configuration>,
    names: Vec<String>,
    how: How,
) -> Result<RunReport, Failure> {
    let end = match configuration.before(&names).await {
        Ok(()) => Ok(work(&*configuration, names.clone(), how).await),
        Err(failure) => Err(failure),
    };
    configuration.after(&names, end.as_ref()).await;
    end
}

async fn work(configuration: &dyn Configuration, names: Vec<String>, how: How) -> RunReport {
    let fleet = configuration.fleet(&names);
    let options = RunOptions {
        apply: ApplyOptions {
            yes: false,
            allow_unknown_clock: how.allow_unknown_clock,
            run: how.mark,
            wait: Wait::ToTheNextSlot,
            clock: Timestamp::now,
        },
        only: names,
        at: how.at,
    };
    let (all, deadline) = (configuration.policies(), Deadline::after(LONGEST));
    let mut report = policies::run(&fleet, all, &options, deadline, &Log).await;
    if options.only.iter().filter_map(|name| all.get(name)).any(|policy| policy.drill.is_some()) {
        let drills = DrillOptions { only: &options.only, asked: false, run: &options.apply.run };
        report.drills = Some(run_drills(&fleet, all, &drills, deadline, &Log).await);
    }
    report
}

/// Whether to look again before long.
pub(crate) fn ending(end: &Result<RunReport, Failure>) -> Ending {
    let Ok(report) = end else { return Ending::InVain };
    let unseen = report.clusters.values().any(|cluster| cluster.outcome == ClusterOutcome::Unseen);
    let failures = report.policies.iter().flat_map(|policy| &policy.failures);
    let is_away = failures.into_iter().any(|failure| failure.code == Code::ClusterUnavailable);
    let mut taken = report.policies.iter().flat_map(|policy| &policy.created);
    if unseen || is_away {
        Ending::InVain
    } else if taken.any(|taken| taken.state == Some(State::Success)) {
        Ending::More
    } else {
        Ending::Through
    }
}

/// Says what a run did, where it did anything.
pub(crate) fn tell(names: &[String], end: &Result<RunReport, Failure>) {
    let report = match end {
        Ok(report) => report,
        Err(failure) => {
            let (code, hint) = (failure.code.as_str(), &failure.hint);
            return tracing::warn!(code, hint, "{} not run: {}", names.join(", "), failure.cause);
        }
    };
    for (name, cluster) in &report.clusters {
        if let Some(failure) = &cluster.failure {
            tracing::warn!(cluster = name, code = failure.code.as_str(), "{}", failure.cause);
        }
    }
    report.policies.iter().for_each(tell_policy);
    if let Some(Err(failure)) = report.drills.as_ref().map(DrillReport::verdict) {
        tracing::warn!(code = failure.code.as_str(), hint = failure.hint, "{}", failure.cause);
    }
}

fn tell_policy(report: &PolicyReport) {
    let (policy, cluster) = (report.policy.as_str(), report.cluster.as_str());
    for taken in &report.created {
        let state = state_word(taken.state);
        tracing::info!(policy, cluster, "snapshot {} has ended: {state}", taken.snapshot);
    }
    for deleted in &report.deleted {
        let reasons: Vec<String> = deleted.reasons.iter().map(ToString::to_string).collect();
        tracing::info!(policy, cluster, "snapshot {} was deleted: {}", deleted.snapshot, reasons.join("; "));
    }
    for failure in &report.failures {
        tracing::warn!(policy, cluster, code = failure.code.as_str(), hint = failure.hint, "{}", failure.cause);
    }
}

/// What a run tells while it goes on.
struct Log;

impl Observer for Log {
    fn notice(&self, event: &Event<'_>) {
        match event {
            Event::Stalled { snapshot, since, diagnosis } => {
                tracing::warn!(snapshot, "nothing has moved for {} s: {diagnosis}", since.as_secs());
            }
            Event::LookFailed { cause } => tracing::warn!("{cause}"),
            _ => {}
        }
    }
}

fn state_word(state: Option<State>) -> &'static str {
    match state {
        Some(State::Success) => "SUCCESS",
        Some(State::Partial) => "PARTIAL",
        Some(State::Failed) => "FAILED",
        Some(State::InProgress) => "IN_PROGRESS",
        None => "in a state that is not known here",
    }
}
