//! The article's job from end to end.

use crate::stage::{ROLE, Stage};
use serde_json::json;
use snapkeep_testbed::Invoke;

/// The article's event through the real binary: repository registered, snapshot taken, the deleted
/// index back with the same documents.
#[tokio::test]
async fn the_articles_event_makes_a_snapshot_that_restores() {
    let stage = Stage::new().await;
    let index = stage.bed.unique("books");
    stage.node.load_documents(&index, 1_000).await;

    let answer = stage.invoke(&stage.event()).await.expect_response();
    let keys = "action next outcome registration repository schema shards snapshot started_at state uuid warnings";
    assert_eq!(answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" "), keys);
    assert_eq!(answer["schema"], 1);
    assert_eq!(answer["action"], "backup");
    assert_eq!(answer["repository"], stage.repository);
    assert_eq!(answer["registration"], "created");
    assert_eq!(answer["outcome"], "created");
    assert_eq!(answer["warnings"], json!([]));
    assert!(["IN_PROGRESS", "SUCCESS"].contains(&answer["state"].as_str().unwrap()), "{answer}");
    assert!(answer["uuid"].is_string() && answer["started_at"].is_string(), "{answer}");
    let snapshot = answer["snapshot"].as_str().unwrap();
    stage.until_success(snapshot).await;

    let body = &stage.seen("PUT", &stage.repository)[0].body;
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(
        body,
        json!({"type": "s3", "settings": {"bucket": stage.bucket, "region": "eu-west-1", "role_arn": ROLE}}),
        "the first PUT is exactly the article's"
    );
    assert!(stage.front.requests().iter().all(|seen| !seen.path_and_query.contains("wait_for_completion")));
    assert!(stage.front.requests().iter().all(|seen| seen.signed_by.is_some()), "every request is signed");
    assert!(stage.seen("PUT", snapshot)[0].body.is_empty(), "what is absent is not sent");

    restore_and_compare(&stage, snapshot, &index).await;
}

async fn restore_and_compare(stage: &Stage, snapshot: &str, index: &str) {
    let digest = async || {
        let query = json!({"size": 1000, "sort": ["n"], "query": {"match_all": {}}});
        let (status, body) = stage.node.post(&format!("/{index}/_search"), query).await;
        assert_eq!(status, 200, "{body}");
        body["hits"]["hits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| (hit["_id"].clone(), hit["_source"].clone()))
            .collect::<Vec<_>>()
    };
    let before = digest().await;
    assert_eq!(before.len(), 1_000);
    stage.drop_index(index).await;
    let path = format!("/_snapshot/{}/{snapshot}/_restore?wait_for_completion=true", stage.repository);
    let (status, body) = stage.node.post(&path, json!({"indices": index})).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["snapshot"]["shards"]["failed"], 0);
    assert_eq!(digest().await, before);
}

/// The same function, warm and cold: the second backup finds the repository as it is.
#[tokio::test]
async fn a_second_backup_leaves_the_registration_as_it_is() {
    let stage = Stage::new().await;
    let process = stage.start();
    let wait = stage.event_with(&json!({"Wait": 30, "Indices": []}));
    let error = crate::stage::error_of(stage.deliver(&wait, Invoke::default()).await);
    assert_eq!(error["code"], "bad_event", "an empty list of indices would mean all of them");

    let index = stage.bed.unique("few");
    stage.node.load_documents(&index, 10).await;
    let event = stage.event_with(&json!({"Wait": 30, "Indices": [index]}));
    let first = stage.deliver(&event, Invoke::default()).await.expect_response();
    assert_eq!((first["registration"].as_str(), first["state"].as_str()), (Some("created"), Some("SUCCESS")));
    assert_eq!(first["shards"], json!({"total": 1, "successful": 1, "failed": 0}));
    assert_eq!(first["next"], json!(null));
    let second = stage.deliver(&event, Invoke::default()).await.expect_response();
    assert_eq!((second["registration"].as_str(), second["outcome"].as_str()), (Some("unchanged"), Some("created")));
    assert_eq!(stage.snapshots().await.len(), 2);
    assert_eq!(stage.seen("PUT", &stage.repository).len(), 3, "one registration, two creations");
    assert!(process.is_running());
}

/// `next` is the event that follows a running snapshot; `list` shows what there is.
#[tokio::test]
async fn a_running_snapshot_is_followed_by_the_event_in_next() {
    let stage = Stage::new().await;
    let index = stage.bed.unique("held");
    stage.node.load_documents(&index, 10).await;
    let event = stage.event_with(&json!({"Action": "register"}));
    let registered = stage.handle(&event).await.unwrap();
    assert_eq!(registered.snapshot, None);
    stage.bed.s3().set_mode(&stage.bucket, &snapkeep_testbed::Mode::hold()).await.unwrap();
    let event = stage.event_with(&json!({"Action": "create", "Indices": index, "SnapshotName": "held"}));
    let begun = stage.handle(&event).await.unwrap();
    assert_eq!(serde_json::to_value(begun.state).unwrap(), "IN_PROGRESS");
    let next = begun.next.unwrap();
    let seen = stage.handle(&next).await.unwrap();
    assert_eq!(serde_json::to_value(&seen).unwrap()["state"], "IN_PROGRESS");
    assert_eq!(seen.next.as_ref(), Some(&next));
    stage.bed.s3().set_mode(&stage.bucket, &snapkeep_testbed::Mode::Normal).await.unwrap();
    let mut follow = next;
    follow["Wait"] = json!(50);
    let ended = serde_json::to_value(stage.handle(&follow).await.unwrap()).unwrap();
    assert_eq!((ended["state"].as_str(), ended["next"].is_null()), (Some("SUCCESS"), true), "{ended}");

    let list = stage.event_with(&json!({"Action": "list"}));
    let list = serde_json::to_value(stage.handle(&list).await.unwrap()).unwrap();
    assert_eq!(list["snapshots"][0]["snapshot"], "held");
    assert_eq!(list["snapshots"][0]["state"], "SUCCESS");
    assert!(list["snapshots"][0]["ended_at"].is_string());
}
