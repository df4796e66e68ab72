//! What must hold whatever happens, checked on plans and again just before each act.
//!
//! 1. Retention never leaves a policy without its newest SUCCESS, nor with fewer good ones than its floor.
//! 2. Only snapshots that carry this policy's mark are deleted; foreign ones only by an explicit pattern. Repositories
//!    that begin with `cs-` are never written.
//! 3. A PARTIAL or FAILED snapshot never counts as good and never displaces a good one.
//! 4. A step acts only if its guard still holds.
//! 5. No write is repeated without looking first: no name is created or deleted twice in a plan.
//! 6. A slot has at most one running or good snapshot.
//!
//! The checks ask the repository's listing only, not the planner: each deletion must leave so many good newer ones as
//! the floor wants, whatever reasons it has. So any number of deletions that pass one look can be carried out in any
//! order.

use crate::inventory::{Cluster, Inventory, Repository};
use crate::ownership::{Owned, share_out};
use crate::plan::{Create, Delete, Plan, Step};
use crate::policy::Policy;
use crate::retention::{Ties, is_good};
use crate::snapshot::{Snapshot, State};
use crate::{Code, Failure};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// A promise that a step would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which, 1 to 6.
    pub invariant: u8,
    /// The snapshot.
    pub snapshot: String,
    /// What is wrong.
    pub wrong: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (invariant {})", self.snapshot, self.wrong, self.invariant)
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::new(Code::PlanStale, violation.to_string(), "make a new plan: what exists is no longer what it was")
    }
}

/// Whether a step may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Act,
    /// There is nothing to do: what is to be deleted is gone, or what is to be created is there.
    Done,
}

/// A fresh look at one repository of one cluster, and whose each snapshot in it is.
pub struct Look<'a> {
    cluster: &'a Cluster,
    repository: &'a Repository,
    policies: Vec<&'a Policy>,
    /// Each snapshot by its name, with its policy's place in `policies`.
    found: HashMap<&'a str, (&'a Snapshot, Option<usize>)>,
    /// For each policy, its good snapshots, newest first.
    good: Vec<Vec<(Timestamp, &'a str)>>,
    /// The snapshot that runs, is good or may be, for a policy's slot.
    standing: HashMap<(usize, Timestamp), &'a str>,
    now: Timestamp,
}

impl<'a> Look<'a> {
    /// Looks at the repository of that name as `cluster` listed it just now, with *all* policies of the configuration;
    /// `now` is what our clock shows. `None` if the repository is not in that listing.
    pub fn new(
        policies: &'a [Policy],
        name: &str,
        cluster: &'a Cluster,
        repository: &str,
        now: Timestamp,
    ) -> Option<Self> {
        let listed = cluster.repositories.get(repository)?;
        let now = cluster.time(now);
        let here = |policy: &&Policy| {
            policy.repository.as_str() == repository && policy.clusters.iter().any(|cluster| cluster == name)
        };
        let policies: Vec<&Policy> = policies.iter().filter(here).collect();
        let shares = share_out(&policies, &listed.snapshots, cluster.has_metadata);
        let mut found: HashMap<_, _> = listed.snapshots.iter().map(|s| (s.name.as_str(), (s, None))).collect();
        let (mut good, mut standing) = (Vec::new(), HashMap::new());
        for (at, owned) in shares.owned.iter().enumerate() {
            found.extend(owned.iter().map(|owned| (owned.snapshot.name.as_str(), (owned.snapshot, Some(at)))));
            good.push(starts_of_good(owned, now));
            standing.extend(owned.iter().filter_map(|owned| Some(((at, stands_for(owned)?), &*owned.snapshot.name))));
        }
        Some(Self { cluster, repository: listed, policies, found, good, standing, now })
    }

    fn policy(&self, name: &str) -> Option<(usize, &'a Policy)> {
        self.policies.iter().copied().enumerate().find(|(_, policy)| policy.name == name)
    }

    fn may_write(&self, policy: &Policy) -> bool {
        !policy.repository.is_reserved() && !self.repository.readonly
    }

    /// Whether the deletion may be done now.
    pub fn may_delete(&self, delete: &Delete) -> Result<Permit, Violation> {
        let broken = |invariant: u8, wrong: &str| {
            Err(Violation { invariant, snapshot: delete.snapshot.clone(), wrong: wrong.to_owned() })
        };
        let Some((found, owner)) = self.found.get(delete.snapshot.as_str()) else { return Ok(Permit::Done) };
        let Some((at, policy)) = self.policy(&delete.place.policy).filter(|(at, _)| *owner == Some(*at)) else {
            return broken(2, "it is not the policy's");
        };
        if !self.may_write(policy) {
            return broken(2, "its repository is not to be written");
        }
        if let Some(changed) = changed(delete, found) {
            return broken(4, changed);
        }
        if self.repository.ties(&found.name) != Ties::default() {
            return broken(4, "it is held, mounted or being restored");
        }
        let newer = self.good[at].partition_point(|good| *good > (delete.guard.started_at, found.name.as_str()));
        let floor = policy.keep.map_or(u32::MAX, |keep| keep.floor());
        match delete.guard.state {
            State::InProgress => broken(4, "it runs"),
            State::Success if (newer as u64) < u64::from(floor) => broken(1, "too few newer good ones would be left"),
            State::Failed | State::Partial if newer == 0 => broken(3, "no newer good one exists"),
            State::Success | State::Failed | State::Partial => Ok(Permit::Act),
        }
    }

