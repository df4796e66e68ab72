//! `cargo xtask bench plan`: planning. 100,000 snapshots of 50 policies in memory (`cargo bench -p snapkeep-core`); and
//! `snapkeep plan` beside Curator's dry run, in turn, on one repository of 500 on a real Elasticsearch 7.17.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::duel::{Duel, INDEX, REPOSITORY, Ring, build, duels_json, duels_table, runs};
use super::process::{machine, measure};
use crate::failure::{Failure, Result};

/// Snapshots in the repository.
const HELD: usize = 500;
/// How many of them both sides would keep.
const KEPT: usize = 250;
/// The first slot, in hours since 1970-01-01: 2026-10-01T00:00:00Z.
const FIRST_SLOT: usize = 497_448;

const POLICY: &str = "hourly";

/// Measures and prints.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let runs = runs(args)?;
    let in_memory = in_memory()?;
    let duel = Stage::new(&build()?)?.run(runs)?;
    println!("{}; medians of {runs} runs (least in brackets)\n\nin memory: {in_memory}\n", machine());
    println!("{}", duels_table(std::slice::from_ref(&duel)));
    println!(
        "{}",
        json!({ "bench": "plan", "runs": runs, "machine": machine(), "in_memory": in_memory, "beside_curator": duels_json(&[duel]) })
    );
    Ok(())
}

/// The core's own bench, in its words.
fn in_memory() -> Result<String> {
    let mut cargo = crate::cargo::cargo();
    let output = cargo.args(["bench", "--quiet", "--package", "snapkeep-core", "--bench", "plan"]).output();
    let output = output.map_err(Failure::during("cannot run cargo"))?;
    if !output.status.success() {
        return Err(Failure::new(format!("the core's bench failed: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The policy and its snapshots, in the ring.
struct Stage {
    ring: Ring,
}

impl Stage {
    /// The repository with its snapshots, as the policy would have taken them, and the policy.
    fn new(program: &Path) -> Result<Self> {
        let stage = Self { ring: Ring::new(program)? };
        (0..HELD).try_for_each(|number| stage.take(number))?;
        let policy = json!({
            "clusters": { "bench": { "endpoint": stage.ring.url(), "auth": "none" } },
            "policies": { POLICY: { "repository": REPOSITORY, "schedule": "0 * * * *", "first_delete": "allow",
                "indices": [INDEX], "keep": { "max_count": KEPT }, "limits": { "max_deletes_per_run": HELD } } },
        });
        std::fs::write(stage.ring.folder.path().join("snapkeep.yaml"), policy.to_string())
            .map_err(Failure::during("cannot write the policy"))?;
        Ok(stage)
    }

    fn take(&self, number: usize) -> Result<()> {
        let (date, hour) = date_and_hour(FIRST_SLOT + number);
        let name = format!("{POLICY}-{}t{hour:02}0000z", date.replace('-', ""));
        let mark = json!({ "v": 1, "policy": POLICY, "slot": format!("{date}T{hour:02}:00:00Z"), "run": "0badcafe" });
        self.ring.take(&name, &json!({ "snapkeep": mark }))
    }

    /// In turn; both must come to the same number.
    fn run(&self, runs: usize) -> Result<Duel> {
        let mut duel = Duel::of("plan of 500, 250 of them to go");
        for _ in 0..runs {
            let ours = measure(&mut self.plan())?;
            let plan: Value = serde_json::from_str(&ours.output).unwrap_or_default();
            let steps =
                plan["steps"].as_array().map_or(0, |steps| steps.iter().filter(|step| step["do"] == "delete").count());
            if steps != HELD - KEPT {
                return Err(Failure::new(format!("the plan has {steps} deletions in place of {}", HELD - KEPT)));
            }
            duel.ours.push(ours);
            duel.theirs.push(measure(&mut self.ring.curator.dry_run_beyond(REPOSITORY, POLICY, KEPT)?)?);
        }
        Ok(duel)
    }

    fn plan(&self) -> Command {
        let mut command = Command::new(&self.ring.program);
        command.env_clear().current_dir(self.ring.folder.path()).args(["--json", "plan"]);
        command
    }
}

/// `2026-10-01` and the hour, UTC, of so many hours since 1970: the calendar's days, counted.
pub(crate) fn date_and_hour(hours: usize) -> (String, usize) {
    let (mut day, hour) = (hours / 24, hours % 24);
    let is_leap = |year: usize| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while day >= 365 + usize::from(is_leap(year)) {
        day -= 365 + usize::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + usize::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    (format!("{year}-{:02}-{:02}", month + 1, day + 1), hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_dates() {
        assert_eq!(date_and_hour(0), ("1970-01-01".to_owned(), 0));
        assert_eq!(date_and_hour(FIRST_SLOT), ("2026-10-01".to_owned(), 0));
        assert_eq!(date_and_hour(FIRST_SLOT + 31 * 24 + 5), ("2026-11-01".to_owned(), 5));
        assert_eq!(date_and_hour(19_782 * 24), ("2024-02-29".to_owned(), 0));
    }
}
