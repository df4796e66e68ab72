//! A data node without replicas goes while policies take their snapshots: what is not whole is told, listed, and never
//! takes the place of what is good.

use crate::running::{Runner, creations, hourly, hours_before, manager, name_for, named, warns};
use crate::world::{Ran, World};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Cluster, NodeHandle, NodeOptions, Release, eventually, release};

/// Bytes a second: the lost node's shard is under way for longer than the test takes to kill it.
const SLOW: &str = "12kb";

/// Two nodes, each with the only copy of one index, and two policies for both indices.
struct Scene {
    cluster: Cluster,
    world: World,
    runner: Runner,
    slot: Timestamp,
    /// The node that goes, and its index.
    lost: String,
    gone: String,
}

async fn index_on(world: &World, index: &str, node: &str) {
    let settings = json!({ "settings": {
        "index.routing.allocation.require._name": node, "number_of_shards": 1, "number_of_replicas": 0,
    }});
    assert_eq!(world.node.put(&format!("/{index}"), settings).await.0, 200);
    world.node.load_documents(index, 5).await;
}

impl Scene {
    /// Each policy, of which one takes what it can get, has two good snapshots of earlier slots and keeps one.
    async fn new(release: &'static Release) -> Self {
        let options = NodeOptions { heap_mb: 300, ..NodeOptions::default() };
        let cluster = Cluster::start(release, 2, &options, &Quiet).unwrap();
        let first = manager(&cluster.node("n0")).await;
        let lost = cluster.names().into_iter().find(|name| *name != first).unwrap();
        let node: &'static NodeHandle = Box::leak(Box::new(cluster.node(&first)));
        let world = World::on(node).await;
        let (stays, gone) = (format!("{}-stays", world.index), format!("{}-gone", world.index));
        index_on(&world, &stays, &first).await;
        index_on(&world, &gone, &lost).await;
        world.register_with(&json!({})).await;
        let (schedule, slot) = hourly();
        let (repository, index) = (&world.repository, &world.index);
        let rest = format!(
            "repository: {repository}, indices: ['{index}-*'], schedule: '{schedule}', keep: {{last: 1}}, first_delete: allow"
        );
        let policies = [format!("loose: {{partial: true, {rest}}}"), format!("strict: {{{rest}}}")];
        for policy in ["loose", "strict"] {
            for hours in [2, 1] {
                world.take_for(policy, hours_before(slot, hours), &format!("{stays},{gone}")).await;
            }
        }
        let runner = Runner::new(&world.front.url(), &policies);
        Self { cluster, world, runner, slot, lost, gone }
    }

    /// What is there of a policy, with its state.
    async fn has(&self, policy: &str) -> Vec<(String, String)> {
        self.world.states().await.into_iter().filter(|(name, _)| name.starts_with(policy)).collect()
    }

    /// The good one of the hour before.
    fn good(&self, policy: &str) -> (String, String) {
        (name_for(policy, hours_before(self.slot, 1)), "SUCCESS".to_owned())
    }

    fn of_slot(&self, policy: &str, more: &str, state: &str) -> (String, String) {
        (name_for(policy, self.slot) + more, state.to_owned())
    }

    /// Both policies run, and while both snapshots are under way the node goes.
    async fn lose_the_node(&mut self) -> (Ran, Ran) {
        self.world.node.load_documents(&self.gone, 2_000).await;
        self.world.register_with(&json!({"max_snapshot_bytes_per_sec": SLOW})).await;
        let (loose, strict) = (self.runner.start("loose"), self.runner.start("strict"));
        eventually("both snapshots run", async || (self.world.running().await == 2).then_some(())).await;
        tokio::task::block_in_place(|| self.cluster.kill(&self.lost));
        (loose.end().await, strict.end().await)
    }
}

/// Exit, code, and the shards by name.
fn check(ran: &Ran, exit: i32, code: &str, gone: &str) -> Value {
    assert_eq!(ran.exit, exit, "{}", ran.everything());
    let error = ran.error();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["cause"].as_str().unwrap().contains(gone), "{error}");
    error
}

