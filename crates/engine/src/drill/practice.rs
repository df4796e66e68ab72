//! One drill, from its claim to its record's end.

use super::claim::{Claim, Claimed, alive_until, claim, now};
use super::prepare::{Prepared, drilled, prepare};
use super::remove::remove;
use super::{LEASE, REMOVAL_TIME, Stage};
use crate::observe::Observer;
use crate::restore::{Following, RestoreReport, apply_restore};
use jiff::Timestamp;
use serde_json::json;
use snapkeep_core::drill::{Check, Checked, Drill, DrillId, Outcome, Query, Record, SCHEMA};
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::time::Duration;

/// Which drill it is.
#[derive(Clone, Debug)]
pub(super) struct Assignment<'a> {
    pub(super) policy: &'a Policy,
    pub(super) drill: &'a Drill,
    pub(super) id: DrillId,
    /// The slot and which attempt at it; `None` if somebody asked for it.
    pub(super) slot: Option<(Timestamp, u32)>,
}

/// Drills. `None` if the slot is somebody else's. A drill that does not pass is no error: its record says so. An error
/// means that there was none, or that what became of it is not known.
pub(super) async fn practise(
    stage: &Stage<'_>,
    assignment: &Assignment<'_>,
    records: &[Record],
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<Option<Record>, Failure> {
    let began_at = now(stage.source, deadline).await?;
    let (policy, drill) = (assignment.policy, assignment.drill);
    let blank = blank(stage, assignment, began_at);
    let prepared = match prepare(stage, policy, drill, &assignment.id, records, deadline).await {
        Ok(prepared) => prepared,
        // What may be otherwise in a moment is no finding.
        Err(failure) if is_passing(failure.code) => return Err(failure),
        Err(failure) => return in_vain(stage, blank, &failure, deadline).await,
    };
    let record = of_plan(blank, &prepared);
    if let Some(failure) = prepared.plan.complaint() {
        return in_vain(stage, Record { items: Vec::new(), ..record }, &failure, deadline).await;
    }
    match claim(stage, record, deadline).await? {
        Claimed::Taken => Ok(None),
        Claimed::Ours(claim) => carry_out(stage, assignment, &prepared, *claim, deadline, observer).await.map(Some),
    }
}

fn is_passing(code: Code) -> bool {
    matches!(code, Code::ClusterUnavailable | Code::OutcomeUnknown | Code::PlanStale | Code::Inconclusive)
}

fn blank(stage: &Stage<'_>, assignment: &Assignment<'_>, began_at: Timestamp) -> Record {
    Record {
        schema: SCHEMA,
        id: assignment.id.as_str().to_owned(),
        policy: assignment.policy.name.clone(),
        cluster: stage.source_name.to_owned(),
        on: stage.target_name.to_owned(),
        on_repository: assignment.policy.repository.as_str().to_owned(),
        slot: assignment.slot.map(|(slot, _)| slot),
        attempt: assignment.slot.map_or(1, |(_, attempt)| attempt),
        snapshot: None,
        snapshot_began_at: None,
        outcome: Outcome::Running,
        began_at,
        ended_at: None,
        alive_until: alive_until(began_at),
        items: Vec::new(),
        left_for_others: 0,
        too_large: Vec::new(),
        expected_shards: 0,
        started_shards: 0,
        recovery_time_s: None,
        recovery_point_age_s: None,
        checks: Vec::new(),
        causes: Vec::new(),
        removed: false,
    }
}

fn of_plan(blank: Record, prepared: &Prepared) -> Record {
    let plan = &prepared.plan;
    let age = plan.started_at.map(|snapshot| blank.began_at.duration_since(snapshot).as_secs());
    Record {
        snapshot: Some(plan.snapshot.clone()),
        snapshot_began_at: plan.started_at,
        items: drilled(plan),
        left_for_others: u64::try_from(prepared.left).unwrap_or(u64::MAX),
        recovery_point_age_s: age,
        too_large: prepared.too_large.clone(),
        ..blank
    }
}

/// The record of a drill that could not begin: that nothing could be restored is what an auditor has to see.
async fn in_vain(
    stage: &Stage<'_>,
    mut record: Record,
    failure: &Failure,
    deadline: Deadline,
) -> Result<Option<Record>, Failure> {
    record.causes.push(failure.cause.clone());
    record.removed = true;
    let began_at = record.began_at;
    record.end(began_at);
    match claim(stage, record, deadline).await? {
        Claimed::Ours(claim) => Ok(Some(claim.record)),
        Claimed::Taken => Ok(None),
    }
}

/// Restores and looks while the record is kept alive, then removes whatever came of it.
async fn carry_out(
    stage: &Stage<'_>,
    assignment: &Assignment<'_>,
    prepared: &Prepared,
    mut claim: Claim,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<Record, Failure> {
    let longest = Duration::from_secs(assignment.drill.max_seconds().unwrap_or_default());
    let until = deadline.less(REMOVAL_TIME).or_after(longest);
    let work = restore_and_look(stage, assignment.drill, prepared, until, observer);
    let seen = tokio::select! {
        seen = work => seen,
        // Whoever took it for dead removes what it made.
        lost = keep_alive(stage, &mut claim, deadline) => return Err(lost),
    };
    seen.note(&mut claim.record);
    finish(stage, claim, deadline).await
}

/// Removes and writes the record's end.
pub(super) async fn finish(stage: &Stage<'_>, mut claim: Claim, deadline: Deadline) -> Result<Record, Failure> {
    // To remove takes less than the lease: one word before it is enough, and nobody removes what is another's by now.
    match beat(stage, &mut claim, deadline).await {
        Err(failure) if failure.code == Code::PlanStale => return Err(failure),
        Err(failure) => tracing::warn!("{}", failure.cause),
        Ok(()) => {}
    }
    let stuck = match remove(stage.target, &claim.record, deadline.or_after(REMOVAL_TIME)).await {
        Ok(removal) => removal.stuck,
        Err(failure) => vec![failure.cause],
    };
    claim.record.removed = stuck.is_empty();
    claim.record.causes.extend(stuck.into_iter().map(|why| format!("not removed yet: {why}")));
    let ended_at = now(stage.source, deadline).await.unwrap_or(claim.record.alive_until);
    claim.record.end(ended_at);
    claim.save(stage.source, deadline).await?;
    Ok(claim.record)
}

/// Says again and again that the drill is alive, and notes the ids of what it has made. Ends only if it cannot.
async fn keep_alive(stage: &Stage<'_>, claim: &mut Claim, deadline: Deadline) -> Failure {
    loop {
        tokio::time::sleep(LEASE / 4).await;
        note_ids(stage, claim, deadline).await;
        match beat(stage, claim, deadline).await {
            Err(failure) if failure.code == Code::PlanStale => return failure,
            // The next beat may reach it; until the lease has run out nobody takes it over.
            Err(failure) => tracing::warn!("{}", failure.cause),
            Ok(()) => {}
        }
    }
}

async fn beat(stage: &Stage<'_>, claim: &mut Claim, deadline: Deadline) -> Result<(), Failure> {
    claim.record.alive_until = alive_until(now(stage.source, deadline).await?);
    claim.save(stage.source, deadline).await
}

/// An id that is known makes sure that no other index of that name is ever taken for the drill's.
async fn note_ids(stage: &Stage<'_>, claim: &mut Claim, deadline: Deadline) {
    let Ok(found) = stage.target.drill_indices(deadline).await else { return };
    let mark = claim.record.id.clone();
    for part in claim.record.items.iter_mut().flat_map(|item| &mut item.parts).filter(|part| part.uuid.is_none()) {
        let made = found.iter().find(|found| found.name == part.name && found.mark.as_deref() == Some(mark.as_str()));
        part.uuid = made.and_then(|found| found.uuid.clone());
    }
}

/// What was seen of the restore.
struct Seen {
    report: Result<RestoreReport, Failure>,
    checks: Vec<Checked>,
}

impl Seen {
    fn note(self, record: &mut Record) {
        record.checks = self.checks;
        let report = match self.report {
            Ok(report) => report,
            Err(failure) => return record.causes.push(failure.cause),
        };
        (record.expected_shards, record.started_shards) = (report.truth.expected, report.truth.started);
        for item in &mut record.items {
            item.documents =
                report.items.iter().find(|seen| seen.target == item.target).and_then(|seen| seen.documents);
        }
        match report.complaint() {
            Some(failure) => record.causes.push(failure.cause),
            // To the millisecond: longer fractions are not always read as they were written, and a record is known by its words.
            None => record.recovery_time_s = Some((report.took_s * 1e3).round() / 1e3),
        }
        let uncounted = record.items.iter().filter(|item| item.documents.is_none());
        let uncounted: Vec<String> =
            uncounted.map(|item| format!("the documents of {} cannot be counted", item.source)).collect();
        record.causes.extend(uncounted);
    }
}

async fn restore_and_look(
    stage: &Stage<'_>,
    drill: &Drill,
    prepared: &Prepared,
    until: Deadline,
    observer: &dyn Observer,
) -> Seen {
    let following = Following { wait: until.left(), stall_after: None, stop_on_stall: false };
    let report = apply_restore(stage.target, &prepared.job, &prepared.plan, &following, until, observer).await;
    let mut checks = Vec::new();
    if report.as_ref().is_ok_and(|report| report.complaint().is_none()) {
        for check in &drill.checks {
            checks.extend(look(stage, check, prepared, until).await);
        }
    }
    Seen { report, checks }
}

/// One check on each thing that it names.
async fn look(stage: &Stage<'_>, check: &Check, prepared: &Prepared, until: Deadline) -> Vec<Checked> {
    let everything = json!({"query": {"match_all": {}}});
    let query = check.query.as_ref().map_or(everything, Query::body);
    let mut checked = Vec::new();
    for item in prepared.plan.items.iter().filter(|item| check.index.matches(&item.source)) {
        let found = match stage.target.count(&item.target, &query, until).await {
            Ok(Some(count)) => Ok(count),
            Ok(None) => Err("not all of its shards have answered".to_owned()),
            Err(unanswered) => Err(unanswered.failure().cause),
        };
        checked.push(check.judge(&item.source, found));
    }
    if checked.is_empty() { vec![check.not_asked()] } else { checked }
}