    /// Whether the creation may be done now.
    pub fn may_create(&self, create: &Create) -> Result<Permit, Violation> {
        let broken =
            |invariant: u8, wrong: String| Err(Violation { invariant, snapshot: create.snapshot.clone(), wrong });
        let Some((at, _)) = self.policy(&create.place.policy).filter(|(_, policy)| self.may_write(policy)) else {
            return broken(2, "its policy is unknown or its repository not to be written".to_owned());
        };
        match self.found.get(create.snapshot.as_str()) {
            Some((_, owner)) if *owner == Some(at) => return Ok(Permit::Done),
            Some(_) => return broken(2, "a snapshot of that name exists and is not the policy's".to_owned()),
            None => {}
        }
        if let Some(other) = self.standing.get(&(at, create.slot)) {
            return broken(6, format!("{other} stands for its slot"));
        }
        if self.now >= create.guard.begin_before {
            return broken(4, format!("it was to begin before {}", create.guard.begin_before));
        }
        match self.cluster.running().next() {
            Some((_, running)) if create.guard.alone => broken(4, format!("{} runs", running.name)),
            _ => Ok(Permit::Act),
        }
    }
}

/// The slot that a snapshot stands for: its own, unless it ended FAILED or PARTIAL.
fn stands_for(owned: &Owned<'_>) -> Option<Timestamp> {
    let unsuccessful = matches!(owned.snapshot.state, Some(State::Failed | State::Partial));
    owned.name.filter(|_| !unsuccessful).map(|name| name.slot)
}

fn starts_of_good<'a>(owned: &[Owned<'a>], now: Timestamp) -> Vec<(Timestamp, &'a str)> {
    let good = owned.iter().map(|owned| owned.snapshot).filter(|snapshot| is_good(snapshot, now));
    let mut starts: Vec<_> = good.filter_map(|good| Some((good.started_at?, good.name.as_str()))).collect();
    starts.sort_unstable_by(|a, b| b.cmp(a));
    starts
}

/// What of the guard no longer holds.
fn changed(delete: &Delete, found: &Snapshot) -> Option<&'static str> {
    let guard = &delete.guard;
    if found.uuid != guard.uuid {
        Some("another snapshot has its name now")
    } else if found.state != Some(guard.state) {
        Some("its state is another now")
    } else if found.started_at != Some(guard.started_at) {
        Some("its start is another now")
    } else {
        None
    }
}

/// All that a plan would break, given what exists.
pub fn check(plan: &Plan, policies: &[Policy], inventory: &Inventory) -> Vec<Violation> {
    let mut broken = repeated(plan);
    let mut looks: BTreeMap<(&str, &str), Option<Look<'_>>> = BTreeMap::new();
    for step in &plan.steps {
        let place = step.place();
        let look = looks.entry((&place.cluster, &place.repository)).or_insert_with(|| {
            let cluster = inventory.clusters.get(&place.cluster)?;
            Look::new(policies, &place.cluster, cluster, &place.repository, plan.at)
        });
        let verdict = match (look, step) {
            (None, _) => Err(unseen(step)),
            (Some(look), Step::Delete(delete)) => look.may_delete(delete),
            (Some(look), Step::Create(create)) => look.may_create(create),
        };
        broken.extend(verdict.err());
    }
    broken
}

fn unseen(step: &Step) -> Violation {
    let wrong = "its policy, cluster or repository was not seen".to_owned();
    Violation { invariant: 4, snapshot: step.snapshot().to_owned(), wrong }
}

fn repeated(plan: &Plan) -> Vec<Violation> {
    let mut names = HashSet::new();
    let mut slots = HashSet::new();
    let mut broken = Vec::new();
    for step in &plan.steps {
        let place = step.place();
        let mut note = |invariant: u8, wrong: &str| {
            broken.push(Violation { invariant, snapshot: step.snapshot().to_owned(), wrong: wrong.to_owned() });
        };
        if !names.insert((&place.cluster, &place.repository, step.snapshot())) {
            note(5, "the plan acts on it twice");
        }
        if let Step::Create(create) = step
            && !slots.insert((&place.cluster, &place.policy, create.slot))
        {
            note(6, "the plan takes its slot twice");
        }
    }
    broken
}
