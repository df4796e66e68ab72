//! Creates a snapshot exactly once: looks first, never sends a second name, and resolves a lost
//! answer by looking. The server refuses a name that exists, which guards against whatever runs
//! at the same time.

use crate::job::{Creation, Identity};
use crate::register::not_looked;
use crate::report::{Outcome, Warnings};
use serde_json::{Map, Value};
use snapkeep_cluster::{Kind, Refusal, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::time::Duration;

/// How often a write is sent while its effect stays unseen.
pub(crate) const ATTEMPTS: usize = 3;

/// Pause before a write whose effect stayed unseen is sent again.
pub(crate) const RESEND_PAUSE: Duration = Duration::from_secs(1);

/// Pauses between the looks that resolve a lost answer: the manager may need a moment until the
/// snapshot shows.
pub(crate) const LOOK_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(400), Duration::from_millis(1200)];

/// A snapshot that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Its name: an earlier delivery's, if that was adopted.
    pub(crate) snapshot: SnapshotName,
    /// How it began.
    pub(crate) outcome: Outcome,
    /// Whether looking is allowed.
    pub(crate) may_look: bool,
}

/// Sees to it that the snapshot exists.
pub(crate) async fn create(
    api: &SnapshotApi,
    job: &Creation,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<Begun, Failure> {
    match look(api, job, deadline).await {
        Ok(Some(found)) if matches!(job.identity, Identity::New) => Err(taken(&found)),
        Ok(Some(found)) => adopt(job, &found),
        Ok(None) => {
            let begun = send(api, job, deadline).await?;
            if begun.outcome == Outcome::Created {
                note_twins(api, job, deadline, warnings).await;
            }
            Ok(begun)
        }
        Err(Unanswered::Refused(refusal)) if refusal.is_missing_right() => {
            warnings.add(not_looked("an earlier delivery of this event was not looked for", &refusal));
            send_blindly(api, job, deadline, warnings).await
        }
        Err(unanswered) => Err(unanswered.failure()),
    }
}

/// Sends the creation until its effect is seen, refused or unknowable.
async fn send(api: &SnapshotApi, job: &Creation, deadline: Deadline) -> Result<Begun, Failure> {
    let mut unseen = Unanswered::Lost(Lost::OutOfTime).failure();
    let mut may_be_ours = !matches!(job.identity, Identity::New);
    for attempt in 1..=ATTEMPTS {
        match write(api, job, deadline).await {
            Sent::Accepted => return Ok(begun(job.snapshot.clone(), Outcome::Created, true)),
            Sent::Refused(failure) => return Err(failure),
            Sent::Never(failure) => unseen = failure,
            Sent::Unclear { failure, kind } if !may_be_ours && kind.is_some_and(is_definite) => {
                return Err(name_the_running(api, job, failure, deadline).await);
            }
            Sent::Unclear { failure, kind } => match look_again(api, job, deadline).await {
                Ok(Some(found)) => return adopt(job, &found),
                Ok(None) if kind.is_some_and(is_verdict) => {
                    return Err(name_the_running(api, job, failure, deadline).await);
                }
                Ok(None) => (unseen, may_be_ours) = (failure, true),
                Err(unanswered) => return Err(unknown(job, &failure, &unanswered.failure().cause)),
            },
        }
        if attempt < ATTEMPTS && !deadline.pause(RESEND_PAUSE).await {
            break;
        }
    }
    let cause = format!("snapshot {} was not begun, as far as looking can tell: {}", job.snapshot, unseen.cause);
    Err(unseen.with_cause(cause))
}

/// Sends the creation without being allowed to look: again only what never left.
async fn send_blindly(
    api: &SnapshotApi,
    job: &Creation,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<Begun, Failure> {
    let mut unsent = Unanswered::Lost(Lost::OutOfTime).failure();
    for attempt in 1..=ATTEMPTS {
        match write(api, job, deadline).await {
            Sent::Accepted => return Ok(begun(job.snapshot.clone(), Outcome::Created, false)),
            Sent::Refused(failure) => return Err(failure),
            Sent::Never(failure) => unsent = failure,
            Sent::Unclear { failure, kind } => return without_looking(job, failure, kind, warnings),
        }
        if attempt < ATTEMPTS && !deadline.pause(RESEND_PAUSE).await {
            break;
        }
    }
    Err(unsent)
}

fn begun(snapshot: SnapshotName, outcome: Outcome, may_look: bool) -> Begun {
    Begun { snapshot, outcome, may_look }
}

/// Is it there? By the request's mark, because an earlier delivery's name may hold another time.
async fn look(api: &SnapshotApi, job: &Creation, deadline: Deadline) -> Result<Option<Snapshot>, Unanswered> {
    let Identity::Request(mark) = &job.identity else {
        return api.snapshot(&job.repository, &job.snapshot, deadline).await;
    };
    let mut found = api.marked(&job.repository, mark, deadline).await?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.into_iter().next())
}

/// Is it there after all? Looks a few times before it says no.
async fn look_again(api: &SnapshotApi, job: &Creation, deadline: Deadline) -> Result<Option<Snapshot>, Unanswered> {
    for pause in LOOK_PAUSES {
        deadline.pause(pause).await;
        if let Some(found) = look(api, job, deadline).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Two deliveries that ran at once without a common trace id could name two times: not to be undone
/// without the right to delete, but to be said.
async fn note_twins(api: &SnapshotApi, job: &Creation, deadline: Deadline, warnings: &mut Warnings) {
    let Identity::Request(mark) = &job.identity else { return };
    let Ok(found) = api.marked(&job.repository, mark, deadline).await else { return };
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|twin| twin.name.as_str()).collect();
        warnings.add(format!("this request has more than one snapshot: {}; delete all but one", names.join(", ")));
    }
}

/// Takes over a snapshot of our name, unless something says that it is another's.
fn adopt(job: &Creation, found: &Snapshot) -> Result<Begun, Failure> {
    let wanted = job.body.as_ref().and_then(|body| body.get("metadata")).and_then(Value::as_object);
    // A server that took our metadata shows it; the short form that is asked for by mark has none.
    let is_shown = !matches!(job.identity, Identity::Request(_));
    if let Some(wanted) = wanted
        && is_shown
        && !found.metadata.as_ref().is_some_and(|has| holds(&has.to_map(), wanted))
    {
        return Err(conflict(format!("a snapshot named {} exists with other metadata", found.name)));
    }
    if let (Identity::Fixed { since }, Some(started)) = (&job.identity, found.started_at)
        && started < *since
        && found.state != Some(State::InProgress)
    {
        return Err(conflict(format!(
            "a snapshot named {} exists since {started}: no new one can have its name",
            found.name
        )));
    }
    Ok(begun(SnapshotName::parse(&found.name)?, Outcome::Adopted, true))
}

fn holds(has: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, value)| has.get(key) == Some(value))
}

