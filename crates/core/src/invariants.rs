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
//! A step of a plan only names what is to be done. Whether it may be done is judged anew by each [`Look`], from what the
//! cluster lists now: whose the snapshot is, what ties it, the clocks, the whole retention of its policy, and, counted
//! once more without the retention's code, that enough good newer ones are left. What a plan's file says beyond names
//! can make the judgement stricter, never milder. Any number of deletions that pass one look can be carried out in any
//! order.

use crate::inventory::{Cluster, Inventory, Repository};
use crate::naming;
use crate::ownership::{Owned, share_out};
use crate::plan::{Create, CreateGuard, Delete, Options, Plan, Skip, Step, judged, slot};
use crate::policy::Policy;
use crate::retention::{Reason, Ties, is_good};
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
    sides: Vec<Side<'a>>,
    /// Each snapshot by its name.
    found: HashMap<&'a str, (&'a Snapshot, Option<Owner>)>,
    /// The snapshot that runs, is good or may be, for a policy's slot.
    standing: HashMap<(usize, Timestamp), &'a str>,
    options: Options,
    yes: bool,
    ours: Timestamp,
    now: Timestamp,
}

/// Whose a snapshot is: its policy's place in a look's `sides`, and whether that only adopts it.
type Owner = (usize, bool);

/// One policy's part of a look.
struct Side<'a> {
    policy: &'a Policy,
    /// Its own good snapshots, newest first.
    own_good: Vec<(Timestamp, &'a str)>,
    /// The same with those that it adopts.
    all_good: Vec<(Timestamp, &'a str)>,
    /// What its retention keeps now, and why.
    kept: HashMap<&'a str, Vec<Reason>>,
    /// Whether it may delete without a yes.
    confirmed: bool,
    /// Whether one of its own snapshots carries a yes.
    has_yes: bool,
}

impl<'a> Side<'a> {
    fn new(policy: &'a Policy, owned: &[Owned<'a>], repository: &Repository, now: Timestamp) -> Self {
        let own: Vec<Owned<'a>> = owned.iter().filter(|owned| owned.name.is_some()).copied().collect();
        let verdicts = judged::verdicts(policy, owned, repository, now);
        let kept = verdicts.into_iter().flatten().filter(|verdict| verdict.keep);
        Self {
            policy,
            own_good: starts_of_good(&own, now),
            all_good: starts_of_good(owned, now),
            kept: kept.map(|verdict| (verdict.snapshot.name.as_str(), verdict.reasons)).collect(),
            confirmed: judged::is_confirmed(policy, owned),
            has_yes: judged::has_confirmed_mark(owned),
        }
    }

    /// How many good ones are newer, of those that it is counted among: its policy's own, or all if it is adopted.
    fn newer_good(&self, than: (Timestamp, &str), adopted: bool) -> u64 {
        let good = if adopted { &self.all_good } else { &self.own_good };
        good.partition_point(|good| *good > than) as u64
    }

    /// Why the policy's rules, as they are now, keep the snapshot.
    fn keeps(&self, snapshot: &str) -> Option<String> {
        if self.policy.keep.is_none() {
            return Some("its policy deletes nothing".to_owned());
        }
        let reasons: Vec<String> = self.kept.get(snapshot)?.iter().map(ToString::to_string).collect();
        Some(format!("its policy keeps it now: {}", reasons.join("; ")))
    }
}

