//! Snapshots of a node whose indices are in a remote store: what a repository holds of them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use snapkeep_repository::model::{BlobName, Remote, ShallowShardSnapshot};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Node, NodeHandle, NodeOptions, release};
use tempfile::TempDir;

use crate::stage::Stage;
use crate::whole::{Whole, blobs, fine, plain};

/// The settings of a node with segments, translog and state in a remote store in that folder.
fn settings(folder: &Path) -> Vec<(String, String)> {
    let stores = ["segment", "translog", "state"].map(|kind| format!("node.attr.remote_store.{kind}.repository"));
    let repository = "node.attr.remote_store.repository.remote";
    let mut all: Vec<_> = stores.into_iter().map(|name| (name, "remote".to_owned())).collect();
    all.push((format!("{repository}.type"), "fs".to_owned()));
    all.push((format!("{repository}.settings.location"), folder.display().to_string()));
    all.push(("cluster.remote_store.state.enabled".to_owned(), "true".to_owned()));
    all.push(("cluster.remote_store.pinned_timestamps.enabled".to_owned(), "true".to_owned()));
    all
}

fn start(folder: &Path) -> Node {
    let release = release::RELEASES.iter().find(|release| release.name == "opensearch-3.3.0").unwrap();
    let repositories = folder.join("repositories");
    let settings = settings(&repositories.join("remote"));
    let options = NodeOptions { repo_dir: Some(repositories), settings, ..NodeOptions::default() };
    Node::start(release, &options, &Quiet).unwrap()
}

async fn snapshot_on(node: &'static NodeHandle, settings: Value, index: &str) -> Stage {
    let stage = Stage::at(node, settings, "unused", index).await;
    stage.make_notes().await;
    // Only one of everything is pinned to a timestamp.
    stage.snapshot("one", &[]).await;
    stage
}

#[tokio::test]
async fn snapshots_of_a_remote_store_are_known_as_such() {
    let folder = TempDir::new().unwrap();
    // The node's user is another.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let node = start(folder.path());
    let handle: &'static NodeHandle = Box::leak(Box::new(NodeHandle::of(&node)));

    let shallow = snapshot_on(handle, json!({"remote_store_index_shallow_copy": true}), "shallow").await;
    let (data, info) = root(&shallow);
    assert_eq!(info, Remote::ShallowCopy);
    let found: Vec<_> = data
        .iter()
        .filter_map(|(path, blob)| match BlobName::parse(plain(path)) {
            BlobName::ShallowShardSnapshot { .. } => Some(fine(path, ShallowShardSnapshot::parse(blob))),
            _ => None,
        })
        .collect();
    assert_eq!(found.len(), 1, "{:?}", data.keys());
    assert_eq!((found[0].name.as_str(), found[0].remote_store_repository.as_str()), ("one", "remote"));
    assert!(!found[0].file_names.is_empty());

    let pinned =
        snapshot_on(handle, json!({"remote_store_index_shallow_copy": true, "shallow_snapshot_v2": true}), "pinned")
            .await;
    assert!(matches!(root(&pinned).1, Remote::PinnedTimestamp { millis } if millis > 0));
}

/// The repository's blobs, and what its one snapshot says of the remote store.
fn root(stage: &Stage) -> (crate::whole::Blobs, Remote) {
    let whole = Whole::read(&stage.folder);
    let info = &whole.snapshots[&*whole.snapshot("one").uuid];
    (blobs(&stage.folder), info.remote.expect("a remote store"))
}
