//! The cluster: one repository, snapshots that take their time, requests that arrive late; and the truth.

use crate::chance::Chance;
use crate::fault::{Fault, Faults};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use snapkeep_core::inventory::{Cluster, Inventory, Repository};
use snapkeep_core::selection::Index;
use snapkeep_core::snapshot::{Snapshot, State};
use std::collections::BTreeMap;

/// Where everything happens.
pub const CLUSTER: &str = "prod";
/// Where everything is kept.
pub const REPOSITORY: &str = "backups";
/// Longest time that a request is under way, in seconds. Snapshots take longer than that.
const LATEST: i64 = 40;

/// What the truth is judged by: a policy's own words.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// The policy's name.
    pub policy: &'static str,
    /// How many of the newest SUCCESS always stay.
    pub floor: usize,
    /// No SUCCESS goes that is younger.
    pub youngest: SignedDuration,
}

/// A write under way.
#[derive(Clone, Debug)]
pub enum Write {
    /// Take a snapshot.
    Create {
        /// Its name.
        name: String,
        /// The policy that wants it.
        policy: &'static str,
        /// The slot it is for.
        slot: Timestamp,
        /// Its metadata.
        metadata: Map<String, Value>,
    },
    /// Delete one.
    Delete {
        /// Its name.
        name: String,
        /// The policy that wants it gone.
        policy: &'static str,
    },
}

/// A snapshot and the truth about it.
#[derive(Clone, Debug)]
struct Truth {
    snapshot: Snapshot,
    /// The policy that took it, and for which slot; nobody's without.
    taker: Option<(&'static str, Timestamp)>,
    /// When it ends, and how.
    ends: (Timestamp, State),
}

/// What came back of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A yes.
    Accepted,
    /// A no: the name exists, or does not exist.
    Refused,
    /// Nothing.
    Lost,
}

/// The cluster.
#[derive(Debug)]
pub struct World {
    now: Timestamp,
    faults: Faults,
    promises: Vec<Promise>,
    snapshots: BTreeMap<String, Truth>,
    under_way: Vec<(Timestamp, Write)>,
    created: u64,
    /// Whether the manager answers no looks until then.
    restarts_until: Timestamp,
    /// What happened, a line each.
    pub history: Vec<String>,
    /// The first promise that was broken.
    pub broken: Option<String>,
}

impl World {
    /// A cluster with some snapshots of others, whose names are like those of policies.
    pub fn new(now: Timestamp, faults: Faults, promises: Vec<Promise>) -> Self {
        let mut world = Self {
            now,
            faults,
            promises,
            snapshots: BTreeMap::new(),
            under_way: Vec::new(),
            created: 0,
            restarts_until: now,
            history: Vec::new(),
            broken: None,
        };
        let long_ago = now - SignedDuration::from_hours(24 * 100);
        for name in ["nightly", "nightly-before-upgrade", "nightly-eu-20250101t030000z-copy", "manual-1"] {
            world.put(name.to_owned(), None, long_ago, Map::new(), State::Success);
        }
        world
    }

