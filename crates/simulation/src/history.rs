//! One history, made from a seed.

use crate::chance::Chance;
use crate::fault::{Fault, Faults};
use crate::scheduler::Run;
use crate::world::{CLUSTER, Laws, Promise, REPOSITORY, World};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Map;
use snapkeep_core::Failure;
use snapkeep_core::adopt::Adopt;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::period::Period;
use snapkeep_core::policy::{FirstDelete, Limits, Policy, Settings};
use snapkeep_core::retention::{Count, Keep};
use snapkeep_core::schedule::Schedule;
use snapkeep_core::selection::Selection;
use snapkeep_core::steps::PERMIT_SECONDS;
use std::fmt;
use std::ops::AddAssign;

/// Two policies of one repository whose names begin alike.
const PROMISES: [Promise; 2] = [
    Promise { policy: "nightly", schedule: "0 */6 * * *", floor: 3, youngest: SignedDuration::from_hours(71) },
    Promise { policy: "nightly-eu", schedule: "every 3h", floor: 2, youngest: SignedDuration::from_hours(23) },
];

/// When each history begins: 1 March 2026.
const BEGIN: i64 = 1_772_323_200;

/// How much there was of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that were begun.
    pub runs: u64,
    /// Runs that were killed.
    pub killed: u64,
    /// How often a run was stopped for a time.
    pub stopped: u64,
    /// Snapshots that were deleted.
    pub deleted: u64,
    /// Of these, such as a policy had adopted.
    pub adopted: u64,
    /// Good snapshots at the end.
    pub good: u64,
    /// Lines of history.
    pub events: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.killed += other.killed;
        self.stopped += other.stopped;
        self.deleted += other.deleted;
        self.adopted += other.adopted;
        self.good += other.good;
        self.events += other.events;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, killed, stopped, deleted, adopted, good, events } = self;
        write!(
            f,
            "{runs} runs, {killed} of them killed, {stopped} stops, {deleted} deletions ({adopted} of adopted ones), \
             {events} events, {good} good snapshots left"
        )
    }
}

/// A history that broke a promise.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its seed.
    pub seed: u64,
    /// What went wrong in it.
    pub faults: Faults,
    /// The promise.
    pub broken: String,
    /// All that happened up to then.
    pub history: Vec<String>,
}

/// The policy's name that lives as long as the program.
pub(crate) fn known(name: &str) -> &'static str {
    PROMISES.iter().map(|promise| promise.policy).find(|policy| *policy == name).unwrap_or("nobody")
}

fn policy(promise: Promise, laws: &Laws) -> Result<Policy, Failure> {
    let hours = i32::try_from(promise.youngest.as_hours()).unwrap_or(i32::MAX);
    let adopts = laws.has(Fault::Adoption) && promise.policy == PROMISES[0].policy;
    Policy::new(Settings {
        name: promise.policy.to_owned(),
        clusters: vec![CLUSTER.to_owned()],
        repository: RepositoryName::parse(REPOSITORY)?,
        indices: Selection::default(),
        schedule: Some(Schedule::parse(promise.schedule, TimeZone::UTC)?),
        zone: TimeZone::UTC,
        prefix: None,
        metadata: Map::new(),
        partial: false,
        include_global_state: false,
        keep: Some(Keep {
            last: Some(Count::Of(1)),
            within: Some(Period::hours(hours)),
            // An hour more than what is promised: clocks may be five minutes off.
            max_age: Some(Period::hours(hours + 1)),
            min_count: u32::try_from(promise.floor).ok(),
            ..Keep::default()
        }),
        limits: Limits::default(),
        stale_after: None,
        first_delete: if laws.has(Fault::Confirmation) { FirstDelete::Confirm } else { FirstDelete::Allow },
        adopt: if adopts { vec![Adopt::wildcard("manual-*")?, Adopt::date("dd-MM-yyyy-h-mm-ss")?] } else { Vec::new() },
        drill: None,
    })
}

/// How far the server's clock is ahead of a scheduler's: mostly little, sometimes minutes, sometimes ten years.
fn skew(chance: &mut Chance) -> SignedDuration {
    let seconds = match chance.below(10) {
        0 => chance.between(-3_600, 3_600),
        1 => chance.between(-86_400 * 30, 86_400 * 30),
        2 => chance.between(-315_360_000, 315_360_000),
        _ => chance.between(-20, 20),
    };
    SignedDuration::from_secs(seconds)
}

