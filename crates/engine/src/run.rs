//! Carries a job out.

use crate::create::{Begun, create};
use crate::follow::{follow, judge};
use crate::job::{Creation, Identity, Job};
use crate::list::list;
use crate::observe::{Event, Observer};
use crate::register::register;
use crate::report::{Outcome, Report, Warnings};
use crate::watch::Watch;
use jiff::SignedDuration;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;

/// How far apart two clocks may be before it is said: a sign that nothing sets one of them.
const TOLERATED_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Does the job within the deadline and says what happened.
pub async fn run(api: &SnapshotApi, job: &Job, deadline: Deadline, warnings: Warnings) -> Result<Report, Failure> {
    carry_out(api, job, deadline, warnings, None).await
}

/// The same, telling the observer what happens meanwhile: a running snapshot's `_status` is asked for too.
pub async fn run_observed(
    api: &SnapshotApi,
    job: &Job,
    deadline: Deadline,
    warnings: Warnings,
    observer: &dyn Observer,
) -> Result<Report, Failure> {
    carry_out(api, job, deadline, warnings, Some(observer)).await
}

async fn carry_out(
    api: &SnapshotApi,
    job: &Job,
    deadline: Deadline,
    mut warnings: Warnings,
    observer: Option<&dyn Observer>,
) -> Result<Report, Failure> {
    let mut report = Report::new(job.action(), job.repository().as_str());
    match job {
        Job::Register(registration) => {
            report.registered(register(api, registration, deadline, &mut warnings).await?);
        }
        Job::Backup(registration, creation) => {
            report.registered(register(api, registration, deadline, &mut warnings).await?);
            take(api, creation, deadline, &mut warnings, &mut report, observer).await?;
        }
        Job::Create(creation) => take(api, creation, deadline, &mut warnings, &mut report, observer).await?,
        Job::Status { repository, snapshot, wait } => {
            let mut watch = observer.map(|observer| Watch::new(observer, None));
            let seen = follow(api, repository, snapshot, *wait, deadline, watch.as_mut()).await;
            let seen = seen?.ok_or_else(|| missing(snapshot.as_str(), repository.as_str()))?;
            seen.failures.iter().for_each(|failure| warnings.add(failure));
            note_unknown_state(&seen, &mut warnings);
            report.observe(&seen);
        }
        Job::List { repository } => {
            report.snapshots = Some(list(api, repository, deadline, &mut warnings).await?);
        }
    }
    note_skew(api, &mut warnings);
    report.warnings = warnings.into_vec();
    Ok(report)
}

pub(crate) fn missing(snapshot: &str, repository: &str) -> Failure {
    Failure::new(
        Code::SnapshotMissing,
        format!("repository {repository} has no snapshot {snapshot}"),
        "`list` shows the snapshots that there are",
    )
}

pub(crate) fn vanished(snapshot: &str) -> Failure {
    Failure::new(
        Code::SnapshotFailed,
        format!("snapshot {snapshot} was begun, but it is not in the repository any more"),
        "the cluster could not write it: see its log, the snapshot role's rights on the bucket and the bucket's policy",
    )
}

/// Creates (or adopts) and follows.
async fn take(
    api: &SnapshotApi,
    creation: &Creation,
    deadline: Deadline,
    warnings: &mut Warnings,
    report: &mut Report,
    observer: Option<&dyn Observer>,
) -> Result<(), Failure> {
    let Begun { snapshot, outcome, may_look } = create(api, creation, deadline, warnings).await?;
    tracing::info!(snapshot = snapshot.as_str(), ?outcome, "snapshot begun");
    if let Some(observer) = observer {
        observer.notice(&Event::Begun { snapshot: snapshot.as_str(), outcome });
    }
    report.snapshot = Some(snapshot.as_str().to_owned());
    report.outcome = Some(outcome);
    // The server accepted it, which is to say that it has begun. A look may tell more.
    report.state = (outcome == Outcome::Created).then_some(State::InProgress);
    report.may_look = may_look;
    if !may_look {
        return Ok(());
    }
    let mut watch = observer.map(|observer| Watch::new(observer, creation.stall_after));
    match follow(api, &creation.repository, &snapshot, creation.wait, deadline, watch.as_mut()).await {
        Ok(Some(seen)) => {
            report.observe(&seen);
            note_adoption(creation, report, warnings);
            note_unknown_state(&seen, warnings);
            note_empty(&seen, warnings);
            judge(&seen)
        }
        Ok(None) if creation.wait.is_zero() => {
            warnings.add(format!("snapshot {snapshot} was accepted but does not show yet"));
            Ok(())
        }
        Ok(None) => Err(vanished(snapshot.as_str())),
        // Given up after looking for long: no answer is to be taken for a snapshot that runs.
        Err(failure) if matches!(failure.code, Code::OutcomeUnknown | Code::Inconclusive) => Err(failure),
        // The cluster has shut the repository off, for another one has written to it.
        Err(failure) if failure.code == Code::RepositoryConflict => Err(failure),
        Err(failure) => {
            warnings.add(format!("snapshot {snapshot} was accepted but could not be looked at: {}", failure.cause));
            Ok(())
        }
    }
}

/// A fixed name that existed is no new backup: say so.
fn note_adoption(creation: &Creation, report: &Report, warnings: &mut Warnings) {
    if let (Some(Outcome::Adopted), Identity::Fixed { .. }, Some(started)) =
        (report.outcome, &creation.identity, report.started_at)
    {
        warnings.add(format!("snapshot {} existed already (begun {started}); no other was taken", creation.snapshot));
    }
}

/// Signatures are dated by the service's clock once it refused ours; names and ages are still ours.
fn note_skew(api: &SnapshotApi, warnings: &mut Warnings) {
    if let Some(off) = api.skew().and_then(clock_is_off) {
        warnings.add(format!("{off} the service's: set it (NTP)"));
    }
}

/// How far this machine's clock is off, if that is worth a word: the beginning of a sentence that goes on
/// with whose clock it was compared with. `skew` is theirs minus ours.
pub fn clock_is_off(skew: SignedDuration) -> Option<String> {
    let side = if skew.is_positive() { "behind" } else { "ahead of" };
    (skew.abs() > TOLERATED_SKEW).then(|| format!("this machine's clock is {} s {side}", skew.abs().as_secs()))
}

/// An unknown state is not success.
pub(crate) fn note_unknown_state(seen: &Snapshot, warnings: &mut Warnings) {
    if seen.state.is_none() {
        warnings.add(format!("the server's word for the state of snapshot {} is not known here", seen.name));
    }
}

/// Some servers take a name that matches no index without a word: a success that holds nothing.
fn note_empty(seen: &Snapshot, warnings: &mut Warnings) {
    if seen.state == Some(State::Success) && seen.shards.is_some_and(|shards| shards.total == 0) {
        warnings.add(format!("snapshot {} holds no shards: no index matched", seen.name));
    }
}
