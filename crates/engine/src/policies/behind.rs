//! Deletions behind a snapshot that runs in their repository. Servers that do several things at a time delete nothing from
//! a repository until its snapshots have ended, and let whatever comes later wait with the deletion: so it is not sent.

use super::following::UnderWay;
use super::session::Session;
use snapkeep_core::inventory::Cluster;
use snapkeep_core::naming::SlotName;
use snapkeep_core::ownership::agrees;
use snapkeep_core::policy::Policy;
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};

/// What deletions wait for.
pub(super) struct Behind {
    /// In words.
    pub(super) why: String,
    /// Whether waiting is in vain: this run has waited for it already.
    pub(super) is_stuck: bool,
    /// Whether somebody goes on with that snapshot, so that nothing is amiss: this run, which reports it as pending, or the
    /// run of another policy.
    is_followed: bool,
}

impl Behind {
    /// What a policy fails with whose deletions have waited in vain; `None` where the next run simply goes on.
    pub(super) fn failure(&self) -> Option<Failure> {
        let hint = "`status` tells what the snapshot waits for, and `abort` ends it; the next run goes on";
        (!self.is_followed || self.is_stuck).then(|| Failure::new(Code::SnapshotRunning, self.why.clone(), hint))
    }
}

impl Session<'_, '_> {
    /// What deletions from the repository have to wait for, by what was just seen of it. Where one thing runs at a time,
    /// the server itself refuses.
    pub(super) fn behind(&self, cluster: &Cluster, repository: &str) -> Option<Behind> {
        let listed = cluster.repositories.get(repository).filter(|_| cluster.concurrent)?;
        let runs = || listed.snapshots.iter().filter(|snapshot| snapshot.state == Some(State::InProgress));
        let own = |name: &str| {
            let is_it = |one: &&UnderWay| one.repository.as_str() == repository && one.name.as_str() == name;
            self.under_way.iter().find(is_it)
        };
        let stuck = |name: &str| own(name).and_then(|one| one.left_alone.as_ref());
        let running = runs().find(|snapshot| stuck(&snapshot.name).is_some()).or_else(|| runs().next())?;
        let is_stuck = stuck(&running.name);
        let detail = is_stuck.map_or("runs there".to_owned(), |why| format!("runs there and {why}"));
        Some(Behind {
            why: format!(
                "nothing is deleted from repository {repository} until its snapshots have ended: {} {detail}",
                running.name
            ),
            is_stuck: is_stuck.is_some(),
            is_followed: own(&running.name).is_some() || self.is_anothers(cluster, repository, running),
        })
    }

    /// Whether it is another policy's, within its `max_duration`, and whoever runs this one runs that one, too.
    fn is_anothers(&self, cluster: &Cluster, repository: &str, running: &Snapshot) -> bool {
        let Some(name) = SlotName::parse(&running.name).filter(|_| self.turns.are_kept()) else { return false };
        let is_its = |policy: &&Policy| {
            policy.prefix() == name.prefix
                && policy.repository.as_str() == repository
                && policy.clusters.iter().any(|name| name == self.eye.name)
                && agrees(policy, name, running, cluster.has_metadata).is_ok()
        };
        let owner = self.policies.iter().find(is_its);
        owner.is_some_and(|policy| !self.is_overdue(policy, running.started_at))
    }

    /// Whether a snapshot that this run knows of runs in the repository: others' deletions come first.
    pub(super) fn is_busy(&self, repository: &str) -> bool {
        self.under_way.iter().any(|one| one.repository.as_str() == repository)
    }
}
