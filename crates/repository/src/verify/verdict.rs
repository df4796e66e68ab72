//! From findings to what can be restored, and to the verdict on the whole. Pure.

use super::choice::Choice;
use super::finding::{Effect, Finding, Kind};
use super::root::RootSnapshot;
use serde::Serialize;
use snapkeep_core::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
    /// All that it was to hold.
    Whole,
    /// Not all that it was to hold, by its own word; nothing else is wrong in what was looked at, be that all of it or not.
    Partial,
    /// Nothing wrong was found, but not all of it was looked at.
    NothingFound,
    /// All but some indices, shards or the cluster's state.
    Without,
    /// Nothing of it: its root is damaged, or it failed when it was taken, which no server restores.
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
    /// Nothing is wrong, and everything was looked at.
    Whole,
    /// Nothing wrong was found, but not everything was looked at, or some of it is in a remote store.
    NothingFound,
    /// Something is damaged.
    Damaged,
    /// Something could not be read, and what could be is sound.
    Unread,
    /// Nothing wrong was found, but the data of all snapshots is in a remote store, where nobody looked.
    Elsewhere,
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

    /// What the findings leave of a snapshot that is `otherwise` like that.
    fn restores(&self, otherwise: Restores) -> Restores {
        if self.has(Effect::Snapshot) || otherwise == Restores::Not {
            Restores::Not
        } else if self.elsewhere {
            Restores::Elsewhere
        } else if [Effect::GlobalState, Effect::Index, Effect::Shard].into_iter().any(|effect| self.has(effect)) {
            Restores::Without
        } else if self.has(Effect::Unknown) {
            Restores::Unknown
        } else {
            otherwise
        }
    }
}

/// What can be restored of each snapshot.
pub fn of_snapshots(snapshots: &[RootSnapshot], findings: &[Finding], choice: &Choice) -> Vec<SnapshotVerdict> {
    let mut hurts: BTreeMap<&str, Hurt> = BTreeMap::new();
    // Of a shard that lost many blobs, most hurt the same snapshots in the same way.
    let mut taken = HashSet::new();
    for finding in findings {
        let way = (finding.effect, finding.kind == Kind::Elsewhere, finding.index.as_deref(), finding.shard);
        if !taken.insert((way, finding.snapshots.address())) {
            continue;
        }
        for snapshot in finding.snapshots.iter() {
            hurts.entry(snapshot).or_default().take(finding);
        }
    }
    let none = Hurt::default();
    let hurt = |snapshot: &RootSnapshot| hurts.get(&*snapshot.named.name).unwrap_or(&none);
    snapshots.iter().map(|snapshot| verdict(snapshot, hurt(snapshot), choice)).collect()
}

/// What can be restored of a snapshot to which nothing happened since it was taken.
fn unhurt(snapshot: &RootSnapshot, choice: &Choice) -> Restores {
    let info = snapshot.info.as_ref().ok();
    match info.map(|info| info.state.as_str()) {
        Some("SUCCESS") | None if !choice.is_whole_snapshots() => Restores::NothingFound,
        Some("SUCCESS") if info.is_some_and(|info| !info.failures.is_empty()) => Restores::Partial,
        Some("SUCCESS") | None => Restores::Whole,
        Some("PARTIAL") => Restores::Partial,
        Some(_) => Restores::Not,
    }
}

fn verdict(snapshot: &RootSnapshot, hurt: &Hurt, choice: &Choice) -> SnapshotVerdict {
    let info = snapshot.info.as_ref().ok();
    let failures = info.iter().flat_map(|info| &info.failures);
    let mut never_held: Vec<ShardName> =
        failures.map(|failure| ShardName { index: failure.index.clone(), shard: failure.shard }).collect();
    never_held.sort();
    SnapshotVerdict {
        snapshot: snapshot.named.name.clone(),
        uuid: snapshot.named.uuid.clone(),
        state: info.map(|info| info.state.clone()),
        restores: hurt.restores(unhurt(snapshot, choice)),
        without_indices: hurt.indices.iter().cloned().collect(),
        // Those of indices that are gone as a whole are not told one by one.
        without_shards: hurt.shards.iter().filter(|shard| !hurt.indices.contains(&shard.index)).cloned().collect(),
        without_global_state: hurt.has(Effect::GlobalState),
        never_held,
    }
}

