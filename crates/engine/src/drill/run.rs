//! The drills of a set of policies, one after the other: what is due, or what somebody asks for.

use super::clean::{Cleaned, clean_up, sweep};
use super::practice::{Assignment, practise};
use super::{REMOVAL_TIME, Stage};
use crate::observe::Observer;
use crate::policies::Fleet;
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_cluster::Kept;
use snapkeep_core::drill::{Drill, DrillId, Outcome, PREFIX, Record, due};
use snapkeep_core::naming::RequestMark;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};

/// How drills are run.
#[derive(Clone, Copy, Debug)]
pub struct DrillOptions<'a> {
    /// Only these policies; empty means all.
    pub only: &'a [String],
    /// Whether to drill although none is due, and policies without a schedule too.
    pub asked: bool,
    /// What tells this run's drills from those of others.
    pub run: &'a RequestMark,
}

/// What came of the drills. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DrillReport {
    /// 1.
    pub schema: u32,
    /// The drills, as they are kept.
    pub drills: Vec<Record>,
    /// What earlier drills had left behind.
    pub cleaned: Vec<Cleaned>,
    /// What was not done, and what to know.
    pub notes: Vec<DrillNote>,
    /// What went wrong beside drills that did not pass.
    pub failures: Vec<DrillNote>,
    /// The last drill that has ended of each policy on each cluster, whoever did it.
    pub last: Vec<LastDrill>,
    /// Policies whose drills nobody has looked after yet: whether anything is wrong there is not known.
    #[serde(skip)]
    pub unseen: BTreeSet<String>,
}

/// How a policy's last drill on a cluster ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LastDrill {
    /// Its id.
    pub id: String,
    /// The policy.
    pub policy: String,
    /// The cluster whose snapshot it was.
    pub cluster: String,
    /// When it began, by the server's clock.
    pub began_at: Timestamp,
    /// When it ended, by the same.
    pub ended_at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it did not pass, or what is left of it; `None` if everything came back, every check holds, and it is removed.
    pub failure: Option<Failure>,
    /// How long the restore took, in seconds; `None` if it did not end well.
    pub recovery_time_s: Option<f64>,
    /// How old the snapshot was, in seconds.
    pub recovery_point_age_s: Option<i64>,
}

/// Something about a policy's drills on a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrillNote {
    /// The policy; `None` if it is about none in particular.
    pub policy: Option<String>,
    /// The cluster.
    pub cluster: String,
    /// What, in one line.
    pub what: String,
    /// The code, of a failure.
    pub code: Option<Code>,
    /// The way out, of a failure.
    pub hint: Option<String>,
}

/// Refuses to drill where nothing says how: policies of these names (all, if there are none) have no `drill`.
pub fn check_drills(policies: &BTreeMap<String, Policy>, only: &[String]) -> Result<(), Failure> {
    let lacks = only.iter().find(|&name| policies.get(name).is_some_and(|policy| policy.drill.is_none()));
    let cause = match lacks {
        Some(name) => format!("policy {name} says nothing of drills"),
        None if policies.values().all(|policy| policy.drill.is_none()) => {
            "no policy says anything of drills".to_owned()
        }
        None => return Ok(()),
    };
    let hint = "add `drill: {}` to the policy, or what it shall restore and check";
    Err(Failure::new(Code::BadConfig, cause, hint))
}

/// The records of a cluster, newest first.
pub async fn drill_records(fleet: &Fleet<'_>, cluster: &str, deadline: Deadline) -> Result<Vec<Record>, Failure> {
    let kept = kept(fleet, cluster, deadline).await?;
    Ok(kept.into_iter().map(|kept| kept.record).collect())
}

async fn kept(fleet: &Fleet<'_>, cluster: &str, deadline: Deadline) -> Result<Vec<Kept>, Failure> {
    let source = fleet.get(cluster, deadline).await?;
    source.drill_records(deadline).await.map_err(|unanswered| unanswered.failure())
}

