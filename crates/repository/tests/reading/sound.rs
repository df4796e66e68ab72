//! What must not be called whole, and what must not be called damaged: kept repositories of nodes, copied and changed.

use crate::damage::{DOCUMENTS, a_restore_agrees};
use crate::stage::{Stage, choice, nodes, reader, verified};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapkeep_core::{Code, Failure};
use snapkeep_repository::load::Loader;
use snapkeep_repository::open::Opened;
use snapkeep_repository::store::{Location, Settings, Store};
use snapkeep_repository::verify::{
    Choice, Effect, Finding, Journal, Kind, Level, Outcome, Report, Restores, Subject, Unwatched, estimate, verify,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const ES5: &str = "elasticsearch-5.6.16";
const ES7: &str = "elasticsearch-7.17.28";
const OS3: &str = "opensearch-3.3.0";

/// A copy that may be changed.
struct Kept {
    directory: TempDir,
}

impl Kept {
    fn new(name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/repositories").join(name);
        let directory = TempDir::new().unwrap();
        let copied = Command::new("cp").arg("-r").args([&from, &directory.path().join("r")]).status().unwrap();
        assert!(copied.success());
        Self { directory }
    }

    fn place(&self) -> PathBuf {
        self.directory.path().join("r")
    }

    fn location(&self) -> Location {
        Location::Folder(self.place())
    }

    /// The folder of the only shard.
    fn shard(&self) -> PathBuf {
        let index = fs::read_dir(self.place().join("indices")).unwrap().next().unwrap().unwrap();
        index.path().join("0")
    }

    /// Blobs with data, in the order of their names.
    fn data(&self) -> Vec<PathBuf> {
        let mut blobs: Vec<PathBuf> = fs::read_dir(self.shard()).unwrap().map(|entry| entry.unwrap().path()).collect();
        blobs.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("__"));
        blobs.sort();
        blobs
    }

    /// Changes the newest `index-N`, which is JSON without a checksum.
    fn change(&self, change: impl Fn(&mut Value)) {
        let path = self.place().join("index-1");
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut value);
        fs::write(&path, value.to_string()).unwrap();
    }

    async fn verified(&self, level: Level) -> Report {
        verified(&self.location(), level).await
    }

    async fn chosen(&self, choice: &Choice) -> Result<Report, Failure> {
        reader(&self.location(), async |loader, opened| verify(loader, opened, choice, None, &Unwatched).await).await
    }

    /// With a file to go on from.
    async fn resumed(&self, file: &Path) -> Report {
        let choice = choice(Level::Checksums);
        reader(&self.location(), async |loader, opened| {
            let subject = Subject::of(loader.store, opened, &choice);
            let journal = Journal::open(file, &subject, &self.location(), Timestamp::UNIX_EPOCH).unwrap();
            verify(loader, opened, &choice, Some(&journal), &Unwatched).await.unwrap()
        })
        .await
    }
}

