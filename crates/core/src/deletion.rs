//! Which snapshots are to be deleted, and why: a plan that is shown before anything is done, and whose
//! every step carries the facts it rests on, so that they can be checked again just before acting.

use crate::naming::{RepositoryName, SnapshotName};
use crate::repository::refuse_reserved;
use crate::select::{Filter, state_word};
use crate::snapshot::{Snapshot, State};
use crate::{Code, Failure};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// What is asked for: the snapshots of these names and those that fit any of the filter's patterns
/// (all, if there is neither), as far as the filter's other fields admit them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Exact names.
    pub names: Vec<SnapshotName>,
    /// Patterns and limits.
    pub filter: Filter,
    /// Whether the last good snapshot may go as well.
    pub allow_last_good: bool,
}

/// What is to be deleted and what is not. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeletionPlan {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// Snapshots that the repository held when the plan was made.
    pub total: usize,
    /// What to delete, oldest first.
    pub steps: Vec<Step>,
    /// What was asked for and stays.
    pub kept: Vec<Kept>,
    /// Names that were asked for and do not exist.
    pub missing: Vec<String>,
    /// Whether the last good snapshot may go as well.
    pub allow_last_good: bool,
}

/// One snapshot to delete, and the facts that this rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its name.
    #[serde(rename = "snapshot")]
    pub name: String,
    /// The server's id for it: another snapshot of the same name has another.
    pub uuid: Option<String>,
    /// Its state; never `IN_PROGRESS`.
    pub state: Option<State>,
    /// When it began, by the server's clock.
    pub started_at: Option<Timestamp>,
    /// Why it goes, in words. Never empty.
    pub reasons: Vec<String>,
}

/// One snapshot that was asked for and stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its name.
    #[serde(rename = "snapshot")]
    pub name: String,
    /// Its state.
    pub state: Option<State>,
    /// When it began, by the server's clock.
    pub started_at: Option<Timestamp>,
    /// Whether it was asked for by its very name.
    pub named: bool,
    /// Why it stays, in words.
    pub why: String,
    /// What to do if it is to go all the same.
    pub hint: Option<String>,
    #[serde(skip)]
    code: Code,
}

/// How a step's snapshot is found when it is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As planned.
    Same,
    /// It is not there any more.
    Gone,
    /// Another snapshot has its name.
    Replaced,
    /// It runs.
    Running,
}

/// Decides what is to be deleted. The inventory holds every snapshot of the repository; those that
/// are asked for need their details if the filter does.
pub fn plan(
    repository: &RepositoryName,
    inventory: &[Snapshot],
    selection: &Selection,
    now: Timestamp,
) -> Result<DeletionPlan, Failure> {
    refuse_reserved(repository)?;
    if selection.names.is_empty() && selection.filter.is_empty() {
        return Err(Failure::new(
            Code::BadEvent,
            "nothing says which snapshots to delete",
            "give names, patterns such as 'nightly-*', or limits such as an age or a state",
        ));
    }
    let mut plan = DeletionPlan {
        schema: 1,
        repository: repository.as_str().to_owned(),
        total: inventory.len(),
        steps: Vec::new(),
        kept: Vec::new(),
        missing: missing(inventory, selection),
        allow_last_good: selection.allow_last_good,
    };
    for snapshot in inventory {
        match decide(snapshot, selection, now) {
            Some(Verdict::Delete(step)) => plan.steps.push(step),
            Some(Verdict::Keep(kept)) => plan.kept.push(kept),
            None => {}
        }
    }
    plan.steps.sort_by(|a, b| (a.started_at, &a.name).cmp(&(b.started_at, &b.name)));
    plan.keep_last_good(inventory);
    Ok(plan)
}

enum Verdict {
    Delete(Step),
    Keep(Kept),
}

fn missing(inventory: &[Snapshot], selection: &Selection) -> Vec<String> {
    let listed: BTreeSet<&str> = inventory.iter().map(|snapshot| snapshot.name.as_str()).collect();
    let asked: BTreeSet<&str> = selection.names.iter().map(SnapshotName::as_str).collect();
    asked.difference(&listed).map(|&name| name.to_owned()).collect()
}

