//! Several processes on one policy: at the same moment, and one that is stopped and goes on when its time is over.

use crate::running::{Runner, creations, hourly, hours_before, name_for, named};
use crate::world::{Ran, World};
use jiff::Timestamp;
use serde_json::json;
use snapkeep_front::{Action, Fault, Front, Gate, Pattern};
use snapkeep_testbed::{NodeHandle, Testbed, eventually, release};
use std::collections::BTreeMap;
use std::time::Duration;

/// A policy that keeps three, has five, and takes one; two processes, each with a front of its own.
struct Scene {
    world: World,
    fronts: [Front; 2],
    runners: [Runner; 2],
    /// The five, oldest first.
    names: Vec<String>,
}

async fn transparent(node: &NodeHandle) -> Front {
    Front::builder(&node.url).transparent().plain().start().await.unwrap()
}

impl Scene {
    async fn new(node: &'static NodeHandle, schedule: &str, slots: impl IntoIterator<Item = Timestamp>) -> Self {
        let world = World::on(node).await;
        world.register_with(&json!({})).await;
        world.node.load_documents(&world.index, 5).await;
        let policy = format!(
            "nightly: {{repository: {}, indices: ['{}*'], schedule: '{schedule}', keep: {{last: 3}}, first_delete: allow}}",
            world.repository, world.index
        );
        let mut names = Vec::new();
        for slot in slots {
            names.push(world.take_for("nightly", slot, &world.index).await);
        }
        let fronts = [transparent(node).await, transparent(node).await];
        let runners = [0, 1].map(|at| Runner::new(&fronts[at].url(), std::slice::from_ref(&policy)));
        Self { world, fronts, runners, names }
    }

    /// How often the node said that it deleted each.
    fn deleted(&self) -> BTreeMap<String, usize> {
        let mut deleted = BTreeMap::new();
        for seen in self.fronts.iter().flat_map(Front::requests).filter(|seen| seen.method == "DELETE") {
            let names = seen.path_and_query.rsplit('/').next().unwrap().to_owned();
            if seen.status_answered == Some(200) {
                names.split(',').for_each(|name| *deleted.entry(name.to_owned()).or_default() += 1);
            }
        }
        deleted
    }

    /// These are there, and each that is not was deleted, by one of the processes or (`at_once`) by both in one.
    async fn assert_left(&self, left: &[String], at_once: bool, what: &str) {
        assert_eq!(self.world.snapshots().await, left, "{what}");
        let gone: Vec<&String> = self.names.iter().filter(|name| !left.contains(name)).collect();
        let deleted = self.deleted();
        assert_eq!(deleted.keys().collect::<Vec<_>>(), gone, "{what}");
        // Two requests for one deletion that is under way are both told of its end.
        assert!(at_once || deleted.values().all(|times| *times == 1), "{what}: {deleted:?}");
    }

