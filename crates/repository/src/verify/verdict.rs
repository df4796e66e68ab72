//! From findings to what can be restored, and to the verdict on the whole. Pure.

use super::finding::{Effect, Finding, Kind};
use super::root::RootSnapshot;
use serde::Serialize;
use snapkeep_core::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet};

/// A shard, as people say it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ShardName {
    /// The index's name.
    pub index: String,
    /// The shard's number.
    pub shard: u32,
}

/// Whether a snapshot can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restores {
    /// All that it says it holds.
    Whole,
    /// All but some indices, shards or the cluster's state.
    Without,
    /// Nothing of it.
    Not,
    /// Not known: some of it could not be read.
    Unknown,
    /// Not by what is in this repository: its data is in a remote store.
    Elsewhere,
}

/// What can be restored of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotVerdict {
    /// Its name.
    pub snapshot: String,
    /// Its UUID.
    pub uuid: String,
    /// Its own word on its state.
    pub state: Option<String>,
    /// Whether it can be restored.
    pub restores: Restores,
    /// Indices that it would be restored without.
    pub without_indices: Vec<String>,
    /// Shards that it would be restored without.
    pub without_shards: Vec<ShardName>,
    /// Whether it would be restored without the cluster's state.
    pub without_global_state: bool,
    /// Shards that it never held, by its own word.
    pub never_held: Vec<ShardName>,
}

/// The verdict on all that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is wrong.
    Whole,
    /// Something is damaged.
    Damaged,
    /// Something could not be read, and what could be is sound.
    Unread,
    /// The repository changed meanwhile: what was seen may be half of each.
    Inconclusive,
}

/// What hurts one snapshot.
#[derive(Default)]
struct Hurt {
    effects: BTreeSet<Effect>,
    elsewhere: bool,
    indices: BTreeSet<String>,
    shards: BTreeSet<ShardName>,
}

impl Hurt {
    fn take(&mut self, finding: &Finding) {
        self.effects.insert(finding.effect);
        match (finding.effect, &finding.index, finding.shard) {
            (Effect::Index, Some(index), _) => drop(self.indices.insert(index.clone())),
            (Effect::Shard, Some(index), Some(shard)) => {
                self.shards.insert(ShardName { index: index.clone(), shard });
            }
            (Effect::Nothing, ..) if finding.kind == Kind::Elsewhere => self.elsewhere = true,
            _ => {}
        }
    }

    fn has(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }

    fn restores(&self) -> Restores {
        if self.has(Effect::Snapshot) {
            Restores::Not
        } else if self.elsewhere {
            Restores::Elsewhere
        } else if [Effect::GlobalState, Effect::Index, Effect::Shard].into_iter().any(|effect| self.has(effect)) {
            Restores::Without
        } else if self.has(Effect::Unknown) {
            Restores::Unknown
        } else {
            Restores::Whole
        }
    }
}

/// What can be restored of each snapshot.
pub fn of_snapshots(snapshots: &[RootSnapshot], findings: &[Finding]) -> Vec<SnapshotVerdict> {
    let mut hurts: BTreeMap<&str, Hurt> = BTreeMap::new();
    for finding in findings {
        for snapshot in &finding.snapshots {
            hurts.entry(snapshot).or_default().take(finding);
        }
    }
    let none = Hurt::default();
    snapshots.iter().map(|snapshot| verdict(snapshot, hurts.get(&*snapshot.named.name).unwrap_or(&none))).collect()
}

fn verdict(snapshot: &RootSnapshot, hurt: &Hurt) -> SnapshotVerdict {
    let info = snapshot.info.as_ref().ok();
    let failures = info.iter().flat_map(|info| &info.failures);
    let mut never_held: Vec<ShardName> =
        failures.map(|failure| ShardName { index: failure.index.clone(), shard: failure.shard }).collect();
    never_held.sort();
    SnapshotVerdict {
        snapshot: snapshot.named.name.clone(),
        uuid: snapshot.named.uuid.clone(),
        state: info.map(|info| info.state.clone()),
        restores: hurt.restores(),
        without_indices: hurt.indices.iter().cloned().collect(),
        // Those of indices that are gone as a whole are not told one by one.
        without_shards: hurt.shards.iter().filter(|shard| !hurt.indices.contains(&shard.index)).cloned().collect(),
        without_global_state: hurt.has(Effect::GlobalState),
        never_held,
    }
}

/// The verdict on the whole.
pub fn outcome(findings: &[Finding], moved: bool) -> Outcome {
    let has = |what: fn(Effect) -> bool| findings.iter().any(|finding| what(finding.effect));
    if moved {
        Outcome::Inconclusive
    } else if has(Effect::is_damage) {
        Outcome::Damaged
    } else if has(|effect| effect == Effect::Unknown) {
        Outcome::Unread
    } else {
        Outcome::Whole
    }
}

/// The failure that a command ends with, if any; `generation` is the one that was read.
pub fn failure(
    outcome: Outcome,
    generation: &str,
    findings: &[Finding],
    verdicts: &[SnapshotVerdict],
) -> Option<Failure> {
    let damaged = findings.iter().filter(|finding| finding.effect.is_damage()).count();
    let whole = verdicts.iter().filter(|verdict| verdict.restores == Restores::Whole).count();
    let of = format!("{whole} of {} snapshots are whole", verdicts.len());
    match outcome {
        Outcome::Whole => None,
        Outcome::Damaged => Some(Failure::new(
            Code::DamageFound,
            format!("generation {generation} is damaged ({damaged} findings); {of}"),
            "take a new snapshot now if the cluster still lives; bring blobs back from a copy or older versions of the bucket",
        )),
        Outcome::Unread => {
            let first = findings.iter().find(|finding| finding.effect == Effect::Unknown);
            let why = first.map(|finding| finding.detail.clone()).unwrap_or_default();
            let code = if why.contains("access") { Code::AccessDenied } else { Code::Inconclusive };
            let cause = format!(
                "some blobs of generation {generation} could not be read, so that nothing is known of them: {why}"
            );
            Some(Failure::new(code, cause, "the blobs may well be there: mend the access, then run it again"))
        }
        Outcome::Inconclusive => Some(Failure::new(
            Code::Inconclusive,
            format!("the repository changed while generation {generation} was read: no verdict"),
            "run it again while no snapshot is taken or deleted, or with --resume, which keeps nothing of the old generation",
        )),
    }
}
