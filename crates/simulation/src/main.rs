//! `snapkeep-simulation --runs N [--seed S]`: simulates histories until they hold N runs of production's code. Says the
//! seed and the shortest history of the first one that breaks a promise.

use snapkeep_simulation::{Faults, Found, Tally, run, shortest};
use std::io::{self, Write};
use std::process::ExitCode;

struct Wanted {
    runs: u64,
    seed: u64,
}

fn wanted(mut arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { runs: 100_000, seed: 1 };
    while let Some(flag) = arguments.next() {
        let value = arguments.next().and_then(|value| value.replace('_', "").parse().ok());
        match (flag.as_str(), value) {
            ("--runs", Some(runs)) => wanted.runs = runs,
            ("--seed", Some(seed)) => wanted.seed = seed,
            _ => return Err("usage: snapkeep-simulation [--runs N] [--seed S]".to_owned()),
        }
    }
    Ok(wanted)
}

/// How many histories there were, and what was in them.
fn simulate(wanted: &Wanted) -> Result<(u64, Tally), Box<Found>> {
    let (mut all, mut histories) = (Tally::default(), 0);
    while all.runs < wanted.runs {
        let tally = run(wanted.seed + histories, &Faults::default(), None)?;
        histories += 1;
        all.runs += tally.runs;
        all.killed += tally.killed;
        all.stopped += tally.stopped;
        all.good += tally.good;
        all.events += tally.events;
    }
    Ok((histories, all))
}

fn main() -> io::Result<ExitCode> {
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(usage) => {
            writeln!(io::stderr(), "{usage}")?;
            return Ok(ExitCode::from(2));
        }
    };
    match simulate(&wanted) {
        Ok((histories, Tally { runs, killed, stopped, good, events })) => {
            writeln!(
                io::stdout(),
                "{histories} histories from seed {}: {runs} runs, {killed} of them killed, {stopped} stops, {events} events, {good} good \
                 snapshots left; no promise was broken",
                wanted.seed
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err(found) => {
            let Found { seed, faults, broken, history } = shortest(*found, None);
            writeln!(io::stderr(), "seed {seed} with {faults:?}\n{}\nbroken: {broken}", history.join("\n"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}
