//! The cache directory, outside the source tree, shared by all processes of this machine.
//!
//! An entry is a directory that appears whole or not at all: it is built beside its place under a cross-process lock and
//! renamed. An entry's name holds the digest of what it was built from, so a changed pin is another entry; entries are
//! never written to again.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::user;

/// Where an administrator's machine keeps caches, for a root user whose home is closed to the nodes' user.
const SYSTEM_CACHE: &str = "/var/cache/snapkeep";

/// The cache. Cheap to clone; nothing is created until an entry is asked for.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `SNAPKEEP_CACHE`, else `$XDG_CACHE_HOME/snapkeep`, else `~/.cache/snapkeep`; for root, whose home other users may not
    /// enter although the nodes must, `/var/cache/snapkeep` in place of the last two.
    ///
    /// # Errors
    /// [`Error::Setting`] when `SNAPKEEP_CACHE` names a place that the nodes' user cannot enter.
    pub fn open() -> Result<Self> {
        let closed = |path: &Path| user::is_root() && user::closed_ancestor(path).is_some();
        choose_root(|name| env::var_os(name), closed).map(Self::at)
    }

    /// A cache at a directory of one's own.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entry `name`, built by `build` into an empty directory if it is not there yet. Processes that ask at the same
    /// time wait for one another; whoever dies half-way leaves nothing that counts.
    ///
    /// # Errors
    /// Those of `build`, and [`Error::Io`].
    pub fn entry(&self, name: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let place = self.root.join(name);
        if place.is_dir() {
            return Ok(place);
        }
        let _lock = self.lock(name)?;
        if place.is_dir() {
            return Ok(place);
        }
        let prefix = format!(".partial-{name}-");
        self.remove_leftovers(&prefix);
        let partial = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&self.root)
            .map_err(Error::at("create a directory in", &self.root))?;
        user::open_to_all(partial.path())?;
        build(partial.path())?;
        fs::rename(partial.path(), &place).map_err(Error::at("publish", &place))?;
        let _ = partial.keep();
        Ok(place)
    }

    fn lock(&self, name: &str) -> Result<File> {
        if !self.root.is_dir() {
            fs::create_dir_all(&self.root).map_err(Error::at("create", &self.root))?;
            user::open_to_all(&self.root)?;
        }
        let path = self.root.join(format!(".lock-{name}"));
        let file = File::create(&path).map_err(Error::at("create", &path))?;
        file.lock().map_err(Error::at("lock", &path))?;
        Ok(file)
    }

    /// What a killed process left; the lock is held, so nobody is using it.
    fn remove_leftovers(&self, prefix: &str) {
        let Ok(entries) = fs::read_dir(&self.root) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn choose_root(get: impl Fn(&str) -> Option<OsString>, closed: impl Fn(&Path) -> bool) -> Result<PathBuf> {
    let set = |name: &str| get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = set("SNAPKEEP_CACHE") {
        if closed(&dir) {
            let dir = dir.display();
            return Err(Error::Setting(format!(
                "SNAPKEEP_CACHE={dir}: the nodes run as another user than root and cannot enter it; name an open directory"
            )));
        }
        return Ok(dir);
    }
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    match base.map(|dir| dir.join("snapkeep")) {
        Some(dir) if !closed(&dir) => Ok(dir),
        _ => Ok(PathBuf::from(SYSTEM_CACHE)),
    }
}

/// The sha256 of a file, lower-case hex.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::at("read", path))?;
    let mut digest = Sha256::new();
    std::io::copy(&mut file, &mut digest).map_err(Error::at("read", path))?;
    Ok(hex(&digest.finalize()))
}

/// Compares a file with its pin.
///
/// # Errors
/// [`Error::Checksum`] when it is another file.
pub fn verify(path: &Path, pinned: &str) -> Result<()> {
    let found = sha256_of(path)?;
    if found == pinned {
        return Ok(());
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(Error::Checksum { file, found, pinned: pinned.to_owned() })
}

/// Lower-case hex of the first eight bytes of a digest over `parts`: enough to name a cache entry.
pub(crate) fn short_digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex(&digest.finalize()[..8])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn root_for(vars: &[(&str, &str)], closed: &[&str]) -> Result<PathBuf> {
        let get = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        choose_root(get, |path| closed.iter().any(|dir| path.starts_with(dir)))
    }

    #[test]
    fn the_directory_follows_the_environment() {
        let home = ("HOME", "/home/a");
        assert_eq!(root_for(&[home], &[]).unwrap(), Path::new("/home/a/.cache/snapkeep"));
        assert_eq!(root_for(&[home, ("XDG_CACHE_HOME", "/x")], &[]).unwrap(), Path::new("/x/snapkeep"));
        assert_eq!(root_for(&[home, ("SNAPKEEP_CACHE", "/c")], &[]).unwrap(), Path::new("/c"));
        assert_eq!(root_for(&[("SNAPKEEP_CACHE", "")], &[]).unwrap(), Path::new(SYSTEM_CACHE));
    }

    #[test]
    fn a_closed_home_gives_way_and_a_closed_choice_is_refused() {
        assert_eq!(root_for(&[("HOME", "/root")], &["/root"]).unwrap(), Path::new(SYSTEM_CACHE));
        let refused = root_for(&[("SNAPKEEP_CACHE", "/root/c")], &["/root"]).unwrap_err();
        assert!(refused.needs_operator(), "{refused}");
    }

    #[test]
    fn an_entry_is_built_once_however_many_ask() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let built = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let place = cache.entry("thing", |at| {
                        built.fetch_add(1, Ordering::Relaxed);
                        fs::write(at.join("file"), b"x").map_err(Error::at("write", at))
                    });
                    assert!(place.unwrap().join("file").is_file());
                });
            }
        });
        assert_eq!(built.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_failed_build_leaves_nothing_and_the_next_one_clears_what_a_killed_one_left() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let failed = cache.entry("thing", |_| Err(Error::Setting("no".into())));
        assert!(failed.is_err());
        fs::create_dir(dir.path().join(".partial-thing-killed")).unwrap();
        cache.entry("thing", |_| Ok(())).unwrap();
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".lock-thing", "thing"]);
    }

    #[test]
    fn a_file_that_is_not_the_pinned_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        fs::write(&path, b"abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        verify(&path, abc).unwrap();
        let wrong = verify(&path, "00").unwrap_err();
        assert_eq!(wrong.to_string(), format!("a.zip: sha256 is {abc}, but 00 is pinned"));
    }
}
