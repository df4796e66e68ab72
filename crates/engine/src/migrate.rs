//! Restores to another cluster: that one gets to read the repository, read-only, then it is a restore like any other,
//! and if it is asked for the repository is forgotten there.

use crate::address::address;
use crate::job::{Registration, WrittenBefore};
use crate::observe::Observer;
use crate::register::register;
use crate::registry::{list_repositories, remove_repository, show_repository};
use crate::report::{RegistrationOutcome, Warnings};
use crate::restore::look;
use crate::restore::{Following, RestoreJob, RestoreReport, apply_restore};
use serde::Serialize;
use serde_json::Map;
use snapkeep_cluster::{Registered, SnapshotApi};
use snapkeep_core::migrate::{Attach, Attachment, MigrationPlan, Place, Seen, Wish, attach, settings};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::restore::{Among, Choice, Request};
use snapkeep_core::snapshot::Snapshot;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};

/// Two clusters: what is read there, and what is restored here.
#[derive(Clone, Copy, Debug)]
pub struct Clusters<'a> {
    /// Whose repository it is.
    pub source: &'a SnapshotApi,
    /// What is restored to.
    pub target: &'a SnapshotApi,
    /// Whether the target is a managed domain.
    pub target_is_managed: bool,
}

/// What to bring over.
#[derive(Clone, Debug)]
pub struct MigrationJob {
    /// The repository, and how the target gets to read it.
    pub wish: Wish,
    /// Which snapshot.
    pub choice: Choice,
    /// Among which, where it is not named.
    pub among: Among,
    /// What of it, and how.
    pub request: Request,
}

/// What came of it. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MigrationReport {
    /// 1.
    pub schema: u32,
    /// The repository's name on the target.
    pub repository: String,
    /// How it came to be registered there.
    pub registration: RegistrationOutcome,
    /// What was restored.
    pub restore: RestoreReport,
    /// Whether it is forgotten there again.
    pub unregistered: bool,
    /// What the operator should know although nothing failed.
    pub warnings: Vec<String>,
}

impl MigrationJob {
    fn restore(&self, repository: RepositoryName) -> RestoreJob {
        RestoreJob { repository, choice: self.choice.clone(), among: self.among.clone(), request: self.request.clone() }
    }
}

/// Decides what is to be done. Changes nothing: the snapshot is looked at through the source, which can read it.
pub async fn plan_migration(
    clusters: &Clusters<'_>,
    job: &MigrationJob,
    deadline: Deadline,
) -> Result<MigrationPlan, Failure> {
    let seen = see(clusters, &job.wish, deadline).await?;
    let (attachment, problems) = attach(&seen, &job.wish);
    let from = job.restore(job.wish.repository.clone());
    let snapshot = look::choose(clusters.source, &from, deadline).await.map_err(of_source)?;
    let held = look::held(clusters.source, &from.repository, &snapshot, deadline).await.map_err(of_source)?;
    let to = job.restore(RepositoryName::parse(&attachment.name)?);
    let restore = look::plan_of(held, clusters.target, &to, deadline).await.map_err(of_target)?;
    Ok(MigrationPlan { schema: 1, repository: job.wish.repository.to_string(), attachment, problems, restore })
}

