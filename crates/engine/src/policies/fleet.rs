//! The clusters that policies hold for.

use snapkeep_cluster::SnapshotApi;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A cluster that is being set up.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<SnapshotApi, Failure>> + Send + 'a>>;

/// Clusters by the names that policies call them by. Each is set up when it is first asked for, once: one that cannot be,
/// or takes its time for it, is no other's trouble.
pub struct Fleet<'a> {
    /// Clusters that a run leaves out, and the repositories that are asked for there.
    left_out: BTreeMap<String, Vec<RepositoryName>>,
    clusters: BTreeMap<String, OnceCell<Result<Arc<SnapshotApi>, Failure>>>,
    connect: Box<dyn Fn(String) -> Connecting<'a> + Send + Sync + 'a>,
}

impl<'a> Fleet<'a> {
    /// The clusters of the policies named in `only` (none: of all). `connect` sets up the one of that name; its failure
    /// is that cluster's.
    pub fn of(
        policies: &BTreeMap<String, Policy>,
        only: &[String],
        connect: impl Fn(String) -> Connecting<'a> + Send + Sync + 'a,
    ) -> Self {
        let names: BTreeSet<&String> = meant(policies, only)
            .flat_map(|policy| {
                // A drill may restore to one that no policy is for.
                policy.clusters.iter().chain(policy.drill.as_ref().and_then(|drill| drill.cluster.as_ref()))
            })
            .collect();
        let clusters = names.into_iter().map(|name| (name.clone(), OnceCell::new())).collect();
        Self { left_out: BTreeMap::new(), clusters, connect: Box::new(connect) }
    }

    /// A fleet of these, which are set up.
    pub fn new(clusters: BTreeMap<String, Arc<SnapshotApi>>) -> Self {
        let clusters = clusters.into_iter().map(|(name, api)| (name, OnceCell::new_with(Some(Ok(api))))).collect();
        let nothing = |name: String| Box::pin(async move { Err(unknown(&name)) }) as Connecting<'a>;
        Self { left_out: BTreeMap::new(), clusters, connect: Box::new(nothing) }
    }

    /// The same with clusters that the policies hold for and that are left out this time. They are asked where these
    /// repositories of theirs are, and nothing else; until they have answered nothing is deleted anywhere.
    #[must_use]
    pub fn leaving_out(mut self, left_out: BTreeMap<String, Vec<RepositoryName>>) -> Self {
        for name in left_out.keys() {
            self.clusters.entry(name.clone()).or_default();
        }
        self.left_out = left_out;
        self
    }

    /// The clusters that are left out, and their repositories.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (&str, &[RepositoryName])> {
        self.left_out.iter().map(|(name, repositories)| (name.as_str(), repositories.as_slice()))
    }

    /// The cluster of that name; `bad_config` if there is none, and why it cannot be set up if it cannot.
    pub async fn get(&self, name: &str, deadline: Deadline) -> Result<&SnapshotApi, Failure> {
        let cluster = self.clusters.get(name).ok_or_else(|| unknown(name))?;
        let set_up = || async {
            let connected = tokio::time::timeout(deadline.left(), (self.connect)(name.to_owned())).await;
            connected.unwrap_or_else(|_| Err(too_late(name))).map(Arc::new)
        };
        cluster.get_or_init(set_up).await.as_deref().map_err(Failure::clone)
    }
}

impl fmt::Debug for Fleet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("clusters", &self.clusters.keys()).finish_non_exhaustive()
    }
}

/// The policies named in `only`; none are all.
pub(super) fn meant<'p>(
    policies: &'p BTreeMap<String, Policy>,
    only: &'p [String],
) -> impl Iterator<Item = &'p Policy> {
    policies.values().filter(move |policy| only.is_empty() || only.contains(&policy.name))
}

fn unknown(name: &str) -> Failure {
    let hint = "name one of `clusters` in the configuration";
    Failure::new(Code::BadConfig, format!("there is no cluster {name:?} here"), hint)
}

fn too_late(name: &str) -> Failure {
    let cause = format!("cluster {name} could not be set up in time: its credentials did not come");
    Failure::new(Code::ClusterUnavailable, cause, "see to what its credentials come from, or give it more time")
}
