//! `cargo xtask test --peers`: what Curator 8 would delete and what its imported action files plan to delete, of the same
//! repository on a real Elasticsearch 7.17. Every file that is imported must come to the same, but for what the floor holds
//! back; the others must be listed. `SNAPKEEP_REGENERATE=1` records what Curator said, for the tests that have no Python.

mod backdate;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cargo::beside_this;
use crate::failure::{Failure, Result};
use crate::package::root;
use stage::Stage;

/// Reasons by which snapshots stay that Curator deletes: the floor, in its parts.
const FLOOR: &[&str] = &["newest_success", "floor", "not_superseded"];

/// Runs every file; the first that differs ends it.
pub(crate) fn check() -> Result<()> {
    let program = build()?;
    let stage = Stage::new()?;
    let folder = root().join("crates/import/tests/curator");
    let mut recorded = BTreeMap::new();
    for file in files(&folder)? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let theirs = stage.curator_deletes(&file)?;
        let held = compare(&name, &theirs, &Ours::of(&program, &stage, &file)?)?;
        println!("   {name}: {} to delete{held}", theirs.len());
        recorded.insert(name, theirs);
    }
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        let recorded = json!({ "at": stage.at, "snapshots": stage.listed()?, "curator": recorded });
        let text = serde_json::to_string_pretty(&recorded).unwrap_or_default() + "\n";
        std::fs::write(folder.join("recorded.json"), text).map_err(Failure::during("cannot record"))?;
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let status = crate::cargo::cargo().args(["build", "--quiet", "--package", "snapkeep-cli"]).status();
    if status.map_err(Failure::during("cannot run cargo"))?.success() {
        beside_this("snapkeep")
    } else {
        Err(Failure::new("the command line cannot be built"))
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(Failure::during("cannot read the action files"))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    Ok(files)
}

/// What comes of an action file with us.
struct Ours {
    policies: usize,
    /// What is not imported, and what is narrower by its own word.
    findings: Vec<Value>,
    deletes: BTreeSet<String>,
    /// Why the others stay.
    kept: BTreeMap<String, Vec<String>>,
}

impl Ours {
    fn of(program: &Path, stage: &Stage, file: &Path) -> Result<Self> {
        let out = stage.folder().join("snapkeep.yaml");
        std::fs::remove_file(&out).ok();
        let mut import = stage.program(program);
        import.args(["--json", "policy", "import"]).arg(file).args(["--endpoint", stage.url(), "--out"]).arg(&out);
        let imported = answer(&mut import)?;
        let findings = imported["findings"].as_array().cloned().unwrap_or_default();
        let policies = imported["policies"].as_object().map_or(0, serde_json::Map::len);
        let mut ours = Self { policies, findings, deletes: BTreeSet::new(), kept: BTreeMap::new() };
        if policies > 0 {
            answer(stage.program(program).args(["--json", "config", "check"]))?;
            ours.read(&answer(stage.program(program).args(["--json", "plan"]))?);
        }
        Ok(ours)
    }

    fn read(&mut self, plan: &Value) {
        let name = |one: &Value| one["snapshot"].as_str().unwrap_or_default().to_owned();
        let list = |key: &str| plan[key].as_array().cloned().unwrap_or_default();
        self.deletes = list("steps").iter().filter(|step| step["do"] == "delete").map(name).collect();
        let words = |one: &Value| {
            let reasons = one["reasons"].as_array().cloned().unwrap_or_default();
            reasons.iter().map(|reason| reason["rule"].as_str().unwrap_or_default().to_owned()).collect()
        };
        self.kept = list("kept").iter().map(|one| (name(one), words(one))).collect();
    }

    /// Whether it says itself that it takes fewer.
    fn is_narrower(&self) -> bool {
        self.findings.iter().any(|finding| ["count", "delete_snapshots"].iter().any(|what| finding["what"] == *what))
    }
}

/// What a command says as JSON; an import that comes to nothing says so, too.
fn answer(command: &mut std::process::Command) -> Result<Value> {
    let output = command.output().map_err(Failure::during("cannot run snapkeep"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| Failure::new(format!("snapkeep said no JSON: {}", String::from_utf8_lossy(&output.stderr))))
}

/// What the floor holds back, in words; a difference is a failure.
fn compare(name: &str, theirs: &BTreeSet<String>, ours: &Ours) -> Result<String> {
    let is_listed = ours.findings.iter().any(|finding| finding["effect"] == "not_imported");
    if name.starts_with("listed-") {
        return match (ours.policies, is_listed) {
            (0, true) => Ok("; not imported, and listed".to_owned()),
            _ => Err(Failure::new(format!("{name}: it is to be listed and not imported"))),
        };
    }
    if let Some(more) = ours.deletes.difference(theirs).next() {
        return Err(Failure::new(format!("{name}: {more} would go, and Curator keeps it")));
    }
    let mut held = Vec::new();
    for stays in theirs.difference(&ours.deletes) {
        let reasons = ours.kept.get(stays).cloned().unwrap_or_default();
        let by_floor = reasons.iter().any(|reason| FLOOR.contains(&reason.as_str()));
        if !by_floor && !ours.is_narrower() {
            return Err(Failure::new(format!("{name}: {stays} would stay ({reasons:?}), and Curator deletes it")));
        }
        held.push(stays.as_str());
    }
    Ok(if held.is_empty() { String::new() } else { format!("; held back: {}", held.join(", ")) })
}
