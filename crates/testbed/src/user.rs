//! Who runs the nodes. They refuse to run as root, so root hands them to an unprivileged user.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// "nobody" on Linux distributions.
pub(crate) const NODE_UID: u32 = 65534;

/// Whether this process runs as root: the owner of its own `/proc` entry.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// The first ancestor that other users may not enter, if there is one.
pub(crate) fn closed_ancestor(path: &Path) -> Option<PathBuf> {
    let enters = |dir: &Path| fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0);
    path.ancestors().filter(|dir| dir.is_dir()).find(|dir| !enters(dir)).map(Path::to_owned)
}

/// Gives `path` to the user that runs the nodes; nothing to do unless we are root.
pub(crate) fn give_to_node(path: &Path) -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(NODE_UID), Some(NODE_UID)).map_err(Error::at("give away", path))
}

/// Lets every user enter and read `path`: the node's user has to.
pub(crate) fn open_to_all(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Error::at("open", path))
}

/// Lets every user read all that lies below `dir`, whatever the umask was when it was written.
pub(crate) fn open_tree(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::at("read", dir))?.flatten() {
        let path = entry.path();
        let meta = entry.metadata().map_err(Error::at("read", &path))?;
        let readable = if meta.is_dir() { 0o555 } else { 0o444 };
        let mode = meta.permissions().mode() | readable;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(Error::at("open", &path))?;
        if meta.is_dir() {
            open_tree(&path)?;
        }
    }
    Ok(())
}
