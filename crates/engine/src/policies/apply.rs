//! Carries a plan out: cluster by cluster side by side, within each the creations first, then the deletions.

use super::eye::{Eye, Ticker};
use super::fleet::Fleet;
use super::note;
use super::preflight::Conditions;
use super::report::{ClusterOutcome, ClusterReport, PolicyReport, RunReport, Taken};
use super::together::together;
use crate::follow::{follow, judge};
use crate::observe::Observer;
use crate::run::vanished;
use crate::watch::Watch;
use jiff::Timestamp;
use snapkeep_cluster::{Feature, SnapshotApi};
use snapkeep_core::naming::{RepositoryName, RequestMark, SnapshotName};
use snapkeep_core::plan::{Create, Place, Plan, Skip, Step};
use snapkeep_core::policy::Policy;
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After nothing has moved for so long, the observer hears what a snapshot waits for.
const STALL_AFTER: Duration = Duration::from_mins(5);

/// Of the time that is left, snapshots are followed for all but this share, so that deletions have some.
const FOR_DELETIONS: u32 = 4;

/// How a plan is carried out.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Somebody has seen the plan and says yes: deletions of policies that never deleted are carried out, and the
    /// snapshots that are taken remember it.
    pub yes: bool,
    /// Deletes also where the server's clock is unknown or far from ours.
    pub allow_unknown_clock: bool,
    /// What the run is called in the metadata of the snapshots that it takes.
    pub run: RequestMark,
    /// Follow the snapshots until they end or time is up, rather than leave them running.
    pub wait_until_end: bool,
}

/// Carries the plan out; `now` is what time it is. Every step is looked at again just before it is taken: one that no
/// longer fits is reported as `plan_stale`, and the rest goes on. Never fails as a whole: see [`RunReport::verdict`].
pub async fn apply(
    fleet: &Fleet,
    policies: &BTreeMap<String, Policy>,
    plan: &Plan,
    options: &ApplyOptions,
    now: Timestamp,
    deadline: Deadline,
    observer: &dyn Observer,
) -> RunReport {
    let ticker = Ticker::new(now);
    let all: Vec<Policy> = policies.values().cloned().collect();
    let all = all.as_slice();
    let sessions = clusters(plan).into_iter().map(|name| async move {
        match fleet.get(name) {
            Ok(api) => {
                let session = Session::new(name, api, all, options, (ticker, deadline), observer);
                (name.to_owned(), Ok(session.carry_out(plan).await))
            }
            Err(failure) => (name.to_owned(), Err((failure, note::begin(plan, name)))),
        }
    });
    let mut report =
        RunReport { schema: 1, started_at: now, finished_at: now, clusters: BTreeMap::new(), policies: Vec::new() };
    for (name, outcome) in together(sessions).await {
        let (cluster, policies) = match outcome {
            Ok(policies) => (ClusterReport { outcome: ClusterOutcome::Seen, failure: None }, policies),
            Err((failure, policies)) => {
                (ClusterReport { outcome: ClusterOutcome::Unseen, failure: Some(failure) }, policies)
            }
        };
        report.clusters.insert(name, cluster);
        report.policies.extend(policies);
    }
    report.policies.sort_by(|a, b| (&a.policy, &a.cluster).cmp(&(&b.policy, &b.cluster)));
    report.finished_at = ticker.now();
    report
}

fn clusters(plan: &Plan) -> BTreeSet<&str> {
    let steps = plan.steps.iter().map(Step::place);
    let standing = plan.policies.iter().map(|standing| &standing.place);
    let skipped = plan.skipped.iter().map(|skipped| &skipped.place);
    steps.chain(standing).chain(skipped).map(|place| place.cluster.as_str()).collect()
}

/// A plan's work on one cluster.
pub(super) struct Session<'a> {
    pub(super) name: &'a str,
    pub(super) policies: &'a [Policy],
    pub(super) options: &'a ApplyOptions,
    /// Whether the version keeps metadata.
    pub(super) has_metadata: bool,
    pub(super) eye: Eye<'a>,
    pub(super) reports: Vec<PolicyReport>,
    under_way: Vec<UnderWay<'a>>,
}

/// A snapshot that has begun.
pub(super) struct UnderWay<'a> {
    pub(super) place: Place,
    pub(super) repository: RepositoryName,
    pub(super) name: SnapshotName,
    pub(super) taken: Taken,
    /// What it was to hold, if this run's plan says so.
    pub(super) wanted: Option<&'a Create>,
}

impl<'a> Session<'a> {
    fn new(
        name: &'a str,
        api: &'a SnapshotApi,
        policies: &'a [Policy],
        options: &'a ApplyOptions,
        (ticker, deadline): (Ticker, Deadline),
        observer: &'a dyn Observer,
    ) -> Self {
        let eye = Eye::new(api, ticker, deadline, observer);
        Self { name, policies, options, has_metadata: false, eye, reports: Vec::new(), under_way: Vec::new() }
    }

