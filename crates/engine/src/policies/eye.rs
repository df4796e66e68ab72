//! Looks at one cluster, again and again: afresh each time, but without asking twice for what cannot have changed.

use super::location::Locations;
use super::ticker::Ticker;
use crate::observe::{Event, Observer};
use jiff::SignedDuration;
use snapkeep_cluster::{Feature, InRepository, IndexFacts, Product, SnapshotApi, Unanswered};
use snapkeep_core::inventory::{Cluster, Repository, skew};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What all clusters of a run have in common.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) ticker: Ticker,
    pub(super) deadline: Deadline,
    pub(super) observer: &'a dyn Observer,
    pub(super) locations: &'a Locations,
}

/// One cluster, and what was seen of it before.
pub(super) struct Eye<'a> {
    /// The cluster's name.
    pub(super) name: &'a str,
    pub(super) api: &'a SnapshotApi,
    pub(super) ticker: Ticker,
    pub(super) deadline: Deadline,
    pub(super) locations: &'a Locations,
    observer: &'a dyn Observer,
    /// Details by repository and name.
    known: HashMap<String, HashMap<String, Snapshot>>,
}

/// What holds snapshots: mounted ones and those that are being restored.
#[derive(Default)]
pub(super) struct Ties {
    pub(super) mounted: BTreeSet<InRepository>,
    pub(super) restoring: BTreeSet<InRepository>,
}

impl Ties {
    /// Names of the snapshots of a repository that indices are mounted from, by whatever name the index knows the
    /// repository: one place may be registered by several, and a snapshot has the same id under each.
    fn mounted(&self, repository: &RepositoryName, listed: &[Snapshot]) -> BTreeSet<String> {
        let here = self.mounted.iter().filter(|one| one.repository == repository.as_str());
        let names: BTreeSet<&str> = here.map(|one| one.snapshot.as_str()).collect();
        let ids: BTreeSet<&str> = self.mounted.iter().filter_map(|one| one.uuid.as_deref()).collect();
        let is_mounted = |snapshot: &&Snapshot| {
            names.contains(snapshot.name.as_str()) || snapshot.uuid.as_deref().is_some_and(|id| ids.contains(id))
        };
        listed.iter().filter(is_mounted).map(|snapshot| snapshot.name.clone()).collect()
    }

    /// Names of the snapshots that are being restored. A restore does not tell its snapshot's id, so that one of the
    /// same name in any repository counts: it only stays until the restore has ended.
    fn restoring(&self, listed: &[Snapshot]) -> BTreeSet<String> {
        let names: BTreeSet<&str> = self.restoring.iter().map(|one| one.snapshot.as_str()).collect();
        let is_restored = |snapshot: &&Snapshot| names.contains(snapshot.name.as_str());
        listed.iter().filter(is_restored).map(|snapshot| snapshot.name.clone()).collect()
    }
}

impl<'a> Eye<'a> {
    pub(super) fn new(name: &'a str, api: &'a SnapshotApi, scene: &Scene<'a>) -> Self {
        let Scene { ticker, deadline, observer, locations } = *scene;
        Self { name, api, ticker, deadline, locations, observer, known: HashMap::new() }
    }

    pub(super) fn notice(&self, event: &Event<'_>) {
        self.observer.notice(event);
    }

