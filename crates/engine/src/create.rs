//! Creates a snapshot exactly once: looks first, never sends a second name, and resolves a lost
//! answer by looking. The server refuses a name that exists, which guards against whatever runs
//! at the same time.

use crate::job::Creation;
use crate::register::not_looked;
use crate::report::{Outcome, Warnings};
use serde_json::{Map, Value};
use snapkeep_cluster::{Kind, Refusal, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::snapshot::Snapshot;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::time::Duration;

/// How often the creation is sent while its effect stays unseen.
const ATTEMPTS: usize = 3;

/// Pauses between the looks that resolve a lost answer: the manager may need a moment until the
/// snapshot shows.
const LOOK_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(400), Duration::from_millis(1200)];

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
    let may_look = match look_first(api, job, deadline).await {
        Ok(Some(found)) => return adopt(job, &found),
        Ok(None) => true,
        Err(Unanswered::Refused(refusal)) if refusal.is_missing_right() => {
            warnings.add(not_looked("an earlier delivery of this event was not looked for", &refusal));
            false
        }
        Err(unanswered) => return Err(unanswered.failure()),
    };
    let body = job.body.clone().map(Value::Object);
    let mut unseen =
        Failure::new(Code::ClusterUnavailable, "no time was left to create the snapshot", "allow more time");
    for attempt in 1..=ATTEMPTS {
        let unclear = match api.create(&job.repository, &job.snapshot, body.as_ref(), deadline).await {
            Written::Done => return Ok(begun(job.snapshot.clone(), Outcome::Created, may_look)),
            Written::Refused(refusal) => Unclear::of(&refusal)?,
            Written::Lost(lost) => Unclear::of_lost(lost)?,
        };
        if !may_look {
            return unclear.without_looking(job, warnings);
        }
        match look_again(api, job, deadline).await {
            Ok(Some(found)) => return adopt(job, &found),
            Ok(None) if unclear.is_refusal => return Err(name_the_running(api, job, unclear.failure, deadline).await),
            Ok(None) => unseen = unclear.failure,
            Err(unanswered) => return Err(unknown(job, &unclear, &unanswered.failure())),
        }
        if attempt < ATTEMPTS && !deadline.pause(api.client().pace().base * 4).await {
            break;
        }
    }
    unseen.hint = format!("{}; snapshot {} was not begun as far as a look can tell", unseen.hint, job.snapshot);
    Err(unseen)
}

fn begun(snapshot: SnapshotName, outcome: Outcome, may_look: bool) -> Begun {
    Begun { snapshot, outcome, may_look }
}

/// Is it there already? By the request's mark, because an earlier delivery's name may hold another time.
async fn look_first(api: &SnapshotApi, job: &Creation, deadline: Deadline) -> Result<Option<Snapshot>, Unanswered> {
    let by_name = api.snapshot(&job.repository, &job.snapshot, deadline);
    let Some(mark) = &job.mark else { return by_name.await };
    let mut found = api.marked(&job.repository, mark, deadline).await?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.into_iter().next())
}

/// Is it there after all? Looks a few times before it says no.
async fn look_again(api: &SnapshotApi, job: &Creation, deadline: Deadline) -> Result<Option<Snapshot>, Unanswered> {
    for pause in LOOK_PAUSES {
        deadline.pause(pause).await;
        if let Some(found) = look_first(api, job, deadline).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Takes over a snapshot of our name, unless its metadata says that it is another's.
fn adopt(job: &Creation, found: &Snapshot) -> Result<Begun, Failure> {
    let wanted = job.body.as_ref().and_then(|body| body.get("metadata")).and_then(Value::as_object);
    if let (Some(wanted), Some(has)) = (wanted, &found.metadata)
        && !holds(has, wanted)
    {
        return Err(Failure::new(
            Code::SnapshotConflict,
            format!("a snapshot named {} exists with other metadata", found.name),
            "choose another `SnapshotName`, or leave it out: names made from the time never collide",
        ));
    }
    Ok(begun(SnapshotName::parse(&found.name)?, Outcome::Adopted, true))
}

fn holds(has: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, value)| has.get(key) == Some(value))
}

/// An answer after which a look must tell what happened.
struct Unclear {
    failure: Failure,
    kind: Option<Kind>,
    /// The server refused: if a look finds nothing either, that is the end of it.
    is_refusal: bool,
}

impl Unclear {
    /// `Err` if the refusal is clear.
    fn of(refusal: &Refusal) -> Result<Self, Failure> {
        let mut failure = refusal.failure();
        let kind = Some(refusal.kind);
        match refusal.kind {
            Kind::Throttled | Kind::Gateway => Ok(Self { failure, kind, is_refusal: false }),
            Kind::NameTaken | Kind::Busy => Ok(Self { failure, kind, is_refusal: true }),
            Kind::ServerError => {
                failure.code = Code::SnapshotFailed;
                Ok(Self { failure, kind, is_refusal: true })
            }
            _ => Err(failure),
        }
    }

    /// `Err` if nothing can have been sent, now or later.
    fn of_lost(lost: Lost) -> Result<Self, Failure> {
        let is_certain = matches!(lost, Lost::AddressRefused(_) | Lost::NoCredentials(_));
        let failure = Unanswered::Lost(lost).failure();
        if is_certain { Err(failure) } else { Ok(Self { failure, kind: None, is_refusal: false }) }
    }

    /// What can be said when looking is not allowed. A taken name that holds the request's mark or
    /// the slot's time can only be ours.
    fn without_looking(self, job: &Creation, warnings: &mut Warnings) -> Result<Begun, Failure> {
        match self.kind {
            Some(Kind::NameTaken) => {
                warnings.add(format!("snapshot {} existed already; it was not looked at", job.snapshot));
                Ok(begun(job.snapshot.clone(), Outcome::Adopted, false))
            }
            Some(Kind::Busy) => Err(self.failure),
            _ => {
                let denied = Failure::new(Code::AccessDenied, "the caller lacks es:ESHttpGet", "");
                Err(unknown(job, &self, &denied))
            }
        }
    }
}

fn unknown(job: &Creation, unclear: &Unclear, looking: &Failure) -> Failure {
    let mut failure = Failure::new(
        Code::OutcomeUnknown,
        format!(
            "whether snapshot {} was begun is unknown: {}; and looking failed: {}",
            job.snapshot, unclear.failure.cause, looking.cause
        ),
        format!(
            "look for {} in repository {} before anything else; the same event with the same request id or `SlotTime` adopts it",
            job.snapshot, job.repository
        ),
    );
    failure.http_status = unclear.failure.http_status;
    failure
}

/// Adds to a `snapshot_running` what runs in this repository, if anything does.
async fn name_the_running(api: &SnapshotApi, job: &Creation, mut failure: Failure, deadline: Deadline) -> Failure {
    if failure.code == Code::SnapshotRunning
        && let Ok(running) = api.running(&job.repository, deadline).await
        && let Some(first) = running.first()
    {
        failure.cause = format!("snapshot {} runs in this repository: {}", first.name, failure.cause);
    }
    failure
}
