//! The cluster: one repository, snapshots that take their time, requests that arrive late; and the truth.

use crate::chance::Chance;
use crate::fault::{Fault, Faults};
use crate::judge::Promised;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use snapkeep_core::inventory::{Cluster, Inventory, Repository};
use snapkeep_core::selection::Index;
use snapkeep_core::snapshot::{Snapshot, State};
use std::collections::BTreeMap;

/// Where everything happens.
pub const CLUSTER: &str = "prod";
/// Where everything is kept.
pub const REPOSITORY: &str = "backups";
/// Where others keep theirs.
const ELSEWHERE: &str = "cs-automated";
/// Longest time that a request is under way, in seconds. Snapshots take longer than that.
const LATEST: i64 = 40;

/// What the truth is judged by: a policy's own words.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// The policy's name.
    pub policy: &'static str,
    /// When it is due.
    pub schedule: &'static str,
    /// How many of the newest SUCCESS always stay.
    pub floor: usize,
    /// No SUCCESS goes that is younger.
    pub youngest: SignedDuration,
}

/// What kind of cluster it is, and what its policies say: drawn once for a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laws(Vec<Fault>);

impl Laws {
    /// Each of what may be, in half of all histories.
    pub fn by(faults: &Faults, chance: &mut Chance) -> Self {
        let may_be = [Fault::NoMetadata, Fault::OneAtATime, Fault::Confirmation, Fault::Adoption];
        Self(may_be.into_iter().filter(|fault| chance.hits(50) && faults.has(*fault)).collect())
    }

    /// Whether that is so in this history.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
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
        /// Whether the look before it was told the server's clock.
        clock_told: bool,
        /// Its metadata.
        metadata: Map<String, Value>,
    },
    /// Delete some: all, or none if one of them is not there.
    Delete {
        /// Their names, each with the policy that wants it gone.
        names: Vec<(String, &'static str)>,
    },
}

/// Whose a snapshot truly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taker {
    /// The policy took it, for that slot.
    Policy(&'static str, Timestamp),
    /// Somebody else did; a policy that adopts may have it.
    Anybody,
    /// The same, but it is under a legal hold.
    Held,
    /// Somebody else did, and nobody may have it.
    Other,
}

/// A snapshot and the truth about it.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) snapshot: Snapshot,
    pub(crate) taker: Taker,
    /// When it ends, and how.
    ends: (Timestamp, State),
}

/// What a write's sender hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A yes.
    Accepted,
    /// A no: the name exists, or does not exist, or something else is done first.
    Refused,
    /// Nothing.
    Lost,
}

/// The cluster.
#[derive(Debug)]
pub struct World {
    pub(crate) now: Timestamp,
    faults: Faults,
    pub(crate) laws: Laws,
    pub(crate) promised: Vec<Promised>,
    pub(crate) snapshots: BTreeMap<String, Truth>,
    under_way: Vec<(Timestamp, Write)>,
    created: u64,
    /// Whether the manager answers no looks until then.
    restarts_until: Timestamp,
    /// Until when a snapshot of others' runs in another repository.
    others_until: Timestamp,
    /// Whether anybody has ever said yes.
    pub(crate) has_yes: bool,
    /// How many were deleted, and how many of these were adopted.
    pub deleted: (u64, u64),
    /// What happened, a line each.
    pub history: Vec<String>,
    /// The first promise that was broken.
    pub broken: Option<String>,
}

