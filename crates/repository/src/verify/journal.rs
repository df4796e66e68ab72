//! What was verified already, so that an interrupted run goes on where it was: a file of JSON lines.

use super::choice::Choice;
use super::finding::Finding;
use serde::{Deserialize, Serialize};
use snapkeep_core::{Code, Failure};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a run was about: only the same goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The repository's place.
    pub location: String,
    /// The generation that was read.
    pub generation: Option<u64>,
    /// What was to be verified.
    pub choice: Choice,
}

/// A shard that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The index's id in the repository.
    pub id: String,
    /// The shard's number.
    pub shard: u32,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub totals: Totals,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Shards.
    pub shards: u64,
    /// Files of shards, each once.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files whose bytes were read.
    pub files_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
}

impl Totals {
    /// Adds what else was looked at.
    pub fn add(&mut self, other: Self) {
        self.shards = self.shards.saturating_add(other.shards);
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.files_read = self.files_read.saturating_add(other.files_read);
        self.bytes_read = self.bytes_read.saturating_add(other.bytes_read);
    }
}

/// The file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    done: BTreeMap<(String, u32), Done>,
}

impl Journal {
    /// Opens the file for this subject. One that is about something else is begun anew.
    pub fn open(path: &Path, subject: &Subject) -> Result<Self, Failure> {
        let done = File::open(path).ok().and_then(|file| read(file, subject)).unwrap_or_default();
        let bad = |error: std::io::Error| unusable(path, &error);
        // Written anew: a line that was cut off must not run into the next one.
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path).map_err(bad)?;
        let journal = Self { path: path.to_owned(), file: Mutex::new(file), done };
        journal.append(subject)?;
        for known in journal.done.values() {
            journal.append(known)?;
        }
        Ok(journal)
    }

    /// What was found in a shard by a run before.
    pub fn done(&self, id: &str, shard: u32) -> Option<&Done> {
        self.done.get(&(id.to_owned(), shard))
    }

    /// How many shards were done before.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Notes a shard as done.
    pub fn note(&self, done: &Done) -> Result<(), Failure> {
        self.append(done)
    }

    fn append(&self, line: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string(line).unwrap_or_default();
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(|error| unusable(&self.path, &error))
    }
}

/// The shards of a file about this subject; a line that is cut off was being written when the run ended.
fn read(file: File, subject: &Subject) -> Option<BTreeMap<(String, u32), Done>> {
    let mut lines = BufReader::new(file).lines().map_while(Result::ok);
    let head: Subject = serde_json::from_str(&lines.next()?).ok()?;
    if head != *subject {
        return None;
    }
    let done = lines.map_while(|line| serde_json::from_str::<Done>(&line).ok());
    // What could not be read is read now.
    let sound = done.filter(|done| done.findings.iter().all(|finding| finding.effect != super::Effect::Unknown));
    Some(sound.map(|done| ((done.id.clone(), done.shard), done)).collect())
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    let cause = format!("the file {} that the run is to be resumed by cannot be used: {error}", path.display());
    Failure::new(Code::BadEvent, cause, "name a file that can be written, or leave --resume out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Level, Share};

    fn subject(generation: u64) -> Subject {
        let choice = Choice { level: Level::Blobs, share: Share::All, snapshots: vec![], indices: vec![] };
        Subject { location: "file:///r".into(), generation: Some(generation), choice }
    }

    #[test]
    fn a_run_goes_on_unless_the_repository_moved_on() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run.jsonl");
        let done = Done { id: "iX".into(), shard: 1, findings: vec![], totals: Totals::default() };
        let journal = Journal::open(&path, &subject(3)).unwrap();
        journal.note(&done).unwrap();
        // The machine went down in the middle of a line.
        journal.file.lock().unwrap().write_all(b"{\"id\":\"iY\",\"sha").unwrap();
        drop(journal);
        let again = Journal::open(&path, &subject(3)).unwrap();
        assert_eq!((again.done("iX", 1), again.done("iY", 0), again.len()), (Some(&done), None, 1));
        assert!(Journal::open(&path, &subject(4)).unwrap().is_empty());
        assert!(Journal::open(&path, &subject(3)).unwrap().is_empty());
        assert_eq!(Journal::open(place.path(), &subject(3)).unwrap_err().code, Code::BadEvent);
    }
}
