//! Indices of every kind, in whole and in partial snapshots: closed ones, data streams, such as lack a shard, and such as were
//! made anew.

use crate::agree::agrees;
use crate::stage::{Restored, Stage, nodes, reader};
use serde_json::{Value, json};
use snapkeep_repository::inspect::{SnapshotDetail, snapshot};
use snapkeep_repository::verify::ShardName;
use snapkeep_testbed::{Testbed, eventually};

/// An index of so many shards, of which one finds no place on the node if it is to be crippled.
async fn index(stage: &Stage, name: &str, shards: u64, is_crippled: bool) {
    let mut settings = json!({"number_of_shards": shards, "number_of_replicas": 0});
    if is_crippled {
        settings["index.routing.allocation.total_shards_per_node"] = json!(shards - 1);
    }
    let path = format!("/{name}?wait_for_active_shards=0");
    let (status, answer) = stage.node.put(&path, json!({ "settings": settings })).await;
    assert_eq!(status, 200, "{answer}");
    let active = shards - u64::from(is_crippled);
    eventually("its shards are active", async || {
        let (_, health) = stage.node.get(&format!("/_cluster/health/{name}")).await;
        (health["active_shards"].as_u64() == Some(active)).then_some(())
    })
    .await;
}

async fn detail(stage: &Stage, name: &str) -> SnapshotDetail {
    reader(&stage.location, async |loader, opened| snapshot(loader, opened, name, None).await.unwrap()).await
}

