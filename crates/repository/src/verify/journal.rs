//! What was verified already, so that an interrupted run goes on where it was: a file of JSON lines.
//!
//! Only what was sound is kept, and only of a run that did not end: what was damaged may have been mended, and what was
//! whole may have been lost since a run that said so.

use super::choice::Choice;
use super::finding::Finding;
use crate::open::Opened;
use crate::store::{Location, Store};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapkeep_core::{Code, Failure};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a run was about: only the same goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The repository's place.
    pub location: String,
    /// The server that its bucket is on, where that is not Amazon's.
    pub endpoint: Option<String>,
    /// The bucket's region.
    pub region: Option<String>,
    /// The repository's UUID, where it has one.
    pub uuid: Option<String>,
    /// The generation that was read.
    pub generation: Option<u64>,
    /// The CRC32 of its `index-N`.
    pub checksum: Option<u32>,
    /// When that was written.
    pub written: Option<Timestamp>,
    /// What was to be verified.
    pub choice: Choice,
}

impl Subject {
    /// This choice of an opened repository.
    pub fn of(store: &Store, opened: &Opened, choice: &Choice) -> Self {
        let location = store.location();
        Self {
            location: location.to_string(),
            endpoint: location.endpoint().map(str::to_owned),
            region: location.region().map(str::to_owned),
            uuid: opened.data.uuid.clone(),
            generation: opened.generation,
            checksum: opened.checksum,
            written: opened.written,
            choice: choice.clone(),
        }
    }
}

/// The first line of the file, by which it is known.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Its shape's version.
    snapkeep_verify: u32,
    subject: Subject,
}

/// The shape's version; a file of another one is begun anew.
const SHAPE: u32 = 1;

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Done(Box<Done>),
    Ended { ended: Timestamp },
}

/// A shard that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The index's id in the repository.
    pub id: String,
    /// The shard's number.
    pub shard: u32,
    /// When the run began that looked at it.
    pub at: Timestamp,
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
    /// Blobs with data that no snapshot names, where folders were listed.
    pub unreferenced: u64,
}

impl Totals {
    /// Adds what else was looked at.
    pub fn add(&mut self, other: Self) {
        self.shards = self.shards.saturating_add(other.shards);
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.files_read = self.files_read.saturating_add(other.files_read);
        self.bytes_read = self.bytes_read.saturating_add(other.bytes_read);
        self.unreferenced = self.unreferenced.saturating_add(other.unreferenced);
    }
}

/// Sound shards, by their index's id and their number.
type Known = BTreeMap<(String, u32), Done>;

/// The file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    done: Known,
    now: Timestamp,
}

impl Journal {
    /// Opens the file for this subject, for a run that begins `now`. One that is about something else, or of a run that
    /// ended, is begun anew; one that is no such file, or lies in the repository, is refused.
    pub fn open(path: &Path, subject: &Subject, place: &Location, now: Timestamp) -> Result<Self, Failure> {
        let bad = |error: io::Error| unusable(path, &error);
        if lies_in(path, place).map_err(bad)? {
            return Err(refused(path, "lies in the repository, in which nothing is ever written"));
        }
        let done = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Known::new(),
            Err(error) => return Err(bad(error)),
            Ok(found) if !found.is_file() => return Err(refused(path, "is no file")),
            Ok(found) if found.len() == 0 => Known::new(),
            Ok(_) => read(BufReader::new(File::open(path).map_err(bad)?), subject)
                .ok_or_else(|| refused(path, "is there and was not written by an earlier run"))?,
        };
        let file = write_anew(path, subject, &done).map_err(bad)?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), done, now })
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

    /// When the first run began whose shards are not looked at again.
    pub fn since(&self) -> Option<Timestamp> {
        self.done.values().map(|done| done.at).min()
    }

    /// Notes a shard as done.
    pub fn note(&self, id: &str, shard: u32, findings: &[Finding], totals: Totals) -> Result<(), Failure> {
        let (id, findings) = (id.to_owned(), findings.to_vec());
        self.append(&Done { id, shard, at: self.now, findings, totals })
    }

    /// Notes that there is a verdict: the next run looks at everything again.
    pub fn end(&self) -> Result<(), Failure> {
        self.append(&Line::Ended { ended: self.now })
    }

    fn append(&self, line: &impl Serialize) -> Result<(), Failure> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        write_line(&mut file, line).map_err(|error| unusable(&self.path, &error))
    }
}

/// The shards of a file of ours that are not to be looked at again; nothing if it is none.
fn read(file: impl io::BufRead, subject: &Subject) -> Option<Known> {
    let mut lines = file.lines().map_while(Result::ok);
    let head: serde_json::Value = serde_json::from_str(&lines.next()?).ok()?;
    let shape = head.get("snapkeep_verify")?.as_u64()?;
    let is_same =
        shape == u64::from(SHAPE) && serde_json::from_value::<Head>(head).is_ok_and(|head| head.subject == *subject);
    if !is_same {
        return Some(Known::new());
    }
    let mut known = Known::new();
    // A line that is cut off was being written when the run ended.
    for line in lines.map_while(|line| serde_json::from_str::<Line>(&line).ok()) {
        match line {
            Line::Ended { .. } => return Some(Known::new()),
            // What could not be read is read now, and what was damaged is looked at again.
            Line::Done(done) if done.findings.is_empty() => {
                known.insert((done.id.clone(), done.shard), *done);
            }
            Line::Done(_) => {}
        }
    }
    Some(known)
}

