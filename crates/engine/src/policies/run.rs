//! All of it, once: on each cluster look, plan, carry out; and again where a snapshot has to wait for another.

use super::apply::{ApplyOptions, Work};
use super::beside;
use super::decide::decide_on;
use super::eye::{Eye, Scene};
use super::fleet::{Fleet, meant};
use super::gather::{Seen, places, see};
use super::location::Locations;
use super::note;
use super::report::{PolicyReport, RunReport, Visit};
use super::session::{Session, Spent};
use super::take::running_first;
use super::ticker::Ticker;
use super::together::together;
use super::turns::Turns;
use crate::observe::{Event, Observer};
use jiff::Timestamp;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::inventory::Inventory;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::plan::{Options, Place, Plan, Skip, Step};
use snapkeep_core::policy::Policy;
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;
use std::time::Duration;

/// The pause until a snapshot that has to wait is looked at again: doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a deletion that was put off is not carried out.
const POSTPONED: &str = "a snapshot had to run first, since this version does one thing at a time, and no time was left: the next run goes on";

/// How policies are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// How what is planned is carried out.
    pub apply: ApplyOptions,
    /// The policies to run; none are all. (See [`check_names`](snapkeep_core::policy::check_names) for names that are none.)
    pub only: Vec<String>,
    /// What time it is.
    pub at: Timestamp,
}

/// Runs the policies once, on all clusters side by side: none waits for another. Where another snapshot runs and the
/// version takes one at a time, it waits while the slot may still begin and there is time. Never fails as a whole: see
/// [`RunReport::verdict`].
pub async fn run(
    fleet: &Fleet<'_>,
    policies: &BTreeMap<String, Policy>,
    options: &RunOptions,
    deadline: Deadline,
    observer: &dyn Observer,
) -> RunReport {
    let all: Vec<Policy> = policies.values().cloned().collect();
    let clusters = places(meant(policies, &options.only));
    let named = places(policies.values());
    let locations = Locations::of(clusters.keys().copied()).beside(fleet.left_out().map(|(name, _)| name));
    let ticker = Ticker::new(options.at, options.apply.clock);
    let scene = Scene { ticker, deadline, observer, locations: &locations };
    let turns = &Turns::of(options.apply.wait, meant(policies, &options.only), options.at);
    let work = &Work { policies: &all, options: &options.apply, turns, scene };
    let visits = clusters.into_keys().map(|name| {
        let named = &named[name];
        async move {
            let _teller = work.scene.locations.teller(name);
            let mut rounds = Rounds::new(work, name, named, options.only.clone());
            let visit = match fleet.get(name, deadline).await {
                Ok(api) => {
                    let before = api.calls();
                    rounds.all(api).await.with(api.calls().since(before))
                }
                Err(failure) => rounds.in_vain(failure),
            };
            (name.to_owned(), visit)
        }
    });
    let visits = beside::during(together(visits), fleet, &work.scene).await;
    RunReport::of(options.at, ticker.now(), visits, &locations)
}

/// One cluster's run: a round for each look at what exists.
struct Rounds<'a> {
    work: &'a Work<'a>,
    name: &'a str,
    /// The repositories that any policy names on this cluster.
    named: &'a [RepositoryName],
    planning: Options,
    /// The policies of the next round; none are all.
    only: Vec<String>,
    /// Snapshots that have to wait, and for what.
    waited: BTreeMap<Place, Failure>,
    /// Deletions that wait with them.
    postponed: Vec<(Place, String)>,
    reports: Vec<PolicyReport>,
}

impl<'a> Rounds<'a> {
    fn new(work: &'a Work<'a>, name: &'a str, named: &'a [RepositoryName], only: Vec<String>) -> Self {
        let planning = Options { allow_unknown_clock: work.options.allow_unknown_clock };
        Self { work, name, named, planning, only, waited: BTreeMap::new(), postponed: Vec::new(), reports: Vec::new() }
    }