/// What has the name although nothing was sent yet.
fn taken(found: &Snapshot) -> Failure {
    let since = found.started_at.map(|began| format!(" since {began}")).unwrap_or_default();
    if found.state == Some(State::InProgress) {
        let cause = format!("a snapshot named {} runs already{since}: it is not this command's", found.name);
        let hint = "`status` shows how far it is; choose another name, or leave it out";
        return Failure::new(Code::SnapshotRunning, cause, hint);
    }
    conflict(format!("a snapshot named {} exists{since}: no new one can have its name", found.name))
}

fn conflict(cause: String) -> Failure {
    let hint =
        "choose another name for the snapshot, make it a template such as nightly-%Y%m%d-%H%M%S, or leave it out";
    Failure::new(Code::SnapshotConflict, cause, hint)
}

/// How one creation ended, as far as its answer tells.
pub(crate) enum Sent {
    /// The server said yes.
    Accepted,
    /// The server said no, clearly.
    Refused(Failure),
    /// It never left.
    Never(Failure),
    /// A look must tell.
    Unclear {
        failure: Failure,
        /// What the server said, if it said anything.
        kind: Option<Kind>,
    },
}

pub(crate) async fn write(api: &SnapshotApi, job: &Creation, deadline: Deadline) -> Sent {
    let body = job.body.clone().map(Value::Object);
    match api.create(&job.repository, &job.snapshot, body.as_ref(), deadline).await {
        Written::Done(()) => Sent::Accepted,
        Written::Refused(refusal) => refused(&refusal),
        Written::Lost(lost) => {
            let (unsent, transient) = (lost.is_unsent(), lost.is_transient());
            let failure = Unanswered::Lost(lost).failure();
            match (unsent, transient) {
                (false, _) => Sent::Unclear { failure, kind: None },
                (true, true) => Sent::Never(failure),
                (true, false) => Sent::Refused(failure),
            }
        }
    }
}

