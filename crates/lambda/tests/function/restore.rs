//! `Action: restore`: started by one delivery, followed by later ones, restored once.

use crate::stage::{Stage, invocation};
use serde_json::{Value, json};
use snapkeep_core::{Code, Failure};
use snapkeep_front::Action;
use snapkeep_transport::{Call, Deadline, Method};
use std::time::Duration;

async fn handle(stage: &Stage, event: &Value) -> Result<Value, Failure> {
    let answer =
        stage.function().handle(&event.to_string(), &invocation("8476a536-e9f4-11e8-9739-2dfe598c3fcd")).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

/// A snapshot `s` of an index of so many documents, which is not there any more.
async fn snapshot(stage: &Stage, documents: u64) -> String {
    let index = stage.bed.unique("books");
    stage.node.load_documents(&index, documents).await;
    let event =
        stage.event_with(&json!({"SnapshotName": "s", "Indices": [index], "IncludeGlobalState": false, "Wait": 50}));
    stage.handle(&event).await.unwrap();
    stage.until_success("s").await;
    stage.drop_index(&index).await;
    index
}

#[tokio::test]
async fn the_first_delivery_starts_it_and_later_ones_follow() {
    let stage = Stage::new().await;
    let index = snapshot(&stage, 20).await;
    let event = stage.event_with(&json!({"Action": "restore", "SnapshotName": "latest"}));
    let first = handle(&stage, &event).await.unwrap();
    assert_eq!((first["outcome"].as_str(), first["snapshot"].as_str()), (Some("created"), Some("s")), "{first}");
    // It may have ended by then.
    let next = if first["next"].is_null() { event.clone() } else { first["next"].clone() };
    let mut followed = next.clone();
    followed["Wait"] = json!(50);
    let last = handle(&stage, &followed).await.unwrap();
    assert_eq!((last["state"].as_str(), last["outcome"].as_str()), (Some("SUCCESS"), None), "{last}");
    assert_eq!((last["documents"].as_u64(), &last["next"]), (Some(20), &Value::Null), "{last}");
    assert_eq!(last["shards"]["total"], last["shards"]["successful"], "{last}");
    assert_eq!(stage.node.count(&index).await, 20);
    assert_eq!(stage.seen("POST", "/_restore").len(), 1, "begun once");
}

/// What an index lacks is told, however often it is asked after, and nothing that serves is closed for it unasked.
#[tokio::test]
async fn a_blob_that_is_gone_is_told_and_what_serves_stays_open() {
    let (_node, stage) = Stage::alone().await;
    let index = snapshot(&stage, 20).await;
    let objects = stage.bed.s3().objects(&stage.bucket).await.unwrap();
    for key in objects.iter().map(|object| &object.key).filter(|key| key.contains("/__")) {
        let delete = Call::new(Method::DELETE, format!("/{}/{key}", stage.bucket));
        let gone = stage.bucket_client().write(&delete, Deadline::after(Duration::from_mins(1))).await.unwrap();
        assert_eq!(gone.status, 204, "{gone:?}");
    }
    let event = stage.event_with(&json!({"Action": "restore", "SnapshotName": "s"}));
    let mut next = event.clone();
    let failure = loop {
        match handle(&stage, &next).await {
            Ok(answer) => next = answer["next"].clone(),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.code, Code::RestoreIncomplete, "{failure}");
    assert!(failure.cause.contains(&format!("[{index}][")), "{failure}");
    // Lambda sends what failed again.
    assert_eq!(handle(&stage, &event).await.unwrap_err().code, Code::RestoreIncomplete);
    assert_eq!((stage.seen("POST", "/_restore").len(), stage.seen("POST", "/_close").len()), (1, 0));

    // Whoever says so has it restored again.
    let mut again = event.clone();
    (again["OnConflict"], again["Wait"]) = (json!("close"), json!(50));
    assert_eq!(handle(&stage, &again).await.unwrap_err().code, Code::RestoreIncomplete);
    assert_eq!((stage.seen("POST", "/_restore").len(), stage.seen("POST", "/_close").len()), (2, 1));
}

#[tokio::test]
async fn an_answer_that_is_lost_begins_nothing_twice() {
    let stage = Stage::new().await;
    let index = snapshot(&stage, 20).await;
    let lost = stage
        .front
        .inject(snapkeep_front::Fault::on("POST", "/_snapshot/*/*/_restore").first(1).then(Action::ForwardThenDrop));
    let event = stage.event_with(&json!({"Action": "restore", "SnapshotName": "s", "Wait": 50}));
    let answer = handle(&stage, &event).await.unwrap();
    assert_eq!(stage.front.injected(lost), 1);
    assert_eq!((answer["outcome"].as_str(), answer["state"].as_str()), (Some("adopted"), Some("SUCCESS")), "{answer}");
    assert_eq!((stage.node.count(&index).await, stage.seen("POST", "/_restore").len()), (20, 1));
}

#[tokio::test]
async fn what_is_in_the_way_is_told_in_the_events_words() {
    let stage = Stage::new().await;
    let index = snapshot(&stage, 20).await;
    stage.node.load_documents(&index, 3).await;
    let event = stage.event_with(&json!({"Action": "restore", "SnapshotName": "s", "Wait": 50}));
    let refused = handle(&stage, &event).await.unwrap_err();
    assert_eq!(refused.code, Code::RestoreConflict, "{refused}");
    assert!(refused.hint.contains("`OnConflict` rename") && !refused.hint.contains("--"), "{}", refused.hint);
    assert!(stage.seen("POST", "/_restore").is_empty());
    let mut aside = event.clone();
    aside["OnConflict"] = json!("rename");
    aside["Metadata"] = json!({"team": "search"});
    let answer = handle(&stage, &aside).await.unwrap();
    assert_eq!(answer["items"][0]["target"], format!("restored-{index}"), "{answer}");
    assert!(answer["warnings"].to_string().contains("`Metadata` means nothing to action `restore`"), "{answer}");
    assert_eq!(stage.node.count(&index).await, 3, "what is there stays");
    for (changes, code) in [
        (json!({"SnapshotName": "never-made"}), Code::SnapshotMissing),
        (json!({"SnapshotName": null, "At": "2001-01-01T00:00:00Z"}), Code::SnapshotMissing),
        (json!({"RepositoryName": "no-such-repository"}), Code::RepositoryMissing),
    ] {
        let mut event = event.clone();
        event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        assert_eq!(handle(&stage, &event).await.unwrap_err().code, code, "{changes}");
    }
}
