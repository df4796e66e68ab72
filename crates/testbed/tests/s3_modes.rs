//! The switches in front of the buckets, as a real node sees them. What the node answers is pinned here because the
//! product's decisions rest on it.

// The lint's exception for tests does not reach what stands beside them.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use snapkeep_testbed::{Mode, NodeHandle, Testbed, eventually};

/// A bucket of its own in that mode, and a registration of it under its own name.
async fn register(bed: &Testbed, node: &NodeHandle, mode: Mode) -> (String, u16, Value) {
    let name = bed.unique("modes");
    bed.s3().create_bucket(&name).await.unwrap();
    bed.s3().set_mode(&name, &mode).await.unwrap();
    let (status, answer) = node.put(&format!("/_snapshot/{name}"), settings(&name)).await;
    (name, status, answer)
}

fn settings(bucket: &str) -> Value {
    json!({ "type": "s3", "settings": { "bucket": bucket, "region": "us-east-1", "role_arn": "arn:aws:iam::1:role/x" } })
}

#[tokio::test]
async fn a_held_snapshot_stays_in_progress_until_it_is_released() {
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let (name, status, answer) = register(bed, node, Mode::hold()).await;
    assert_eq!(status, 200, "verification passes a hold: {answer}");
    node.load_documents(&name, 10).await;
    let snapshot = format!("/_snapshot/{name}/one");
    assert_eq!(node.put(&snapshot, json!({ "indices": name })).await.0, 200);
    eventually("an upload is held", async || (bed.s3().counts(&name).await.unwrap().holding > 0).then_some(())).await;
    assert_eq!(node.get(&snapshot).await.1["snapshots"][0]["state"], "IN_PROGRESS");
    let (status, again) = node.put(&snapshot, Value::Null).await;
    assert_eq!((status, again["error"]["type"].as_str()), (400, Some("invalid_snapshot_name_exception")));
    assert!(again["error"]["reason"].as_str().unwrap().ends_with("is already in-progress"), "{again}");
    // The same settings are taken while it runs, and verified; others are not.
    let repository = format!("/_snapshot/{name}");
    assert_eq!(node.put(&repository, settings(&name)).await.0, 200);
    let (status, busy) = node.put(&repository, settings("another-bucket")).await;
    assert_eq!((status, busy["error"]["type"].as_str()), (500, Some("illegal_state_exception")));

    bed.s3().set_mode(&name, &Mode::Normal).await.unwrap();
    eventually("it succeeds", async || {
        (node.get(&snapshot).await.1["snapshots"][0]["state"] == "SUCCESS").then_some(())
    })
    .await;
    let (status, again) = node.put(&snapshot, Value::Null).await;
    assert_eq!(status, 400);
    assert!(again["error"]["reason"].as_str().unwrap().ends_with("already exists"), "{again}");
    let counts = bed.s3().counts(&name).await.unwrap();
    assert!(counts.injected() > 0 && counts.holding == 0 && counts.refused == 0, "{counts:?}");
    let objects = bed.s3().objects(&name).await.unwrap();
    assert!(objects.iter().any(|object| object.key == "index.latest" && object.size == 8), "{objects:?}");
}

#[tokio::test]
async fn a_bucket_that_refuses_writes_fails_verification_and_stays_registered() {
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    for mode in [Mode::ReadOnly, Mode::Denied] {
        let (name, status, answer) = register(bed, node, mode).await;
        assert_eq!((status, answer["error"]["type"].as_str()), (500, Some("repository_verification_exception")));
        let cause = answer["error"]["caused_by"]["caused_by"]["reason"].as_str().unwrap();
        assert!(cause.starts_with("Access Denied (Service: S3, Status Code: 403"), "{cause}");
        let (status, kept) = node.get(&format!("/_snapshot/{name}")).await;
        assert_eq!((status, &kept[&name]), (200, &settings(&name)), "unknown settings are kept too");
        assert!(bed.s3().counts(&name).await.unwrap().refused > 0);
        bed.s3().set_mode(&name, &Mode::Normal).await.unwrap();
        assert_eq!(node.post(&format!("/_snapshot/{name}/_verify"), Value::Null).await.0, 200);
    }
}

#[tokio::test]
async fn a_bounded_refusal_passes() {
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let (name, status, _) = register(bed, node, Mode::ReadOnlyFor { puts: 2 }).await;
    assert_eq!(status, 500);
    let again = async || node.put(&format!("/_snapshot/{name}"), settings(&name)).await.0;
    assert_eq!([again().await, again().await], [500, 200]);
    assert_eq!(bed.s3().counts(&name).await.unwrap().refused, 2);
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_cannot_be_registered() {
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let name = bed.unique("nobody");
    let (status, answer) = node.put(&format!("/_snapshot/{name}"), settings(&name)).await;
    assert_eq!((status, answer["error"]["type"].as_str()), (500, Some("repository_verification_exception")));
    assert!(answer.to_string().contains("The specified bucket does not exist"), "{answer}");
    bed.s3().objects(&name).await.unwrap_err();
    bed.s3().create_bucket("No Bucket").await.unwrap_err();
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_finished_is_not_there_at_all() {
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let (name, status, _) = register(bed, node, Mode::Normal).await;
    assert_eq!(status, 200);
    node.load_documents(&name, 10).await;
    bed.s3().set_mode(&name, &Mode::ReadOnly).await.unwrap();
    let snapshot = format!("/_snapshot/{name}/one");
    let (status, answer) = node.put(&snapshot, json!({ "indices": name })).await;
    assert_eq!((status, answer), (200, json!({ "accepted": true })));
    let (status, answer) = eventually("it is no longer running", async || {
        let (status, answer) = node.get(&snapshot).await;
        (answer["snapshots"][0]["state"] != "IN_PROGRESS").then_some((status, answer))
    })
    .await;
    assert_eq!((status, answer["error"]["type"].as_str()), (404, Some("snapshot_missing_exception")));
    assert_eq!(node.get(&format!("/_snapshot/{name}/_all")).await.1["snapshots"], json!([]));
}

#[tokio::test]
async fn blobs_of_shards_lie_outside_of_the_base_path() {
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let name = bed.unique("based");
    bed.s3().create_bucket(&name).await.unwrap();
    let repository = json!({ "type": "s3", "settings": { "bucket": name, "base_path": "a/b" } });
    assert_eq!(node.put(&format!("/_snapshot/{name}"), repository).await.0, 200);
    node.load_documents(&name, 10).await;
    let (status, answer) =
        node.put(&format!("/_snapshot/{name}/one?wait_for_completion=true"), json!({ "indices": name })).await;
    assert_eq!((status, &answer["snapshot"]["state"]), (200, &json!("SUCCESS")));
    let objects = bed.s3().objects(&name).await.unwrap();
    assert!(objects.iter().any(|object| object.key == "a/b/index.latest"), "{objects:?}");
    let outside = objects.iter().filter(|object| !object.key.starts_with("a/b/"));
    assert!(
        outside.clone().count() > 0 && outside.into_iter().all(|object| object.key.contains("/a/b/indices/")),
        "{objects:?}"
    );
}
