//! Several processes on one policy: at the same moment, and one that is stopped and goes on when its time is over.

use crate::running::{Runner, creations, hourly, hours_before, name_for, named};
use crate::world::{Ran, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use snapkeep_front::{Action, Fault, Front, Pattern};
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

/// The minute that has begun, with most of it left.
async fn minute() -> Timestamp {
    while Timestamp::now().as_second() % 60 > 15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seconds = Timestamp::now().as_second();
    Timestamp::from_second(seconds - seconds % 60).unwrap()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

async fn every_minute(node: &'static NodeHandle) -> (Scene, Timestamp) {
    // Of earlier hours, since it takes a while until all of them are there.
    let (_, earlier) = hourly();
    let slots = (1..=5).rev().map(|hours| hours_before(earlier, hours));
    let scene = Scene::new(node, "* * * * *", slots).await;
    (scene, minute().await)
}

async fn until_after(slot: Timestamp) {
    while Timestamp::now() < slot + minutes(1) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Stopped between the look that would have permitted the creation and the creation, until another process has taken
/// the next slot.
async fn before_its_creation(node: &'static NodeHandle) {
    let (scene, slot) = every_minute(node).await;
    let look = Fault::on("GET", "/_snapshot/*/_all").nth(2);
    let stopped = scene.stopped_at(look, Action::DelayAnswer(Duration::from_secs(3))).await;
    until_after(slot).await;
    let other = scene.runners[1].run("").await;
    assert_eq!(other.exit, 0, "{}: {}", node.name, other.everything());
    stopped.signal("CONT");
    let ran = stopped.end().await;
    assert_eq!((ran.exit, &ran.error()["code"]), (13, &json!("plan_stale")), "{}: {}", node.name, ran.everything());
    assert_eq!(creations(&scene.fronts[0].requests()), Vec::<serde_json::Value>::new(), "{}", node.name);
    let taken = name_for("nightly", slot + minutes(1));
    assert_eq!(named(&other.policy("nightly")["created"]), [taken.as_str()], "{}", node.name);
    scene.assert_left(&[&scene.names[2..], &[taken]].concat(), false, &node.name).await;
}

/// The same between creation and deletion: what it was to delete is gone, and no more than that goes.
async fn before_its_deletion(node: &'static NodeHandle) {
    let (scene, slot) = every_minute(node).await;
    let look = Fault::on("GET", "/_snapshot/*/_all").nth(4);
    let stopped = scene.stopped_at(look, Action::DelayAnswer(Duration::from_secs(3))).await;
    until_after(slot).await;
    let other = scene.runners[1].run("").await;
    assert_eq!(other.exit, 0, "{}: {}", node.name, other.everything());
    stopped.signal("CONT");
    let ran = stopped.end().await;
    assert_eq!(ran.exit, 0, "{}: {}", node.name, ran.everything());
    let (first, second) = (name_for("nightly", slot), name_for("nightly", slot + minutes(1)));
    assert_eq!(named(&ran.policy("nightly")["created"]), [first.as_str()], "{}", node.name);
    scene.assert_left(&[&scene.names[3..], &[first, second]].concat(), false, &node.name).await;
}

/// Its deletion is on the way while it is stopped, and another process deletes the same.
async fn with_its_deletion_on_the_way(node: &'static NodeHandle) {
    let (scene, slot) = every_minute(node).await;
    let delete = Fault::on("DELETE", "/_snapshot/*/*").first(1);
    let stopped = scene.stopped_at(delete, Action::Delay(Duration::from_secs(5))).await;
    let other = scene.runners[1].run("").await;
    assert_eq!(other.exit, 0, "{}: {}", node.name, other.everything());
    stopped.signal("CONT");
    let ran = stopped.end().await;
    assert_eq!(ran.exit, 0, "{}: {}", node.name, ran.everything());
    let due = name_for("nightly", slot);
    scene.assert_left(&[&scene.names[3..], &[due]].concat(), false, &node.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_past_its_slot_takes_and_deletes_nothing_twice() {
    for name in release::REQUIRED {
        let node = Testbed::shared().node(name);
        tokio::join!(before_its_creation(node), before_its_deletion(node), with_its_deletion_on_the_way(node));
    }
}
