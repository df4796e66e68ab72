//! What must not be called unused, and what must not be called nothing: kept repositories, damaged by hand.

use crate::encode::{Stored, dat, smile};
use crate::stage::reader;
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_repository::inspect::{contents, diff, snapshot};
use snapkeep_repository::load::Loader;
use snapkeep_repository::open::Opened;
use snapkeep_repository::orphans::{Orphans, orphans, orphans_before};
use snapkeep_repository::store::{Location, Settings, Store};
use snapkeep_repository::usage::{Prices, Usage, usage};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(86_400);

/// A copy of a kept repository: the newest generation is 30 days old, all else 40.
struct Kept {
    place: PathBuf,
    _directory: TempDir,
}

impl Kept {
    fn copy(name: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let kept = Self { place: directory.path().join("repository"), _directory: directory };
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/repositories").join(name), &kept.place);
        for root in fs::read_dir(&kept.place).unwrap().map(|entry| entry.unwrap().path()) {
            if root.file_name().unwrap().to_str().unwrap().starts_with("index") && root.is_file() {
                stamp(&root, 30);
            }
        }
        kept
    }

    fn location(&self) -> Location {
        Location::Folder(self.place.clone())
    }

    fn leave(&self, blob: &str, bytes: &[u8]) {
        let path = self.place.join(blob);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        stamp(&path, 40);
    }

    /// The folder of the one shard.
    fn shard(&self) -> String {
        let index = fs::read_dir(self.place.join("indices")).unwrap().next().unwrap().unwrap();
        format!("indices/{}/0", index.file_name().to_str().unwrap())
    }

    /// `index-N` as JSON.
    fn data(&self) -> Value {
        serde_json::from_slice(&fs::read(self.place.join("index-1")).unwrap()).unwrap()
    }

    fn uuid(&self, name: &str) -> String {
        let data = self.data();
        let mut snapshots = data["snapshots"].as_array().unwrap().iter();
        snapshots.find(|snapshot| snapshot["name"] == name).unwrap()["uuid"].as_str().unwrap().to_owned()
    }

    /// The shard's `index-…` lacks the snapshots but `first`.
    fn forget_second(&self) {
        let shard = self.shard();
        let generation = self.data()["indices"]["notes"]["shard_generations"][0].as_str().unwrap().to_owned();
        let body = json!({"files": [], "snapshots": {"first": {"files": []}}});
        self.leave(&format!("{shard}/index-{generation}"), &dat("snapshots", &smile(&body, false), Stored::Plain));
    }

    async fn left(&self) -> Orphans {
        reader(&self.location(), async |loader, opened| orphans(loader, opened).await.unwrap()).await
    }

    async fn refused(&self) -> Code {
        reader(&self.location(), async |loader, opened| orphans(loader, opened).await.unwrap_err().code).await
    }

    async fn weighed(&self) -> Usage {
        reader(&self.location(), async |loader, opened| usage(loader, opened, &Prices::with(&[])).await.unwrap()).await
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
            stamp(&to, 40);
        }
    }
}

