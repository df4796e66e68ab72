//! Aborting: only what runs, and until it is gone.

use crate::stage::{Notes, Stage, WITH_S3, minute, name, nodes};
use snapkeep_core::Code;
use snapkeep_core::snapshot::State;
use snapkeep_engine::{AbortOutcome, Silent, abort};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::{Mode, eventually};
use snapkeep_transport::Deadline;
use std::time::Duration;

#[tokio::test]
async fn a_running_one_is_aborted_whatever_becomes_of_the_answer() {
    for node in nodes() {
        let stage = Stage::slow(node).await;
        let plain = ("no fault", None);
        for (what, action) in [
            plain,
            ("dropped before", Some(Action::DropBefore)),
            ("dropped after", Some(Action::ForwardThenDrop)),
            ("504 after", Some(Action::gateway_timeout())),
            ("503 before", Some(Action::status(503, "<html>"))),
        ] {
            stage.begin("running").await;
            stage.front.clear_faults();
            let fault = action.map(|action| stage.strike("DELETE", "/_snapshot/*/*", 1, action));
            let aborted = abort(&stage.api, &stage.repository, &name("running"), minute(), &Silent).await.unwrap();
            assert_eq!(aborted.outcome, AbortOutcome::Aborted, "{node} {what}");
            assert!(fault.is_none_or(|fault| stage.front.injected(fault) == 1), "{node} {what}");
            assert!(stage.snapshots().await.is_empty(), "{node} {what}");
        }
    }
}

#[tokio::test]
async fn what_does_not_run_is_never_sent() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["good"]).await;
        let ended = abort(&stage.api, &stage.repository, &name("good"), minute(), &Silent).await.unwrap();
        assert_eq!((ended.outcome, ended.state), (AbortOutcome::AlreadyEnded, Some(State::Success)), "{node}");
        let missing = abort(&stage.api, &stage.repository, &name("never-made"), minute(), &Silent).await.unwrap_err();
        assert_eq!(missing.code, Code::SnapshotMissing, "{node}");
        assert!(stage.seen("DELETE").is_empty(), "{node}");
    }
}

#[tokio::test]
async fn an_abort_that_waits_for_uploads_is_told_as_such() {
    let stage = Stage::on_s3().await;
    stage.bucket(&Mode::hold()).await;
    stage.begin("held").await;
    stage.until_held().await;
    // Too little time: it has been told to stop, and has not.
    let short = Deadline::after(Duration::from_secs(4));
    let under_way = abort(&stage.api, &stage.repository, &name("held"), short, &Silent).await.unwrap_err();
    assert_eq!(under_way.code, Code::OutcomeUnknown, "{under_way}");
    let notes = Notes::default();
    let held = name("held");
    let aborting = abort(&stage.api, &stage.repository, &held, minute(), &notes);
    let release = async {
        eventually("it is seen as aborted", async || (!notes.of("moved ABORTED").is_empty()).then_some(())).await;
        stage.bucket(&Mode::Normal).await;
    };
    let (aborted, ()) = tokio::join!(aborting, release);
    assert_eq!(aborted.unwrap().outcome, AbortOutcome::Aborted);
    assert!(stage.snapshots().await.is_empty());
}

#[tokio::test]
async fn the_managed_services_own_are_not_touched() {
    let stage = Stage::unregistered(WITH_S3).await;
    let own = snapkeep_core::naming::RepositoryName::parse("cs-automated").unwrap();
    let refused = abort(&stage.api, &own, &name("any"), minute(), &Silent).await.unwrap_err();
    assert_eq!(refused.code, Code::BadEvent);
    assert!(stage.front.requests().is_empty());
}

/// A snapshot that is seen to have ended is no sign that a request which may be under way has had no effect.
#[tokio::test]
async fn an_end_that_is_seen_after_a_lost_answer_is_not_claimed() {
    let stage = Stage::slow(WITH_S3).await;
    let busy =
        r#"{"error":{"type":"concurrent_snapshot_execution_exception","reason":"[r:a] a cleanup runs"},"status":503}"#;
    for (what, action, claimed) in [
        ("504", Action::status(504, ""), None),
        ("dropped", Action::DropBefore, None),
        ("busy", Action::status(503, busy), Some(AbortOutcome::Ended)),
    ] {
        stage.front.clear_faults();
        stage.begin("running").await;
        let (_, body) = stage.node.get(&stage.path("running")).await;
        let mut ended = body.clone();
        ended["snapshots"][0]["state"] = "SUCCESS".into();
        stage.strike("DELETE", "/_snapshot/*/*", 1, action);
        let seen = Action::status(200, &ended.to_string());
        stage.front.inject(Fault::on("GET", "/_snapshot/*/running").skip(1).always().then(seen));
        let found = abort(&stage.api, &stage.repository, &name("running"), minute(), &Silent).await;
        assert_eq!(found.as_ref().ok().map(|aborted| aborted.outcome), claimed, "{what}: {found:?}");
        assert!(found.err().is_none_or(|failure| failure.code == Code::OutcomeUnknown), "{what}");
        stage.delete("running").await;
    }
}
