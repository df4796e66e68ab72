//! Real nodes: they start, snapshot to where they can, restore, and stop.

use serde_json::{Value, json};
use snapkeep_testbed::{NodeHandle, Testbed, eventually, release};

/// Registers a repository, snapshots an index, loses it, restores it and counts.
async fn round_trip(bed: &Testbed, node: &NodeHandle, repository: Value) {
    let (repo, index) = (bed.unique("repo"), bed.unique("books"));
    let (status, answer) = node.put(&format!("/_snapshot/{repo}"), repository).await;
    assert_eq!(status, 200, "{answer}");
    node.load_documents(&index, 1_000).await;
    let snapshot = format!("/_snapshot/{repo}/one");
    let (status, answer) = node.put(&snapshot, json!({ "indices": index })).await;
    assert_eq!(status, 200, "{answer}");
    succeeded(node, &snapshot).await;
    assert_eq!(node.delete(&format!("/{index}")).await.0, 200);
    let (status, answer) = node.post(&format!("{snapshot}/_restore?wait_for_completion=true"), json!({})).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(node.count(&index).await, 1_000);
    assert_eq!(node.delete(&snapshot).await.0, 200);
    assert_eq!(node.delete(&format!("/_snapshot/{repo}")).await.0, 200);
}

async fn succeeded(node: &NodeHandle, snapshot: &str) {
    eventually("the snapshot succeeds", async || {
        let (_, answer) = node.get(snapshot).await;
        (answer["snapshots"][0]["state"] == "SUCCESS").then_some(())
    })
    .await;
}

fn fs_repository(bed: &Testbed) -> Value {
    json!({ "type": "fs", "settings": { "location": bed.unique("fs") } })
}

#[tokio::test]
async fn opensearch_3_takes_snapshots_to_s3_and_to_files() {
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let bucket = bed.unique("bucket");
    bed.s3().create_bucket(&bucket).await.unwrap();
    round_trip(bed, node, json!({ "type": "s3", "settings": { "bucket": bucket, "region": "us-east-1" } })).await;
    assert!(bed.s3().counts(&bucket).await.unwrap().of("PUT") > 0);
    round_trip(bed, node, fs_repository(bed)).await;
}

#[tokio::test]
async fn elasticsearch_7_takes_snapshots_to_files() {
    let bed = Testbed::shared();
    round_trip(bed, bed.node("elasticsearch-7.17.28"), fs_repository(bed)).await;
}

/// Each of the others on its own, one after the other.
#[tokio::test]
async fn every_release_takes_snapshots_to_files() {
    for release in release::of_this_run().iter().filter(|other| !release::REQUIRED.contains(&other.name)) {
        let needs = snapkeep_testbed::Needs::nodes([release.name]);
        let bed = Testbed::start(&needs, &snapkeep_testbed::progress::Stderr).unwrap();
        round_trip(&bed, bed.node(release.name), fs_repository(&bed)).await;
    }
}
