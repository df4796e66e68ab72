//! A drill on a spare cluster, which reads the repository and writes nothing there.

use crate::stage::{Stage, WITH_S3};
use crate::world::{World, left};
use serde_json::json;
use snapkeep_core::drill::{Drill, Outcome};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Node, NodeHandle, NodeOptions, Release, eventually};

/// The shared node, whose snapshot is restored on another that knows the folder `readonly`.
async fn worlds() -> (World, NodeHandle, Node) {
    let stage = Stage::on(WITH_S3).await;
    let options = NodeOptions { repo_dir: Some(stage.node.repo_dir.clone()), ..NodeOptions::default() };
    let node = Node::start(Release::named(WITH_S3).unwrap(), &options, &Quiet).unwrap();
    let spare = NodeHandle::of(&node);
    let body = stage.folder(&json!({"readonly": true}));
    let (status, answer) = spare.put(&format!("/_snapshot/{}", stage.repository), body).await;
    assert_eq!(status, 200, "{answer}");
    let name = stage.bed.unique("spare");
    let drill = Drill { cluster: Some(name.clone()), ..Drill::default() };
    let url = spare.url.clone();
    (World::of(stage, &[], drill, Some((name, &url))).await, spare, node)
}

#[tokio::test]
async fn a_spare_cluster_is_restored_to_and_cleaned_up_even_if_the_drill_is_killed() {
    let (world, spare, _node) = worlds().await;
    let index = world.stage.index.clone();
    let report = world.drill(true, "first").await;
    assert_eq!(report.verdict(), Ok(()), "{report:?}");
    let record = &report.drills[0];
    assert_eq!((record.outcome, record.items[0].documents), (Outcome::Passed, Some(20)), "{record:?}");
    assert_ne!(record.on, record.cluster);
    assert_eq!(left(&spare, &index).await, Vec::<String>::new());
    let restores = |world: &World| world.stage.asked("/_restore");
    assert_eq!(restores(&world), 0, "nothing is restored where the snapshot was taken");

    // Killed as soon as there is something to be cleaned up.
    let there =
        eventually("an index of the drill", async || Some(left(&spare, &index).await).filter(|all| !all.is_empty()));
    tokio::select! {
        report = world.drill(true, "killed") => panic!("it ended: {report:?}"),
        made = there => assert_eq!(made.len(), 1, "{made:?}"),
    }
    world.later(3);
    let next = world.drill(false, "next").await;
    assert_eq!((next.verdict(), next.cleaned.len()), (Ok(()), 1), "{next:?}");
    assert_eq!((next.cleaned[0].removed.len(), next.cleaned[0].stuck.len()), (1, 0), "{next:?}");
    assert_eq!(left(&spare, &index).await, Vec::<String>::new());
    assert_eq!(spare.get("/.snapkeep-drills").await.0, 404, "records are kept where the snapshot was taken");
    assert_eq!(world.records().await.len(), 2);
    world.clear().await;
}
