//! `plan --sizes`: what a plan's deletions free, read from the repositories themselves.
//!
//! A repository is where the configuration says, else where the cluster says that it is registered. What is read there is
//! believed only if it holds the very snapshots that the plan deletes. What cannot be read is said in a note: the plan
//! stands without it.

use super::chosen::Chosen;
use super::reading;
use crate::output::views::{Freed, Frees};
use crate::session::Session;
use crate::settings::place::{self, Place};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::plan::{self, Delete, Plan};
use snapkeep_engine::policies::Fleet;
use snapkeep_repository::load::Loader;
use snapkeep_repository::open::Opened;
use snapkeep_repository::usage::{Usage, shares};
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;
use std::time::Duration;

/// For all repositories together, if `--timeout` does not say less.
const MOST: Duration = Duration::from_secs(60);

/// Deletions of one repository, by policy.
type Deletions<'p> = BTreeMap<&'p plan::Place, Vec<&'p Delete>>;

/// What the plan's deletions free. Reads one blob of each shard.
pub(super) async fn frees(
    plan: &Plan,
    chosen: &Chosen,
    fleet: &Fleet<'_>,
    session: &Session,
    deadline: Deadline,
) -> Frees {
    let end = tokio::time::Instant::now() + deadline.left().min(MOST);
    let mut frees = Frees { bytes: Some(0), policies: Vec::new() };
    for ((cluster, repository), deletions) in by_repository(plan) {
        let work = async {
            let place = find(cluster, repository, chosen, fleet, session, deadline).await?;
            weigh(place, session, &deletions).await
        };
        let weighed = tokio::time::timeout_at(end, work).await;
        let weighed =
            weighed.unwrap_or_else(|_| Err("it takes longer than there is time; --timeout gives more".into()));
        if let Err(why) = &weighed {
            session.printer.note(&format!("what deleting from {cluster}/{repository} frees is not known: {why}"));
        }
        take(&mut frees, &deletions, &weighed);
    }
    frees
}

fn by_repository(plan: &Plan) -> BTreeMap<(&str, &str), Deletions<'_>> {
    let mut repositories: BTreeMap<_, Deletions<'_>> = BTreeMap::new();
    for delete in plan.deletes() {
        let place = &delete.place;
        let deletions = repositories.entry((place.cluster.as_str(), place.repository.as_str())).or_default();
        deletions.entry(place).or_default().push(delete);
    }
    repositories
}

/// Adds what is known of a repository. Policies share blobs: together they free at least what each of them does alone.
fn take(frees: &mut Frees, deletions: &Deletions<'_>, weighed: &Result<Usage, String>) {
    let names = |deletes: &[&Delete]| deletes.iter().map(|delete| delete.snapshot.clone()).collect::<Vec<_>>();
    let weight = |usage: &Usage, names: &[String]| usage.freed(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let all: Vec<String> = deletions.values().flat_map(|deletes| names(deletes)).collect();
    let together = weighed.as_ref().ok().map(|usage| weight(usage, &all));
    frees.bytes = frees.bytes.zip(together).map(|(one, other)| one.saturating_add(other));
    frees.policies.extend(deletions.iter().map(|(place, deletes)| Freed {
        place: (*place).clone(),
        bytes: weighed.as_ref().ok().map(|usage| weight(usage, &names(deletes))),
        why: weighed.as_ref().err().cloned(),
    }));
}

/// Where the repository is.
async fn find(
    cluster: &str,
    repository: &str,
    chosen: &Chosen,
    fleet: &Fleet<'_>,
    session: &Session,
    deadline: Deadline,
) -> Result<Place, String> {
    let location = if let Some(described) = chosen.repository(repository) {
        place::described(repository, described).map_err(|failure| failure.cause)?
    } else {
        let name = RepositoryName::parse(repository).map_err(|failure| failure.cause)?;
        let api = fleet.get(cluster, deadline).await.map_err(|failure| failure.cause)?;
        let registered = api.repository(&name, deadline).await.map_err(|unanswered| unanswered.failure().cause)?;
        let registered = registered.ok_or("it is not registered")?;
        place::of_settings(repository, &registered.kind, &registered.settings).map_err(|failure| failure.cause)?
    };
    Ok(place::reached(location, None, session))
}

/// What the repository's snapshots share. It must be the one that the plan is about.
async fn weigh(place: Place, session: &Session, deletions: &Deletions<'_>) -> Result<Usage, String> {
    let store = reading::open(place, None, session).map_err(|failure| failure.cause)?;
    let loader = Loader::new(&store);
    let opened = Opened::open(&loader).await.map_err(|failure| failure.cause)?;
    for delete in deletions.values().flatten() {
        let found = opened.data.snapshots.iter().find(|snapshot| snapshot.name == delete.snapshot);
        let is_it = |uuid: &str| delete.guard.uuid.as_deref().is_none_or(|planned| planned == uuid);
        if !found.is_some_and(|snapshot| is_it(&snapshot.uuid)) {
            return Err(format!("{} does not hold this snapshot {}", store.location(), delete.snapshot));
        }
    }
    let usage = shares(&loader, &opened).await.map_err(|failure| failure.cause)?;
    usage.unread.first().map_or(Ok(()), |unread| Err(format!("not all of it can be read: {unread}")))?;
    Ok(usage)
}
