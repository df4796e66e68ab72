//! A drill that is killed at each of its requests in turn: the next run leaves nothing of it.

use crate::stage::nodes;
use crate::world::World;
use serde_json::json;
use snapkeep_core::drill::{Drill, MARK, Outcome, Record};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::{eventually, release};
use std::time::Duration;

/// Minutes after which nobody looks any more for what a drill may have made late, and another that begins is as the first was.
const LONG: i64 = 25 * 60;

/// Minutes after which who said nothing counts as dead.
const A_WHILE: i64 = 3;

/// Whether the drill got through untouched: it has fewer requests of that method.
async fn killed_at(world: &World, method: &str, request: u64, action: Action) -> bool {
    let fault = world.stage.front.inject(Fault::on(method, "/**").skip(request).always().then(action));
    let run = format!("{method} {request}");
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
    // What was sent on arrives although nobody waits for it. It does so before hours are said to have gone by.
    eventually("the node has done what it was asked", async || world.stage.front.is_idle().then_some(())).await;
    untouched
}

/// Cleans up after what was killed at `now`, in minutes; `at` says where that was.
#[allow(clippy::print_stdout, reason = "it is shown if the test fails")]
async fn cleaned_up(world: &World, now: i64, at: &str) {
    // Nobody takes over what may be alive.
    let mut running = world.records().await;
    running.retain(|record| record.outcome == Outcome::Running);
    let early = world.drill(false, "early").await;
    let is_alive = |id: &String| running.iter().any(|record| record.id == *id);
    assert!(!early.cleaned.iter().any(|cleaned| is_alive(&cleaned.id)), "{at}: {early:?}");
    // What was on its way when it was killed may arrive after a run has looked: then the one after it finds it.
    let mut runs = 0;
    eventually("nothing is left of the killed drill", async || {
        world.later(now + A_WHILE + runs / 20);
        runs += 1;
        let next = world.drill(false, "next").await;
        assert!(next.failures.is_empty(), "{at}: {next:?}");
        let is_over = |record: &Record| record.removed && record.outcome != Outcome::Running;
        let (left, mut records) = (world.left().await, world.records().await);
        records.retain(|record| !is_over(record));
        let is_clean = left.is_empty() && records.is_empty();
        if !is_clean {
            println!("{at}: after {runs} runs {left:?} and {records:?} are left by {next:?}");
        }
        is_clean.then_some(())
    })
    .await;
    assert_eq!(world.stage.node.count(&world.stage.index).await, 20, "{at}");
}

/// Kills a drill at each of its requests of this method in turn, until one gets through: how many it has.
async fn at_each_request(world: &World, method: &str, action: Action) -> u64 {
    for request in 0.. {
        let now = LONG * i64::try_from(request).unwrap();
        world.later(now);
        let is_whole = killed_at(world, method, request, action.clone()).await;
        cleaned_up(world, now, &format!("{} at {method} {request}", world.stage.node.name)).await;
        if is_whole {
            return request;
        }
    }
    unreachable!("a drill ends")
}

/// One node in a usual run, which is long enough; all where versions are what a run is about.
fn nodes_of_the_long_test() -> Vec<&'static str> {
    let all = nodes();
    let is_matrix = std::env::var_os(release::MATRIX_VAR).is_some();
    if is_matrix { all } else { all[..1].to_vec() }
}

#[tokio::test]
async fn killed_before_any_request_it_leaves_nothing() {
    for node in nodes_of_the_long_test() {
        let world = World::on(node, Drill::default()).await;
        let requests = at_each_request(&world, "*", Action::DropBefore).await;
        assert!(requests > 10, "{node}: {requests} requests are few for a drill");
        world.clear().await;
    }
}

/// Of what changes nothing on the node it is the same whether it is killed before or after.
#[tokio::test]
async fn killed_after_any_request_that_changes_something_it_leaves_nothing() {
    for node in nodes() {
        let world = World::on(node, Drill::default()).await;
        for (method, at_least) in [("PUT", 3), ("POST", 1), ("DELETE", 1)] {
            let requests = at_each_request(&world, method, Action::ForwardThenDrop).await;
            assert!(requests >= at_least, "{node}: {requests} requests {method} are few for a drill");
        }
        world.clear().await;
    }
}

/// A restore may wait in the server until its drill was cleaned up: the index that comes then goes with the next run.
#[tokio::test]
async fn what_comes_after_it_was_cleaned_up_goes_with_the_next_run() {
    for node in nodes() {
        let world = World::on(node, Drill::default()).await;
        let (id, name) = never_restored(&world).await;
        let body = json!({"settings": {MARK: id, "number_of_shards": 1, "number_of_replicas": 0}});
        let (status, answer) = world.stage.node.put(&format!("/{name}"), body).await;
        assert_eq!(status, 200, "{node}: {answer}");
        let next = world.drill(false, "late").await;
        let removed: Vec<_> = next.cleaned.iter().map(|cleaned| (&cleaned.id, &cleaned.removed)).collect();
        assert_eq!(removed, [(&id, &vec![name.clone()])], "{node}: {next:?}");
        assert_eq!((world.left().await, next.failures.len()), (vec![], 0), "{node}");
        assert!(world.drill(false, "later").await.cleaned.is_empty(), "{node}");
        world.clear().await;
    }
}

/// A drill that was killed before its restore was sent, and cleaned up: its id, and the index that it was about to make.
async fn never_restored(world: &World) -> (String, String) {
    for request in 0..100 {
        assert!(!killed_at(world, "*", request, Action::DropBefore).await, "no drill was killed before its restore");
        world.later(A_WHILE * (i64::try_from(request).unwrap() + 1));
        world.drill(false, "next").await;
        for record in world.records().await {
            let made = record.made().find(|(_, part)| part.uuid.is_none()).map(|(_, part)| part.name.clone());
            if let Some(name) = made.filter(|_| record.outcome == Outcome::Interrupted) {
                return (record.id, name);
            }
        }
    }
    unreachable!("a drill has fewer requests")
}
