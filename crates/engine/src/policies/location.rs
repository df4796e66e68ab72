//! Where repositories really are. Two that are one place would each take the other's snapshots for its own, and two
//! clusters that write to one place destroy it.

use crate::address::address;
use snapkeep_cluster::Registered;
use snapkeep_core::snapshot::Snapshot;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// The cluster's name and the repository's.
type Spot = (String, String);

/// What a run has seen of where its repositories are, of all its clusters together.
pub(super) struct Locations(watch::Sender<Told>);

/// What the clusters have told.
#[derive(Default)]
struct Told {
    /// Clusters that have neither told yet nor been given up.
    missing: BTreeSet<String>,
    claims: BTreeMap<Spot, Claim>,
    /// Clusters that are left out and have not said where their repositories are, and why not if that is known.
    unheard: BTreeMap<String, Option<Failure>>,
    /// How many have claimed a place.
    claimed: usize,
}

/// A repository that can be written to.
struct Claim {
    address: String,
    /// What is in it. Several clusters may each have a folder or a bucket of that name of their own.
    content: BTreeSet<String>,
    /// Who came first.
    number: usize,
}

/// Says that its cluster has told, or has been given up, when it goes.
pub(super) struct Teller<'l> {
    locations: &'l Locations,
    cluster: &'l str,
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        self.locations.told(self.cluster);
    }
}

impl Locations {
    /// Nothing is seen yet of these clusters.
    pub(super) fn of<'c>(clusters: impl IntoIterator<Item = &'c str>) -> Self {
        let missing = clusters.into_iter().map(str::to_owned).collect();
        Self(watch::Sender::new(Told { missing, ..Told::default() }))
    }

    /// The same, with clusters that are left out: while one has not said where its repositories are, all places count as
    /// another's too.
    pub(super) fn beside<'c>(self, left_out: impl IntoIterator<Item = &'c str>) -> Self {
        self.0.send_modify(|told| {
            for name in left_out {
                told.missing.insert(name.to_owned());
                told.unheard.insert(name.to_owned(), None);
            }
        });
        self
    }

    /// The cluster that is left out has said where its repositories are.
    pub(super) fn heard(&self, cluster: &str) {
        self.0.send_modify(|told| drop(told.unheard.remove(cluster)));
    }

    /// It could not be asked.
    pub(super) fn unheard(&self, cluster: &str, why: Failure) {
        self.0.send_modify(|told| drop(told.unheard.insert(cluster.to_owned(), Some(why))));
    }

    pub(super) fn teller<'l>(&'l self, cluster: &'l str) -> Teller<'l> {
        Teller { locations: self, cluster }
    }

    /// The cluster has told of all its repositories, or nothing is to be expected of it.
    pub(super) fn told(&self, cluster: &str) {
        self.0.send_if_modified(|told| told.missing.remove(cluster));
    }

    /// Waits for all clusters to tell, within reason: one that does not answer holds up no other for good.
    pub(super) async fn all_told(&self, patience: Deadline) {
        let mut told = self.0.subscribe();
        let all = told.wait_for(|told| told.missing.is_empty());
        // Whoever has not told by then is not compared with.
        let _ = tokio::time::timeout(patience.left(), all).await;
    }

    /// Notes where a repository is and what is in it now. One that is only read is in nobody's way.
    pub(super) fn note(
        &self,
        cluster: &str,
        repository: &str,
        registered: &Registered,
        readonly: bool,
        listed: &[Snapshot],
    ) {
        let spot = (cluster.to_owned(), repository.to_owned());
        let address = address(registered).filter(|_| !readonly);
        self.0.send_modify(|told| {
            let Some(address) = address else {
                told.claims.remove(&spot);
                return;
            };
            let number = told.claims.get(&spot).map_or(told.claimed, |claim| claim.number);
            told.claimed = told.claimed.max(number + 1);
            told.claims.insert(spot, Claim { address, content: listed.iter().map(identity).collect(), number });
        });
    }

    /// That the repository is another's place as well, if it is or if nobody can say that it is not.
    pub(super) fn shared(&self, cluster: &str, repository: &str) -> Option<Failure> {
        let told = self.0.borrow();
        told.shared(cluster, repository, |_, _| true).or_else(|| told.in_doubt(cluster, repository))
    }

    /// The same, if the other was there first.
    pub(super) fn taken(&self, cluster: &str, repository: &str) -> Option<Failure> {
        self.0.borrow().shared(cluster, repository, |mine, other| other.number < mine.number)
    }

    /// All that are another's place as well, by cluster and repository, and whether another was there first.
    pub(super) fn conflicts(&self) -> Vec<(Spot, Failure, bool)> {
        let told = self.0.borrow();
        let conflict = |(cluster, repository): &Spot| {
            let failure = told.shared(cluster, repository, |_, _| true)?;
            // By name, so that a plan is the same whoever answers first.
            let comes_later = |other: &Spot| (other.0.as_str(), other.1.as_str()) < (cluster, repository);
            let is_later = told.others(cluster, repository).any(|(other, _)| comes_later(other));
            Some(((cluster.clone(), repository.clone()), failure, is_later))
        };
        told.claims.keys().filter_map(conflict).collect()
    }
}