    pub(super) fn observer(&self) -> &'a dyn Observer {
        self.observer
    }

    pub(super) async fn product(&self) -> Result<Product, Failure> {
        self.api.product(self.deadline).await.map_err(|unanswered| unanswered.failure())
    }

    /// The cluster without repositories: its version and its clock, as they are now.
    pub(super) async fn cluster(&self) -> Result<Cluster, Failure> {
        let product = self.product().await?;
        Ok(Cluster {
            skew: self.skew().await,
            concurrent: product.has(Feature::ConcurrentOperations),
            has_metadata: product.has(Feature::Metadata),
            ..Cluster::default()
        })
    }

    /// How far the server's clock is ahead; `None` if it does not tell.
    async fn skew(&self) -> Option<SignedDuration> {
        let asked = self.ticker.now();
        match self.api.clock(self.deadline).await {
            Ok(clock) => Some(skew(clock.now, asked, self.ticker.now())),
            Err(unanswered) => {
                self.look_failed("the server's clock", &unanswered);
                None
            }
        }
    }

    /// Everything that is in a repository, as it is now. `afresh` are names whose details are asked for in any case.
    pub(super) async fn repository(
        &mut self,
        name: &RepositoryName,
        ties: &Ties,
        afresh: &[&str],
    ) -> Result<Repository, Failure> {
        let registered = self.api.repository(name, self.deadline).await.map_err(|unanswered| unanswered.failure())?;
        let registered = registered.ok_or_else(|| unregistered(name))?;
        let readonly = registered.settings.get("readonly").is_some_and(|value| *value == true || value == "true");
        let snapshots = self.list(name, afresh).await.map_err(|unanswered| unanswered.failure())?;
        self.locations.note(self.name, name.as_str(), &registered, readonly, &snapshots);
        let (mounted, restoring) = (ties.mounted(name, &snapshots), ties.restoring(&snapshots));
        Ok(Repository { readonly, snapshots, held: BTreeSet::new(), mounted, restoring })
    }

    /// The short list says what there is and how it stands; details, which a server reads one file each for, are
    /// asked for where they are not known of this very snapshot in this state. What vanishes meanwhile is left out.
    async fn list(&mut self, name: &RepositoryName, afresh: &[&str]) -> Result<Vec<Snapshot>, Unanswered> {
        let known = self.known.entry(name.as_str().to_owned()).or_default();
        if known.is_empty() {
            let product = self.api.product(self.deadline).await?;
            let all = self.api.all(name, &product, false, self.deadline).await?;
            known.extend(all.iter().map(|snapshot| (snapshot.name.clone(), snapshot.clone())));
            return Ok(all);
        }
        let mut names = self.api.names(name, self.deadline).await?;
        let is_known = |entry: &Snapshot| known.get(&entry.name).is_some_and(|known| is_same(known, entry));
        let to_ask = names.iter().filter(|entry| afresh.contains(&entry.name.as_str()) || !is_known(entry));
        let to_ask: Vec<SnapshotName> = to_ask.filter_map(|entry| SnapshotName::parse(&entry.name).ok()).collect();
        known.retain(|name, _| !to_ask.iter().any(|asked| asked.as_str() == name));
        let details = self.api.details(name, &to_ask, self.deadline).await?;
        known.extend(details.into_iter().map(|snapshot| (snapshot.name.clone(), snapshot)));
        if !to_ask.iter().all(|asked| known.contains_key(asked.as_str())) {
            // Without details: gone since the list was read, or not readable? Another list tells.
            let left = self.api.names(name, self.deadline).await?;
            let left: HashSet<String> = left.into_iter().map(|entry| entry.name).collect();
            names.retain(|entry| left.contains(&entry.name));
        }
        Ok(names.into_iter().map(|entry| known.get(&entry.name).cloned().unwrap_or(entry)).collect())
    }

    /// What holds snapshots. A cluster that does not let restores be seen refuses to delete what it restores.
    pub(super) async fn ties(&self, indices: &[IndexFacts]) -> Ties {
        let restoring = self.api.restoring(self.deadline).await.unwrap_or_else(|unanswered| {
            self.look_failed("a look for restores", &unanswered);
            Vec::new()
        });
        let mounted = indices.iter().filter_map(|facts| facts.mounted_from.clone());
        Ties { mounted: mounted.collect(), restoring: restoring.into_iter().collect() }
    }

    /// The same, with the indices' settings as they are now.
    pub(super) async fn ties_now(&self) -> Result<Ties, Failure> {
        let indices = self.api.index_settings(self.deadline).await.map_err(|unanswered| unanswered.failure())?;
        Ok(self.ties(&indices).await)
    }

    /// What runs in the cluster's repositories other than `listed`, where anything does. What cannot be looked at is
    /// told to the observer and left out: the server refuses what it cannot do at the same time.
    pub(super) async fn running_elsewhere(
        &self,
        listed: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, Vec<Snapshot>)>, Failure> {
        let found = self.api.repositories(self.deadline).await.map_err(|unanswered| unanswered.failure())?;
        let others = found.keys().filter(|name| !listed(name)).filter_map(|name| RepositoryName::parse(name).ok());
        let mut elsewhere = Vec::new();
        for other in others {
            match self.api.running(&other, self.deadline).await {
                Ok(running) if running.is_empty() => {}
                Ok(running) => elsewhere.push((other.as_str().to_owned(), running)),
                Err(unanswered) => self.look_failed(&format!("a look at repository {other}"), &unanswered),
            }
        }
        Ok(elsewhere)
    }

    /// A look at one repository, for steps in it: the cluster with that repository as they are now.
    pub(super) async fn at(&mut self, name: &RepositoryName, afresh: &[&str], ties: bool) -> Result<Cluster, Failure> {
        let mut cluster = self.cluster().await?;
        let ties = if ties { self.ties_now().await? } else { Ties::default() };
        let repository = self.repository(name, &ties, afresh).await?;
        cluster.repositories.insert(name.as_str().to_owned(), repository);
        if !cluster.concurrent {
            for (other, running) in self.running_elsewhere(|other| other == name.as_str()).await? {
                cluster.repositories.insert(other, only(running));
            }
        }
        Ok(cluster)
    }

    pub(super) fn look_failed(&self, what: &str, unanswered: &Unanswered) {
        let cause = format!("{what} failed: {}", unanswered.failure().cause);
        tracing::warn!("{cause}");
        self.observer.notice(&Event::LookFailed { cause: &cause });
    }
}

