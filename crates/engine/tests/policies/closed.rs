//! Indices that are closed: left out and named where the version cannot snapshot them, else in.

use crate::world::{World, created, including, of, policies};
use serde_json::Value;
use snapkeep_core::Code;
use snapkeep_testbed::{Product, Release, release};

const NOW: &str = "2026-03-10T03:05:00Z";
const NEXT: &str = "2026-03-11T03:05:00Z";

/// From 7.2 on.
fn takes_closed(release: &Release) -> bool {
    release.product == Product::OpenSearch || release.major > 6
}

#[tokio::test]
async fn a_closed_index_does_not_fail_the_others_snapshot() {
    for release in release::of_this_run() {
        let name = release.name;
        let world = World::on(name).await;
        let closed = format!("{}-closed", world.index);
        world.node.load_documents(&closed, 20).await;
        let (status, answer) = world.node.post(&format!("/{closed}/_close"), Value::Null).await;
        assert_eq!(status, 200, "{name}: {answer}");
        let mut nightly = world.settings("nightly");
        nightly.indices = including(&format!("{}*", world.index));
        let report = world.run(&policies([nightly]), NOW).await;
        assert_eq!(report.verdict(), Ok(()), "{name}: {report:?}");
        let (held, warned) = (held(&world, "nightly-20260310t030000z").await, &of(&report, "nightly").warnings);
        let expected = if takes_closed(release) { vec![&world.index, &closed] } else { vec![&world.index] };
        assert_eq!(held.iter().collect::<Vec<_>>(), expected, "{name}");
        let told = warned.iter().any(|warning| warning.contains(&closed) && warning.contains("no closed indices"));
        assert_ne!(told, takes_closed(release), "{name}: {report:?}");

        let mut only = world.settings("nightly");
        only.indices = including(&closed);
        let report = world.run(&policies([only]), NEXT).await;
        if takes_closed(release) {
            assert_eq!(created(of(&report, "nightly")), ["nightly-20260311t030000z"], "{name}: {report:?}");
        } else {
            let failure = report.verdict().unwrap_err();
            assert_eq!(failure.code, Code::SnapshotFailed, "{name}: {report:?}");
            assert!(failure.cause.contains("no index is selected"), "{name}: {failure}");
            assert_eq!(world.snapshots().await.len(), 1, "{name}");
        }
    }
}

/// The indices in a snapshot, as the node itself says.
async fn held(world: &World, snapshot: &str) -> Vec<String> {
    let (status, answer) = world.node.get(&world.path(snapshot)).await;
    assert_eq!(status, 200, "{answer}");
    let list = answer["snapshots"].as_array().or(answer["responses"][0]["snapshots"].as_array()).unwrap();
    let mut names: Vec<String> =
        list[0]["indices"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}
