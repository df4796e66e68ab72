//! A server whose clock is years off, or does not tell: nothing is deleted, and that is said.

use crate::running::{Runner, keeping_two, named};
use crate::world::World;
use serde_json::json;
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::{NodeHandle, Testbed, release};

const TEN_YEARS: i64 = 315_360_000_000;

/// A policy that keeps two and has four, oldest first; the last of the names is what is due.
async fn scene(node: &'static NodeHandle) -> (World, Runner, Vec<String>) {
    let world = World::on(node).await;
    let (runner, names) = keeping_two(&world, &world.front.url(), 4).await;
    (world, runner, names)
}

fn sent(world: &World, method: &str) -> usize {
    world.front.requests().iter().filter(|seen| seen.method == method).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_years_off_nothing_is_written() {
    for release in release::of_this_run() {
        let name = release.name;
        let (world, runner, names) = scene(Testbed::shared().node(name)).await;
        for ahead in [TEN_YEARS, -TEN_YEARS] {
            world.front.shift_times(ahead);
            let ran = runner.run("").await;
            assert_eq!((ran.exit, &ran.error()["code"]), (1, &json!("cluster_unavailable")), "{}", ran.everything());
            assert!(ran.error()["cause"].as_str().unwrap().contains("clock"), "{name}: {}", ran.everything());
            assert_eq!((sent(&world, "PUT"), sent(&world, "DELETE")), (0, 0), "{name} {ahead}");
        }
        assert_eq!(world.snapshots().await, names[..4], "{name}");
        // It tells the truth again: the newest success was never in danger, and the backlog goes now.
        world.front.shift_times(0);
        let ran = runner.run("").await;
        assert_eq!(ran.exit, 0, "{name}: {}", ran.everything());
        assert_eq!(world.snapshots().await, names[2..], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_not_told_holds_back_what_goes_by_age() {
    for release in release::of_this_run() {
        let name = release.name;
        let (world, runner, names) = scene(Testbed::shared().node(name)).await;
        // As for a caller who may not see it.
        let body = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:monitor/stats]"},"status":403}"#;
        let fault = world.front.inject(Fault::on("GET", "/_cluster/stats").always().then(Action::status(403, body)));
        let ran = runner.run("").await;
        assert!(world.front.injected(fault) > 0, "{name}");
        assert_eq!(ran.exit, 0, "{name}: {}", ran.everything());
        let report = ran.policy("nightly");
        assert_eq!((named(&report["created"]), &report["deleted"]), (vec![&*names[4]], &json!([])), "{name}: {report}");
        let why = report["skipped"].to_string();
        assert!(why.contains("clock is not known") && why.contains(&names[0]), "{name}: {report}");
        assert!(ran.stderr.contains("clock"), "{name}: {}", ran.everything());
        assert_eq!((world.snapshots().await, sent(&world, "DELETE")), (names.clone(), 0), "{name}");

        let ran = runner.run("--allow-unknown-clock").await;
        assert_eq!(ran.exit, 0, "{name}: {}", ran.everything());
        assert_eq!(world.snapshots().await, names[3..], "{name}: {}", ran.stdout);
    }
}
