//! What came of a restore: expected shards against those that serve.

use crate::failure::line;
use crate::snapshot::{Counted, Progress, ShardAt, ShardStages};
use serde::Serialize;
use std::collections::BTreeMap;

/// Most unfinished shards that are kept of a look.
const UNFINISHED_KEPT: usize = 50;

/// Most shards that are named in one sentence.
const NAMED: usize = 3;

/// One primary shard, as the cluster's routing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its index.
    pub index: String,
    /// Its number.
    pub shard: u64,
    /// How far it is.
    pub stage: Stage,
    /// The id of the node that it is on.
    pub node: Option<String>,
    /// Why it does not serve, as far as that is told. One line.
    pub reason: Option<String>,
}

/// How far a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for a node.
    Waiting,
    /// A node has tried and failed.
    Failed,
    /// It is being copied.
    Copying,
    /// It serves.
    Started,
}

/// One look at the primary shards of what is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// The shards.
    pub shards: Vec<Piece>,
    /// Bytes to copy and copied, of shards that have begun.
    pub bytes: Counted,
    /// Files, likewise.
    pub files: Counted,
}

/// A shard that does not serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Its index.
    pub index: String,
    /// Its number; `None` if the whole index is not there.
    pub shard: Option<u64>,
    /// Why, one line.
    pub reason: String,
}

impl Missing {
    /// The reason where the shard itself tells none: the allocation's own explanation may.
    pub const NO_NODE: &str = "no node has it";
}

/// What there is in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Primary shards that there should be.
    pub expected: u64,
    /// Those that serve.
    pub started: u64,
    /// Those that do not.
    pub missing: Vec<Missing>,
}

impl Pieces {
    /// Whether every shard serves.
    pub fn all_started(&self, indices: &[String]) -> bool {
        self.truth(indices).missing.is_empty()
    }

    /// Whether nothing is being copied or waits for a node: what has failed stays so.
    pub fn all_settled(&self) -> bool {
        self.shards.iter().all(|piece| matches!(piece.stage, Stage::Started | Stage::Failed))
    }

    /// How far it is, in the words in which snapshots' progress is told.
    pub fn progress(&self) -> Progress {
        let count =
            |stage| u64::try_from(self.shards.iter().filter(|piece| piece.stage == stage).count()).unwrap_or(u64::MAX);
        let stages = ShardStages {
            initializing: count(Stage::Waiting),
            started: count(Stage::Copying),
            finalizing: 0,
            done: count(Stage::Started),
            failed: count(Stage::Failed),
            total: u64::try_from(self.shards.len()).unwrap_or(u64::MAX),
        };
        let unfinished = self.shards.iter().filter(|piece| piece.stage != Stage::Started).take(UNFINISHED_KEPT);
        Progress {
            state: "RESTORING".to_owned(),
            shards: stages,
            bytes: self.bytes,
            files: self.files,
            size_bytes: None,
            started_at: None,
            unfinished: unfinished.map(Piece::at).collect(),
        }
    }

    /// Expected against started shards of these indices.
    pub fn truth(&self, indices: &[String]) -> Truth {
        let mut of_index: BTreeMap<&str, Vec<&Piece>> =
            indices.iter().map(|index| (index.as_str(), Vec::new())).collect();
        for piece in &self.shards {
            if let Some(pieces) = of_index.get_mut(piece.index.as_str()) {
                pieces.push(piece);
            }
        }
        let mut truth = Truth::default();
        for (index, pieces) in of_index {
            if pieces.is_empty() {
                truth.expected += 1;
                let reason = "the index is not there".to_owned();
                truth.missing.push(Missing { index: index.to_owned(), shard: None, reason });
            }
            for piece in pieces {
                truth.expected += 1;
                match piece.stage {
                    Stage::Started => truth.started += 1,
                    _ => truth.missing.push(piece.missing()),
                }
            }
        }
        truth
    }

    /// What a restore that does not move waits for, and what can be done. One line.
    pub fn diagnosis(&self) -> String {
        let waiting: Vec<&Piece> = self.shards.iter().filter(|piece| piece.stage != Stage::Started).collect();
        let named: Vec<String> = waiting.iter().take(NAMED).map(|piece| piece.words()).collect();
        let more = if waiting.len() > NAMED { format!(" and {} more", waiting.len() - NAMED) } else { String::new() };
        line(&format!(
            "waiting for {}{more}: look at these nodes' logs and at their access to the repository (its storage may be slow or out of reach); it goes on by itself once they can read; deleting the new index ends its restore",
            named.join(", ")
        ))
    }
}

impl Piece {
    fn at(&self) -> ShardAt {
        ShardAt {
            index: self.index.clone(),
            shard: self.shard,
            stage: self.stage.word().to_owned(),
            node: self.node.clone(),
            reason: self.reason.clone(),
        }
    }

    fn missing(&self) -> Missing {
        let why = match self.stage {
            Stage::Copying => "it is still being copied",
            Stage::Waiting | Stage::Failed | Stage::Started => Missing::NO_NODE,
        };
        let reason = self.reason.clone().unwrap_or_else(|| why.to_owned());
        Missing { index: self.index.clone(), shard: Some(self.shard), reason }
    }

    fn words(&self) -> String {
        let place = self.node.as_ref().map_or_else(|| "no node".to_owned(), |node| format!("node {node}"));
        format!("[{}][{}] in stage {} on {place}", self.index, self.shard, self.stage.word())
    }
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "UNASSIGNED",
            Self::Failed => "FAILED",
            Self::Copying => "INITIALIZING",
            Self::Started => "STARTED",
        }
    }
}
