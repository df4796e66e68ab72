//! What exists: looks at each cluster of the policies, side by side.

use super::eye::{Eye, Ticker, Ties, only as only_these};
use super::fleet::Fleet;
use super::together::together;
use crate::observe::Observer;
use jiff::Timestamp;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::inventory::{Cluster, Inventory, Repository};
use snapkeep_core::naming::RepositoryName;
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
    /// Repositories that could not be listed, by cluster.
    pub repositories: BTreeMap<String, BTreeMap<String, Failure>>,
}

/// Looks at the clusters and repositories of the policies named in `only` (none: of all), of all clusters at once.
/// `now` is the time by which the servers' clocks are measured. Never fails as a whole.
pub async fn gather(
    fleet: &Fleet,
    policies: &BTreeMap<String, Policy>,
    only: &[String],
    now: Timestamp,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Gathered {
    let ticker = Ticker::new(now);
    let places = places(policies.values().filter(|policy| only.is_empty() || only.contains(&policy.name)));
    let named = self::places(policies.values());
    let looks = places.into_iter().map(|(name, repositories)| {
        let named = &named[name];
        async move {
            let seen = match fleet.get(name) {
                Ok(api) => see(api, &repositories, named, ticker, deadline, observer).await,
                Err(failure) => Err(failure),
            };
            (name.to_owned(), seen)
        }
    });
    let mut gathered = Gathered::default();
    for (name, seen) in together(looks).await {
        gathered.take(name, seen);
    }
    gathered
}

/// What was seen of a cluster, and which of its repositories could not be.
type Seen = (Cluster, BTreeMap<String, Failure>);

impl Gathered {
    fn take(&mut self, name: String, seen: Result<Seen, Failure>) {
        match seen {
            Ok((cluster, failures)) => {
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
}

/// The repositories of each cluster.
fn places<'p>(policies: impl Iterator<Item = &'p Policy>) -> BTreeMap<&'p str, Vec<&'p RepositoryName>> {
    let mut places: BTreeMap<&str, Vec<&RepositoryName>> = BTreeMap::new();
    for policy in policies {
        for cluster in &policy.clusters {
            let repositories = places.entry(cluster).or_default();
            if !repositories.contains(&&policy.repository) {
                repositories.push(&policy.repository);
            }
        }
    }
    places
}

async fn see(
    api: &SnapshotApi,
    repositories: &[&RepositoryName],
    named: &[&RepositoryName],
    ticker: Ticker,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<Seen, Failure> {
    let mut eye = Eye::new(api, ticker, deadline, observer);
    let mut cluster = eye.cluster().await?;
    let product = eye.product().await?;
    let facts = api.indices(&product, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let ties = eye.ties(&facts).await;
    cluster.indices = facts.into_iter().map(|facts| facts.index).collect();
    let mut failures = BTreeMap::new();
    for name in repositories {
        list(&mut eye, name, &ties, &mut cluster, &mut failures).await;
    }
    if !cluster.concurrent {
        let listed = |other: &str| repositories.iter().any(|name| name.as_str() == other);
        for (other, running) in eye.running_elsewhere(listed).await? {
            // Another policy's own repository is never half seen.
            match named.iter().find(|name| name.as_str() == other) {
                Some(name) => list(&mut eye, name, &ties, &mut cluster, &mut failures).await,
                None => drop(cluster.repositories.insert(other, only_these(running))),
            }
        }
    }
    Ok((cluster, failures))
}

async fn list(
    eye: &mut Eye<'_>,
    name: &RepositoryName,
    ties: &Ties,
    cluster: &mut Cluster,
    failures: &mut BTreeMap<String, Failure>,
) {
    let listed: Result<Repository, Failure> = eye.repository(name, ties, &[]).await;
    match listed {
        Ok(repository) => drop(cluster.repositories.insert(name.as_str().to_owned(), repository)),
        Err(failure) => drop(failures.insert(name.as_str().to_owned(), failure)),
    }
}
