//! `cargo xtask test`: all that a change must pass, with one node of each required version and one
//! S3 server for the whole run.

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::{Duration, Instant};

use snapkeep_testbed::{Needs, Testbed, bed, release};

use crate::failure::{Failure, Result};
use crate::terminal::Terminal;

/// What a run from nothing may take on two cores. Printed beside what it took, never asserted.
const BUDGET: Duration = Duration::from_mins(35);

/// `test [--matrix] [FILTER…]`, or `test --deploy`: the templates, by others' tools, `test --peers`: beside Curator, or
/// `test --pages`: the daemon's page in a browser.
pub(crate) fn run(args: &[String]) -> Result<()> {
    match args {
        [flag] if flag == "--deploy" => return alone("deploy", crate::deploy::check),
        [flag] if flag == "--peers" => return alone("peers", crate::peers::check),
        [flag] if flag == "--pages" => return alone("pages", crate::pages::check),
        _ => {}
    }
    let matrix = args.iter().any(|arg| arg == "--matrix");
    let filters: Vec<&String> = args.iter().filter(|arg| *arg != "--matrix").collect();
    if let Some(unknown) = filters.iter().find(|filter| filter.starts_with('-')) {
        return Err(Failure::operator(format!(
            "unknown option {unknown}; usage: cargo xtask test [--matrix] [FILTER…] | --deploy | --peers | --pages"
        )));
    }
    let mut phases = Phases::default();
    let outcome = in_phases(&mut phases, matrix, &filters);
    phases.print();
    outcome
}

fn alone(name: &'static str, check: fn() -> Result<()>) -> Result<()> {
    let mut phases = Phases::default();
    let outcome = phases.run(name, check);
    phases.print();
    outcome
}

fn in_phases(phases: &mut Phases, matrix: bool, filters: &[&String]) -> Result<()> {
    if filters.is_empty() {
        phases.run("format", || cargo(&["fmt", "--all", "--check"]))?;
        phases
            .run("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
        phases.run("deny", deny)?;
        phases.run("template", crate::deploy::light)?;
    }
    phases.run("build", || cargo(&["test", "--workspace", "--no-run", "--quiet"]))?;
    let needs = Needs::nodes(release::REQUIRED);
    let bed = phases.run("nodes", || Ok(Testbed::start(&needs, &Terminal::default())?))?;
    phases.run("tests", || tests(&bed, matrix, filters))?;
    phases.run("stop", || {
        drop(bed);
        Ok(())
    })
}

fn tests(bed: &Testbed, matrix: bool, filters: &[&String]) -> Result<()> {
    let folder = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
    let description = folder.path().join("testbed.json");
    bed.write_description(&description)?;
    let mut command = cargo_command(&["test", "--workspace", "--no-fail-fast"]);
    command.args(filters).env(bed::DESCRIPTION_VAR, &description);
    // The binary that the test build made: the demo's test runs the very same.
    command.env("SNAPKEEP_BOOTSTRAP", crate::cargo::beside_this("bootstrap")?);
    if std::env::var_os(THREADS).is_none() {
        // Tests wait for nodes most of their time: one more than there are processors wastes less of it.
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        command.env(THREADS, (processors + 1).to_string());
    }
    if matrix {
        command.env(release::MATRIX_VAR, "1");
    } else {
        println!("skipped: the nodes of the whole version matrix (cargo xtask test --matrix runs them)");
    }
    succeed(&mut command, "cargo test")
}

/// How many tests run at a time, by the test harness's own variable.
const THREADS: &str = "RUST_TEST_THREADS";

/// The oldest cargo-deny that reads our deny.toml, as its second number.
const CARGO_DENY: u32 = 20;

/// What cargo-deny finds beyond what `tests/licences.rs` checks on every machine. The tool is no part
/// of the toolchain, so a machine without it says so.
fn deny() -> Result<()> {
    let version = Command::new("cargo-deny").arg("--version").output().ok();
    let version = version.and_then(|output| minor(&String::from_utf8_lossy(&output.stdout)));
    if version.is_none_or(|version| version < CARGO_DENY) {
        println!(
            "skipped: cargo-deny 0.{CARGO_DENY} or later is not here; licences and sources are tested all the same"
        );
        return Ok(());
    }
    cargo(&["deny", "--log-level", "error", "check", "licenses", "bans", "sources"])
}

/// The 20 of `cargo-deny 0.20.2`.
fn minor(version: &str) -> Option<u32> {
    version.split_whitespace().last()?.split('.').nth(1)?.parse().ok()
}

fn cargo(args: &[&str]) -> Result<()> {
    succeed(&mut cargo_command(args), &format!("cargo {}", args[0]))
}

fn cargo_command(args: &[&str]) -> Command {
    let mut command = crate::cargo::cargo();
    command.args(args);
    command
}

fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().map_err(Failure::during(format!("cannot run {what}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{what} failed ({status})"))) }
}

/// How long each part took.
#[derive(Default)]
struct Phases(Vec<(&'static str, Duration)>);

impl Phases {
    fn run<T>(&mut self, name: &'static str, phase: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("── {name}");
        let begun = Instant::now();
        let outcome = phase();
        self.0.push((name, begun.elapsed()));
        outcome
    }

    fn print(&self) {
        let total: Duration = self.0.iter().map(|(_, took)| *took).sum();
        println!("── phases");
        for (name, took) in &self.0 {
            println!("   {name:<10} {:>7.1} s", took.as_secs_f64());
        }
        println!(
            "   {:<10} {:>7.1} s of {} s that a run from nothing may take",
            "all",
            total.as_secs_f64(),
            BUDGET.as_secs()
        );
    }
}
