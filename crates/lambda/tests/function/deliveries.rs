//! One event delivered more than once, by Lambda or by a scheduler. Rows 3 and 22.

use crate::stage::{Stage, invocation, principal};
use serde_json::{Value, json};
use snapkeep_front::{Action, Fault, Rights};
use snapkeep_testbed::Invoke;
use std::collections::HashSet;

async fn small(stage: &Stage) -> Value {
    let index = stage.bed.unique("small");
    stage.node.load_documents(&index, 5).await;
    json!({"Indices": [index], "Wait": 30})
}

fn names(answers: &[Value]) -> HashSet<&str> {
    answers.iter().map(|answer| answer["snapshot"].as_str().unwrap()).collect()
}

/// The same request id twice at once, in two processes, and three times afterwards.
#[tokio::test]
async fn row_3_one_request_id_is_one_snapshot_however_often_it_comes() {
    let stage = Stage::new().await;
    let event = stage.event_with(&small(&stage).await);
    let _processes = [stage.start(), stage.start()];
    let deliver = || async {
        stage.deliver(&event, Invoke::with_id("feedc0de-0000-4000-8000-000000000003")).await.expect_response()
    };
    let (one, other) = tokio::join!(deliver(), deliver());
    let mut answers = vec![one, other];
    for _ in 0..3 {
        answers.push(deliver().await);
    }
    assert_eq!(names(&answers).len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["state"] == "SUCCESS"), "{answers:?}");
    assert!(answers[2..].iter().all(|answer| answer["outcome"] == "adopted"), "{answers:?}");
    assert_eq!(stage.snapshots().await.len(), 1);
    assert!(answers[0]["snapshot"].as_str().unwrap().ends_with("z-feedc0de"));
}

/// A scheduler's retries have other request ids; the slot makes them one.
#[tokio::test]
async fn row_3_one_slot_is_one_snapshot_whatever_the_request_ids() {
    let stage = Stage::new().await;
    let mut event = stage.event_with(&small(&stage).await);
    event["SlotTime"] = json!("2026-11-23T05:00:00+01:00");
    let _processes = [stage.start(), stage.start()];
    let deliver = || async { stage.deliver(&event, Invoke::default()).await.expect_response() };
    let (one, other) = tokio::join!(deliver(), deliver());
    let answers = [one, other, deliver().await, deliver().await];
    assert_eq!(names(&answers), HashSet::from([format!("{}-20261123t040000z", stage.repository).as_str()]));
    let created = answers.iter().filter(|answer| answer["outcome"] == "created").count();
    assert_eq!(created, 1, "{answers:?}");
    assert_eq!(stage.snapshots().await.len(), 1);
}

/// Two article events with ids of their own are two backups: as documented.
#[tokio::test]
async fn two_events_are_two_backups() {
    let stage = Stage::new().await;
    let event = stage.event_with(&small(&stage).await);
    let _process = stage.start();
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(stage.deliver(&event, Invoke::default()).await.expect_response());
    }
    assert_eq!(names(&answers).len(), 2);
    assert_eq!(stage.snapshots().await.len(), 2);
}

/// A fixed name is its own identity, unless the metadata says that it is another's.
#[tokio::test]
async fn a_fixed_name_is_taken_once_and_never_confused_with_anothers() {
    let stage = Stage::new().await;
    let mut event = stage.event_with(&small(&stage).await);
    event["SnapshotName"] = json!("before-upgrade");
    event["Metadata"] = json!({"ticket": "A-1"});
    let first = stage.handle(&event).await.unwrap();
    assert_eq!((first.snapshot.as_deref(), first.warnings.len()), (Some("before-upgrade"), 0));
    let again = stage.handle(&event).await.unwrap();
    assert_eq!(serde_json::to_value(again.outcome).unwrap(), "adopted");
    assert!(again.warnings[0].contains("existed already"), "{:?}", again.warnings);
    event["Metadata"] = json!({"ticket": "B-2"});
    assert_eq!(stage.handle(&event).await.unwrap_err().code.as_str(), "snapshot_conflict");
    event["Metadata"] = json!({"ticket": "A-1"});
    let mut tomorrow = invocation("99999999-0000-4000-8000-000000000000");
    tomorrow.now += jiff::SignedDuration::from_hours(24);
    let failure = stage.function().handle(&event.to_string(), &tomorrow).await.unwrap_err();
    assert_eq!(failure.code.as_str(), "snapshot_conflict", "an old snapshot is no new backup");
    assert_eq!(stage.snapshots().await, ["before-upgrade"]);
}

