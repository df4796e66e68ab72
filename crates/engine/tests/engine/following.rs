//! Creating with somebody who watches: how far it is, what holds it up, and looks that fail.

use crate::stage::{Notes, Stage, WITH_S3, minute, name, nodes};
use serde_json::json;
use snapkeep_core::snapshot::State;
use snapkeep_engine::{Creation, Identity, Job, Warnings, run, run_observed};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::{Mode, eventually};
use std::time::Duration;

fn job(stage: &Stage, snapshot: &str, stall_after: Option<Duration>) -> Job {
    Job::Create(Creation {
        repository: stage.repository.clone(),
        snapshot: name(snapshot),
        identity: Identity::Fixed { since: jiff::Timestamp::UNIX_EPOCH },
        body: json!({"indices": stage.index, "include_global_state": false}).as_object().cloned(),
        wait: Duration::from_secs(50),
        stall_after,
    })
}

#[tokio::test]
async fn whoever_watches_hears_how_far_it_is() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let notes = Notes::default();
        let report =
            run_observed(&stage.api, &job(&stage, "a", None), minute(), Warnings::default(), &notes).await.unwrap();
        assert_eq!(report.state, Some(State::Success), "{node}");
        assert_eq!(notes.of("begun"), ["begun a Created"], "{node}");
        assert_eq!(notes.of("state").last().unwrap(), "state Some(Success)", "{node}");
        assert!(notes.of("look failed").is_empty(), "{node}: {:?}", notes.of("look failed"));
    }
}

#[tokio::test]
async fn without_anybody_nothing_more_is_asked_for() {
    let stage = Stage::on(WITH_S3).await;
    run(&stage.api, &job(&stage, "a", None), minute(), Warnings::default()).await.unwrap();
    assert_eq!(stage.asked("_status"), 0);
    assert!(stage.front.requests().iter().all(|seen| seen.path_and_query.starts_with("/_snapshot/")));
}

#[tokio::test]
async fn a_stall_is_diagnosed_once_and_ends_well() {
    let stage = Stage::on_s3().await;
    stage.bucket(&Mode::hold()).await;
    let notes = Notes::default();
    let stalled = job(&stage, "held", Some(Duration::from_millis(1)));
    let creating = run_observed(&stage.api, &stalled, minute(), Warnings::default(), &notes);
    let release = async {
        eventually("it is told as stalled", async || (!notes.of("stalled").is_empty()).then_some(())).await;
        stage.bucket(&Mode::Normal).await;
    };
    let (report, ()) = tokio::join!(creating, release);
    assert_eq!(report.unwrap().state, Some(State::Success));
    let told = notes.of("stalled held");
    assert!(told[0].contains(&format!("[{}][0]", stage.index)) && told[0].contains("`abort`"), "{told:?}");
    assert!(!notes.of("moved STARTED").is_empty());
}

#[tokio::test]
async fn a_status_that_is_refused_is_said_once_and_not_asked_for_again() {
    let stage = Stage::on_s3().await;
    let denied = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:monitor/snapshot/status]"},"status":403}"#;
    let fault =
        stage.front.inject(Fault::on("GET", "/_snapshot/*/*/_status").always().then(Action::status(403, denied)));
    stage.bucket(&Mode::hold()).await;
    let notes = Notes::default();
    let creation = job(&stage, "held", None);
    let creating = run_observed(&stage.api, &creation, minute(), Warnings::default(), &notes);
    let release = async {
        eventually("it is refused", async || (stage.front.injected(fault) > 0).then_some(())).await;
        let looks = stage.asked("/held");
        eventually("following goes on", async || (stage.asked("/held") > looks + 2).then_some(())).await;
        stage.bucket(&Mode::Normal).await;
    };
    let (report, ()) = tokio::join!(creating, release);
    assert_eq!(report.unwrap().state, Some(State::Success));
    assert_eq!((stage.front.injected(fault), notes.of("look failed").len()), (1, 1));
}

/// Row 13: while the cluster manager fails over, every look is answered 503.
#[tokio::test]
async fn looks_that_fail_are_borne_and_the_last_one_decides() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let notes = Notes::default();
        let blocked = r#"{"error":{"type":"cluster_block_exception","reason":"blocked by: [SERVICE_UNAVAILABLE/2/no master];"},"status":503}"#;
        // The look before the creation passes; the next nine requests do not, retries included.
        let fault =
            stage.front.inject(Fault::on("GET", "/_snapshot/*/a").skip(1).first(9).then(Action::status(503, blocked)));
        let report =
            run_observed(&stage.api, &job(&stage, "a", None), minute(), Warnings::default(), &notes).await.unwrap();
        assert_eq!(stage.front.injected(fault), 9, "{node}");
        assert_eq!(report.state, Some(State::Success), "{node}");
        assert_eq!(notes.of("look failed").len(), 1, "{node}: {:?}", notes.of("look failed"));
    }
}