    async fn all(&mut self, api: &'a SnapshotApi) -> Visit {
        let Scene { ticker, deadline, observer, locations } = self.work.scene;
        let (mut eye, mut spent) = (Eye::new(self.name, api, &self.work.scene), Spent::new());
        let mut pause = PAUSE;
        loop {
            let now = ticker.now();
            let mut seen = match see(&mut eye, &self.repositories(), self.named).await {
                Ok(seen) => seen,
                Err(failure) => return self.in_vain(failure),
            };
            locations.told(self.name);
            self.leave_to_others(&mut seen);
            let (mut plan, seen) = self.plan(seen, now);
            let is_concurrent = seen.cluster.concurrent;
            let waiting = waiting(&plan, is_concurrent, now);
            self.postponed = postpone(&mut plan, !waiting.is_empty() && !is_concurrent);
            let done = Session::new(self.work, eye, spent).carry_out(&plan, seen).await;
            (eye, spent) = (done.eye, done.spent);
            self.go_on(done.reports);
            self.missed(&plan);
            if waiting.is_empty() {
                break;
            }
            if self.gives_way(&waiting) {
                // What still may begin has not waited in vain: the next run takes it.
                self.waited.clear();
                for (place, ..) in &waiting {
                    note::at(&mut self.reports, place).gave_way = true;
                }
                self.waited_in_vain();
                break;
            }
            for (place, _, why) in &waiting {
                observer.notice(&Event::Waiting { why, left: deadline.left() });
                tracing::info!(policy = place.policy, cluster = self.name, "{why}");
            }
            let places = waiting.iter().map(|(place, ..)| place).chain(self.postponed.iter().map(|(place, _)| place));
            self.only = places.map(|place| place.policy.clone()).collect();
            self.waited = waiting.into_iter().map(|(place, failure, _)| (place, failure)).collect();
            if !deadline.pause(pause).await {
                self.waited_in_vain();
                break;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Visit::made(std::mem::take(&mut self.reports))
    }

    /// Whether the slot of another policy has come while these wait.
    fn gives_way(&self, waiting: &[(Place, Failure, String)]) -> bool {
        let now = self.work.scene.ticker.now();
        waiting.iter().any(|(place, ..)| self.work.turns.until_anothers(&place.policy, now).is_zero())
    }

    /// The repositories of this round's policies.
    fn repositories(&self) -> Vec<RepositoryName> {
        let meant = |policy: &&Policy| self.only.is_empty() || self.only.contains(&policy.name);
        places(self.work.policies.iter().filter(meant)).remove(self.name).unwrap_or_default()
    }

    /// Where another repository that is the same place came first, nothing is done.
    fn leave_to_others(&self, seen: &mut Seen) {
        let names: Vec<String> = seen.cluster.repositories.keys().cloned().collect();
        for repository in names {
            if let Some(failure) = self.work.scene.locations.taken(self.name, &repository) {
                seen.cluster.repositories.remove(&repository);
                seen.failures.insert(repository, failure);
            }
        }
    }

    fn plan(&self, seen: Seen, now: Timestamp) -> (Plan, Seen) {
        let Seen { cluster, failures } = seen;
        let mut inventory = Inventory { clusters: BTreeMap::from([(self.name.to_owned(), cluster)]) };
        let plan = decide_on(self.name, &inventory, self.work.policies, &self.only, self.planning, now);
        let cluster = inventory.clusters.remove(self.name).unwrap_or_default();
        (plan, Seen { cluster, failures })
    }

    /// The cluster could not be set up, or does not answer (any more).
    fn in_vain(&mut self, failure: Failure) -> Visit {
        if self.reports.is_empty() {
            let (now, nothing) = (self.work.scene.ticker.now(), Inventory::default());
            let plan = decide_on(self.name, &nothing, self.work.policies, &self.only, self.planning, now);
            self.reports = note::begin(&plan, self.name, &note::Unseen::cluster());
        }
        self.waited_in_vain();
        Visit::in_vain(failure, std::mem::take(&mut self.reports))
    }

    /// Takes over what a later round did. What the earlier one said of the state of things is out of date.
    fn go_on(&mut self, later: Vec<PolicyReport>) {
        for round in later {
            match self.reports.iter_mut().find(|mine| mine.policy == round.policy) {
                Some(mine) => mine.go_on(round),
                None => self.reports.push(round),
            }
        }
    }

    /// A slot that has waited until its window was over has missed its snapshot because of what it waited for.
    fn missed(&mut self, plan: &Plan) {
        for skipped in plan.skipped.iter().filter(|skipped| matches!(skipped.why, Skip::WindowOver { .. })) {
            let Some(failure) = self.waited.get(&skipped.place) else { continue };
            let report = note::at(&mut self.reports, &skipped.place);
            report.failures.retain(|other| Some(other) != note::untaken(skipped).as_ref());
            report.fail(failure.clone());
        }
    }

    /// There is no time left to wait.
    fn waited_in_vain(&mut self) {
        for (place, failure) in std::mem::take(&mut self.waited) {
            note::at(&mut self.reports, &place).fail(failure);
        }
        for (place, snapshot) in std::mem::take(&mut self.postponed) {
            note::at(&mut self.reports, &place).skip(&snapshot, POSTPONED);
        }
    }
}

/// Policies whose snapshot has to wait, what it fails with if it waits in vain, and for what in words.
fn waiting(plan: &Plan, is_concurrent: bool, now: Timestamp) -> Vec<(Place, Failure, String)> {
    let still = plan.skipped.iter().filter_map(|skipped| match &skipped.why {
        why @ Skip::Waiting { behind_repository, behind, until } if *until > now => {
            Some((skipped.place.clone(), running_first(behind, behind_repository, is_concurrent), why.to_string()))
        }
        _ => None,
    });
    still.collect()
}

/// Takes out deletions where a snapshot has to wait because one thing runs at a time: they would wait as well, and the
/// snapshot for them. Says which they are.
fn postpone(plan: &mut Plan, is_busy: bool) -> Vec<(Place, String)> {
    let is_later = |step: &Step| is_busy && matches!(step, Step::Delete(_));
    let (later, now): (Vec<Step>, Vec<Step>) = std::mem::take(&mut plan.steps).into_iter().partition(is_later);
    plan.steps = now;
    later.into_iter().map(|step| (step.place().clone(), step.snapshot().to_owned())).collect()
}

impl PolicyReport {
    fn go_on(&mut self, later: Self) {
        self.created.extend(later.created);
        self.pending = later.pending;
        self.deleted.extend(later.deleted);
        (self.kept, self.skipped, self.stale, self.facts) = (later.kept, later.skipped, later.stale, later.facts);
        self.gave_way = later.gave_way;
        later.warnings.into_iter().for_each(|warning| self.warn(warning));
        later.failures.into_iter().for_each(|failure| self.fail(failure));
    }
}
