//! One run of some policies, as a task of its own.

use crate::configuration::Configuration;
use crate::rota::Ending;
use jiff::Timestamp;
use snapkeep_core::naming::RequestMark;
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::{self, ApplyOptions, ClusterOutcome, PolicyReport, RunOptions, RunReport, Wait};
use snapkeep_engine::{DrillReport, Event, Observer};
use snapkeep_transport::Deadline;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;

/// Longest run. One that ends so has lost nothing: what it began is found by the next.
pub(crate) const LONGEST: Duration = Duration::from_hours(24);

/// How a run is done.
#[derive(Clone, Debug)]
pub(crate) struct How {
    pub(crate) allow_unknown_clock: bool,
    /// What it is called in the metadata of its snapshots.
    pub(crate) mark: RequestMark,
    pub(crate) at: Timestamp,
    /// What came of the policies' drills before it; `None` if they have none.
    pub(crate) drills: Option<DrillReport>,
}

/// Runs these policies once, with what is done around a run. Fails only if what has to be so before it is not, or if it is
/// told to stop: then what it began goes on in the clusters, and what follows a run follows all the same.
pub(crate) async fn run(
    configuration: Arc<dyn Configuration>,
    names: Vec<String>,
    how: How,
    mut stop: watch::Receiver<bool>,
) -> Result<RunReport, Failure> {
    let whole = async {
        configuration.before(&names).await?;
        kept(Box::pin(work(&*configuration, names.clone(), how))).await
    };
    let end = tokio::select! {
        biased;
        end = whole => end,
        // Whoever could have told it is gone as well.
        _ = stop.wait_for(|stop| *stop) => Err(interrupted()),
    };
    configuration.after(&names, end.as_ref()).await;
    end
}

/// A run that a defect of ours ends is one that failed: whoever hears of ends hears of it.
async fn kept(mut work: Pin<Box<impl Future<Output = RunReport>>>) -> Result<RunReport, Failure> {
    let hint = "tell us, with what stands on standard error; the next run looks before it acts";
    let defect = || Failure::new(Code::OutcomeUnknown, "the run has ended by a defect of ours", hint);
    // Nothing of it is looked at any more after that.
    let polled = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(defect())),
    });
    polled.await
}

fn interrupted() -> Failure {
    let cause = "the daemon was stopped meanwhile; what was begun goes on in the cluster";
    Failure::new(Code::Interrupted, cause, "the next run finds it there and goes on")
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
    report.drills = how.drills;
    report
}

/// Whether to look at that policy again before long. What another one's snapshot has come to is none of its own: one that
/// still runs is followed by a run of its own, rather than by one that has to end with the other's next slot.
pub(crate) fn ending(end: &Result<RunReport, Failure>, policy: &str) -> Ending {
    let Ok(report) = end else { return Ending::InVain };
    let unseen = report.clusters.values().any(|cluster| cluster.outcome == ClusterOutcome::Unseen);
    let failures = report.policies.iter().flat_map(|policy| &policy.failures);
    let is_away = failures.into_iter().any(|failure| failure.code == Code::ClusterUnavailable);
    let own = || report.policies.iter().filter(|report| report.policy == policy);
    let has_taken = own().flat_map(|report| &report.created).any(|taken| taken.state == Some(State::Success));
    if unseen || is_away {
        Ending::InVain
    } else if has_taken || own().any(|report| report.gave_way) {
        Ending::More
    } else {
        Ending::Through
    }
}

/// Says what a run did, where it did anything.
pub(crate) fn tell(names: &[String], end: &Result<RunReport, Failure>) {
    let report = match end {
        Ok(report) => report,
        // Whoever told it to stop has said so.
        Err(failure) if failure.code == Code::Interrupted => return,
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
pub(crate) struct Log;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Around;
    use snapkeep_core::policy::Policy;
    use snapkeep_engine::policies::Fleet;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    #[test]
    fn a_policy_that_gave_way_has_its_turn_again_at_once() {
        let of = |policy: &str, gave_way| PolicyReport {
            policy: policy.into(),
            cluster: "prod".into(),
            repository: "backups".into(),
            created: vec![],
            pending: vec![],
            deleted: vec![],
            kept: 0,
            skipped: vec![],
            stale: false,
            warnings: vec![],
            failures: vec![],
            facts: None,
            gave_way,
        };
        let end = Ok(RunReport {
            schema: 1,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            clusters: BTreeMap::new(),
            policies: vec![of("hourly", true), of("nightly", false)],
            drills: None,
        });
        assert_eq!((ending(&end, "hourly"), ending(&end, "nightly")), (Ending::More, Ending::Through));
    }

    #[derive(Default)]
    struct Broken {
        policies: BTreeMap<String, Policy>,
        heard: Mutex<Vec<Code>>,
    }

    impl Configuration for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn policies(&self) -> &BTreeMap<String, Policy> {
            &self.policies
        }

        fn only(&self) -> &[String] {
            &[]
        }

        fn fleet(&self, _: &[String]) -> Fleet<'static> {
            panic!("a defect")
        }

        fn after<'a>(&'a self, _: &'a [String], end: Result<&'a RunReport, &'a Failure>) -> Around<'a, ()> {
            self.heard.lock().unwrap().extend(end.err().map(|failure| failure.code));
            Box::pin(async {})
        }
    }

    /// So that it is counted and told like any other failure.
    #[tokio::test]
    async fn whoever_hears_of_ends_hears_of_one_by_a_defect() {
        let configuration = Arc::new(Broken::default());
        let how =
            How { allow_unknown_clock: false, mark: RequestMark::of("mark"), at: Timestamp::UNIX_EPOCH, drills: None };
        let (_stopper, stop) = watch::channel(false);
        let heard = Arc::clone(&configuration) as Arc<dyn Configuration>;
        let end = tokio::spawn(run(heard, vec!["nightly".into()], how, stop)).await;
        assert_eq!(*configuration.heard.lock().unwrap(), [Code::OutcomeUnknown]);
        assert!(end.unwrap().unwrap_err().cause.contains("a defect of ours"));
    }
}
