//! A run of production's code: plan, then each step's machine, one act at a time; deletions perhaps several at once.

use crate::chance::Chance;
use crate::world::{Answer, CLUSTER, REPOSITORY, World, Write};
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::invariants::Look;
use snapkeep_core::inventory::Inventory;
use snapkeep_core::plan::{Options, Step, make};
use snapkeep_core::policy::Policy;
use snapkeep_core::steps::{Ask, Event, Machine, PERMIT_SECONDS};
use std::collections::VecDeque;

/// Steps that are carried out together: one creation, or some deletions.
type Group = Vec<(Step, Machine)>;

/// Somebody who looks after the policies.
#[derive(Debug)]
pub struct Run<'p> {
    policies: &'p [Policy],
    /// How far the server's clock is ahead of this one's.
    skew: SignedDuration,
    number: u64,
    /// How many deletions go into one request.
    batch: usize,
    /// Somebody has said yes.
    yes: bool,
    groups: Option<VecDeque<Group>>,
    /// When the current group was last looked at, by a clock that never jumps, if no write was sent since.
    looked: Option<Timestamp>,
    /// Whether that look was told the server's clock.
    clock_told: bool,
    /// It is stopped until then.
    stopped_until: Option<Timestamp>,
}

impl<'p> Run<'p> {
    /// The run of that number, by a clock that the server's is `skew` ahead of.
    pub fn new(number: u64, policies: &'p [Policy], skew: SignedDuration, batch: usize, yes: bool) -> Self {
        Self { policies, skew, number, batch, yes, groups: None, looked: None, clock_told: false, stopped_until: None }
    }

    /// Stops it for some time.
    pub fn stop(&mut self, until: Timestamp) {
        self.stopped_until = Some(until);
    }

    /// Its clock jumps.
    pub fn clock_jumps(&mut self, skew: SignedDuration, world: &mut World) {
        self.skew = skew;
        world.notes(&format!("run {}: its clock jumps to {}", self.number, self.now(world)));
    }

    /// Whether it is not stopped.
    pub fn is_awake(&self, world: &World) -> bool {
        self.stopped_until.is_none_or(|until| until <= world.now())
    }

    /// Whether what it does next is a write that a look has permitted and that is not too old.
    pub fn is_about_to_write(&self, world: &World) -> bool {
        let first = self.groups.as_ref().and_then(VecDeque::front);
        let acts = |group: &Group| group.iter().any(|(_, machine)| *machine.ask() == Ask::Act);
        first.is_some_and(acts) && !self.is_expired(world)
    }

    fn is_expired(&self, world: &World) -> bool {
        self.looked.is_some_and(|looked| world.now().duration_since(looked).as_secs() > PERMIT_SECONDS)
    }

    fn now(&self, world: &World) -> Timestamp {
        world.now().checked_sub(self.skew).unwrap_or(world.now())
    }

    /// Does one thing. Says whether the run goes on.
    pub fn act(&mut self, world: &mut World, chance: &mut Chance) -> bool {
        if self.groups.is_none() {
            return self.plan(world, chance);
        }
        let Some(mut group) = self.groups.as_mut().and_then(VecDeque::pop_front) else { return false };
        if group.iter().any(|(_, machine)| *machine.ask() == Ask::Look) {
            self.look_at(&mut group, world, chance);
        } else if group.iter().any(|(_, machine)| *machine.ask() == Ask::Act) {
            self.send(&mut group, world, chance);
        } else {
            for (step, machine) in &group {
                world.notes(&format!("run {}: {}: {:?}", self.number, step.snapshot(), machine.ask()));
            }
            self.looked = None;
            return true;
        }
        if let Some(groups) = &mut self.groups {
            groups.push_front(group);
        }
        true
    }

