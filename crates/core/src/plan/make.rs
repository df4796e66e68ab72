//! Making the plan: whose each snapshot is, then one policy after the other.

use super::facts::Facts;
use super::judged;
use super::kinds::{Delete, DeleteGuard, Kept, Newest, Place, Skipped, Standing, Step, Why};
use super::skip::Skip;
use super::slot;
use super::{Options, Plan, SCHEMA};
use crate::inventory::{Cluster, Inventory, Repository};
use crate::metadata::Metadata;
use crate::naming::counts_from;
use crate::ownership::{Foreign, Owned, share_out};
use crate::policy::Policy;
use crate::retention::{self, Reason, Ties, Verdict};
use crate::schedule::Schedule;
use crate::snapshot::{Snapshot, State};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The plan for `policies` (a set that [`crate::policy::check_set`] accepts) at `now`.
///
/// Costs n log n for n snapshots of a repository, however many policies share it; patterns for foreign snapshots cost
/// each policy that has some a look at each foreign name.
pub fn make(policies: &[Policy], inventory: &Inventory, options: &Options, now: Timestamp) -> Plan {
    let mut plan = Plan { schema: SCHEMA, at: now, policies: vec![], steps: vec![], kept: vec![], skipped: vec![] };
    for ((cluster, repository), policies) in places(policies) {
        let place = |policy: &Policy| Place {
            cluster: cluster.to_owned(),
            repository: repository.to_owned(),
            policy: policy.name.clone(),
        };
        let Some(seen) = inventory.clusters.get(cluster) else {
            plan.skipped.extend(policies.iter().map(|policy| skip(place(policy), Skip::ClusterUnseen)));
            continue;
        };
        let Some(listed) = seen.repositories.get(repository) else {
            plan.skipped.extend(policies.iter().map(|policy| skip(place(policy), Skip::RepositoryUnseen)));
            continue;
        };
        let shares = share_out(&policies, &listed.snapshots, seen.has_metadata);
        let common = Common {
            cluster: seen,
            repository: listed,
            running: &running(seen),
            foreign: &shares.foreign,
            options,
            ours: now,
            now: seen.time(now),
        };
        for (policy, owned) in policies.iter().zip(shares.owned) {
            View { policy, place: place(policy), owned, common: &common }.plan(&mut plan);
        }
        plan.kept.extend(shares.foreign.into_iter().map(|(snapshot, why)| foreign(cluster, repository, snapshot, why)));
    }
    plan
}

/// Each repository of each cluster that a policy names, with its policies by name.
fn places(policies: &[Policy]) -> BTreeMap<(&str, &str), Vec<&Policy>> {
    let mut places: BTreeMap<(&str, &str), Vec<&Policy>> = BTreeMap::new();
    for policy in policies {
        for cluster in &policy.clusters {
            places.entry((cluster, policy.repository.as_str())).or_default().push(policy);
        }
    }
    for policies in places.values_mut() {
        policies.sort_by(|a, b| a.name.cmp(&b.name));
    }
    places
}

fn skip(place: Place, why: Skip) -> Skipped {
    Skipped { place, snapshot: None, why, reasons: Vec::new() }
}

fn foreign(cluster: &str, repository: &str, snapshot: &Snapshot, why: Foreign) -> Kept {
    Kept {
        cluster: cluster.to_owned(),
        repository: repository.to_owned(),
        policy: None,
        snapshot: snapshot.name.clone(),
        reasons: vec![Why::Foreign(why)],
    }
}

/// What the policies of one repository share.
pub(super) struct Common<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) repository: &'a Repository,
    /// The snapshots that run on the cluster, with their repositories' names, sorted.
    pub(super) running: &'a [(&'a str, &'a str)],
    /// The repository's foreign snapshots, sorted by name.
    pub(super) foreign: &'a [(&'a Snapshot, Foreign)],
    pub(super) options: &'a Options,
    /// What our clock shows.
    ours: Timestamp,
    /// What time it is for slots and ages: see [`Cluster::time`].
    pub(super) now: Timestamp,
}

impl Common<'_> {
    /// Why no slot can be told, unless the operator says that our clock is right.
    pub(super) fn dispute(&self, schedule: &Schedule) -> Option<Skip> {
        let dispute = || slot::dispute(schedule, self.cluster, self.repository, self.ours);
        if self.options.allow_unknown_clock { None } else { dispute() }
    }
}

fn running(cluster: &Cluster) -> Vec<(&str, &str)> {
    let mut running: Vec<_> = cluster.running().map(|(repository, snapshot)| (repository, &*snapshot.name)).collect();
    running.sort_unstable();
    running
}

/// One policy on one cluster.
pub(super) struct View<'a> {
    pub(super) policy: &'a Policy,
    pub(super) place: Place,
    pub(super) owned: Vec<Owned<'a>>,
    pub(super) common: &'a Common<'a>,
}