impl World {
    /// A cluster with some snapshots of others, whose names are like those of policies.
    pub fn new(now: Timestamp, faults: Faults, laws: Laws, promises: Vec<Promise>) -> Self {
        let mut world = Self {
            now,
            faults,
            laws,
            promised: promises.into_iter().map(Promised::new).collect(),
            snapshots: BTreeMap::new(),
            under_way: Vec::new(),
            created: 0,
            restarts_until: now,
            others_until: now,
            has_yes: false,
            deleted: (0, 0),
            history: Vec::new(),
            broken: None,
        };
        let long_ago = now - SignedDuration::from_hours(24 * 100);
        let mark = json!({"v": 1, "policy": "manual", "slot": "2026-01-01T00:00:00Z"});
        for (name, taker, metadata) in [
            ("nightly", Taker::Other, json!({})),
            ("nightly-before-upgrade", Taker::Other, json!({})),
            ("nightly-eu-20250101t030000z-copy", Taker::Other, json!({})),
            ("manual-20260101t000000z", Taker::Other, json!({ "snapkeep": mark })),
            ("manual-1", Taker::Anybody, json!({"owner": "me"})),
            ("manual-2", Taker::Anybody, json!({})),
            ("01-12-2025-1-02-03", Taker::Anybody, json!({})),
        ] {
            world.put(name.to_owned(), taker, long_ago, &metadata, State::Success);
        }
        if !world.laws.has(Fault::NoMetadata) {
            world.put(
                "manual-held".to_owned(),
                Taker::Held,
                long_ago,
                &json!({"snapkeep_hold": "case 7"}),
                State::Success,
            );
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

    /// An operator has seen a plan and said yes.
    pub fn somebody_says_yes(&mut self) {
        self.has_yes = true;
    }

    pub(crate) fn breaks(&mut self, promise: String) {
        self.note(&format!("BROKEN: {promise}"));
        self.broken.get_or_insert(promise);
    }

    /// Lets time pass: snapshots end, and what was under way arrives.
    pub fn pass(&mut self, seconds: i64, chance: &mut Chance) {
        let until = self.now + SignedDuration::from_secs(seconds);
        if self.faults.has(Fault::Restarts) && chance.hits(1) {
            self.restart(chance);
        }
        self.under_way.sort_by_key(|(at, _)| *at);
        while self.under_way.first().is_some_and(|(at, _)| *at <= until) {
            let (at, write) = self.under_way.remove(0);
            self.now = at;
            self.end_snapshots();
            self.note(&format!("a late request arrives: {write:?}"));
            self.take_effect(write, chance);
        }
        self.now = until;
        self.end_snapshots();
        self.others(chance);
    }

    /// Others take snapshots too: in a repository of theirs, and by hand in this one.
    fn others(&mut self, chance: &mut Chance) {
        if self.laws.has(Fault::OneAtATime) && !self.is_busy() && chance.hits(3) {
            self.others_until = self.now + SignedDuration::from_mins(chance.between(1, 20));
        }
        if self.laws.has(Fault::Adoption) && chance.hits(1) {
            let name = format!("manual-{}", self.created + 10);
            let state = if chance.hits(30) { State::Partial } else { State::Success };
            self.note(&format!("somebody takes {name}: {state:?}"));
            self.put(name, Taker::Anybody, self.now, &json!({}), state);
        }
    }

    fn is_busy(&self) -> bool {
        let runs = |truth: &Truth| truth.snapshot.state == Some(State::InProgress);
        self.now < self.others_until || self.snapshots.values().any(runs)
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
    pub fn look(&self, skew: SignedDuration, chance: &mut Chance) -> Option<Inventory> {
        let lost = self.faults.has(Fault::Losses) && chance.hits(6);
        if lost || self.now < self.restarts_until {
            return None;
        }
        let hidden = self.faults.has(Fault::HiddenClocks) && chance.hits(6);
        let snapshots = self.snapshots.values().map(|truth| truth.snapshot.clone()).collect();
        let mut repositories =
            BTreeMap::from([(REPOSITORY.to_owned(), Repository { snapshots, ..Repository::default() })]);
        if self.now < self.others_until {
            let running = snapshot("hourly", None, self.now, None, State::InProgress);
            let theirs = Repository { snapshots: vec![running], ..Repository::default() };
            repositories.insert(ELSEWHERE.to_owned(), theirs);
        }
        let cluster = Cluster {
            skew: (!hidden).then_some(skew),
            concurrent: !self.laws.has(Fault::OneAtATime),
            has_metadata: !self.laws.has(Fault::NoMetadata),
            repositories,
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
        if self.laws.has(Fault::OneAtATime) && self.is_busy() {
            return Answer::Refused;
        }
        match write {
            Write::Create { name, .. } if self.snapshots.contains_key(&name) => Answer::Refused,
            Write::Create { name, policy, slot, clock_told, metadata } => {
                self.judge_creation(&name, policy, slot, clock_told);
                let fate = match chance.below(100) {
                    0..10 if self.faults.has(Fault::Failures) => State::Failed,
                    10..20 if self.faults.has(Fault::Failures) => State::Partial,
                    _ => State::Success,
                };
                self.put(name, Taker::Policy(policy, slot), self.now, &Value::Object(metadata), State::InProgress);
                self.seal(fate, chance);
                Answer::Accepted
            }
            Write::Delete { names } => self.delete(&names),
        }
    }

    fn delete(&mut self, names: &[(String, &'static str)]) -> Answer {
        if names.iter().any(|(name, _)| !self.snapshots.contains_key(name)) {
            return Answer::Refused;
        }
        for (name, policy) in names {
            self.judge_deletion(name, policy);
            let gone = self.snapshots.remove(name);
            self.deleted.0 += 1;
            self.deleted.1 += u64::from(gone.is_some_and(|gone| gone.taker == Taker::Anybody));
        }
        Answer::Accepted
    }

    fn put(&mut self, name: String, taker: Taker, start: Timestamp, metadata: &Value, state: State) {
        self.created += 1;
        let metadata = metadata.as_object().filter(|_| !self.laws.has(Fault::NoMetadata)).cloned();
        let snapshot = snapshot(&name, Some(format!("u{}", self.created)), start, metadata, state);
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
        let own =
            |truth: &&Truth| matches!(truth.taker, Taker::Policy(..)) && truth.snapshot.state == Some(State::Success);
        let mut good: Vec<(Option<Timestamp>, String)> =
            self.snapshots.values().filter(own).map(|t| (t.snapshot.started_at, t.snapshot.name.clone())).collect();
        good.sort_unstable();
        let count = usize::try_from(chance.between(1, 6)).unwrap_or_default();
        for (_, name) in good.into_iter().rev().take(count) {
            self.note(&format!("an operator deletes {name}"));
            self.snapshots.remove(&name);
        }
    }
}

fn snapshot(
    name: &str,
    uuid: Option<String>,
    start: Timestamp,
    metadata: Option<Map<String, Value>>,
    state: State,
) -> Snapshot {
    Snapshot {
        uuid,
        state: Some(state),
        started_at: Some(start),
        metadata: metadata.map(Into::into),
        ..Snapshot::named(name)
    }
}