/// An index that lacks a shard makes a snapshot PARTIAL: it is told as never held, what there is of it is whole, and a node
/// restores just that.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_snapshot_holds_what_it_says() {
    for node in nodes() {
        let stage = Stage::on(node, json!({})).await;
        let [whole, lame] = ["whole", "lame"].map(|name| Testbed::shared().unique(name));
        index(&stage, &whole, 2, false).await;
        stage.node.load_documents(&whole, 100).await;
        index(&stage, &lame, 2, true).await;
        let both = json!({"indices": format!("{whole},{lame}"), "partial": true});
        let taken = stage.snapshot("first", both.clone()).await;
        assert_eq!((&taken["state"], &taken["shards"]["failed"]), (&json!("PARTIAL"), &json!(1)), "{taken}");
        stage.node.load_documents(&whole, 150).await;
        stage.snapshot("second", both).await;
        let missing = taken["failures"][0]["shard_id"].as_u64().and_then(|shard| u32::try_from(shard).ok()).unwrap();
        for report in agrees(&stage).await {
            for verdict in &report.snapshots {
                assert_eq!(verdict.never_held, [ShardName { index: lame.clone(), shard: missing }], "{}", node.name);
            }
        }
        let copied = stage.copy();
        let refused = stage.restore(&copied, "second").await.unwrap_err();
        assert!(refused.contains("fully snapshotted"), "{}: {refused}", node.name);
        let restored = stage.restore_partly(&copied, "second").await;
        assert_eq!(restored, Ok(Restored { failed: 1, documents: 150 }), "{}", node.name);
        // Once there is a place for the shard.
        let anywhere = json!({"index.routing.allocation.total_shards_per_node": -1});
        assert_eq!(stage.node.put(&format!("/{lame}/_settings"), anywhere).await.0, 200);
        let (status, answer) =
            stage.node.get(&format!("/_cluster/health/{lame}?wait_for_status=green&timeout=60s")).await;
        assert_eq!((status, &answer["timed_out"]), (200, &json!(false)), "{answer}");
        let taken = stage.snapshot("third", json!({"indices": lame})).await;
        assert_eq!(taken["state"], "SUCCESS", "{taken}");
        stage.delete_snapshot("first").await;
        agrees(&stage).await;
        stage.clean_up(&[whole, lame]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_indices_are_as_whole_as_open_ones() {
    // Before 7 a snapshot takes open ones only.
    for node in nodes().filter(|node| node.major > 6 || node.name.starts_with("opensearch")) {
        let stage = Stage::on(node, json!({})).await;
        let [open, closed] = ["open", "closed"].map(|name| Testbed::shared().unique(name));
        for name in [&open, &closed] {
            index(&stage, name, 2, false).await;
            stage.node.load_documents(name, 100).await;
        }
        let both = json!({"indices": format!("{open},{closed}")});
        stage.snapshot("before", both.clone()).await;
        stage.ok(&format!("/{closed}/_close"), Value::Null).await;
        let (status, answer) =
            stage.node.get(&format!("/_cluster/health/{closed}?wait_for_status=green&timeout=60s")).await;
        assert_eq!((status, &answer["timed_out"]), (200, &json!(false)), "{answer}");
        stage.snapshot("after", both).await;
        agrees(&stage).await;
        for (snapshot, expected) in [("before", "open"), ("after", "close")] {
            let detail = detail(&stage, snapshot).await;
            let kept =
                |name: &str| detail.indices.iter().find(|index| index.name == name).unwrap().state.clone().unwrap();
            assert_eq!((kept(&open).as_str(), kept(&closed).as_str()), ("open", expected), "{}", node.name);
        }
        let restored = stage.restore(&stage.copy(), "after").await;
        assert_eq!(restored, Ok(Restored { failed: 0, documents: 200 }), "{}", node.name);
        stage.clean_up(&[open, closed]).await;
    }
}

/// An index of the same name with fewer or more shards goes on in the same folder of the repository.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_made_anew_with_other_shards_is_whole() {
    for node in nodes() {
        let stage = Stage::on(node, json!({})).await;
        let name = Testbed::shared().unique("anew");
        for (snapshot, shards) in [("two", 2), ("one", 1), ("three", 3)] {
            index(&stage, &name, shards, false).await;
            stage.node.load_documents(&name, 50).await;
            stage.snapshot(snapshot, json!({ "indices": name })).await;
            assert_eq!(stage.node.delete(&format!("/{name}")).await.0, 200);
            agrees(&stage).await;
        }
        for snapshot in ["two", "one", "three"] {
            let restored = stage.restore(&stage.copy(), snapshot).await;
            assert_eq!(restored, Ok(Restored { failed: 0, documents: 50 }), "{} {snapshot}", node.name);
        }
        stage.delete_snapshot("three").await;
        let reports = agrees(&stage).await;
        assert_eq!(reports[0].totals.shards, 2, "{}", node.name);
        stage.clean_up(&[]).await;
    }
}

/// A data stream with two indices behind it.
async fn stream(stage: &Stage, name: &str) {
    let template = json!({
        "index_patterns": [name], "data_stream": {},
        "template": {"settings": {"number_of_shards": 1, "number_of_replicas": 0}},
    });
    let (status, answer) = stage.node.put(&format!("/_index_template/{name}"), template).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = stage.node.put(&format!("/_data_stream/{name}"), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let document = json!({"@timestamp": "2026-01-01T00:00:00Z", "title": "a line"});
    stage.ok(&format!("/{name}/_doc?refresh=true"), document.clone()).await;
    stage.ok(&format!("/{name}/_rollover"), Value::Null).await;
    stage.ok(&format!("/{name}/_doc?refresh=true"), document).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_streams_are_told_and_whole() {
    // The testbed's distributions of Elasticsearch are without the module for data streams.
    for node in nodes().filter(|node| node.product == snapkeep_testbed::Product::OpenSearch) {
        let stage = Stage::on(node, json!({})).await;
        let name = Testbed::shared().unique("stream");
        stream(&stage, &name).await;
        let taken = stage.snapshot("first", json!({ "indices": name })).await;
        assert_eq!(taken["data_streams"], json!([name]), "{taken}");
        agrees(&stage).await;
        let detail = detail(&stage, "first").await;
        assert_eq!((detail.data_streams, detail.indices.len()), (vec![name.clone()], 2), "{}", node.name);
        assert_eq!(stage.node.delete(&format!("/_data_stream/{name}")).await.0, 200);
        assert_eq!(stage.node.delete(&format!("/_index_template/{name}")).await.0, 200);
        stage.clean_up(&[]).await;
    }
}
