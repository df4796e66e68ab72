//! A plan's part on one cluster: the creations first, then the deletions.

use super::apply::{ApplyOptions, Work};
use super::eye::Eye;
use super::following::UnderWay;
use super::gather::Seen;
use super::note;
use super::preflight::Conditions;
use super::report::{PolicyReport, Taken};
use super::take::in_the_way;
use super::turns::Turns;
use snapkeep_cluster::Feature;
use snapkeep_core::failure::one_line;
use snapkeep_core::invariants::{Violation, check};
use snapkeep_core::inventory::Inventory;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::plan::{Create, Options, Place, Plan, Skip, Step};
use snapkeep_core::policy::Policy;
use snapkeep_core::selection::Reason;
use snapkeep_core::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Of the time that is left, snapshots are followed for all but this share, so that deletions have some.
const FOR_DELETIONS: u32 = 4;

/// How many deletions each policy has begun in this run, by its name.
pub(super) type Spent = BTreeMap<String, u32>;

/// A plan's work on one cluster: `'a` is what the whole run has, `'p` is the plan.
pub(super) struct Session<'a, 'p> {
    pub(super) policies: &'a [Policy],
    pub(super) options: &'a ApplyOptions,
    pub(super) turns: &'a Turns,
    /// Whether the version keeps metadata.
    pub(super) has_metadata: bool,
    pub(super) eye: Eye<'a>,
    pub(super) reports: Vec<PolicyReport>,
    pub(super) spent: Spent,
    /// Steps that are not to be taken, by repository and snapshot.
    refused: BTreeSet<(&'p str, &'p str)>,
    pub(super) under_way: Vec<UnderWay>,
}

/// What came of a plan on one cluster, and what the next one goes on with.
pub(super) struct Done<'a> {
    pub(super) reports: Vec<PolicyReport>,
    pub(super) eye: Eye<'a>,
    pub(super) spent: Spent,
}

impl<'a, 'p> Session<'a, 'p> {
    /// `spent` is what earlier plans of the same run have begun.
    pub(super) fn new(work: &Work<'a>, eye: Eye<'a>, spent: Spent) -> Self {
        Self {
            policies: work.policies,
            options: work.options,
            turns: work.turns,
            has_metadata: false,
            eye,
            reports: Vec::new(),
            spent,
            refused: BTreeSet::new(),
            under_way: Vec::new(),
        }
    }

