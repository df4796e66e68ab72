//! The clusters that policies hold for.

use snapkeep_cluster::SnapshotApi;
use snapkeep_core::{Code, Failure};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Clusters by the names that policies call them by.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    clusters: BTreeMap<String, Arc<SnapshotApi>>,
}

impl Fleet {
    /// A fleet of these.
    pub fn new(clusters: BTreeMap<String, Arc<SnapshotApi>>) -> Self {
        Self { clusters }
    }

    /// The cluster of that name; `bad_config` if there is none.
    pub fn get(&self, name: &str) -> Result<&Arc<SnapshotApi>, Failure> {
        self.clusters.get(name).ok_or_else(|| {
            Failure::new(
                Code::BadConfig,
                format!("there is no cluster {name:?} here"),
                "name one of `clusters` in the configuration",
            )
        })
    }
}