    async fn carry_out(mut self, plan: &'a Plan) -> Vec<PolicyReport> {
        self.reports = note::begin(plan, self.name);
        self.adopt_running(plan);
        self.create_all(plan).await;
        let left = self.eye.deadline.left();
        let has_deletes = plan.deletes().any(|delete| delete.place.cluster == self.name);
        let reserve = if has_deletes { left / FOR_DELETIONS } else { Duration::ZERO };
        self.follow_all(reserve).await;
        self.delete_all(plan).await;
        self.follow_all(Duration::ZERO).await;
        for left in std::mem::take(&mut self.under_way) {
            self.report(&left.place).pending.push(left.taken);
        }
        self.reports
    }

    pub(super) fn report(&mut self, place: &Place) -> &mut PolicyReport {
        note::at(&mut self.reports, place)
    }

    /// A slot's snapshot that runs was begun by an earlier run: this one goes on with it.
    fn adopt_running(&mut self, plan: &Plan) {
        let running = plan.skipped.iter().filter(|skipped| skipped.why == Skip::SlotRunning);
        for skipped in running.filter(|skipped| skipped.place.cluster == self.name) {
            let Some(name) = &skipped.snapshot else { continue };
            let names = (RepositoryName::parse(&skipped.place.repository), SnapshotName::parse(name));
            let (Ok(repository), Ok(name)) = names else { continue };
            let taken = Taken::begun(name.as_str(), crate::report::Outcome::Adopted);
            self.under_way.push(UnderWay { place: skipped.place.clone(), repository, name, taken, wanted: None });
        }
    }

    async fn create_all(&mut self, plan: &'a Plan) {
        let name = self.name;
        let creates: Vec<&'a Create> = plan.creates().filter(|create| create.place.cluster == name).collect();
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
            for warning in conditions.warnings(&create.indices, create.partial) {
                self.report(&create.place).warn(warning);
            }
            if create.guard.alone {
                // The one before is in the way until it has ended, whether somebody waits for it or not.
                self.follow_for(self.eye.deadline.left() / FOR_DELETIONS * (FOR_DELETIONS - 1)).await;
            }
            match self.take(create).await {
                Ok(Some(begun)) => self.under_way.push(begun),
                Ok(None) => {}
                Err(failure) => self.report(&create.place).fail(failure),
            }
        }
    }

    async fn follow_all(&mut self, reserve: Duration) {
        let wait = if self.options.wait_until_end { self.eye.deadline.less(reserve).left() } else { Duration::ZERO };
        self.follow_for(wait).await;
    }

    /// Follows what is under way for so long; what has ended is reported.
    async fn follow_for(&mut self, wait: Duration) {
        let until = self.eye.deadline.or_after(wait);
        for mut one in std::mem::take(&mut self.under_way) {
            let mut watch = Watch::new(self.eye.observer(), Some(STALL_AFTER));
            let (api, deadline) = (self.eye.api, self.eye.deadline);
            // It was seen before: if it is not there any more, waiting brings nothing.
            let seen = match api.snapshot(&one.repository, &one.name, deadline).await {
                Ok(None) => Ok(None),
                _ => follow(api, &one.repository, &one.name, until.left(), deadline, Some(&mut watch)).await,
            };
            match seen {
                Ok(Some(seen)) => {
                    one.taken.observe(&seen);
                    if has_ended(&seen) {
                        self.end(one, &seen).await;
                        continue;
                    }
                }
                Ok(None) => {
                    self.report(&one.place).fail(vanished(one.name.as_str()));
                    continue;
                }
                Err(failure) => {
                    let cause = failure.cause;
                    self.report(&one.place).warn(format!("snapshot {} could not be looked at: {cause}", one.name));
                }
            }
            self.under_way.push(one);
        }
    }

    /// It has ended: well, or not.
    async fn end(&mut self, one: UnderWay<'a>, seen: &Snapshot) {
        let missing = match one.wanted {
            Some(create) => self.missing(&one, create).await,
            None => Vec::new(),
        };
        let report = self.report(&one.place);
        if !missing.is_empty() {
            report.warn(format!(
                "snapshot {} does not hold {}: deleted while it was taken?",
                one.name,
                missing.join(", ")
            ));
        }
        if seen.state.is_none() {
            report.warn(format!("the server's word for the state of snapshot {} is not known here", seen.name));
        }
        if seen.state == Some(State::Success) {
            report.stale = false;
        }
        if let Err(failure) = judge(seen) {
            report.fail(failure);
        }
        report.created.push(one.taken);
    }

    /// What the snapshot was to hold and does not. Some versions leave out an index that is deleted meanwhile.
    async fn missing(&self, one: &UnderWay<'_>, create: &Create) -> Vec<String> {
        let Ok(Some(full)) = self.eye.api.full(&one.repository, &one.name, self.eye.deadline).await else {
            return Vec::new();
        };
        let held: BTreeSet<&String> = full.indices_named.iter().chain(&full.data_streams).collect();
        create.indices.iter().filter(|name| !held.contains(name)).cloned().collect()
    }
}

fn has_ended(seen: &Snapshot) -> bool {
    seen.state != Some(State::InProgress)
}

/// A name of a plan that was changed by hand.
pub(super) fn changed_plan(what: &str) -> Failure {
    Failure::new(Code::PlanStale, format!("the plan was changed: {what}"), "make a new plan; edit the policy instead")
}
