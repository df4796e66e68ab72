//! Each kind of blob, replaced by an older valid one of the same kind, as a copy that was made in haste or a bucket that was put
//! back in part leaves them: what is found, and a node's restore.

use crate::damage::{Blobs, VICTIM, a_restore_agrees};
use crate::stage::{Copied, Stage, nodes, verified};
use serde_json::json;
use snapkeep_repository::model::latest;
use snapkeep_repository::verify::{Effect, Finding, Kind, Level, Outcome};
use snapkeep_testbed::Testbed;
use std::path::{Path, PathBuf};

/// What the victim holds in the end.
const DOCUMENTS: u64 = 500 + 200;

/// A repository in which the victim was taken, deleted and taken again by the same name, and what it was the first time.
struct Scene {
    stage: Stage,
    indices: [String; 2],
    before: Copied,
}

impl Scene {
    async fn new(stage: Stage) -> Self {
        let indices = ["books", "papers"].map(|name| Testbed::shared().unique(name));
        for index in &indices {
            let body = json!({"settings": {"number_of_shards": 2, "number_of_replicas": 0}});
            assert_eq!(stage.node.put(&format!("/{index}"), body).await.0, 200);
            stage.node.load_documents(index, 200).await;
        }
        let body = json!({ "indices": indices.join(",") });
        stage.snapshot("first", body.clone()).await;
        stage.node.load_documents(&indices[0], 300).await;
        stage.snapshot(VICTIM, body.clone()).await;
        let before = stage.copy();
        stage.delete_snapshot(VICTIM).await;
        stage.node.load_documents(&indices[0], 500).await;
        let settings = json!({"index": {"refresh_interval": "7s"}});
        assert_eq!(stage.node.put(&format!("/{}/_settings", indices[0]), settings).await.0, 200);
        stage.snapshot("second", body.clone()).await;
        stage.snapshot(VICTIM, body).await;
        Self { stage, indices, before }
    }

    async fn blobs(&self, copied: &Copied) -> Blobs {
        Blobs::of(copied, &self.indices[0], &self.indices[1]).await
    }

    /// Puts an older blob in the place of one of a fresh copy; the findings must have one like that, or there must be none.
    async fn case(&self, old: Old) {
        let copied = self.stage.copy();
        let (target, older) = self.pair(old, &copied).await;
        let what = format!("{}: {old:?} {}", self.stage.node.name, target.display());
        assert_ne!(std::fs::read(&target).unwrap(), std::fs::read(&older).unwrap(), "{what}: it is the same one");
        std::fs::copy(&older, &target).unwrap();
        let report = verified(&copied.location(), Level::Checksums).await;
        match old.expected(&self.stage) {
            Some((kinds, effect)) => {
                let is_it = |finding: &Finding| kinds.contains(&finding.kind) && finding.effect == effect;
                assert!(report.findings.iter().any(is_it), "{what}: {:?}", report.findings);
                let outcome = if effect == Effect::Nothing { Outcome::Whole } else { Outcome::Damaged };
                assert_eq!(report.outcome, outcome, "{what}");
            }
            None => assert_eq!((&report.findings, report.outcome), (&vec![], Outcome::Whole), "{what}"),
        }
        a_restore_agrees(&self.stage, &copied, &report, DOCUMENTS, &what).await;
    }

    /// The blob, and the older one that takes its place.
    async fn pair(&self, old: Old, copied: &Copied) -> (PathBuf, PathBuf) {
        if let Old::Root | Old::Latest = old {
            let name =
                |copied: &Copied| if old == Old::Latest { "index.latest".to_owned() } else { newest(&copied.place) };
            return (copied.place.join(name(copied)), self.before.place.join(name(&self.before)));
        }
        let pick = |blobs: Blobs| match old {
            Old::SnapshotInfo => blobs.snapshot_info,
            Old::GlobalMetadata => blobs.global_metadata,
            Old::IndexMetadata => blobs.index_metadata,
            Old::ShardSnapshot => blobs.shard_snapshot,
            Old::ShardGeneration => blobs.shard_generation,
            _ => blobs.data,
        };
        (pick(self.blobs(copied).await), pick(self.blobs(&self.before).await))
    }
}

/// The name of the current `index-N`.
fn newest(place: &Path) -> String {
    format!("index-{}", latest(&std::fs::read(place.join("index.latest")).unwrap()).unwrap())
}

/// Which blob is an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Root,
    Latest,
    SnapshotInfo,
    GlobalMetadata,
    IndexMetadata,
    ShardSnapshot,
    ShardGeneration,
    Data,
}

const ALL: [Old; 8] = [
    Old::Root,
    Old::Latest,
    Old::SnapshotInfo,
    Old::GlobalMetadata,
    Old::IndexMetadata,
    Old::ShardSnapshot,
    Old::ShardGeneration,
    Old::Data,
];

impl Old {
    /// What is found, if anything tells it.
    fn expected(self, stage: &Stage) -> Option<(Vec<Kind>, Effect)> {
        match self {
            // It names the victim by the UUID that it had, whose blobs are gone.
            Self::Root => Some((vec![Kind::SnapshotInfo], Effect::Snapshot)),
            Self::Latest => Some((vec![Kind::Latest], Effect::Nothing)),
            // Such nodes look for the blobs that went with the deletion.
            Self::SnapshotInfo if stage.restores_what_it_says() || stage.is_before(6) => {
                Some((vec![Kind::Contents], Effect::Snapshot))
            }
            Self::SnapshotInfo => Some((vec![Kind::Contents], Effect::Later)),
            // They say nothing that tells them apart.
            Self::GlobalMetadata => None,
            // Before 7.9 nothing is recorded of what it should be.
            Self::IndexMetadata if stage.is_before(7) => None,
            Self::IndexMetadata => Some((vec![Kind::IndexMetadata], Effect::Later)),
            // Some of its files went with the deletion; 5.x gives their names to later ones.
            Self::ShardSnapshot => {
                Some((vec![Kind::MissingBlob, Kind::BlobLength, Kind::GenerationMismatch], Effect::Shard))
            }
            Self::ShardGeneration => Some((vec![Kind::NotInGeneration], Effect::Later)),
            Self::Data => Some((vec![Kind::BlobLength, Kind::AnotherBlob], Effect::Shard)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_an_older_one_is_found_and_a_restore_agrees() {
    for node in nodes() {
        let scene = Scene::new(Stage::on(node, json!({})).await).await;
        for old in ALL {
            scene.case(old).await;
        }
    }
}