fn refused(refusal: &Refusal) -> Sent {
    let failure = refusal.failure();
    let kind = Some(refusal.kind);
    match refusal.kind {
        Kind::ServerError => Sent::Unclear { failure: failure.with_code(Code::SnapshotFailed), kind },
        Kind::NameTaken | Kind::Busy => Sent::Unclear { failure, kind },
        _ if refusal.is_unclear() => Sent::Unclear { failure, kind },
        Kind::Invalid | Kind::Blocked => Sent::Refused(failure.with_code(Code::SnapshotFailed)),
        _ => Sent::Refused(failure),
    }
}

/// Whether the server's refusal leaves nothing open: the request had no effect.
fn is_definite(kind: Kind) -> bool {
    matches!(kind, Kind::NameTaken | Kind::Busy)
}

/// Whether the server refused: if a look finds nothing either, that is the end of it.
fn is_verdict(kind: Kind) -> bool {
    matches!(kind, Kind::NameTaken | Kind::Busy | Kind::ServerError)
}

/// What can be said when looking is not allowed. A taken name that holds the request's mark or the
/// slot's time can only be ours; a fixed one can be anybody's.
fn without_looking(
    job: &Creation,
    failure: Failure,
    kind: Option<Kind>,
    warnings: &mut Warnings,
) -> Result<Begun, Failure> {
    match (kind, &job.identity) {
        (Some(Kind::NameTaken), Identity::Request(_) | Identity::Slot) => {
            warnings.add(format!("snapshot {} existed already; how it fares was not looked at", job.snapshot));
            Ok(begun(job.snapshot.clone(), Outcome::Adopted, false))
        }
        (Some(Kind::NameTaken), Identity::New) | (Some(Kind::Busy), _) => Err(failure),
        _ => Err(unknown(job, &failure, "the caller lacks es:ESHttpGet")),
    }
}

fn unknown(job: &Creation, failure: &Failure, looking: &str) -> Failure {
    let cause = format!(
        "whether snapshot {} was begun is unknown: {}; and looking failed: {looking}",
        job.snapshot, failure.cause
    );
    let hint = format!(
        "look for {} in repository {} before anything else; the same name, or the same event with its request id or `SlotTime`, adopts it",
        job.snapshot, job.repository
    );
    let unknown = Failure::new(Code::OutcomeUnknown, cause, hint);
    Failure { http_status: failure.http_status, ..unknown }
}

/// Adds to a `snapshot_running` what runs in this repository, if anything does.
async fn name_the_running(api: &SnapshotApi, job: &Creation, failure: Failure, deadline: Deadline) -> Failure {
    if failure.code != Code::SnapshotRunning {
        return failure;
    }
    let Ok(running) = api.running(&job.repository, deadline).await else { return failure };
    let Some(first) = running.first() else { return failure };
    let cause = format!("snapshot {} runs in this repository: {}", first.name, failure.cause);
    failure.with_cause(cause)
}