    fn plan(&mut self, world: &mut World, chance: &mut Chance) -> bool {
        if self.yes {
            world.somebody_says_yes();
        }
        let Some(inventory) = world.look(self.skew, chance) else { return false };
        let plan = make(self.policies, &inventory, &Options::default(), self.now(world));
        let names: Vec<&str> = plan.steps.iter().map(Step::snapshot).collect();
        world.notes(&format!("run {} at {} plans {}", self.number, plan.at, names.join(" ")));
        self.groups = Some(self.grouped(plan.steps));
        true
    }

    /// What was never confirmed is left out without a yes.
    fn grouped(&self, steps: Vec<Step>) -> VecDeque<Group> {
        let mut groups: VecDeque<Group> = VecDeque::new();
        for step in steps {
            if matches!(&step, Step::Delete(delete) if delete.unconfirmed && !self.yes) {
                continue;
            }
            let joins = |group: &&mut Group| {
                let deletes = matches!((&group[0].0, &step), (Step::Delete(_), Step::Delete(_)));
                deletes && group.len() < self.batch
            };
            match groups.back_mut().filter(joins) {
                Some(group) => group.push((step, Machine::default())),
                None => groups.push_back(vec![(step, Machine::default())]),
            }
        }
        groups
    }

    /// One look for all of the group that want one.
    fn look_at(&mut self, group: &mut Group, world: &mut World, chance: &mut Chance) {
        let inventory = world.look(self.skew, chance);
        let now = self.now(world);
        let cluster = inventory.as_ref().and_then(|inventory: &Inventory| inventory.clusters.get(CLUSTER));
        let look = cluster.and_then(|cluster| Look::new(self.policies, CLUSTER, cluster, REPOSITORY, now));
        let look = look.map(|look| look.allowing(Options::default(), self.yes));
        if look.is_some() {
            self.looked = Some(world.now());
            self.clock_told = cluster.is_some_and(|cluster| cluster.skew.is_some());
        }
        for (step, machine) in group.iter_mut().filter(|(_, machine)| *machine.ask() == Ask::Look) {
            let verdict = look.as_ref().map(|look| match step {
                Step::Create(create) => look.may_create(create),
                Step::Delete(delete) => look.may_delete(delete),
            });
            machine
                .tell(verdict.map_or(Event::Unseen, |verdict| verdict.map_or_else(Event::Refuted, Event::Permitted)));
        }
    }

    /// One request for all of the group that may act.
    fn send(&mut self, group: &mut Group, world: &mut World, chance: &mut Chance) {
        let acting: Vec<&mut (Step, Machine)> =
            group.iter_mut().filter(|(_, machine)| *machine.ask() == Ask::Act).collect();
        let event = if self.is_expired(world) {
            Event::Expired
        } else {
            let steps: Vec<&Step> = acting.iter().map(|(step, _)| step).collect();
            match self.send_once(&steps, world, chance) {
                Answer::Accepted => Event::Accepted,
                // One of several may be in the way of the others: only a look tells.
                Answer::Refused if steps.len() > 1 => Event::Lost,
                Answer::Refused => Event::Refused,
                Answer::Lost => Event::Lost,
            }
        };
        for (_, machine) in acting {
            machine.tell(event.clone());
        }
    }

    fn send_once(&mut self, steps: &[&Step], world: &mut World, chance: &mut Chance) -> Answer {
        let looked = self.looked.take().is_some();
        for step in steps {
            world.judge_order(step.snapshot(), looked);
        }
        let Some(first) = steps.first() else { return Answer::Lost };
        let policy = crate::history::known(&first.place().policy);
        let write = match first {
            Step::Create(create) => Write::Create {
                name: create.snapshot.clone(),
                policy,
                slot: create.slot,
                clock_told: self.clock_told,
                metadata: create.metadata(&format!("run-{}", self.number), self.yes),
            },
            Step::Delete(_) => Write::Delete {
                names: steps
                    .iter()
                    .map(|step| (step.snapshot().to_owned(), crate::history::known(&step.place().policy)))
                    .collect(),
            },
        };
        world.send(write, chance)
    }
}
