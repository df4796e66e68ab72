//! Sends what the plan says: closes what must be closed, restores, and never sends again without a look.

use super::RestoreJob;
use super::look::unlooked;
use crate::create::{ATTEMPTS, LOOK_PAUSES, RESEND_PAUSE};
use crate::observe::{Event, Observer};
use crate::patience::Patience;
use crate::report::Outcome;
use snapkeep_cluster::{Kind, Refusal, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::restore::{Batch, RestorePlan};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};

/// One restore's requests.
struct Sending<'a> {
    api: &'a SnapshotApi,
    job: &'a RestoreJob,
    snapshot: &'a SnapshotName,
    deadline: Deadline,
    observer: &'a dyn Observer,
}

/// What an answer means.
enum Answer {
    Begun,
    /// Something else runs first, on versions that restore one thing at a time.
    Busy(Failure),
    /// It may have been carried out: a look tells.
    Unclear(Failure),
    /// It was not sent and may be.
    Unsent(Failure),
    Refused(Failure),
}

/// Sends the plan's requests; `None` if there are none to send.
pub(super) async fn send(
    api: &SnapshotApi,
    job: &RestoreJob,
    plan: &RestorePlan,
    snapshot: &SnapshotName,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<Option<Outcome>, Failure> {
    let sending = Sending { api, job, snapshot, deadline, observer };
    let mut outcome = None;
    for batch in plan.batches() {
        let mut closed = Vec::new();
        let begun = match sending.close(&batch.closes, &mut closed).await {
            Ok(()) => sending.begin(&batch).await,
            Err(failure) => Err(failure),
        };
        match begun {
            Ok(how) => {
                observer.notice(&Event::Begun { snapshot: snapshot.as_str(), outcome: how });
                outcome = Some(outcome.unwrap_or(how));
            }
            Err(failure) => {
                let failure = sending.open_again(&closed, failure).await;
                return Err(if outcome.is_some() { begun_before(failure) } else { failure });
            }
        }
    }
    Ok(outcome)
}

fn begun_before(failure: Failure) -> Failure {
    let cause = format!("a part of the restore has begun and goes on, the rest has not: {}", failure.cause);
    failure.with_cause(cause)
}

impl Sending<'_> {
    /// Closes open indices; `closed` gets those that were open, also where it fails half-way.
    async fn close(&self, names: &[String], closed: &mut Vec<String>) -> Result<(), Failure> {
        for name in names {
            if self.is_closed(name).await? {
                continue;
            }
            closed.push(name.clone());
            let written = self.api.close_index(name, self.deadline).await;
            let failure = match written {
                Written::Done(()) => continue,
                Written::Refused(refusal) => refusal.failure(),
                Written::Lost(lost) => Unanswered::Lost(lost).failure(),
            };
            // An answer that was lost is no failure: what counts is whether it is closed.
            if !self.is_closed(name).await? {
                let cause = format!("index {name} could not be closed: {}", failure.cause);
                return Err(failure.with_cause(cause));
            }
        }
        Ok(())
    }

    async fn is_closed(&self, name: &str) -> Result<bool, Failure> {
        let states = self.api.closed_indices(self.deadline).await.map_err(|unanswered| unanswered.failure())?;
        Ok(states.get(name).copied().unwrap_or(false))
    }

    /// Undoes what was done for a restore that did not begin. One whose outcome is not known may be at it.
    async fn open_again(&self, names: &[String], failure: Failure) -> Failure {
        if failure.code == Code::OutcomeUnknown {
            return failure;
        }
        let mut stay = Vec::new();
        for name in names {
            if !matches!(self.api.open_index(name, self.deadline).await, Written::Done(())) {
                stay.push(name.as_str());
            }
        }
        if stay.is_empty() {
            return failure;
        }
        let cause = format!("{}; closed for it and not open again: {}", failure.cause, stay.join(", "));
        failure.with_cause(cause)
    }

    /// Sends the request until its effect is seen, refused or unknowable.
    async fn begin(&self, batch: &Batch) -> Result<Outcome, Failure> {
        let mut patience = Patience::until(self.deadline);
        let mut may_be_ours = false;
        let mut attempts = 0;
        loop {
            let written = self.api.restore(&self.job.repository, self.snapshot, &batch.body, self.deadline).await;
            let failure = match meaning(written) {
                // The server would have refused the names if an earlier request had begun.
                Answer::Begun => return Ok(Outcome::Created),
                Answer::Busy(failure) => {
                    // What runs may be this very restore: a proxy sends a request twice.
                    if self.has_begun(batch).await? {
                        return Ok(Outcome::Adopted);
                    }
                    self.observer.notice(&Event::Waiting { why: &failure.cause, left: patience.left() });
                    if patience.wait().await {
                        continue;
                    }
                    return Err(failure);
                }
                // A name that is taken may be taken by what was asked for.
                Answer::Refused(failure) if !may_be_ours && failure.code != Code::PlanStale => return Err(failure),
                Answer::Refused(failure) => {
                    return if self.has_begun(batch).await? { Ok(Outcome::Adopted) } else { Err(failure) };
                }
                Answer::Unsent(failure) => failure,
                Answer::Unclear(failure) => {
                    may_be_ours = true;
                    if self.has_begun(batch).await? {
                        return Ok(Outcome::Adopted);
                    }
                    failure
                }
            };
            attempts += 1;
            if attempts >= ATTEMPTS || !self.deadline.pause(RESEND_PAUSE).await {
                let cause = format!("the restore was not begun, as far as looking can tell: {}", failure.cause);
                return Err(failure.with_cause(cause));
            }
        }
    }

    /// Whether any of the request's indices comes from this snapshot now: none did before. The server takes a request as a
    /// whole or not at all.
    async fn has_begun(&self, batch: &Batch) -> Result<bool, Failure> {
        for pause in LOOK_PAUSES {
            self.deadline.pause(pause).await;
            let looked = self.api.look_at_shards(&batch.indices, self.deadline).await;
            let restored = looked.map_err(|unanswered| unlooked(self.snapshot, &unanswered))?.restored();
            let is_ours = |from: &snapkeep_core::restore::Restored| {
                from.repository == self.job.repository.as_str() && from.snapshot == self.snapshot.as_str()
            };
            if restored.values().any(is_ours) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn meaning(written: Written) -> Answer {
    match written {
        Written::Done(()) => Answer::Begun,
        Written::Refused(refusal) if refusal.kind == Kind::Busy => Answer::Busy(refusal.failure()),
        Written::Refused(refusal) if is_verdict(&refusal) => Answer::Refused(explained(&refusal)),
        Written::Refused(refusal) if refusal.is_unclear() => Answer::Unclear(refusal.failure()),
        Written::Refused(refusal) => Answer::Refused(explained(&refusal)),
        Written::Lost(lost) if !lost.is_unsent() => Answer::Unclear(Unanswered::Lost(lost).failure()),
        Written::Lost(lost) if lost.is_transient() => Answer::Unsent(Unanswered::Lost(lost).failure()),
        Written::Lost(lost) => Answer::Refused(unsendable(lost)),
    }
}

fn unsendable(lost: Lost) -> Failure {
    Unanswered::Lost(lost).failure()
}

/// Servers refuse a restore with 500 and these words: nothing was begun.
fn is_verdict(refusal: &Refusal) -> bool {
    let reason = &refusal.reason;
    reason.starts_with("snapshot_restore_exception") || reason.starts_with("illegal_state_exception")
}

/// A refusal of a restore, by what it says.
fn explained(refusal: &Refusal) -> Failure {
    let failure = refusal.failure();
    let says = |words: &str| refusal.reason.contains(words);
    let (code, hint) = if says("already exists") || says("because it's open") {
        (Code::PlanStale, "something took the name after the plan was made: make the plan again")
    } else if says("more than one write index") {
        (Code::RestoreConflict, "an alias of the snapshot is written to here: leave --aliases out")
    } else if says("maximum") && says("shards") {
        (Code::RestoreConflict, "restore fewer indices or without replicas, or raise cluster.max_shards_per_node")
    } else if says("higher than the version") || says("minimum compatible version") || says("incompatible") {
        (
            Code::Unsupported,
            "an index is older or newer than this cluster reads: restore it to a cluster of its own version, reindex there",
        )
    } else if says("wasn't fully snapshotted") {
        (Code::SnapshotPartial, "restore an older snapshot, leave the index out, or take what there is (--partial)")
    } else if matches!(refusal.kind, Kind::ServerError | Kind::Invalid) {
        (
            Code::RestoreConflict,
            "the cluster refused the restore as a whole, and nothing was begun: the reason says why",
        )
    } else {
        return failure;
    };
    failure.with_code(code).with_hint(hint)
}
