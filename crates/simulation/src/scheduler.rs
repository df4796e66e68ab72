//! A run of production's code: plan, then each step's machine, one act at a time.

use crate::chance::Chance;
use crate::fault::Bug;
use crate::world::{Answer, CLUSTER, REPOSITORY, World, Write};
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::invariants::{Look, Permit};
use snapkeep_core::inventory::Inventory;
use snapkeep_core::plan::{Options, Step, make};
use snapkeep_core::policy::Policy;
use snapkeep_core::steps::{Ask, Event, Machine, PERMIT_SECONDS};
use std::collections::VecDeque;

/// Somebody who looks after the policies.
#[derive(Debug)]
pub struct Run<'p> {
    policies: &'p [Policy],
    bug: Option<Bug>,
    /// How far the server's clock is ahead of this one's.
    skew: SignedDuration,
    number: u64,
    steps: Option<VecDeque<(Step, Machine)>>,
    /// When the current step was last looked at, by a clock that never jumps, if no write was sent since.
    looked: Option<Timestamp>,
    /// It is stopped until then.
    stopped_until: Option<Timestamp>,
}

impl<'p> Run<'p> {
    /// The run of that number, by a clock that the server's is `skew` ahead of.
    pub fn new(number: u64, policies: &'p [Policy], skew: SignedDuration, bug: Option<Bug>) -> Self {
        Self { policies, bug, skew, number, steps: None, looked: None, stopped_until: None }
    }

    /// Stops it for some time.
    pub fn stop(&mut self, until: Timestamp) {
        self.stopped_until = Some(until);
    }

    /// Whether it is not stopped.
    pub fn is_awake(&self, world: &World) -> bool {
        self.stopped_until.is_none_or(|until| until <= world.now())
    }

    /// Whether what it does next is a write that a look has permitted and that is not too old.
    pub fn is_about_to_write(&self, world: &World) -> bool {
        let first = self.steps.as_ref().and_then(VecDeque::front);
        first.is_some_and(|(_, machine)| *machine.ask() == Ask::Act) && !self.is_expired(world)
    }

    fn is_expired(&self, world: &World) -> bool {
        let age = self.looked.map(|looked| world.now().duration_since(looked));
        self.bug != Some(Bug::GuardLeftOut) && age.is_some_and(|age| age.as_secs() > PERMIT_SECONDS)
    }

    fn now(&self, world: &World) -> Timestamp {
        world.now().checked_sub(self.skew).unwrap_or(world.now())
    }

    fn look(&self, world: &World, chance: &mut Chance) -> Option<Inventory> {
        let known = if self.bug == Some(Bug::LocalTime) { SignedDuration::ZERO } else { self.skew };
        world.look(Some(known), chance)
    }

    /// Does one thing. Says whether the run goes on.
    pub fn act(&mut self, world: &mut World, chance: &mut Chance) -> bool {
        if self.steps.is_none() {
            return self.plan(world, chance);
        }
        let Some((step, mut machine)) = self.steps.as_mut().and_then(VecDeque::pop_front) else { return false };
        let event = match machine.ask() {
            Ask::Look => self.look_at(&step, world, chance),
            Ask::Act => self.send(&step, world, chance),
            Ask::End(outcome) => {
                world.notes(&format!("run {}: {}: {outcome:?}", self.number, step.snapshot()));
                self.looked = None;
                return true;
            }
        };
        machine.tell(event);
        if let Some(steps) = &mut self.steps {
            steps.push_front((step, machine));
        }
        true
    }

    fn plan(&mut self, world: &mut World, chance: &mut Chance) -> bool {
        let Some(inventory) = self.look(world, chance) else { return false };
        let plan = make(self.policies, &inventory, &Options::default(), self.now(world));
        let names: Vec<&str> = plan.steps.iter().map(Step::snapshot).collect();
        world.notes(&format!("run {} at {} plans {}", self.number, plan.at, names.join(" ")));
        self.steps = Some(plan.steps.into_iter().map(|step| (step, Machine::default())).collect());
        true
    }

    fn look_at(&mut self, step: &Step, world: &mut World, chance: &mut Chance) -> Event {
        if self.bug == Some(Bug::GuardLeftOut) && self.looked.is_none() {
            self.looked = Some(world.now());
            return Event::Permitted(Permit::Act);
        }
        let inventory = self.look(world, chance);
        let now = self.now(world);
        let cluster = inventory.as_ref().and_then(|inventory| inventory.clusters.get(CLUSTER));
        let look = cluster.and_then(|cluster| Look::new(self.policies, CLUSTER, cluster, REPOSITORY, now));
        let Some(look) = look else { return Event::Unseen };
        self.looked = Some(world.now());
        let verdict = match step {
            Step::Create(create) => look.may_create(create),
            Step::Delete(delete) => look.may_delete(delete),
        };
        verdict.map_or_else(Event::Refuted, Event::Permitted)
    }

    fn send(&mut self, step: &Step, world: &mut World, chance: &mut Chance) -> Event {
        if self.is_expired(world) {
            return Event::Expired;
        }
        let answer = self.send_once(step, world, chance);
        if self.bug == Some(Bug::RetryWithoutLook) && answer == Answer::Lost {
            self.send_once(step, world, chance);
        }
        match answer {
            Answer::Accepted => Event::Accepted,
            Answer::Refused => Event::Refused,
            Answer::Lost => Event::Lost,
        }
    }

    fn send_once(&mut self, step: &Step, world: &mut World, chance: &mut Chance) -> Answer {
        world.judge_order(step.snapshot(), self.looked.is_some());
        self.looked = None;
        let policy = crate::history::known(&step.place().policy);
        let name = step.snapshot().to_owned();
        let write = match step {
            Step::Create(create) => {
                let metadata = create.metadata(&format!("run-{}", self.number), false);
                Write::Create { name, policy, slot: create.slot, metadata }
            }
            Step::Delete(_) => Write::Delete { name, policy },
        };
        world.send(write, chance)
    }
}
