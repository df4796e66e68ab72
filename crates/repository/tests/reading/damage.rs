//! Each kind of blob, damaged in each way: the finding names the blob and whom it hurts, and a node's restore agrees.

use crate::stage::{Copied, Restored, Stage, nodes, verified};
use serde_json::json;
use snapkeep_core::Code;
use snapkeep_repository::load::Loader;
use snapkeep_repository::model::{BlobName, RepositoryData, ShardIndex, ShardSnapshot, latest};
use snapkeep_repository::open::Opened;
use snapkeep_repository::places::{Companions, Places};
use snapkeep_repository::store::{Settings, Store};
use snapkeep_repository::verify::{Effect, Finding, Kind, Level, Outcome, Report, Restores};
use std::fs;
use std::path::{Path, PathBuf};

/// The snapshot that is restored.
pub(crate) const VICTIM: &str = "third";

/// What it holds.
pub(crate) const DOCUMENTS: u64 = 500 + 300;

/// What is done to a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Remove,
    Truncate,
    Flip,
    Empty,
    /// Another valid blob of its kind takes its place.
    Swap,
}

const HARMS: [Harm; 5] = [Harm::Remove, Harm::Truncate, Harm::Flip, Harm::Empty, Harm::Swap];

/// A blob of each kind that the victim's restore may need.
pub(crate) struct Blobs {
    pub(crate) snapshot_info: PathBuf,
    pub(crate) global_metadata: PathBuf,
    pub(crate) index_metadata: PathBuf,
    pub(crate) shard_snapshot: PathBuf,
    pub(crate) shard_generation: PathBuf,
    /// The largest of a shard.
    pub(crate) data: PathBuf,
    /// Another valid one for each, in that order.
    others: Vec<PathBuf>,
}

impl Blobs {
    pub(crate) async fn of(copied: &Copied, index: &str, other: &str) -> Self {
        let store = Store::open(copied.location(), &Settings::default()).unwrap();
        let loader = Loader::new(&store);
        let opened = Opened::open(&loader).await.unwrap();
        let companions = Companions::list(&loader).await;
        let entry = |name: &str| opened.data.snapshots.iter().find(|entry| entry.name == name).unwrap().clone();
        let (victim, fellow) = (entry(VICTIM), entry("first"));
        let root = |kind: &str, uuid: &str| copied.place.join(format!("{kind}-{uuid}.dat"));
        let metadata = |index: &str| {
            let id = &opened.data.indices[index].id;
            let blob = opened.data.index_meta_blob(id, &victim);
            copied.place.join(format!("indices/{id}/meta-{blob}.dat"))
        };
        let places = companions.places(&loader, &opened.data.indices[index]).await.unwrap();
        let folder = |shard: u32| absolute(&places, shard);
        let data = data_blobs(&folder(0), &victim.uuid);
        Self {
            snapshot_info: root("snap", &victim.uuid),
            global_metadata: root("meta", &victim.uuid),
            index_metadata: metadata(index),
            shard_snapshot: folder(0).join(format!("snap-{}.dat", victim.uuid)),
            shard_generation: current(&folder(0)),
            data: data[0].clone(),
            others: vec![
                root("snap", &fellow.uuid),
                root("meta", &fellow.uuid),
                metadata(other),
                folder(1).join(format!("snap-{}.dat", victim.uuid)),
                current(&folder(1)),
                data_blobs(&folder(1), &victim.uuid)[0].clone(),
            ],
        }
    }
}

fn absolute(places: &Places, shard: u32) -> PathBuf {
    Path::new("/").join(places.of(shard).unwrap())
}

/// The shard's newest `index-…`, which lists most snapshots.
fn current(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let generations = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("index-"));
    generations.max_by_key(|path| ShardIndex::parse(&fs::read(path).unwrap()).unwrap().snapshots.len()).unwrap()
}

/// Blobs with data of a shard in a snapshot, the largest first.
fn data_blobs(folder: &Path, uuid: &str) -> Vec<PathBuf> {
    let blob = fs::read(folder.join(format!("snap-{uuid}.dat"))).unwrap();
    let mut files = ShardSnapshot::parse(&blob).unwrap().files;
    files.sort_by_key(|file| std::cmp::Reverse(file.length));
    files.iter().flat_map(|file| file.parts().collect::<Vec<_>>()).map(|(name, _)| folder.join(name)).collect()
}

