//! Every result as it is shown, compared with the files in `tests/expected`. `SNAPKEEP_REGENERATE=1` writes them anew,
//! to be read in the diff.

use super::*;
use crate::output::progress::Motion;
use crate::output::{Style, View};
use serde_json::{Map, Value, json};
use snapkeep_cluster::{Cleaned, Registered as Found};
use snapkeep_core::deletion::{Selection, plan};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::select::{Filter, Glob};
use snapkeep_core::snapshot::{Counted, Details, Progress, ShardAt, ShardFailure, ShardStages, Snapshot};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{
    AbortOutcome, Aborted, CloneReport, Inventory, Outcome, RegistrationOutcome, Report, Running, Shown, Status,
    Unlooked, Verdict,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn look(coloured: bool) -> Look {
    Look { style: Style::coloured(coloured), now: at("2026-11-23T12:00:00Z") }
}

/// Compares with the expected file.
fn expect(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::write(&path, found.to_owned() + "\n").unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found.to_owned() + "\n", "{} differs:\n{found}", path.display());
}

/// Text, and the JSON, which must be one line that says its version.
fn expect_view(name: &str, view: &dyn View) {
    expect(&format!("{name}.txt"), &view.text(&look(false)));
    expect_json(name, &view.json());
}

fn expect_json(name: &str, line: &str) {
    assert!(!line.contains('\n'), "{line}");
    let value: Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["schema"], 1, "{name}: {line}");
    expect(&format!("{name}.json"), line);
}

mod audit;
mod aws;
mod config;
mod doctor;
mod import;
mod migrate;
mod plan;
mod policies;
mod restore;

fn snapshot(name: &str, state: State, started: &str) -> Snapshot {
    let is_running = state == State::InProgress;
    let failed = u64::from(state == State::Partial) * 2;
    Snapshot {
        uuid: Some(format!("uuid-{name}")),
        state: Some(state),
        started_at: Some(at(started)),
        ended_at: (!is_running).then(|| at(started) + jiff::SignedDuration::from_secs(192)),
        shards: (!is_running).then_some(Shards { total: 60, successful: 60 - failed, failed }),
        indices: Some(12),
        ..Snapshot::named(name)
    }
}

fn several() -> Vec<Snapshot> {
    let mut last = snapshot("old", State::Failed, "2026-08-01T05:00:00Z");
    (last.started_at, last.ended_at, last.shards, last.indices, last.state) = (None, None, None, None, None);
    vec![
        snapshot("nightly-20261123t115900z-8476a536", State::InProgress, "2026-11-23T11:59:00Z"),
        snapshot("nightly-20261123t050000z", State::Success, "2026-11-23T05:00:00Z"),
        snapshot("nightly-20261122t050000z", State::Partial, "2026-11-22T05:00:00Z"),
        snapshot("nightly-20260901t050000z", State::Failed, "2026-09-01T05:00:00Z"),
        last,
    ]
}

fn inventory(snapshots: Vec<Snapshot>) -> List {
    let (total, matching) = (9, snapshots.len());
    List(Inventory { schema: 1, repository: "nightly".into(), total, matching, snapshots })
}

fn progress() -> Progress {
    Progress {
        state: "STARTED".into(),
        shards: ShardStages { initializing: 40, started: 8, finalizing: 0, done: 12, failed: 0, total: 60 },
        bytes: Counted { total: Some(4 << 30), done: Some(1 << 30) },
        files: Counted { total: Some(900), done: Some(200) },
        size_bytes: Some(9 << 30),
        started_at: Some(at("2026-11-23T11:59:00Z")),
        unfinished: vec![ShardAt {
            index: "logs".into(),
            shard: 3,
            stage: "STARTED".into(),
            node: Some("n1".into()),
            reason: None,
        }],
    }
}

#[test]
fn list() {
    expect_view("list", &inventory(several()));
    expect("list.colour.txt", &inventory(several()).text(&look(true)).replace('\u{1b}', "ESC"));
    let mut sized = several();
    sized[1].size_bytes = Some(1_500_000_000);
    expect("list-sizes.txt", &inventory(sized).text(&look(false)));
    assert_eq!(inventory(vec![]).text(&look(false)), "");
}

