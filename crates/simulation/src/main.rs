//! `snapkeep-simulation --runs N [--seed S]`: simulates histories until they hold N runs of production's code. Of the
//! first one that breaks a promise it says the shortest history found, and the command line that repeats just that.
//! `--without KIND,KIND`, `--schedulers N` and `--days N` are parts of such a line.

use snapkeep_simulation::{Faults, Found, Tally, run, shortest};
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: snapkeep-simulation [--runs N] [--seed S] [--without KIND,…] [--schedulers N] [--days N]";

struct Wanted {
    runs: u64,
    seed: u64,
    faults: Faults,
}

fn wanted(mut arguments: impl Iterator<Item = String>) -> Option<Wanted> {
    let mut wanted = Wanted { runs: 100_000, seed: 1, faults: Faults::default() };
    while let Some(flag) = arguments.next() {
        let value = arguments.next()?;
        if flag == "--without" {
            wanted.faults = value.split(',').try_fold(wanted.faults, |faults, kind| faults.without(kind))?;
            continue;
        }
        let number = value.replace('_', "").parse().ok()?;
        match flag.as_str() {
            "--runs" => wanted.runs = number,
            "--seed" => wanted.seed = number,
            "--schedulers" => wanted.faults.schedulers = number,
            "--days" => wanted.faults.days = i64::try_from(number).ok()?,
            _ => return None,
        }
    }
    Some(wanted)
}

/// How many histories there were, and what was in them.
fn simulate(wanted: &Wanted) -> Result<(u64, Tally), Box<Found>> {
    let (mut all, mut histories) = (Tally::default(), 0);
    while all.runs < wanted.runs {
        all += run(wanted.seed + histories, &wanted.faults)?;
        histories += 1;
    }
    Ok((histories, all))
}

fn main() -> io::Result<ExitCode> {
    let Some(wanted) = wanted(std::env::args().skip(1)) else {
        writeln!(io::stderr(), "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    match simulate(&wanted) {
        Ok((histories, tally)) => {
            writeln!(io::stdout(), "{histories} histories from seed {}: {tally}; no promise was broken", wanted.seed)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(found) => {
            let Found { seed, faults, broken, history } = shortest(*found);
            writeln!(
                io::stderr(),
                "{}\nbroken: {broken}\nrepeat it: cargo xtask simulate --runs 1 --seed {seed}{}",
                history.join("\n"),
                faults.flags()
            )?;
            Ok(ExitCode::FAILURE)
        }
    }
}
