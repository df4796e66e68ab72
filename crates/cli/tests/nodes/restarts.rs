//! Nodes that restart during a policy's snapshot and come back on another port, behind the same address.

use crate::running::{Runner, creations, hourly, hours_before, manager, name_for, named};
use crate::serve::Served;
use crate::world::World;
use serde_json::json;
use snapkeep_front::Front;
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Cluster, NodeHandle, NodeOptions, Release, eventually, release};

/// Bytes a second.
const SLOW: &str = "12kb";

fn start(name: &str, size: usize) -> Cluster {
    let options = NodeOptions { heap_mb: 300, ..NodeOptions::default() };
    Cluster::start(Release::named(name).unwrap(), size, &options, &Quiet).unwrap()
}

/// A policy that keeps two, and has three. The last of the names is what is due.
async fn policy(world: &World, endpoint: &str) -> (Runner, Vec<String>) {
    let (schedule, slot) = hourly();
    let (repository, index) = (&world.repository, &world.index);
    let policy = format!(
        "nightly: {{repository: {repository}, indices: ['{index}*'], schedule: '{schedule}', keep: {{last: 2}}, first_delete: allow}}"
    );
    let mut names = Vec::new();
    for hours in [3, 2, 1] {
        names.push(world.take_for("nightly", hours_before(slot, hours), index).await);
    }
    names.push(name_for("nightly", slot));
    (Runner::new(endpoint, &[policy]), names)
}

/// From now on a snapshot takes a while.
async fn slow_down(world: &World) {
    world.node.load_documents(&world.index, 2_000).await;
    world.register_with(&json!({"max_snapshot_bytes_per_sec": SLOW})).await;
}

/// A cluster of one node whose next snapshot takes a while, with a policy and what its snapshots are named.
async fn only_node(name: &str) -> (Cluster, World, Runner, Vec<String>) {
    let cluster = start(name, 1);
    let world = World::on(leaked(&cluster, "n0")).await;
    world.node.load_documents(&world.index, 5).await;
    world.register_with(&json!({})).await;
    let (runner, names) = policy(&world, &world.front.url()).await;
    slow_down(&world).await;
    (cluster, world, runner, names)
}

/// The run has seen its snapshot and waits for its end.
async fn until_followed(front: &Front) {
    eventually("the run follows the snapshot", async || {
        front.requests().iter().any(|seen| seen.path_and_query.ends_with("/_status")).then_some(())
    })
    .await;
}

fn leaked(cluster: &Cluster, name: &str) -> &'static NodeHandle {
    Box::leak(Box::new(cluster.node(name)))
}

/// Requests that found nobody behind the address.
fn unanswered(front: &Front) -> usize {
    front.requests().iter().filter(|seen| matches!(seen.status_answered, None | Some(502 | 503))).count()
}

/// Restarts the node behind the front once its absence was met; what it held stays.
async fn restart(cluster: &mut Cluster, name: &str, front: &Front) {
    let before = cluster.node(name).url;
    tokio::task::block_in_place(|| cluster.kill(name));
    eventually("the run meets the gap", async || (unanswered(front) > 0).then_some(())).await;
    tokio::task::block_in_place(|| cluster.restart(name, &Quiet)).unwrap();
    let after = cluster.node(name).url;
    assert_ne!(before, after);
    front.retarget(&after).unwrap();
}

/// The node that is asked holds nothing of the snapshot: the run bears its absence.
async fn of_the_node_that_is_asked(name: &str) {
    let mut cluster = start(name, 2);
    let first = manager(&cluster.node("n0")).await;
    let asked = cluster.names().into_iter().find(|name| *name != first).unwrap();
    let world = World::on(leaked(&cluster, &first)).await;
    let settings = json!({ "settings": {
        "index.routing.allocation.require._name": first, "number_of_shards": 1, "number_of_replicas": 0,
    }});
    assert_eq!(world.node.put(&format!("/{}", world.index), settings).await.0, 200);
    world.node.load_documents(&world.index, 5).await;
    world.register_with(&json!({})).await;
    let front = Front::builder(&cluster.node(&asked).url).transparent().plain().start().await.unwrap();
    let (runner, names) = policy(&world, &front.url()).await;
    slow_down(&world).await;

    let run = runner.start("");
    until_followed(&front).await;
    restart(&mut cluster, &asked, &front).await;
    let ran = run.end().await;
    assert_eq!(ran.exit, 0, "{name}: {}", ran.everything());
    let report = ran.policy("nightly");
    assert_eq!(
        (named(&report["created"]), named(&report["deleted"])),
        (vec![&*names[3]], vec![&*names[0]]),
        "{report}"
    );
    assert_eq!(report["created"][0]["state"], "SUCCESS", "{report}");
    assert_eq!(world.snapshots().await, names[1..], "{name}");
    assert_eq!(runner.run("").await.policy("nightly")["created"], json!([]), "{name}: one snapshot a slot");
}

/// The only node forgets the snapshot when it restarts: the run says so, the next one takes the slot.
async fn of_the_only_node(name: &str) {
    let (mut cluster, mut world, runner, names) = only_node(name).await;

    let run = runner.start("");
    until_followed(&world.front).await;
    restart(&mut cluster, "n0", &world.front).await;
    let ran = run.end().await;
    assert_eq!((ran.exit, &ran.error()["code"]), (1, &json!("snapshot_failed")), "{name}: {}", ran.everything());
    assert_eq!(named(&ran.policy("nightly")["deleted"]), [names[0].as_str()], "{name}");

    world.node = leaked(&cluster, "n0");
    assert_eq!(world.snapshots().await, names[1..3], "{name}");
    world.register_with(&json!({})).await;
    let ran = runner.run("").await;
    assert_eq!(ran.exit, 0, "{name}: {}", ran.everything());
    assert_eq!(named(&ran.policy("nightly")["created"]), [names[3].as_str()], "{name}: the same name again");
    assert_eq!(world.snapshots().await, names[1..], "{name}");
}

/// A daemon meets both: it finds the node at its new address, and takes anew what the restart has ended, by the same name.
async fn under_a_daemon(name: &str) {
    let (mut cluster, mut world, runner, names) = only_node(name).await;

    let daemon = Served::start(&runner, "--every 10s");
    until_followed(&world.front).await;
    restart(&mut cluster, "n0", &world.front).await;
    world.node = leaked(&cluster, "n0");
    let is_taken = async || {
        let states = world.states().await;
        let is_good = states.iter().all(|(_, state)| state == "SUCCESS");
        (is_good && states.iter().map(|(name, _)| name).eq(&names[1..])).then_some(())
    };
    eventually("it is taken anew, and the oldest goes", is_taken).await;
    daemon.until_done().await;
    let taken = creations(&world.front.requests());
    assert_eq!(taken.len(), 2, "{name}: once before the restart, once after it: {taken:?}");
    daemon.signal("TERM");
    let (exit, said) = daemon.end().await;
    assert_eq!(exit, Some(0), "{name}: {said}");
    assert!(said.contains("snapshot_failed"), "{name}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_bears_that_its_node_comes_back_elsewhere_and_takes_the_snapshot_anew() {
    for name in release::REQUIRED {
        under_a_daemon(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_bears_that_the_node_it_asks_comes_back_elsewhere() {
    for name in release::REQUIRED {
        of_the_node_that_is_asked(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_a_restart_has_ended_is_taken_by_the_next_run() {
    for name in release::REQUIRED {
        of_the_only_node(name).await;
    }
}
