//! The record: made once, kept alive, ended. Every write is bound to what was read before.

use super::{LEASE, Stage};
use jiff::{SignedDuration, Timestamp};
use snapkeep_cluster::{Kept, Refusal, SnapshotApi, Stamp, Unanswered, Write, Written};
use snapkeep_core::drill::{INDEX, Record, id_of};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;

/// A record that is ours, with the state to bind the next write to.
pub(super) struct Claim {
    pub(super) record: Record,
    pub(super) stamp: Stamp,
}

/// What became of an attempt to write one.
pub(super) enum Claimed {
    Ours(Box<Claim>),
    /// Somebody else has written it: the slot is his.
    Taken,
}

/// What time it is for the records.
pub(super) async fn now(source: &SnapshotApi, deadline: Deadline) -> Result<Timestamp, Failure> {
    source.clock(deadline).await.map(|clock| clock.now).map_err(|unanswered| unanswered.failure())
}

/// Until when who speaks at `now` counts as alive.
pub(super) fn alive_until(now: Timestamp) -> Timestamp {
    let lease = SignedDuration::try_from(LEASE).unwrap_or(SignedDuration::ZERO);
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}

/// Writes the record if there is none of its id.
pub(super) async fn claim(stage: &Stage<'_>, record: Record, deadline: Deadline) -> Result<Claimed, Failure> {
    make_index(stage.source, deadline).await?;
    write(stage.source, &id_of(&record), record, Write::Create, deadline).await
}

impl Claim {
    /// Writes the record as it is now; `plan_stale` if somebody else has written it meanwhile, since then it is his.
    pub(super) async fn save(&mut self, source: &SnapshotApi, deadline: Deadline) -> Result<(), Failure> {
        let how = Write::Over(self.stamp);
        match write(source, &id_of(&self.record), self.record.clone(), how, deadline).await? {
            Claimed::Ours(claim) => {
                self.stamp = claim.stamp;
                Ok(())
            }
            Claimed::Taken => {
                let cause = format!("drill {} was taken for dead and is another run's to clean up", self.record.id);
                Err(Failure::new(Code::PlanStale, cause, "see to why it could not say in time that it was alive"))
            }
        }
    }
}

/// Takes over a record whose drill was killed, or that has something left to remove; `None` if somebody else was first.
pub(super) async fn take_over(
    source: &SnapshotApi,
    kept: &Kept,
    now: Timestamp,
    deadline: Deadline,
) -> Result<Option<Claim>, Failure> {
    let record = Record { alive_until: alive_until(now), ..kept.record.clone() };
    match write(source, &kept.id, record, Write::Over(kept.stamp), deadline).await? {
        Claimed::Ours(claim) => Ok(Some(*claim)),
        Claimed::Taken => Ok(None),
    }
}

async fn write(
    source: &SnapshotApi,
    id: &str,
    record: Record,
    how: Write,
    deadline: Deadline,
) -> Result<Claimed, Failure> {
    let written = source.write_drill_record(id, &record, how, deadline).await.map_err(|lost| lost.failure())?;
    match written {
        Written::Done(stamp) => Ok(Claimed::Ours(Claim { record, stamp }.into())),
        Written::Refused(refusal) if refusal.status == 409 => look(source, id, record, deadline).await,
        Written::Refused(refusal) if refusal.is_unclear() => look(source, id, record, deadline).await,
        Written::Refused(refusal) => Err(unwritten(&refusal)),
        Written::Lost(_) => look(source, id, record, deadline).await,
    }
}

/// A write whose answer was lost is ours if what is there is what we wrote.
async fn look(source: &SnapshotApi, id: &str, record: Record, deadline: Deadline) -> Result<Claimed, Failure> {
    let kept = source.drill_records(deadline).await.map_err(|unanswered| unlooked(&unanswered))?;
    let found = kept.into_iter().find(|kept| kept.id == id);
    match found {
        Some(kept) if kept.record == record => Ok(Claimed::Ours(Claim { record, stamp: kept.stamp }.into())),
        Some(_) => Ok(Claimed::Taken),
        None => {
            let cause = format!("the drill's record could not be written to {INDEX}");
            Err(Failure::new(Code::ClusterUnavailable, cause, "nothing was restored; the next run tries again"))
        }
    }
}

fn unlooked(unanswered: &Unanswered) -> Failure {
    let cause = format!("whether the drill's record was written is not known: {}", unanswered.failure().cause);
    Failure::new(Code::OutcomeUnknown, cause, "the next run looks again, and cleans up if there is something to")
}

fn unwritten(refusal: &Refusal) -> Failure {
    let failure = refusal.failure();
    let cause = format!("the drill's record could not be written to {INDEX}: {}", failure.cause);
    failure.with_cause(cause)
}

/// Makes the index of records if it is not there. An answer that was lost matters only if no record can be written.
async fn make_index(source: &SnapshotApi, deadline: Deadline) -> Result<(), Failure> {
    match source.create_drill_index(deadline).await.map_err(|unanswered| unanswered.failure())? {
        Written::Refused(refusal) if refusal.reason.contains("already") => Ok(()),
        Written::Refused(refusal) if !refusal.is_unclear() => Err(unwritten(&refusal)),
        Written::Done(()) | Written::Refused(_) | Written::Lost(_) => Ok(()),
    }
}
