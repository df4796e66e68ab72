//! Kept repositories of every version: no node is needed to find them whole.

use crate::stage::{reader, verified};
use snapkeep_repository::inspect::contents;
use snapkeep_repository::orphans::orphans;
use snapkeep_repository::store::Location;
use snapkeep_repository::usage::{Prices, usage};
use snapkeep_repository::verify::{Level, Outcome};
use std::path::{Path, PathBuf};

fn all() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/repositories").canonicalize().unwrap();
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_of_every_version_are_whole() {
    for folder in all() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let location = Location::Folder(folder);
        for level in [Level::Metadata, Level::Blobs, Level::Checksums] {
            let report = verified(&location, level).await;
            let expected = if level == Level::Metadata { Outcome::NothingFound } else { Outcome::Whole };
            assert_eq!((report.findings, report.outcome), (vec![], expected), "{name} {level:?}");
            assert!(report.totals.shards >= 1 && report.totals.files > 0, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_of_every_version_are_listed_and_weighed() {
    for folder in all() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let version = name.split('-').nth(1).unwrap().to_owned();
        let location = Location::Folder(folder);
        reader(&location, async |loader, opened| {
            let found = contents(loader, opened).await.unwrap();
            let names: Vec<_> = found.snapshots.iter().map(|line| line.name.as_str()).collect();
            assert_eq!(names, ["first", "second"], "{name}");
            let said = found.snapshots[0].version.clone().unwrap();
            assert!(version.starts_with(said.trim_end_matches('x')), "{name}: {said}");
            let used = usage(loader, opened, &Prices::with(&[])).await.unwrap();
            assert_eq!(used.unread, [""; 0], "{name}");
            assert_eq!(used.freed(&["first", "second"]), used.data_bytes, "{name}");
            assert!(used.data_bytes > 0);
            let left = orphans(loader, opened).await.unwrap();
            // A checkout gives files any time: what matters is that nothing is called foreign or undecided.
            assert_eq!((left.undecided, left.foreign), (vec![], 0), "{name}");
        })
        .await;
    }
}
