//! `cargo xtask bench lists`: how listing and deleting fare with many snapshots. 10,000 of them on a synthetic cluster,
//! which counts requests and bytes; 500 on a real Elasticsearch 7.17, beside Curator 8, in turn.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use snapkeep_testbed::synthetic::{Asked, Holding, Persona, SyntheticCluster};
use snapkeep_testbed::{Needs, NodeHandle, Testbed};
use tokio::runtime::Runtime;

use super::USAGE;
use super::curator::Curator;
use super::process::{Ran, machine, measure};
use super::spread::{Spread, megabytes, rounded};
use crate::failure::{Failure, Result};
use crate::terminal::Terminal;

/// Runs of each, unless said otherwise; each deletes 50 snapshots for each side.
const USUAL: usize = 5;
/// Snapshots of the synthetic cluster.
const MANY: usize = 10_000;
/// Indices in each of them.
const INDICES: usize = 200;
/// Snapshots on the real node when a list is measured.
const HELD: usize = 500;
/// Snapshots that one deletion takes.
const BATCH: usize = 50;

pub(super) const NODE: &str = "elasticsearch-7.17.28";
const REPOSITORY: &str = "bench";

/// Measures and prints.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let runs = runs(args)?;
    let program = build()?;
    let synthetic = [Persona::OpenSearch, Persona::Elasticsearch]
        .map(|persona| list_many(&program, persona, runs).map(|rows| (persona, rows)));
    let synthetic = synthetic.into_iter().collect::<Result<Vec<_>>>()?;
    let duels = Duels::on_a_node(&program)?.run(runs)?;
    println!("{}", table(&synthetic, &duels, runs));
    println!("{}", as_json(&synthetic, &duels, runs));
    Ok(())
}