/// Cleans up after drills that were killed, then drills what is due or asked for. Never fails as a whole.
pub async fn run_drills(
    fleet: &Fleet<'_>,
    policies: &BTreeMap<String, Policy>,
    options: &DrillOptions<'_>,
    deadline: Deadline,
    observer: &dyn Observer,
) -> DrillReport {
    let mut report = DrillReport { schema: 1, ..DrillReport::default() };
    let is_meant = |policy: &&Policy| options.only.is_empty() || options.only.contains(&policy.name);
    let drilled: Vec<(&Policy, &Drill)> =
        policies.values().filter(is_meant).filter_map(|policy| Some((policy, policy.drill.as_ref()?))).collect();
    let clusters: BTreeSet<&str> =
        drilled.iter().flat_map(|(policy, _)| &policy.clusters).map(String::as_str).collect();
    let round = Round { fleet, options, deadline, observer };
    for cluster in clusters {
        if let Err(failure) = round.clean(cluster, &mut report).await {
            report.failures.push(note(None, cluster, &failure));
            continue;
        }
        for (policy, drill) in drilled.iter().filter(|(policy, _)| policy.clusters.iter().any(|name| name == cluster)) {
            let records = match round.records(cluster, policy).await {
                Ok(records) => records,
                Err(failure) => {
                    report.failures.push(note(Some(&policy.name), cluster, &failure));
                    continue;
                }
            };
            let turn = round.drill(cluster, policy, drill, &records).await;
            report.last.extend(last(&records, &turn).map(LastDrill::of));
            match turn {
                Ok(Turn::Drilled(record)) => report.drills.push(*record),
                Ok(Turn::NotDue) => {}
                // Whoever asked for a drill must not take it for done; what is due comes with a later run.
                Ok(Turn::NotNow(what)) if options.asked => report.failures.push(not_now(&policy.name, cluster, what)),
                Ok(Turn::NotNow(what)) => report.notes.push(said(Some(&policy.name), cluster, what)),
                Err(failure) => report.failures.push(note(Some(&policy.name), cluster, &failure)),
            }
        }
    }
    report
}

/// What came of one policy on one cluster.
enum Turn {
    Drilled(Box<Record>),
    NotDue,
    NotNow(String),
}

struct Round<'a, 'f> {
    fleet: &'a Fleet<'f>,
    options: &'a DrillOptions<'a>,
    deadline: Deadline,
    observer: &'a dyn Observer,
}

impl Round<'_, '_> {
    /// Cleans up what drills of this cluster's policies left behind, on whatever cluster that is.
    async fn clean(&self, cluster: &str, report: &mut DrillReport) -> Result<(), Failure> {
        let source = self.fleet.get(cluster, self.deadline).await?;
        let records = kept(self.fleet, cluster, self.deadline).await?;
        let now = super::claim::now(source, self.deadline).await?;
        let is_unfinished = |record: &Record| record.is_unfinished(now) || record.may_come_late(now);
        for kept in records.iter().filter(|kept| kept.record.cluster == cluster && is_unfinished(&kept.record)) {
            let cleaned = match self.fleet.get(&kept.record.on, self.deadline).await {
                Ok(target) => {
                    let stage = Stage { source, source_name: cluster, target, target_name: kept.record.on.as_str() };
                    if kept.record.is_unfinished(now) {
                        clean_up(&stage, kept, self.deadline).await
                    } else {
                        sweep(&stage, &kept.record, self.deadline).await
                    }
                }
                Err(failure) => Err(failure),
            };
            match cleaned {
                Ok(cleaned) => report.cleaned.extend(cleaned),
                Err(failure) => report.failures.push(note(Some(&kept.record.policy), cluster, &failure)),
            }
        }
        let unknown = strangers(source, &records, self.deadline).await;
        report.notes.extend(unknown.into_iter().map(|what| said(None, cluster, what)));
        Ok(())
    }

    /// The policy's own, newest first.
    async fn records(&self, cluster: &str, policy: &Policy) -> Result<Vec<Record>, Failure> {
        let mut records = drill_records(self.fleet, cluster, self.deadline).await?;
        records.retain(|record| record.policy == policy.name && record.cluster == cluster);
        Ok(records)
    }

    async fn drill(&self, cluster: &str, policy: &Policy, drill: &Drill, records: &[Record]) -> Result<Turn, Failure> {
        let source = self.fleet.get(cluster, self.deadline).await?;
        let id = DrillId::of(self.options.run, &policy.name, cluster);
        // What is delivered twice is answered twice, and drilled once.
        let is_answer = |record: &&Record| record.id == id.as_str() && record.outcome != Outcome::Running;
        if let Some(answer) = records.iter().find(is_answer) {
            return Ok(Turn::Drilled(Box::new(answer.clone())));
        }
        let now = super::claim::now(source, self.deadline).await?;
        if let Some(other) = records.iter().find(|record| record.outcome == Outcome::Running) {
            let until = other.alive_until;
            return Ok(Turn::NotNow(format!("drill {} runs, or counts as running until {until}", other.id)));
        }
        let slot = drill.schedule.as_ref().and_then(|schedule| due(schedule, records, now));
        if slot.is_none() && !self.options.asked {
            return Ok(Turn::NotDue);
        }
        if self.deadline.left() < REMOVAL_TIME * 2 {
            return Ok(Turn::NotNow(
                "too little time is left for a drill, which needs two minutes at the very least".to_owned(),
            ));
        }
        let target_name = drill.cluster.as_deref().unwrap_or(cluster);
        let target = self.fleet.get(target_name, self.deadline).await?;
        let stage = Stage { source, source_name: cluster, target, target_name };
        let assignment = Assignment { policy, drill, id, slot };
        let drilled = practise(&stage, &assignment, records, self.deadline, self.observer).await?;
        Ok(match drilled {
            Some(record) => Turn::Drilled(Box::new(record)),
            None => Turn::NotNow("another run drills it".to_owned()),
        })
    }
}

