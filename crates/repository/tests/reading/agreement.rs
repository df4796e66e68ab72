//! Healthy repositories: no false alarm, and the same as the cluster says.

use crate::stage::{Stage, nodes, verified};
use serde_json::json;
use snapkeep_repository::verify::{Level, Outcome, Restores};

#[tokio::test(flavor = "multi_thread")]
async fn healthy_repositories_are_whole_at_every_level() {
    for node in nodes() {
        for settings in [json!({}), json!({"compress": true, "chunk_size": "10kb"}), json!({"compress": false})] {
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
        }
    }
}
