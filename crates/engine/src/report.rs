//! What happened.

use crate::register::InPlace;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use snapkeep_core::failure::line;
use snapkeep_core::snapshot::{Shards, Snapshot, State};

/// The answer's shape: version 1. Every key is always there; what is absent is null. Keys are only ever added.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// 1.
    pub schema: u32,
    /// What was asked for.
    pub action: &'static str,
    /// The repository's name.
    pub repository: String,
    /// How the registration ended.
    pub registration: Option<RegistrationOutcome>,
    /// Whether the nodes were seen to be able to use the repository; `None` without a registration.
    #[serde(skip)]
    pub verified: Option<bool>,
    /// The snapshot's name.
    pub snapshot: Option<String>,
    /// The server's id for it.
    pub uuid: Option<String>,
    /// How the creation ended.
    pub outcome: Option<Outcome>,
    /// The snapshot's state when it was last looked at.
    pub state: Option<State>,
    /// Its shards, once the server has counted them.
    pub shards: Option<Shards>,
    /// When it began, by the server's clock.
    pub started_at: Option<Timestamp>,
    /// What the operator should know although nothing failed.
    pub warnings: Vec<String>,
    /// The event that follows a snapshot which still runs.
    pub next: Option<Value>,
    /// Whether looking is allowed, so that a running snapshot can be followed.
    #[serde(skip)]
    pub may_look: bool,
    /// `list` only: newest first as far as times are known, else by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Vec<Snapshot>>,
}

/// How a registration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationOutcome {
    /// It was not there and is now.
    Created,
    /// It was there as asked for.
    Unchanged,
    /// It was there with other settings, which were replaced.
    Replaced,
    /// It was sent without a look before, because looking is not allowed.
    Unchecked,
}

/// How a creation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The server answered our request with yes.
    Created,
    /// Found by looking: begun by an earlier delivery, or by a request of ours whose answer was lost.
    Adopted,
}

impl Report {
    /// A report in which nothing has happened yet.
    pub(crate) fn new(action: &'static str, repository: &str) -> Self {
        Self {
            schema: 1,
            action,
            repository: repository.to_owned(),
            registration: None,
            verified: None,
            snapshot: None,
            uuid: None,
            outcome: None,
            state: None,
            shards: None,
            started_at: None,
            warnings: Vec::new(),
            next: None,
            may_look: true,
            snapshots: None,
        }
    }

    /// Takes over how the registration ended.
    pub(crate) fn registered(&mut self, found: InPlace) {
        (self.registration, self.verified) = (Some(found.outcome), Some(found.verified));
    }

    /// Takes over what is known of the snapshot.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot) {
        self.snapshot = Some(snapshot.name.clone());
        self.uuid.clone_from(&snapshot.uuid);
        self.state = snapshot.state;
        self.shards = snapshot.shards;
        self.started_at = snapshot.started_at;
    }
}

/// Warnings as they arise: logged at once, because a failure later on would swallow them.
#[derive(Debug, Default)]
pub struct Warnings(Vec<String>);

impl Warnings {
    /// Adds one, unless it has been said.
    pub fn add(&mut self, warning: impl AsRef<str>) {
        let warning = line(warning.as_ref());
        if !self.0.contains(&warning) {
            tracing::warn!("{warning}");
            self.0.push(warning);
        }
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}
