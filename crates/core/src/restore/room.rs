//! Whether there is room: disk by tier, and shards.

use super::{Action, Item, Problem, Request};
use crate::Code;
use serde::Serialize;
use serde_json::Value;

/// The data nodes of one tier together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tier {
    /// `data` for nodes that take all, else `hot`, `content`, `warm`, `cold`, `frozen`, ….
    pub name: String,
    /// Its nodes.
    pub nodes: u64,
    /// Bytes of their disks.
    pub total_bytes: u64,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// Bytes that may be used before the low watermark, above which a node gets no more shards.
    pub usable_bytes: u64,
    /// Whether restored indices go there unless their settings say otherwise.
    pub takes_restores: bool,
}

/// Shards of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ShardRoom {
    /// Those of open indices, with replicas.
    pub open: u64,
    /// Most that there may be: `cluster.max_shards_per_node` of each data node.
    pub limit: u64,
}

/// What is needed against what there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Bytes to write, with replicas where their number is set; `None` if sizes are not known.
    pub needed_bytes: Option<u64>,
    /// Shards to make, likewise; those of an index that is replaced take the place of its own.
    pub needed_shards: Option<u64>,
    /// Replicas that are set; `None` if the indices' own settings decide, so that what is needed is what is needed at least.
    pub replicas: Option<u64>,
    /// The data nodes by tier.
    pub tiers: Vec<Tier>,
    /// Shards, if there is a limit.
    pub shards: Option<ShardRoom>,
}

pub(super) fn room(items: &[Item], facts: &super::Facts, request: &Request) -> Room {
    let replicas = replicas(request);
    let copies = replicas.unwrap_or(0).saturating_add(1);
    let sum = |counts: fn(Action) -> bool, of: fn(&Item) -> Option<u64>| -> Option<u64> {
        let each: Option<Vec<u64>> = items.iter().filter(|item| counts(item.action)).map(of).collect();
        Some(each?.into_iter().fold(0, u64::saturating_add).saturating_mul(copies))
    };
    Room {
        needed_bytes: sum(Action::is_sent, |item| item.bytes),
        needed_shards: sum(|action| action == Action::Restore, |item| item.shards),
        replicas,
        tiers: facts.tiers.clone(),
        shards: facts.shards,
    }
}

fn replicas(request: &Request) -> Option<u64> {
    let set = ["index.number_of_replicas", "number_of_replicas"].iter().find_map(|key| request.settings.get(*key))?;
    match set {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

impl Room {
    /// Bytes that restored indices may use; `None` if that is not known.
    pub fn usable_bytes(&self) -> Option<u64> {
        let takers: Vec<u64> =
            self.tiers.iter().filter(|tier| tier.takes_restores).map(|tier| tier.usable_bytes).collect();
        (!takers.is_empty()).then(|| takers.into_iter().fold(0, u64::saturating_add))
    }

    pub(super) fn problems(&self, request: &Request) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let (Some(needed), Some(usable), false) = (self.needed_bytes, self.usable_bytes(), request.ignore_disk)
            && needed > usable
        {
            problems.push(Problem::new(
                Code::RestoreConflict,
                format!("{needed} bytes are needed{}, and the disks take {usable} more before their low watermark", self.at_least()),
                "make room, add nodes, restore fewer indices or without replicas (--set index.number_of_replicas=0); --ignore-disk goes on all the same",
            ));
        }
        if let (Some(needed), Some(shards)) = (self.needed_shards, self.shards)
            && needed > 0
            && shards.open.saturating_add(needed) > shards.limit
        {
            problems.push(Problem::new(
                Code::RestoreConflict,
                format!(
                    "{needed} shards are needed{}, {} are there, and the cluster takes {} (cluster.max_shards_per_node)",
                    self.at_least(),
                    shards.open,
                    shards.limit
                ),
                "restore fewer indices or without replicas, close indices that are not needed, or raise cluster.max_shards_per_node",
            ));
        }
        problems
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.needed_bytes.is_none() {
            warnings.push("sizes are not known: whether the disks have room was not checked".to_owned());
        } else if self.usable_bytes().is_none() {
            warnings.push("the nodes' disks are not known: whether they have room was not checked".to_owned());
        }
        warnings
    }

    fn at_least(&self) -> &'static str {
        if self.replicas.is_none() { " at least, without replicas" } else { "" }
    }
}
