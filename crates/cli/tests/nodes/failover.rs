//! The manager dies while a snapshot runs: what is asked of the cluster meanwhile fails, the snapshot does not.

use crate::running::manager;
use crate::world::World;
use serde_json::{Value, json};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Cluster, NodeHandle, NodeOptions, Release, eventually};

/// Bytes a second: the snapshot lasts until another manager has been found, and some seconds more.
const SLOW: &str = "12kb";

/// An index whose only shard lies on this node, and a slow repository.
async fn prepare(world: &World, node: &str) {
    let settings = json!({ "settings": {
        "index.routing.allocation.require._name": node, "number_of_shards": 1, "number_of_replicas": 0,
    }});
    assert_eq!(world.node.put(&format!("/{}", world.index), settings).await.0, 200);
    world.node.load_documents(&world.index, 2_000).await;
    let settings = json!({ "location": world.location(), "max_snapshot_bytes_per_sec": SLOW });
    let (status, answer) = world.node.put(&world.path(""), json!({ "type": "fs", "settings": settings })).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_outlives_the_manager_that_began_it() {
    let release = Release::named("opensearch-3.3.0").unwrap();
    let options = NodeOptions { heap_mb: 300, ..NodeOptions::default() };
    let mut cluster = Cluster::start(release, 3, &options, &Quiet).unwrap();
    let first = manager(&cluster.node("n0")).await;
    let other = cluster.names().into_iter().find(|name| *name != first).unwrap();
    let node: &'static NodeHandle = Box::leak(Box::new(cluster.node(&other)));
    let world = World::on(node).await;
    prepare(&world, &other).await;

    let line = format!("create kept --indices {} --no-global-state", world.index);
    let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let creating = world.snapkeep(&arguments);
    let killing = async {
        eventually("the snapshot runs", async || {
            let (_, answer) = node.get(&world.path("/_current")).await;
            answer["snapshots"].as_array().filter(|running| !running.is_empty()).map(Vec::len)
        })
        .await;
        tokio::task::block_in_place(|| cluster.kill(&first));
    };
    let (ran, ()) = tokio::join!(creating, killing);

    assert_eq!(ran.exit, 0, "{}", ran.everything());
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&answer["snapshot"], &answer["state"]), (&"kept".into(), &"SUCCESS".into()), "{answer}");
    assert_ne!(manager(node).await, first);
    let (_, seen) = node.get(&world.path("/kept")).await;
    assert_eq!(seen["snapshots"][0]["state"], "SUCCESS", "{seen}");
}
