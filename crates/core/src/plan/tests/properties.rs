//! Any snapshots, policies, clock and order. What must hold is said here once more, in other words than the planner's
//! and with no code of its own.

use super::*;
use crate::policy::Limits;
use crate::retention::{Count, Keep, Unsuccessful};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Policies of one repository whose names begin alike.
const NAMES: [&str; 3] = ["nightly", "nightly-eu", "nightly-r2"];

#[derive(Clone, Debug)]
struct World {
    policies: Vec<Policy>,
    inventory: Inventory,
    /// The policy that took each snapshot, by the snapshot's name: the truth, which no parser told.
    takers: BTreeMap<String, usize>,
    now: Timestamp,
}

fn any_policy(name: &'static str) -> impl Strategy<Value = Policy> {
    let counts = (prop::option::of(1_u32..5), prop::option::of(0_u32..5), prop::option::of(1_u32..4));
    let limits = (prop::option::of(1_i32..40), prop::option::of(3_u32..9), 1_u32..4, 1_u32..6);
    (counts, limits, any::<bool>(), any::<bool>()).prop_map(move |(counts, limits, adopts, longer)| {
        let of = |count: Option<u32>| count.map(Count::Of);
        let keep = Keep {
            last: of(counts.0).or(Some(Count::Of(2))),
            daily: of(counts.1),
            monthly: of(counts.2),
            max_age: limits.0.map(Period::days),
            max_count: limits.1,
            min_count: Some(limits.2),
            failed: if longer { Unsuccessful::For(Period::days(2)) } else { Unsuccessful::Superseded },
            ..Keep::default()
        };
        Policy::new(Settings {
            keep: Some(keep),
            limits: Limits { max_deletes_per_run: limits.3, ..Limits::default() },
            adopt: if adopts { vec![Adopt::wildcard("manual-*").unwrap()] } else { vec![] },
            drill: None,
            ..settings(name)
        })
        .unwrap()
    })
}

/// Who took it (3: somebody else, whose names look like manual ones; 4: somebody who stole a policy's name), the day,
/// the attempt, the state, and by how many minutes it began after its slot.
type Taken = (usize, i8, u32, u8, i64);

fn snapshot(&(who, day, attempt, state, minutes): &Taken) -> Snapshot {
    let start = Timestamp::from_second(slot(day).as_second() + minutes * 60).unwrap().to_string();
    let mut snapshot = match who {
        3 => begun(&format!("manual-{day}-{attempt}"), State::Success, &start),
        4 => Snapshot { metadata: None, ..marked(NAMES[0], slot(day), attempt + 5, &start) },
        _ => marked(NAMES[who], slot(day), attempt, &start),
    };
    snapshot.state = match state {
        0 => Some(State::Failed),
        1 => Some(State::Partial),
        2 => Some(State::InProgress),
        3 => None,
        _ => Some(State::Success),
    };
    snapshot
}

fn any_world() -> impl Strategy<Value = World> {
    let policies = (any_policy(NAMES[0]), any_policy(NAMES[1]), any_policy(NAMES[2]));
    let taken = prop::collection::vec((0_usize..5, 1_i8..29, 1_u32..3, 0_u8..12, 0_i64..3_000), 0..60);
    let clock = (0_i64..40 * 24 * 60, prop::option::of(-400_i64..400), any::<bool>());
    (policies, taken, clock).prop_map(|(policies, taken, (minute, skew, concurrent))| {
        let snapshots: BTreeMap<String, (Snapshot, usize)> =
            taken.iter().map(|taken| (snapshot(taken), taken.0)).map(|(s, who)| (s.name.clone(), (s, who))).collect();
        let takers = snapshots.iter().map(|(name, (_, who))| (name.clone(), *who)).collect();
        let mut facts = inventory(snapshots.into_values().map(|(snapshot, _)| snapshot).collect());
        cluster(&mut facts).skew = skew.map(SignedDuration::from_secs);
        cluster(&mut facts).concurrent = concurrent;
        let now = Timestamp::from_second(slot(1).as_second() + minute * 60).unwrap();
        World { policies: vec![policies.0, policies.1, policies.2], inventory: facts, takers, now }
    })
}

fn planned(world: &World) -> Plan {
    make(&world.policies, &world.inventory, &Options::default(), world.now)
}

fn listed(world: &World) -> &[Snapshot] {
    &world.inventory.clusters["prod"].repositories["backups"].snapshots
}

/// What exists once the plan's deletions are done.
fn afterwards(world: &World, plan: &Plan) -> World {
    let gone: BTreeSet<&str> = plan.deletes().map(|delete| delete.snapshot.as_str()).collect();
    let mut after = world.clone();
    repository(&mut after.inventory).snapshots.retain(|snapshot| !gone.contains(snapshot.name.as_str()));
    after
}

