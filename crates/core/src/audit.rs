//! What a policy promised over a time and what there is to show for it: recovery points, failures, gaps, drills.
//!
//! It rests on what is there: snapshots that are in the repository, and drills' records. A snapshot that retention has
//! deleted since tells nothing any more; a slot whose snapshot today's rules would have deleted is therefore `untold`
//! rather than missed, and so is one that lies before the policy's oldest snapshot.

mod drills;
mod points;
mod slots;

pub use drills::Drills;
pub use points::{Gap, Points};
pub use slots::Slots;

use crate::drill::Record;
use crate::naming::SlotName;
use crate::policy::Policy;
use crate::snapshot::{Snapshot, State};
use jiff::Timestamp;
use serde::Serialize;

/// The report. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audit {
    /// 1.
    pub schema: u32,
    /// The first moment of the time that it is about.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// When it was made.
    pub at: Timestamp,
    /// Each policy on each of its clusters.
    pub policies: Vec<PolicyAudit>,
    /// What could not be looked at: of that, nothing is said.
    pub unseen: Vec<Unseen>,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// The policy.
    pub policy: String,
    /// The cluster.
    pub cluster: String,
    /// What, and why, in one line.
    pub why: String,
}

/// One policy on one cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyAudit {
    /// The policy.
    pub policy: String,
    /// The cluster.
    pub cluster: String,
    /// The repository.
    pub repository: String,
    /// Its schedule, as it is written; `None` if it takes nothing by itself.
    pub schedule: Option<String>,
    /// The slots and what became of them.
    pub slots: Slots,
    /// The recovery points that there are.
    pub points: Points,
    /// Where slots in a row have no good snapshot.
    pub gaps: Vec<Gap>,
    /// Snapshots that ended FAILED or PARTIAL and are still listed.
    pub failures: Vec<Unsuccessful>,
    /// The drills.
    pub drills: Drills,
}

/// A snapshot that is no recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsuccessful {
    /// Its name.
    pub snapshot: String,
    /// How it ended.
    pub state: State,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// What the server says of it.
    pub why: Vec<String>,
}

/// Whether a promise was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// All of it; or nothing was promised.
    #[default]
    Yes,
    /// Nothing tells against it, but not all of it can be told any more.
    Untold,
    /// It was not.
    No,
}

impl Kept {
    fn of(is_broken: bool, untold: u64) -> Self {
        match (is_broken, untold) {
            (true, _) => Self::No,
            (false, 0) => Self::Yes,
            (false, _) => Self::Untold,
        }
    }
}

/// What one policy's part is made from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The cluster's name.
    pub cluster: &'a str,
    /// Whether that cluster's version keeps metadata.
    pub has_metadata: bool,
    /// All that is in the repository.
    pub snapshots: &'a [Snapshot],
    /// All records of that cluster.
    pub records: &'a [Record],
}

/// The time that a report is about, and when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// When the report is made.
    pub now: Timestamp,
}

impl Stretch {
    /// The end of what can have happened by now.
    pub(crate) fn end(&self) -> Timestamp {
        self.to.min(self.now)
    }

    fn holds(&self, at: Timestamp) -> bool {
        at >= self.from && at < self.to
    }
}

/// One of the policy's own snapshots, with its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) slot: Timestamp,
}

/// The part of the report that is about one policy on one cluster.
pub fn audit(evidence: &Evidence<'_>, stretch: &Stretch) -> PolicyAudit {
    let Evidence { policy, cluster, has_metadata, snapshots, .. } = *evidence;
    let own = |snapshot| {
        let SlotName { slot, .. } = policy.owns(snapshot, has_metadata).ok()?;
        Some(Owned { snapshot, slot })
    };
    let owned: Vec<Owned<'_>> = snapshots.iter().filter_map(own).collect();
    let told = slots::judge(policy, &owned, stretch);
    PolicyAudit {
        policy: policy.name.clone(),
        cluster: cluster.to_owned(),
        repository: policy.repository.as_str().to_owned(),
        schedule: policy.schedule.as_ref().map(|schedule| schedule.as_str().to_owned()),
        gaps: points::gaps(&told, &owned),
        slots: slots::count(policy, &told, stretch),
        points: points::points(&owned, stretch),
        failures: failures(&owned, stretch),
        drills: drills::of(evidence, stretch),
    }
}

fn failures(owned: &[Owned<'_>], stretch: &Stretch) -> Vec<Unsuccessful> {
    let bad = |owned: &Owned<'_>| {
        let snapshot = owned.snapshot;
        let state = snapshot.state.filter(|state| matches!(state, State::Failed | State::Partial))?;
        stretch.holds(snapshot.started_at.unwrap_or(owned.slot)).then(|| Unsuccessful {
            snapshot: snapshot.name.clone(),
            state,
            started_at: snapshot.started_at,
            why: snapshot.failures.clone(),
        })
    };
    let mut found: Vec<Unsuccessful> = owned.iter().filter_map(bad).collect();
    found.sort_by(|a, b| (a.started_at, &a.snapshot).cmp(&(b.started_at, &b.snapshot)));
    found
}

impl PolicyAudit {
    /// Whether its promises were kept, of recovery points and of drills: the worse of the two.
    pub fn kept(&self) -> Kept {
        self.slots.kept.max(self.drills.kept)
    }
}

#[cfg(test)]
mod tests;