/// Runs the history of a seed, up to its end or to the first promise that is broken.
pub fn run(seed: u64, faults: &Faults) -> Result<Tally, Box<Found>> {
    let mut chance = Chance::new(seed);
    let laws = Laws::by(faults, &mut chance);
    let begin = Timestamp::from_second(BEGIN).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut world = World::new(begin, faults.clone(), laws.clone(), PROMISES.to_vec());
    let end = begin + SignedDuration::from_hours(24 * faults.days);
    let mut tally = Tally::default();
    match PROMISES.into_iter().map(|promise| policy(promise, &laws)).collect::<Result<Vec<_>, _>>() {
        Ok(policies) => {
            let mut stage = Stage { policies: &policies, faults, runs: Vec::new(), tally };
            while world.now() < end && world.broken.is_none() {
                stage.tick(&mut world, &mut chance);
            }
            tally = stage.tally;
        }
        Err(failure) => world.broken = Some(format!("the policies are refused: {failure}")),
    }
    tally.good = PROMISES.iter().map(|promise| world.good(promise.policy) as u64).sum();
    (tally.deleted, tally.adopted) = world.deleted;
    tally.events = world.history.len() as u64;
    match world.broken {
        None => Ok(tally),
        Some(broken) => Err(Box::new(Found { seed, faults: faults.clone(), broken, history: world.history })),
    }
}

/// Who lives in the world, and by what rules.
struct Stage<'p> {
    policies: &'p [Policy],
    faults: &'p Faults,
    runs: Vec<Run<'p>>,
    tally: Tally,
}

impl<'p> Stage<'p> {
    /// Some runs begin at about the same time, and act in turns until each has ended or is killed; then hours pass.
    /// Those that are stopped go on when their time comes, in whatever company.
    fn tick(&mut self, world: &mut World, chance: &mut Chance) {
        for _ in 0..=chance.below(self.faults.schedulers) {
            let run = self.begin(chance);
            self.runs.push(run);
        }
        while let Some(turn) = self.turn(world, chance) {
            self.act(turn, world, chance);
            world.pass(chance.between(0, 30), chance);
        }
        // Mostly the next slot, sometimes the same one again, sometimes days of nobody being there.
        let minutes = match chance.below(12) {
            0..3 => chance.between(1, 50),
            3 => chance.between(1_000, 4_000),
            _ => chance.between(120, 300),
        };
        world.pass(minutes * 60, chance);
    }

    fn begin(&mut self, chance: &mut Chance) -> Run<'p> {
        self.tally.runs += 1;
        let skew = if self.faults.has(Fault::Clocks) { skew(chance) } else { SignedDuration::ZERO };
        let batch =
            if self.faults.has(Fault::Batches) { usize::try_from(chance.between(1, 3)).unwrap_or(1) } else { 1 };
        let yes = self.faults.has(Fault::Confirmation) && chance.hits(10);
        Run::new(self.tally.runs, self.policies, skew, batch, yes)
    }

    /// Whose turn it is, of those that are awake.
    fn turn(&self, world: &World, chance: &mut Chance) -> Option<usize> {
        let awake: Vec<usize> = (0..self.runs.len()).filter(|at| self.runs[*at].is_awake(world)).collect();
        let at = usize::try_from(chance.below(awake.len() as u64)).unwrap_or_default();
        awake.get(at).copied().filter(|_| world.broken.is_none())
    }

    fn act(&mut self, turn: usize, world: &mut World, chance: &mut Chance) {
        if self.faults.has(Fault::Jumps) && chance.hits(2) {
            self.runs[turn].clock_jumps(skew(chance), world);
        }
        if self.faults.has(Fault::Stalls) && chance.hits(2) {
            self.tally.stopped += 1;
            self.runs[turn].stop(world.now() + SignedDuration::from_mins(chance.between(2, 900)));
            let nobody_acts =
                world.is_quiet() && !self.runs.iter().any(|run| run.is_awake(world) && run.is_about_to_write(world));
            if self.faults.has(Fault::Operators) && nobody_acts && chance.hits(30) {
                world.pass(PERMIT_SECONDS, chance);
                world.operator_deletes(chance);
            }
            return;
        }
        let killed = self.faults.has(Fault::Kills) && chance.hits(2);
        self.tally.killed += u64::from(killed);
        if killed || !self.runs[turn].act(world, chance) {
            self.runs.swap_remove(turn);
        }
    }
}

/// The shortest history found that breaks a promise as `found` does: with fewer kinds of faults, schedulers and days,
/// and perhaps from another seed. It is its own shortest one, so that what it names repeats just it.
pub fn shortest(found: Found) -> Found {
    let mut best = found;
    while let Some(better) = milder(&best) {
        best = better;
    }
    best
}

fn milder(found: &Found) -> Option<Found> {
    let again = |faults: Faults| {
        let seeds = std::iter::once(found.seed).chain(0..6);
        seeds.filter_map(move |seed| run(seed, &faults).err()).map(|found| *found)
    };
    let shorter = |other: &Found| other.history.len() < found.history.len();
    found.faults.milder().into_iter().flat_map(again).find(shorter)
}