#[test]
fn show() {
    let mut details = Details {
        snapshot: snapshot("nightly-20261122t050000z", State::Partial, "2026-11-22T05:00:00Z"),
        version: Some("3.3.0".into()),
        indices_named: (1..=25).map(|n| format!("logs-{n:02}")).collect(),
        data_streams: vec!["events".into()],
        feature_states: vec![],
        include_global_state: Some(true),
        shard_failures: vec![ShardFailure {
            index: "logs-01".into(),
            shard: Some(3),
            node: Some("n1".into()),
            reason: "primary shard is not allocated".into(),
        }],
    };
    details.snapshot.size_bytes = Some(9 << 30);
    details.snapshot.metadata = json!({"ticket": "OPS-7", "snapkeep": {"v": 1}}).as_object().cloned().map(Into::into);
    let shown = Shown { schema: 1, repository: "nightly".into(), details, progress: None };
    expect_view("show", &shown);
    let bare = Snapshot { shards: None, metadata: None, ..shown.details.snapshot.clone() };
    let details = Details {
        snapshot: bare,
        version: None,
        indices_named: vec![],
        data_streams: vec![],
        feature_states: vec![],
        include_global_state: None,
        shard_failures: vec![],
    };
    expect("show-bare.txt", &Shown { details, ..shown }.text(&look(false)));
}

fn running(verdict: Verdict, diagnosis: Option<&str>) -> Running {
    let is_moving = verdict == Verdict::Moving;
    Running {
        repository: "nightly".into(),
        snapshot: several().swap_remove(0),
        progress: Some(progress()),
        rate_bytes_per_s: Some(if is_moving { 36_700_160.0 } else { 0.0 }),
        left: is_moving.then_some(Duration::from_secs(600)),
        verdict,
        diagnosis: diagnosis.map(str::to_owned),
    }
}

#[test]
fn status() {
    let waiting = Verdict::Waiting { unmoved: Duration::from_secs(4) };
    let stalled = Verdict::Stalled { unmoved: Duration::from_secs(720) };
    let mut ended = running(Verdict::Ended, None);
    ended.snapshot = several().swap_remove(1);
    ended.progress = None;
    let all = vec![
        running(Verdict::Moving, None),
        running(waiting, Some("waiting for 1 shard in stage STARTED on node n1")),
        running(stalled, Some("waiting for 1 shard in stage STARTED on node n1")),
        running(Verdict::Aborting, Some("it was told to stop")),
        ended,
    ];
    expect_view("status", &StatusView(Status { snapshots: all, unlooked: vec![] }));
    expect_view("status-nothing", &StatusView(Status::default()));
    let unlooked = vec![Unlooked { repository: "nightly".into(), cause: "no permissions".into() }];
    expect_view("status-unlooked", &StatusView(Status { snapshots: vec![], unlooked }));
}

fn report(state: State, outcome: Outcome) -> Report {
    let found = snapshot("nightly-20261123t115900z-8476a536", state, "2026-11-23T11:59:00Z");
    Report {
        schema: 1,
        action: "create",
        repository: "nightly".into(),
        registration: None,
        verified: None,
        snapshot: Some(found.name),
        uuid: found.uuid,
        outcome: Some(outcome),
        state: Some(state),
        shards: found.shards,
        started_at: found.started_at,
        warnings: vec![],
        next: None,
        may_look: true,
        snapshots: None,
    }
}

#[test]
fn create() {
    expect_view("create", &Created(report(State::Success, Outcome::Created)));
    let text = |state, outcome| Created(report(state, outcome)).text(&look(false));
    let others = [
        text(State::InProgress, Outcome::Created),
        text(State::InProgress, Outcome::Adopted),
        text(State::Success, Outcome::Adopted),
    ];
    expect("create-others.txt", &others.join("\n"));
}

