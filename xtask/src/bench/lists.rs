//! `cargo xtask bench lists`: how listing and deleting fare with many snapshots. 10,000 of them on a synthetic cluster,
//! which counts requests and bytes; 500 on a real Elasticsearch 7.17, beside Curator 8, in turn.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use snapkeep_testbed::synthetic::{Asked, Holding, Persona, SyntheticCluster};

use super::duel::{Duel, REPOSITORY, Ring, build, duels_json, duels_table, runs};
use super::process::{Ran, machine, measure};
use super::spread::megabytes;
use crate::failure::{Failure, Result};

/// Snapshots of the synthetic cluster.
const MANY: usize = 10_000;
/// Indices in each of them.
const INDICES: usize = 200;
/// Snapshots on the real node when a list is measured.
const HELD: usize = 500;
/// Snapshots that one deletion takes: in each run, for each side.
const BATCH: usize = 50;

/// Measures and prints.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let runs = runs(args)?;
    let program = build()?;
    let synthetic = [Persona::OpenSearch, Persona::Elasticsearch]
        .map(|persona| list_many(&program, persona, runs).map(|rows| (persona, rows)));
    let synthetic = synthetic.into_iter().collect::<Result<Vec<_>>>()?;
    let duels = Duels { ring: Ring::new(&program)? }.run(runs)?;
    println!("{}", table(&synthetic, &duels, runs));
    println!("{}", as_json(&synthetic, &duels, runs));
    Ok(())
}

fn snapkeep(program: &Path, url: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().args(["--endpoint", url, "--auth", "none", "--repository", REPOSITORY]);
    command
}

/// One list of everything.
#[derive(Debug, Clone)]
struct Listed {
    ran: Ran,
    asked: Asked,
}

fn list_many(program: &Path, persona: Persona, runs: usize) -> Result<Vec<Listed>> {
    let holding = Holding { persona, repository: REPOSITORY.into(), snapshots: MANY, indices: INDICES };
    let cluster = SyntheticCluster::start(holding).map_err(Failure::during("cannot start the synthetic cluster"))?;
    let mut rows = Vec::new();
    for _ in 0..runs {
        let ran = measure(snapkeep(program, &cluster.url()).args(["--json", "list"]))?;
        let listed: Value = serde_json::from_str(&ran.output).unwrap_or_default();
        let full = |entry: &Value| entry["started_at"].is_string() && entry["indices"] == INDICES;
        let count = listed["snapshots"].as_array().map_or(0, |list| list.iter().filter(|entry| full(entry)).count());
        if count != MANY {
            return Err(Failure::new(format!("the list has {count} whole entries of {MANY}")));
        }
        rows.push(Listed { ran, asked: cluster.take_asked() });
    }
    Ok(rows)
}

/// The jobs that both do.
struct Duels {
    ring: Ring,
}

impl Duels {
    /// Before each round the repository holds [`HELD`] snapshots; each side deletes [`BATCH`] of them.
    fn run(&self, runs: usize) -> Result<Vec<Duel>> {
        let mut lists = Duel::of("list of 500");
        let mut plans = Duel::of("dry run of a deletion of 50");
        let mut deletions = Duel::of("deletion of 50");
        for number in 0..HELD - 2 * BATCH {
            self.ring.take(&format!("kept-{number:03}"), &Value::Null)?;
        }
        for round in 0..runs {
            let [ours, theirs] = [format!("ours-{round}-"), format!("theirs-{round}-")];
            for number in 0..BATCH {
                self.ring.take(&format!("{ours}{number:02}"), &Value::Null)?;
                self.ring.take(&format!("{theirs}{number:02}"), &Value::Null)?;
            }
            lists.ours.push(measure(self.snapkeep().args(["--json", "list"]))?);
            lists.theirs.push(measure(&mut self.ring.curator.list(REPOSITORY))?);
            let pattern = format!("{ours}*");
            plans.ours.push(measure(self.snapkeep().args(["delete", "--match", &pattern, "--dry-run"]))?);
            plans.theirs.push(measure(&mut self.ring.curator.delete(REPOSITORY, &theirs, true)?)?);
            self.expect(HELD)?;
            deletions.ours.push(measure(self.snapkeep().args(["delete", "--match", &pattern, "--yes"]))?);
            self.expect(HELD - BATCH)?;
            deletions.theirs.push(measure(&mut self.ring.curator.delete(REPOSITORY, &theirs, false)?)?);
            self.expect(HELD - 2 * BATCH)?;
        }
        Ok(vec![lists, plans, deletions])
    }

    fn snapkeep(&self) -> Command {
        snapkeep(&self.ring.program, self.ring.url())
    }

    fn expect(&self, count: usize) -> Result<()> {
        match self.ring.count() {
            found if found == count => Ok(()),
            found => Err(Failure::new(format!("the repository holds {found} snapshots in place of {count}"))),
        }
    }
}

fn table(synthetic: &[(Persona, Vec<Listed>)], duels: &[Duel], runs: usize) -> String {
    let mut text = format!("{}; medians of {runs} runs (least in brackets)\n\n", machine());
    let _ = writeln!(
        text,
        "| list of {MANY} snapshots of {INDICES} indices | requests | at once | answers, MB | largest, MB | ms | peak memory, MB |"
    );
    let _ = writeln!(text, "|---|---:|---:|---:|---:|---:|---:|");
    for (persona, rows) in synthetic {
        let Some(Listed { asked, .. }) = rows.last() else { continue };
        let ran: Vec<Ran> = rows.iter().map(|row| row.ran.clone()).collect();
        let _ = writeln!(
            text,
            "| as {persona:?} | {} | {} | {:.1} | {:.2} | {} | {} |",
            asked.requests,
            asked.at_once,
            megabytes(asked.bytes),
            megabytes(asked.largest),
            Duel::seconds(&ran).shown(),
            Duel::memory(&ran).shown()
        );
    }
    text.push('\n');
    text.push_str(&duels_table(duels));
    text
}

fn as_json(synthetic: &[(Persona, Vec<Listed>)], duels: &[Duel], runs: usize) -> Value {
    let lists: Vec<Value> = synthetic
        .iter()
        .map(|(persona, rows)| {
            let ran: Vec<Ran> = rows.iter().map(|row| row.ran.clone()).collect();
            let asked = rows.last().map(|row| row.asked).unwrap_or_default();
            json!({
                "as": format!("{persona:?}").to_lowercase(), "snapshots": MANY, "indices": INDICES,
                "requests": asked.requests, "at_once": asked.at_once, "bytes": asked.bytes, "largest": asked.largest,
                "ms": Duel::seconds(&ran).json(), "peak_memory_mb": Duel::memory(&ran).json(),
            })
        })
        .collect();
    json!({ "bench": "lists", "runs": runs, "machine": machine(), "synthetic": lists, "beside_curator": duels_json(duels) })
}