fn harm(blob: &Path, harm: Harm, other: &Path) {
    let bytes = fs::read(blob).unwrap();
    match harm {
        Harm::Remove => fs::remove_file(blob).unwrap(),
        Harm::Truncate => fs::write(blob, &bytes[..bytes.len() / 2]).unwrap(),
        Harm::Empty => fs::write(blob, []).unwrap(),
        Harm::Flip => {
            let mut bytes = bytes;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            fs::write(blob, bytes).unwrap();
        }
        Harm::Swap => drop(fs::copy(other, blob).unwrap()),
    }
}

/// One finding about that blob, that hurts the victim so.
fn has(report: &Report, blob: &Path, kinds: &[Kind], effect: Effect) -> bool {
    let path = blob.to_str().unwrap().trim_start_matches('/');
    report.findings.iter().any(|finding| {
        finding.blob.as_deref() == Some(path)
            && kinds.contains(&finding.kind)
            && finding.effect == effect
            && finding.snapshots.iter().any(|name| **name == *VICTIM)
    })
}

/// What each kind of blob is found as, and what that does.
fn expectations(blobs: &Blobs) -> Vec<(&Path, Vec<Kind>, Effect)> {
    vec![
        (&blobs.snapshot_info, vec![Kind::SnapshotInfo, Kind::Contents], Effect::Snapshot),
        (&blobs.global_metadata, vec![Kind::GlobalMetadata], Effect::GlobalState),
        (&blobs.index_metadata, vec![Kind::IndexMetadata], Effect::Index),
        (&blobs.shard_snapshot, vec![Kind::ShardSnapshot, Kind::InGenerationOnly], Effect::Shard),
        (&blobs.shard_generation, vec![Kind::Generation], Effect::Later),
        (&blobs.data, vec![Kind::MissingBlob, Kind::BlobLength, Kind::CorruptBlob, Kind::AnotherBlob], Effect::Shard),
    ]
}

/// Damages one blob of a fresh copy; what is found, and what a restore says.
async fn case(stage: &Stage, indices: &[String; 2], number: usize, how: Harm) {
    let copied = stage.copy();
    let blobs = Blobs::of(&copied, &indices[0], &indices[1]).await;
    let (blob, kinds, effect) = expectations(&blobs)[number].clone();
    let what = format!("{}: {how:?} {}", stage.node.name, blob.display());
    // Blobs of the cluster's state say nothing that tells one from another.
    let is_told = !(number == 1 && how == Harm::Swap);
    // Nodes of 5.x read the cluster's state in every restore.
    let effect = if number == 1 && stage.node.name.starts_with("elasticsearch-5") { Effect::Snapshot } else { effect };
    // Some nodes restore by another snapshot's list of indices, if they are the same; others that other snapshot.
    let is_loose = number == 0 && how == Harm::Swap && !stage.restores_what_it_says();
    let effect = if is_loose { Effect::Later } else { effect };
    // Another shard's list of files is sound too: that those files are not here, or not like that, is told of the files.
    let is_by_files = number == 3 && how == Harm::Swap;
    // Another shard's index-… is sound: what tells is that it does not fit the snapshots.
    let is_by_contents = number == 4 && how == Harm::Swap;
    harm(blob, how, &blobs.others[number]);
    let report = verified(&copied.location(), Level::Checksums).await;
    if number == 3 {
        by_level(&copied, blob, how, &what).await;
    }
    // Before 7.6 only the folder says which index-… is current: without it, none is.
    let is_undefined = number == 4 && report.findings.iter().any(|found| found.kind == Kind::GenerationUndefined);
    if is_by_files {
        let hurts =
            |found: &Finding| found.effect == Effect::Shard && found.snapshots.iter().any(|name| **name == *VICTIM);
        assert!(report.findings.iter().any(hurts), "{what}: {report:?}");
    } else if is_by_contents || is_undefined {
        assert!(report.findings.iter().any(|finding| finding.effect == Effect::Later), "{what}: {report:?}");
    } else {
        assert_eq!(has(&report, blob, &kinds, effect), is_told, "{what}: {:?}", report.findings);
    }
    assert_eq!(report.outcome, if is_told { Outcome::Damaged } else { Outcome::Whole }, "{what}");
    a_restore_agrees(stage, &copied, &report, DOCUMENTS, &what).await;
}

