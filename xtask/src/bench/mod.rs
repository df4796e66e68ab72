//! `cargo xtask bench`: measurements side by side.

mod contestants;
mod lambda;
mod report;
mod stand_in;

use crate::failure::{Failure, Result};

/// How it is called.
pub(crate) const USAGE: &str = "cargo xtask bench [lambda [--runs N]]";

/// Runs a bench; without a name, lists them.
pub(crate) fn run(args: &[String]) -> Result<()> {
    match args.split_first() {
        None => {
            println!("lambda   cold starts of the function beside the same job in Python\n\nusage: {USAGE}");
            Ok(())
        }
        Some((name, rest)) if name == "lambda" => lambda::run(rest),
        Some((name, _)) => Err(Failure::operator(format!("no bench is named {name}; usage: {USAGE}"))),
    }
}
