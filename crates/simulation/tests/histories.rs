//! Production's code keeps its promises in a few thousand runs; each planted bug is found.

use snapkeep_simulation::{Bug, Faults, Tally, run, shortest};

/// Seeds that each planted bug gets.
const SEEDS: u64 = 200;

#[test]
fn no_promise_is_broken() {
    let mut all = Tally::default();
    for seed in 0..60 {
        let tally = run(seed, &Faults::default(), None).unwrap_or_else(|found| {
            let found = shortest(*found, None);
            panic!("seed {}: {}\n{}", found.seed, found.broken, found.history.join("\n"))
        });
        all.runs += tally.runs;
        all.killed += tally.killed;
        all.good += tally.good;
    }
    // The world was not so hard that nothing ever happened.
    assert!(all.runs > 5_000 && all.killed > 100 && all.good > 60 * 5, "{all:?}");
}

#[test]
fn a_seed_is_one_history() {
    let one = || run(7, &Faults::default(), Some(Bug::FloorOffByOne)).map_err(|found| found.history);
    assert_eq!(one(), one());
}

#[test]
fn each_planted_bug_is_found() {
    for (bug, promise) in [
        (Bug::FloorOffByOne, "1: "),
        (Bug::GuardLeftOut, ""),
        (Bug::LocalTime, "too young"),
        (Bug::RetryWithoutLook, "5: "),
        (Bug::PrefixOwns, "2: "),
    ] {
        let found = (0..SEEDS).find_map(|seed| run(seed, &Faults::default(), Some(bug)).err());
        let found = shortest(*found.unwrap_or_else(|| panic!("{bug:?} was not found in {SEEDS} histories")), Some(bug));
        assert!(found.broken.contains(promise), "{bug:?} was found as {}", found.broken);
        assert!(found.history.iter().any(|line| line.contains("BROKEN")), "{bug:?}");
    }
    assert_eq!(Bug::ALL.len(), 5);
}