impl<'a> Look<'a> {
    /// Looks at the repository of that name as `cluster` listed it just now, with *all* policies of the configuration;
    /// `now` is what our clock shows. `None` if the repository is not in that listing. Costs what planning costs.
    pub fn new(
        policies: &'a [Policy],
        name: &str,
        cluster: &'a Cluster,
        repository: &str,
        now: Timestamp,
    ) -> Option<Self> {
        let listed = cluster.repositories.get(repository)?;
        let (ours, now) = (now, cluster.time(now));
        let here = |policy: &&Policy| {
            policy.repository.as_str() == repository && policy.clusters.iter().any(|cluster| cluster == name)
        };
        let policies: Vec<&Policy> = policies.iter().filter(here).collect();
        let shares = share_out(&policies, &listed.snapshots, cluster.has_metadata);
        let mut found: HashMap<_, _> = listed.snapshots.iter().map(|s| (s.name.as_str(), (s, None))).collect();
        let (mut sides, mut standing) = (Vec::new(), HashMap::new());
        for (at, (policy, owned)) in policies.into_iter().zip(&shares.owned).enumerate() {
            let entry = |owned: &Owned<'a>| (&*owned.snapshot.name, (owned.snapshot, Some((at, owned.name.is_none()))));
            found.extend(owned.iter().map(entry));
            standing.extend(owned.iter().filter_map(|owned| Some(((at, stands_for(owned)?), &*owned.snapshot.name))));
            sides.push(Side::new(policy, owned, listed, now));
        }
        let options = Options::default();
        Some(Self { cluster, repository: listed, sides, found, standing, options, yes: false, ours, now })
    }

    /// The same with what the operator allows: `yes` if somebody has seen the plan and said so, so that policies may
    /// delete that never did.
    #[must_use]
    pub fn allowing(self, options: Options, yes: bool) -> Self {
        Self { options, yes, ..self }
    }

    fn side(&self, policy: &str) -> Option<(usize, &Side<'a>)> {
        self.sides.iter().enumerate().find(|(_, side)| side.policy.name == policy)
    }

    fn may_write(&self, policy: &Policy) -> bool {
        !policy.repository.is_reserved() && !self.repository.readonly
    }

    /// Whether the deletion may be done now.
    pub fn may_delete(&self, delete: &Delete) -> Result<Permit, Violation> {
        let broken =
            |(invariant, wrong): (u8, String)| Violation { invariant, snapshot: delete.snapshot.clone(), wrong };
        let Some((found, owner)) = self.found.get(delete.snapshot.as_str()) else { return Ok(Permit::Done) };
        let side = self.side(&delete.place.policy);
        let mine = side.and_then(|(at, side)| owner.filter(|owner| owner.0 == at).map(|owner| (side, owner.1)));
        let Some((side, adopted)) = mine else { return Err(broken((2, "it is not the policy's".to_owned()))) };
        let still = self.stands_free(delete, found, side).and_then(|()| may_go(found, side, adopted));
        still.map(|()| Permit::Act).map_err(broken)
    }

    /// Whether the snapshot is what the plan names, nothing holds it, and deletions are done here at all.
    fn stands_free(&self, delete: &Delete, found: &Snapshot, side: &Side<'_>) -> Result<(), (u8, String)> {
        let broken = |invariant: u8, wrong: &str| Err((invariant, wrong.to_owned()));
        if !self.may_write(side.policy) {
            return broken(2, "its repository is not to be written");
        }
        if let Some(changed) = changed(delete, found) {
            return broken(4, changed);
        }
        if self.repository.ties(found) != Ties::default() {
            return broken(4, "it is held, mounted or being restored");
        }
        if let Some(astray) = slot::astray(self.cluster, self.options) {
            return Err((4, astray.to_string()));
        }
        if !side.confirmed && !self.yes {
            return broken(4, "its policy has never deleted before, and nobody has said yes");
        }
        Ok(())
    }

    /// Whether the creation may be done now.
    pub fn may_create(&self, create: &Create) -> Result<Permit, Violation> {
        let broken =
            |(invariant, wrong): (u8, String)| Violation { invariant, snapshot: create.snapshot.clone(), wrong };
        let Some((at, side)) = self.side(&create.place.policy).filter(|(_, side)| self.may_write(side.policy)) else {
            return Err(broken((2, "its policy is unknown or its repository not to be written".to_owned())));
        };
        match self.found.get(create.snapshot.as_str()) {
            Some((_, Some((owner, false)))) if *owner == at => return Ok(Permit::Done),
            Some(_) => {
                return Err(broken((2, "a snapshot of that name exists and is not the policy's".to_owned())));
            }
            None => {}
        }
        if let Some(other) = self.standing.get(&(at, create.slot)) {
            return Err(broken((6, format!("{other} stands for its slot"))));
        }
        self.is_due(create, side.policy).map(|()| Permit::Act).map_err(broken)
    }