/// Beside the file and then in its place: a run that is cut off leaves the old one or the new one.
fn write_anew(path: &Path, subject: &Subject, done: &Known) -> io::Result<File> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&beside)?;
    write_line(&mut file, &Head { snapkeep_verify: SHAPE, subject: subject.clone() })?;
    for known in done.values() {
        write_line(&mut file, known)?;
    }
    std::fs::rename(&beside, path)?;
    Ok(file)
}

fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    file.write_all(text.as_bytes()).and_then(|()| file.flush())
}

/// Whether a file would lie in the repository's folder.
fn lies_in(path: &Path, place: &Location) -> io::Result<bool> {
    let Location::Folder(folder) = place else { return Ok(false) };
    let Ok(folder) = folder.canonicalize() else { return Ok(false) };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_in = |path: &Path| path.canonicalize().map(|whole| whole.starts_with(&folder));
    Ok(is_in(parent)? || is_in(path).unwrap_or(false))
}

const HINT: &str = "name a file that can be written and that holds nothing else, or leave --resume out";

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(Code::BadEvent, format!("{}, by which the run is to be resumed, {why}", path.display()), HINT)
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let cause = format!("the file {} that the run is to be resumed by cannot be used: {error}", path.display());
    Failure::new(Code::BadEvent, cause, HINT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Effect, Kind, Level, Share};

    fn subject(generation: u64) -> Subject {
        let choice = Choice { level: Level::Blobs, share: Share::All, snapshots: vec![], indices: vec![] };
        Subject {
            location: "file:///r".into(),
            endpoint: None,
            region: None,
            uuid: Some("u".into()),
            generation: Some(generation),
            checksum: Some(7),
            written: None,
            choice,
        }
    }

    fn nowhere() -> Location {
        Location::Folder("/nowhere/at/all".into())
    }

    fn opened(path: &Path, subject: &Subject, second: i64) -> Result<Journal, Failure> {
        Journal::open(path, subject, &nowhere(), Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_run_goes_on_unless_it_is_about_something_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run.jsonl");
        let journal = opened(&path, &subject(3), 1).unwrap();
        assert_eq!((journal.len(), journal.since()), (0, None));
        journal.note("iX", 1, &[], Totals::default()).unwrap();
        // The machine went down in the middle of a line.
        journal.file.lock().unwrap().write_all(b"{\"id\":\"iY\",\"sha").unwrap();
        drop(journal);
        let again = opened(&path, &subject(3), 2).unwrap();
        assert_eq!((again.done("iX", 1).is_some(), again.done("iY", 0), again.len()), (true, None, 1));
        assert_eq!(again.since(), Some(Timestamp::from_second(1).unwrap()));
        let others = [
            subject(4),
            Subject { endpoint: Some("https://s3.example".into()), ..subject(3) },
            Subject { region: Some("eu-west-1".into()), ..subject(3) },
            Subject { uuid: Some("v".into()), ..subject(3) },
            Subject { checksum: Some(8), ..subject(3) },
            Subject { written: Some(Timestamp::UNIX_EPOCH), ..subject(3) },
        ];
        for other in others {
            let path = place.path().join("other.jsonl");
            std::fs::copy(place.path().join("run.jsonl"), &path).unwrap();
            assert!(opened(&path, &other, 3).unwrap().is_empty(), "{other:?}");
        }
    }

    #[test]
    fn what_was_wrong_is_looked_at_again_and_after_a_verdict_everything_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run.jsonl");
        let journal = opened(&path, &subject(3), 1).unwrap();
        for (shard, effect) in [(0, Effect::Shard), (1, Effect::Unknown), (2, Effect::Later)] {
            let finding = Finding::new(Kind::MissingBlob, effect, "x");
            journal.note("iX", shard, &[finding], Totals::default()).unwrap();
        }
        journal.note("iX", 3, &[], Totals::default()).unwrap();
        let again = opened(&path, &subject(3), 2).unwrap();
        assert_eq!((again.len(), again.done("iX", 3).is_some()), (1, true));
        again.end().unwrap();
        assert!(opened(&path, &subject(3), 3).unwrap().is_empty());
    }

    #[test]
    fn no_file_but_an_earlier_runs_is_written_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notes");
        for text in ["dear diary\n", "{}\n", "\0\0\0\0", "{\"snapshots\":[]}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(opened(&path, &subject(3), 1).unwrap_err().code, Code::BadEvent, "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::write(&path, "").unwrap();
        assert!(opened(&path, &subject(3), 1).is_ok());
        assert_eq!(opened(place.path(), &subject(3), 1).unwrap_err().code, Code::BadEvent);
    }

    #[test]
    fn nothing_is_written_in_the_repository() {
        let place = tempfile::tempdir().unwrap();
        let (repository, outside) = (place.path().join("r"), place.path().join("link"));
        std::fs::create_dir_all(repository.join("indices")).unwrap();
        std::fs::write(repository.join("index-1"), "").unwrap();
        std::os::unix::fs::symlink(repository.join("index-1"), &outside).unwrap();
        let location = Location::Folder(repository.clone());
        let now = Timestamp::UNIX_EPOCH;
        for path in [repository.join("index-1"), repository.join("new"), repository.join("indices/../x"), outside] {
            assert_eq!(Journal::open(&path, &subject(3), &location, now).unwrap_err().code, Code::BadEvent, "{path:?}");
        }
        assert!(Journal::open(&place.path().join("run"), &subject(3), &location, now).is_ok());
    }
}
