//! From what the engine says to what is shown.

use crate::status::{DrillStatus, LastRun, NotDone, Practice, Preview, RunningStatus, ScheduleStatus, ToDelete};
use jiff::Timestamp;
use snapkeep_core::Failure;
use snapkeep_core::drill::{Drill, Record};
use snapkeep_core::plan::{Place, Plan, Skip};
use snapkeep_core::policy::Policy;
use snapkeep_core::schedule::Schedule;
use snapkeep_engine::policies::{PolicyReport, RunReport, Taken};
use snapkeep_engine::{Running, drill_failure};

/// The plan's part in one place.
pub(crate) fn preview(plan: &Plan, place: &Place) -> Preview {
    let creates = plan.creates().filter(|create| create.place == *place).map(|create| create.snapshot.clone());
    let deletes = plan.deletes().filter(|delete| delete.place == *place).map(|delete| ToDelete {
        snapshot: delete.snapshot.clone(),
        reasons: delete.reasons.iter().map(ToString::to_string).collect(),
        unconfirmed: delete.unconfirmed,
    });
    // That a slot has its snapshot is what everybody expects.
    let is_news = |why: &Skip| !matches!(why, Skip::NoSlot | Skip::SlotDone | Skip::SlotRunning);
    let skipped = plan.skipped.iter().filter(|skipped| skipped.place == *place && is_news(&skipped.why));
    let not_done = skipped.map(|skipped| NotDone { snapshot: skipped.snapshot.clone(), why: skipped.why.to_string() });
    Preview { at: plan.at, creates: creates.collect(), deletes: deletes.collect(), not_done: not_done.collect() }
}

/// One snapshot that runs.
pub(crate) fn running(cluster: &str, seen: Running) -> RunningStatus {
    RunningStatus {
        cluster: cluster.to_owned(),
        repository: seen.repository,
        snapshot: seen.snapshot.name,
        started_at: seen.snapshot.started_at,
        progress: seen.progress,
        diagnosis: seen.diagnosis,
    }
}

pub(crate) fn schedule(schedule: &Schedule) -> ScheduleStatus {
    let timezone = schedule.zone().iana_name().unwrap_or("UTC").to_owned();
    ScheduleStatus { text: schedule.as_str().to_owned(), timezone }
}

/// What the run did there, by policy and cluster. A cluster's own failure is its policies', too.
pub(crate) fn of_report(run: &RunReport, report: &PolicyReport) -> ((String, String), LastRun) {
    let names = |all: &[Taken]| all.iter().map(|taken| taken.snapshot.clone()).collect();
    let of_cluster = run.clusters.get(&report.cluster).and_then(|cluster| cluster.failure.clone());
    let own = report.failures.iter().filter(|failure| Some(*failure) != of_cluster.as_ref()).cloned();
    let of_drills = run.drills.iter().flat_map(|drills| drills.hindrances(&report.policy, &report.cluster));
    let last = LastRun {
        started_at: run.started_at,
        finished_at: run.finished_at,
        created: names(&report.created),
        pending: names(&report.pending),
        deleted: report.deleted.len(),
        failures: of_cluster.iter().cloned().chain(own).chain(of_drills).collect(),
        warnings: report.warnings.clone(),
    };
    ((report.policy.clone(), report.cluster.clone()), last)
}

/// How drills are made.
pub(crate) fn practice(drill: &Drill) -> Practice {
    Practice { schedule: drill.schedule.as_ref().map(schedule) }
}

/// What came of a drill that has ended.
pub(crate) fn drill(record: &Record) -> DrillStatus {
    let (snapshot, began_at) = (record.snapshot.clone(), record.began_at);
    DrillStatus { snapshot, began_at, failure: drill_failure(record) }
}

/// That it was not run, on each of its clusters.
pub(crate) fn not_run(policy: &Policy, why: &Failure, now: Timestamp) -> Vec<((String, String), LastRun)> {
    let last = LastRun {
        started_at: now,
        finished_at: now,
        created: Vec::new(),
        pending: Vec::new(),
        deleted: 0,
        failures: vec![why.clone()],
        warnings: Vec::new(),
    };
    policy.clusters.iter().map(|cluster| ((policy.name.clone(), cluster.clone()), last.clone())).collect()
}
