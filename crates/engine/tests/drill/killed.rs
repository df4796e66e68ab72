//! A drill that is killed at each of its requests in turn: the next run leaves nothing of it.

use crate::stage::nodes;
use crate::world::World;
use snapkeep_core::drill::{Drill, Outcome, Record};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::eventually;
use std::time::Duration;

/// Whether the drill got through untouched.
async fn killed_at(world: &World, request: u64, action: Action) -> bool {
    let fault = world.stage.front.inject(Fault::on("*", "/**").skip(request).always().then(action));
    let run = format!("run {request}");
    let running = world.drill(true, &run);
    let killed = async {
        while world.stage.front.injected(fault) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        report = running => assert_eq!(report.verdict(), Ok(()), "{report:?}"),
        () = killed => {}
    }
    let untouched = world.stage.front.injected(fault) == 0;
    world.stage.front.clear_faults();
    untouched
}

async fn at_each_request(node: &str, action: Action) {
    let world = World::on(node, Drill::default()).await;
    for request in 0.. {
        let is_whole = killed_at(&world, request, action.clone()).await;
        // Nobody takes over what may be alive.
        let running = world.records().await.iter().any(|record| record.outcome == Outcome::Running);
        let early = world.drill(false, "early").await;
        assert!(early.cleaned.is_empty() || !running, "{node} at {request}: {early:?}");
        world.later(3 * (i64::try_from(request).unwrap() + 1));
        // What was on its way when it was killed may arrive after a run has looked: then the one after it finds it.
        eventually("nothing is left of the killed drill", async || {
            let next = world.drill(false, "next").await;
            assert!(next.failures.is_empty(), "{node} at {request}: {next:?}");
            let is_over = |record: &Record| record.removed && record.outcome != Outcome::Running;
            (world.left().await.is_empty() && world.records().await.iter().all(is_over)).then_some(())
        })
        .await;
        assert_eq!(world.stage.node.count(&world.stage.index).await, 20, "{node} at {request}");
        if is_whole {
            assert!(request > 10, "{node}: {request} requests are few for a drill");
            return;
        }
    }
}

#[tokio::test]
async fn killed_before_any_request_it_leaves_nothing() {
    for node in nodes() {
        at_each_request(node, Action::DropBefore).await;
    }
}

#[tokio::test]
async fn killed_after_any_request_it_leaves_nothing() {
    for node in nodes() {
        at_each_request(node, Action::ForwardThenDrop).await;
    }
}
