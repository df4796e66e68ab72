//! Versions that do one thing at a time, on a node of their own: a run waits for another's snapshot as long as its own may
//! still begin.

use crate::world::{World, created, minutes, of, options, policies};
use serde_json::{Value, json};
use snapkeep_core::period::Period;
use snapkeep_core::policy::Limits;
use snapkeep_engine::policies::{RunOptions, RunReport, run};
use snapkeep_engine::{Event, Observer};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Node, NodeHandle, NodeOptions, Product, Release, Testbed, release};
use std::sync::atomic::{AtomicU32, Ordering};

/// A node that nobody else uses; it ends when dropped.
pub(crate) fn own_node(release: &'static Release) -> (Node, &'static NodeHandle) {
    let node = Node::start(release, &NodeOptions::default(), &Quiet).unwrap();
    let handle = Box::leak(Box::new(NodeHandle::of(&node)));
    (node, handle)
}

pub(crate) fn is_one_at_a_time(release: &Release) -> bool {
    release.product == Product::Elasticsearch && release.major < 7
}

/// Counts how often a run said that it waits.
#[derive(Default)]
struct Waits(AtomicU32);

impl Observer for Waits {
    fn notice(&self, event: &Event<'_>) {
        if let Event::Waiting { .. } = event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Another's snapshot that takes some seconds, or a minute and more, in a repository that no policy names.
async fn begin_another(world: &World, name: &str, documents: u64) {
    let repository = format!("{}-other", world.repository);
    let settings = json!({"location": world.node.repo_dir.join(&repository), "max_snapshot_bytes_per_sec": "20kb", "chunk_size": "8kb"});
    let (status, answer) =
        world.node.put(&format!("/_snapshot/{repository}"), json!({"type": "fs", "settings": settings})).await;
    assert_eq!(status, 200, "{answer}");
    let heavy = format!("heavy-{name}");
    world.node.load_documents(&heavy, documents).await;
    let body = json!({"indices": heavy, "include_global_state": false});
    let (status, answer) = world.node.put(&format!("/_snapshot/{repository}/{name}"), body).await;
    assert_eq!(status, 200, "{answer}");
}

/// By the node's own list.
async fn seen(world: &World, repository: &str, name: &str) -> Value {
    let (status, answer) = world.node.get(&format!("/_snapshot/{repository}/{name}")).await;
    assert_eq!(status, 200, "{answer}");
    answer["snapshots"][0].clone()
}

async fn run_at(world: &World, window: Option<&str>, now: &str) -> (RunReport, u32) {
    let mut nightly = world.settings("nightly");
    nightly.limits = Limits { start_window: window.map(|text| Period::parse(text).unwrap()), ..Limits::default() };
    let at = now.parse().unwrap();
    world.set_clock(at, 0);
    let options = RunOptions { apply: options(), only: vec![], at };
    let waits = Waits::default();
    let report = run(&world.fleet, &policies([nightly]), &options, minutes(2), &waits).await;
    (report, waits.0.load(Ordering::Relaxed))
}

/// The other's end comes first, then the slot's snapshot.
async fn waits_and_takes(world: &World) {
    let node = &world.node.name;
    begin_another(world, "first", 3_000).await;
    let (report, waits) = run_at(world, None, "2026-03-10T03:05:00Z").await;
    assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
    assert!(waits > 0, "{node}");
    assert_eq!(created(of(&report, "nightly")), ["nightly-20260310t030000z"], "{node}: {report:?}");
    let other = seen(world, &format!("{}-other", world.repository), "first").await;
    let own = seen(world, world.repository.as_str(), "nightly-20260310t030000z").await;
    assert_eq!((&other["state"], &own["state"]), (&json!("SUCCESS"), &json!("SUCCESS")), "{node}");
    let time = |snapshot: &Value, key: &str| snapshot[key].as_i64().unwrap();
    assert!(time(&own, "start_time_in_millis") >= time(&other, "end_time_in_millis"), "{node}: {own} {other}");
}

/// The window closes first: nothing is sent, and that is said. The next slot is taken.
async fn gives_up_with_its_window(world: &World) {
    let node = &world.node.name;
    begin_another(world, "second", 20_000).await;
    let before = world.seen("PUT").len();
    let (report, _) = run_at(world, Some("10min"), "2026-03-11T03:09:40Z").await;
    let nightly = of(&report, "nightly");
    assert!(created(nightly).is_empty() && world.seen("PUT").len() == before, "{node}: {report:?}");
    let said = nightly.skipped.iter().map(|skipped| &skipped.why).chain(nightly.failures.iter().map(|f| &f.cause));
    let said: Vec<&String> = said.collect();
    assert!(said.iter().any(|why| why.contains("could begin until") || why.contains("runs")), "{node}: {report:?}");
    // It is ended here, long before its own time.
    let (status, answer) = world.node.delete(&format!("/_snapshot/{}-other/second", world.repository)).await;
    assert!(status == 200 || status == 404, "{node}: {answer}");
    let (report, _) = run_at(world, Some("10min"), "2026-03-12T03:00:01Z").await;
    assert_eq!(created(of(&report, "nightly")), ["nightly-20260312t030000z"], "{node}: {report:?}");
    assert_eq!(world.snapshots().await, ["nightly-20260310t030000z", "nightly-20260312t030000z"], "{node}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_anothers_snapshot_within_its_window() {
    for release in release::of_this_run().iter().filter(|release| is_one_at_a_time(release)) {
        let (_node, handle) = own_node(release);
        let world = World::of(Testbed::shared(), handle).await;
        waits_and_takes(&world).await;
        gives_up_with_its_window(&world).await;
    }
}
