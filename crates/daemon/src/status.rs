//! How everything stands: one shape for `/status.json` and the page.

use jiff::Timestamp;
use serde::Serialize;
use snapkeep_core::Failure;
use snapkeep_core::plan::Newest;
use snapkeep_core::snapshot::Progress;
use std::collections::BTreeMap;

/// How everything stands. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// 1.
    pub schema: u32,
    /// The program's version.
    pub version: String,
    /// What time it is.
    pub now: Timestamp,
    /// Since when the daemon runs.
    pub started_at: Timestamp,
    /// Whether it was told to stop: nothing is begun any more.
    pub stopping: bool,
    /// What it runs by.
    pub configuration: ConfigurationStatus,
    /// When the clusters were last looked at; `None` before the first look has ended.
    pub looked_at: Option<Timestamp>,
    /// Each cluster of the policies by name, and why it could not be asked, if it could not.
    pub clusters: BTreeMap<String, Option<Failure>>,
    /// Why a repository could not be listed, by `cluster/repository`; none where all could.
    pub repositories: BTreeMap<String, Failure>,
    /// Each policy on each of its clusters, by policy and cluster.
    pub policies: Vec<PolicyStatus>,
    /// The snapshots that run in the repositories of the policies, whoever began them.
    pub running: Vec<RunningStatus>,
}

/// What the daemon runs by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConfigurationStatus {
    /// What it is called, such as its path.
    pub name: String,
    /// When it was read.
    pub read_at: Timestamp,
    /// A later one that was not taken, since it is not valid.
    pub refused: Option<Refused>,
}

/// A configuration that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// What is wrong with it.
    pub failure: Failure,
}

/// One word for how a policy stands on a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It has not been looked at.
    Unknown,
    /// It has what it promises.
    Good,
    /// One of its snapshots runs.
    Running,
    /// Its last run has failed in something, or its last drill did not pass.
    Failing,
    /// Its newest good snapshot is too old, or missing.
    Stale,
}

impl Standing {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "good",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Stale => "stale",
        }
    }
}

/// How a policy stands on one of its clusters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyStatus {
    /// The policy's name.
    pub policy: String,
    /// The cluster's name.
    pub cluster: String,
    /// The repository's name.
    pub repository: String,
    /// How it stands, in a word.
    pub standing: Standing,
    /// When it is due; `None` if it only keeps and deletes.
    pub schedule: Option<ScheduleStatus>,
    /// The newest good one of its own snapshots, and when it began by the server's clock.
    pub last_good: Option<Newest>,
    /// The slot that is due.
    pub slot: Option<Timestamp>,
    /// The slot after that.
    pub next_slot: Option<Timestamp>,
    /// Whether the newest good snapshot is too old, or missing.
    pub stale: bool,
    /// How many snapshots it has, adopted ones included; `None` before it was seen.
    pub snapshots: Option<usize>,
    /// How many of its own are good.
    pub good: Option<usize>,
    /// Whether it may delete without a yes.
    pub confirmed: bool,
    /// Whether a run of it is under way.
    pub run_under_way: bool,
    /// What the last run did.
    pub last_run: Option<LastRun>,
    /// How its restore is practised; `None` if it is not.
    pub drill: Option<Practice>,
    /// Its last drill that has ended, whoever did it.
    pub last_drill: Option<DrillStatus>,
    /// What the next run would do with what exists now; `None` before it was seen.
    pub next: Option<Preview>,
}

/// When a policy is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduleStatus {
    /// As the configuration says it.
    pub text: String,
    /// The time zone whose local times it names.
    pub timezone: String,
}

/// What a run did for a policy on a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// When it began, by our clock.
    pub started_at: Timestamp,
    /// When it ended, by our clock.
    pub finished_at: Timestamp,
    /// Snapshots that were taken, or found begun, and have ended.
    pub created: Vec<String>,
    /// Snapshots that were begun, or found, and still run.
    pub pending: Vec<String>,
    /// How many snapshots were deleted.
    pub deleted: usize,
    /// What failed.
    pub failures: Vec<Failure>,
    /// What to know although nothing failed.
    pub warnings: Vec<String>,
}

/// How a policy's restore is practised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Practice {
    /// When a drill is due; `None` if they are made when asked for.
    pub schedule: Option<ScheduleStatus>,
}

/// What came of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DrillStatus {
    /// The snapshot that was restored; `None` if there was no good one.
    pub snapshot: Option<String>,
    /// When it began, by the server's clock.
    pub began_at: Timestamp,
    /// Why it did not pass; `None` if it did.
    pub failure: Option<Failure>,
}

/// What the next run would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The moment that it was planned for: the next slot, or now where there is none.
    pub at: Timestamp,
    /// Snapshots to take.
    pub creates: Vec<String>,
    /// Snapshots to delete.
    pub deletes: Vec<ToDelete>,
    /// What might be expected and would not be done.
    pub not_done: Vec<NotDone>,
}

/// A snapshot that would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToDelete {
    /// Its name.
    pub snapshot: String,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// Not without a yes: the policy has never deleted.
    pub unconfirmed: bool,
}

/// Something that would not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotDone {
    /// The snapshot that it is about, if it has a name.
    pub snapshot: Option<String>,
    /// Why not, in words.
    pub why: String,
}

/// A snapshot that runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunningStatus {
    /// The cluster's name.
    pub cluster: String,
    /// The repository's name.
    pub repository: String,
    /// The snapshot's name.
    pub snapshot: String,
    /// When it began, by the server's clock.
    pub started_at: Option<Timestamp>,
    /// How far it is; `None` if the cluster does not say.
    pub progress: Option<Progress>,
    /// What holds it up, if anything does.
    pub diagnosis: Option<String>,
}