/// Indices that are named like a drill's and that no record knows: they are told and left alone.
async fn strangers(source: &snapkeep_cluster::SnapshotApi, records: &[Kept], deadline: Deadline) -> Vec<String> {
    let Ok(found) = source.drill_indices(deadline).await else { return Vec::new() };
    let is_known = |name: &str| records.iter().any(|kept| kept.record.made().any(|(_, part)| part.name == name));
    let unknown = found.into_iter().filter(|found| !is_known(&found.name));
    unknown
        .map(|found| {
            format!(
                "index {} is named like a drill's ({PREFIX}…), but no record knows it: it is left alone",
                found.name
            )
        })
        .collect()
}

fn not_now(policy: &str, cluster: &str, what: String) -> DrillNote {
    let hint = "ask again once that is over; `snapkeep report --audit` shows drills that have ended";
    note(Some(policy), cluster, &Failure::new(Code::Inconclusive, what, hint))
}

fn note(policy: Option<&str>, cluster: &str, failure: &Failure) -> DrillNote {
    DrillNote {
        code: Some(failure.code),
        hint: Some(failure.hint.clone()),
        ..said(policy, cluster, failure.cause.clone())
    }
}

fn said(policy: Option<&str>, cluster: &str, what: String) -> DrillNote {
    DrillNote { policy: policy.map(str::to_owned), cluster: cluster.to_owned(), what, code: None, hint: None }
}

/// The newest of those that were there and the one that there was now.
fn last<'a>(records: &'a [Record], turn: &'a Result<Turn, Failure>) -> Option<&'a Record> {
    let ended = records.iter().filter(|record| record.outcome != Outcome::Running);
    let now = if let Ok(Turn::Drilled(record)) = turn { Some(&**record) } else { None };
    ended.chain(now).max_by_key(|record| record.began_at)
}

impl LastDrill {
    fn of(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            policy: record.policy.clone(),
            cluster: record.cluster.clone(),
            began_at: record.began_at,
            ended_at: record.ended_at.unwrap_or(record.began_at),
            outcome: record.outcome,
            failure: drill_failure(record),
            recovery_time_s: record.recovery_time_s,
            recovery_point_age_s: record.recovery_point_age_s,
        }
    }
}

impl DrillReport {
    /// Whether there is nothing in it to tell.
    pub fn is_empty(&self) -> bool {
        self.drills.is_empty() && self.cleaned.is_empty() && self.notes.is_empty() && self.failures.is_empty()
    }

    /// The failure that it all ends with: what went wrong, else the first drill that did not pass.
    pub fn verdict(&self) -> Result<(), Failure> {
        let wrong = self.failures.iter().find_map(DrillNote::failure);
        wrong.or_else(|| self.drills.iter().find_map(drill_failure)).map_or(Ok(()), Err)
    }

    /// What kept the policy's drills there from being done or cleaned up; what is about no policy in particular, too.
    pub fn hindrances(&self, policy: &str, cluster: &str) -> impl Iterator<Item = Failure> {
        let is_its = move |note: &&DrillNote| {
            note.cluster == cluster && note.policy.as_deref().is_none_or(|name| name == policy)
        };
        self.failures.iter().filter(is_its).filter_map(DrillNote::failure)
    }

    /// The policy's last drill there.
    pub fn last_of(&self, policy: &str, cluster: &str) -> Option<&LastDrill> {
        self.last.iter().find(|last| last.policy == policy && last.cluster == cluster)
    }
}

impl DrillNote {
    fn failure(&self) -> Option<Failure> {
        let whose = self.policy.as_ref().map(|policy| format!("policy {policy} on ")).unwrap_or_default();
        let cause = format!("drill of {whose}{}: {}", self.cluster, self.what);
        Some(Failure::new(self.code?, cause, self.hint.clone().unwrap_or_default()))
    }
}

/// Why a drill that has ended did not pass, or left something behind; `None` if neither.
pub fn drill_failure(record: &Record) -> Option<Failure> {
    if record.outcome == Outcome::Passed && record.removed {
        return None;
    }
    let more = record.causes.len().saturating_sub(1);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let first = record.causes.first().map_or("it did not pass", String::as_str);
    Some(Failure::new(
        Code::RestoreIncomplete,
        format!("the drill of policy {} on {} did not pass: {first}{more}", record.policy, record.cluster),
        "`snapkeep report --audit` shows the drill in full; `snapkeep verify` tells what is wrong with the repository",
    ))
}