impl Told {
    /// Others that are the same place.
    fn others<'t>(&'t self, cluster: &'t str, repository: &'t str) -> impl Iterator<Item = (&'t Spot, &'t Claim)> {
        let mine = self.claims.get_key_value(&(cluster.to_owned(), repository.to_owned()));
        mine.into_iter()
            .flat_map(move |mine| self.claims.iter().filter(move |other| other.0 != mine.0 && is_same(*other, mine)))
    }

    /// That a cluster which is left out may have the same place.
    fn in_doubt(&self, cluster: &str, repository: &str) -> Option<Failure> {
        self.claims.get(&(cluster.to_owned(), repository.to_owned()))?;
        self.unheard.iter().next().map(|(other, why)| unasked(other, why.as_ref()))
    }

    fn shared(&self, cluster: &str, repository: &str, counts: impl Fn(&Claim, &Claim) -> bool) -> Option<Failure> {
        let mine = self.claims.get(&(cluster.to_owned(), repository.to_owned()))?;
        let mut others = self.others(cluster, repository).filter(|(_, other)| counts(mine, other));
        let ((other_cluster, other), _) = others.next()?;
        Some(Failure::new(
            Code::RepositoryConflict,
            format!(
                "repository {repository} on {cluster} is the same place as {other} on {other_cluster} ({}): each would take the other's snapshots for its own, so nothing is deleted there",
                mine.address
            ),
            "give each a bucket, `base_path` or folder of its own, or let the policy hold for one of them and register the other with `readonly: true`",
        ))
    }
}

fn unasked(cluster: &str, why: Option<&Failure>) -> Failure {
    let (code, cause) =
        why.map_or((Code::ClusterUnavailable, "it has not answered in time"), |why| (why.code, why.cause.as_str()));
    let cause = format!(
        "cluster {cluster} is left out and does not say where its repositories are, so nothing is deleted: {cause}"
    );
    Failure::new(code, cause, "see that it can be asked, or take it out of the policy's `clusters`")
}

/// On one cluster an address has one meaning. Of two clusters' each may be in a network of its own: there what is
/// listed tells as well.
fn is_same((one_spot, one): (&Spot, &Claim), (other_spot, other): (&Spot, &Claim)) -> bool {
    one.address == other.address
        && (one_spot.0 == other_spot.0
            || one.content.is_empty() && other.content.is_empty()
            || !one.content.is_disjoint(&other.content))
}

