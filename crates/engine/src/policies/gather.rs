//! What exists: looks at each cluster of the policies, side by side.

use super::eye::{Eye, Scene, Ties, only as only_these};
use super::fleet::{Fleet, meant};
use super::location::Locations;
use super::ticker::Ticker;
use super::together::together;
use crate::observe::Observer;
use jiff::Timestamp;
use snapkeep_core::Failure;
use snapkeep_core::inventory::{Cluster, Inventory, Repository};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::plan::{Plan, Step};
use snapkeep_core::policy::Policy;
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;

/// What was seen, and what could not be.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// What was seen.
    pub inventory: Inventory,
    /// Clusters that could not be asked: their policies wait, no others.
    pub failures: BTreeMap<String, Failure>,
    /// Repositories that could not be listed, and those that are one place with another (`repository_conflict`), by
    /// cluster. Of several that are one place the first is in the inventory: it is written to, and nothing is deleted.
    pub repositories: BTreeMap<String, BTreeMap<String, Failure>>,
}

/// Looks at the clusters and repositories of the policies named in `only` (none: of all), of all clusters at once.
/// `now` is the time by which the servers' clocks are measured. Never fails as a whole.
pub async fn gather(
    fleet: &Fleet<'_>,
    policies: &BTreeMap<String, Policy>,
    only: &[String],
    now: Timestamp,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Gathered {
    let ticker = Ticker::steady(now);
    let places = places(meant(policies, only));
    let named = self::places(policies.values());
    let locations = Locations::of(places.keys().copied());
    let scene = Scene { ticker, deadline, observer, locations: &locations };
    let looks = places.into_iter().map(|(name, repositories)| {
        let named = &named[name];
        async move {
            let seen = match fleet.get(name, deadline).await {
                Ok(api) => see(&mut Eye::new(name, api, &scene), &repositories, named).await,
                Err(failure) => Err(failure),
            };
            (name.to_owned(), seen)
        }
    });
    let mut gathered = Gathered::default();
    for (name, seen) in together(looks).await {
        gathered.take(name, seen);
    }
    for ((cluster, repository), failure, is_later) in locations.conflicts() {
        if let Some(seen) = gathered.inventory.clusters.get_mut(&cluster).filter(|_| is_later) {
            seen.repositories.remove(&repository);
        }
        gathered.repositories.entry(cluster).or_default().insert(repository, failure);
    }
    gathered
}

/// What was seen of a cluster.
pub(super) struct Seen {
    pub(super) cluster: Cluster,
    /// Which of its repositories could not be seen, or are another's place, and why.
    pub(super) failures: BTreeMap<String, Failure>,
}

impl Gathered {
    fn take(&mut self, name: String, seen: Result<Seen, Failure>) {
        match seen {
            Ok(Seen { cluster, failures }) => {
                self.inventory.clusters.insert(name.clone(), cluster);
                if !failures.is_empty() {
                    self.repositories.insert(name, failures);
                }
            }
            Err(failure) => {
                tracing::warn!(cluster = name, "{}", failure.cause);
                self.failures.insert(name, failure);
            }
        }
    }

    /// Takes out the deletions of repositories that are one place with another.
    pub(super) fn spare(&self, plan: &mut Plan) {
        plan.steps.retain(|step| {
            let place = step.place();
            let failed = self.repositories.get(&place.cluster).is_some_and(|all| all.contains_key(&place.repository));
            !(failed && matches!(step, Step::Delete(_)))
        });
    }
}

/// The repositories of each cluster.
pub(super) fn places<'p>(policies: impl Iterator<Item = &'p Policy>) -> BTreeMap<&'p str, Vec<RepositoryName>> {
    let mut places: BTreeMap<&str, Vec<RepositoryName>> = BTreeMap::new();
    for policy in policies {
        for cluster in &policy.clusters {
            let repositories = places.entry(cluster).or_default();
            if !repositories.contains(&policy.repository) {
                repositories.push(policy.repository.clone());
            }
        }
    }
    places
}

/// Looks at a cluster and those of its repositories; `named` are all that any policy names.
pub(super) async fn see(
    eye: &mut Eye<'_>,
    repositories: &[RepositoryName],
    named: &[RepositoryName],
) -> Result<Seen, Failure> {
    let cluster = eye.cluster().await?;
    let product = eye.product().await?;
    let facts = eye.api.indices(&product, eye.deadline).await.map_err(|unanswered| unanswered.failure())?;
    let ties = eye.ties(&facts).await;
    let mut seen = Seen { cluster, failures: BTreeMap::new() };
    seen.cluster.indices = facts.into_iter().map(|facts| facts.index).collect();
    for name in repositories {
        list(eye, name, &ties, &mut seen).await;
    }
    if !seen.cluster.concurrent {
        let listed = |other: &str| repositories.iter().any(|name| name.as_str() == other);
        for (other, running) in eye.running_elsewhere(listed).await? {
            // Another policy's own repository is never half seen.
            match named.iter().find(|name| name.as_str() == other) {
                Some(name) => list(eye, name, &ties, &mut seen).await,
                None => drop(seen.cluster.repositories.insert(other, only_these(running))),
            }
        }
    }
    Ok(seen)
}

async fn list(eye: &mut Eye<'_>, name: &RepositoryName, ties: &Ties, seen: &mut Seen) {
    let listed: Result<Repository, Failure> = eye.repository(name, ties, &[]).await;
    match listed {
        Ok(repository) => drop(seen.cluster.repositories.insert(name.as_str().to_owned(), repository)),
        Err(failure) => drop(seen.failures.insert(name.as_str().to_owned(), failure)),
    }
}
