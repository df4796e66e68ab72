//! What fresh repositories say is what the node that wrote them says.

use crate::stage::Stage;
use crate::whole::{Whole, is_sealed};
use serde_json::{Value, json};
use snapkeep_repository::model::SnapshotEntry;
use snapkeep_testbed::{Product, Release, release};

async fn repository_on(release: &Release, settings: Value) -> (Stage, Whole) {
    let stage = Stage::new(release, settings).await;
    stage.make_indices().await;
    let (books, notes) = (stage.books.clone(), stage.notes.clone());
    stage.snapshot("first", &[&books]).await;
    stage.node.load_documents(&books, 400).await;
    stage.snapshot("gone", &[&books, &notes]).await;
    if !stage.is_before(7) {
        stage.close_notes().await;
    }
    stage.snapshot("second", &[&books, &notes]).await;
    stage.delete_snapshot("gone").await;
    let whole = Whole::read(&stage.folder);
    (stage, whole)
}

async fn agrees_on(release: &Release, settings: Value) {
    let (stage, whole) = repository_on(release, settings).await;
    whole.is_sound();
    assert_eq!(whole.names(), ["first", "second"], "{}", release.name);
    let listed = stage.get(&format!("/_snapshot/{}/_all", stage.repository)).await;
    for snapshot in &whole.data.snapshots {
        let said =
            listed["snapshots"].as_array().unwrap().iter().find(|said| said["snapshot"] == snapshot.name).unwrap();
        info_agrees(&whole, snapshot, said);
        sizes_agree(&stage, &whole, snapshot).await;
    }
    metadata_agrees(&stage, &whole).await;
    stage.clean_up().await;
}

/// With the answer to `GET _snapshot`.
fn info_agrees(whole: &Whole, snapshot: &SnapshotEntry, said: &Value) {
    let info = &whole.snapshots[&*snapshot.uuid];
    let mut indices = info.indices.clone();
    let mut said_indices: Vec<String> = serde_json::from_value(said["indices"].clone()).unwrap();
    indices.sort();
    said_indices.sort();
    assert_eq!(indices, said_indices);
    assert_eq!(json!(info.uuid), said["uuid"]);
    assert_eq!(json!(info.state), said["state"]);
    assert_eq!(json!(info.version_id), said["version_id"]);
    assert_eq!(
        json!([info.start_millis, info.end_millis]),
        json!([said["start_time_in_millis"], said["end_time_in_millis"]])
    );
    assert_eq!(
        json!([info.total_shards, info.successful_shards]),
        json!([said["shards"]["total"], said["shards"]["successful"]])
    );
    assert_eq!((info.failures.len(), info.remote), (0, None));
    if let Some(global) = said.get("include_global_state") {
        assert_eq!(&json!(info.include_global_state), global);
    }
    assert_eq!(info.metadata.as_ref(), said.get("metadata"));
    if let Some(state) = snapshot.state {
        assert_eq!(serde_json::to_value(state).unwrap(), said["state"]);
    }
    if let (Some(start), Some(end)) = (snapshot.start_millis, snapshot.end_millis) {
        assert_eq!((start, end), (info.start_millis, info.end_millis));
    }
}

/// With the sums of `_status`, where it tells totals (6.4).
async fn sizes_agree(stage: &Stage, whole: &Whole, snapshot: &SnapshotEntry) {
    let status = stage.get(&format!("/_snapshot/{}/{}/_status", stage.repository, snapshot.name)).await;
    let said = &status["snapshots"][0]["stats"]["total"];
    let (mut files, mut bytes) = (0_u64, 0);
    for index in &whole.snapshots[&*snapshot.uuid].indices {
        for shard in 0..whole.index(snapshot, index).shards {
            let of_shard = whole.shard_snapshot(snapshot, index, usize::try_from(shard).unwrap());
            files += of_shard.files.len() as u64;
            bytes += of_shard.files.iter().map(|file| file.length).sum::<u64>();
        }
    }
    assert!(files > 0 && bytes > 0);
    if said.is_object() {
        assert_eq!(json!([files, bytes]), json!([said["file_count"], said["size_in_bytes"]]), "{status}");
    }
}