/// What a snapshot is known by wherever it is listed.
fn identity(snapshot: &Snapshot) -> String {
    let since = || format!("{} {:?}", snapshot.name, snapshot.started_at);
    snapshot.uuid.clone().unwrap_or_else(since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn registered(kind: &str, settings: Value) -> Registered {
        Registered { kind: kind.to_owned(), settings: serde_json::from_value(settings).unwrap() }
    }

    fn snapshot(uuid: &str) -> Snapshot {
        Snapshot { uuid: Some(uuid.to_owned()), ..Snapshot::named("nightly") }
    }

    #[test]
    fn an_address_is_what_leads_to_the_place_and_nothing_else() {
        let s3 = |settings: Value| address(&registered("s3", settings));
        let plain = s3(json!({"bucket": "b", "base_path": "p"}));
        assert_eq!(plain.as_deref(), Some("s3: base_path p, bucket b"));
        for same in [
            json!({"bucket": "b", "base_path": "/p/", "region": "eu-west-1", "role_arn": "arn:aws:iam::1:role/r"}),
            json!({"bucket": "b", "base_path": "p", "endpoint": "s3.amazonaws.com", "compress": "true"}),
            json!({"bucket": "b", "base_path": "p", "endpoint": "https://s3.eu-west-1.amazonaws.com/", "client": "default"}),
        ] {
            assert_eq!(s3(same.clone()), plain, "{same}");
        }
        for other in [
            json!({"bucket": "b"}),
            json!({"bucket": "b2", "base_path": "p"}),
            json!({"bucket": "b", "base_path": "p", "endpoint": "minio:9000"}),
            json!({"bucket": "b", "base_path": "p", "client": "second"}),
        ] {
            assert_ne!(s3(other.clone()), plain, "{other}");
        }
        let folder = |location: &str| address(&registered("fs", json!({"location": location})));
        assert_eq!(folder("/mnt/backups/"), folder("/mnt/backups"));
        assert_ne!(folder("/mnt/backups"), folder("/mnt/backups2"));
        assert_eq!(address(&registered("url", json!({"url": "https://a.example/"}))), None);
        assert_eq!(address(&registered("fs", json!({}))), None);
    }

    #[test]
    fn one_place_has_one_writer() {
        let locations = Locations::of(["eu", "us"]);
        let folder = registered("fs", json!({"location": "/mnt/backups"}));
        let note = |cluster: &str, name: &str, readonly: bool, uuids: &[&str]| {
            let listed: Vec<Snapshot> = uuids.iter().map(|uuid| snapshot(uuid)).collect();
            locations.note(cluster, name, &folder, readonly, &listed);
        };
        let is_shared = |cluster: &str, name: &str| locations.shared(cluster, name).is_some();
        note("us", "a", false, &["1"]);
        assert!(!is_shared("us", "a"));
        note("eu", "b", true, &["1"]);
        assert!(!is_shared("us", "a") && !is_shared("eu", "b"), "one that is only read is in nobody's way");
        note("eu", "b", false, &["2"]);
        assert!(!is_shared("us", "a"), "each has a folder of that name");
        note("eu", "b", false, &["1", "2"]);
        assert!(is_shared("us", "a") && is_shared("eu", "b"));
        assert!(locations.taken("us", "a").is_none() && locations.taken("eu", "b").is_some(), "us came first");
        assert_eq!(locations.conflicts().iter().map(|conflict| conflict.2).collect::<Vec<_>>(), [false, true]);
        note("eu", "b", false, &[]);
        assert!(!is_shared("eu", "b"));
        note("us", "a", false, &[]);
        assert!(is_shared("eu", "b"), "nothing says that they are two");
        note("us", "a", true, &[]);
        note("eu", "c", false, &["3"]);
        assert!(is_shared("eu", "b") && is_shared("eu", "c"), "one cluster has one folder of that name");
    }

    #[test]
    fn a_cluster_that_is_left_out_and_cannot_be_asked_keeps_everything() {
        let locations = Locations::of(["us"]).beside(["eu"]);
        locations.note("us", "a", &registered("fs", json!({"location": "/mnt/backups"})), false, &[snapshot("1")]);
        let failure = || locations.shared("us", "a");
        assert_eq!(failure().unwrap().code, Code::ClusterUnavailable);
        assert!(locations.taken("us", "a").is_none(), "a snapshot is taken all the same");
        locations.unheard("eu", Failure::new(Code::AccessDenied, "no", ""));
        assert_eq!(failure().unwrap().code, Code::AccessDenied);
        locations.heard("eu");
        assert!(failure().is_none());
    }

    #[tokio::test]
    async fn whoever_goes_without_a_word_has_told() {
        let locations = Locations::of(["eu", "us"]);
        drop(locations.teller("us"));
        let told = locations.teller("eu");
        let (waited, ()) =
            tokio::join!(locations.all_told(Deadline::after(std::time::Duration::from_mins(5))), async {
                tokio::task::yield_now().await;
                drop(told);
            });
        assert_eq!(waited, ());
        // And one that never tells is not waited for beyond the patience.
        Locations::of(["eu"]).all_told(Deadline::after(std::time::Duration::ZERO)).await;
    }
}