    /// Its clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    fn note(&mut self, what: &str) {
        self.history.push(format!("{} {what}", self.now));
    }

    /// Notes what somebody else did.
    pub fn notes(&mut self, what: &str) {
        self.note(what);
    }

    fn breaks(&mut self, promise: String) {
        self.note(&format!("BROKEN: {promise}"));
        self.broken.get_or_insert(promise);
    }

    /// Lets time pass: snapshots end, and what was under way arrives.
    pub fn pass(&mut self, seconds: i64, chance: &mut Chance) {
        self.now += SignedDuration::from_secs(seconds);
        if self.faults.has(Fault::Restarts) && chance.hits(1) {
            self.restart(chance);
        }
        let (arrived, under_way) =
            std::mem::take(&mut self.under_way).into_iter().partition::<Vec<_>, _>(|(at, _)| *at <= self.now);
        self.under_way = under_way;
        self.end_snapshots();
        for (_, write) in arrived {
            self.note(&format!("a late request arrives: {write:?}"));
            self.take_effect(write, chance);
        }
    }

    fn end_snapshots(&mut self) {
        let now = self.now;
        let ended = self.snapshots.values_mut().filter(|truth| truth.ends.0 <= now);
        for truth in ended.filter(|truth| truth.snapshot.state == Some(State::InProgress)) {
            truth.snapshot.state = Some(truth.ends.1);
            truth.snapshot.ended_at = Some(truth.ends.0);
        }
    }

    fn restart(&mut self, chance: &mut Chance) {
        self.restarts_until = self.now + SignedDuration::from_secs(chance.between(1, 90));
        let running = |truth: &&mut Truth| truth.snapshot.state == Some(State::InProgress);
        let until = self.restarts_until;
        for truth in self.snapshots.values_mut().filter(running) {
            truth.ends = (until, if chance.hits(50) { State::Failed } else { State::Partial });
        }
        self.note("the manager restarts");
    }

    /// Lists the repository for somebody whose clock is `skew` behind the server's; nothing if it does not answer.
    pub fn look(&self, skew: Option<SignedDuration>, chance: &mut Chance) -> Option<Inventory> {
        let lost = self.faults.has(Fault::Losses) && chance.hits(6);
        if lost || self.now < self.restarts_until {
            return None;
        }
        let snapshots = self.snapshots.values().map(|truth| truth.snapshot.clone()).collect();
        let repository = Repository { snapshots, ..Repository::default() };
        let cluster = Cluster {
            skew,
            concurrent: true,
            has_metadata: true,
            repositories: [(REPOSITORY.to_owned(), repository)].into(),
            indices: vec![Index { name: "logs".to_owned(), ..Index::default() }],
        };
        Some(Inventory { clusters: [(CLUSTER.to_owned(), cluster)].into() })
    }

    /// Sends a write: it may be lost on its way, arrive late, or twice, and its answer may be lost.
    pub fn send(&mut self, write: Write, chance: &mut Chance) -> Answer {
        self.note(&format!("sent: {write:?}"));
        let lost = self.faults.has(Fault::Losses) && chance.hits(8);
        if lost || self.now < self.restarts_until {
            self.note("… and lost");
            return Answer::Lost;
        }
        let later = self.now + SignedDuration::from_secs(chance.between(1, LATEST));
        if self.faults.has(Fault::Repeats) && chance.hits(6) {
            self.under_way.push((later, write.clone()));
        }
        if self.faults.has(Fault::Repeats) && chance.hits(6) {
            self.under_way.push((later, write));
            return Answer::Lost;
        }
        let answer = self.take_effect(write, chance);
        let unheard = self.faults.has(Fault::Losses) && chance.hits(10);
        if unheard { Answer::Lost } else { answer }
    }

    fn take_effect(&mut self, write: Write, chance: &mut Chance) -> Answer {
        match write {
            Write::Create { name, .. } if self.snapshots.contains_key(&name) => Answer::Refused,
            Write::Create { name, policy, slot, metadata } => {
                self.judge_creation(&name, policy, slot);
                let fate = match chance.below(100) {
                    0..10 if self.faults.has(Fault::Failures) => State::Failed,
                    10..20 if self.faults.has(Fault::Failures) => State::Partial,
                    _ => State::Success,
                };
                self.put(name, Some((policy, slot)), self.now, metadata, State::InProgress);
                self.seal(fate, chance);
                Answer::Accepted
            }
            Write::Delete { name, policy } => {
                self.judge_deletion(&name, policy);
                self.snapshots.remove(&name).map_or(Answer::Refused, |_| Answer::Accepted)
            }
        }
    }

    fn put(
        &mut self,
        name: String,
        taker: Option<(&'static str, Timestamp)>,
        start: Timestamp,
        metadata: Map<String, Value>,
        state: State,
    ) {
        self.created += 1;
        let snapshot = Snapshot {
            name: name.clone(),
            uuid: Some(format!("u{}", self.created)),
            state: Some(state),
            started_at: Some(start),
            ended_at: None,
            shards: None,
            indices: None,
            size_bytes: None,
            failures: Vec::new(),
            metadata: Some(metadata),
        };
        self.snapshots.insert(name, Truth { snapshot, taker, ends: (start, state) });
    }

    /// Decides when and how the snapshots that have just begun will end.
    fn seal(&mut self, fate: State, chance: &mut Chance) {
        let now = self.now;
        let begun = |truth: &&mut Truth| truth.snapshot.state == Some(State::InProgress) && truth.ends.0 == now;
        for truth in self.snapshots.values_mut().filter(begun) {
            truth.ends = (now + SignedDuration::from_secs(chance.between(2 * LATEST, 3_000)), fate);
        }
    }

    /// Whether any request is still on its way.
    pub fn is_quiet(&self) -> bool {
        self.under_way.is_empty()
    }

    /// An operator deletes some of the newest good snapshots by hand. What that breaks is the operator's.
    pub fn operator_deletes(&mut self, chance: &mut Chance) {
        let own = |truth: &&Truth| truth.taker.is_some() && truth.snapshot.state == Some(State::Success);
        let mut good: Vec<(Option<Timestamp>, String)> =
            self.snapshots.values().filter(own).map(|t| (t.snapshot.started_at, t.snapshot.name.clone())).collect();
        good.sort_unstable();
        let count = usize::try_from(chance.between(1, 6)).unwrap_or_default();
        for (_, name) in good.into_iter().rev().take(count) {
            self.note(&format!("an operator deletes {name}"));
            self.snapshots.remove(&name);
        }
    }

    /// Promise 6: a slot has at most one running or good snapshot.
    fn judge_creation(&mut self, name: &str, policy: &'static str, slot: Timestamp) {
        let standing = |truth: &&Truth| {
            truth.taker == Some((policy, slot))
                && matches!(truth.snapshot.state, Some(State::Success | State::InProgress))
        };
        if let Some(other) = self.snapshots.values().find(standing).map(|truth| truth.snapshot.name.clone()) {
            self.breaks(format!("6: {name} is taken although {other} stands for its slot"));
        }
    }

    /// Promises 1 to 3, and that nothing young goes.
    fn judge_deletion(&mut self, name: &str, policy: &'static str) {
        let Some(truth) = self.snapshots.get(name).cloned() else { return };
        let Some(promise) = self.promises.iter().copied().find(|promise| promise.policy == policy) else { return };
        if truth.taker.is_none_or(|(taker, _)| taker != policy) {
            self.breaks(format!("2: {policy} deletes {name}, which is not its own"));
        }
        let newer = self.newer_good(&truth, policy);
        match truth.snapshot.state {
            Some(State::Success) if newer < promise.floor => {
                self.breaks(format!("1: {name} goes, and only {newer} newer good ones are there"));
            }
            Some(State::Success)
                if truth.snapshot.started_at.is_some_and(|start| start + promise.youngest > self.now) =>
            {
                self.breaks(format!("{name} goes too young"));
            }
            Some(State::Failed | State::Partial) if newer == 0 => {
                self.breaks(format!("3: {name} goes without a newer good one"));
            }
            Some(State::InProgress) | None => self.breaks(format!("4: {name} is deleted while it runs")),
            Some(_) => {}
        }
    }

    /// Of two that began at the same moment either may go.
    fn newer_good(&self, than: &Truth, policy: &str) -> usize {
        let good = self.snapshots.values().filter(|truth| truth.snapshot.state == Some(State::Success));
        let own = good.filter(|truth| truth.taker.is_some_and(|(taker, _)| taker == policy));
        let others = own.filter(|truth| truth.snapshot.name != than.snapshot.name);
        others.filter(|truth| truth.snapshot.started_at >= than.snapshot.started_at).count()
    }

    /// Promise 5, which only the sender's order of acts shows.
    pub fn judge_order(&mut self, name: &str, looked: bool) {
        if !looked {
            self.breaks(format!("5: a write of {name} is sent without a look since the last"));
        }
    }

    /// How many good snapshots the policy has.
    pub fn good(&self, policy: &str) -> usize {
        let good = self.snapshots.values().filter(|truth| truth.snapshot.state == Some(State::Success));
        good.filter(|truth| truth.taker.is_some_and(|(taker, _)| taker == policy)).count()
    }
}
