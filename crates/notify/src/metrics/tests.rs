#![allow(clippy::print_stderr, reason = "what is left out says so")]

use super::*;
use crate::Delivery;
use jiff::Timestamp;
use serde_json::Value;
use snapkeep_config::Config;
use snapkeep_core::drill::Outcome as Drilled;
use snapkeep_core::plan::{Counts, Facts};
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::{ClusterOutcome, ClusterReport, PolicyReport, RunReport, Taken};
use snapkeep_engine::{DrillReport, LastDrill, Outcome};
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn report() -> RunReport {
    let taken = Taken {
        snapshot: "nightly-20261123t013000z".into(),
        outcome: Outcome::Created,
        state: Some(State::Partial),
        shards: None,
        started_at: Some(at("2026-11-23T01:30:05Z")),
        ended_at: Some(at("2026-11-23T01:32:05Z")),
        added_bytes: Some(1 << 30),
    };
    let facts = Facts {
        last_success: Some(at("2026-11-22T01:30:05Z")),
        expected_interval_seconds: Some(86_400),
        stale_after_seconds: Some(172_795),
        snapshots: Counts { success: 14, partial: 1, ..Counts::default() },
        ..Facts::default()
    };
    let policy = PolicyReport {
        policy: "night\"ly".into(),
        cluster: "logs".into(),
        repository: "backups".into(),
        created: vec![taken],
        pending: vec![],
        deleted: vec![],
        kept: 14,
        skipped: vec![],
        stale: false,
        warnings: vec![],
        failures: vec![Failure::new(Code::SnapshotPartial, "no", "look")],
        facts: Some(facts),
        gave_way: false,
    };
    let cluster = ClusterReport { outcome: ClusterOutcome::Seen, failure: None, api_calls: 40, api_errors: 2 };
    RunReport {
        schema: 1,
        started_at: at("2026-11-23T01:30:00Z"),
        finished_at: at("2026-11-23T01:32:10Z"),
        clusters: BTreeMap::from([("logs".to_owned(), cluster)]),
        policies: vec![policy],
        drills: Some(DrillReport { last: vec![drilled(Some(42.5))], ..DrillReport::default() }),
    }
}

fn drilled(recovery_time_s: Option<f64>) -> LastDrill {
    let failure = Failure::new(Code::RestoreIncomplete, "no", "look");
    LastDrill {
        id: "0042".into(),
        policy: "night\"ly".into(),
        cluster: "logs".into(),
        began_at: at("2026-11-21T03:00:00Z"),
        ended_at: at("2026-11-21T03:01:00Z"),
        outcome: if recovery_time_s.is_some() { Drilled::Passed } else { Drilled::Failed },
        failure: recovery_time_s.is_none().then_some(failure),
        recovery_time_s,
        recovery_point_age_s: Some(5_395),
    }
}

