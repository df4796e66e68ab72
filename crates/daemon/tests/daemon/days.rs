//! Days that pass: the snapshots that were promised, and no others.

use crate::time::Days;
use crate::world::{Daemon, World, Written, at};
use jiff::Timestamp;
use snapkeep_core::policy::Policy;
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::release;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const BEGIN: &str = "2026-03-01T00:00:00Z";

/// Nobody is there from the one to the other: of what is missed only the latest slots are caught up with.
const AWAY: (&str, &str) = ("2026-03-05T12:30:00Z", "2026-03-07T04:45:00Z");

/// How many each keeps.
const NIGHTLY: usize = 5;
const QUARTERLY: usize = 4;

/// A sequence that looks random and is the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn both(world: &World) -> [Policy; 2] {
    [world.policy("nightly", "0 3 * * *", 5), world.policy("quarterly", "every 6h", 4)]
}

fn name(policy: &Policy, slot: Timestamp) -> String {
    format!("{}-{}", policy.name, slot.strftime("%Y%m%dt%H%M%Sz"))
}

/// The snapshots that are promised from the beginning to that moment, oldest first.
fn promised(policy: &Policy, end: Timestamp, away: Option<(Timestamp, Timestamp)>) -> Vec<String> {
    let schedule = policy.schedule.as_ref().unwrap();
    let first = schedule.latest_slot(at(BEGIN)).unwrap();
    let missed = |slot: &Timestamp| {
        away.is_some_and(|(from, to)| *slot > from && *slot <= to && Some(*slot) != schedule.latest_slot(to))
    };
    let slots = std::iter::once(first).chain(schedule.upcoming(first)).take_while(|slot| *slot <= end);
    slots.filter(|slot| !missed(slot)).map(|slot| name(policy, slot)).collect()
}

/// Serves until time is over, and is killed at requests by chance; how often.
async fn with_kills(world: &World, source: &Written, days: &Arc<Days>, chance: &mut Chance) -> u64 {
    let mut kills = 0;
    loop {
        let action = if chance.below(2) == 0 { Action::DropBefore } else { Action::ForwardThenDrop };
        let fault = world.front.inject(Fault::on("*", "/**").nth(1 + chance.below(150)).then(action));
        let daemon = Daemon::simulated(&days.watch(0)).await;
        let killed = eventually_struck(world, fault);
        let is_over = tokio::select! {
            () = daemon.serve(source) => unreachable!("nobody has stopped it"),
            () = days.are_over() => true,
            () = killed => false,
        };
        world.front.clear_faults();
        if is_over {
            return kills;
        }
        kills += 1;
    }
}

async fn eventually_struck(world: &World, fault: snapkeep_front::FaultId) {
    while world.front.injected(fault) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// What is there at the end, and what has ever been there.
async fn check(world: &World, expected: &[(Vec<String>, usize)], what: &str) {
    let left: BTreeMap<String, String> = expected
        .iter()
        .flat_map(|(all, keep)| &all[all.len().saturating_sub(*keep)..])
        .map(|name| (name.clone(), "SUCCESS".to_owned()))
        .collect();
    assert_eq!(world.states().await, left, "{what}");
    let all: BTreeSet<String> = expected.iter().flat_map(|(all, _)| all).cloned().collect();
    assert_eq!(world.named("PUT"), all, "{what}: taken");
    let gone: BTreeSet<String> = all.iter().filter(|name| !left.contains_key(*name)).cloned().collect();
    assert_eq!(world.named("DELETE"), gone, "{what}: deleted");
}

async fn ten_days(node: &'static str) {
    let world = World::on(node).await;
    let (away, back) = (at(AWAY.0), at(AWAY.1));
    let end = at("2026-03-10T23:59:00Z");
    let source = world.source(both(&world));
    let mut chance = Chance(u64::try_from(node.len()).unwrap());
    let days = world.days(at(BEGIN), away, 1);
    let mut kills = with_kills(&world, &source, &days, &mut chance).await;
    let days = world.days(back, end, 1);
    kills += with_kills(&world, &source, &days, &mut chance).await;
    assert!(kills > 20, "{node}: {kills}");
    let [nightly, quarterly] = both(&world);
    let all = |policy| promised(policy, end, Some((away, back)));
    check(&world, &[(all(&nightly), NIGHTLY), (all(&quarterly), QUARTERLY)], node).await;
    println!("{node}: killed {kills} times, {} requests", world.front.requests().len());
}

#[tokio::test]
async fn ten_days_with_kills_by_chance_bring_what_was_promised_and_no_more() {
    let all = tokio::task::LocalSet::new();
    let nodes = release::REQUIRED;
    let each: Vec<_> = nodes.into_iter().map(|node| all.spawn_local(ten_days(node))).collect();
    all.await;
    for one in each {
        one.await.unwrap();
    }
}

/// Both wake at the same moment for each slot.
async fn two_daemons(node: &'static str) {
    let world = World::on(node).await;
    let end = at("2026-03-03T23:59:00Z");
    let days = world.days(at(BEGIN), end, 2);
    let source = world.source(both(&world));
    let first = Daemon::simulated(&days.watch(0)).await;
    let second = Daemon::simulated(&days.watch(1)).await;
    tokio::select! {
        () = first.serve(&source) => unreachable!("nobody has stopped it"),
        () = second.serve(&source) => unreachable!("nobody has stopped it"),
        () = days.are_over() => {}
    }
    let [nightly, quarterly] = both(&world);
    let all = |policy| promised(policy, end, None);
    check(&world, &[(all(&nightly), NIGHTLY), (all(&quarterly), QUARTERLY)], node).await;
    // The same names were asked for twice now and then; the node has let one of each pass.
    let accepted = world.seen("PUT").into_iter().filter(|seen| seen.status_answered == Some(200)).count();
    assert_eq!(accepted, all(&nightly).len() + all(&quarterly).len(), "{node}");
}

#[tokio::test]
async fn two_daemons_at_the_same_moments_take_one_snapshot_of_each_slot() {
    for node in release::REQUIRED {
        two_daemons(node).await;
    }
}
