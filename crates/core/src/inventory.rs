//! What exists: the observed facts that a plan rests on.

use crate::selection::Index;
use crate::snapshot::{Snapshot, State};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

/// What was seen, by the clusters' names. A cluster that could not be asked is not there: that keeps its policies
/// waiting and no others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// Each cluster that answered.
    pub clusters: BTreeMap<String, Cluster>,
}

/// What was seen of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// How far the server's clock is ahead of ours; `None` if it was not to be learnt.
    pub skew: Option<SignedDuration>,
    /// Whether its version runs several snapshots and deletions at a time.
    pub concurrent: bool,
    /// Whether its version keeps metadata, so that a mark must be there.
    pub has_metadata: bool,
    /// Its repositories by name, at least those that a policy names.
    pub repositories: BTreeMap<String, Repository>,
    /// Its indices; only needed where a snapshot is due.
    pub indices: Vec<Index>,
}

/// What was seen of a repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repository {
    /// Whether it is registered `readonly`.
    pub readonly: bool,
    /// Everything that is in it, in any order, with states, starts and metadata.
    pub snapshots: Vec<Snapshot>,
    /// Names of snapshots under a legal hold.
    pub held: BTreeSet<String>,
    /// Names of snapshots that indices are mounted from.
    pub mounted: BTreeSet<String>,
    /// Names of snapshots that are being restored.
    pub restoring: BTreeSet<String>,
}

/// Largest skew at which ages can be trusted.
pub const MAX_SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Cluster {
    /// Whether the clock is known and near enough for ages to be trusted.
    pub fn clock_is_trusted(&self) -> bool {
        self.skew.is_some_and(|skew| skew.abs() <= MAX_SKEW)
    }

    /// The snapshots that run, in any of its repositories: `(repository, snapshot)`.
    pub fn running(&self) -> impl Iterator<Item = (&str, &Snapshot)> {
        self.repositories.iter().flat_map(|(name, repository)| {
            let runs = |snapshot: &&Snapshot| snapshot.state == Some(State::InProgress);
            repository.snapshots.iter().filter(runs).map(move |snapshot| (name.as_str(), snapshot))
        })
    }
}
