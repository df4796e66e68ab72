//! `cargo xtask bench`: measurements side by side.

mod contestants;
mod curator;
mod duel;
mod lambda;
mod lists;
mod plan;
mod process;
mod report;
mod repository;
mod spread;
mod stand_in;

pub(crate) use curator::Curator;
pub(crate) use plan::date_and_hour;

use crate::failure::{Failure, Result};

/// How it is called.
pub(crate) const USAGE: &str = "cargo xtask bench [lambda | lists | plan | repository] [--runs N]";

/// Runs a bench; without a name, lists them.
pub(crate) fn run(args: &[String]) -> Result<()> {
    match args.split_first() {
        None => {
            println!("lambda       cold starts of the function beside the same job in Python");
            println!("lists        listing 10,000 snapshots; listing and deleting beside Curator");
            println!("plan         planning 100,000 snapshots; a dry run of 500 beside Curator");
            println!("repository   reading one of 1,000 snapshots without its cluster; checksums beside cat\n");
            println!("usage: {USAGE}");
            Ok(())
        }
        Some((name, rest)) if name == "lambda" => lambda::run(rest),
        Some((name, rest)) if name == "lists" => lists::run(rest),
        Some((name, rest)) if name == "plan" => plan::run(rest),
        Some((name, rest)) if name == "repository" => repository::run(rest),
        Some((name, _)) => Err(Failure::operator(format!("no bench is named {name}; usage: {USAGE}"))),
    }
}
