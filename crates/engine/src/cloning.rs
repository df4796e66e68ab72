//! Copies a snapshot within its repository, on the server: a second name for the same files. Guarded
//! like a creation: look, send, look again.

use crate::create::{ATTEMPTS, LOOK_PAUSES, RESEND_PAUSE};
use crate::follow::{follow, judge};
use crate::guard::{needs, reserved_stays};
use crate::observe::{Event, Observer};
use crate::report::{Outcome, Warnings};
use crate::run::{missing, note_unknown_state, vanished};
use crate::watch::{Watch, while_looking};
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_cluster::{Feature, Kind, Refusal, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::{Shards, Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::time::Duration;

/// The pause between two looks while the server works.
const PAUSE: Duration = Duration::from_secs(1);

/// A snapshot to clone.
#[derive(Clone, Debug)]
pub struct CloneJob {
    /// Where both are.
    pub repository: RepositoryName,
    /// What to clone.
    pub source: SnapshotName,
    /// The clone's name.
    pub target: SnapshotName,
    /// Names or patterns of the source's indices; none are all.
    pub indices: Vec<String>,
    /// How long to follow it.
    pub wait: Duration,
    /// How long it may stand still until the observer is told.
    pub stall_after: Option<Duration>,
}

/// What became of it. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CloneReport {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// The source's name.
    pub source: String,
    /// The clone's name.
    pub snapshot: String,
    /// The server's id for it.
    pub uuid: Option<String>,
    /// How it began.
    pub outcome: Outcome,
    /// Its state when it was last looked at.
    pub state: Option<State>,
    /// Its shards.
    pub shards: Option<Shards>,
    /// When it began, by the server's clock.
    pub started_at: Option<Timestamp>,
    /// What the operator should know although nothing failed.
    pub warnings: Vec<String>,
}

/// Clones the snapshot and follows the clone.
pub async fn clone(
    api: &SnapshotApi,
    job: &CloneJob,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<CloneReport, Failure> {
    reserved_stays(&job.repository)?;
    needs(api, Feature::Clone, deadline).await?;
    let mut warnings = Warnings::default();
    check_source(api, job, deadline, &mut warnings).await?;
    if let Some(taken) = look(api, job, deadline).await.map_err(|unanswered| unanswered.failure())? {
        return Err(conflict(&taken));
    }
    let mut watch = Watch::new(observer, job.stall_after);
    let outcome = send(api, job, deadline, &mut watch).await?;
    observer.notice(&Event::Begun { snapshot: job.target.as_str(), outcome });
    let seen = follow(api, &job.repository, &job.target, job.wait, deadline, Some(&mut watch)).await;
    let seen = seen.map_err(|failure| unlooked(job, &failure))?;
    let seen = seen.ok_or_else(|| vanished(job.target.as_str()))?;
    note_unknown_state(&seen, &mut warnings);
    judge(&seen)?;
    Ok(report(job, outcome, seen, warnings))
}

fn report(job: &CloneJob, outcome: Outcome, seen: Snapshot, warnings: Warnings) -> CloneReport {
    CloneReport {
        schema: 1,
        repository: job.repository.as_str().to_owned(),
        source: job.source.as_str().to_owned(),
        snapshot: seen.name,
        uuid: seen.uuid,
        outcome,
        state: seen.state,
        shards: seen.shards,
        started_at: seen.started_at,
        warnings: warnings.into_vec(),
    }
}

async fn check_source(
    api: &SnapshotApi,
    job: &CloneJob,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<(), Failure> {
    let source = api.snapshot(&job.repository, &job.source, deadline).await;
    let source = source.map_err(|unanswered| unanswered.failure())?;
    let source = source.ok_or_else(|| missing(job.source.as_str(), job.repository.as_str()))?;
    match source.state {
        Some(State::InProgress) => Err(Failure::new(
            Code::SnapshotRunning,
            format!("snapshot {} still runs: it cannot be cloned yet", job.source),
            "clone it when it has ended; `status` shows how far it is",
        )),
        Some(State::Success) => Ok(()),
        Some(State::Partial | State::Failed) | None => {
            warnings.add(format!("snapshot {} is not a good one, nor will its clone be", job.source));
            Ok(())
        }
    }
}

async fn look(api: &SnapshotApi, job: &CloneJob, deadline: Deadline) -> Result<Option<Snapshot>, Unanswered> {
    api.snapshot(&job.repository, &job.target, deadline).await
}

/// A look before said that the name was free: what has it after a request of ours that may have had an
/// effect is ours, if it holds what ours would.
async fn look_again(api: &SnapshotApi, job: &CloneJob, deadline: Deadline) -> Result<Option<Snapshot>, Unanswered> {
    for pause in LOOK_PAUSES {
        deadline.pause(pause).await;
        if let Some(found) = look(api, job, deadline).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether every index of the snapshot that has the name is one of the source's: else it is no clone of it.
async fn may_be_clone(api: &SnapshotApi, job: &CloneJob, deadline: Deadline) -> Result<bool, Unanswered> {
    let source = api.full(&job.repository, &job.source, deadline).await?;
    let found = api.full(&job.repository, &job.target, deadline).await?;
    let (Some(source), Some(found)) = (source, found) else { return Ok(true) };
    Ok(found.indices_named.iter().all(|index| source.indices_named.contains(index)))
}

/// Sends it until its effect is seen, refused or unknowable.
async fn send(
    api: &SnapshotApi,
    job: &CloneJob,
    deadline: Deadline,
    watch: &mut Watch<'_>,
) -> Result<Outcome, Failure> {
    let mut unseen = Unanswered::Lost(Lost::OutOfTime).failure();
    let mut may_be_ours = false;
    for attempt in 1..=ATTEMPTS {
        let Answer { failure, is_verdict, is_unclear } = match send_once(api, job, deadline, watch).await {
            None if attempt > 1 => return Ok(Outcome::Adopted),
            None | Some(Written::Done(())) => return Ok(Outcome::Created),
            Some(Written::Refused(refusal)) => refused(&refusal),
            Some(Written::Lost(lost)) => lost_answer(lost),
        };
        may_be_ours |= is_unclear;
        if is_verdict && !may_be_ours {
            return Err(failure);
        }
        unseen = failure;
        if may_be_ours {
            let found = look_again(api, job, deadline).await.map_err(|look| unlooked(job, &look.failure()))?;
            match found {
                Some(found) => return adopt(api, job, &found, deadline).await,
                None if is_verdict => return Err(unseen),
                None => {}
            }
        }
        if attempt < ATTEMPTS && !deadline.pause(RESEND_PAUSE).await {
            break;
        }
    }
    let cause = format!("clone {} was not begun, as far as looking can tell: {}", job.target, unseen.cause);
    Err(unseen.with_cause(cause))
}

async fn adopt(api: &SnapshotApi, job: &CloneJob, found: &Snapshot, deadline: Deadline) -> Result<Outcome, Failure> {
    match may_be_clone(api, job, deadline).await {
        Ok(true) => Ok(Outcome::Adopted),
        Ok(false) => Err(conflict(found)),
        Err(unanswered) => Err(unlooked(job, &unanswered.failure())),
    }
}

/// Servers answer when the clone is complete; `None` if a look saw its end before, or saw it begun when
/// it is to be followed no longer.
async fn send_once(api: &SnapshotApi, job: &CloneJob, deadline: Deadline, watch: &mut Watch<'_>) -> Option<Written> {
    let write = api.clone_snapshot(&job.repository, &job.source, &job.target, &job.indices, deadline);
    let until = deadline.or_after(job.wait);
    while_looking(write, PAUSE, async || match look(api, job, deadline).await {
        Ok(Some(seen)) => {
            watch.look_closer(api, &job.repository, &seen, deadline).await;
            seen.state.is_some_and(|state| state != State::InProgress) || until.left().is_zero()
        }
        Ok(None) => false,
        Err(unanswered) => {
            watch.look_failed("a look at the clone", &unanswered);
            false
        }
    })
    .await
}

/// What an answer that is no yes means.
struct Answer {
    failure: Failure,
    /// It will not be otherwise the next time.
    is_verdict: bool,
    /// The request may have had an effect.
    is_unclear: bool,
}

fn refused(refusal: &Refusal) -> Answer {
    let failure = refusal.failure();
    let failure = match refusal.kind {
        Kind::ServerError | Kind::Invalid => failure.with_code(Code::SnapshotFailed),
        Kind::NameTaken => failure.with_hint("choose another name for the clone"),
        _ => failure,
    };
    let is_verdict = !matches!(refusal.kind, Kind::Throttled | Kind::Gateway);
    Answer { failure, is_verdict, is_unclear: refusal.is_unclear() }
}

fn lost_answer(lost: Lost) -> Answer {
    let (unsent, transient) = (lost.is_unsent(), lost.is_transient());
    let failure = Unanswered::Lost(lost).failure();
    Answer { failure, is_verdict: unsent && !transient, is_unclear: !unsent }
}

fn conflict(taken: &Snapshot) -> Failure {
    let cause = format!("a snapshot named {} exists: the clone cannot have its name", taken.name);
    Failure::new(Code::SnapshotConflict, cause, "choose another name for the clone")
}

fn unlooked(job: &CloneJob, looking: &Failure) -> Failure {
    let cause = format!("whether clone {} came about is unknown: looking failed: {}", job.target, looking.cause);
    let hint = format!("look for {} in repository {} before anything else", job.target, job.repository);
    Failure::new(Code::OutcomeUnknown, cause, hint)
}
