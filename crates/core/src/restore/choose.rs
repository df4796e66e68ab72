//! Which snapshot is meant by `latest`, or by a time.

use crate::naming::{SlotName, SnapshotName, prefix};
use crate::ownership::Mark;
use crate::select::Filter;
use crate::snapshot::{Snapshot, State};
use crate::{Code, Failure};
use jiff::Timestamp;

/// How the snapshot is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// By its name, whatever its state.
    Named(SnapshotName),
    /// The newest SUCCESS.
    Latest,
    /// The newest SUCCESS that began at that time or before.
    At(Timestamp),
}

/// Among which snapshots `latest` and a time choose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Among {
    /// Only this policy's: by its mark in the metadata, and, where there is none, by the whole name.
    pub policy: Option<String>,
    /// Only those that this admits.
    pub filter: Filter,
}

/// The snapshot that is meant.
pub fn choose<'a>(snapshots: &'a [Snapshot], choice: &Choice, among: &Among) -> Result<&'a Snapshot, Failure> {
    if let Choice::Named(name) = choice {
        let found = snapshots.iter().find(|snapshot| snapshot.name == name.as_str());
        return found.ok_or_else(|| {
            let hint = "`list` shows the snapshots that there are";
            Failure::new(Code::SnapshotMissing, format!("there is no snapshot {name}"), hint)
        });
    }
    let good = snapshots.iter().filter(|snapshot| snapshot.state == Some(State::Success) && among.admits(snapshot));
    let in_time = good.filter(|snapshot| match choice {
        Choice::At(time) => snapshot.started_at.is_some_and(|began| began <= *time),
        Choice::Latest | Choice::Named(_) => snapshot.started_at.is_some(),
    });
    in_time.max_by(|a, b| (a.started_at, &a.name).cmp(&(b.started_at, &b.name))).ok_or_else(|| none(choice, among))
}

fn none(choice: &Choice, among: &Among) -> Failure {
    let of = among.policy.as_ref().map(|policy| format!(" of policy {policy}")).unwrap_or_default();
    let until = if let Choice::At(time) = choice { format!(" begun by {time}") } else { String::new() };
    Failure::new(
        Code::SnapshotMissing,
        format!("there is no SUCCESS{of}{until} among the snapshots that fit"),
        "`list` shows the snapshots that there are, with their states and ages",
    )
}

impl Among {
    /// Whether the snapshot is among them. Filters by age are not asked here: times are [`Choice::At`]'s.
    pub fn admits(&self, snapshot: &Snapshot) -> bool {
        let is_policys = self.policy.as_ref().is_none_or(|policy| is_of(policy, snapshot));
        is_policys && self.filter.admits(snapshot, Timestamp::MAX)
    }
}

fn is_of(policy: &str, snapshot: &Snapshot) -> bool {
    match Mark::read(snapshot) {
        Some(mark) => mark.policy == policy,
        None => SlotName::parse(&snapshot.name).is_some_and(|name| name.prefix == prefix(policy)),
    }
}
