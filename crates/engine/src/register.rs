//! Registers a repository: looks first, changes nothing that is as it should be, and gives a first
//! verification that fails another chance, because a new role takes a while to work.

use crate::job::Registration;
use crate::report::{RegistrationOutcome, Warnings};
use serde_json::Value;
use snapkeep_cluster::{Kind, Refusal, Registered, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::time::Duration;

/// Pauses before the repository is verified again.
const VERIFY_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How often the registration is sent while its effect stays unseen.
const ATTEMPTS: usize = 3;

/// Registers, unless it is registered already.
pub(crate) async fn register(
    api: &SnapshotApi,
    job: &Registration,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<RegistrationOutcome, Failure> {
    let outcome = match api.repository(&job.repository, deadline).await {
        Ok(None) => RegistrationOutcome::Created,
        Ok(Some(found)) if is_same(job, &found) => return Ok(RegistrationOutcome::Unchanged),
        Ok(Some(_)) if job.replace => RegistrationOutcome::Replaced,
        Ok(Some(found)) => return Err(conflict(job, &found)),
        Err(Unanswered::Refused(refusal)) if refusal.is_missing_right() => {
            warnings.add(not_looked("the repository's settings were not compared", &refusal));
            RegistrationOutcome::Unchecked
        }
        Err(unanswered) => return Err(unanswered.failure()),
    };
    match send(api, job, &job.settings.body(), deadline).await {
        Err(Refused::Region(_)) => {
            warnings.add(format!(
                "the region {} was refused for the bucket; registered with the endpoint s3.amazonaws.com in its place",
                job.settings.region
            ));
            let body = job.settings.body_with_global_endpoint();
            send(api, job, &body, deadline).await.map_err(Refused::into_failure)?;
        }
        sent => sent.map_err(Refused::into_failure)?,
    }
    Ok(outcome)
}

/// A warning about a look that was refused: names the right that is missing.
pub(crate) fn not_looked(what: &str, refusal: &Refusal) -> String {
    format!("{what}, because looking was refused (403): the caller lacks es:ESHttpGet ({})", refusal.reason)
}

fn is_same(job: &Registration, found: &Registered) -> bool {
    job.settings.differences(&found.kind, &found.settings).is_empty()
}

fn conflict(job: &Registration, found: &Registered) -> Failure {
    let differences = job.settings.differences(&found.kind, &found.settings);
    let list: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Failure::new(
        Code::RepositoryConflict,
        format!("repository {} is registered with other settings: {}", job.repository, list.join("; ")),
        "choose another `RepositoryName`, or set `Replace` to true if these settings are to replace it",
    )
}

/// Why the registration did not come about.
enum Refused {
    /// The bucket's region was refused: there is one more thing to try.
    Region(Failure),
    /// Anything else.
    For(Failure),
}

impl Refused {
    fn into_failure(self) -> Failure {
        let (Self::Region(failure) | Self::For(failure)) = self;
        failure
    }
}

/// Sends the registration until its effect is seen, refused or unknowable.
async fn send(api: &SnapshotApi, job: &Registration, body: &Value, deadline: Deadline) -> Result<(), Refused> {
    let mut unseen = Failure::new(Code::ClusterUnavailable, "no time was left to register", "allow more time");
    for attempt in 1..=ATTEMPTS {
        match api.register(&job.repository, body, deadline).await {
            Written::Done => return Ok(()),
            Written::Refused(refusal) if refusal.kind == Kind::RegionRefused => {
                return Err(Refused::Region(refusal.failure()));
            }
            Written::Refused(refusal) if is_unverified(&refusal) => {
                return verify(api, job, body, refusal, deadline).await.map_err(Refused::For);
            }
            Written::Refused(refusal) if is_ambiguous(&refusal) => unseen = refusal.failure(),
            Written::Refused(refusal) => return Err(Refused::For(explain(&refusal))),
            Written::Lost(lost) if !is_sent(&lost) => return Err(Refused::For(Unanswered::Lost(lost).failure())),
            Written::Lost(lost) => unseen = Unanswered::Lost(lost).failure(),
        }
        if is_in_place(api, job, &unseen, deadline).await.map_err(Refused::For)? {
            return verify_softly(api, &job.repository, deadline).await.map_err(Refused::For);
        }
        if attempt < ATTEMPTS && !deadline.pause(api.client().pace().base * 2).await {
            break;
        }
    }
    Err(Refused::For(unseen))
}

/// A look after an answer that was lost: is the repository there as asked for?
async fn is_in_place(
    api: &SnapshotApi,
    job: &Registration,
    lost: &Failure,
    deadline: Deadline,
) -> Result<bool, Failure> {
    match api.repository(&job.repository, deadline).await {
        Ok(found) => Ok(found.is_some_and(|found| is_same(job, &found))),
        Err(unanswered) => Err(Failure::new(
            Code::OutcomeUnknown,
            format!(
                "whether repository {} was registered is unknown: {}; and looking failed: {}",
                job.repository,
                lost.cause,
                unanswered.failure().cause
            ),
            "send the event again: a registration that is in place is left as it is; es:ESHttpGet lets snapkeep look",
        )),
    }
}

/// The registration may be saved although its verification failed: verify it again, with pauses.
async fn verify(
    api: &SnapshotApi,
    job: &Registration,
    body: &Value,
    first: Refusal,
    deadline: Deadline,
) -> Result<(), Failure> {
    let mut refused = first;
    for pause in VERIFY_PAUSES {
        if !deadline.pause(pause).await {
            break;
        }
        let saved = matches!(api.repository(&job.repository, deadline).await, Ok(Some(found)) if is_same(job, &found));
        let mut written = if saved { Some(api.verify(&job.repository, deadline).await) } else { None };
        if let Some(Written::Refused(refusal)) = &written
            && refusal.is_missing_right()
        {
            written = None; // no es:ESHttpPost: the same registration again verifies as well
        }
        let written = match written {
            Some(written) => written,
            None => api.register(&job.repository, body, deadline).await,
        };
        match written {
            Written::Done => return Ok(()),
            Written::Refused(refusal) => refused = refusal,
            Written::Lost(lost) => tracing::debug!(cause = lost.cause(), "a verification's answer was lost"),
        }
    }
    let failure = explain(&refused);
    let cause = format!("repository {} cannot be used: {}", job.repository, failure.cause);
    Err(Failure { cause, ..failure })
}

/// Verifies what a lost answer left in place. Not being allowed to is no failure: the article's
/// rights do not include it, and the next snapshot will tell.
async fn verify_softly(api: &SnapshotApi, repository: &RepositoryName, deadline: Deadline) -> Result<(), Failure> {
    match api.verify(repository, deadline).await {
        Written::Refused(refusal) if is_unverified(&refusal) => Err(explain(&refusal)),
        Written::Refused(_) | Written::Lost(_) | Written::Done => Ok(()),
    }
}

fn is_unverified(refusal: &Refusal) -> bool {
    refusal.kind == Kind::VerificationFailed || refusal.kind == Kind::RoleNotAssumable && refusal.status != 403
}

fn is_ambiguous(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::Throttled | Kind::Gateway | Kind::ServerError)
}

fn is_sent(lost: &Lost) -> bool {
    !matches!(lost, Lost::AddressRefused(_) | Lost::NoCredentials(_))
}

/// The refusal's failure, in a registration's words.
fn explain(refusal: &Refusal) -> Failure {
    let mut failure = refusal.failure();
    if refusal.reason.contains("currently used") {
        failure.code = Code::RepositoryConflict;
        failure.hint = "a snapshot or restore uses the repository: change its settings when that has ended".into();
    } else if matches!(refusal.kind, Kind::Invalid | Kind::ServerError) {
        failure.code = Code::RepositoryVerificationFailed;
    }
    failure
}
