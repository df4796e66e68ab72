//! What `--json` says of kept repositories, compared with the files in `tests/expected/repositories`, one for each.
//! `SNAPKEEP_REGENERATE=1` writes them anew, to be read in the diff.

use crate::kept::{self, Kept};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What is asked of each.
const ASKED: [&str; 7] = [
    "inspect",
    "inspect snapshot second -r",
    "inspect snapshot second --index notes -r",
    "inspect diff first second -r",
    "verify --level checksums",
    "du",
    "orphans --older-than 0s",
];

fn said(kept: &Kept, asked: &str) -> (i32, String) {
    let place = format!("file://{}", kept.place.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
    let output = command.args(asked.split(' ')).args([&place, "--json"]).env_clear().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let real = kept.place.display().to_string();
    // Places in the store stand without their first slash.
    let text = text.replace(&real, "/mnt/backups").replace(real.trim_start_matches('/'), "mnt/backups");
    (output.status.code().unwrap_or(-1), text)
}

fn expect(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/repositories").join(format!("{name}.txt"));
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{} differs:\n{found}", path.display());
}

/// One line for each command, and its status where it is not 0.
fn all(kept: &Kept) -> String {
    let mut text = String::new();
    for asked in ASKED {
        let (status, line) = said(kept, asked);
        assert_eq!(line.lines().count(), 1, "{asked}: {line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["schema"], 1, "{asked}: {line}");
        let status = if status == 0 { String::new() } else { format!(" # {status}") };
        text.extend(["$ snapkeep ", asked, " file:///mnt/backups --json", &status, "\n", &line]);
    }
    text
}

#[test]
fn kept_repositories_are_told_of_in_the_same_shape() {
    for name in kept::names() {
        expect(&name, &all(&kept::copy(&name)));
    }
}

#[test]
fn damage_and_what_nothing_needs_have_their_shape() {
    let kept = kept::copy("elasticsearch-7.17.28");
    let shard = shard(&kept.place);
    let data = |name: &str| name.starts_with("__");
    let mut blobs: Vec<_> = std::fs::read_dir(kept.place.join(&shard)).unwrap().map(Result::unwrap).collect();
    blobs.retain(|blob| data(blob.file_name().to_str().unwrap()));
    blobs.sort_by_key(std::fs::DirEntry::file_name);
    std::fs::remove_file(blobs[0].path()).unwrap();
    kept.leave(&format!("{shard}/__nobodys"), b"nobody needs this");
    expect("damaged", &all(&kept));
}

/// The folder of the one shard.
fn shard(place: &Path) -> String {
    let index = std::fs::read_dir(place.join("indices")).unwrap().next().unwrap().unwrap();
    format!("indices/{}/0", index.file_name().to_str().unwrap())
}
