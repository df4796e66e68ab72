//! What both benches beside Curator stand on: a real Elasticsearch 7.17 with one repository, both programs, and their jobs
//! side by side.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use snapkeep_testbed::{Needs, NodeHandle, Testbed};
use tokio::runtime::Runtime;

use super::USAGE;
use super::curator::Curator;
use super::process::Ran;
use super::spread::{Spread, megabytes, rounded};
use crate::failure::{Failure, Result};
use crate::terminal::Terminal;

/// Runs of each, unless said otherwise.
const USUAL: usize = 5;

const NODE: &str = "elasticsearch-7.17.28";

/// The repository, on a file system.
pub(super) const REPOSITORY: &str = "bench";

/// The one index that snapshots hold.
pub(super) const INDEX: &str = "books";

/// The number after `--runs`.
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

/// The real node and both contestants.
pub(super) struct Ring {
    pub(super) program: PathBuf,
    pub(super) curator: Curator,
    /// Deleted with the ring.
    pub(super) folder: tempfile::TempDir,
    bed: Testbed,
    runtime: Runtime,
}

impl Ring {
    /// With an empty repository.
    pub(super) fn new(program: &Path) -> Result<Self> {
        let bed = Testbed::start(&Needs::nodes([NODE]), &Terminal::default())?;
        let folder = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
        let curator = Curator::install(&bed.node(NODE).url, folder.path())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::during("cannot start a runtime"))?;
        let ring = Self { program: program.to_owned(), curator, folder, bed, runtime };
        ring.prepare();
        Ok(ring)
    }

    fn node(&self) -> &NodeHandle {
        self.bed.node(NODE)
    }

    /// Where the node is.
    pub(super) fn url(&self) -> &str {
        &self.node().url
    }

    fn prepare(&self) {
        let body = json!({ "type": "fs", "settings": { "location": self.node().repo_dir.join(REPOSITORY) } });
        self.runtime.block_on(async {
            self.node().load_documents(INDEX, 10).await;
            self.node().put(&format!("/_snapshot/{REPOSITORY}"), body).await;
        });
    }

    /// Takes a snapshot, by the node's own hand; waits for its end.
    pub(super) fn take(&self, name: &str, metadata: &Value) -> Result<()> {
        let body = json!({ "indices": INDEX, "include_global_state": false, "metadata": metadata });
        let path = format!("/_snapshot/{REPOSITORY}/{name}?wait_for_completion=true");
        let (status, answer) = self.runtime.block_on(self.node().put(&path, body));
        if answer["snapshot"]["state"] == "SUCCESS" {
            return Ok(());
        }
        Err(Failure::new(format!("the node took no snapshot {name} ({status}): {answer}")))
    }

    /// How many it holds, as the node says.
    pub(super) fn count(&self) -> usize {
        let (_, list) = self.runtime.block_on(self.node().get(&format!("/_snapshot/{REPOSITORY}/_all?verbose=false")));
        list["snapshots"].as_array().map_or(0, Vec::len)
    }
}

/// One job, done by both.
#[derive(Debug)]
pub(super) struct Duel {
    pub(super) what: &'static str,
    pub(super) ours: Vec<Ran>,
    pub(super) theirs: Vec<Ran>,
}

impl Duel {
    /// Nothing done yet.
    pub(super) fn of(what: &'static str) -> Self {
        Self { what, ours: Vec::new(), theirs: Vec::new() }
    }

    /// Milliseconds from launch to end.
    pub(super) fn seconds(runs: &[Ran]) -> Spread {
        Spread::of(runs.iter().map(|ran| ran.took.as_secs_f64() * 1e3).collect())
    }

    /// The largest size, in megabytes.
    pub(super) fn memory(runs: &[Ran]) -> Spread {
        Spread::of(runs.iter().map(|ran| megabytes(ran.memory)).collect())
    }

    fn ratios(&self) -> (f64, f64) {
        let ratio = |of: fn(&[Ran]) -> Spread| of(&self.theirs).median / of(&self.ours).median;
        (ratio(Self::seconds), ratio(Self::memory))
    }
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