#[test]
fn the_text_is_prometheus_own_and_holds_every_metric() {
    let mut registry = Registry::default();
    registry.observe(&report());
    let delivery =
        Delivery { channel: "ops".into(), event: "partial", id: "x".into(), summary: "y".into(), failure: None };
    registry.observe_deliveries(&[delivery]);
    registry.gauge("snapkeep_start_time_seconds", &[], 1.0);
    registry.gauge("snapkeep_configuration_refused", &[], 0.0);
    registry.gauge("snapkeep_cluster_up", &["logs"], 1.0);
    let text = registry.prometheus();
    for line in [
        "# TYPE snapkeep_last_success_timestamp_seconds gauge",
        r#"snapkeep_last_success_timestamp_seconds{policy="night\"ly",cluster="logs",repository="backups"} 1795311005"#,
        r#"snapkeep_snapshots{policy="night\"ly",cluster="logs",repository="backups",state="success"} 14"#,
        r#"snapkeep_last_snapshot_duration_seconds{policy="night\"ly",cluster="logs",repository="backups"} 120"#,
        r#"snapkeep_runs_total{policy="night\"ly",cluster="logs",repository="backups",outcome="failed"} 1"#,
        r#"snapkeep_failures_total{policy="night\"ly",cluster="logs",repository="backups",code="snapshot_partial"} 1"#,
        r#"snapkeep_api_calls_total{cluster="logs"} 40"#,
        "snapkeep_last_run_duration_seconds 130",
        r#"snapkeep_notifications_total{channel="ops",event="partial",outcome="delivered"} 1"#,
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
    for metric in TABLE {
        assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{}", metric.name);
    }
}

/// A series that begins with 1 is no increase to Prometheus.
#[test]
fn counters_begin_at_zero() {
    let configured = Configured { policy: "nightly", cluster: "logs", repository: "backups", is_drilled: false };
    let text = "notifications: {channels: {ops: {kind: slack, url: {env: A}, on: [failure, stale]}}}\n";
    let channels = Config::parse(text).unwrap().notifications.channels;
    let mut registry = Registry::default();
    registry.begin(&[configured], &channels);
    let text = registry.prometheus();
    let place = r#"policy="nightly",cluster="logs",repository="backups""#;
    for series in [
        format!("snapkeep_runs_total{{{place},outcome=\"failed\"}}"),
        format!("snapkeep_snapshots_ended_total{{{place},state=\"partial\"}}"),
        format!("snapkeep_snapshots_deleted_total{{{place}}}"),
        r#"snapkeep_notifications_total{channel="ops",event="failure",outcome="failed"}"#.to_owned(),
        r#"snapkeep_notifications_total{channel="ops",event="stale",outcome="delivered"}"#.to_owned(),
    ] {
        assert!(text.contains(&format!("{series} 0\n")), "{series}\n{text}");
    }
    assert!(!text.contains("event=\"partial\"") && !text.contains(" gauge"), "{text}");
    let delivery =
        Delivery { channel: "ops".into(), event: "stale", id: "x".into(), summary: "y".into(), failure: None };
    registry.observe_deliveries(&[Delivery { event: "recovered", ..delivery.clone() }, delivery]);
    registry.begin(&[configured], &channels);
    let text = registry.prometheus();
    let of = |event: &str, outcome: &str| {
        format!("snapkeep_notifications_total{{channel=\"ops\",event=\"{event}\",outcome=\"{outcome}\"}}")
    };
    for event in ["stale", "recovered"] {
        for (outcome, count) in [("delivered", 1), ("failed", 0)] {
            assert!(text.contains(&format!("{} {count}\n", of(event, outcome))), "{event} {outcome}\n{text}");
        }
    }
}

#[test]
fn a_drill_that_does_not_pass_takes_the_time_of_the_one_before_away() {
    let mut registry = Registry::default();
    registry.observe(&report());
    let values = |registry: &Registry| {
        ["passed", "recovery_seconds"].map(|of| registry.sum(&format!("snapkeep_last_drill_{of}")).to_string())
    };
    assert_eq!(values(&registry), ["1", "42.5"]);
    let failed = DrillReport { last: vec![drilled(None)], ..DrillReport::default() };
    registry.observe(&RunReport { drills: Some(failed), ..report() });
    assert_eq!(values(&registry)[0], "0");
    assert!(!registry.prometheus().contains("snapkeep_last_drill_recovery_seconds{"));
    // A run that looks at no drills changes nothing.
    registry.observe(&RunReport { drills: None, ..report() });
    assert!(registry.prometheus().contains("snapkeep_last_drill_passed{"));
}

#[test]
fn what_a_run_sees_to_be_gone_is_forgotten_and_what_it_cannot_see_stays() {
    let gone = [
        "snapkeep_last_success_timestamp_seconds{",
        "snapkeep_last_success_age_seconds{",
        "snapkeep_expected_interval_seconds{",
        "snapkeep_stale_after_seconds{",
        "snapkeep_last_snapshot_duration_seconds{",
        "snapkeep_last_snapshot_added_bytes{",
    ];
    let mut registry = Registry::default();
    let mut next = report();
    registry.observe(&next);
    (next.policies[0].facts, next.policies[0].created) = (None, vec![]);
    registry.observe(&next);
    let text = registry.prometheus();
    assert!(gone.iter().all(|name| text.contains(name)), "{text}");
    // Its schedule was taken out and its snapshots deleted; the new one's end was not seen, and nothing of it measured.
    next.policies[0].facts = Some(Facts::default());
    next.policies[0].created = report().policies[0]
        .created
        .iter()
        .map(|one| Taken { ended_at: None, added_bytes: None, ..one.clone() })
        .collect();
    registry.observe(&next);
    let text = registry.prometheus();
    assert!(!gone.iter().any(|name| text.contains(name)), "{text}");
    assert!(text.contains("snapkeep_snapshots{"), "{text}");
}

#[test]
fn what_is_no_longer_configured_is_forgotten() {
    let mut registry = Registry::default();
    registry.observe(&report());
    registry.gauge("snapkeep_cluster_up", &["logs"], 0.0);
    registry.gauge("snapkeep_start_time_seconds", &[], 1.0);
    let configured = Configured { policy: "night\"ly", cluster: "logs", repository: "backups", is_drilled: true };
    let before = registry.clone();
    registry.forget_others(&[configured]);
    assert_eq!(registry, before);
    registry.forget_others(&[Configured { is_drilled: false, ..configured }]);
    let text = registry.prometheus();
    assert!(!text.contains("last_drill") && text.contains("snapkeep_snapshots{"), "{text}");
    registry.forget_others(&[Configured { repository: "others", ..configured }]);
    let text = registry.prometheus();
    assert!(!text.contains("policy=") && text.contains("snapkeep_api_calls_total{cluster=\"logs\"} 40\n"), "{text}");
    assert!(text.contains("snapkeep_cluster_up{cluster=\"logs\"} 0\n"), "{text}");
    // With the last policy of a cluster it goes itself: it is not down.
    registry.forget_others(&[Configured { cluster: "other", ..configured }]);
    let text = registry.prometheus();
    assert!(!text.contains("cluster=") && text.contains("snapkeep_start_time_seconds 1\n"), "{text}");
}

#[test]
fn what_was_written_is_gone_on_from() {
    let mut registry = Registry::default();
    registry.observe(&report());
    let mut next = Registry::default();
    next.resume(&registry.prometheus());
    assert_eq!(next, registry);
    // What a run cannot see stays, whichever process saw it; counters go on.
    let mut unseen = report();
    unseen.policies[0].facts = None;
    next.observe(&unseen);
    let sums = ["api_calls_total", "runs_total", "stale_after_seconds"].map(|of| next.sum(&format!("snapkeep_{of}")));
    assert_eq!(sums.map(|sum| sum.to_string()), ["80", "2", "172795"]);
    next.resume("snapkeep_runs_total{policy=\"x\"\nno such line\nsnapkeep_api_calls_total{cluster=\"a\"} NaN\n");
    assert_eq!((next.sum("snapkeep_api_calls_total"), next.sum("snapkeep_runs_total")), (80.0, 2.0));
}

#[test]
fn cloudwatch_gets_a_line_for_each_policy_and_one_for_each_cluster() {
    let lines: Vec<Value> = emf(&report()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let policy = lines.iter().find(|line| line["Policy"] == "night\"ly").unwrap();
    assert_eq!(
        (&policy["SnapshotsSuccess"], &policy["RunsFailed"], &policy["Stale"]),
        (&14.0.into(), &1.0.into(), &0.0.into())
    );
    assert_eq!(policy["LastSuccessAge"], 86_525.0);
    let cluster = lines.iter().find(|line| line.get("Policy").is_none()).unwrap();
    assert_eq!((&cluster["Cluster"], &cluster["ApiErrors"]), (&"logs".into(), &2.0.into()));
    for line in &lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        for name in directive["Dimensions"][0].as_array().unwrap() {
            assert!(line[name.as_str().unwrap()].is_string(), "{line}");
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{line}");
        }
    }
}

/// `SNAPKEEP_REGENERATE=1` writes it anew, to be read in the diff.
#[test]
fn the_document_holds_the_table() {
    let rows = TABLE.iter().map(|metric| {
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let emf = metric.emf.map_or_else(String::new, |(name, unit)| format!("`{name}`, {unit}"));
        format!("| `{}` | {} | {labels} | {emf} | {} |\n", metric.name, metric.kind.as_str(), metric.help)
    });
    let table = format!(
        "| metric | type | labels | CloudWatch | what it tells |\n|---|---|---|---|---|\n{}",
        rows.collect::<String>()
    );
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (head, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- end -->\n").unwrap();
    let made = format!("{head}<!-- table -->\n{table}<!-- end -->\n{tail}");
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::write(DOCUMENT, made).unwrap();
        return;
    }
    assert!(made == text, "docs/metrics.md differs from the table");
}

/// Names in a text that look like ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("snapkeep_")).map(str::to_owned).collect()
}