/// `None` if the snapshot was not asked for.
fn decide(snapshot: &Snapshot, selection: &Selection, now: Timestamp) -> Option<Verdict> {
    let named = selection.names.iter().any(|name| name.as_str() == snapshot.name);
    let glob = selection.filter.glob_of(&snapshot.name);
    let by_limits_alone = selection.names.is_empty() && selection.filter.globs.is_empty();
    if !named && glob.is_none() && !by_limits_alone {
        return None;
    }
    let keep = |code, why: String, hint: Option<&str>| {
        let (name, state, started_at) = (snapshot.name.clone(), snapshot.state, snapshot.started_at);
        let hint = hint.map(str::to_owned);
        Some(Verdict::Keep(Kept { name, state, started_at, named, why, hint, code }))
    };
    let limits = Filter { globs: Vec::new(), ..selection.filter.clone() };
    let Some(reasons) = limits.reasons(snapshot, now) else {
        // What a pattern catches and a limit leaves out was not asked for; a name was.
        let outside = format!("named, but not {}", limits.limits());
        return if named { keep(Code::BadEvent, outside, Some("leave the limit out")) } else { None };
    };
    if snapshot.state == Some(State::InProgress) {
        let hint = "`abort` ends it, and what it has saved so far goes with it";
        return keep(Code::SnapshotRunning, "it runs: deleting it would abort it".to_owned(), Some(hint));
    }
    if SnapshotName::parse(&snapshot.name).is_err() {
        let why = "its name could be read as more than one, or as something else than a name".to_owned();
        return keep(Code::Unsupported, why, None);
    }
    let who = if named { Some("named".to_owned()) } else { glob.map(|glob| format!("matches {glob}")) };
    let mut reasons: Vec<String> = who.into_iter().chain(reasons).collect();
    let is_bad = matches!(snapshot.state, Some(State::Partial | State::Failed));
    if is_bad && selection.filter.states.is_empty() {
        reasons.push(state_word(snapshot.state).to_owned());
    }
    Some(Verdict::Delete(Step {
        name: snapshot.name.clone(),
        uuid: snapshot.uuid.clone(),
        state: snapshot.state,
        started_at: snapshot.started_at,
        reasons,
    }))
}

impl DeletionPlan {
    /// The newest good snapshot among `steps` if without those `listed` holds no good one: what may not
    /// go unless that was allowed.
    pub fn last_good<'a, 's>(
        &self,
        steps: &[&'a Step],
        listed: impl IntoIterator<Item = &'s Snapshot>,
    ) -> Option<&'a Step> {
        let goes: BTreeSet<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        let stays =
            |snapshot: &Snapshot| snapshot.state == Some(State::Success) && !goes.contains(snapshot.name.as_str());
        if self.allow_last_good || listed.into_iter().any(stays) {
            return None;
        }
        let good = steps.iter().copied().filter(|step| step.state == Some(State::Success));
        good.max_by(|a, b| (a.started_at, &a.name).cmp(&(b.started_at, &b.name)))
    }

    fn keep_last_good(&mut self, inventory: &[Snapshot]) {
        let steps: Vec<&Step> = self.steps.iter().collect();
        let Some(last) = self.last_good(&steps, inventory).cloned() else { return };
        self.steps.retain(|step| step.name != last.name);
        let began = last.started_at.map(|began| format!(", begun {began}")).unwrap_or_default();
        self.kept.push(Kept {
            named: last.reasons.first().is_some_and(|reason| reason == "named"),
            why: format!("the newest SUCCESS{began}: without it the repository would hold no good snapshot"),
            hint: Some("take another first, or allow that the last good one goes (--allow-last-good)".to_owned()),
            code: Code::BadEvent,
            state: last.state,
            started_at: last.started_at,
            name: last.name,
        });
    }

    /// What was asked for by name and cannot be done, as the failure that a command ends with after it
    /// has done the rest.
    pub fn complaint(&self) -> Option<Failure> {
        if !self.missing.is_empty() {
            let cause = format!("repository {} has no snapshot {}", self.repository, self.missing.join(", "));
            return Some(Failure::new(Code::SnapshotMissing, cause, "`list` shows the snapshots that there are"));
        }
        let kept = self.kept.iter().find(|kept| kept.named)?;
        let cause = format!("snapshot {} stays: {}", kept.name, kept.why);
        let hint = kept.hint.as_deref().unwrap_or("delete it with the tool that made it");
        Some(Failure::new(kept.code, cause, hint))
    }
}

impl Step {
    /// How the step's snapshot is found now. Where a server tells no ids, the start tells snapshots of
    /// one name apart.
    pub fn standing(&self, found: Option<&Snapshot>) -> Standing {
        let Some(found) = found.filter(|found| found.name == self.name) else { return Standing::Gone };
        let is_same = match (&self.uuid, &found.uuid) {
            (Some(planned), Some(found)) => planned == found,
            _ => self.started_at.is_none() || found.started_at.is_none() || self.started_at == found.started_at,
        };
        match (is_same, found.state) {
            (false, _) => Standing::Replaced,
            (true, Some(State::InProgress)) => Standing::Running,
            (true, _) => Standing::Same,
        }
    }
}

#[cfg(test)]
mod tests;
