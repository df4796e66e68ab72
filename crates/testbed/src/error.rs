//! What can go wrong in the testbed, told apart by who has to act.

use std::io;
use std::path::{Path, PathBuf};

/// Why a part of the testbed could not be had. Each message is one line, a node's log tail excepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that only an administrator can install is absent. `xtask` ends with exit 2 on it.
    #[error("{what} is needed and was not found; install it with: {install}")]
    MissingTool {
        /// What was looked for, such as "a JDK from 21 to 25".
        what: String,
        /// The command that installs it.
        install: String,
    },
    /// A setting in the environment that cannot work. The message says what to change.
    #[error("{0}")]
    Setting(String),
    /// A file or process operation failed.
    #[error("{action}: {source}")]
    Io {
        /// What was being done, with the path.
        action: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A downloaded file is not the one that is pinned in the source.
    #[error("{file}: sha256 is {found}, but {pinned} is pinned")]
    Checksum {
        /// The file's name.
        file: String,
        /// What was computed, lower-case hex.
        found: String,
        /// What is expected, lower-case hex.
        pinned: String,
    },
    /// Maven ended with an error; its own first error line is in `output`.
    #[error("mvn could not fetch {what}: {output}")]
    Maven {
        /// The coordinates asked for.
        what: String,
        /// Maven's first error line.
        output: String,
    },
    /// An archive could not be unpacked.
    #[error("cannot unpack {}: {reason}", file.display())]
    Archive {
        /// The archive.
        file: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A node died or never became healthy.
    #[error("{node} {reason}; the end of its log:\n{log}")]
    Node {
        /// The release's name.
        node: String,
        /// What happened.
        reason: String,
        /// The tail of the node's output.
        log: String,
    },
    /// A request to a part of the testbed got no usable answer.
    #[error("{url}: {reason}")]
    Request {
        /// Where the request went.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// A release that the table in [`crate::release`] does not have.
    #[error("unknown release {name}; known are {known}")]
    UnknownRelease {
        /// The name asked for.
        name: String,
        /// All names, comma-separated.
        known: String,
    },
}

impl Error {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    pub(crate) fn at(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }

    /// Whether an administrator has to act first (install, or correct a setting): exit code 2.
    pub fn needs_operator(&self) -> bool {
        matches!(self, Self::MissingTool { .. } | Self::Setting(_))
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
