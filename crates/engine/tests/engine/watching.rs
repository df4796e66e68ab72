//! What runs, whether it moves, and what holds it up.

use crate::stage::{Notes, Stage, WITH_S3, minute, name, nodes};
use snapkeep_core::Code;
use snapkeep_engine::{AbortOutcome, Silent, StatusQuery, Verdict, abort, status};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::Mode;
use std::time::Duration;

fn all(stage: &Stage, watch: u64) -> StatusQuery {
    let watch = Duration::from_secs(watch);
    StatusQuery {
        repository: Some(stage.repository.clone()),
        snapshots: vec![],
        watch,
        stall_after: Duration::from_secs(2),
    }
}

#[tokio::test]
async fn what_moves_is_seen_to_move() {
    for node in nodes() {
        let stage = Stage::slow(node).await;
        // Many small files: some versions count a file once all of it is there.
        for number in 0..12 {
            stage.node.load_documents(&format!("{}-{number}", stage.index), 800).await;
        }
        assert!(status(&stage.api, &all(&stage, 0), minute(), &Silent).await.unwrap().snapshots.is_empty(), "{node}");
        stage.begin_of("running", &format!("{}-*", stage.index)).await;
        let once = status(&stage.api, &all(&stage, 0), minute(), &Silent).await.unwrap().snapshots;
        assert_eq!((once.len(), once[0].verdict), (1, Verdict::Unknown), "{node}");
        let query = StatusQuery { repository: None, ..all(&stage, 40) };
        let found = status(&stage.api, &query, minute(), &Silent).await.unwrap().snapshots;
        let ours = found.iter().find(|one| one.repository == stage.repository.as_str()).unwrap();
        assert_eq!(ours.verdict, Verdict::Moving, "{node}: {ours:?}");
        let progress = ours.progress.as_ref().unwrap();
        assert!(progress.shards.total >= 1 && progress.bytes.total.is_some(), "{node}: {progress:?}");
        stage.delete("running").await;
    }
}

#[tokio::test]
async fn what_is_stuck_is_diagnosed_and_can_be_aborted() {
    let stage = Stage::on_s3().await;
    stage.bucket(&Mode::hold()).await;
    stage.begin("held").await;
    stage.until_held().await;
    let patient = StatusQuery { stall_after: Duration::from_secs(30), ..all(&stage, 2) };
    let waiting = &status(&stage.api, &patient, minute(), &Silent).await.unwrap().snapshots[0];
    assert!(matches!(waiting.verdict, Verdict::Waiting { .. }), "{waiting:?}");
    let found = status(&stage.api, &all(&stage, 3), minute(), &Notes::default()).await.unwrap().snapshots;
    let held = &found[0];
    assert!(matches!(held.verdict, Verdict::Stalled { unmoved } if unmoved >= Duration::from_secs(2)), "{held:?}");
    let why = held.diagnosis.as_deref().unwrap();
    assert!(why.contains(&format!("[{}][0]", stage.index)) && why.contains("on node"), "{why}");
    assert!(why.contains("`abort`"), "{why}");
    let json = serde_json::to_value(held).unwrap();
    assert_eq!((json["snapshot"].as_str(), json["verdict"].as_str()), (Some("held"), Some("stalled")), "{json}");

    // An abort that cannot take effect yet: `_status` and the list disagree.
    let (path, node) = (stage.path("held"), stage.node);
    let deletion = tokio::spawn(async move { node.delete(&path).await });
    let aborting = loop {
        let found = status(&stage.api, &all(&stage, 1), minute(), &Silent).await.unwrap().snapshots;
        if found[0].verdict == Verdict::Aborting {
            break found.into_iter().next().unwrap();
        }
    };
    let why = aborting.diagnosis.unwrap();
    assert!(why.contains("the list says IN_PROGRESS, `_status` says ABORTED"), "{why}");
    assert!(why.contains("deleting it again adds nothing"), "{why}");
    stage.bucket(&Mode::Normal).await;
    assert_eq!(deletion.await.unwrap().0, 200);
    assert!(stage.snapshots().await.is_empty());
}

#[tokio::test]
async fn what_was_stuck_can_be_released_and_ends_well() {
    let stage = Stage::on_s3().await;
    stage.bucket(&Mode::hold()).await;
    stage.begin("held").await;
    stage.until_held().await;
    stage.bucket(&Mode::Normal).await;
    let query = StatusQuery { snapshots: vec![name("held")], ..all(&stage, 30) };
    let ended = snapkeep_testbed::eventually("it ends", async || {
        let found = status(&stage.api, &query, minute(), &Silent).await.unwrap().snapshots;
        (found[0].verdict == Verdict::Ended).then(|| found[0].clone())
    })
    .await;
    assert_eq!(ended.snapshot.state, Some(snapkeep_core::snapshot::State::Success));
    let outcome = abort(&stage.api, &stage.repository, &name("held"), minute(), &Silent).await.unwrap().outcome;
    assert_eq!(outcome, AbortOutcome::AlreadyEnded);
    let query = StatusQuery { snapshots: vec![name("never-made")], ..all(&stage, 0) };
    let missing = status(&stage.api, &query, minute(), &Silent).await.unwrap_err();
    assert_eq!(missing.code, Code::SnapshotMissing);
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_said() {
    let stage = Stage::unregistered(WITH_S3).await;
    let missing = status(&stage.api, &all(&stage, 0), minute(), &Silent).await.unwrap_err();
    assert_eq!(missing.code, Code::RepositoryMissing);
    let unplaced = StatusQuery { repository: None, snapshots: vec![name("a")], ..all(&stage, 0) };
    assert_eq!(status(&stage.api, &unplaced, minute(), &Silent).await.unwrap_err().code, Code::BadEvent);
}

#[tokio::test]
async fn what_could_not_be_looked_at_is_not_called_still() {
    let stage = Stage::on(WITH_S3).await;
    let everywhere = StatusQuery { repository: None, ..all(&stage, 0) };
    let denied = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/snapshot/get]"},"status":403}"#;
    let ours = format!("/_snapshot/{}/_current", stage.repository);
    stage.front.inject(Fault::on("GET", &ours).always().then(Action::status(403, denied)));
    stage.begin("running").await;
    let found = status(&stage.api, &everywhere, minute(), &Silent).await;
    // Other tests' repositories answer, unless there are none.
    match found {
        Ok(found) => assert_eq!(found.unlooked[0].repository, stage.repository.as_str()),
        Err(failure) => assert_eq!(failure.code, Code::AccessDenied, "{failure}"),
    }
    stage.front.inject(Fault::on("GET", "/_snapshot/*/_current").always().then(Action::status(403, denied)));
    let refused = status(&stage.api, &everywhere, minute(), &Silent).await.unwrap_err();
    assert_eq!(refused.code, Code::AccessDenied, "{refused}");
}