fn good_ones<'w>(world: &'w World, who: usize) -> Vec<(Timestamp, &'w str)> {
    let good = listed(world).iter().filter(|s| s.state == Some(State::Success) && world.takers[&s.name] == who);
    let mut starts: Vec<(Timestamp, &'w str)> =
        good.map(|s| (s.started_at.unwrap(), s.name.as_str())).filter(|(start, _)| *start <= world.now).collect();
    starts.sort_unstable();
    starts.reverse();
    starts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_promises_hold(world in any_world()) {
        let plan = planned(&world);
        prop_assert_eq!(invariants::check(&plan, &world.policies, &world.inventory, Options::default()), vec![]);
        for delete in plan.deletes() {
            let who = world.takers[&delete.snapshot];
            let policy = NAMES.iter().position(|name| *name == delete.place.policy).unwrap();
            prop_assert!(who == policy || who == 3 && !world.policies[policy].adopt.is_empty(), "not its own");
            prop_assert!(!delete.reasons.is_empty());
            prop_assert!(world.inventory.clusters["prod"].skew.is_some_and(|skew| skew.abs() <= SignedDuration::from_secs(300)));
        }
        for step in &plan.steps {
            prop_assert!(!step.snapshot().contains(['*', ',']) && step.snapshot() != "_all");
        }
    }

    #[test]
    fn the_floor_and_the_newest_stay(world in any_world()) {
        let after = afterwards(&world, &planned(&world));
        for (who, policy) in world.policies.iter().enumerate() {
            let before = good_ones(&world, who);
            let left = good_ones(&after, who);
            let floor = before.len().min(policy.keep.unwrap().min_count.unwrap() as usize);
            prop_assert_eq!(&left[..floor], &before[..floor]);
            let deletes = planned(&world).deletes().filter(|delete| delete.place.policy == policy.name).count();
            prop_assert!(deletes <= policy.limits.max_deletes_per_run as usize);
        }
    }

    /// A plan's file that names everything, for every policy, with each guard as it is now: what passes the look is
    /// what the policies delete, no more and no less.
    #[test]
    fn a_plan_changed_by_hand_deletes_no_more_than_the_policies(world in any_world(), yes in any::<bool>()) {
        let unlimited: Vec<Policy> = world.policies.iter().map(|policy| {
            let limits = Limits { max_deletes_per_run: u32::MAX, ..policy.limits };
            Policy::new(Settings { limits, ..Settings::clone(policy) }).unwrap()
        }).collect();
        let expected: BTreeSet<(String, String)> = make(&unlimited, &world.inventory, &Options::default(), world.now)
            .deletes().map(|delete| (delete.place.policy.clone(), delete.snapshot.clone())).collect();
        let look = Look::new(&world.policies, "prod", &world.inventory.clusters["prod"], "backups", world.now).unwrap();
        let look = look.allowing(Options::default(), yes);
        let mut permitted = BTreeSet::new();
        for (policy, snapshot) in NAMES.iter().flat_map(|name| listed(&world).iter().map(move |snapshot| (*name, snapshot))) {
            let place = kinds::Place { cluster: "prod".into(), repository: "backups".into(), policy: policy.into() };
            let guard = DeleteGuard {
                uuid: snapshot.uuid.clone(),
                state: snapshot.state.unwrap_or(State::Success),
                started_at: snapshot.started_at.unwrap(),
            };
            let delete = Delete { place, snapshot: snapshot.name.clone(), guard, reasons: vec![], unconfirmed: false };
            if look.may_delete(&delete) == Ok(Permit::Act) {
                permitted.insert((policy.to_owned(), snapshot.name.clone()));
            }
        }
        prop_assert_eq!(permitted, expected);
    }

    #[test]
    fn a_slot_is_taken_once(world in any_world()) {
        let plan = planned(&world);
        for create in plan.creates() {
            prop_assert!(listed(&world).iter().all(|snapshot| snapshot.name != create.snapshot));
            let who = NAMES.iter().position(|name| *name == create.place.policy).unwrap();
            let of_slot = listed(&world).iter().filter(|s| world.takers[&s.name] == who)
                .filter(|s| s.metadata.as_ref().unwrap().to_map()["snapkeep"]["slot"] == create.slot.to_string());
            for other in of_slot {
                prop_assert!(matches!(other.state, Some(State::Failed | State::Partial)), "{:?}", other);
            }
            let skew = world.inventory.clusters["prod"].skew.filter(|skew| skew.as_secs().abs() > 300);
            let now = world.now + skew.unwrap_or_default();
            prop_assert!(create.slot <= now && now < create.guard.begin_before);
        }
    }

    /// Planning twice changes nothing; carrying the plan out and planning again ends.
    #[test]
    fn plans_come_to_an_end(world in any_world()) {
        let mut world = world;
        prop_assert_eq!(planned(&world), planned(&world));
        for _ in 0..70 {
            let plan = planned(&world);
            let kept: BTreeSet<String> = plan.kept.iter().map(|kept| kept.snapshot.clone()).collect();
            let after = afterwards(&world, &plan);
            prop_assert!(planned(&after).deletes().all(|delete| !kept.contains(&delete.snapshot)), "kept, then deleted");
            if plan.deletes().count() == 0 {
                return Ok(());
            }
            world = after;
        }
        prop_assert!(false, "no end");
    }

    #[test]
    fn the_order_of_listing_and_configuration_does_not_matter(world in any_world(), turn in 0_usize..60) {
        let mut other = world.clone();
        let list = &mut repository(&mut other.inventory).snapshots;
        list.reverse();
        let turn = turn % list.len().max(1);
        list.rotate_left(turn);
        other.policies.reverse();
        prop_assert_eq!(planned(&world), planned(&other));
    }

    /// Every snapshot of a repository is in the plan, exactly once, with a reason.
    #[test]
    fn every_snapshot_has_its_reason(world in any_world()) {
        let plan = planned(&world);
        let mut said: Vec<&str> = plan.kept.iter().map(|kept| kept.snapshot.as_str()).collect();
        said.extend(plan.deletes().map(|delete| delete.snapshot.as_str()));
        said.extend(plan.skipped.iter().filter(|s| !s.reasons.is_empty()).filter_map(|s| s.snapshot.as_deref()));
        said.sort_unstable();
        let listed: Vec<&str> = listed(&world).iter().map(|snapshot| snapshot.name.as_str()).collect();
        prop_assert_eq!(said, listed);
        for snapshot in listed_names(&world) {
            prop_assert!(!plan.explain(&snapshot).is_empty());
        }
    }
}

fn listed_names(world: &World) -> Vec<String> {
    listed(world).iter().map(|snapshot| snapshot.name.clone()).collect()
}