    /// A creation with all that its policy and this look say better than a plan's file: what goes into the snapshot beside
    /// the indices, and whether a yes is to be remembered.
    pub fn renewed(&self, create: &Create) -> Create {
        let Some((_, side)) = self.side(&create.place.policy) else { return create.clone() };
        Create {
            partial: side.policy.partial,
            include_global_state: side.policy.include_global_state,
            user_metadata: side.policy.metadata.clone(),
            guard: CreateGuard { confirmed: side.has_yes, ..create.guard.clone() },
            ..create.clone()
        }
    }

    /// Whether it is the name of the slot that is due, and may still begin.
    fn is_due(&self, create: &Create, policy: &Policy) -> Result<(), (u8, String)> {
        let Some(schedule) = &policy.schedule else { return Err((4, "its policy takes nothing".to_owned())) };
        let is_its_name = naming::is_nameable(create.slot)
            && naming::name_for_attempt(policy.prefix(), create.slot, create.attempt).as_str() == create.snapshot;
        if !is_its_name || create.attempt > policy.limits.max_attempts {
            return Err((2, "its name is not the one of the slot's next attempt".to_owned()));
        }
        let dispute = || slot::dispute(schedule, self.cluster, self.repository, self.ours);
        if let Some(dispute) = dispute().filter(|_| !self.options.allow_unknown_clock) {
            return Err((4, dispute.to_string()));
        }
        if policy.is_named_like_events() && !self.cluster.has_metadata {
            return Err((2, Skip::NameOfEvents.to_string()));
        }
        let begin_before = create.guard.begin_before.min(slot::begin_before(policy, schedule, create.slot));
        if self.now >= begin_before {
            return Err((4, format!("it was to begin before {begin_before}")));
        }
        if schedule.latest_slot(self.now) != Some(create.slot) {
            return Err((4, "its slot is not the one that is due".to_owned()));
        }
        let alone = create.guard.alone || !self.cluster.concurrent;
        match self.cluster.running().next().filter(|_| alone) {
            Some((_, running)) => Err((4, format!("{} runs", running.name))),
            None => Ok(()),
        }
    }
}

/// Whether it may go for all that its policy promises to keep.
fn may_go(found: &Snapshot, side: &Side<'_>, adopted: bool) -> Result<(), (u8, String)> {
    let broken = |invariant: u8, wrong: &str| Err((invariant, wrong.to_owned()));
    let Some(started_at) = found.started_at else { return broken(4, "its start is not known") };
    let newer = side.newer_good((started_at, &found.name), adopted);
    let floor = side.policy.keep.map_or(u64::MAX, |keep| u64::from(keep.floor()));
    match found.state {
        None => return broken(4, "its state is not known"),
        Some(State::InProgress) => return broken(4, "it runs"),
        Some(State::Success) if newer < floor => return broken(1, "too few newer good ones would be left"),
        Some(State::Failed | State::Partial) if newer == 0 => return broken(3, "no newer good one exists"),
        Some(State::Success | State::Failed | State::Partial) => {}
    }
    side.keeps(&found.name).map_or(Ok(()), |why| Err((4, why)))
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

/// All that a plan would break, given what exists and what the operator allows, once somebody has said yes.
pub fn check(plan: &Plan, policies: &[Policy], inventory: &Inventory, options: Options) -> Vec<Violation> {
    let mut broken = repeated(plan);
    let mut looks: BTreeMap<(&str, &str), Option<Look<'_>>> = BTreeMap::new();
    for step in &plan.steps {
        let place = step.place();
        let look = looks.entry((&place.cluster, &place.repository)).or_insert_with(|| {
            let cluster = inventory.clusters.get(&place.cluster)?;
            let look = Look::new(policies, &place.cluster, cluster, &place.repository, plan.at)?;
            Some(look.allowing(options, true))
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
