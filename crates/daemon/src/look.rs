//! A look at how everything stands, and what would be done next: reads only.

use crate::configuration::Configuration;
use crate::fields::{drill, preview, running};
use crate::status::{DrillStatus, Preview, RunningStatus};
use jiff::Timestamp;
use snapkeep_core::Failure;
use snapkeep_core::drill::Outcome;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::plan::{Options, Plan, Standing};
use snapkeep_core::snapshot::State;
use snapkeep_engine::policies::{Fleet, Gathered, decide, gather};
use snapkeep_engine::{STALL_AFTER, Silent, StatusQuery, drill_records, status};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Longest look.
const LONGEST: Duration = Duration::from_mins(2);

/// What a look has found.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) at: Timestamp,
    /// Why a cluster could not be asked, if it could not.
    pub(crate) clusters: BTreeMap<String, Option<Failure>>,
    /// Why a repository could not be listed, by cluster and name.
    pub(crate) repositories: BTreeMap<String, Failure>,
    /// Each policy on each of its clusters that was seen.
    pub(crate) standings: Vec<Standing>,
    /// What would be done next, by policy and cluster.
    pub(crate) next: BTreeMap<(String, String), Preview>,
    pub(crate) running: Vec<RunningStatus>,
    /// The last drill that has ended of each policy that is drilled, by policy and cluster.
    pub(crate) drills: BTreeMap<(String, String), DrillStatus>,
}

/// Looks once, through a fleet of all the configuration's clusters.
pub(crate) async fn look(
    configuration: Arc<dyn Configuration>,
    fleet: Arc<Fleet<'static>>,
    options: Options,
    at: Timestamp,
) -> Looked {
    let deadline = Deadline::after(LONGEST);
    let (policies, only) = (configuration.policies(), configuration.only());
    let gathered = gather(&fleet, policies, only, at, deadline, &Silent).await;
    let plan = decide(policies, &gathered, only, &options, at);
    let running = look_at_running(&fleet, &gathered, deadline).await;
    let drills = look_at_drills(&fleet, &*configuration, deadline).await;
    let next = upcoming(&*configuration, &gathered, &plan, options, at);
    let names: BTreeSet<&String> = configuration.meant().flat_map(|policy| &policy.clusters).collect();
    let clusters = names.into_iter().map(|name| (name.clone(), gathered.failures.get(name).cloned())).collect();
    let repositories = gathered.repositories.iter().flat_map(|(cluster, failures)| {
        failures.iter().map(move |(name, failure)| (format!("{cluster}/{name}"), failure.clone()))
    });
    Looked { at, clusters, repositories: repositories.collect(), standings: plan.policies, next, running, drills }
}

/// What each policy would do at its next slot, with what exists now. Those of one moment are planned together.
fn upcoming(
    configuration: &dyn Configuration,
    gathered: &Gathered,
    plan: &Plan,
    options: Options,
    now: Timestamp,
) -> BTreeMap<(String, String), Preview> {
    let mut moments: BTreeMap<Timestamp, Vec<&Standing>> = BTreeMap::new();
    for standing in &plan.policies {
        // What is due and has no snapshot yet comes first.
        let is_due = plan.creates().any(|create| create.place == standing.place);
        let moment = standing.next_slot.filter(|_| !is_due).unwrap_or(now);
        moments.entry(moment).or_default().push(standing);
    }
    let mut next = BTreeMap::new();
    for (moment, standings) in moments {
        let names: Vec<String> = standings.iter().map(|standing| standing.place.policy.clone()).collect();
        let then = decide(configuration.policies(), gathered, &names, &options, moment);
        for Standing { place, .. } in standings {
            next.insert((place.policy.clone(), place.cluster.clone()), preview(&then, place));
        }
    }
    next
}

/// What the records of drills say. Where they cannot be read, nothing is said: the run that needs them says why.
async fn look_at_drills(
    fleet: &Fleet<'_>,
    configuration: &dyn Configuration,
    deadline: Deadline,
) -> BTreeMap<(String, String), DrillStatus> {
    let drilled = configuration.meant().filter(|policy| policy.drill.is_some());
    let clusters: BTreeSet<&String> = drilled.flat_map(|policy| &policy.clusters).collect();
    let mut found = BTreeMap::new();
    for cluster in clusters {
        // Newest first.
        let records = drill_records(fleet, cluster, deadline).await.unwrap_or_default();
        let ended = records.iter().filter(|record| record.cluster == *cluster && record.outcome != Outcome::Running);
        for record in ended {
            found.entry((record.policy.clone(), cluster.clone())).or_insert_with(|| drill(record));
        }
    }
    found
}

/// How far what runs is, repository by repository.
async fn look_at_running(fleet: &Fleet<'_>, gathered: &Gathered, deadline: Deadline) -> Vec<RunningStatus> {
    let mut found = Vec::new();
    for (name, cluster) in &gathered.inventory.clusters {
        let repositories = cluster.repositories.iter().filter(|(_, repository)| {
            repository.snapshots.iter().any(|snapshot| snapshot.state == Some(State::InProgress))
        });
        for repository in repositories.filter_map(|(repository, _)| RepositoryName::parse(repository).ok()) {
            let query = StatusQuery {
                repository: Some(repository),
                snapshots: Vec::new(),
                watch: Duration::ZERO,
                stall_after: STALL_AFTER,
            };
            let Ok(api) = fleet.get(name, deadline).await else { continue };
            // One that ended meanwhile, or cannot be asked for, is not shown; the next look tells.
            let seen = status(api, &query, deadline, &Silent).await.unwrap_or_default();
            found.extend(seen.snapshots.into_iter().map(|one| running(name, one)));
        }
    }
    found
}
