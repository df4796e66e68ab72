//! A run that is killed at each of its requests in turn, and then run again: the end is as if nothing had happened.

use crate::world::{World, minutes, nodes, options, policies};
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{RunOptions, run};
use snapkeep_front::{Action, Fault};
use std::time::Duration;

const NOW: &str = "2026-03-10T03:05:00Z";

/// The end of an undisturbed run.
const END: &[&str] = &["nightly-20260308t030000z", "nightly-20260309t030000z", "nightly-20260310t030000z"];

/// Puts back what a run deletes and takes away what it takes.
async fn begin_anew(world: &World) {
    let there = world.snapshots().await;
    for name in there.iter().filter(|name| name.starts_with("nightly-20260310")) {
        assert_eq!(world.node.delete(&world.path(name)).await.0, 200);
    }
    for day in 6..=9 {
        let name = format!("nightly-2026030{day}t030000z");
        if !there.contains(&name) {
            world.take_for("nightly", &format!("2026-03-0{day}T03:00:00Z")).await;
        }
    }
}

/// Whether the run got through untouched.
async fn killed_at(world: &World, policies: &crate::world::Policies, request: u64, action: Action) -> bool {
    let at = NOW.parse().unwrap();
    world.set_clock(at, 0);
    let options = RunOptions { apply: options(), only: vec![], at };
    // A run that is killed says nothing more: this one is dropped at its first request that is struck.
    let before = world.front.requests().len();
    let fault = world.front.inject(Fault::on("*", "/**").skip(request).always().then(action));
    let running = run(&world.fleet, policies, &options, minutes(1), &Silent);
    let killed = async {
        while world.front.injected(fault) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        report = running => assert_eq!(report.verdict(), Ok(()), "{report:?}"),
        () = killed => {}
    }
    let untouched = world.front.injected(fault) == 0;
    world.front.clear_faults();
    assert!(world.front.requests().len() > before);
    untouched
}

async fn at_each_request(node: &str, action: Action) -> u64 {
    let world = World::on(node).await;
    let mut nightly = world.settings("nightly");
    nightly.keep = Some(snapkeep_core::retention::Keep {
        last: Some(snapkeep_core::retention::Count::Of(2)),
        ..Default::default()
    });
    let policies = policies([nightly]);
    for request in 0.. {
        begin_anew(&world).await;
        let untouched = killed_at(&world, &policies, request, action.clone()).await;
        let report = world.run(&policies, NOW).await;
        assert_eq!(report.verdict(), Ok(()), "{node}, request {request}: {report:?}");
        assert_eq!(world.snapshots().await, END, "{node}, request {request}: {report:?}");
        world.assert_deletes_are_exact();
        if untouched {
            return request;
        }
    }
    0
}

#[tokio::test]
async fn a_run_that_is_killed_before_any_of_its_requests_is_gone_on_with() {
    for node in nodes() {
        let requests = at_each_request(node, Action::DropBefore).await;
        assert!(requests > 20, "{node}: {requests}");
    }
}

#[tokio::test]
async fn a_run_that_is_killed_after_any_of_its_requests_is_gone_on_with() {
    for node in nodes() {
        let requests = at_each_request(node, Action::ForwardThenDrop).await;
        assert!(requests > 20, "{node}: {requests}");
    }
}