/// With the index as it is: nothing changed it since.
async fn metadata_agrees(stage: &Stage, whole: &Whole) {
    let books = &stage.books;
    let second = whole.snapshot("second");
    let metadata = whole.index(second, books);
    let told = stage.get(&format!("/{books}?flat_settings=true")).await;
    let told = &told[books];
    assert_eq!((metadata.shards, metadata.replicas, metadata.state.as_str()), (2, 0, "open"));
    assert_eq!(json!(metadata.uuid), told["settings"]["index.uuid"]);
    assert_eq!(json!(metadata.settings), told["settings"]);
    let mapping = if stage.is_before(7) { &told["mappings"]["doc"] } else { &told["mappings"] };
    let (_, stored) = metadata.mappings.first_key_value().unwrap();
    assert_eq!(stored, mapping);
    for alias in ["all-of-it", "again"] {
        let (read, told) = (&metadata.aliases[alias], &told["aliases"][alias]);
        assert_eq!([&read["filter"], &read["index_routing"]], [&told["filter"], &told["index_routing"]]);
    }
    let notes = whole.index(second, &stage.notes);
    assert_eq!((notes.shards, notes.state.as_str()), (1, if stage.is_before(7) { "open" } else { "close" }));
    let global = &whole.global[&*second.uuid];
    let told = stage.get("/_cluster/state/metadata?filter_path=metadata.cluster_uuid").await;
    assert_eq!(json!(global.cluster_uuid), told["metadata"]["cluster_uuid"]);
    assert!(global.sections.contains_key("templates"), "{:?}", global.sections.keys());
}

/// Whether any blob's body is compressed with this.
fn holds(whole: &Whole, start: &[u8]) -> bool {
    let bodies = whole.blobs.iter().filter(|(path, _)| is_sealed(path));
    let mut bodies = bodies.map(|(_, blob)| &blob[..blob.len().min(64)]);
    bodies.any(|blob| blob.windows(start.len()).any(|window| window == start))
}

#[tokio::test]
async fn every_version_s_repositories_are_read_as_the_node_reads_them() {
    for release in release::of_this_run() {
        for is_compressed in [false, true] {
            agrees_on(release, json!({"compress": is_compressed, "chunk_size": "1kb"})).await;
        }
    }
}

#[tokio::test]
async fn compression_is_what_the_repository_s_setting_says() {
    for release in release::of_this_run() {
        for is_compressed in [false, true] {
            let stage = Stage::new(release, json!({"compress": is_compressed})).await;
            stage.make_notes().await;
            stage.snapshot("one", &[&stage.notes]).await;
            let whole = Whole::read(&stage.folder);
            whole.is_sound();
            assert_eq!(holds(&whole, b"DFL\0"), is_compressed, "{}", release.name);
            stage.clean_up().await;
        }
    }
}

/// OpenSearch can write zstd, where it is asked to.
#[tokio::test]
async fn zstd_is_read() {
    for release in
        release::of_this_run().iter().filter(|release| release.product == Product::OpenSearch && release.major > 1)
    {
        let stage = Stage::new(release, json!({"compress": true, "compression_type": "zstd"})).await;
        stage.make_indices().await;
        stage.snapshot("one", &[&stage.books]).await;
        let whole = Whole::read(&stage.folder);
        whole.is_sound();
        assert!(holds(&whole, b"ZSTD\0"), "{}", release.name);
        stage.clean_up().await;
    }
}

/// Writes the kept repositories anew, where `SNAPKEEP_KEEP` is set; `SNAPKEEP_MATRIX=1` is needed for all of them.
#[tokio::test]
async fn keep() {
    if std::env::var_os("SNAPKEEP_KEEP").is_none() {
        return;
    }
    for release in release::of_this_run() {
        let kept = [("", json!({})), ("-compressed", json!({"compress": true}))];
        let both = ["elasticsearch-5.6.16", "elasticsearch-7.17.28", "opensearch-3.3.0"].contains(&release.name);
        for (ending, settings) in kept.into_iter().take(if both { 2 } else { 1 }) {
            let stage = Stage::named(release, settings, "books", "notes").await;
            stage.make_notes().await;
            stage.snapshot("first", &["notes"]).await;
            stage.node.load_documents("notes", 4).await;
            stage.snapshot("second", &["notes"]).await;
            let folder = crate::fixtures::folder().join(format!("{}{ending}", release.name));
            let _ = std::fs::remove_dir_all(&folder);
            for (path, blob) in crate::whole::blobs(&stage.folder) {
                let path = folder.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, blob).unwrap();
            }
            stage.clean_up().await;
        }
    }
}