/// A repository of which only that was looked at.
pub(super) fn only(snapshots: Vec<Snapshot>) -> Repository {
    Repository { snapshots, ..Repository::default() }
}

/// Whether details that were read before are still those of what the short list names: the same id, ended, and in the
/// same state. Nothing of such a snapshot changes any more.
fn is_same(known: &Snapshot, entry: &Snapshot) -> bool {
    let ended = !matches!(entry.state, Some(State::InProgress) | None);
    ended
        && known.started_at.is_some()
        && entry.uuid.is_some()
        && known.uuid == entry.uuid
        && known.state == entry.state
}

fn unregistered(name: &RepositoryName) -> Failure {
    let hint = "register it (`repo register`), or name another in the policy";
    Failure::new(Code::RepositoryMissing, format!("repository {name} is not registered on this cluster"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, uuid: Option<&str>) -> Snapshot {
        Snapshot { uuid: uuid.map(str::to_owned), state: Some(State::Success), ..Snapshot::named(name) }
    }

    fn one(repository: &str, snapshot: &str, uuid: Option<&str>) -> InRepository {
        let uuid = uuid.map(str::to_owned);
        InRepository { repository: repository.to_owned(), snapshot: snapshot.to_owned(), uuid }
    }

    #[test]
    fn what_is_mounted_or_restored_by_another_name_of_its_repository_is_held() {
        let here = RepositoryName::parse("here").unwrap();
        let listed = [
            snapshot("by-name", None),
            snapshot("by-id", Some("1")),
            snapshot("namesake", Some("2")),
            snapshot("restored", Some("3")),
            snapshot("free", None),
        ];
        let ties = Ties {
            mounted: BTreeSet::from([
                one("here", "by-name", None),
                one("twin", "by-id", Some("1")),
                one("elsewhere", "namesake", Some("9")),
                one("elsewhere", "free", None),
            ]),
            restoring: BTreeSet::from([one("twin", "restored", None)]),
        };
        let mounted = ties.mounted(&here, &listed);
        assert_eq!(mounted.iter().map(String::as_str).collect::<Vec<_>>(), ["by-id", "by-name"]);
        assert_eq!(ties.restoring(&listed), BTreeSet::from(["restored".to_owned()]));
    }
}
