//! `cargo xtask fuzz`: hostile bytes for the parsers of snapkeep-repository, for some time each.

use std::path::{Path, PathBuf};

use crate::cargo::cargo_of_the_nightly;
use crate::failure::{Failure, Result};

const USAGE: &str = "cargo xtask fuzz [TARGET] [--seconds N]";

/// Seconds for each target, if none are asked for.
const SECONDS: u32 = 60;

/// Runs a target, or all of them one after another. What they find on their way stays in `target/fuzz`, for the next run; what
/// they find wrong ends it, and is in `fuzz/artifacts`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let (target, seconds) = read(args)?;
    let all = targets(&fuzz())?;
    let chosen: Vec<_> = all.iter().filter(|name| target.as_ref().is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        return Err(Failure::operator(format!("no such target; there are: {}", all.join(", "))));
    }
    chosen.into_iter().try_for_each(|name| fuzz_one(name, seconds))
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn read(args: &[String]) -> Result<(Option<String>, u32)> {
    let usage = || Failure::operator(format!("usage: {USAGE}"));
    let (target, rest) = match args.split_first() {
        Some((target, rest)) if !target.starts_with('-') => (Some(target.clone()), rest),
        _ => (None, args),
    };
    match rest {
        [] => Ok((target, SECONDS)),
        [flag, seconds] if flag == "--seconds" => Ok((target, seconds.parse().map_err(|_| usage())?)),
        _ => Err(usage()),
    }
}

fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(fuzz.join("fuzz_targets")).map_err(Failure::during("cannot list the targets"))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<_> = paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

fn fuzz_one(name: &str, seconds: u32) -> Result<()> {
    let fuzz = fuzz();
    let found = fuzz.join("../target/fuzz").join(name);
    std::fs::create_dir_all(&found).map_err(Failure::during("cannot keep what fuzzing finds"))?;
    let mut command = cargo_of_the_nightly();
    command.current_dir(&fuzz).args(["fuzz", "run", name]).arg(&found).arg(fuzz.join("corpus").join(name));
    command.args(["--", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"]);
    let status = command.arg(format!("-max_total_time={seconds}")).status();
    match status.map_err(Failure::during("cannot run cargo fuzz"))? {
        status if status.success() => Ok(()),
        status if status.code() == Some(101) => {
            Err(Failure::operator("a nightly toolchain and `cargo install cargo-fuzz --locked` are needed"))
        }
        _ => Err(Failure::new(format!(
            "{name}: what is wrong is said above; `cargo +nightly fuzz run {name} FILE` repeats it"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_seconds_are_taken_and_nothing_else() {
        let of = |line: &str| read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("").unwrap(), (None, SECONDS));
        assert_eq!(of("smile --seconds 600").unwrap(), (Some("smile".to_owned()), 600));
        assert_eq!(of("--seconds 5").unwrap(), (None, 5));
        for bad in ["--seconds", "--seconds many", "smile json", "--minutes 3"] {
            assert_eq!(of(bad).unwrap_err().exit, 2, "{bad}");
        }
    }

    #[test]
    fn every_target_is_known() {
        let names = targets(&fuzz()).unwrap();
        assert!(names.contains(&"smile".to_owned()) && names.contains(&"repository_data".to_owned()), "{names:?}");
    }
}
