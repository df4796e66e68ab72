//! What a plan rests on.

use super::RestoreJob;
use super::report::by_name;
use crate::inventory::with_details;
use crate::run::missing;
use snapkeep_cluster::{IndexFacts, Kind, SnapshotApi, Unanswered};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::restore::{
    Alias, Choice, Existing, Facts, OnConflict, Release, Request, RestorePlan, Size, choose as chosen, plan as decide,
};
use snapkeep_core::snapshot::{Details, Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the sizes of a snapshot's indices may take: the server reads a file for each shard.
const SIZES_TIME: Duration = Duration::from_secs(30);

/// Of snapshots with more shards than this the sizes are not asked for.
const SIZED_SHARDS: u64 = 5_000;

#[allow(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn failed(unanswered: Unanswered) -> Failure {
    unanswered.failure()
}

/// The name of the snapshot that is meant.
pub(crate) async fn choose(api: &SnapshotApi, job: &RestoreJob, deadline: Deadline) -> Result<SnapshotName, Failure> {
    if let Choice::Named(name) = &job.choice {
        return Ok(name.clone());
    }
    let mut names = api.names(&job.repository, deadline).await.map_err(failed)?;
    names
        .retain(|snapshot: &Snapshot| snapshot.state == Some(State::Success) && job.among.filter.admits_name(snapshot));
    let good = with_details(api, &job.repository, names, deadline).await?;
    SnapshotName::parse(&chosen(&good, &job.choice, &job.among)?.name)
}

/// The plan for that snapshot, by what is there now.
pub(super) async fn plan(
    api: &SnapshotApi,
    job: &RestoreJob,
    snapshot: &SnapshotName,
    deadline: Deadline,
) -> Result<RestorePlan, Failure> {
    let held = held(api, &job.repository, snapshot, deadline).await?;
    plan_of(held, api, job, deadline).await
}

/// A snapshot, as a cluster that can read its repository sees it.
pub(crate) struct Held {
    details: Details,
    sizes: BTreeMap<String, Size>,
}

/// Looks at the snapshot.
pub(crate) async fn held(
    api: &SnapshotApi,
    repository: &RepositoryName,
    snapshot: &SnapshotName,
    deadline: Deadline,
) -> Result<Held, Failure> {
    let details = api.full(repository, snapshot, deadline).await.map_err(failed)?;
    let details = details.ok_or_else(|| missing(snapshot.as_str(), repository.as_str()))?;
    let sizes = sizes(api, repository, snapshot, &details, deadline).await;
    Ok(Held { details, sizes })
}

/// The plan for a snapshot that somebody, not necessarily this cluster, has looked at.
pub(crate) async fn plan_of(
    held: Held,
    api: &SnapshotApi,
    job: &RestoreJob,
    deadline: Deadline,
) -> Result<RestorePlan, Failure> {
    let mut facts = facts(api, job, held, deadline).await?;
    let of_interest = names_in_question(&facts, &job.request);
    let restored = api.look_at_shards(&of_interest, deadline).await.map_err(failed)?.restored();
    for (name, restored) in restored {
        if let Some(existing) = facts.indices.get_mut(&name) {
            existing.restored = Some(restored);
        }
    }
    Ok(decide(&facts, &job.request))
}

async fn facts(api: &SnapshotApi, job: &RestoreJob, held: Held, deadline: Deadline) -> Result<Facts, Failure> {
    let product = api.product(deadline).await.map_err(failed)?;
    let indices = api.indices(&product, deadline).await.map_err(failed)?;
    let closed = api.closed_indices(deadline).await.map_err(failed)?;
    let aliases = match api.aliases(deadline).await {
        // A block on one index's metadata hides all: the names are known all the same, not which index is written to.
        Err(Unanswered::Refused(refusal)) if refusal.kind == Kind::Blocked => aliases_of(&indices),
        found => found.map_err(failed)?,
    };
    let templates =
        if job.request.global_state { api.templates(deadline).await.map_err(failed)? } else { BTreeSet::new() };
    // To know neither is no reason not to restore: the plan says that nobody has looked.
    let space = api.space(&product, deadline).await.unwrap_or_default();
    let mut there: BTreeMap<String, Existing> = BTreeMap::new();
    for found in indices {
        let index = found.index;
        let existing = Existing {
            closed: closed.get(&index.name).copied().unwrap_or(false),
            data_stream: index.data_stream,
            aliases: index.aliases.into_iter().collect(),
            restored: None,
        };
        there.insert(index.name, existing);
    }
    Ok(Facts {
        repository: job.repository.as_str().to_owned(),
        target: Release::from(&product),
        source: held.details,
        sizes: held.sizes,
        data_streams: there.values().filter_map(|existing| existing.data_stream.clone()).collect(),
        indices: there,
        aliases,
        templates,
        tiers: space.tiers,
        shards: space.shards,
    })
}

fn aliases_of(indices: &[IndexFacts]) -> BTreeMap<String, Alias> {
    let mut aliases: BTreeMap<String, Alias> = BTreeMap::new();
    for index in indices.iter().map(|facts| &facts.index) {
        for alias in &index.aliases {
            aliases.entry(alias.clone()).or_default().indices.insert(index.name.clone());
        }
    }
    aliases
}

async fn sizes(
    api: &SnapshotApi,
    repository: &RepositoryName,
    snapshot: &SnapshotName,
    source: &Details,
    deadline: Deadline,
) -> BTreeMap<String, Size> {
    let has_ended = source.snapshot.state != Some(State::InProgress);
    let is_cheap = source.snapshot.shards.is_some_and(|shards| shards.total <= SIZED_SHARDS);
    if !has_ended || !is_cheap {
        return BTreeMap::new();
    }
    let sizes = api.index_sizes(repository, snapshot, deadline.or_after(SIZES_TIME)).await;
    sizes.unwrap_or_else(|unanswered| {
        tracing::warn!("the sizes of the snapshot's indices are not known: {}", unanswered.failure().cause);
        BTreeMap::new()
    })
}

/// The indices that are there under a name that something could get: what they came from matters.
fn names_in_question(facts: &Facts, request: &Request) -> Vec<String> {
    let by = |on_conflict| decide(facts, &Request { on_conflict, ..request.clone() });
    let plans = [by(OnConflict::Fail), by(OnConflict::Rename)];
    let names: BTreeSet<String> = plans.into_iter().flat_map(|plan| plan.items).flat_map(|item| item.indices).collect();
    names.into_iter().filter(|name| facts.indices.contains_key(name)).collect()
}

/// A look that must not fail: without it nobody knows what a request has done.
pub(super) fn unlooked(snapshot: &SnapshotName, unanswered: &Unanswered) -> Failure {
    let cause = format!("whether the restore has begun is not known: {}", unanswered.failure().cause);
    let hint = format!(
        "run the same command again{}: what has come back is left alone, and what is on its way followed",
        by_name(snapshot.as_str())
    );
    Failure::new(Code::OutcomeUnknown, cause, hint)
}
