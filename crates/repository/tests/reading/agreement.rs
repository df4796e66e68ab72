//! Healthy repositories: no false alarm, and the same as the cluster says.

use crate::agree::{agrees, bytes_used, leftovers};
use crate::stage::{Stage, nodes, reader};
use serde_json::json;
use snapkeep_repository::inspect::{diff, snapshot};
use snapkeep_repository::orphans::{Kind, Rule};
use snapkeep_testbed::Product;
use std::collections::BTreeMap;
use std::fs::FileTimes;
use std::time::{Duration, SystemTime};

/// As nodes make them by default, in many parts and compressed, and below a base path.
#[tokio::test(flavor = "multi_thread")]
async fn healthy_repositories_are_whole_and_what_the_cluster_says() {
    for node in nodes() {
        let small = json!({"compress": true, "chunk_size": "10kb"});
        let mut all = vec![json!({}), json!({"compress": false}), small];
        // The folders of Elasticsearch and OpenSearch 1 have no base path.
        if node.product == Product::OpenSearch && node.major > 1 {
            all.push(json!({"base_path": "deep"}));
            all.push(json!({"base_path": "deep/er/still"}));
        }
        for settings in all {
            let stage = Stage::on(node, settings).await;
            stage.history().await;
            let reports = agrees(&stage).await;
            assert!(reports.iter().all(|report| report.totals.shards == 4), "{reports:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_told_in_full_and_what_changed() {
    for node in nodes() {
        let stage = Stage::on(node, json!({})).await;
        let indices = stage.history().await;
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
        let before = bytes_used(&stage.location).await;
        stage.delete_snapshot("third").await;
        let after = bytes_used(&stage.location).await;
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
