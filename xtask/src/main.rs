//! cargo xtask
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a terminal is what it talks to")]

mod bench;
mod cargo;
mod demo;
mod deploy;
mod digest;
mod failure;
mod fuzz;
mod package;
mod pages;
mod peers;
mod python;
mod simulate;
mod terminal;
mod test;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let ended = match args.first().map(String::as_str) {
        Some("demo") => demo::run(rest),
        Some("test") => test::run(rest),
        Some("bench") => bench::run(rest),
        Some("package") => package::run(rest),
        Some("simulate") => simulate::run(rest),
        Some("fuzz") => fuzz::run(rest),
        _ => Err(failure::Failure::operator("usage: cargo xtask demo | test | simulate | fuzz | bench | package")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit)
        }
    }
}
