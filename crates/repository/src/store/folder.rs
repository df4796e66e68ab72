//! A folder. Paths are absolute ones without their first slash.

use super::meter::{Meter, Request};
use super::pace::Pace;
use super::{Access, Blob, LARGE, cap, most};
use jiff::Timestamp;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes that are read at once from a large file.
const PART: usize = 1 << 20;

/// Files of this machine, read on threads that may block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Folder {}

impl Folder {
    pub(super) async fn read_as<T: Send + 'static>(
        self,
        path: &str,
        make: impl FnOnce(&[u8]) -> T + Send + 'static,
        meter: &Meter,
    ) -> Result<T, Access> {
        meter.add(Request::Get);
        on_thread(path, |place| whole(place, &mut Vec::new(), make)).await
    }

    /// Many files, one after the other.
    pub(super) async fn read_each<T: Send + 'static>(
        self,
        paths: &[String],
        make: impl Fn(&[u8]) -> T + Send + 'static,
        meter: &Meter,
    ) -> Vec<Result<T, Access>> {
        for _ in paths {
            meter.add(Request::Get);
        }
        let own = paths.to_vec();
        let work = move || {
            let mut bytes = Vec::new();
            let mut one = |path: &String| {
                let read = whole(&place(path), &mut bytes, &make);
                read.map_err(|error| Access::of_files(path, &error))
            };
            own.iter().map(&mut one).collect()
        };
        let done: Result<Vec<_>, _> = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|ended| paths.iter().map(|_| Err(Access::Other { why: ended.to_string() })).collect())
    }

    pub(super) async fn stream<T: Send + 'static>(
        self,
        path: &str,
        mut state: T,
        mut take: impl FnMut(&mut T, &[u8]) + Send + 'static,
        meter: &std::sync::Arc<Meter>,
        pace: &Pace,
    ) -> Result<(T, u64), Access> {
        meter.add(Request::Get);
        let (meter, pace) = (std::sync::Arc::clone(meter), pace.clone());
        on_thread(path, move |place| {
            let mut file = File::open(place)?;
            let size = usize::try_from(file.metadata()?.len()).unwrap_or(PART);
            let mut part = vec![0; PART.min(size + 1)];
            let mut count = 0;
            loop {
                let length = match file.read(&mut part) {
                    Ok(0) => return Ok((state, count)),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    other => other?,
                };
                take(&mut state, &part[..length]);
                count += length as u64;
                meter.add_bytes(length as u64);
                pace.spend_blocking(length as u64);
            }
        })
        .await
    }

    pub(super) async fn look(self, path: &str, meter: &Meter) -> Result<Blob, Access> {
        meter.add(Request::Head);
        let name = path.to_owned();
        on_thread(path, move |place| {
            let metadata = fs::metadata(place)?;
            if !metadata.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            blob(name, &metadata)
        })
        .await
    }

    pub(super) async fn list(self, path: &str, mut each: impl FnMut(Blob) + Send, meter: &Meter) -> Result<(), Access> {
        let mut open = vec![path.to_owned()];
        while let Some(at) = open.pop() {
            let (blobs, folders) = self.level(&at, meter).await?;
            blobs.into_iter().for_each(&mut each);
            open.extend(folders.into_iter().map(|folder| format!("{at}/{folder}")));
        }
        Ok(())
    }

    pub(super) async fn names(self, path: &str, meter: &Meter) -> Result<Named, Access> {
        meter.add(Request::List);
        match on_thread(path, names).await {
            Ok((names, strange)) => {
                meter.add_strange(strange);
                Ok(names)
            }
            // As with object stores: a folder without blobs is no folder.
            Err(Access::Missing) => Ok(Vec::new()),
            Err(access) => Err(access),
        }
    }

    pub(super) async fn level(self, path: &str, meter: &Meter) -> Result<(Vec<Blob>, Vec<String>), Access> {
        meter.add(Request::List);
        let base = path.to_owned();
        let found = on_thread(path, move |place| entries(place, &base)).await;
        let found = found.map(|(blobs, folders, strange)| {
            meter.add_strange(strange);
            (blobs, folders)
        });
        // As with object stores: a folder without blobs is no folder.
        if found == Err(Access::Missing) { Ok((Vec::new(), Vec::new())) } else { found }
    }
}

/// Names of blobs, of which no more is known.
type Named = Vec<(String, Option<Blob>)>;

/// Names of all that is no folder, and how many no node can have written.
fn names(place: &Path) -> io::Result<(Named, u64)> {
    let (mut names, mut strange) = (Vec::new(), 0);
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            continue;
        }
        match entry.file_name().into_string() {
            Ok(name) => names.push((name, None)),
            // No node writes such names.
            Err(_) => strange += 1,
        }
    }
    Ok((names, strange))
}

/// Whoever reads a large file of metadata.
static TURN: Mutex<()> = Mutex::new(());

/// What `make` makes of a whole file; `bytes` is room to read into.
fn whole<T>(place: &Path, bytes: &mut Vec<u8>, make: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    let file = File::open(place)?;
    let path = place.to_str().unwrap_or_default();
    let (size, most) = (file.metadata()?.len(), most(path));
    if size > cap(path) {
        return Err(io::Error::other(format!("{size} bytes are too many for metadata")));
    }
    let is_large = size.min(most) > LARGE;
    let _turn = is_large.then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    bytes.clear();
    bytes.reserve(usize::try_from(size.min(most)).unwrap_or_default() + 1);
    file.take(most).read_to_end(bytes)?;
    let result = make(bytes);
    if is_large {
        *bytes = Vec::new();
    }
    Ok(result)
}

fn place(path: &str) -> PathBuf {
    PathBuf::from(format!("/{path}"))
}

/// Blobs, folders, and how many entries are neither.
type Entries = (Vec<Blob>, Vec<String>, u64);

fn entries(place: &Path, base: &str) -> io::Result<Entries> {
    let (mut blobs, mut folders, mut strange) = (Vec::new(), Vec::new(), 0);
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        let is_link = entry.file_type()?.is_symlink();
        // No node writes such names.
        let Ok(name) = entry.file_name().into_string() else {
            strange += 1;
            continue;
        };
        let metadata = match fs::metadata(entry.path()) {
            // What vanishes while we look was deleted: that is an answer too. A link that leads nowhere is nothing either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // One that leads in a circle, for example.
            Err(error) if is_link && error.kind() != io::ErrorKind::PermissionDenied => {
                strange += 1;
                continue;
            }
            other => other?,
        };
        if !metadata.is_dir() {
            blobs.push(blob(format!("{base}/{name}"), &metadata)?);
        } else if is_link && leads_back(place, &entry.path()) {
            strange += 1;
        } else {
            folders.push(name);
        }
    }
    Ok((blobs, folders, strange))
}

/// Whether a link in a folder leads to that folder or to one that it is in: there is no end behind it.
fn leads_back(place: &Path, link: &Path) -> bool {
    match (fs::canonicalize(place), fs::canonicalize(link)) {
        (Ok(place), Ok(target)) => place.starts_with(target),
        _ => true,
    }
}

fn blob(path: String, metadata: &Metadata) -> io::Result<Blob> {
    let modified = Timestamp::try_from(metadata.modified()?).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Blob { path, size: metadata.len(), modified, class: None })
}

async fn on_thread<T: Send + 'static>(
    path: &str,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, Access> {
    let place = place(path);
    let done = tokio::task::spawn_blocking(move || work(&place)).await;
    match done {
        Ok(found) => found.map_err(|error| Access::of_files(path, &error)),
        Err(ended) => Err(Access::Other { why: format!("/{path}: {ended}") }),
    }
}