impl View<'_> {
    fn plan(&self, plan: &mut Plan) {
        let standing = self.standing();
        match slot::due(self, &standing) {
            Ok(Some(create)) => plan.steps.push(Step::Create(create)),
            Ok(None) => {}
            Err((snapshot, why)) => plan.skipped.push(Skipped { snapshot, ..skip(self.place.clone(), why) }),
        }
        plan.skipped
            .extend(slot::astray(self.common.cluster, *self.common.options).map(|why| skip(self.place.clone(), why)));
        self.retain(&standing, plan);
        plan.policies.push(standing);
    }

    fn standing(&self) -> Standing {
        let schedule = self.policy.schedule.as_ref();
        let slot = schedule.and_then(|schedule| schedule.latest_slot(self.common.now));
        let own = || self.owned.iter().filter(|owned| owned.name.is_some()).map(|owned| owned.snapshot);
        let good = || own().filter(|snapshot| retention::is_good(snapshot, self.common.now));
        let newest = good().min_by_key(|snapshot| retention::newest_first(snapshot));
        let newest_success =
            newest.and_then(|newest| Some(Newest { snapshot: newest.name.clone(), started_at: newest.started_at? }));
        Standing {
            place: self.place.clone(),
            slot,
            next_slot: schedule.and_then(|schedule| schedule.next(self.common.now)),
            stale: self.is_stale(slot, newest_success.as_ref()),
            newest_success,
            running: self.running(|_| true),
            overdue: self.running(|snapshot| self.is_overdue(snapshot)),
            snapshots: self.owned.len(),
            good: good().count(),
            confirmed: judged::is_confirmed(self.policy, &self.owned),
            facts: Facts::of(self.policy, &self.owned, self.common.now),
        }
    }

    fn is_stale(&self, slot: Option<Timestamp>, newest: Option<&Newest>) -> bool {
        let by_schedule = || self.policy.schedule.as_ref()?.previous(slot?);
        let limit = match self.policy.stale_after {
            Some(period) => Some(period.before(self.common.now, &self.policy.zone)),
            None => by_schedule(),
        };
        limit.is_some_and(|limit| newest.is_none_or(|newest| counts_from(&newest.snapshot, newest.started_at) < limit))
    }

    fn running(&self, wanted: impl Fn(&Snapshot) -> bool) -> Vec<String> {
        let running = self.owned.iter().map(|owned| owned.snapshot).filter(|s| s.state == Some(State::InProgress));
        let mut names: Vec<String> = running.filter(|s| wanted(s)).map(|s| s.name.clone()).collect();
        names.sort_unstable();
        names
    }

    fn is_overdue(&self, snapshot: &Snapshot) -> bool {
        let latest = self.policy.limits.max_duration.map(|limit| limit.before(self.common.now, &self.policy.zone));
        latest.zip(snapshot.started_at).is_some_and(|(latest, start)| start < latest)
    }

    fn retain(&self, standing: &Standing, plan: &mut Plan) {
        let Some(verdicts) = judged::verdicts(self.policy, &self.owned, self.common.repository, self.common.now) else {
            let mut kept: Vec<Kept> =
                self.owned.iter().map(|owned| self.kept(owned.snapshot, vec![Reason::NoRetention])).collect();
            kept.sort_unstable_by(|a, b| a.snapshot.cmp(&b.snapshot));
            plan.kept.extend(kept);
            return;
        };
        let (kept, mut doomed): (Vec<_>, Vec<_>) = verdicts.into_iter().partition(|verdict| verdict.keep);
        plan.kept.extend(kept.into_iter().map(|verdict| self.kept(verdict.snapshot, verdict.reasons)));
        doomed.reverse();
        self.delete(doomed, standing.confirmed, plan);
    }

    fn kept(&self, snapshot: &Snapshot, reasons: Vec<Reason>) -> Kept {
        let Place { cluster, repository, policy } = self.place.clone();
        let reasons = reasons.into_iter().map(Why::Rule).collect();
        Kept { cluster, repository, policy: Some(policy), snapshot: snapshot.name.clone(), reasons }
    }

    /// The doomed come oldest first, so that a limited run takes the oldest.
    fn delete(&self, doomed: Vec<Verdict<'_>>, confirmed: bool, plan: &mut Plan) {
        let held_back = self.holds_back_all();
        let limit = self.policy.limits.max_deletes_per_run;
        for (done, verdict) in (0_u32..).zip(doomed) {
            let over = Skip::Limit { max_deletes_per_run: limit };
            let why = held_back.clone().or_else(|| (done >= limit).then_some(over));
            match (why, verdict.snapshot.state, verdict.snapshot.started_at) {
                (None, Some(state), Some(started_at)) => {
                    let guard = DeleteGuard { uuid: verdict.snapshot.uuid.clone(), state, started_at };
                    plan.steps.push(Step::Delete(self.deletion(verdict, guard, !confirmed)));
                }
                (why, ..) => plan.skipped.push(Skipped {
                    place: self.place.clone(),
                    snapshot: Some(verdict.snapshot.name.clone()),
                    why: why.unwrap_or(Skip::ClockUnknown),
                    reasons: verdict.reasons,
                }),
            }
        }
    }

    fn holds_back_all(&self) -> Option<Skip> {
        if self.common.repository.readonly {
            return Some(Skip::Readonly);
        }
        slot::astray(self.common.cluster, *self.common.options)
    }

    fn deletion(&self, verdict: Verdict<'_>, guard: DeleteGuard, unconfirmed: bool) -> Delete {
        let snapshot = verdict.snapshot.name.clone();
        Delete { place: self.place.clone(), snapshot, guard, reasons: verdict.reasons, unconfirmed }
    }
}

impl Repository {
    /// What holds the snapshot. A legal hold may stand in its own metadata.
    pub fn ties(&self, snapshot: &Snapshot) -> Ties {
        let Snapshot { name, .. } = snapshot;
        Ties {
            held: self.held.contains(name) || snapshot.metadata.as_ref().is_some_and(Metadata::is_held),
            mounted: self.mounted.contains(name),
            restoring: self.restoring.contains(name),
        }
    }
}
