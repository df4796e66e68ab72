//! Many deletions at once, where one of them, or a look between them, goes wrong: the others go all the same.

use crate::world::{WITH_S3, World, deleted, of, policies};
use snapkeep_core::retention::{Count, Keep};
use snapkeep_front::{Action, Fault};

const NOW: &str = "2026-03-10T03:05:00Z";
const MISSING: &str = r#"{"error":{"type":"snapshot_missing_exception","reason":"[r:s] is missing"},"status":404}"#;
const UNREADABLE: &str =
    r#"{"error":{"type":"repository_exception","reason":"[r] could not read repository data"},"status":500}"#;

/// Thirteen snapshots of which one stays; twelve names in the order in which they were taken.
async fn with_twelve_to_go() -> (World, Vec<String>) {
    let world = World::on(WITH_S3).await;
    let mut names = Vec::new();
    for day in 1..=13 {
        names.push(world.take_for("nightly", &format!("2026-02-{day:02}T03:00:00Z")).await);
    }
    names.pop();
    (world, names)
}

async fn all_go(world: &World, names: &[String]) {
    let mut nightly = world.settings("nightly");
    (nightly.schedule, nightly.keep) = (None, Some(Keep { last: Some(Count::Of(1)), ..Keep::default() }));
    let report = world.run(&policies([nightly]), NOW).await;
    assert_eq!(report.verdict(), Ok(()), "{report:?}");
    assert_eq!(deleted(of(&report, "nightly")), names, "{report:?}");
    assert_eq!(world.snapshots().await.len(), 1, "{report:?}");
    world.assert_deletes_are_exact();
}

/// One was missing: what remains goes in one request.
#[tokio::test]
async fn a_batch_that_is_refused_once_goes_after_another_look() {
    let (world, names) = with_twelve_to_go().await;
    let refused = Fault::on("DELETE", "/_snapshot/*/*").first(1).then(Action::status(404, MISSING));
    let refused = world.front.inject(refused);
    all_go(&world, &names).await;
    assert_eq!((world.front.injected(refused), world.seen("DELETE").len()), (1, 2));
}

/// Each goes alone, the last of them after as many looks as there are others.
#[tokio::test]
async fn where_batches_are_refused_each_goes_alone() {
    let (world, names) = with_twelve_to_go().await;
    let batches = Fault::on("DELETE", "/_snapshot/*/*,*").always().then(Action::status(404, MISSING));
    let batches = world.front.inject(batches);
    all_go(&world, &names).await;
    assert_eq!((world.front.injected(batches), world.seen("DELETE").len()), (2, 14));
}

/// Lists that are refused now and then, while each goes alone, say nothing against those that wait for their turn.
#[tokio::test]
async fn lists_that_are_refused_now_and_then_are_borne() {
    let (world, names) = with_twelve_to_go().await;
    world.front.inject(Fault::on("DELETE", "/_snapshot/*/*,*").always().then(Action::status(404, MISSING)));
    let mut lists = Vec::new();
    for number in [6, 9, 12, 15, 18] {
        // Twice, so that another try of the same look is refused as well.
        for number in [number, number + 1] {
            let list = Fault::on("GET", "/_snapshot/*/_all").nth(number).then(Action::status(500, UNREADABLE));
            lists.push(world.front.inject(list));
        }
    }
    all_go(&world, &names).await;
    assert!(lists.into_iter().all(|list| world.front.injected(list) == 1));
}