    /// Starts the first process and stops it once its front has that request.
    async fn stopped_at(&self, pattern: Pattern, action: Action) -> crate::running::Started {
        let front = &self.fronts[0];
        let fault = front.inject(pattern.then(action));
        let process = self.runners[0].start("");
        eventually("it asks for that", async || (front.injected(fault) > 0).then_some(())).await;
        process.signal("STOP");
        process
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_take_one_snapshot_of_the_slot() {
    for release in release::of_this_run() {
        let (schedule, slot) = hourly();
        let slots = (1..=5).rev().map(|hours| hours_before(slot, hours));
        let scene = Scene::new(Testbed::shared().node(release.name), &schedule, slots).await;
        let due = name_for("nightly", slot);
        let [first, second] = [0, 1].map(|at| scene.runners[at].start(""));
        let both = [first.end().await, second.end().await];
        let taken = |ran: &Ran| ran.policy("nightly")["created"].to_string().matches("\"created\"").count();
        for ran in &both {
            assert_eq!(ran.exit, 0, "{}: {}", release.name, ran.everything());
        }
        assert_eq!(both.iter().map(taken).sum::<usize>(), 1, "{}: {} {}", release.name, both[0].stdout, both[1].stdout);
        // Whichever saw the new one already counts it among the three.
        let there = scene.world.snapshots().await;
        let last = [&scene.names[3..], std::slice::from_ref(&due)].concat();
        assert!(last.iter().all(|name| there.contains(name)) && there.len() <= 4, "{}: {there:?}", release.name);
        let again = scene.runners[0].run("").await;
        assert_eq!((again.exit, &again.policy("nightly")["created"]), (0, &json!([])), "{}", again.everything());
        scene.assert_left(&last, true, release.name).await;
    }
}

/// Every two minutes, so that a slot has begun and is over within a test.
const EVERY: (&str, i64) = ("*/2 * * * *", 120);

fn seconds_into_slot() -> i64 {
    Timestamp::now().as_second() % EVERY.1
}

/// Until a slot has begun lately: what comes next has most of it, and no clock disputes which it is.
pub(crate) async fn early_in_a_slot() {
    while !(2..EVERY.1 / 3).contains(&seconds_into_slot()) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Until this slot is over and the next one has begun.
pub(crate) async fn next_slot() {
    let next = Timestamp::now().as_second() - seconds_into_slot() + EVERY.1 + 2;
    while Timestamp::now().as_second() < next {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Stopped between the look that would have permitted the creation and the creation, until another process has taken
/// the next slot.
async fn before_its_creation(node: &'static NodeHandle) {
    // Of earlier hours, since it takes a while until all of them are there.
    let (_, earlier) = hourly();
    let scene = Scene::new(node, EVERY.0, (1..=5).rev().map(|hours| hours_before(earlier, hours))).await;
    early_in_a_slot().await;
    // The first is the one that the plan is made of.
    let (look, gate) = (Fault::on("GET", "/_snapshot/*/_all").nth(2), Gate::new());
    let stopped = scene.stopped_at(look, Action::HoldAnswer(gate.clone())).await;
    next_slot().await;
    let other = scene.runners[1].run("").await;
    assert_eq!(other.exit, 0, "{}: {}", node.name, other.everything());
    gate.open();
    stopped.signal("CONT");
    let ran = stopped.end().await;
    assert_eq!((ran.exit, &ran.error()["code"]), (13, &json!("plan_stale")), "{}: {}", node.name, ran.everything());
    assert_eq!(creations(&scene.fronts[0].requests()), Vec::<serde_json::Value>::new(), "{}", node.name);
    let report = other.policy("nightly");
    let taken = named(&report["created"]);
    assert_eq!(taken.len(), 1, "{}: {report}", node.name);
    scene.assert_left(&[&scene.names[2..], &[taken[0].to_owned()]].concat(), false, &node.name).await;
}

/// Its deletion is on the way while it is stopped, and another process deletes the same before the node gets it.
async fn with_its_deletion_on_the_way(node: &'static NodeHandle) {
    let (schedule, slot) = hourly();
    let scene = Scene::new(node, &schedule, (1..=5).rev().map(|hours| hours_before(slot, hours))).await;
    let (delete, gate) = (Fault::on("DELETE", "/_snapshot/*/*").first(1), Gate::new());
    let stopped = scene.stopped_at(delete, Action::Hold(gate.clone())).await;
    let other = scene.runners[1].run("").await;
    assert_eq!(other.exit, 0, "{}: {}", node.name, other.everything());
    gate.open();
    stopped.signal("CONT");
    let ran = stopped.end().await;
    assert_eq!(ran.exit, 0, "{}: {}", node.name, ran.everything());
    let due = name_for("nightly", slot);
    scene.assert_left(&[&scene.names[3..], &[due]].concat(), false, &node.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_past_its_slot_takes_and_deletes_nothing_twice() {
    let nodes = release::REQUIRED.map(|name| Testbed::shared().node(name));
    tokio::join!(before_its_creation(nodes[0]), before_its_creation(nodes[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_with_its_deletion_on_the_way_deletes_nothing_twice() {
    for name in release::REQUIRED {
        with_its_deletion_on_the_way(Testbed::shared().node(name)).await;
    }
}