/// A shard's `snap-….dat` is opened at `blobs`; at `metadata` it is only seen that it is there.
async fn by_level(copied: &Copied, blob: &Path, how: Harm, what: &str) {
    for (level, is_found) in [(Level::Metadata, how == Harm::Remove), (Level::Blobs, true)] {
        let report = verified(&copied.location(), level).await;
        let is_damaged = report.outcome == Outcome::Damaged;
        assert_eq!(is_damaged, is_found, "{what} at {level:?}: {:?}", report.findings);
        if how == Harm::Remove {
            assert!(has(&report, blob, &[Kind::ShardSnapshot], Effect::Shard), "{what} at {level:?}: {report:?}");
        }
    }
}

/// A node restores the victim with all of its documents where it is said to be whole, and does not where something of it is said
/// to be lost.
pub(crate) async fn a_restore_agrees(stage: &Stage, copied: &Copied, report: &Report, documents: u64, what: &str) {
    let verdict = report.snapshots.iter().find(|snapshot| snapshot.snapshot == VICTIM).unwrap();
    let restored = stage.restore(copied, VICTIM).await;
    let should_be = match verdict.restores {
        Restores::Whole => true,
        Restores::Without => verdict.without_shards.is_empty() && verdict.without_indices.is_empty(),
        _ => false,
    };
    assert_eq!(restored == Ok(Restored { failed: 0, documents }), should_be, "{what}: {restored:?}, but {verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_named_and_a_restore_agrees() {
    for node in nodes() {
        let stage = Stage::on(node, json!({})).await;
        let indices = stage.history().await;
        for number in 0..6 {
            for how in HARMS {
                case(&stage, &indices, number, how).await;
            }
        }
    }
}

/// Flips a bit of the first snapshot's UUID, which the indices repeat: `index-N` has no checksum, so that a flip of what
/// nothing repeats shows only in what the other blobs say.
fn flip_uuid(blob: &Path) {
    let mut bytes = fs::read(blob).unwrap();
    let uuid = RepositoryData::parse(&bytes).unwrap().snapshots[0].uuid.clone();
    let at = bytes.windows(uuid.len()).position(|part| part == uuid.as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(blob, bytes).unwrap();
}

/// Without its `index-N` a repository is not readable, and the failure says which blob and where.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_root_ends_the_reading() {
    let node = nodes().next().unwrap();
    let stage = Stage::on(node, json!({})).await;
    stage.history().await;
    for how in HARMS {
        let copied = stage.copy();
        let newest = latest(&fs::read(copied.place.join("index.latest")).unwrap()).unwrap();
        let name = format!("index-{newest}");
        assert_eq!(BlobName::parse(&name), BlobName::Generation(newest));
        let mut files = fs::read_dir(&copied.place).unwrap().map(|entry| entry.unwrap().path());
        let other = files.find(|path| path.extension().is_some_and(|end| end == "dat")).unwrap();
        let root = copied.place.join(&name);
        if how == Harm::Flip {
            flip_uuid(&root);
        } else {
            harm(&root, how, &other);
        }
        let store = Store::open(copied.location(), &Settings::default()).unwrap();
        let failure = Opened::open(&Loader::new(&store)).await.map(|opened| opened.generation);
        match (how, failure) {
            // The one before is taken, if the node left it; and then its blobs are missing.
            (Harm::Remove, Ok(found)) => {
                assert!(found < Some(newest));
                let report = verified(&copied.location(), Level::Blobs).await;
                let lost = report.findings.iter().find(|found| found.kind == Kind::Latest).unwrap();
                assert_eq!((report.outcome, lost.effect), (Outcome::Damaged, Effect::Later), "{report:?}");
            }
            (_, Err(failure)) => {
                assert_eq!(failure.code, Code::DamageFound, "{how:?}");
                assert!(how == Harm::Remove || failure.cause.contains(&name), "{failure}");
            }
            (_, Ok(found)) => panic!("{how:?}: {found:?}"),
        }
    }
}
