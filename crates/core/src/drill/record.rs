//! What is left of a drill.

use super::{Checked, Said};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The index of the records, on the cluster that took the snapshot.
pub const INDEX: &str = ".snapkeep-drills";

/// Version of the record's shape; keys are only ever added.
pub const SCHEMA: u32 = 1;

/// How long runs go on looking for what a drill asked for that did not pass.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// One drill: written before its first request, and again when it has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Eight hexadecimal digits: the drill's id, which its indices carry.
    pub id: String,
    /// The policy's name.
    pub policy: String,
    /// The cluster that took the snapshot, by its name in the configuration.
    pub cluster: String,
    /// The cluster that it was restored to.
    pub on: String,
    /// The repository's name on that cluster.
    pub on_repository: String,
    /// The slot; `None` if somebody asked for the drill.
    pub slot: Option<Timestamp>,
    /// Which attempt at the slot this is, from 1.
    pub attempt: u32,
    /// The snapshot; `None` if there was no good one.
    pub snapshot: Option<String>,
    /// When the snapshot began, by the server's clock.
    pub snapshot_began_at: Option<Timestamp>,
    /// How it ended, or that it has not.
    pub outcome: Outcome,
    /// When it began. This and all further times are the server's that took the snapshot.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// While it runs: who drills says anew before this time that he still does. After it the drill counts as killed.
    pub alive_until: Timestamp,
    /// What it restored.
    pub items: Vec<Drilled>,
    /// What the snapshot holds and this drill left for others, by count.
    pub left_for_others: u64,
    /// What no drill can look at: each is larger than one may restore.
    #[serde(default)]
    pub too_large: Vec<String>,
    /// Primary shards that should serve.
    pub expected_shards: u64,
    /// Those that served.
    pub started_shards: u64,
    /// Seconds from the first request to the restore until all served, the measured recovery time.
    pub recovery_time_s: Option<f64>,
    /// Seconds from the snapshot's start to the drill's: the age of the recovery point.
    pub recovery_point_age_s: Option<i64>,
    /// What the checks said.
    pub checks: Vec<Checked>,
    /// Why it did not pass, each in one line.
    pub causes: Vec<String>,
    /// Whether everything that it made is gone.
    pub removed: bool,
}

/// How a drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It runs, or was killed: the time until which it is alive tells.
    Running,
    /// Everything came back, and every check that was asked holds.
    Passed,
    /// It did not come back, or a check fails.
    Failed,
    /// It was killed; what it made was removed by a later run.
    Interrupted,
}

/// One index or data stream that a drill restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drilled {
    /// Its name in the snapshot.
    pub source: String,
    /// The name that it got.
    pub target: String,
    /// Whether it is a data stream.
    pub data_stream: bool,
    /// The indices that it is made of; for an index itself.
    pub parts: Vec<Part>,
    /// Its bytes, without replicas.
    pub bytes: Option<u64>,
    /// Its documents; `None` if they could not be counted.
    pub documents: Option<u64>,
}

/// One index that a drill made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// The server's id for it, as soon as it is known.
    pub uuid: Option<String>,
}

impl Record {
    /// Each index that it made or was about to make, with what it is a part of.
    pub fn made(&self) -> impl Iterator<Item = (&Drilled, &Part)> {
        self.items.iter().flat_map(|drilled| drilled.parts.iter().map(move |part| (drilled, part)))
    }

    /// Whether it was killed: it has not ended, and who drills has not spoken in time.
    pub fn was_killed(&self, now: Timestamp) -> bool {
        self.outcome == Outcome::Running && now > self.alive_until
    }

    /// Whether a later run has something to clean up.
    pub fn is_unfinished(&self, now: Timestamp) -> bool {
        self.was_killed(now) || (self.outcome != Outcome::Running && !self.removed)
    }

    /// Whether something that it asked for may still come, although all that was there is removed: a request whose sender was
    /// killed, or whose answer was lost, may wait in the server for longer than the drill counts as alive.
    pub fn may_come_late(&self, now: Timestamp) -> bool {
        let is_over = matches!(self.outcome, Outcome::Failed | Outcome::Interrupted) && self.removed;
        is_over && now.duration_since(self.alive_until) < LATE
    }

    /// Bytes of all that it restored, as far as they are known.
    pub fn bytes(&self) -> u64 {
        self.items.iter().filter_map(|item| item.bytes).sum()
    }

    /// Ends it: passed if there is no cause against it and no check fails.
    pub fn end(&mut self, now: Timestamp) {
        let failing = self.checks.iter().filter(|checked| checked.said == Said::Fails);
        let failing: Vec<String> = failing.map(Checked::complaint).collect();
        self.causes.extend(failing);
        self.outcome = if self.causes.is_empty() { Outcome::Passed } else { Outcome::Failed };
        self.ended_at = Some(now);
    }
}

impl Checked {
    fn complaint(&self) -> String {
        let found = self.found.map(|found| format!("found {found}")).or_else(|| self.why.clone()).unwrap_or_default();
        format!("{}: {}: {found}", self.index, self.what)
    }
}
