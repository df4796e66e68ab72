//! Production's code keeps its promises in a few thousand runs.

use snapkeep_simulation::{Faults, Tally, run, shortest};

#[test]
fn no_promise_is_broken() {
    let mut all = Tally::default();
    for seed in 0..60 {
        all += run(seed, &Faults::default()).unwrap_or_else(|found| {
            let found = shortest(*found);
            panic!("seed {}{}: {}\n{}", found.seed, found.faults.flags(), found.broken, found.history.join("\n"))
        });
    }
    // The world was not so hard that nothing ever happened.
    assert!(
        all.runs > 5_000 && all.killed > 100 && all.good > 60 * 5 && all.deleted > 1_000 && all.adopted > 60,
        "{all}"
    );
}

#[test]
fn a_seed_is_one_history() {
    let one = || run(7, &Faults::default()).unwrap();
    assert_eq!(one(), one());
}