async fn on(release: &'static Release) {
    let mut scene = Scene::new(release).await;
    let (loose, strict) = scene.lose_the_node().await;
    let gone = scene.gone.clone();
    check(&loose, 3, "snapshot_partial", &gone);
    // `partial: false` asks for all shards to be there at the beginning; what goes later makes it PARTIAL as well.
    check(&strict, 3, "snapshot_partial", &gone);
    for (ran, policy) in [(&loose, "loose"), (&strict, "strict")] {
        let report = ran.policy(policy);
        assert_eq!(report["created"][0]["state"], "PARTIAL", "{report}");
        assert_eq!(
            (&report["created"][0]["shards"]["failed"], &report["stale"]),
            (&json!(1), &json!(false)),
            "{report}"
        );
        // `last: 1` is the good one: the bad one counts for nothing.
        assert_eq!(named(&report["deleted"]), [name_for(policy, hours_before(scene.slot, 2))], "{report}");
        assert_eq!(scene.has(policy).await, [scene.good(policy), scene.of_slot(policy, "", "PARTIAL")], "{report}");
    }
    while_it_is_red(&scene).await;
    once_it_is_back(&mut scene).await;
}

/// The next runs try the slot again, say before that a shard is not there, and delete nothing.
async fn while_it_is_red(scene: &Scene) {
    let gone = scene.gone.as_str();
    let loose = scene.runner.run("loose").await;
    check(&loose, 3, "snapshot_partial", gone);
    assert!(
        warns(&loose.policy("loose"), &["primary shards are missing", gone, "will be PARTIAL"]),
        "{}",
        loose.stdout
    );
    let partial = [scene.of_slot("loose", "", "PARTIAL"), scene.of_slot("loose", "-r2", "PARTIAL")];
    assert_eq!(scene.has("loose").await, [&[scene.good("loose")], partial.as_slice()].concat());

    let before = scene.world.front.requests().len();
    let strict = scene.runner.run("strict").await;
    check(&strict, 1, "snapshot_failed", gone);
    assert!(warns(&strict.policy("strict"), &["primary shards are missing", gone]), "{}", strict.stdout);
    let sent = creations(&scene.world.front.requests()[before..]);
    assert!(!sent.is_empty() && sent.iter().all(|body| body["partial"] == false), "{sent:?}");
    assert_eq!(scene.has("strict").await, [scene.good("strict"), scene.of_slot("strict", "", "PARTIAL")]);
    for ran in [loose, strict] {
        assert!(!ran.stdout.contains("\"rule\""), "nothing is deleted: {}", ran.stdout);
    }
}

/// With the node back the slot gets its good one, and only once that is there the others go.
async fn once_it_is_back(scene: &mut Scene) {
    let lost = scene.lost.clone();
    tokio::task::block_in_place(|| scene.cluster.restart(&lost, &Quiet)).unwrap();
    scene.world.register_with(&json!({})).await;
    let health = format!("/_cluster/health/{}", scene.gone);
    let is_green = async || (scene.world.node.get(&health).await.1["status"] == "green").then_some(());
    eventually("the index is there again", is_green).await;
    for (policy, attempt) in [("loose", "-r3"), ("strict", "-r2")] {
        let ran = scene.runner.run(policy).await;
        assert_eq!(ran.exit, 0, "{}", ran.everything());
        assert!(scene.has(policy).await.contains(&scene.good(policy)), "{}", ran.stdout);
        let ran = scene.runner.run(policy).await;
        assert_eq!(ran.exit, 0, "{}", ran.everything());
        assert_eq!(scene.has(policy).await, [scene.of_slot(policy, attempt, "SUCCESS")], "{}", ran.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_node_leaves_of_a_snapshot_never_displaces_a_good_one() {
    for name in release::REQUIRED {
        on(Release::named(name).unwrap()).await;
    }
}
