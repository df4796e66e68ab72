//! Registers a repository: looks first, changes nothing that is as it should be, and gives a first
//! verification that fails another chance, because a new role takes a while to work.

use crate::create::{ATTEMPTS, RESEND_PAUSE};
use crate::job::Registration;
use crate::report::{RegistrationOutcome, Warnings};
use crate::takeover;
use serde_json::Value;
use snapkeep_cluster::{Kind, Refusal, Registered, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::repository::is_registered;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::time::Duration;

/// Pauses before the repository is verified again: a new role can take a minute until it works.
const VERIFY_PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];

/// A repository that is registered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InPlace {
    /// How that came about.
    pub(crate) outcome: RegistrationOutcome,
    /// Whether the nodes were seen to be able to use it, just now.
    pub(crate) verified: bool,
}

/// Registers, unless it is registered already.
pub(crate) async fn register(
    api: &SnapshotApi,
    job: &Registration,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<InPlace, Failure> {
    let (outcome, begins) = match api.repository(&job.repository, deadline).await {
        Ok(None) => (RegistrationOutcome::Created, takeover::begins(job, None)),
        Ok(Some(found)) if is_as_wanted(job, &found) && !takeover::is_asked(job, &found) => {
            return unchanged(api, job, &found, deadline, warnings).await;
        }
        Ok(Some(found)) if job.replace || is_as_wanted(job, &found) && takeover::is_meant(job) => {
            (RegistrationOutcome::Replaced, takeover::begins(job, Some(&found)))
        }
        Ok(Some(found)) if is_as_wanted(job, &found) => return Err(takeover::only_read(job)),
        Ok(Some(found)) => return Err(conflict(job, &found)),
        Err(Unanswered::Refused(refusal)) if refusal.is_missing_right() => {
            warnings.add(not_looked("the repository's settings were not compared", &refusal));
            (RegistrationOutcome::Unchecked, false)
        }
        Err(unanswered) => return Err(unanswered.failure()),
    };
    let verified = send_to_some_region(api, job, deadline, warnings).await?;
    if begins {
        takeover::look(api, job, deadline, warnings).await?;
    }
    Ok(InPlace { outcome, verified })
}

/// Sends the registration; once more without the region if that is what is refused.
async fn send_to_some_region(
    api: &SnapshotApi,
    job: &Registration,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<bool, Failure> {
    let sent = send(api, job, &job.settings.body(), deadline, warnings).await;
    let verified = match (sent, job.settings.without_region()) {
        (Err(Refused::Region(first)), Some((body, region))) => {
            tracing::warn!(cause = first.cause, "the region was refused; trying the global endpoint");
            let verified = send(api, job, &body, deadline, warnings).await.map_err(Refused::into_failure)?;
            warnings.add(format!(
                "the region {region} was refused for the bucket; registered with the endpoint s3.amazonaws.com in its place"
            ));
            verified
        }
        (sent, _) => sent.map_err(Refused::into_failure)?,
    };
    Ok(verified)
}

/// A warning about a look that was refused: names the right that is missing.
pub(crate) fn not_looked(what: &str, refusal: &Refusal) -> String {
    format!("{what}, because looking was refused (403): the caller lacks es:ESHttpGet ({})", refusal.reason)
}

fn is_as_wanted(job: &Registration, found: &Registered) -> bool {
    job.settings.differences(&found.kind, &found.settings).is_empty()
}

/// Nothing to do. But a repository that holds nothing yet may be one whose verification failed when
/// an earlier delivery registered it: servers save those too.
async fn unchanged(
    api: &SnapshotApi,
    job: &Registration,
    found: &Registered,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<InPlace, Failure> {
    let is_empty = api.names(&job.repository, deadline).await.is_ok_and(|names| names.is_empty());
    let without_region = job.settings.without_region().map(|(body, _)| body);
    let bodies = [Some(job.settings.body()), without_region];
    let sent = bodies.iter().flatten().find(|body| is_registered(body, &found.kind, &found.settings));
    let verified = match (is_empty, sent) {
        (true, Some(body)) => verify(api, job, body, deadline, warnings).await.map_err(Refused::into_failure)?,
        _ => false,
    };
    Ok(InPlace { outcome: RegistrationOutcome::Unchanged, verified })
}

fn conflict(job: &Registration, found: &Registered) -> Failure {
    let differences = job.settings.differences(&found.kind, &found.settings);
    let list: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Failure::new(
        Code::RepositoryConflict,
        format!("repository {} is registered with other settings: {}", job.repository, list.join("; ")),
        "choose another name for the repository, or let these settings replace it (`Replace` true in an event, --replace)",
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
    fn by(refusal: &Refusal) -> Self {
        if refusal.kind == Kind::RegionRefused { Self::Region(refusal.failure()) } else { Self::For(explain(refusal)) }
    }

    fn into_failure(self) -> Failure {
        let (Self::Region(failure) | Self::For(failure)) = self;
        failure
    }
}

/// Sends the registration until its effect is seen, refused or unknowable; says whether it was verified.
async fn send(
    api: &SnapshotApi,
    job: &Registration,
    body: &Value,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<bool, Refused> {
    let mut unseen = Unanswered::Lost(Lost::OutOfTime).failure();
    for attempt in 1..=ATTEMPTS {
        let (lost, may_repeat) = match api.register(&job.repository, body, deadline).await {
            Written::Done(()) => return Ok(true),
            Written::Refused(refusal) if is_unverified(&refusal) => {
                return verify_patiently(api, job, body, refusal, deadline).await.map(|()| true);
            }
            // Told to slow down, it is sent again even where looking is not allowed: the same registration twice
            // is the same as once.
            Written::Refused(refusal) if is_ambiguous(&refusal) => (refusal.failure(), refusal.kind == Kind::Throttled),
            Written::Refused(refusal) => return Err(Refused::by(&refusal)),
            Written::Lost(lost) if lost.is_unsent() && !lost.is_transient() => {
                return Err(Refused::For(Unanswered::Lost(lost).failure()));
            }
            Written::Lost(lost) => {
                let may_repeat = lost.is_unsent();
                (Unanswered::Lost(lost).failure(), may_repeat)
            }
        };
        match api.repository(&job.repository, deadline).await {
            Ok(Some(found)) if is_registered(body, &found.kind, &found.settings) => {
                return verify(api, job, body, deadline, warnings).await;
            }
            Err(unanswered) if !may_repeat => return Err(Refused::For(unknown(job, &lost, &unanswered.failure()))),
            Ok(_) | Err(_) => unseen = lost,
        }
        if attempt < ATTEMPTS && !deadline.pause(RESEND_PAUSE).await {
            break;
        }
    }
    Err(Refused::For(unseen))
}

/// The answer was lost, and so was the look.
fn unknown(job: &Registration, lost: &Failure, looking: &Failure) -> Failure {
    Failure::new(
        Code::OutcomeUnknown,
        format!(
            "whether repository {} was registered is unknown: {}; and looking failed: {}",
            job.repository, lost.cause, looking.cause
        ),
        "do it again: a registration that is in place is left as it is; es:ESHttpGet lets snapkeep look",
    )
}

/// The registration may be saved although its verification failed: verify it again, with pauses.
async fn verify_patiently(
    api: &SnapshotApi,
    job: &Registration,
    body: &Value,
    first: Refusal,
    deadline: Deadline,
) -> Result<(), Refused> {
    let mut refused = first;
    for pause in VERIFY_PAUSES {
        if !deadline.pause(pause).await {
            break;
        }
        match verify_or_register(api, job, body, deadline).await {
            Written::Done(()) => return Ok(()),
            Written::Refused(refusal) if refusal.kind == Kind::RegionRefused => return Err(Refused::by(&refusal)),
            Written::Refused(refusal) => refused = refusal,
            Written::Lost(lost) => tracing::warn!(cause = lost.cause(), "a verification's answer was lost"),
        }
    }
    let failure = explain(&refused);
    let cause = format!("repository {} cannot be used: {}", job.repository, failure.cause);
    Err(Refused::For(failure.with_cause(cause)))
}

/// Verifies a registration that is saved. Where it is not, or where there is no right to verify, the
/// same registration again verifies as well.
async fn verify_or_register(api: &SnapshotApi, job: &Registration, body: &Value, deadline: Deadline) -> Written {
    let found = api.repository(&job.repository, deadline).await;
    let saved = matches!(found, Ok(Some(found)) if is_registered(body, &found.kind, &found.settings));
    if saved {
        match api.verify(&job.repository, deadline).await {
            Written::Refused(refusal) if refusal.is_missing_right() => {}
            Written::Refused(refusal) => return Written::Refused(refusal),
            Written::Lost(lost) => return Written::Lost(lost),
            Written::Done(_) => return Written::Done(()),
        }
    }
    api.register(&job.repository, body, deadline).await
}

/// Verifies what is in place, with patience; `false` if that could not be done. Not being allowed to is no
/// failure, since the article's rights do not include it, but it is said, as is an answer that is lost.
async fn verify(
    api: &SnapshotApi,
    job: &Registration,
    body: &Value,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<bool, Refused> {
    let unverified = match api.verify(&job.repository, deadline).await {
        Written::Done(nodes) if nodes.is_empty() => return Err(Refused::For(no_nodes(&job.repository))),
        Written::Done(_) => return Ok(true),
        Written::Refused(refusal) if is_unverified(&refusal) => {
            return verify_patiently(api, job, body, refusal, deadline).await.map(|()| true);
        }
        Written::Refused(refusal) if refusal.is_missing_right() || is_ambiguous(&refusal) => refusal.reason,
        Written::Refused(refusal) => return Err(Refused::by(&refusal)),
        Written::Lost(lost) => lost.cause().to_owned(),
    };
    warnings.add(format!("repository {} is registered but could not be verified: {unverified}", job.repository));
    Ok(false)
}

/// A verification that no node took part in verifies nothing.
pub(crate) fn no_nodes(repository: &RepositoryName) -> Failure {
    Failure::new(
        Code::RepositoryVerificationFailed,
        format!("no node took part when repository {repository} was verified"),
        "look at the cluster's nodes: one that holds data or may be cluster manager must be there; then verify again",
    )
}

fn is_unverified(refusal: &Refusal) -> bool {
    refusal.kind == Kind::VerificationFailed || refusal.kind == Kind::RoleNotAssumable && refusal.status != 403
}

/// A server's own failure is what it says of the settings.
fn is_ambiguous(refusal: &Refusal) -> bool {
    refusal.is_unclear() && refusal.kind != Kind::ServerError
}

/// A snapshot or restore uses the repository.
pub(crate) fn is_in_use(refusal: &Refusal) -> bool {
    refusal.reason.contains("currently used")
}

/// The refusal's failure, in a registration's words.
fn explain(refusal: &Refusal) -> Failure {
    let failure = refusal.failure();
    if is_in_use(refusal) {
        let hint = "a snapshot or restore uses the repository: change its settings when that has ended";
        return failure.with_code(Code::RepositoryConflict).with_hint(hint);
    }
    if matches!(refusal.kind, Kind::Invalid | Kind::ServerError) {
        let hint =
            "the cluster refused these settings: the reason says which; see its documentation of the repository's type";
        return failure.with_code(Code::RepositoryVerificationFailed).with_hint(hint);
    }
    failure
}
