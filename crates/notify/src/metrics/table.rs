//! The one table of metrics.

/// How a value behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows.
    Counter,
}

impl Kind {
    /// Prometheus' word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Prometheus' name.
    pub name: &'static str,
    /// How its values behave.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// `CloudWatch`'s name and unit, if it is written there; a label beyond policy and cluster is a part of the name.
    pub emf: Option<(&'static str, &'static str)>,
    /// What it tells.
    pub help: &'static str,
}

/// What most are about.
const PLACE: &[&str] = &["policy", "cluster", "repository"];

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    emf: Option<(&'static str, &'static str)>,
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, emf, help }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    emf: Option<(&'static str, &'static str)>,
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, labels, emf, help }
}

/// Every metric there is.
#[rustfmt::skip]
pub const TABLE: &[Metric] = &[
    gauge("snapkeep_last_success_timestamp_seconds", PLACE, None,
        "When the newest SUCCESS snapshot began, in seconds since 1970 by the server's clock; absent while there is none."),
    gauge("snapkeep_last_success_age_seconds", PLACE, Some(("LastSuccessAge", "Seconds")),
        "How long ago the newest SUCCESS snapshot began when the run ended; for CloudWatch, which cannot subtract times."),
    gauge("snapkeep_expected_interval_seconds", PLACE, Some(("ExpectedInterval", "Seconds")),
        "The longest time between two of the next slots of the policy's schedule."),
    gauge("snapkeep_stale_after_seconds", PLACE, Some(("StaleAfter", "Seconds")),
        "A newest SUCCESS that began longer ago makes the policy stale: stale_after, or until two slots in a row have none."),
    gauge("snapkeep_stale", PLACE, Some(("Stale", "Count")),
        "1 if the newest SUCCESS is too old or missing, else 0."),
    gauge("snapkeep_snapshots", &["policy", "cluster", "repository", "state"], Some(("Snapshots", "Count")),
        "Snapshots of the policy by state, adopted ones included: success, partial, failed, in_progress, unknown."),
    gauge("snapkeep_last_run_timestamp_seconds", PLACE, None,
        "When the last run for the policy ended, in seconds since 1970 by our clock."),
    gauge("snapkeep_last_run_success", PLACE, None,
        "1 if nothing failed for the policy in its last run, else 0."),
    gauge("snapkeep_last_snapshot_duration_seconds", PLACE, Some(("SnapshotDuration", "Seconds")),
        "How long the snapshot took that a run saw end last, good or not."),
    gauge("snapkeep_last_snapshot_added_bytes", PLACE, Some(("SnapshotAddedBytes", "Bytes")),
        "What that snapshot adds to the repository, as the server last said while it ran."),
    gauge("snapkeep_last_drill_timestamp_seconds", PLACE, None,
        "When the policy's last drill that has ended began, in seconds since 1970 by the server's clock; absent while there is none."),
    gauge("snapkeep_last_drill_passed", PLACE, Some(("DrillPassed", "Count")),
        "1 if everything came back in that drill, every check held and nothing was left of it, else 0."),
    gauge("snapkeep_last_drill_recovery_seconds", PLACE, Some(("DrillRecoveryTime", "Seconds")),
        "How long its restore took; absent if it did not end well."),
    gauge("snapkeep_last_drill_recovery_point_age_seconds", PLACE, Some(("DrillRecoveryPointAge", "Seconds")),
        "How old the snapshot was that it restored; absent if there was no good one."),
    gauge("snapkeep_last_run_duration_seconds", &[], None,
        "How long the last run took, all its policies together."),
    counter("snapkeep_runs_total", &["policy", "cluster", "repository", "outcome"], Some(("Runs", "Count")),
        "Runs for the policy, by outcome: ok, failed."),
    counter("snapkeep_snapshots_ended_total", &["policy", "cluster", "repository", "state"], Some(("SnapshotsEnded", "Count")),
        "Snapshots that runs saw end, by state: success, partial, failed, unknown."),
    counter("snapkeep_snapshots_deleted_total", PLACE, Some(("SnapshotsDeleted", "Count")),
        "Snapshots that runs deleted."),
    counter("snapkeep_failures_total", &["policy", "cluster", "repository", "code"], Some(("Failures", "Count")),
        "Failures of runs for the policy, by code."),
    counter("snapkeep_api_calls_total", &["cluster"], Some(("ApiCalls", "Count")),
        "Requests that runs sent to the cluster, each repetition counted; not those of drills, nor the looks of the daemon's page."),
    counter("snapkeep_api_errors_total", &["cluster"], Some(("ApiErrors", "Count")),
        "Those of them without an answer, or with 401, 403, 408, 429 or 5xx."),
    gauge("snapkeep_start_time_seconds", &[], None,
        "When the daemon began, in seconds since 1970."),
    gauge("snapkeep_configuration_refused", &[], None,
        "1 if the daemon was given a later configuration that is not valid, else 0."),
    gauge("snapkeep_cluster_up", &["cluster"], None,
        "1 if the cluster answered the daemon's last look, else 0."),
    counter("snapkeep_notifications_total", &["channel", "event", "outcome"], None,
        "Messages to the operator, by channel, event and outcome: delivered, failed."),
];

/// The metric of that name.
pub fn metric(name: &str) -> Option<&'static Metric> {
    TABLE.iter().find(|metric| metric.name == name)
}
