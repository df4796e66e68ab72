//! How the cluster is at the moment, as far as it bears on snapshots: health, blocks, restores.

use crate::api::{SnapshotApi, Unanswered};
use crate::indices::{InRepository, flat, is_true};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use snapkeep_transport::{Call, Deadline, Method};
use std::collections::BTreeMap;

/// Largest answer that is read, in bytes.
const HEALTH_CAP: usize = 32 << 20;

/// The cluster's health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `green`, `yellow` or `red`.
    pub status: String,
    /// Indices that lack a primary shard, by name.
    pub red: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Told {
    status: String,
    #[serde(default)]
    indices: BTreeMap<String, OfIndex>,
}

#[derive(Debug, Deserialize)]
struct OfIndex {
    status: String,
}

#[derive(Debug, Deserialize)]
struct ClusterSettings {
    #[serde(default)]
    persistent: Map<String, Value>,
    #[serde(default)]
    transient: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Customs {
    restore: Restores,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Restores {
    snapshots: Vec<InRepository>,
}

impl SnapshotApi {
    /// The cluster's health, and which indices are red. Those are only asked for if it is.
    pub async fn health(&self, deadline: Deadline) -> Result<Health, Unanswered> {
        let told: Told = self.get("/_cluster/health?filter_path=status", deadline).await?;
        if told.status != "red" {
            return Ok(Health { status: told.status, red: Vec::new() });
        }
        let path = "/_cluster/health?level=indices&filter_path=status,indices.*.status";
        let call = Call::new(Method::GET, path).cap(HEALTH_CAP);
        let found: Option<Told> = self.find(&call, |_| false, deadline).await?;
        let red = found.into_iter().flat_map(|found| found.indices).filter(|(_, index)| index.status == "red");
        Ok(Health { status: told.status, red: red.map(|(name, _)| name).collect() })
    }

    /// The names of the blocks that hold for the whole cluster: `read_only`, `read_only_allow_delete`.
    pub async fn cluster_blocks(&self, deadline: Deadline) -> Result<Vec<String>, Unanswered> {
        let found: ClusterSettings = self.get("/_cluster/settings", deadline).await?;
        let all = flat(found.persistent).into_iter().chain(flat(found.transient));
        let set = all.filter(|(_, value)| is_true(value));
        let mut blocks: Vec<String> =
            set.filter_map(|(key, _)| key.strip_prefix("cluster.blocks.").map(str::to_owned)).collect();
        blocks.sort_unstable();
        blocks.dedup();
        Ok(blocks)
    }

    /// The snapshots that are being restored. `_recovery` would tell as well, but only of one index at a time
    /// everywhere: managed domains refuse it for all.
    pub async fn restoring(&self, deadline: Deadline) -> Result<Vec<InRepository>, Unanswered> {
        let path = "/_cluster/state/customs?filter_path=restore.snapshots.snapshot,restore.snapshots.repository";
        let found: Customs = self.get(path, deadline).await?;
        Ok(found.restore.snapshots)
    }
}
