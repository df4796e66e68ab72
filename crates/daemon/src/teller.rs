//! Who else hears of runs.

use crate::status::{Standing, Status};
use snapkeep_core::policy::Policy;
use snapkeep_engine::policies::RunReport;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Hears of runs, and says what `/metrics` shows. Called from the daemon's own loop: it must not block.
pub trait Teller: Send + Sync {
    /// A run of some of these policies has ended.
    fn ran(&self, policies: &BTreeMap<String, Policy>, report: &RunReport);

    /// What `/metrics` shows while everything stands so: Prometheus' text format, version 0.0.4.
    fn metrics(&self, status: &Status) -> String;
}

/// Tells nobody; metrics are what the daemon knows of itself and of how the policies stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Basics;

impl Teller for Basics {
    fn ran(&self, _policies: &BTreeMap<String, Policy>, _report: &RunReport) {}

    fn metrics(&self, status: &Status) -> String {
        let mut text = String::new();
        let start = status.started_at.as_second();
        gauge(&mut text, "snapkeep_start_time_seconds", "When the daemon began.", [(String::new(), start)]);
        let refused = i64::from(status.configuration.refused.is_some());
        let help = "Whether a later configuration was refused.";
        gauge(&mut text, "snapkeep_configuration_refused", help, [(String::new(), refused)]);
        let answers = status.clusters.iter().map(|(name, failure)| (labels(&[("cluster", name)]), failure.is_none()));
        let answers = answers.map(|(labels, answers)| (labels, i64::from(answers)));
        gauge(&mut text, "snapkeep_cluster_up", "Whether the cluster answered the last look.", answers);
        let stands = status.policies.iter().map(|policy| {
            let labels = [("policy", policy.policy.as_str()), ("cluster", &policy.cluster)];
            (self::labels(&labels), i64::from(policy.standing == Standing::Stale))
        });
        gauge(&mut text, "snapkeep_policy_stale", "Whether the newest good snapshot is too old, or missing.", stands);
        text
    }
}

fn gauge(text: &mut String, name: &str, help: &str, values: impl IntoIterator<Item = (String, i64)>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in values {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}