/// Kind, effect and the blob's name of each finding.
fn told(report: &Report) -> Vec<(Kind, Effect, &str)> {
    fn one(found: &Finding) -> (Kind, Effect, &str) {
        (found.kind, found.effect, found.blob.as_deref().unwrap().rsplit('/').next().unwrap())
    }
    report.findings.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_run_that_ended_hides_neither_a_loss_nor_its_mending() {
    let kept = Kept::new(ES7);
    let file = kept.directory.path().join("run.jsonl");
    assert_eq!(kept.resumed(&file).await.outcome, Outcome::Whole);
    let (blob, away) = (kept.data()[0].clone(), kept.directory.path().join("away"));
    fs::rename(&blob, &away).unwrap();
    let report = kept.resumed(&file).await;
    assert_eq!((report.outcome, report.resumed_shards), (Outcome::Damaged, 0), "{report:?}");
    fs::rename(&away, &blob).unwrap();
    assert_eq!(kept.resumed(&file).await.outcome, Outcome::Whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cut_off_goes_on_and_says_what_it_did_not_look_at() {
    let kept = Kept::new(ES7);
    let file = kept.directory.path().join("run.jsonl");
    kept.resumed(&file).await;
    // Without its last line nothing says that there was a verdict.
    let text = fs::read_to_string(&file).unwrap();
    let cut = text.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    fs::write(&file, &cut).unwrap();
    let report = kept.resumed(&file).await;
    assert_eq!((report.resumed_shards, report.resumed_since), (1, Some(Timestamp::UNIX_EPOCH)));
    assert_eq!(report.totals.files_read, report.totals.files);
    // Another repository in the same place, of the same generation.
    fs::write(&file, &cut).unwrap();
    kept.change(|data| data["uuid"] = json!("another"));
    assert_eq!(kept.resumed(&file).await.resumed_shards, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_generation_is_damage_although_the_one_before_is_sound() {
    let kept = Kept::new(ES5);
    fs::remove_file(kept.place().join("index-1")).unwrap();
    let report = kept.verified(Level::Blobs).await;
    assert!(told(&report).contains(&(Kind::Latest, Effect::Later, "index.latest")), "{report:?}");
    assert_eq!(report.outcome, Outcome::Damaged);
    // What it alone knew is told of, too.
    let kept = Kept::new(ES5);
    fs::remove_file(kept.place().join("index-1")).unwrap();
    fs::remove_file(kept.place().join("index.latest")).unwrap();
    let newer = fs::read_dir(kept.place()).unwrap().map(|entry| entry.unwrap().path());
    for blob in newer.filter(|path| path.extension().is_some_and(|end| end == "dat")) {
        let bytes = fs::read(&blob).unwrap();
        fs::write(&blob, bytes).unwrap();
    }
    let report = kept.verified(Level::Blobs).await;
    assert!(told(&report).iter().any(|found| found.0 == Kind::UnknownSnapshot), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn older_generations_are_read_and_hurt_nobody() {
    let kept = Kept::new(ES5);
    fs::write(kept.place().join("index-0"), "{\"snapshots\":").unwrap();
    let report = kept.verified(Level::Metadata).await;
    assert_eq!(told(&report), [(Kind::OlderGeneration, Effect::Nothing, "index-0")]);
    assert_eq!(kept.verified(Level::Blobs).await.outcome, Outcome::Whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_looked_at_is_not_called_whole() {
    let kept = Kept::new(ES7);
    kept.data().iter().for_each(|blob| fs::remove_file(blob).unwrap());
    let report = kept.verified(Level::Metadata).await;
    assert_eq!((report.outcome, report.choice.level), (Outcome::NothingFound, Level::Metadata));
    assert!(report.snapshots.iter().all(|snapshot| snapshot.restores == Restores::NothingFound), "{report:?}");
    // A selection in which there is nothing.
    let kept = Kept::new(ES7);
    let second = serde_json::from_slice::<Value>(&fs::read(kept.place().join("index-1")).unwrap()).unwrap();
    let second = second["snapshots"].as_array().unwrap().iter().find(|one| one["name"] == "second").unwrap().clone();
    kept.change(|data| data["indices"]["notes"]["snapshots"] = json!([second["uuid"]]));
    let only = |snapshot: &str| Choice {
        snapshots: vec![snapshot.to_owned()],
        indices: vec!["notes".to_owned()],
        ..choice(Level::Blobs)
    };
    assert_eq!(kept.chosen(&only("first")).await.unwrap_err().code, Code::BadEvent);
    let report = kept.chosen(&only("second")).await.unwrap();
    assert_eq!((report.outcome, report.totals.shards), (Outcome::NothingFound, 1), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_is_not_known_is_not_called_whole() {
    let kept = Kept::new(ES7);
    kept.change(|data| data["min_version"] = json!("99.0.0"));
    let report = kept.verified(Level::Blobs).await;
    assert_eq!(told(&report), [(Kind::NewerFormat, Effect::Unknown, "index-1")]);
    assert_eq!((report.outcome, report.failure().unwrap().code), (Outcome::Unread, Code::Inconclusive));
    // No server reads on behind a state that it does not know.
    let kept = Kept::new(ES7);
    kept.change(|data| data["snapshots"][0]["state"] = json!(9));
    let store = Store::open(kept.location(), &Settings::default()).unwrap();
    let failure = Opened::open(&Loader::new(&store)).await.map(drop).unwrap_err();
    assert_eq!(failure.code, Code::DamageFound, "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_listed_does_not_end_the_estimate() {
    let kept = Kept::new(ES7);
    let nowhere = Location::S3 {
        bucket: "b".into(),
        prefix: String::new(),
        region: None,
        endpoint: Some("http://127.0.0.1:1".into()),
    };
    let store = Store::open(nowhere, &Settings { retries: 1, ..Settings::default() }).unwrap();
    let unreachable = Loader::new(&store);
    reader(&kept.location(), async |loader, opened| {
        let choice = choice(Level::Checksums);
        assert_eq!(estimate(&unreachable, opened, &choice).await.bytes, Some(0));
        assert!(estimate(loader, opened, &choice).await.bytes > Some(8_000));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_found_without_their_companion_blob() {
    let companion = |kept: &Kept| {
        let folder = kept.place().join("snapshot_shard_paths");
        fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    };
    let hurts_later = |report: &Report, blob: &Path, at: &str| {
        let told: Vec<_> = report.findings.iter().map(|found| (found.kind, found.effect, found.blob.clone())).collect();
        assert_eq!(told.len(), 1, "{at}: {report:?}");
        assert_eq!((told[0].0, told[0].1), (Kind::ShardPaths, Effect::Later), "{at}");
        let name = blob.file_name().unwrap().to_str().unwrap();
        assert!(at == "removed" || told[0].2.as_deref().unwrap().ends_with(name), "{at}: {told:?}");
        assert!(report.snapshots.iter().all(|snapshot| snapshot.restores == Restores::Whole), "{at}: {report:?}");
        assert_eq!((report.outcome, report.totals.shards), (Outcome::Damaged, 1), "{at}");
    };
    let kept = Kept::new(OS3);
    let blob = companion(&kept);
    let text = fs::read(&blob).unwrap();
    fs::remove_file(&blob).unwrap();
    hurts_later(&kept.verified(Level::Checksums).await, &blob, "removed");
    // JSON without a checksum: another hash, where nothing is.
    let at = text.windows(6).position(|part| part == b"X01110").unwrap();
    let mut flipped = text.clone();
    flipped[at + 3] ^= 1;
    fs::write(&blob, flipped).unwrap();
    hurts_later(&kept.verified(Level::Blobs).await, &blob, "flipped");
    fs::write(&blob, &text[..text.len() / 2]).unwrap();
    hurts_later(&kept.verified(Level::Blobs).await, &blob, "truncated");
    fs::write(&blob, &text).unwrap();
    // And a shard that is nowhere is lost, as ever.
    let hash = fs::read_dir(kept.place()).unwrap().map(|entry| entry.unwrap().path());
    let hash = hash.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("X0")).unwrap();
    fs::remove_dir_all(hash).unwrap();
    let report = kept.verified(Level::Blobs).await;
    assert!(report.snapshots.iter().all(|snapshot| snapshot.restores == Restores::Without), "{report:?}");
}

/// Indices that all lack their companion blob: hashed folders are listed once for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn lost_companion_blobs_cost_listings_by_the_index() {
    let listed = async |indices: usize| {
        let kept = Kept::new(OS3);
        fs::remove_dir_all(kept.place().join("snapshot_shard_paths")).unwrap();
        let id = fs::read_dir(kept.place().join("indices")).unwrap().next().unwrap().unwrap().file_name();
        let id = id.to_str().unwrap().to_owned();
        for number in 1..indices {
            let (other, hash) = (format!("other{number}"), format!("X{number:014b}"));
            fs::create_dir_all(kept.place().join(&hash).join("indices")).unwrap();
            for (from, to) in [
                (format!("indices/{id}"), format!("indices/{other}")),
                (format!("X01110001011100/indices/{id}"), format!("{hash}/indices/{other}")),
            ] {
                let copied = Command::new("cp").arg("-r").args([from, to]).current_dir(kept.place()).status().unwrap();
                assert!(copied.success());
            }
            kept.change(|data| {
                let mut entry = data["indices"]["notes"].clone();
                entry["id"] = json!(other);
                data["indices"][&other] = entry;
                for snapshot in data["snapshots"].as_array_mut().unwrap() {
                    let identifier = snapshot["index_metadata_lookup"][&id].clone();
                    snapshot["index_metadata_lookup"][&other] = identifier;
                }
            });
        }
        let report = kept.verified(Level::Blobs).await;
        let lost = report.findings.iter().filter(|finding| finding.kind == Kind::ShardPaths);
        assert!(lost.clone().all(|finding| finding.effect == Effect::Later), "{report:?}");
        assert_eq!((lost.count(), report.totals.shards), (indices, indices as u64), "{report:?}");
        report.counts.lists
    };
    let [two, four, eight] = [listed(2).await, listed(4).await, listed(8).await];
    assert_eq!(eight - four, 2 * (four - two), "{two} {four} {eight}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_beyond_an_indexs_own_count_are_told() {
    let kept = Kept::new(ES7);
    let push = |generation: &'static str| {
        kept.change(|data| {
            data["indices"]["notes"]["shard_generations"].as_array_mut().unwrap().push(json!(generation));
        });
    };
    push("_deleted");
    assert_eq!(kept.verified(Level::Blobs).await.findings, []);
    push("RnBnzLdfR5q2kVx9zVYZAw");
    let report = kept.verified(Level::Blobs).await;
    assert_eq!(told(&report), [(Kind::Contents, Effect::Nothing, "index-1")]);
    assert_eq!(report.outcome, Outcome::Whole);
}

/// A snapshot's own blob of a shard: at `metadata` it has to be there, from `blobs` on it has to be right.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshots_blob_of_a_shard_is_opened_from_blobs_on() {
    for name in [ES5, ES7] {
        let kept = Kept::new(name);
        let whole = kept.verified(Level::Metadata).await;
        assert_eq!((whole.outcome, whole.totals.shards), (Outcome::NothingFound, 1), "{name}: {whole:?}");
        let deep = kept.verified(Level::Blobs).await;
        assert_eq!(whole.totals.bytes, deep.totals.bytes, "{name}: the shard's list names the same files");
        assert_eq!(deep.counts.gets - whole.counts.gets, 2, "{name}: one for each snapshot");
        let blobs = fs::read_dir(kept.shard()).unwrap().map(|entry| entry.unwrap().path());
        let is_snapshot = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("snap-");
        let blob = blobs.filter(is_snapshot).min().unwrap();
        let blob_name = blob.file_name().unwrap().to_str().unwrap();
        let bytes = fs::read(&blob).unwrap();
        fs::write(&blob, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(kept.verified(Level::Metadata).await.findings, [], "{name}");
        let expected = [(Kind::ShardSnapshot, Effect::Shard, blob_name)];
        assert_eq!(told(&kept.verified(Level::Blobs).await), expected, "{name}");
        fs::remove_file(&blob).unwrap();
        for level in [Level::Metadata, Level::Blobs] {
            let report = kept.verified(level).await;
            assert_eq!((told(&report), report.outcome), (expected.to_vec(), Outcome::Damaged), "{name} {level:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_snapshot_names_is_counted() {
    let kept = Kept::new(ES7);
    fs::write(kept.shard().join("__nobodys"), "x").unwrap();
    fs::write(kept.shard().join("__nobodys.part1"), "x").unwrap();
    let report = kept.verified(Level::Blobs).await;
    assert_eq!((report.outcome, report.totals.unreferenced), (Outcome::Whole, 2));
    assert_eq!((report.findings[0].kind, report.findings[0].effect), (Kind::Unreferenced, Effect::Nothing));
    assert_eq!(kept.verified(Level::Metadata).await.findings, []);
}

/// Nodes compute the hash: what the companion blob says is for others.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_restores_without_companion_blobs() {
    for node in nodes().filter(|node| node.name.starts_with("opensearch-3")) {
        let stage = Stage::on(node, json!({})).await;
        stage.history().await;
        let copied = stage.copy();
        fs::remove_dir_all(copied.place.join("snapshot_shard_paths")).unwrap();
        let report = verified(&copied.location(), Level::Checksums).await;
        assert!(report.findings.iter().all(|found| found.kind == Kind::ShardPaths && found.effect == Effect::Later));
        assert_eq!((report.outcome, report.findings.len()), (Outcome::Damaged, 2), "{report:?}");
        assert!(report.snapshots.iter().all(|snapshot| snapshot.restores == Restores::Whole), "{report:?}");
        a_restore_agrees(&stage, &copied, &report, DOCUMENTS, &node.name).await;
    }
}
