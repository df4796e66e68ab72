//! A real Elasticsearch 7.17 with a repository whose snapshots began long ago, and Curator beside it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use snapkeep_testbed::{Needs, NodeHandle, Testbed};
use tokio::runtime::Runtime;

use super::backdate::{self, Backdated};
use crate::bench::Curator;
use crate::failure::{Failure, Result};
use crate::terminal::Terminal;

const NODE: &str = "elasticsearch-7.17.28";
const REPOSITORY: &str = "backups";
const INDEX: &str = "books";
const DAY: u64 = 86_400;

/// Names with the codes of their date, the days that each began ago, and how it ended.
const SNAPSHOTS: &[(&str, &[u64], &str)] = &[
    ("curator-%Y%m%d%H%M%S", &[2, 6, 16, 18, 22, 26, 31, 36, 41, 44, 56, 61, 70, 80, 90], "SUCCESS"),
    ("curator-%Y%m%d%H%M%S", &[4, 33, 47], "FAILED"),
    ("curator-%Y%m%d%H%M%S", &[11, 52], "PARTIAL"),
    ("nightly-%Y.%m.%d", &[3, 12, 21, 30, 39, 48, 57, 66, 75], "SUCCESS"),
    ("daily-%Y.%m.%d", &[5, 25, 45], "SUCCESS"),
    ("daily-%Y.%m.%d-test", &[28, 50], "SUCCESS"),
    ("weekly-%Y.%m.%d-full", &[10, 24, 38, 52], "SUCCESS"),
    ("weekly-%Y.%m.%d-part", &[40], "SUCCESS"),
    ("manual-1", &[20], "SUCCESS"),
    ("manual-2", &[100], "SUCCESS"),
    ("manual-3", &[400], "SUCCESS"),
    ("snap-logs-1", &[8], "SUCCESS"),
    ("snap.logs-2", &[9], "SUCCESS"),
    ("snap-logs-3", &[3], "SUCCESS"),
];

/// The node, Curator, and a folder that goes with them.
pub(super) struct Stage {
    /// Now, in seconds since 1970.
    pub(super) at: u64,
    curator: Curator,
    folder: tempfile::TempDir,
    bed: Testbed,
    runtime: Runtime,
}

impl Stage {
    pub(super) fn new() -> Result<Self> {
        let bed = Testbed::start(&Needs::nodes([NODE]), &Terminal::default())?;
        let folder = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
        let curator = Curator::install(&bed.node(NODE).url, folder.path())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::during("cannot start a runtime"))?;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Failure::during("cannot tell the time"))?;
        let stage = Self { at: at.as_secs(), curator, folder, bed, runtime };
        stage.fill()?;
        Ok(stage)
    }

    fn node(&self) -> &NodeHandle {
        self.bed.node(NODE)
    }

    pub(super) fn url(&self) -> &str {
        &self.node().url
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all snapshots, then writes into the repository when they began and how they ended.
    fn fill(&self) -> Result<()> {
        self.runtime.block_on(self.node().load_documents(INDEX, 10));
        self.register()?;
        let all: Vec<Backdated> = self.snapshots().collect();
        for one in &all {
            self.take(&one.name)?;
        }
        let path = format!("/_snapshot/{REPOSITORY}");
        // What is in the node's memory of the repository goes with its registration.
        self.runtime.block_on(self.node().delete(&path));
        backdate::repository(&self.node().repo_dir.join(REPOSITORY), &all)?;
        self.register()?;
        let listed = self.listed()?;
        let is_as_told = |one: &Backdated| {
            let told = json!({ "snapshot": one.name, "state": one.state, "start": one.start_millis });
            listed.contains(&told)
        };
        match all.iter().find(|one| !is_as_told(one)) {
            None => Ok(()),
            Some(one) => Err(Failure::new(format!("the node does not tell of {} what was written", one.name))),
        }
    }

    fn snapshots(&self) -> impl Iterator<Item = Backdated> + '_ {
        SNAPSHOTS.iter().flat_map(move |(name, days, state)| {
            days.iter().map(move |days| {
                let start = self.at - days * DAY;
                Backdated { name: backdate::dated(name, start), start_millis: start * 1_000 + 7, state }
            })
        })
    }

    /// Without compression, so that its blobs can be changed in their places.
    fn register(&self) -> Result<()> {
        let settings = json!({ "location": self.node().repo_dir.join(REPOSITORY), "compress": false });
        let body = json!({ "type": "fs", "settings": settings });
        let (status, answer) = self.runtime.block_on(self.node().put(&format!("/_snapshot/{REPOSITORY}"), body));
        if status == 200 { Ok(()) } else { Err(Failure::new(format!("the repository is refused: {answer}"))) }
    }

    fn take(&self, name: &str) -> Result<()> {
        let path = format!("/_snapshot/{REPOSITORY}/{name}?wait_for_completion=true");
        let body = json!({ "indices": INDEX, "include_global_state": false });
        let (status, answer) = self.runtime.block_on(self.node().put(&path, body));
        if answer["snapshot"]["state"] == "SUCCESS" {
            return Ok(());
        }
        Err(Failure::new(format!("the node took no snapshot {name} ({status}): {answer}")))
    }

    /// All that the node tells.
    pub(super) fn listed(&self) -> Result<Vec<Value>> {
        let (status, list) = self.runtime.block_on(self.node().get(&format!("/_snapshot/{REPOSITORY}/_all")));
        let list = list["snapshots"].as_array().cloned();
        let list = list.ok_or_else(|| Failure::new(format!("the node lists no snapshots ({status})")))?;
        let one = |one: &Value| json!({ "snapshot": one["snapshot"], "state": one["state"], "start": one["start_time_in_millis"] });
        Ok(list.iter().map(one).collect())
    }

    /// `snapkeep` with nothing of this environment.
    pub(super) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path());
        command
    }

    /// The names that its dry run would delete. That nothing is left is an error to it.
    pub(super) fn curator_deletes(&self, actions: &Path) -> Result<BTreeSet<String>> {
        let output = self.curator.dry_run(self.url(), actions)?.output();
        let output = output.map_err(Failure::during("cannot run Curator"))?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        if !output.status.success() && !said.contains("No actionable items in list") {
            return Err(Failure::new(format!("Curator failed on {}: {said}", actions.display())));
        }
        let name =
            |line: &str| Some(line.split_once("DRY-RUN: delete_snapshot: ")?.1.split_once(" with")?.0.to_owned());
        Ok(said.lines().filter_map(name).collect())
    }
}