fn stamp(file: &Path, days: u32) {
    File::options().write(true).open(file).unwrap().set_modified(SystemTime::now() - days * DAY).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_does_not_fit_its_generation_tells_no_orphans() {
    for name in ["elasticsearch-5.6.16", "elasticsearch-7.17.28"] {
        let kept = Kept::copy(name);
        // The newest one is lost, the one before is still there.
        fs::rename(kept.place.join("index-1"), kept.place.join("index-0")).unwrap();
        assert_eq!(kept.refused().await, Code::DamageFound, "{name}");
    }
    let kept = Kept::copy("elasticsearch-7.17.28");
    kept.leave("index.latest", b"1");
    assert_eq!(kept.refused().await, Code::DamageFound);
    let kept = Kept::copy("elasticsearch-7.17.28");
    fs::remove_file(kept.place.join(format!("snap-{}.dat", kept.uuid("second")))).unwrap();
    assert_eq!(kept.refused().await, Code::DamageFound);
    let kept = Kept::copy("elasticsearch-7.17.28");
    fs::remove_file(kept.place.join("index.latest")).unwrap();
    assert_eq!(kept.left().await.orphans, vec![], "not every repository has an index.latest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_cannot_be_listed_tells_no_orphans() {
    let kept = Kept::copy("elasticsearch-7.17.28");
    let store = Store::open(kept.location(), &Settings::default()).unwrap();
    let loader = Loader::new(&store);
    let opened = Opened::open(&loader).await.unwrap();
    let unlisted = Opened { written: None, root: vec![], is_listed: false, ..opened };
    assert_eq!(orphans(&loader, &unlisted).await.unwrap_err().code, Code::AccessDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_young_is_left_alone() {
    let kept = Kept::copy("elasticsearch-7.17.28");
    kept.leave("snap-AAAAAAAAAAAAAAAAAAAAAA.dat", b"left");
    kept.leave(&format!("{}/__left", kept.shard()), b"left");
    let before = |days: u32| jiff::Timestamp::try_from(SystemTime::now() - days * DAY).unwrap();
    for (days, found) in [(35, (2, 0)), (45, (0, 2))] {
        let left = reader(&kept.location(), async |loader, opened| {
            orphans_before(loader, opened, Some(before(days))).await.unwrap()
        })
        .await;
        assert_eq!((left.orphans.len(), left.younger), found, "{left:?}");
    }
    assert_eq!(kept.left().await.orphans.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_incompatible_snapshots_need_is_no_orphan() {
    let kept = Kept::copy("elasticsearch-6.8.0");
    for blob in ["snap-OLD.dat", "meta-OLD.dat", "indices/OLDINDEX/0/__0", "indices/OLDINDEX/meta-OLD.dat"] {
        kept.leave(blob, b"old");
    }
    kept.leave(&format!("{}/__old", kept.shard()), b"old");
    assert_eq!(kept.left().await.orphans.len(), 5);
    let names = json!({"incompatible-snapshots": [{"name": "old2x", "uuid": "OLD"}]});
    kept.leave("incompatible-snapshots", names.to_string().as_bytes());
    let left = kept.left().await;
    assert_eq!(left.orphans, vec![]);
    assert!(left.undecided.iter().any(|why| why.contains("old2x")), "{:?}", left.undecided);
    kept.leave("incompatible-snapshots", b"{");
    assert_eq!(kept.refused().await, Code::DamageFound);
}

/// A shard's `snap-….dat` is gone, and the shard's `index-…` says nothing of the snapshot either.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_shard_that_lacks_a_snapshot_nothing_is_said() {
    let kept = Kept::copy("elasticsearch-7.17.28");
    kept.forget_second();
    assert_eq!(kept.left().await.orphans, vec![], "the snapshots' own blobs name all files");
    let whole = Kept::copy("elasticsearch-7.17.28").weighed().await;
    let weighed = kept.weighed().await;
    assert_eq!((weighed.snapshots[1].total_bytes, weighed.unread.len()), (whole.snapshots[1].total_bytes, 0));
    fs::remove_file(kept.place.join(kept.shard()).join(format!("snap-{}.dat", kept.uuid("second")))).unwrap();
    let left = kept.left().await;
    assert_eq!((left.orphans, left.undecided.len()), (vec![], 1));
    let weighed = kept.weighed().await;
    assert!(weighed.unread.len() == 1 && weighed.unread[0].contains("second"), "{:?}", weighed.unread);
    let differs =
        reader(&kept.location(), async |loader, opened| diff(loader, opened, "first", "second").await.unwrap()).await;
    assert_eq!((differs.indices[0].unread_shards, differs.unread.len()), (1, 1));
}

/// What became of a snapshot after `index-N` was read: shown in full, and in the list.
async fn after_opening(change: impl Fn(&Kept)) -> (Result<(), Code>, Result<usize, Code>) {
    let kept = Kept::copy("elasticsearch-7.17.28");
    reader(&kept.location(), async |loader, opened| {
        change(&kept);
        let detail = snapshot(loader, opened, "second", None).await;
        let listed = contents(loader, opened).await;
        let troubled = listed.map(|found| found.snapshots.iter().filter(|line| line.trouble.is_some()).count());
        (detail.map(drop).map_err(|failure| failure.code), troubled.map_err(|failure| failure.code))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_just_deleted_is_no_damage() {
    let delete = |kept: &Kept| fs::remove_file(kept.place.join(format!("snap-{}.dat", kept.uuid("second")))).unwrap();
    let move_on = |kept: &Kept| fs::copy(kept.place.join("index-1"), kept.place.join("index-2")).map(drop).unwrap();
    let metadata = |kept: &Kept| {
        let index = kept.place.join(kept.shard()).parent().unwrap().to_owned();
        let blobs = fs::read_dir(index).unwrap().map(|entry| entry.unwrap().path());
        blobs.filter(|path| path.is_file()).for_each(|path| fs::remove_file(path).unwrap());
    };
    assert_eq!(after_opening(delete).await, (Err(Code::DamageFound), Ok(1)), "it is gone and still listed");
    let deleted = after_opening(|kept| (delete(kept), move_on(kept)).1).await;
    assert_eq!(deleted, (Err(Code::Inconclusive), Err(Code::Inconclusive)));
    let half = after_opening(|kept| (metadata(kept), move_on(kept)).1).await;
    assert_eq!(half, (Err(Code::Inconclusive), Ok(0)), "the list needs no metadata of indices");
    assert_eq!(after_opening(move_on).await, (Ok(()), Ok(0)), "what was read was there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_cannot_be_told_is_not_shown_as_empty() {
    let kept = Kept::copy("elasticsearch-7.17.28");
    let (first, second) = (kept.uuid("first"), kept.uuid("second"));
    let shard = kept.place.join(kept.shard());
    let blob = |uuid: &str| shard.join(format!("snap-{uuid}.dat"));
    let told = async |place: &Kept| {
        let detail = async |loader: &Loader<'_>, opened: &Opened| {
            snapshot(loader, opened, "second", Some("notes")).await.unwrap()
        };
        reader(&place.location(), detail).await.indices.remove(0)
    };
    assert_eq!(told(&kept).await.files[0].trouble, None);
    fs::copy(blob(&first), blob(&second)).unwrap();
    let another = told(&kept).await;
    assert!(another.files[0].trouble.as_ref().unwrap().contains("another snapshot, first"), "{another:?}");
    fs::write(blob(&second), b"x").unwrap();
    let damaged = told(&kept).await;
    assert!(damaged.files[0].trouble.as_ref().unwrap().contains(&second), "{damaged:?}");
    let hashed = Kept::copy("opensearch-3.3.0");
    fs::remove_dir_all(hashed.place.join("snapshot_shard_paths")).unwrap();
    let lost = told(&hashed).await;
    assert!(lost.shards_trouble.is_some() && lost.files.is_empty(), "{lost:?}");
}

/// The generation moves while what it says is read.
#[tokio::test(flavor = "multi_thread")]
async fn sizes_of_what_changes_meanwhile_are_not_told() {
    let kept = Kept::copy("elasticsearch-7.17.28");
    let store = Store::open(kept.location(), &Settings::default()).unwrap();
    let loader = Loader::new(&store);
    let opened = Opened::open(&loader).await.unwrap();
    fs::rename(kept.place.join("index-1"), kept.place.join("index-2")).unwrap();
    assert_eq!(usage(&loader, &opened, &Prices::with(&[])).await.unwrap_err().code, Code::Inconclusive);
    assert_eq!(diff(&loader, &opened, "first", "second").await.unwrap_err().code, Code::Inconclusive);
}

/// Ids and names become parts of paths: none may lead elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_elsewhere_are_damage() {
    for bad in ["../../x", "..", "a/b", "."] {
        let kept = Kept::copy("elasticsearch-7.17.28");
        let mut data = kept.data();
        data["indices"]["notes"]["id"] = json!(bad);
        kept.leave("index-1", data.to_string().as_bytes());
        let store = Store::open(kept.location(), &Settings::default()).unwrap();
        let failure = Opened::open(&Loader::new(&store)).await.unwrap_err();
        assert_eq!(failure.code, Code::DamageFound, "{bad}");
    }
}

/// Before 7.6 only an index's folder says how many shards it has.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_listed_does_not_weigh_nothing() {
    let kept = Kept::copy("elasticsearch-5.6.16");
    let index = fs::read_dir(kept.place.join("indices")).unwrap().next().unwrap().unwrap().path();
    fs::rename(&index, kept.place.join("away")).unwrap();
    // A link to itself cannot be listed, whoever asks.
    std::os::unix::fs::symlink(&index, &index).unwrap();
    let weighed = kept.weighed().await;
    assert!(weighed.unread.len() == 1 && weighed.unread[0].contains("how many shards"), "{:?}", weighed.unread);
}

/// A link that leads back is no way into the depths.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_in_circles_end() {
    let kept = Kept::copy("elasticsearch-7.17.28");
    std::os::unix::fs::symlink("itself", kept.place.join("itself")).unwrap();
    fs::create_dir(kept.place.join("indices/GONE")).unwrap();
    std::os::unix::fs::symlink("..", kept.place.join("indices/GONE/back")).unwrap();
    kept.leave("indices/GONE/0/__x", b"left");
    let left = kept.left().await;
    assert_eq!((left.orphans.len(), left.foreign), (1, 2), "{left:?}");
}
