//! Healthy repositories: no false alarm, and the same as the cluster says.

use crate::stage::{Stage, nodes, reader, verified};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapkeep_repository::inspect::{Contents, contents, diff, snapshot};
use snapkeep_repository::orphans::{Kind, Orphans, Rule, orphans};
use snapkeep_repository::store::Location;
use snapkeep_repository::usage::{Prices, Usage, usage};
use snapkeep_repository::verify::{Level, Outcome, Restores};
use std::collections::BTreeMap;
use std::fs::FileTimes;
use std::time::{Duration, SystemTime};

#[tokio::test(flavor = "multi_thread")]
async fn healthy_repositories_are_whole_at_every_level() {
    for node in nodes() {
        let deep = json!({"base_path": "deep/er"});
        // Elasticsearch's folders have no base path.
        let deep = if node.name.starts_with("opensearch-3") { deep } else { json!({"compress": false}) };
        for settings in [json!({}), json!({"compress": true, "chunk_size": "10kb"}), deep] {
            let stage = Stage::on(node, settings.clone()).await;
            stage.history().await;
            for level in [Level::Metadata, Level::Blobs, Level::Checksums] {
                let report = verified(&stage.location, level).await;
                assert_eq!(report.findings, [], "{} {settings} {level:?}", node.name);
                assert_eq!(report.outcome, Outcome::Whole);
                assert!(report.snapshots.iter().all(|snapshot| snapshot.restores == Restores::Whole));
                assert_eq!(report.totals.shards, 4, "{report:?}");
                assert_eq!(report.totals.files_read > 0, level == Level::Checksums);
            }
            let found = leftovers(&stage.location).await;
            assert_eq!(
                (found.orphans, found.undecided, found.running, found.foreign),
                (vec![], vec![], false, 0),
                "{}",
                node.name
            );
        }
    }
}

async fn listed(location: &Location) -> Contents {
    reader(location, async |loader, opened| contents(loader, opened).await).await
}

async fn weighed(location: &Location) -> Usage {
    reader(location, async |loader, opened| usage(loader, opened, &Prices::with(&[])).await.unwrap()).await
}

async fn leftovers(location: &Location) -> Orphans {
    reader(location, async |loader, opened| orphans(loader, opened).await.unwrap()).await
}

/// Bytes of a snapshot's files by the node's `_status`, where it says them.
fn status_bytes(answer: &Value) -> Option<u64> {
    answer["snapshots"][0]["stats"]["total"]["size_in_bytes"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_and_weighed_is_what_the_cluster_says() {
    for node in nodes() {
        let stage = Stage::on(node, json!({})).await;
        let indices = stage.history().await;
        let found = listed(&stage.location).await;
        let sizes = weighed(&stage.location).await;
        let said = stage.asked("_all").await;
        let said = said["snapshots"].as_array().unwrap();
        assert_eq!(found.snapshots.len(), said.len(), "{}", node.name);
        for theirs in said {
            let name = theirs["snapshot"].as_str().unwrap();
            let ours = found.snapshots.iter().find(|line| line.name == name).unwrap();
            assert_eq!(ours.state.as_deref(), theirs["state"].as_str(), "{} {name}", node.name);
            assert_eq!(Some(ours.uuid.as_str()), theirs["uuid"].as_str());
            assert_eq!(ours.indices, theirs["indices"].as_array().unwrap().len());
            assert_eq!(ours.shards.map(u64::from), theirs["shards"]["total"].as_u64());
            assert_eq!(ours.shards_successful.map(u64::from), theirs["shards"]["successful"].as_u64());
            assert_eq!(ours.started_at.map(Timestamp::as_millisecond), theirs["start_time_in_millis"].as_i64());
            let status = stage.asked(&format!("{name}/_status")).await;
            let used = sizes.snapshots.iter().find(|used| used.snapshot == name).unwrap();
            if node.major > 5 {
                assert_eq!(Some(used.total_bytes), status_bytes(&status), "{} {name}: {status}", node.name);
            }
        }
        let detail = reader(&stage.location, async |loader, opened| {
            snapshot(loader, opened, "third", Some(&indices[0])).await.unwrap()
        })
        .await;
        let index = &detail.indices[0];
        assert_eq!((index.shards, index.replicas, index.files.len()), (Some(2), Some(0), 2), "{}", node.name);
        assert_eq!(index.settings.as_ref().unwrap()["index.number_of_shards"], "2");
        assert!(!index.mappings.as_ref().unwrap().is_empty(), "{index:?}");
        let changed =
            reader(&stage.location, async |loader, opened| diff(loader, opened, "first", "third").await.unwrap()).await;
        let by_name: BTreeMap<&str, _> = changed.indices.iter().map(|line| (line.index.as_str(), line)).collect();
        assert!(
            by_name[indices[0].as_str()].added_bytes > 0 && by_name[indices[1].as_str()].added_bytes == 0,
            "{changed:?}"
        );
    }
}

/// What a delete frees is what was told before.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_frees_what_was_said() {
    for node in nodes() {
        let stage = Stage::on(node, json!({})).await;
        stage.history().await;
        let before = weighed(&stage.location).await;
        stage.delete_snapshot("third").await;
        let after = weighed(&stage.location).await;
        assert_eq!(before.data_bytes - before.freed(&["third"]), after.data_bytes, "{}: {before:?}", node.name);
    }
}

/// Blobs that nothing needs are told by their rule, unless they are as new as the generation.
#[tokio::test(flavor = "multi_thread")]
async fn leftovers_are_told_and_what_is_new_is_not() {
    for node in nodes() {
        let stage = Stage::on(node, json!({})).await;
        stage.history().await;
        let copied = stage.copy();
        let folder = std::fs::read_dir(copied.place.join("indices")).unwrap().next().unwrap().unwrap().path();
        let old = SystemTime::now() - Duration::from_secs(1_000_000);
        let plant = |path: &std::path::Path, at: SystemTime| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"left").unwrap();
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_times(FileTimes::new().set_modified(at)).unwrap();
        };
        plant(&copied.place.join("snap-AAAAAAAAAAAAAAAAAAAAAA.dat"), old);
        plant(&copied.place.join("indices/BBBBBBBBBBBBBBBBBBBBBB/0/__x"), old);
        plant(&folder.join("meta-CCCC.dat"), old);
        plant(&copied.place.join("tests-abc/master.dat"), old);
        let found = leftovers(&copied.location()).await;
        let kinds: Vec<_> = found.orphans.iter().map(|orphan| (orphan.kind, orphan.rule)).collect();
        for expected in [
            (Kind::Snapshot, Rule::UnknownSnapshot),
            (Kind::Index, Rule::UnknownIndex),
            (Kind::IndexMetadata, Rule::Unreferenced),
            (Kind::Verification, Rule::Leftover),
        ] {
            assert!(kinds.contains(&expected), "{}: {expected:?} {kinds:?}", node.name);
        }
        assert_eq!((found.orphans.len(), found.running), (4, false), "{}", node.name);
        plant(&folder.join("meta-DDDD.dat"), SystemTime::now() + Duration::from_secs(60));
        let found = leftovers(&copied.location()).await;
        assert_eq!((found.orphans.len(), found.running, found.newer), (0, true, 1));
    }
}