/// Carries a plan out that `job` made. The target is let read the repository; what is restored is looked at once more
/// through it, and only if that is the very snapshot of the plan, and the plan would be the same, anything is restored.
pub async fn apply_migration(
    clusters: &Clusters<'_>,
    job: &MigrationJob,
    plan: &MigrationPlan,
    following: &Following,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<MigrationReport, Failure> {
    if let Some(refused) = plan.complaint() {
        return Err(refused);
    }
    let mut warnings = Warnings::default();
    let repository = RepositoryName::parse(&plan.attachment.name)?;
    let registration = let_read(clusters, job, plan, deadline, &mut warnings).await?;
    let restore = job.restore(repository.clone());
    let restored = apply_restore(clusters.target, &restore, &plan.restore, following, deadline, observer).await;
    let restored = restored.map_err(|failure| still_registered(&repository, failure))?;
    let is_whole = restored.ended && restored.truth.missing.is_empty();
    let unregistered =
        plan.attachment.unregister && is_whole && { forget(clusters, &repository, deadline, &mut warnings).await };
    Ok(MigrationReport {
        schema: 1,
        repository: repository.to_string(),
        registration,
        restore: restored,
        unregistered,
        warnings: warnings.into_vec(),
    })
}

/// Looks again, and registers only if that is still what is to be done.
async fn let_read(
    clusters: &Clusters<'_>,
    job: &MigrationJob,
    plan: &MigrationPlan,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<RegistrationOutcome, Failure> {
    let seen = see(clusters, &job.wish, deadline).await?;
    let (now, problems) = attach(&seen, &job.wish);
    if now != plan.attachment && !has_been_registered(&plan.attachment, &now) {
        let what = problems.first().map_or_else(|| now.reason.clone(), |problem| problem.cause.clone());
        let cause = format!("the plan does not hold any more, for the repository on the target: {what}");
        return Err(Failure::new(Code::PlanStale, cause, "nothing was done; make the plan again and look at it"));
    }
    if now.action == Attach::Present {
        return Ok(RegistrationOutcome::Unchanged);
    }
    let registration = Registration {
        repository: RepositoryName::parse(&now.name)?,
        settings: settings(&seen, &job.wish)?,
        replace: false,
        written_before: WrittenBefore::Refused,
    };
    Ok(register(clusters.target, &registration, deadline, warnings).await.map_err(of_target)?.outcome)
}

/// Another run of the same command may have been faster.
fn has_been_registered(planned: &Attachment, now: &Attachment) -> bool {
    planned.action == Attach::Register && now.action == Attach::Present && planned.name == now.name
}

fn still_registered(repository: &RepositoryName, failure: Failure) -> Failure {
    let cause = format!("{} (the target has repository {repository} registered, read-only)", failure.cause);
    failure.with_cause(cause)
}

/// That it stays registered does no harm: it is only read.
async fn forget(
    clusters: &Clusters<'_>,
    repository: &RepositoryName,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> bool {
    match remove_repository(clusters.target, repository, deadline).await {
        Ok(()) => true,
        Err(failure) => {
            warnings.add(format!("repository {repository} stays registered on the target: {}", failure.cause));
            false
        }
    }
}

async fn see(clusters: &Clusters<'_>, wish: &Wish, deadline: Deadline) -> Result<Seen, Failure> {
    let source = show_repository(clusters.source, &wish.repository, deadline).await.map_err(of_source)?;
    let there = list_repositories(clusters.target, deadline).await.map_err(of_target)?;
    let addresses = addresses(&source, wish);
    let listed = clusters.source.names(&wish.repository, deadline).await;
    let listed = listed.map_err(|unanswered| of_source(unanswered.failure()))?;
    let listed: BTreeSet<String> = listed.iter().map(identity).collect();
    let mut target = BTreeMap::new();
    for (name, found) in there {
        let has_address = address(&found).is_some_and(|address| addresses.contains(&address));
        let is_same = has_address && holds_same(clusters.target, &name, &listed, deadline).await;
        target.insert(name, Place { kind: found.kind, settings: found.settings, is_same });
    }
    let source = Place { kind: source.kind, settings: source.settings, is_same: true };
    Ok(Seen { source, target_is_managed: clusters.target_is_managed, target })
}

/// The address on the source, and the one that the target's own settings would make of it.
fn addresses(source: &Registered, wish: &Wish) -> BTreeSet<String> {
    let mut settings: Map<_, _> = source.settings.clone();
    settings.extend(wish.settings.clone());
    let there = Registered { kind: source.kind.clone(), settings };
    [address(source), address(&there)].into_iter().flatten().collect()
}

/// Each cluster may have a folder or a bucket of that name of its own: what is listed tells. One that cannot be listed
/// counts as the same.
async fn holds_same(api: &SnapshotApi, name: &str, listed: &BTreeSet<String>, deadline: Deadline) -> bool {
    let Ok(name) = RepositoryName::parse(name) else { return true };
    match api.names(&name, deadline).await {
        Ok(found) if found.is_empty() => listed.is_empty(),
        Ok(found) => found.iter().any(|snapshot| listed.contains(&identity(snapshot))),
        Err(_) => true,
    }
}

/// What a snapshot is known by wherever it is listed.
fn identity(snapshot: &Snapshot) -> String {
    snapshot.uuid.clone().unwrap_or_else(|| snapshot.name.clone())
}

fn of_source(failure: Failure) -> Failure {
    let cause = format!("on the source: {}", failure.cause);
    failure.with_cause(cause)
}

fn of_target(failure: Failure) -> Failure {
    let cause = format!("on the target: {}", failure.cause);
    failure.with_cause(cause)
}
