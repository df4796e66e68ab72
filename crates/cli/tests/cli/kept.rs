//! Kept repositories of real nodes, copied to where they may be changed, with times that do not come from a checkout.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Seconds from 1970 to 2026-11-23T12:00:00Z: when the newest generation was written. All else is an hour older.
const WRITTEN: u64 = 1_795_435_200;

/// A repository that goes when this goes.
pub(crate) struct Kept {
    pub(crate) place: PathBuf,
    _directory: TempDir,
}

/// A copy of the kept repository of that name.
pub(crate) fn copy(name: &str) -> Kept {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/repositories").join(name);
    let directory = TempDir::new().unwrap();
    let place = directory.path().join("repository");
    copy_folder(&from, &place);
    Kept { place, _directory: directory }
}

/// Names of all that there are.
pub(crate) fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/repositories");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
            stamp(&to);
        }
    }
}

/// The root's `index-N` are the newest.
fn stamp(file: &Path) {
    let is_generation = file.file_name().unwrap().to_str().unwrap().starts_with("index")
        && !file.components().any(|part| part.as_os_str() == "indices");
    let seconds = if is_generation { WRITTEN } else { WRITTEN - 3_600 };
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
}

impl Kept {
    /// A blob that was there before the generation.
    pub(crate) fn leave(&self, blob: &str, bytes: &[u8]) {
        let path = self.place.join(blob);
        std::fs::write(&path, bytes).unwrap();
        stamp(&path);
    }
}