/// A snapshot that somebody else made by hand has no metadata: it is not ours.
#[tokio::test]
async fn a_foreign_snapshot_of_a_fixed_name_is_not_adopted() {
    let stage = Stage::new().await;
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    let path = format!("/_snapshot/{}/taken?wait_for_completion=true", stage.repository);
    assert_eq!(stage.node.put(&path, json!({"indices": "none-*"})).await.0, 200);
    let event = stage.event_with(&json!({"SnapshotName": "taken", "Metadata": {"ticket": "A-1"}}));
    assert_eq!(stage.handle(&event).await.unwrap_err().code.as_str(), "snapshot_conflict");
    assert_eq!(stage.snapshots().await, ["taken"]);
}

/// The article's 12-hour names made 01:00 and 13:00 one; here they are two snapshots that sort by time.
#[tokio::test]
async fn row_22_one_in_the_night_and_one_in_the_afternoon_are_two() {
    let stage = Stage::new().await;
    let mut event = stage.event_with(&small(&stage).await);
    let mut made = Vec::new();
    for slot in ["2026-11-23T01:00:00Z", "2026-11-23T13:00:00Z"] {
        event["SlotTime"] = json!(slot);
        made.push(stage.handle(&event).await.unwrap().snapshot.unwrap());
    }
    assert!(made.is_sorted() && made[0] != made[1], "{made:?}");
    assert_eq!(stage.snapshots().await.len(), 2);
}

/// Without the right to look, a taken name is ours if it can only be ours, and unknown otherwise.
#[tokio::test]
async fn without_the_right_to_look_a_taken_name_is_ours_only_if_it_says_so() {
    let stage = Stage::with(|front| front.principal(principal().rights(Rights::only(&["ESHttpPut"])))).await;
    let index = stage.bed.unique("small");
    stage.node.load_documents(&index, 5).await;
    let mut slot = stage.event_with(&json!({"Indices": [index], "SlotTime": "2026-11-23T05:00:00Z"}));
    for outcome in ["created", "adopted"] {
        let report = stage.handle(&slot).await.unwrap();
        assert_eq!(serde_json::to_value(report.outcome).unwrap(), outcome);
        stage.until_success(&report.snapshot.unwrap()).await;
    }
    slot.as_object_mut().unwrap().remove("SlotTime");
    slot["SnapshotName"] = json!("nightly");
    stage.handle(&slot).await.unwrap();
    stage.until_success("nightly").await;
    assert_eq!(stage.handle(&slot).await.unwrap_err().code.as_str(), "outcome_unknown");
}

/// Two names for one request cannot be undone without the right to delete; they are reported.
#[tokio::test]
async fn two_snapshots_of_one_request_are_said() {
    let stage = Stage::new().await;
    let mut event = stage.event_with(&small(&stage).await);
    let _process = stage.start();
    let id = || Invoke::with_id("0ddba115-0000-4000-8000-000000000000");
    let first = stage.deliver(&event, id()).await.expect_response();
    event["Action"] = json!("create");
    // The second delivery does not see the first one's snapshot, and makes another name.
    let blind = stage
        .front
        .inject(Fault::on("GET", "/_snapshot/*/*").first(1).then(Action::ReplaceBody(r#"{"snapshots":[]}"#.into())));
    let mut late = invocation("0ddba115-0000-4000-8000-000000000000");
    late.now += jiff::SignedDuration::from_secs(5);
    let second = crate::stage::report(stage.function().handle(&event.to_string(), &late).await.unwrap());
    assert_eq!(stage.front.injected(blind), 1);
    assert!(second.warnings.iter().any(|w| w.contains(first["snapshot"].as_str().unwrap())), "{:?}", second.warnings);
}