#[test]
fn delete() {
    let selection = Selection {
        names: vec![],
        filter: Filter { globs: vec![Glob::parse("nightly-*").unwrap()], ..Filter::default() },
        allow_last_good: false,
    };
    let repository = RepositoryName::parse("nightly").unwrap();
    let now = look(false).now;
    let plan = plan(&repository, &several(), &selection, now).unwrap();
    expect_view("delete-plan", &PlanView(&plan));
    expect("delete-plan.colour.txt", &PlanView(&plan).text(&look(true)).replace('\u{1b}', "ESC"));
}

#[test]
fn abort_and_clone() {
    let aborted = |outcome, state| {
        AbortView(Aborted {
            schema: 1,
            repository: "nightly".into(),
            snapshot: "s".into(),
            uuid: None,
            outcome,
            state: Some(state),
        })
    };
    expect_view("abort", &aborted(AbortOutcome::Aborted, State::InProgress));
    expect_view("abort-ended", &aborted(AbortOutcome::AlreadyEnded, State::Success));
    let clone = CloneReport {
        schema: 1,
        repository: "nightly".into(),
        source: "a".into(),
        snapshot: "b".into(),
        uuid: None,
        outcome: Outcome::Created,
        state: Some(State::Success),
        shards: Some(Shards { total: 1, successful: 1, failed: 0 }),
        started_at: Some(at("2026-11-23T11:59:00Z")),
        warnings: vec![],
    };
    expect_view("clone", &CloneView(clone));
}

fn found(kind: &str, settings: &Value) -> Found {
    Found { kind: kind.into(), settings: settings.as_object().cloned().unwrap_or_else(Map::new) }
}

#[test]
fn repositories() {
    let s3 = found(
        "s3",
        &json!({"bucket": "my-backups", "base_path": "logs", "region": "eu-west-1",
        "role_arn": "arn:aws:iam::123456789012:role/snapshots", "readonly": "true", "secret_key": "canary"}),
    );
    let all = BTreeMap::from([
        ("cs-automated-enc".to_owned(), found("s3", &json!({}))),
        ("nightly".to_owned(), s3.clone()),
        ("shared".to_owned(), found("fs", &json!({"location": "/mnt/backups"}))),
    ]);
    expect_view("repo-list", &RepositoryList(all));
    expect_view("repo-show", &RepositoryView { name: "nightly".into(), found: s3 });
    let repository = || "nightly".to_owned();
    for (name, outcome) in [("created", RegistrationOutcome::Created), ("unchanged", RegistrationOutcome::Unchanged)] {
        let view = Registered {
            schema: 1,
            repository: repository(),
            outcome: Some(outcome),
            verified: true,
            warnings: vec![],
        };
        expect_view(&format!("repo-register-{name}"), &view);
    }
    expect_view(
        "repo-verify",
        &Verified { schema: 1, repository: repository(), nodes: vec!["n1".into(), "n2".into()] },
    );
    expect_view("repo-remove", &Removal { schema: 1, repository: repository(), removed: true });
    let cleaned = Cleaned { blobs: 17, bytes: 1 << 30 };
    expect_view("repo-cleanup", &Cleanup { repository: repository(), cleaned });
    let clean = Cleanup { repository: repository(), cleaned: Cleaned { blobs: 0, bytes: 0 } };
    expect("repo-cleanup-clean.txt", &clean.text(&look(false)));
}

#[test]
fn failures_and_progress() {
    let failure = Failure::new(Code::AccessDenied, "the cluster says no", "ask for es:ESHttpGet").with_status(403);
    expect("failure.txt", &crate::output::failure_text(&failure, Style::coloured(false)));
    let coloured = crate::output::failure_text(&failure, Style::coloured(true));
    expect("failure.colour.txt", &coloured.replace('\u{1b}', "ESC"));
    expect_json("failure", &crate::output::failure_json(&failure));
    let progress = progress();
    let motion = Motion { progress: &progress, rate: Some(36_700_160.0), left: Some(Duration::from_secs(600)) };
    expect("progress.txt", &motion.words());
    expect("progress.json", &crate::output::json_of(&motion.json()));
}
