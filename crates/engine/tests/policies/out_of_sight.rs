//! A cluster that is lost after a snapshot has begun, and what a run that ends early leaves.

use crate::world::{Policies, WITH_S3, World, at, created, of, options, policies};
use snapkeep_core::Code;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{RunOptions, RunReport, run};
use snapkeep_front::{Action, Fault};
use snapkeep_transport::Deadline;
use std::time::Duration;

const NOW: &str = "2026-03-10T03:05:00Z";
const DUE: &str = "nightly-20260310t030000z";
const DENIED: &str = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/snapshot/get]"},"status":403}"#;
const ANOTHER_VERSION: &str = r#"{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{"number":"6.8.23","build_flavor":"oss"},"tagline":"You Know, for Search"}"#;
const ITS_NODES: &str = r#"{"cluster_name":"c","nodes":{"n":{"version":"6.8.23","build_flavor":"oss"}}}"#;

fn looks_at_it() -> snapkeep_front::Pattern {
    Fault::on("GET", &format!("/_snapshot/*/{DUE}"))
}

async fn run_for(world: &World, policies: &Policies, seconds: u64) -> RunReport {
    world.set_clock(at(NOW), 0);
    let options = RunOptions { apply: options(), only: vec![], at: at(NOW) };
    run(&world.fleet, policies, &options, Deadline::after(Duration::from_secs(seconds)), &Silent).await
}

/// The look that finds it begun is the last that is answered.
#[tokio::test]
async fn a_snapshot_whose_last_look_failed_is_not_known() {
    for (what, action) in [("closed", Action::DropBefore), ("denied", Action::status(403, DENIED))] {
        let world = World::on(WITH_S3).await;
        let lost = world.front.inject(looks_at_it().skip(1).always().then(action));
        let report = run_for(&world, &policies([world.settings("nightly")]), 6).await;
        assert!(world.front.injected(lost) > 0, "{what}");
        assert_eq!(report.verdict().unwrap_err().code, Code::OutcomeUnknown, "{what}: {report:?}");
        let nightly = of(&report, "nightly");
        assert_eq!((created(nightly).len(), nightly.pending.len()), (0, 1), "{what}: {report:?}");
    }
}

#[tokio::test]
async fn a_snapshot_whose_last_look_shows_that_it_runs_is_pending() {
    let world = World::on(WITH_S3).await;
    let held = snapkeep_testbed::Mode::Hold(snapkeep_testbed::s3::Keys::default());
    world.bed.s3().set_mode(world.repository.as_str(), &held).await.unwrap();
    // Some looks fail on the way.
    let lost = world.front.inject(looks_at_it().skip(3).first(4).then(Action::DropBefore));
    let report = run_for(&world, &policies([world.settings("nightly")]), 20).await;
    world.let_go().await;
    assert_eq!(world.front.injected(lost), 4);
    assert_eq!(report.verdict(), Ok(()), "{report:?}");
    let nightly = of(&report, "nightly");
    assert_eq!((created(nightly).len(), nightly.pending.len()), (0, 1), "{report:?}");
}

/// Six looks, with another try each.
#[tokio::test]
async fn a_node_that_restarts_right_after_the_creation_is_waited_for() {
    let world = World::on(WITH_S3).await;
    let lost = world.front.inject(looks_at_it().first(12).then(Action::DropBefore));
    let report = run_for(&world, &policies([world.settings("nightly")]), 120).await;
    assert_eq!(world.front.injected(lost), 12, "{report:?}");
    assert_eq!(report.verdict(), Ok(()), "{report:?}");
    assert_eq!(created(of(&report, "nightly")), [DUE], "{report:?}");
    assert_eq!(world.seen("PUT").len(), 1);
}

#[tokio::test]
async fn a_node_that_does_not_come_back_is_waited_for_until_time_is_up() {
    let world = World::on(WITH_S3).await;
    world.front.inject(looks_at_it().always().then(Action::DropBefore));
    let report = run_for(&world, &policies([world.settings("nightly")]), 10).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::OutcomeUnknown, "{report:?}");
    assert!(created(of(&report, "nightly")).is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_policy_that_waits_for_its_own_says_so() {
    let world = World::on(WITH_S3).await;
    world.hold("nightly", "2026-03-09T03:00:00Z").await;
    let report = run_for(&world, &policies([world.settings("nightly")]), 6).await;
    world.let_go().await;
    let failure = report.verdict().unwrap_err();
    assert_eq!(failure.code, Code::SnapshotRunning, "{report:?}");
    assert!(failure.cause.contains("a policy takes one after the other"), "{failure:?}");
}

/// The node seems to be of a version that does one thing at a time.
#[tokio::test]
async fn deletions_that_were_put_off_until_time_was_up_are_said() {
    let world = World::on(WITH_S3).await;
    for (path, body) in [("/", ANOTHER_VERSION), ("/_nodes", ITS_NODES)] {
        world.front.inject(Fault::on("GET", path).always().then(Action::ReplaceBody(body.into())));
    }
    for day in 1..=9 {
        world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
    }
    world.hold("nightly", "2026-03-09T03:00:00Z").await;
    let report = run_for(&world, &policies([world.settings("nightly")]), 6).await;
    world.let_go().await;
    let failure = report.verdict().unwrap_err();
    assert_eq!(failure.code, Code::SnapshotRunning, "{report:?}");
    assert!(failure.cause.contains("this version takes one at a time"), "{failure:?}");
    let skipped = &of(&report, "nightly").skipped;
    let put_off = skipped.iter().filter(|skipped| skipped.why.contains("had to run first"));
    let put_off: Vec<_> = put_off.filter_map(|skipped| skipped.what.as_deref()).collect();
    assert_eq!(put_off, ["nightly-20260201t030000z", "nightly-20260202t030000z"], "{report:?}");
    assert!(world.seen("DELETE").is_empty());
}
