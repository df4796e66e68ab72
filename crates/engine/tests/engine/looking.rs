//! What there is: lists and single snapshots.

use crate::stage::{Stage, minute, name, nodes};
use jiff::SignedDuration;
use snapkeep_core::Code;
use snapkeep_core::select::{Filter, Glob, Sort};
use snapkeep_core::snapshot::State;
use snapkeep_engine::{Inventory, Query, Warnings, inventory, show};

async fn found(stage: &Stage, query: &Query) -> Inventory {
    let now = jiff::Timestamp::now();
    inventory(&stage.api, &stage.repository, query, now, minute(), &mut Warnings::default()).await.unwrap()
}

fn names(found: &Inventory) -> String {
    found.snapshots.iter().map(|snapshot| snapshot.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_cut() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["nightly-1", "weekly-1", "nightly-2"]).await;
        let any = Query { sort: Sort::Name, ..Query::default() };
        assert_eq!(names(&found(&stage, &any).await), "nightly-1 nightly-2 weekly-1", "{node}");
        let glob = Filter { globs: vec![Glob::parse("nightly-*").unwrap()], ..Filter::default() };
        let one = found(&stage, &Query { filter: glob, limit: Some(1), reverse: true, ..any.clone() }).await;
        assert_eq!((names(&one).as_str(), one.matching, one.total), ("nightly-2", 2, 3), "{node}");
        assert!(one.snapshots[0].started_at.is_some(), "{node}: details are there");
        let old = Filter { older_than: Some(SignedDuration::from_hours(1)), ..Filter::default() };
        assert_eq!(names(&found(&stage, &Query { filter: old, ..any.clone() }).await), "", "{node}");
        let failed = Filter { states: vec![State::Failed], ..Filter::default() };
        assert_eq!(names(&found(&stage, &Query { filter: failed, ..any.clone() }).await), "", "{node}");
        let sizes = found(&stage, &Query { with_sizes: true, ..any }).await;
        // Elasticsearch 5 tells only what a snapshot added.
        let has_sizes = sizes.snapshots.iter().all(|snapshot| snapshot.size_bytes.is_some_and(|size| size > 0));
        assert!(has_sizes || node.starts_with("elasticsearch-5"), "{node}: {sizes:?}");
    }
}

#[tokio::test]
async fn one_snapshot_is_shown_whole() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["a"]).await;
        let shown = show(&stage.api, &stage.repository, &name("a"), minute()).await.unwrap();
        assert_eq!(shown.details.indices_named, std::slice::from_ref(&stage.index), "{node}");
        let has_size = shown.details.snapshot.size_bytes.is_some();
        assert!(node.starts_with("elasticsearch-5") || has_size, "{node}: {shown:?}");
        let missing = show(&stage.api, &stage.repository, &name("b"), minute()).await.unwrap_err();
        assert_eq!(missing.code, Code::SnapshotMissing, "{node}");
    }
}
