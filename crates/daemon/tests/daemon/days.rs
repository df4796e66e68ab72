//! Days that pass: the snapshots that were promised, and no others.

use crate::operator::Operator;
use crate::time::Days;
use crate::troubles::{PARTS, Part, Trouble, agree, check_messages};
use crate::world::{Daemon, World, Written, at, get, status};
use jiff::Timestamp;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::policy::{Policy, Settings as PolicySettings};
use snapkeep_core::selection::Selection;
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::release;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

const BEGIN: &str = "2026-03-01T00:00:00Z";

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
    let nightly = world.policy("nightly", "0 3 * * *", 5);
    let quarterly = world.policy("quarterly", "every 6h", 4);
    // What is there of all that is named like the index.
    let include = vec![Pattern::parse(&format!("{}*", world.index)).unwrap()];
    let indices = Selection { include, ..Selection::default() };
    [nightly, Policy::new(PolicySettings { indices, partial: true, ..(*quarterly).clone() }).unwrap()]
}

fn name(policy: &Policy, slot: Timestamp) -> String {
    format!("{}-{}", policy.name, slot.strftime("%Y%m%dt%H%M%Sz"))
}

/// The slots whose snapshots are promised from the beginning to that moment, oldest first, unless one of the parts costs
/// them.
fn promised(policy: &Policy, end: Timestamp, parts: &[Part]) -> Vec<Timestamp> {
    let schedule = policy.schedule.as_ref().unwrap();
    let first = schedule.latest_slot(at(BEGIN)).unwrap();
    let slots = std::iter::once(first).chain(schedule.upcoming(first)).take_while(|slot| *slot <= end);
    slots.filter(|slot| !parts.iter().any(|part| part.costs(policy, *slot))).collect()
}

/// What serves through the days, and whom it tells.
struct Scene {
    world: World,
    operator: Arc<Operator>,
    source: Written,
    chance: Chance,
}

impl Scene {
    /// Serves through a part, and is killed at requests by chance; how often.
    async fn with_kills(&mut self, part: &Part) -> u64 {
        let days = self.world.days(part.from(), part.to(), 1);
        part.begin(&self.world).await;
        let mut kills = 0;
        while !self.once(part, &days).await {
            kills += 1;
        }
        part.end(&self.world).await;
        kills
    }

    /// Serves until the part is over, or until it is killed; which of both.
    async fn once(&mut self, part: &Part, days: &Arc<Days>) -> bool {
        let action = if self.chance.below(2) == 0 { Action::DropBefore } else { Action::ForwardThenDrop };
        let front = &self.world.front;
        let fault = front.inject(Fault::on("*", "/**").nth(1 + self.chance.below(150)).then(action));
        part.inject(&self.world);
        self.operator.begin_anew().await;
        let mut daemon = Daemon::simulated(&days.watch(0)).await;
        daemon.settings.metrics = self.operator.metrics();
        let address = daemon.address;
        let is_over = tokio::select! {
            () = daemon.serve(&self.source) => unreachable!("nobody has stopped it"),
            () = self.until_over(part, days, address) => true,
            () = eventually_struck(&self.world, fault) => false,
        };
        self.world.front.clear_faults();
        is_over
    }

    /// What it shows at the end of a part is what the node lists.
    async fn until_over(&self, part: &Part, days: &Days, address: SocketAddr) {
        days.are_over().await;
        if part.trouble == Trouble::Gone {
            return;
        }
        self.world.front.clear_faults();
        let ((_, metrics), status) = (get(address, "/metrics").await, status(address).await);
        for policy in both(&self.world) {
            let what = format!("{}: {part:?}", self.world.node.name);
            agree(&self.world, &policy, &metrics, &status, &what).await;
        }
    }
}

async fn eventually_struck(world: &World, fault: snapkeep_front::FaultId) {
    while world.front.injected(fault) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// What is promised of a policy.
struct Promise {
    /// The names of its snapshots, oldest first.
    names: Vec<String>,
    /// Those of them that may have others beside them, for further attempts.
    tried_again: BTreeSet<String>,
    keep: usize,
}

impl Promise {
    fn of(policy: &Policy, end: Timestamp, parts: &[Part]) -> Self {
        let slots = promised(policy, end, parts);
        let again = slots.iter().filter(|slot| parts.iter().any(|part| part.tries_again(policy, **slot)));
        let tried_again = again.map(|slot| name(policy, *slot)).collect();
        let names = slots.iter().map(|slot| name(policy, *slot)).collect();
        Self { names, tried_again, keep: if policy.name == "nightly" { NIGHTLY } else { QUARTERLY } }
    }

    fn left(&self) -> &[String] {
        &self.names[self.names.len().saturating_sub(self.keep)..]
    }

    /// The name without what a further attempt adds to it, where one was to be.
    fn first_attempt<'n>(&self, name: &'n str) -> &'n str {
        let first = name.rsplit_once("-r").map_or(name, |(first, _)| first);
        if self.tried_again.contains(first) { first } else { name }
    }
}

/// What is there at the end, and what has ever been there.
async fn check(world: &World, promises: &[Promise], what: &str) {
    let left: BTreeMap<String, String> =
        promises.iter().flat_map(Promise::left).map(|name| (name.clone(), "SUCCESS".to_owned())).collect();
    assert_eq!(world.states().await, left, "{what}");
    let first = |name: &String| promises.iter().fold(name.as_str(), |name, one| one.first_attempt(name)).to_owned();
    let all: BTreeSet<String> = promises.iter().flat_map(|one| &one.names).cloned().collect();
    assert_eq!(world.named("PUT").iter().map(first).collect::<BTreeSet<_>>(), all, "{what}: taken");
    let gone: BTreeSet<String> = all.iter().filter(|name| !left.contains_key(*name)).cloned().collect();
    assert_eq!(world.named("DELETE").iter().map(first).collect::<BTreeSet<_>>(), gone, "{what}: deleted");
}

async fn ten_days(node: &'static str) {
    let world = World::on(node).await;
    let operator = Operator::new();
    let source = world.source(both(&world)).heard_by(&operator);
    let mut scene = Scene { world, operator, source, chance: Chance(u64::try_from(node.len()).unwrap()) };
    let mut kills = 0;
    for part in PARTS.iter().filter(|part| part.trouble != Trouble::Away) {
        kills += scene.with_kills(part).await;
    }
    assert!(kills > 20, "{node}: {kills}");
    let end = PARTS.last().unwrap().to();
    let promises = both(&scene.world).map(|policy| Promise::of(&policy, end, &PARTS));
    check(&scene.world, &promises, node).await;
    let (messages, cut_off) = (scene.operator.messages(), scene.operator.cut_off());
    check_messages(&messages, cut_off, node);
    let requests = scene.world.front.requests().len();
    println!("{node}: killed {kills} times, {cut_off} while it told; {requests} requests, {} messages", messages.len());
}

#[tokio::test]
async fn ten_days_with_kills_and_troubles_bring_what_was_promised_and_tell_each_thing_once() {
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
    let promises = both(&world).map(|policy| Promise::of(&policy, end, &[]));
    check(&world, &promises, node).await;
    // The same names were asked for twice now and then; the node has let one of each pass.
    let accepted = world.seen("PUT").into_iter().filter(|seen| seen.status_answered == Some(200)).count();
    assert_eq!(accepted, promises.iter().map(|one| one.names.len()).sum::<usize>(), "{node}");
}

#[tokio::test]
async fn two_daemons_at_the_same_moments_take_one_snapshot_of_each_slot() {
    for node in release::REQUIRED {
        two_daemons(node).await;
    }
}
