//! Repositories: which there are, whether the nodes can use one, forgetting one, and cleaning one up.

use crate::create::{ATTEMPTS, RESEND_PAUSE};
use crate::guard::{needs, reserved_stays};
use crate::register::{is_in_use, no_nodes};
use snapkeep_cluster::{Cleaned, Feature, Kind, Refusal, Registered, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;

/// All repositories of the cluster, by name.
pub async fn list_repositories(api: &SnapshotApi, deadline: Deadline) -> Result<BTreeMap<String, Registered>, Failure> {
    api.repositories(deadline).await.map_err(|unanswered| unanswered.failure())
}

/// One repository as it is registered; `repository_missing` if it is not.
pub async fn show_repository(
    api: &SnapshotApi,
    repository: &RepositoryName,
    deadline: Deadline,
) -> Result<Registered, Failure> {
    let found = api.repository(repository, deadline).await.map_err(|unanswered| unanswered.failure())?;
    found.ok_or_else(|| not_registered(repository))
}

fn not_registered(repository: &RepositoryName) -> Failure {
    Failure::new(
        Code::RepositoryMissing,
        format!("repository {repository} is not registered on this cluster"),
        "register it first, or look at the names of those that are",
    )
}

/// Lets every node write to the repository and read from it: the names of those that could. What it
/// writes it removes again, so that an answer that was lost is asked for once more.
pub async fn verify_repository(
    api: &SnapshotApi,
    repository: &RepositoryName,
    deadline: Deadline,
) -> Result<Vec<String>, Failure> {
    reserved_stays(repository)?;
    show_repository(api, repository, deadline).await?;
    let mut failure = out_of_time();
    for attempt in 1..=ATTEMPTS {
        match api.verify(repository, deadline).await {
            Written::Done(nodes) if nodes.is_empty() => return Err(no_nodes(repository)),
            Written::Done(nodes) => return Ok(nodes),
            Written::Refused(refusal) if !refusal.is_unclear() => return Err(refusal.failure()),
            Written::Refused(refusal) => failure = refusal.failure(),
            Written::Lost(lost) => failure = Unanswered::Lost(lost).failure(),
        }
        if attempt < ATTEMPTS && !deadline.pause(RESEND_PAUSE).await {
            break;
        }
    }
    let cause = format!("whether repository {repository} can be used is not known: {}", failure.cause);
    Err(failure.with_cause(cause).with_hint("verify it again: it changes nothing that stays"))
}

/// Makes the cluster forget the repository; the snapshots in it stay where they are. A lost answer is
/// looked up: what is not registered any more is removed.
pub async fn remove_repository(
    api: &SnapshotApi,
    repository: &RepositoryName,
    deadline: Deadline,
) -> Result<(), Failure> {
    reserved_stays(repository)?;
    show_repository(api, repository, deadline).await?;
    let mut unseen = out_of_time();
    for attempt in 1..=ATTEMPTS {
        unseen = match api.remove(repository, deadline).await {
            Written::Done(()) => return Ok(()),
            Written::Refused(refusal) if refusal.kind == Kind::RepositoryMissing => return Ok(()),
            Written::Refused(refusal) if refusal.is_unclear() && !is_in_use(&refusal) => refusal.failure(),
            Written::Refused(refusal) => return Err(kept(repository, &refusal)),
            Written::Lost(lost) => Unanswered::Lost(lost).failure(),
        };
        match api.repository(repository, deadline).await {
            Ok(None) => return Ok(()),
            Ok(Some(_)) => {}
            Err(unanswered) => return Err(unknown(repository, &unseen, &unanswered.failure())),
        }
        if attempt < ATTEMPTS && !deadline.pause(RESEND_PAUSE).await {
            break;
        }
    }
    let cause = format!("repository {repository} is still registered: {}", unseen.cause);
    Err(unseen.with_cause(cause).with_hint("look at the cluster's health, then remove it again"))
}

fn kept(repository: &RepositoryName, refusal: &Refusal) -> Failure {
    let failure = refusal.failure();
    if !is_in_use(refusal) {
        return failure;
    }
    let cause = format!("repository {repository} stays registered: {}", failure.cause);
    let hint = "a snapshot or restore uses it: wait until that has ended, or end it";
    failure.with_code(Code::RepositoryConflict).with_cause(cause).with_hint(hint)
}

fn unknown(repository: &RepositoryName, lost: &Failure, looking: &Failure) -> Failure {
    let cause = format!(
        "whether repository {repository} was removed is unknown: {}; and looking failed: {}",
        lost.cause, looking.cause
    );
    Failure::new(Code::OutcomeUnknown, cause, "look at the cluster's repositories; removing it may be repeated")
}

/// Deletes files in the repository that no snapshot refers to. A lost answer cannot be looked up, but
/// the cleanup may be repeated: what is clean stays as it is.
pub async fn cleanup_repository(
    api: &SnapshotApi,
    repository: &RepositoryName,
    deadline: Deadline,
) -> Result<Cleaned, Failure> {
    reserved_stays(repository)?;
    needs(api, Feature::Cleanup, deadline).await?;
    show_repository(api, repository, deadline).await?;
    let mut written = api.cleanup(repository, deadline).await;
    for _ in 1..ATTEMPTS {
        // It may be repeated, whatever became of it.
        let is_throttled = matches!(&written, Written::Refused(refusal) if refusal.kind == Kind::Throttled);
        if !is_throttled || !deadline.pause(RESEND_PAUSE).await {
            break;
        }
        written = api.cleanup(repository, deadline).await;
    }
    match written {
        Written::Done(cleaned) => Ok(cleaned),
        Written::Refused(refusal) if refusal.is_unclear() && refusal.kind != Kind::ServerError => {
            Err(perhaps_cleaned(repository, &refusal.failure()))
        }
        Written::Refused(refusal) => Err(not_cleaned(&refusal)),
        Written::Lost(lost) if lost.is_unsent() => Err(Unanswered::Lost(lost).failure()),
        Written::Lost(lost) => Err(perhaps_cleaned(repository, &Unanswered::Lost(lost).failure())),
    }
}

/// Servers say with an exception of their own kind that something else runs: `Cannot cleanup […] - a
/// snapshot is currently running`.
fn not_cleaned(refusal: &Refusal) -> Failure {
    let failure = refusal.failure();
    if !refusal.reason.to_lowercase().contains("cannot cleanup") {
        return failure;
    }
    failure.with_code(Code::SnapshotRunning).with_hint("wait until the snapshot or deletion has ended, then clean up")
}

fn perhaps_cleaned(repository: &RepositoryName, lost: &Failure) -> Failure {
    let cause = format!("whether repository {repository} was cleaned up is unknown: {}", lost.cause);
    let failure = Failure::new(
        Code::OutcomeUnknown,
        cause,
        "clean it up again: it may be repeated, what is clean stays as it is",
    );
    Failure { http_status: lost.http_status, ..failure }
}

fn out_of_time() -> Failure {
    Unanswered::Lost(snapkeep_transport::Lost::OutOfTime).failure()
}
