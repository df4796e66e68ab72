//! `cargo xtask simulate`: seeded histories of schedulers, faults and jumping clocks around the planner of production.

use crate::cargo::{beside_this, cargo};
use crate::failure::{Failure, Result};

const USAGE: &str = "cargo xtask simulate [--runs N] [--seed S] [--without KIND,…] [--schedulers N] [--days N]";

/// The pace of an optimised build, without the minutes that the shipped binaries' whole-program optimisation takes.
const OPTIMISED: [&str; 4] = [
    "profile.release.opt-level=3",
    "profile.release.lto=false",
    "profile.release.codegen-units=16",
    "profile.release.strip=false",
];

/// Builds the simulation with optimisation and runs it.
pub(crate) fn run(args: &[String]) -> Result<()> {
    check(args)?;
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--package", "snapkeep-simulation"]);
    // A folder of its own: other settings would build the shipped binaries' dependencies anew.
    command.arg("--target-dir").arg(beside_this("../simulate")?);
    command.args(OPTIMISED.iter().flat_map(|setting| ["--config", setting]));
    let status = command.arg("--").args(args).status().map_err(Failure::during("cannot run cargo"))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new("a promise was broken: the line above repeats it"))
}

/// Each flag with its value, as the simulation takes them; it knows the kinds itself.
fn check(args: &[String]) -> Result<()> {
    let is_number = |value: &str| value.replace('_', "").parse::<u64>().is_ok();
    let is_pair = |pair: &[String]| match pair {
        [flag, value] if flag == "--without" => !value.is_empty() && !value.starts_with('-'),
        [flag, value] => ["--runs", "--seed", "--schedulers", "--days"].contains(&flag.as_str()) && is_number(value),
        _ => false,
    };
    if args.chunks(2).all(is_pair) { Ok(()) } else { Err(Failure::operator(format!("usage: {USAGE}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_numbers() {
        let of = |line: &str| check(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert!(of("").is_ok() && of("--runs 100_000 --seed 7").is_ok() && of("--seed 1").is_ok());
        assert!(of("--runs 1 --seed 7 --without kills,no-metadata --schedulers 1 --days 4").is_ok());
        for bad in ["--runs", "--runs many", "7", "--times 3", "--runs 1 --seed", "--without --seed", "--without"] {
            assert_eq!(of(bad).unwrap_err().exit, 2, "{bad}");
        }
    }
}
