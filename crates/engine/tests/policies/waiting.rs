//! Runs that wait: for a snapshot before theirs, for an answer, for a state that they understand.

use crate::world::{Policies, WITH_S3, World, at, created, deleted, including, minutes, of, options, policies};
use snapkeep_core::Code;
use snapkeep_core::period::Period;
use snapkeep_engine::policies::{ApplyOptions, RunOptions, RunReport, Wait, run};
use snapkeep_engine::{Event, Observer, Silent};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::eventually;
use snapkeep_transport::Deadline;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NOW: &str = "2026-03-10T03:05:00Z";
const DUE: &str = "nightly-20260310t030000z";

async fn with_history() -> World {
    let world = World::on(WITH_S3).await;
    for day in 1..=9 {
        world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
    }
    world.set_clock(at(NOW), 0);
    world
}

async fn run_until(world: &World, policies: &Policies, deadline: Deadline) -> RunReport {
    let options = RunOptions { apply: options(), only: vec![], at: at(NOW) };
    run(&world.fleet, policies, &options, deadline, &Silent).await
}

/// Hears that deletions wait.
#[derive(Default)]
struct Hears(AtomicBool);

impl Observer for Hears {
    fn notice(&self, event: &Event<'_>) {
        let waits = matches!(event, Event::Waiting { why, .. } if why.contains("nothing is deleted"));
        self.0.fetch_or(waits, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_run_that_waits_deletes_no_more_than_one_run_may() {
    let world = with_history().await;
    let before = world.hold("nightly", "2026-03-09T03:00:00Z").await;
    let mut nightly = world.settings("nightly");
    nightly.limits.max_deletes_per_run = 2;
    let policies = policies([nightly]);
    let options = RunOptions { apply: options(), only: vec![], at: at(NOW) };
    let hears = Hears::default();
    let running = run(&world.fleet, &policies, &options, minutes(3), &hears);
    // The server deletes nothing there while a snapshot runs there.
    let releasing = async {
        eventually("the deletions wait", async || hears.0.load(Ordering::Relaxed).then_some(())).await;
        assert!(world.seen("DELETE").is_empty(), "what is sent would hold up later snapshots");
        world.let_go().await;
    };
    let (report, ()) = tokio::join!(running, releasing);
    let nightly = of(&report, "nightly");
    assert_eq!(deleted(nightly), ["nightly-20260201t030000z", "nightly-20260202t030000z"], "{report:?}");
    assert_eq!(created(nightly), [DUE], "it has waited for {before}: {report:?}");
    assert_eq!(report.verdict(), Ok(()), "{report:?}");
}

#[tokio::test]
async fn a_window_that_closes_while_another_runs_is_a_failure() {
    let world = World::on(WITH_S3).await;
    world.set_clock(at(NOW), 0);
    let before = world.hold("nightly", "2026-03-09T03:00:00Z").await;
    let mut nightly = world.settings("nightly");
    nightly.limits.start_window = Some(Period::parse("320s").unwrap());
    let report = run_until(&world, &policies([nightly]), minutes(2)).await;
    world.let_go().await;
    let failure = report.verdict().unwrap_err();
    assert_eq!(failure.code, Code::SnapshotRunning, "{report:?}");
    assert!(failure.cause.contains(&before), "{failure:?}");
    assert_eq!(of(&report, "nightly").failures.len(), 1, "{report:?}");
    assert!(world.seen("PUT").is_empty());
}

#[tokio::test]
async fn time_that_runs_out_while_another_runs_is_a_failure() {
    let world = World::on(WITH_S3).await;
    world.set_clock(at(NOW), 0);
    world.hold("nightly", "2026-03-09T03:00:00Z").await;
    let report =
        run_until(&world, &policies([world.settings("nightly")]), Deadline::after(Duration::from_secs(20))).await;
    world.let_go().await;
    assert_eq!(report.verdict().unwrap_err().code, Code::SnapshotRunning, "{report:?}");
}

#[tokio::test]
async fn a_policy_that_selects_nothing_is_a_failure() {
    let world = World::on(WITH_S3).await;
    let mut nightly = world.settings("nightly");
    nightly.indices = including("no-such-index-*");
    let report = world.run(&policies([nightly]), NOW).await;
    let failure = report.verdict().unwrap_err();
    assert_eq!(failure.code, Code::SnapshotFailed, "{report:?}");
    assert!(failure.cause.contains(DUE) && failure.cause.contains("no index is selected"), "{failure:?}");
}

#[tokio::test]
async fn a_state_that_is_not_known_is_neither_good_nor_bad() {
    let world = World::on(WITH_S3).await;
    let policies = policies([world.settings("nightly")]);
    let odd = format!(
        r#"{{"snapshots":[{{"snapshot":"{DUE}","uuid":"u","state":"PAUSED","start_time_in_millis":1,"shards":{{"total":1,"failed":0,"successful":1}},"indices":[],"failures":[]}}]}}"#
    );
    // The first look is the one that finds it begun.
    let fault = Fault::on("GET", &format!("/_snapshot/*/{DUE}")).skip(1).always().then(Action::ReplaceBody(odd.into()));
    let fault = world.front.inject(fault);
    let apply = ApplyOptions { wait: Wait::No, ..options() };
    let report = world.run_with(&policies, NOW, &apply).await;
    assert!(world.front.injected(fault) > 0);
    assert_eq!(report.verdict().unwrap_err().code, Code::Inconclusive, "{report:?}");
    let nightly = of(&report, "nightly");
    assert_eq!((created(nightly).len(), nightly.pending.len()), (0, 1), "{report:?}");
}

/// It takes a minute until looks that are refused are given up.
#[tokio::test]
async fn a_snapshot_that_may_not_be_looked_at_ends_unknown() {
    let world = World::on(WITH_S3).await;
    let refusal = Action::status(
        403,
        r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/snapshot/get]"},"status":403}"#,
    );
    world.front.inject(Fault::on("GET", &format!("/_snapshot/*/{DUE}")).skip(1).always().then(refusal));
    let report = world.run(&policies([world.settings("nightly")]), NOW).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::OutcomeUnknown, "{report:?}");
    let nightly = of(&report, "nightly");
    assert_eq!((created(nightly).len(), nightly.pending.len()), (0, 1), "{report:?}");
}

#[tokio::test]
async fn a_deletion_that_was_sent_and_is_then_held_back_is_not_known() {
    let world = with_history().await;
    let mut nightly = world.settings("nightly");
    nightly.schedule = None;
    let policies = policies([nightly]);
    let lost = world.front.inject(Fault::on("DELETE", "/_snapshot/*/*").first(1).then(Action::DropBefore));
    let options = RunOptions { apply: options(), only: vec![], at: at(NOW) };
    let running = run(&world.fleet, &policies, &options, minutes(1), &Silent);
    let jumping = async {
        eventually("the deletion is lost", async || (world.front.injected(lost) > 0).then_some(())).await;
        world.set_clock(at(NOW), 3_600);
    };
    let (report, ()) = tokio::join!(running, jumping);
    assert_eq!(report.verdict().unwrap_err().code, Code::OutcomeUnknown, "{report:?}");
    let nightly = of(&report, "nightly");
    assert_eq!((nightly.failures.len(), nightly.skipped.len(), nightly.deleted.len()), (2, 2, 0), "{report:?}");
}

#[tokio::test]
async fn a_deletion_that_a_busy_cluster_refuses_until_time_is_up_is_a_failure() {
    let world = with_history().await;
    let mut nightly = world.settings("nightly");
    nightly.schedule = None;
    let busy = r#"{"error":{"type":"concurrent_snapshot_execution_exception","reason":"[r:s] a snapshot is already running"},"status":503}"#;
    world.front.inject(Fault::on("DELETE", "/_snapshot/*/*").always().then(Action::status(503, busy)));
    let report = run_until(&world, &policies([nightly]), Deadline::after(Duration::from_secs(20))).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::SnapshotRunning, "{report:?}");
    assert_eq!(world.snapshots().await.len(), 9);
}
