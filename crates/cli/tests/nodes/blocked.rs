//! Disks over the flood stage and blocks that operators set: told before, and what can be read is taken all the same.

use crate::running::{Runner, creations, hourly, named, warns};
use crate::world::{Ran, World, own_node};
use serde_json::{Value, json};
use snapkeep_testbed::{NodeHandle, Product, eventually, release};

/// A policy of that name for the world's index, of which nothing is to be left out; and the creations that it sent.
async fn run(world: &World, policy: &str) -> (Ran, Vec<Value>) {
    let (schedule, _) = hourly();
    let line =
        format!("{policy}: {{repository: {}, indices: ['{}'], schedule: '{schedule}'}}", world.repository, world.index);
    let before = world.front.requests().len();
    let ran = Runner::new(&world.front.url(), &[line]).run("").await;
    (ran, creations(&world.front.requests()[before..]))
}

/// It is told, and what can be read is backed up all the same, wholly.
async fn is_told_and_taken(world: &World, policy: &str, words: &[&str]) {
    let (ran, sent) = run(world, policy).await;
    assert_eq!(ran.exit, 0, "{}", ran.everything());
    let report = ran.policy(policy);
    assert!(warns(&report, words), "{report}");
    assert_eq!((named(&report["created"]).len(), &report["created"][0]["state"]), (1, &json!("SUCCESS")), "{report}");
    assert!(sent.len() == 1 && sent[0]["partial"] == false, "{sent:?}");
}

async fn set(node: &NodeHandle, path: &str, body: Value) {
    let (status, answer) = node.put(path, body).await;
    assert_eq!(status, 200, "{}: {answer}", node.name);
}

/// The node has less than that free, whatever it has.
async fn flood(node: &NodeHandle, index: &str) {
    let settings = json!({ "persistent": {
        "cluster.routing.allocation.disk.threshold_enabled": true,
        "cluster.routing.allocation.disk.watermark.low": "9000tb",
        "cluster.routing.allocation.disk.watermark.high": "9000tb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "9000tb",
        "cluster.info.update.interval": "10s",
    }});
    set(node, "/_cluster/settings", settings).await;
    eventually("the node blocks the index", async || {
        let (_, answer) = node.get(&format!("/{index}/_settings?flat_settings=true")).await;
        (answer[index]["settings"]["index.blocks.read_only_allow_delete"] == "true").then_some(())
    })
    .await;
}

async fn dry(node: &NodeHandle, index: &str) {
    let names = ["low", "high", "flood_stage"].map(|name| format!("cluster.routing.allocation.disk.watermark.{name}"));
    let mut settings: serde_json::Map<String, Value> = names.into_iter().map(|name| (name, Value::Null)).collect();
    settings.insert("cluster.routing.allocation.disk.threshold_enabled".to_owned(), json!(false));
    set(node, "/_cluster/settings", json!({ "persistent": settings })).await;
    set(node, &format!("/{index}/_settings"), json!({ "index.blocks.read_only_allow_delete": null })).await;
}

async fn blocks_on(name: &str) {
    let (_node, handle) = own_node(name);
    let world = World::on(handle).await;
    world.register_with(&json!({})).await;
    handle.load_documents(&world.index, 5).await;
    flood(handle, &world.index).await;
    is_told_and_taken(&world, "flooded", &["read_only_allow_delete", "flood stage", &world.index]).await;
    dry(handle, &world.index).await;

    for block in ["read_only", "read_only_allow_delete"] {
        let setting = format!("cluster.blocks.{block}");
        set(handle, "/_cluster/settings", json!({ "persistent": { &setting: true } })).await;
        is_told_and_taken(&world, &block.replace('_', "-"), &["the whole cluster", block]).await;
        set(handle, "/_cluster/settings", json!({ "persistent": { &setting: null } })).await;
    }
    // With its metadata blocked, questions about all indices are refused: the cluster's state tells all the same.
    set(handle, &format!("/{}/_settings", world.index), json!({ "index.blocks.metadata": true })).await;
    is_told_and_taken(&world, "hidden", &["`metadata`", &world.index]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_told_before_and_what_can_be_read_is_taken() {
    // Flood stages came with Elasticsearch 6.
    let has_flood_stage = |release: &&&release::Release| release.product == Product::OpenSearch || release.major > 5;
    for release in release::of_this_run().iter().filter(has_flood_stage) {
        blocks_on(release.name).await;
    }
}