pub(super) fn runs(args: &[String]) -> Result<usize> {
    let wrong = || Failure::operator(format!("--runs takes a number of 3 or more; usage: {USAGE}"));
    match args {
        [] => Ok(USUAL),
        [name, value] if name == "--runs" => value.parse().ok().filter(|&runs| runs >= 3).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// The command line as it is shipped.
pub(super) fn build() -> Result<PathBuf> {
    let mut cargo = crate::cargo::cargo();
    cargo.args(["build", "--quiet", "--release", "--package", "snapkeep-cli", "--message-format", "json"]);
    let output = cargo.output().map_err(Failure::during("cannot run cargo"))?;
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let made = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = made.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    program.filter(|_| output.status.success()).ok_or_else(|| {
        Failure::new(format!("the command line cannot be built: {}", String::from_utf8_lossy(&output.stderr)))
    })
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

/// One job, done by both.
#[derive(Debug)]
pub(super) struct Duel {
    pub(super) what: &'static str,
    pub(super) ours: Vec<Ran>,
    pub(super) theirs: Vec<Ran>,
}

/// The real node and both contestants.
struct Duels {
    program: PathBuf,
    bed: Testbed,
    runtime: Runtime,
    curator: Curator,
    _folder: tempfile::TempDir,
}

impl Duels {
    fn on_a_node(program: &Path) -> Result<Self> {
        let bed = Testbed::start(&Needs::nodes([NODE]), &Terminal::default())?;
        let folder = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
        let curator = Curator::install(&bed.node(NODE).url, folder.path())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::during("cannot start a runtime"))?;
        let duels = Self { program: program.to_owned(), bed, runtime, curator, _folder: folder };
        duels.prepare();
        Ok(duels)
    }

    fn node(&self) -> &NodeHandle {
        self.bed.node(NODE)
    }

    fn prepare(&self) {
        let location = self.node().repo_dir.join(REPOSITORY);
        let body = json!({ "type": "fs", "settings": { "location": location } });
        self.runtime.block_on(async {
            self.node().load_documents("books", 10).await;
            self.node().put(&format!("/_snapshot/{REPOSITORY}"), body).await;
        });
    }

    fn take(&self, name: &str) -> Result<()> {
        let path = format!("/_snapshot/{REPOSITORY}/{name}?wait_for_completion=true");
        let body = json!({ "indices": "books", "include_global_state": false });
        let (status, answer) = self.runtime.block_on(self.node().put(&path, body));
        if answer["snapshot"]["state"] == "SUCCESS" {
            return Ok(());
        }
        Err(Failure::new(format!("the node took no snapshot {name} ({status}): {answer}")))
    }

    fn count(&self) -> usize {
        let (_, list) = self.runtime.block_on(self.node().get(&format!("/_snapshot/{REPOSITORY}/_all?verbose=false")));
        list["snapshots"].as_array().map_or(0, Vec::len)
    }

    /// Before each round the repository holds [`HELD`] snapshots; each side deletes [`BATCH`] of them.
    fn run(&self, runs: usize) -> Result<Vec<Duel>> {
        let mut lists = Duel { what: "list of 500", ours: Vec::new(), theirs: Vec::new() };
        let mut plans = Duel { what: "dry run of a deletion of 50", ours: Vec::new(), theirs: Vec::new() };
        let mut deletions = Duel { what: "deletion of 50", ours: Vec::new(), theirs: Vec::new() };
        for number in 0..HELD - 2 * BATCH {
            self.take(&format!("kept-{number:03}"))?;
        }
        for round in 0..runs {
            let [ours, theirs] = [format!("ours-{round}-"), format!("theirs-{round}-")];
            for number in 0..BATCH {
                self.take(&format!("{ours}{number:02}"))?;
                self.take(&format!("{theirs}{number:02}"))?;
            }
            lists.ours.push(measure(self.snapkeep().args(["--json", "list"]))?);
            lists.theirs.push(measure(&mut self.curator.list(REPOSITORY))?);
            let pattern = format!("{ours}*");
            plans.ours.push(measure(self.snapkeep().args(["delete", "--match", &pattern, "--dry-run"]))?);
            plans.theirs.push(measure(&mut self.curator.delete(REPOSITORY, &theirs, true)?)?);
            self.expect(HELD)?;
            deletions.ours.push(measure(self.snapkeep().args(["delete", "--match", &pattern, "--yes"]))?);
            self.expect(HELD - BATCH)?;
            deletions.theirs.push(measure(&mut self.curator.delete(REPOSITORY, &theirs, false)?)?);
            self.expect(HELD - 2 * BATCH)?;
        }
        Ok(vec![lists, plans, deletions])
    }

    fn snapkeep(&self) -> Command {
        snapkeep(&self.program, &self.node().url)
    }

    fn expect(&self, count: usize) -> Result<()> {
        match self.count() {
            found if found == count => Ok(()),
            found => Err(Failure::new(format!("the repository holds {found} snapshots in place of {count}"))),
        }
    }
}

impl Duel {
    fn seconds(runs: &[Ran]) -> Spread {
        Spread::of(runs.iter().map(|ran| ran.took.as_secs_f64() * 1e3).collect())
    }

    fn memory(runs: &[Ran]) -> Spread {
        Spread::of(runs.iter().map(|ran| megabytes(ran.memory)).collect())
    }

    fn ratios(&self) -> (f64, f64) {
        let ratio = |of: fn(&[Ran]) -> Spread| of(&self.theirs).median / of(&self.ours).median;
        (ratio(Self::seconds), ratio(Self::memory))
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

/// Both sides of each job, and how many times as much theirs takes.
pub(super) fn duels_table(duels: &[Duel]) -> String {
    let mut text = String::from(
        "| on Elasticsearch 7.17 | snapkeep, ms | Curator 8, ms | ratio | snapkeep, MB | Curator 8, MB | ratio |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for duel in duels {
        let (time, memory) = duel.ratios();
        let [ours, theirs] = [&duel.ours, &duel.theirs];
        let _ = writeln!(
            text,
            "| {} | {} | {} | {time:.1}× | {} | {} | {memory:.1}× |",
            duel.what,
            Duel::seconds(ours).shown(),
            Duel::seconds(theirs).shown(),
            Duel::memory(ours).shown(),
            Duel::memory(theirs).shown()
        );
    }
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

/// The same for programs.
pub(super) fn duels_json(duels: &[Duel]) -> Vec<Value> {
    let side = |runs: &[Ran]| json!({ "ms": Duel::seconds(runs).json(), "peak_memory_mb": Duel::memory(runs).json() });
    let duel = |duel: &Duel| {
        let (time, memory) = duel.ratios();
        json!({
            "what": duel.what, "snapkeep": side(&duel.ours), "curator": side(&duel.theirs),
            "ratios": { "time": rounded(time), "memory": rounded(memory) },
        })
    };
    duels.iter().map(duel).collect()
}
