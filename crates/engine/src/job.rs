//! What to do.

use jiff::Timestamp;
use serde_json::{Map, Value};
use snapkeep_core::naming::{RepositoryName, RequestMark, SnapshotName};
use snapkeep_core::repository::RepositorySettings;
use std::time::Duration;

/// One thing to do against one cluster.
#[derive(Clone, Debug)]
pub enum Job {
    /// Register the repository, then create a snapshot in it.
    Backup(Registration, Creation),
    /// Register the repository.
    Register(Registration),
    /// Create a snapshot in a registered repository.
    Create(Creation),
    /// Say how a snapshot fares.
    Status {
        /// Where it is.
        repository: RepositoryName,
        /// Which.
        snapshot: SnapshotName,
        /// How long to follow it while it runs.
        wait: Duration,
    },
    /// List a repository's snapshots.
    List {
        /// Which repository.
        repository: RepositoryName,
    },
}

/// A repository to register.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its name.
    pub repository: RepositoryName,
    /// Its settings.
    pub settings: RepositorySettings,
    /// Whether settings that differ are replaced.
    pub replace: bool,
    /// What it means that it holds what this cluster has not written.
    pub written_before: WrittenBefore,
}

/// What it means that a repository which a cluster is to write to, and did not write to before, holds snapshots already: some
/// other cluster has taken them, or this one in an earlier life. Two clusters that write to one repository destroy it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenBefore {
    /// It is read here and not written.
    Refused,
    /// It is told in a warning.
    Told,
    /// It is known, and nobody else writes to it any more.
    TakenOver,
}

/// A snapshot to create.
#[derive(Clone, Debug)]
pub struct Creation {
    /// Where.
    pub repository: RepositoryName,
    /// Its name. It is never changed on the way: a second name could mean a second snapshot.
    pub snapshot: SnapshotName,
    /// What makes it the same snapshot at every delivery.
    pub identity: Identity,
    /// The create API's body; `None` sends none.
    pub body: Option<Map<String, Value>>,
    /// How long to follow it.
    pub wait: Duration,
    /// How long it may stand still until the observer, if there is one, is told.
    pub stall_after: Option<Duration>,
}

/// What makes a snapshot the one that is meant.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The request: an earlier delivery's name ends in its mark, but may hold another time.
    Request(RequestMark),
    /// The slot's time in its name.
    Slot,
    /// A name that somebody chose just now: what has it before anything was sent is another's. No clock is
    /// asked.
    New,
    /// A fixed name, which says little: what has it is taken for ours if it began at this time or later.
    Fixed {
        /// An event is delivered for some hours at most.
        since: Timestamp,
    },
}

impl Job {
    /// The repository that it is about.
    pub fn repository(&self) -> &RepositoryName {
        match self {
            Self::Backup(registration, _) | Self::Register(registration) => &registration.repository,
            Self::Create(creation) => &creation.repository,
            Self::Status { repository, .. } | Self::List { repository } => repository,
        }
    }

    /// Its name in events and answers.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Backup(..) => "backup",
            Self::Register(_) => "register",
            Self::Create(_) => "create",
            Self::Status { .. } => "status",
            Self::List { .. } => "list",
        }
    }
}