    /// Carries out what the plan says of this cluster, as far as what was `seen` of it just now permits.
    pub(super) async fn carry_out(mut self, plan: &'p Plan, seen: Seen) -> Done<'a> {
        self.reports = note::begin(plan, self.eye.name, &note::Unseen::repositories(&seen.failures));
        self.refuse(plan, seen);
        self.adopt_running(plan).await;
        self.create_all(plan).await;
        let left = self.eye.deadline.left();
        let has_deletes = plan.deletes().any(|delete| delete.place.cluster == self.eye.name);
        let reserve = if has_deletes { left / FOR_DELETIONS } else { Duration::ZERO };
        self.follow_all(reserve).await;
        self.delete_all(plan).await;
        self.follow_all(Duration::ZERO).await;
        for left in std::mem::take(&mut self.under_way) {
            let report = self.report(&left.place);
            if let Some(why) = &left.unseen {
                report.fail(out_of_sight(left.name.as_str(), why));
            }
            report.facts.iter_mut().for_each(|facts| facts.runs(&left.taken.snapshot));
            report.pending.push(left.taken);
        }
        Done { reports: self.reports, eye: self.eye, spent: self.spent }
    }

    /// Takes out the steps that what was seen does not permit: all are judged before the first is taken.
    fn refuse(&mut self, plan: &'p Plan, seen: Seen) {
        let name = self.eye.name;
        let mut steps: BTreeMap<&str, Vec<&'p Step>> = BTreeMap::new();
        for step in plan.steps.iter().filter(|step| step.place().cluster == name) {
            steps.entry(&step.place().repository).or_default().push(step);
        }
        let Seen { cluster, failures } = seen;
        let inventory = Inventory { clusters: BTreeMap::from([(name.to_owned(), cluster)]) };
        for (repository, steps) in steps {
            match failures.get(repository).filter(|_| !inventory.clusters[name].repositories.contains_key(repository)) {
                Some(failure) => self.refuse_all(&steps, failure),
                None => self.refuse_broken(plan, &steps, &inventory),
            }
        }
    }

    /// The repository could not be looked at.
    fn refuse_all(&mut self, steps: &[&'p Step], failure: &Failure) {
        for step in steps {
            self.refused.insert((&step.place().repository, step.snapshot()));
            self.report(step.place()).skip(step.snapshot(), failure.cause.clone());
            self.report(step.place()).fail(failure.clone());
        }
    }

    fn refuse_broken(&mut self, plan: &Plan, steps: &[&'p Step], inventory: &Inventory) {
        let now = self.eye.ticker.now();
        let part = Plan {
            schema: plan.schema,
            at: now,
            policies: Vec::new(),
            steps: steps.iter().copied().cloned().collect(),
            kept: Vec::new(),
            skipped: Vec::new(),
        };
        let cluster = &inventory.clusters[self.eye.name];
        let allowed = Options { allow_unknown_clock: self.options.allow_unknown_clock };
        for violation in check(&part, self.policies, inventory, allowed) {
            let Some(step) = steps.iter().find(|step| step.snapshot() == violation.snapshot) else { continue };
            // What only has to wait is waited for.
            let waits = matches!(step, Step::Create(create) if in_the_way(cluster, create, &violation, now).is_some());
            if !waits && self.refused.insert((&step.place().repository, step.snapshot())) {
                self.stale(step.place(), violation);
            }
        }
    }

    /// The step no longer fits.
    pub(super) fn stale(&mut self, place: &Place, violation: Violation) {
        let report = self.report(place);
        report.skip(&violation.snapshot, violation.wrong.clone());
        report.fail(violation.into());
    }

    /// Whether the step may be begun, as far as what was seen before the first one tells.
    pub(super) fn is_open(&self, place: &Place, snapshot: &str) -> bool {
        place.cluster == self.eye.name && !self.refused.contains(&(place.repository.as_str(), snapshot))
    }

    pub(super) fn report(&mut self, place: &Place) -> &mut PolicyReport {
        note::at(&mut self.reports, place)
    }

    /// A slot's snapshot that runs was begun by an earlier run: this one goes on with it.
    async fn adopt_running(&mut self, plan: &Plan) {
        let running = plan.skipped.iter().filter(|skipped| skipped.why == Skip::SlotRunning);
        for skipped in running.filter(|skipped| skipped.place.cluster == self.eye.name) {
            let Some(name) = &skipped.snapshot else { continue };
            let names = (RepositoryName::parse(&skipped.place.repository), SnapshotName::parse(name));
            let (Ok(repository), Ok(name)) = names else { continue };
            let taken = Taken::begun(name.as_str(), crate::report::Outcome::Adopted);
            let place = skipped.place.clone();
            // While it runs it names all that it was begun for; at its end some versions leave out what was deleted.
            let wanted = self.holds(&repository, &name).await.into_iter().flatten().collect();
            self.under_way.push(UnderWay { wanted, ..UnderWay::begun(place, repository, name, taken) });
        }
    }

    /// Whether the slot of another policy has come.
    fn gives_way(&self, place: &Place) -> bool {
        self.turns.until_anothers(&place.policy, self.eye.ticker.now()).is_zero()
    }

    async fn create_all(&mut self, plan: &'p Plan) {
        let creates: Vec<&'p Create> =
            plan.creates().filter(|create| self.is_open(&create.place, &create.snapshot)).collect();
        if creates.is_empty() {
            return;
        }
        match self.eye.product().await {
            Ok(product) => self.has_metadata = product.has(Feature::Metadata),
            Err(failure) => {
                return creates.iter().for_each(|create| self.report(&create.place).fail(failure.clone()));
            }
        }
        let conditions = Conditions::of(&self.eye).await;
        for create in creates {
            for warning in conditions.warnings(&create.indices, create.partial).into_iter().chain(without(create)) {
                self.report(&create.place).warn(warning);
            }
            if create.guard.alone {
                // The one before is in the way until it has ended, whether somebody waits for it or not.
                self.follow_for(self.eye.deadline.left() / FOR_DELETIONS * (FOR_DELETIONS - 1)).await;
            }
            match self.take(create).await {
                Ok(Some(begun)) => self.under_way.push(begun),
                Ok(None) => {}
                // It has not waited in vain: the next run goes on.
                Err(failure) if failure.code == Code::SnapshotRunning && self.gives_way(&create.place) => {
                    let report = self.report(&create.place);
                    report.skip(&create.snapshot, failure.cause);
                    report.gave_way = true;
                }
                Err(failure) => self.report(&create.place).fail(failure),
            }
        }
    }
}

/// What is not in the snapshot although the policy selects it.
fn without(create: &Create) -> Option<String> {
    let closed = create.closed();
    if closed.is_empty() {
        return None;
    }
    let (which, names) = (if closed.len() == 1 { "index" } else { "indices" }, closed.join(", "));
    let names = one_line(&names, 300);
    Some(format!("{} is taken without {which} {names}: {}", create.snapshot, Reason::Closed))
}

/// It was begun, and the last look at it failed: whether it still runs, and how it ends, is not known.
fn out_of_sight(name: &str, why: &Failure) -> Failure {
    let cause = format!("how snapshot {name} ends is not known: the last look at it failed: {}", why.cause);
    let hint = "the snapshot goes on whether it can be looked at or not: the next run finds it";
    Failure::new(Code::OutcomeUnknown, cause, hint)
}

/// A name of a plan that was changed by hand.
pub(super) fn changed_plan(what: &str) -> Failure {
    Failure::new(Code::PlanStale, format!("the plan was changed: {what}"), "make a new plan; edit the policy instead")
}