#[test]
fn rules_and_dashboard_name_metrics_that_there_are() {
    for file in
        ["deploy/monitoring/alerts.yml", "deploy/monitoring/alerts_test.yml", "deploy/monitoring/dashboard.json"]
    {
        let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
        let names = named(&std::fs::read_to_string(path).unwrap());
        assert!(names.len() >= 4, "{file}: {names:?}");
        for name in names {
            assert!(metric(&name).is_some(), "{file} names {name}");
        }
    }
}

/// Prometheus' own tool judges the rules by their tests, and the text. It is `SNAPKEEP_PROMTOOL`, or `promtool` in `PATH`
/// (Debian's `prometheus` package has it); without it this test only says so.
#[test]
fn promtool_agrees() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let promtool = std::env::var("SNAPKEEP_PROMTOOL").unwrap_or_else(|_| "promtool".into());
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/monitoring");
    let run = |arguments: &[&str], input: &str| {
        let mut command = Command::new(&promtool);
        command
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Some((output.status.success(), said))
    };
    let Some((is_right, said)) = run(&["test", "rules", "alerts_test.yml"], "") else {
        eprintln!("skipped: there is no promtool; SNAPKEEP_PROMTOOL may name one");
        return;
    };
    assert!(is_right, "{said}");
    let mut registry = Registry::default();
    registry.observe(&report());
    let (is_right, said) = run(&["check", "metrics"], &registry.prometheus()).unwrap();
    assert!(is_right, "{said}");
}
