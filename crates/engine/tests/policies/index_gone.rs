//! An index is deleted while its shard is being snapshotted: what each version does, and what the run says.

use crate::one_at_a_time::{is_one_at_a_time, own_node};
use crate::world::{World, created, including, of, options, policies};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_engine::policies::{ApplyOptions, RunReport, Wait};
use snapkeep_testbed::{Node, Product, Release, Testbed, eventually, release};

const NOW: &str = "2026-03-10T03:05:00Z";

/// A slow repository, and an index beside the world's that takes some seconds to upload.
async fn scene(release: &'static Release) -> (Option<Node>, World, String) {
    let bed = Testbed::shared();
    let (own, world) = if is_one_at_a_time(release) {
        let (node, handle) = own_node(release);
        (Some(node), World::of(bed, handle).await)
    } else {
        (None, World::on(release.name).await)
    };
    let gone = format!("{}-gone", world.index);
    world.node.load_documents(&gone, 6_000).await;
    let location = world.node.repo_dir.join(world.repository.as_str());
    let settings = json!({"location": location, "max_snapshot_bytes_per_sec": "40kb", "chunk_size": "8kb"});
    world.register(&json!({"type": "fs", "settings": settings})).await;
    (own, world, gone)
}

/// Runs the policy and deletes the index while its shard is under way; what the node says to that.
async fn meddled(world: &World, gone: &str, partial: bool) -> (RunReport, (u16, Value)) {
    let mut nightly = world.settings("nightly");
    nightly.indices = including(&format!("{}*", world.index));
    nightly.partial = partial;
    let status = world.path("nightly-20260310t030000z/_status");
    let meddling = async {
        eventually("a shard is under way", async || {
            let (_, answer) = world.node.get(&status).await;
            let shards = answer["snapshots"][0]["indices"][gone]["shards"].as_object()?;
            shards.values().any(|shard| shard["stage"] == "STARTED" || shard["stage"] == "INIT").then_some(())
        })
        .await;
        world.node.delete(&format!("/{gone}")).await
    };
    let policies = policies([nightly]);
    tokio::join!(world.run(&policies, NOW), meddling)
}

/// What a version makes of a snapshot that an index was taken from: whether it is PARTIAL, and whether it still names
/// the index.
fn outcome(release: &Release) -> (bool, bool) {
    match (release.product, release.major, release.version) {
        (Product::Elasticsearch, ..7, _) => (true, true),
        (Product::OpenSearch, ..) | (_, _, "7.10.2") => (true, false),
        // A success, as if the index had never been selected.
        (Product::Elasticsearch, ..) => (false, false),
    }
}

/// With `partial: false` every version refuses the deletion, and the snapshot is whole.
#[tokio::test(flavor = "multi_thread")]
async fn while_all_is_to_be_there_the_index_cannot_be_deleted() {
    for release in release::of_this_run() {
        let name = release.name;
        let (_own, world, gone) = scene(release).await;
        let (report, (status, answer)) = meddled(&world, &gone, false).await;
        assert_eq!(status, 400, "{name}: {answer}");
        assert!(answer.to_string().contains("being snapshotted"), "{name}: {answer}");
        assert_eq!(report.verdict(), Ok(()), "{name}: {report:?}");
        let nightly = of(&report, "nightly");
        assert_eq!((created(nightly).len(), &nightly.warnings), (1, &vec![]), "{name}: {report:?}");
    }
}

/// With `partial: true` it can be. Whatever the version makes of the snapshot, the run names the index.
#[tokio::test(flavor = "multi_thread")]
async fn where_parts_may_be_missing_the_missing_index_is_told() {
    for release in release::of_this_run() {
        let name = release.name;
        let (_own, world, gone) = scene(release).await;
        let (report, (status, answer)) = meddled(&world, &gone, true).await;
        assert_eq!(status, 200, "{name}: {answer}");
        assert_told(release, &gone, &report);
    }
}

fn assert_told(release: &Release, gone: &str, report: &RunReport) {
    let name = release.name;
    let (is_partial, names_it) = outcome(release);
    let warns = |warning: &String| warning.contains(gone) && warning.contains("does not hold");
    assert_ne!(of(report, "nightly").warnings.iter().any(warns), names_it, "{name}: {report:?}");
    match report.verdict() {
        Ok(()) => assert!(!is_partial, "{name}: {report:?}"),
        Err(failure) => {
            assert!(is_partial && failure.code == Code::SnapshotPartial, "{name}: {report:?}");
            assert!(failure.cause.contains(gone), "{name}: {failure}");
        }
    }
}

/// A run that did not begin the snapshot knows from the snapshot itself what it was to hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_adopts_the_snapshot_tells_the_missing_index_too() {
    for release in release::of_this_run() {
        let name = release.name;
        let (_own, world, gone) = scene(release).await;
        let mut nightly = world.settings("nightly");
        nightly.indices = including(&format!("{}*", world.index));
        nightly.partial = true;
        let policies = policies([nightly]);
        let leaving = ApplyOptions { wait: Wait::No, ..options() };
        let first = world.run_with(&policies, NOW, &leaving).await;
        assert_eq!(of(&first, "nightly").pending.len(), 1, "{name}: {first:?}");
        let path = world.path("nightly-20260310t030000z");
        let looks = || world.seen("GET").iter().filter(|seen| seen.path_and_query == path).count();
        let before = looks();
        let meddling = async {
            eventually("it is followed", async || (looks() >= before + 2).then_some(())).await;
            world.node.delete(&format!("/{gone}")).await
        };
        let (report, (status, answer)) = tokio::join!(world.run(&policies, NOW), meddling);
        assert_eq!(status, 200, "{name}: {answer}");
        assert_eq!(created(of(&report, "nightly")), ["nightly-20260310t030000z"], "{name}: {report:?}");
        assert_told(release, &gone, &report);
    }
}
