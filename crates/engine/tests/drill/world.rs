//! A policy with a drill, its snapshot, and the cluster under a name of the test's own.

use crate::stage::{Stage, minute};
use serde_json::{Map, Value, json};
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Code;
use snapkeep_core::drill::{Drill, PREFIX, Record};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::RequestMark;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::policy::{Policy, Settings as PolicySettings};
use snapkeep_core::selection::Selection;
use snapkeep_engine::policies::Fleet;
use snapkeep_engine::{DrillOptions, DrillReport, Silent, drill_records, run_drills};
use snapkeep_testbed::{NodeHandle, eventually};
use snapkeep_transport::{Auth, Client, Deadline, Pace, Settings};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) cluster: String,
    pub(crate) fleet: Fleet<'static>,
    pub(crate) policies: BTreeMap<String, Policy>,
}

fn api(url: &str) -> Arc<SnapshotApi> {
    // The first drill on a node may find the index of records while another test makes it.
    let pace = Pace { attempts: 8, base: Duration::from_millis(20), ceiling: Duration::from_millis(400) };
    let settings = Settings { pace, ..Settings::default() };
    Arc::new(SnapshotApi::new(Client::new(Endpoint::trusted(url).unwrap(), Auth::None, settings).unwrap()))
}

impl World {
    /// A node with one index of 20 documents, a good snapshot of it that is the policy's, and this drill.
    pub(crate) async fn on(node: &str, drill: Drill) -> Self {
        Self::of(Stage::on(node).await, &[], drill, None).await
    }

    /// The same with further indices, and with another cluster.
    pub(crate) async fn of(stage: Stage, more: &[&str], drill: Drill, spare: Option<(String, &str)>) -> Self {
        let cluster = stage.bed.unique("cluster");
        let spare = spare.map(|(name, url)| (name, api(url)));
        let clusters = std::iter::once((cluster.clone(), api(&stage.front.url()))).chain(spare);
        let fleet = Fleet::new(clusters.collect());
        let indices: Vec<&str> = more.iter().copied().chain([stage.index.as_str()]).collect();
        let policy = Policy::new(settings(&stage, &cluster, &indices, drill)).unwrap();
        let policies = BTreeMap::from([("nightly".to_owned(), policy)]);
        take(&stage, "2026-01-20T03:00:00Z", &indices.join(",")).await;
        Self { stage, cluster, fleet, policies }
    }

    pub(crate) async fn drill(&self, asked: bool, run: &str) -> DrillReport {
        let run = RequestMark::of(run);
        let options = DrillOptions { only: &[], asked, run: &run };
        run_drills(&self.fleet, &self.policies, &options, Deadline::after(Duration::from_mins(4)), &Silent).await
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        // An index that was made a moment ago has shards that do not serve yet.
        let all = eventually("the records", async || match drill_records(&self.fleet, &self.cluster, minute()).await {
            Ok(all) => Some(all),
            Err(failure) if failure.code == Code::ClusterUnavailable => None,
            Err(failure) => panic!("{failure}"),
        })
        .await;
        all.into_iter().filter(|record| record.cluster == self.cluster).collect()
    }

    /// Indices named like a drill's of the test's own index.
    pub(crate) async fn left(&self) -> Vec<String> {
        left(self.stage.node, &self.stage.index).await
    }

    /// Takes away its index and its repository: others go on using the node.
    pub(crate) async fn clear(&self) {
        self.stage.node.delete(&format!("/{}", self.stage.index)).await;
        self.stage.node.delete(&format!("/_snapshot/{}", self.stage.repository)).await;
    }

    /// The server's clock is so many minutes ahead.
    pub(crate) fn later(&self, minutes: i64) {
        self.stage.front.shift_times(minutes * 60_000);
    }
}

/// A snapshot of the slot, as the policy takes it.
async fn take(stage: &Stage, slot: &str, indices: &str) {
    let name = format!("nightly-{}", slot.replace(['-', ':'], "").to_lowercase());
    let mark = json!({"snapkeep": {"v": 1, "policy": "nightly", "slot": slot, "run": "0000abcd"}});
    let body = json!({"indices": indices, "include_global_state": false, "metadata": mark});
    let path = format!("{}?wait_for_completion=true", stage.path(&name));
    let (status, answer) = stage.node.put(&path, body).await;
    assert_eq!(status, 200, "{answer}");
}

/// Indices of that node that are named like a drill's of this index, or of what begins with its name and `-`.
pub(crate) async fn left(node: &NodeHandle, index: &str) -> Vec<String> {
    let (_, found) = node.get("/_cluster/state/metadata?filter_path=metadata.indices.*.state").await;
    let all: Map<String, Value> = found["metadata"]["indices"].as_object().cloned().unwrap_or_default();
    let is_ours = |name: &String| {
        let rest = name.split_once(PREFIX).and_then(|(_, rest)| rest.split_once(index));
        rest.is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('-'))
    };
    all.into_iter().map(|(name, _)| name).filter(is_ours).collect()
}

fn settings(stage: &Stage, cluster: &str, indices: &[&str], drill: Drill) -> PolicySettings {
    PolicySettings {
        indices: Selection {
            include: indices.iter().map(|index| Pattern::parse(index).unwrap()).collect(),
            ..Selection::default()
        },
        drill: Some(drill),
        ..PolicySettings::of("nightly", &[cluster], stage.repository.clone())
    }
}
