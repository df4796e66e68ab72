//! The kept repositories, each of which a node wrote.

use crate::whole::{Whole, blobs, is_sealed};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Where they are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/repositories")
}

fn all() -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    assert!(found.len() >= 9, "{found:?}");
    found
}

/// All blobs of all of them that have an envelope.
pub(crate) fn sealed_blobs() -> &'static [(String, Vec<u8>)] {
    static BLOBS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
        let mut found: Vec<_> = all().iter().flat_map(|folder| blobs(folder)).collect();
        found.retain(|(path, _)| is_sealed(path));
        found
    });
    &BLOBS
}

#[test]
fn the_kept_repositories_of_every_version_are_read() {
    for folder in all() {
        let whole = Whole::read(&folder);
        whole.is_sound();
        assert_eq!(whole.names(), ["first", "second"], "{}", folder.display());
        assert_eq!(whole.index(whole.snapshot("second"), "notes").shards, 1, "{}", folder.display());
    }
}
