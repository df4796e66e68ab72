//! What came of a restore.

use super::expected::Expected;
use super::follow::End;
use crate::report::Outcome;
use serde::Serialize;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::restore::{Action, Missing, RestorePlan, Truth};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most missing shards whose allocation is asked for an explanation.
const EXPLAINED: usize = 5;

/// Most missing shards that a failure names.
const NAMED: usize = 3;

/// What came of it. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RestoreReport {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// The snapshot's name.
    pub snapshot: String,
    /// How it began; `None` if there was nothing to begin.
    pub outcome: Option<Outcome>,
    /// Whether it has ended, well or not.
    pub ended: bool,
    /// Expected and started shards, and those that are missing.
    #[serde(flatten)]
    pub truth: Truth,
    /// What should be there.
    pub items: Vec<RestoredItem>,
    /// Documents of all items whose number is known.
    pub documents: u64,
    /// Bytes that were copied, as far as the shards tell.
    pub bytes: Option<u64>,
    /// Seconds from the first request to the end, or to when it was followed no longer.
    pub took_s: f64,
    /// What it waited for when it was followed no longer because it stood still.
    pub stalled: Option<String>,
}

/// One index or data stream that should be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoredItem {
    /// Its name in the snapshot.
    pub source: String,
    /// Its name here.
    pub target: String,
    /// What was done about it.
    pub action: Action,
    /// Its expected primary shards.
    pub expected: u64,
    /// Those that serve.
    pub started: u64,
    /// Its documents; `None` if they cannot be counted.
    pub documents: Option<u64>,
}

pub(super) async fn report(
    api: &SnapshotApi,
    plan: &RestorePlan,
    expected: &[Expected<'_>],
    outcome: Option<Outcome>,
    end: End,
    took: Duration,
    deadline: Deadline,
) -> RestoreReport {
    let indices: Vec<String> = expected.iter().flat_map(|one| one.indices.clone()).collect();
    let mut truth = end.pieces.truth(&indices);
    if end.has_ended {
        explain(api, &mut truth.missing, deadline).await;
    }
    // Numbers that cannot be had are null: shards are what decides.
    let counts = api.document_counts(&indices, deadline).await.unwrap_or_default();
    let items: Vec<RestoredItem> = expected
        .iter()
        .map(|Expected { item, indices }| {
            let of_item = end.pieces.truth(indices);
            RestoredItem {
                source: item.source.clone(),
                target: item.target.clone(),
                action: item.action,
                expected: of_item.expected,
                started: of_item.started,
                documents: documents(indices, &counts),
            }
        })
        .collect();
    RestoreReport {
        schema: 1,
        repository: plan.repository.clone(),
        snapshot: plan.snapshot.clone(),
        outcome,
        ended: end.has_ended,
        truth,
        documents: items.iter().filter_map(|item| item.documents).sum(),
        items,
        bytes: end.pieces.bytes.done,
        took_s: took.as_secs_f64(),
        stalled: end.stalled,
    }
}

fn documents(indices: &[String], counts: &BTreeMap<String, u64>) -> Option<u64> {
    let each: Option<Vec<u64>> = indices.iter().map(|index| counts.get(index).copied()).collect();
    each.map(|each| each.into_iter().sum())
}

/// Asks the allocation where a shard itself tells no reason.
async fn explain(api: &SnapshotApi, missing: &mut [Missing], deadline: Deadline) {
    let unexplained = missing.iter_mut().filter(|shard| shard.reason == Missing::NO_NODE);
    for shard in unexplained.take(EXPLAINED) {
        if let Ok(Some(why)) = api.explain_shard(shard, deadline).await {
            shard.reason = why;
        }
    }
}

impl RestoreReport {
    /// What is missing, as the failure that a command ends with; `None` if all shards serve.
    pub fn complaint(&self) -> Option<Failure> {
        if self.truth.missing.is_empty() {
            return None;
        }
        let of = format!("{} of {} shards serve", self.truth.started, self.truth.expected);
        if let Some(stalled) = &self.stalled {
            let hint = format!(
                "the restore goes on in the cluster: run the same command again{}, which follows it",
                by_name(&self.snapshot)
            );
            return Some(Failure::new(
                Code::OutcomeUnknown,
                format!("the restore stands still, {of}: {stalled}"),
                hint,
            ));
        }
        if !self.ended {
            let hint = format!(
                "it goes on in the cluster: run the same command again{}, which follows it",
                by_name(&self.snapshot)
            );
            return Some(Failure::new(Code::OutcomeUnknown, format!("the restore has not ended yet: {of}"), hint));
        }
        let named: Vec<String> = self.truth.missing.iter().take(NAMED).map(said).collect();
        let more = self.truth.missing.len() - named.len();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        Some(Failure::new(
            Code::RestoreIncomplete,
            format!("{of}: {}{more}", named.join("; ")),
            "`verify` tells what is wrong with the repository; once that is mended, the same command restores only what misses, or an older snapshot may still hold it",
        ))
    }
}

/// `latest` and times may mean another snapshot by then.
pub(super) fn by_name(snapshot: &str) -> String {
    format!(" with {snapshot} for the snapshot")
}

fn said(missing: &Missing) -> String {
    match missing.shard {
        Some(shard) => format!("[{}][{shard}]: {}", missing.index, missing.reason),
        None => format!("{}: {}", missing.index, missing.reason),
    }
}
