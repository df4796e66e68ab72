//! Carries a plan out: on its clusters side by side, on each the creations first, then the deletions.

use super::beside;
use super::eye::{Eye, Scene};
use super::fleet::Fleet;
use super::gather::see;
use super::location::Locations;
use super::note;
use super::report::{RunReport, Visit};
use super::session::{Session, Spent};
use super::ticker::Ticker;
use super::together::together;
use super::turns::Turns;
use crate::observe::Observer;
use jiff::Timestamp;
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::naming::{RepositoryName, RequestMark};
use snapkeep_core::plan::{Place, Plan, Step};
use snapkeep_core::policy::Policy;
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};

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
    /// How long snapshots that run are followed, and waited for.
    pub wait: Wait,
    /// The time of day, of which only what passes counts: it goes on while the machine sleeps, and a permit to act grows
    /// old by it.
    pub clock: fn() -> Timestamp,
}

/// How long a run stays with snapshots that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It leaves them running.
    No,
    /// Until they end or time is up.
    ToTheEnd,
    /// The same, but not beyond the next slot of another of its policies, nor, with what only has to wait for them, of
    /// their own: for whoever runs those again, and goes on with what is left.
    ToTheNextSlot,
}

/// Carries the plan out; `now` is what time it is. Looks at what exists before anything is done, and again just before
/// each step: one that no longer fits is reported as `plan_stale`, and the rest goes on. Never fails as a whole: see
/// [`RunReport::verdict`].
pub async fn apply(
    fleet: &Fleet<'_>,
    policies: &BTreeMap<String, Policy>,
    plan: &Plan,
    options: &ApplyOptions,
    now: Timestamp,
    deadline: Deadline,
    observer: &dyn Observer,
) -> RunReport {
    let all: Vec<Policy> = policies.values().cloned().collect();
    let clusters: BTreeSet<&str> = places(plan).map(|place| place.cluster.as_str()).collect();
    let locations = Locations::of(clusters.iter().copied()).beside(fleet.left_out().map(|(name, _)| name));
    let ticker = Ticker::new(now, options.clock);
    let scene = Scene { ticker, deadline, observer, locations: &locations };
    // Whoever carries out a plan has no other to go on with what is left.
    let work = &Work { policies: &all, options, turns: &Turns::default(), scene };
    let visits = clusters.into_iter().map(|name| async move {
        let _teller = work.scene.locations.teller(name);
        let visit = match fleet.get(name, deadline).await {
            Ok(api) => {
                let before = api.calls();
                carry_out(work, name, api, plan).await.with(api.calls().since(before))
            }
            Err(failure) => Visit::in_vain(failure, note::begin(plan, name, &note::Unseen::cluster())),
        };
        (name.to_owned(), visit)
    });
    let visits = beside::during(together(visits), fleet, &work.scene).await;
    RunReport::of(now, ticker.now(), visits, &locations)
}

/// What is to be done on all clusters alike.
pub(super) struct Work<'a> {
    /// All of the configuration: whose a snapshot is depends on all.
    pub(super) policies: &'a [Policy],
    pub(super) options: &'a ApplyOptions,
    pub(super) turns: &'a Turns,
    pub(super) scene: Scene<'a>,
}

/// The plan's part on one cluster.
async fn carry_out<'a>(work: &Work<'a>, name: &'a str, api: &'a SnapshotApi, plan: &Plan) -> Visit {
    let mut eye = Eye::new(name, api, &work.scene);
    let here: BTreeSet<&str> =
        places(plan).filter(|place| place.cluster == name).map(|place| place.repository.as_str()).collect();
    // A name that is none is complained of with its step.
    let repositories: Vec<RepositoryName> =
        here.into_iter().filter_map(|name| RepositoryName::parse(name).ok()).collect();
    let seen = match see(&mut eye, &repositories, &[]).await {
        Ok(seen) => seen,
        Err(failure) => return Visit::in_vain(failure, note::begin(plan, name, &note::Unseen::cluster())),
    };
    work.scene.locations.told(name);
    let done = Session::new(work, eye, Spent::new()).carry_out(plan, seen).await;
    Visit::made(done.reports)
}

/// Wherever the plan says anything of a policy.
fn places(plan: &Plan) -> impl Iterator<Item = &Place> {
    let steps = plan.steps.iter().map(Step::place);
    let standing = plan.policies.iter().map(|standing| &standing.place);
    steps.chain(standing).chain(plan.skipped.iter().map(|skipped| &skipped.place))
}
