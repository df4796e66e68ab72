//! What a plan is made of.

use super::facts::Facts;
use super::skip::Skip;
use crate::ownership::{Foreign, Mark};
use crate::retention::Reason;
use crate::selection::{self, Named};
use crate::snapshot::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a policy acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The cluster's name.
    pub cluster: String,
    /// The repository's name.
    pub repository: String,
    /// The policy's name.
    pub policy: String,
}

/// How a policy stands on one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The slot that is due.
    pub slot: Option<Timestamp>,
    /// The slot after that.
    pub next_slot: Option<Timestamp>,
    /// The newest good one of its own snapshots; one that it adopted is none.
    pub newest_success: Option<Newest>,
    /// Whether that is too long ago, or missing.
    pub stale: bool,
    /// Its snapshots that run.
    pub running: Vec<String>,
    /// Those of them that run for longer than `max_duration`.
    pub overdue: Vec<String>,
    /// How many snapshots its retention looks at, adopted ones included.
    pub snapshots: usize,
    /// How many of its own are good.
    pub good: usize,
    /// Whether it may delete without a yes.
    pub confirmed: bool,
    /// What the rest rests on; no part of what is written down.
    #[serde(skip)]
    pub facts: Facts,
}

/// A snapshot and when it began, by the server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// Its name.
    pub snapshot: String,
    /// When it began.
    pub started_at: Timestamp,
}

/// One act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Take a snapshot.
    Create(Create),
    /// Delete one.
    Delete(Delete),
}

impl Step {
    /// The snapshot's name.
    pub fn snapshot(&self) -> &str {
        match self {
            Self::Create(create) => &create.snapshot,
            Self::Delete(delete) => &delete.snapshot,
        }
    }

    /// Where.
    pub fn place(&self) -> &Place {
        match self {
            Self::Create(create) => &create.place,
            Self::Delete(delete) => &delete.place,
        }
    }
}

/// A snapshot to take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Create {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Its name.
    pub snapshot: String,
    /// The slot that it is for.
    pub slot: Timestamp,
    /// Which attempt at that slot, from 1.
    pub attempt: u32,
    /// Explicit names of indices and data streams, sorted; never empty, never a wildcard.
    pub indices: Vec<String>,
    /// Whether shards that are not there may be left out.
    pub partial: bool,
    /// Whether the cluster's state goes in.
    pub include_global_state: bool,
    /// The user's metadata; the mark is added by [`Create::metadata`].
    pub user_metadata: Map<String, Value>,
    /// What it rests on.
    pub guard: CreateGuard,
    /// Why now.
    pub reasons: Vec<Due>,
    /// Why each name is in, and why others are not.
    pub chosen: Vec<Named>,
    /// What is left out, and why.
    pub left_out: Vec<Named>,
}

impl Create {
    /// What is left out only because it is closed.
    pub fn closed(&self) -> Vec<&str> {
        let closed = self.left_out.iter().filter(|named| named.reason == selection::Reason::Closed);
        closed.map(|named| named.name.as_str()).collect()
    }

    /// The metadata to create it with, in the `run` of that id (at most 36 bytes); `yes` if somebody has seen this
    /// run's plan and said so, whether it holds deletions yet or not.
    pub fn metadata(&self, run: &str, yes: bool) -> Map<String, Value> {
        let confirmed = self.guard.confirmed || yes;
        Mark { policy: &self.place.policy, slot: self.slot, confirmed }.write(run, &self.user_metadata)
    }
}

/// The facts that a creation rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateGuard {
    /// It must begin before this moment.
    pub begin_before: Timestamp,
    /// Whether nothing else may run on the cluster: its version takes one at a time.
    pub alone: bool,
    /// Whether the policy's retention has been confirmed, so that the mark says so.
    pub confirmed: bool,
}

/// Why a snapshot is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "due", rename_all = "snake_case")]
pub enum Due {
    /// The slot has no snapshot.
    Slot {
        /// For how long it has been due.
        late_seconds: i64,
    },
    /// The slot's last attempt was not successful.
    Retry {
        /// That attempt.
        after: String,
        /// Its state.
        state: State,
    },
}

/// A snapshot to delete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delete {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Its name.
    pub snapshot: String,
    /// What it rests on.
    pub guard: DeleteGuard,
    /// Why it goes.
    pub reasons: Vec<Reason>,
    /// The policy's deletions were never confirmed: to be carried out only with a yes.
    pub unconfirmed: bool,
}

/// The facts that a deletion rests on: what it was when it was seen. Beyond these, no fact may have come up by which
/// it would stay: see [`crate::invariants`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteGuard {
    /// The server's id for it: another snapshot of the same name has another.
    pub uuid: Option<String>,
    /// Its state; never `IN_PROGRESS`.
    pub state: State,
    /// When it began, by the server's clock.
    pub started_at: Timestamp,
}

/// A snapshot that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The cluster's name.
    pub cluster: String,
    /// The repository's name.
    pub repository: String,
    /// The policy's name; none if it is no policy's.
    pub policy: Option<String>,
    /// Its name.
    pub snapshot: String,
    /// Why it stays.
    pub reasons: Vec<Why>,
}

/// Why a snapshot stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Why {
    /// By the policy's rules.
    Rule(Reason),
    /// It is no policy's.
    Foreign(Foreign),
}

/// What might be expected of a policy and is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The snapshot that is not taken or not deleted, if it has a name.
    pub snapshot: Option<String>,
    /// Why not.
    #[serde(flatten)]
    pub why: Skip,
    /// Why it would have been deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}