/// The verdict on the whole.
pub fn outcome(findings: &[Finding], verdicts: &[SnapshotVerdict], choice: &Choice, moved: bool) -> Outcome {
    let has = |what: fn(Effect) -> bool| findings.iter().any(|finding| what(finding.effect));
    let is_elsewhere = |verdict: &SnapshotVerdict| verdict.restores == Restores::Elsewhere;
    if moved {
        Outcome::Inconclusive
    } else if has(Effect::is_damage) {
        Outcome::Damaged
    } else if has(|effect| effect == Effect::Unknown) {
        Outcome::Unread
    } else if !verdicts.is_empty() && verdicts.iter().all(is_elsewhere) {
        Outcome::Elsewhere
    } else if choice.is_everything() && !verdicts.iter().any(is_elsewhere) {
        Outcome::Whole
    } else {
        Outcome::NothingFound
    }
}

/// The failure that a command ends with, if any; `generation` is the one that was read.
pub fn failure(
    outcome: Outcome,
    generation: &str,
    findings: &[Finding],
    verdicts: &[SnapshotVerdict],
) -> Option<Failure> {
    match outcome {
        Outcome::Whole | Outcome::NothingFound => None,
        Outcome::Damaged => Some(damaged(generation, findings, verdicts)),
        Outcome::Unread => Some(unread(generation, findings)),
        Outcome::Elsewhere => Some(Failure::new(
            Code::Unsupported,
            format!("the data of all {} snapshots of generation {generation} is in a remote store", verdicts.len()),
            "nothing here says whether they can be restored; a test restore can",
        )),
        Outcome::Inconclusive => Some(Failure::new(
            Code::Inconclusive,
            format!("the repository changed while generation {generation} was read: no verdict"),
            "run it again while no snapshot is taken or deleted, or with --resume, which keeps nothing of the old generation",
        )),
    }
}

fn damaged(generation: &str, findings: &[Finding], verdicts: &[SnapshotVerdict]) -> Failure {
    let damaged = findings.iter().filter(|finding| finding.effect.is_damage());
    let is_hurt = |verdict: &&SnapshotVerdict| matches!(verdict.restores, Restores::Without | Restores::Not);
    let hurt = verdicts.iter().filter(is_hurt).count();
    let frozen = damaged.clone().all(|finding| finding.kind == Kind::Archived);
    let hint = if frozen {
        "thaw what is archived before a restore; blobs that are thawed already are called archived where the store does not say it"
    } else {
        "take a new snapshot now if the cluster still lives; bring blobs back from a copy or older versions of the bucket"
    };
    let findings = match damaged.count() {
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let hurt = match hurt {
        0 => "none of the snapshots that it has is known to have lost anything".to_owned(),
        hurt => format!("{hurt} of {} snapshots cannot be restored whole", verdicts.len()),
    };
    let cause = format!("generation {generation} is damaged ({findings}); {hurt}");
    Failure::new(Code::DamageFound, cause, hint)
}

fn unread(generation: &str, findings: &[Finding]) -> Failure {
    let mut unknown = findings.iter().filter(|finding| finding.effect == Effect::Unknown);
    let is_denied = unknown.clone().find(|finding| finding.is_denied);
    let (code, hint) = match is_denied {
        Some(_) => (Code::AccessDenied, "the blobs may well be there: mend the access, then run it again"),
        None => (Code::Inconclusive, "the blobs may well be there: run it again"),
    };
    let why = is_denied.or_else(|| unknown.next()).map(|finding| finding.detail.as_str()).unwrap_or_default();
    let cause = format!("some of generation {generation} could not be read, so that nothing is known of it: {why}");
    Failure::new(code, cause, hint)
}
