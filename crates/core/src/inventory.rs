//! What exists: the observed facts that a plan rests on.

use crate::selection::Index;
use crate::snapshot::{Snapshot, State};
use jiff::{SignedDuration, Timestamp};
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

/// Largest skew at which the server's clock can be the right one of the two. Beyond, nobody can tell which is wrong.
pub const SANE_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// How far the clock of a server that told `theirs` is ahead of ours, which showed `asked` before the question and
/// `answered` after the answer: the least that fits, so that a slow answer is no skew.
pub fn skew(theirs: Timestamp, asked: Timestamp, answered: Timestamp) -> SignedDuration {
    theirs.duration_since(theirs.clamp(asked.min(answered), answered))
}

impl Cluster {
    /// Whether the clock is known and near enough for ages to be trusted.
    pub fn clock_is_trusted(&self) -> bool {
        self.skew.is_some_and(|skew| skew.abs() <= MAX_SKEW)
    }

    /// What time it is for slots and ages when our clock shows `ours`: the server's time where the two are too far from
    /// one another and the server's can be the right one, else ours. (A run that a scheduler begins at the very second
    /// of a slot is not to miss it for the second that the server's clock is behind.)
    pub fn time(&self, ours: Timestamp) -> Timestamp {
        let astray = self.skew.filter(|skew| skew.abs() > MAX_SKEW && skew.abs() <= SANE_SKEW);
        astray.and_then(|skew| ours.checked_add(skew).ok()).unwrap_or(ours)
    }

    /// The snapshots that run, in any of its repositories: `(repository, snapshot)`.
    pub fn running(&self) -> impl Iterator<Item = (&str, &Snapshot)> {
        self.repositories.iter().flat_map(|(name, repository)| {
            let runs = |snapshot: &&Snapshot| snapshot.state == Some(State::InProgress);
            repository.snapshots.iter().filter(runs).map(move |snapshot| (name.as_str(), snapshot))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_slow_answer_is_no_skew() {
        let (asked, answered) = (at("2026-01-20T05:00:00Z"), at("2026-01-20T05:10:00Z"));
        for (theirs, seconds) in [
            ("2026-01-20T05:00:00Z", 0),
            ("2026-01-20T05:06:00Z", 0),
            ("2026-01-20T05:10:09Z", 9),
            ("2026-01-20T04:50:00Z", -600),
        ] {
            assert_eq!(skew(at(theirs), asked, answered).as_secs(), seconds, "{theirs}");
        }
        assert_eq!(skew(answered, answered, asked).as_secs(), 600, "a clock that was set back meanwhile");
    }

    #[test]
    fn the_servers_time_counts_where_it_is_far_and_can_be_right() {
        let ours = at("2026-01-20T05:00:00Z");
        for (skew, expected) in
            [(None, 0), (Some(300), 0), (Some(-301), -301), (Some(86_400), 86_400), (Some(86_401), 0)]
        {
            let cluster = Cluster { skew: skew.map(SignedDuration::from_secs), ..Cluster::default() };
            assert_eq!(cluster.time(ours).duration_since(ours).as_secs(), expected, "{skew:?}");
        }
    }
}
