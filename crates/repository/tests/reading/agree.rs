//! What must hold of a repository that nothing happened to: it is whole at every level, nothing in it is left over, and it
//! holds and weighs what its node says.

use crate::stage::{Stage, Told, reader, verified};
use jiff::Timestamp;
use serde_json::Value;
use snapkeep_repository::inspect::{Contents, SnapshotDetail, contents, snapshot};
use snapkeep_repository::orphans::{Orphans, orphans};
use snapkeep_repository::store::Location;
use snapkeep_repository::usage::{Prices, Usage, usage};
use snapkeep_repository::verify::{Level, Outcome, Report, Restores};
use snapkeep_testbed::eventually;
use std::collections::BTreeSet;
use std::path::Path;

pub(crate) const LEVELS: [Level; 3] = [Level::Metadata, Level::Blobs, Level::Checksums];

/// All of it; what was found at each level, the deepest last. Nothing may be running on the node.
pub(crate) async fn agrees(stage: &Stage) -> Vec<Report> {
    let said = stage.asked("_all").await;
    let said = said["snapshots"].as_array().unwrap();
    // What is not cleaned up yet would be told of.
    nothing_is_left(&stage.location).await;
    let reports = whole(&stage.location, stage.node.name.as_str()).await;
    never_held(&reports, said);
    held(stage, said).await;
    weighed(stage, said).await;
    reports
}

/// Whole at every level; the reports, the deepest last.
pub(crate) async fn whole(location: &Location, what: &str) -> Vec<Report> {
    let mut reports = Vec::new();
    for level in LEVELS {
        let report = verified(location, level).await;
        assert_eq!(report.findings, [], "{what} {level:?}");
        let is_deep = level > Level::Metadata;
        let (outcome, restores) =
            if is_deep { (Outcome::Whole, Restores::Whole) } else { (Outcome::NothingFound, Restores::NothingFound) };
        assert_eq!((report.outcome, report.rereads), (outcome, 0), "{what} {level:?}");
        for snapshot in &report.snapshots {
            let restores = if snapshot.never_held.is_empty() { restores } else { Restores::Partial };
            assert_eq!(snapshot.restores, restores, "{what}: {report:?}");
        }
        let read = if level == Level::Checksums { report.totals.files } else { 0 };
        assert_eq!(report.totals.files_read, read, "{what} {level:?}");
        reports.push(report);
    }
    reports
}

pub(crate) async fn leftovers(location: &Location) -> Orphans {
    reader(location, async |loader, opened| orphans(loader, opened).await.unwrap()).await
}

pub(crate) async fn bytes_used(location: &Location) -> Usage {
    reader(location, async |loader, opened| usage(loader, opened, &Prices::with(&[])).await.unwrap()).await
}

async fn listed(location: &Location) -> Contents {
    reader(location, async |loader, opened| contents(loader, opened).await.unwrap()).await
}

/// Nodes answer a deletion before they have cleaned up behind it.
async fn nothing_is_left(location: &Location) {
    let mut told = Told::default();
    eventually("nothing is left over", async || {
        let found = leftovers(location).await;
        assert_eq!((&found.undecided, found.foreign), (&vec![], 0), "{found:?}");
        told.0 = vec![format!("{found:?}")];
        (found.orphans.is_empty() && !found.running).then_some(())
    })
    .await;
}

/// The shards that snapshots lack by their own word, beside the failures that the node tells.
fn never_held(reports: &[Report], said: &[Value]) {
    for theirs in said {
        let failures = theirs["failures"].as_array().into_iter().flatten();
        let shard =
            |failure: &Value| (failure["index"].as_str().unwrap().to_owned(), failure["shard_id"].as_u64().unwrap());
        let expected: BTreeSet<_> = failures.map(shard).collect();
        for report in reports {
            let ours = report.snapshots.iter().find(|ours| theirs["snapshot"] == ours.snapshot).unwrap();
            let never = ours.never_held.iter().map(|shard| (shard.index.clone(), u64::from(shard.shard)));
            assert_eq!(never.collect::<BTreeSet<_>>(), expected, "{theirs}");
        }
    }
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Names, UUIDs, states, times, indices, data streams and shards, as the node has them.
async fn held(stage: &Stage, said: &[Value]) {
    let found = listed(&stage.location).await;
    assert_eq!(found.snapshots.len(), said.len(), "{found:?}");
    for theirs in said {
        let name = theirs["snapshot"].as_str().unwrap();
        let ours = found.snapshots.iter().find(|line| line.name == name).unwrap();
        assert_eq!(ours.state.as_deref(), theirs["state"].as_str(), "{theirs}");
        assert_eq!(Some(ours.uuid.as_str()), theirs["uuid"].as_str());
        assert_eq!(ours.indices, theirs["indices"].as_array().unwrap().len());
        assert_eq!(ours.shards.map(u64::from), theirs["shards"]["total"].as_u64());
        assert_eq!(ours.shards_successful.map(u64::from), theirs["shards"]["successful"].as_u64());
        assert_eq!(ours.started_at.map(Timestamp::as_millisecond), theirs["start_time_in_millis"].as_i64());
        assert_eq!(ours.ended_at.map(Timestamp::as_millisecond), theirs["end_time_in_millis"].as_i64());
        let detail =
            reader(&stage.location, async |loader, opened| snapshot(loader, opened, name, None).await.unwrap()).await;
        in_detail(&detail, theirs);
    }
}

fn in_detail(detail: &SnapshotDetail, theirs: &Value) {
    let names: BTreeSet<String> = detail.indices.iter().map(|index| index.name.clone()).collect();
    assert_eq!(names, texts(&theirs["indices"]), "{theirs}");
    assert_eq!(
        detail.data_streams.iter().cloned().collect::<BTreeSet<_>>(),
        texts(&theirs["data_streams"]),
        "{theirs}"
    );
    let shards: u32 = detail.indices.iter().map(|index| index.shards.unwrap()).sum();
    // OpenSearch counts no shards in a clone, and nor do its answers.
    assert!(detail.shards == shards || detail.shards == 0, "{shards}: {theirs}");
    assert_eq!(detail.failures.len(), theirs["failures"].as_array().map_or(0, Vec::len), "{theirs}");
}

/// Each snapshot's bytes are those of its `_status`, and all of them are those that lie in the folder.
async fn weighed(stage: &Stage, said: &[Value]) {
    let sizes = bytes_used(&stage.location).await;
    assert_eq!(sizes.unread, [""; 0]);
    assert_eq!(sizes.data_bytes, data_in(&stage.place), "{sizes:?}");
    for theirs in said {
        let name = theirs["snapshot"].as_str().unwrap();
        let used = sizes.snapshots.iter().find(|used| used.snapshot == name).unwrap();
        let status = stage.asked(&format!("{name}/_status")).await;
        // Elasticsearch 5 tells only what was new.
        if stage.node.major > 5 || stage.is_opensearch() {
            let bytes = status["snapshots"][0]["stats"]["total"]["size_in_bytes"].as_u64();
            assert_eq!(Some(used.total_bytes), bytes, "{name}: {status}");
        }
    }
}

/// Bytes of Lucene's files below a folder.
fn data_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let bytes = entries.map(|entry| {
        let metadata = entry.metadata().unwrap();
        let is_data = entry.file_name().to_str().unwrap().starts_with("__");
        if metadata.is_dir() {
            data_in(&entry.path())
        } else if is_data {
            metadata.len()
        } else {
            0
        }
    });
    bytes.sum()
}
