//! What every test here stands on: a node, a bucket, a directory, and the program.

use serde_json::Value;
use snapkeep_testbed::{Mode, NodeHandle, Testbed, eventually};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";

/// One test's world.
pub(crate) struct Stage {
    pub(crate) bed: &'static Testbed,
    pub(crate) node: &'static NodeHandle,
    pub(crate) bucket: String,
    pub(crate) repository: String,
    pub(crate) index: String,
    pub(crate) directory: TempDir,
    /// The program's whole environment, beside the directory.
    pub(crate) variables: Vec<(String, String)>,
    _turn: Turn,
}

/// A cleanup is refused while any snapshot of the cluster runs, and the other way round.
static TURNS: RwLock<()> = RwLock::const_new(());

/// With others on the node, or alone.
enum Turn {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// How one run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    /// On the shared node, with an index of its own.
    pub(crate) async fn new() -> Self {
        Self::with(Turn::Shared { _guard: TURNS.read().await }).await
    }

    /// The same while no other test is there.
    pub(crate) async fn alone() -> Self {
        Self::with(Turn::Alone { _guard: TURNS.write().await }).await
    }

    async fn with(turn: Turn) -> Self {
        let bed = Testbed::shared();
        let node = bed.node("opensearch-3.3.0");
        let (bucket, repository, index) = (bed.unique("bucket"), bed.unique("repository"), bed.unique("orders"));
        bed.s3().create_bucket(&bucket).await.unwrap();
        node.load_documents(&index, 500).await;
        let variables = vec![("SNAPKEEP_ENDPOINT".to_owned(), node.url.clone())];
        Self { bed, node, bucket, repository, index, directory: TempDir::new().unwrap(), variables, _turn: turn }
    }

    /// Sets a variable of the program.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The program with these words; `R`, `B` and `I` stand for repository, bucket and index.
    pub(crate) fn command(&self, line: &str) -> Command {
        let words = line.split_whitespace().map(|word| match word {
            "R" => self.repository.as_str(),
            "B" => self.bucket.as_str(),
            "I" => self.index.as_str(),
            other => other,
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
        command.args(words).env_clear().envs(self.variables.iter().cloned()).current_dir(self.directory.path());
        // What a program without a terminal has.
        command.env("HOME", self.directory.path()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, line: &str) -> Ran {
        ran(self.command(line).output().unwrap())
    }

    /// Runs it and demands success.
    pub(crate) fn ok(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.status, 0, "{line}: {ran:?}");
        ran.out
    }

    /// Runs it with `--json` and demands one object on standard output.
    pub(crate) fn json(&self, line: &str) -> Value {
        let out = self.ok(&format!("{line} --json"));
        let value: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line}: {error}: {out}"));
        assert_eq!(value["schema"], 1, "{line}: {out}");
        value
    }

    /// Runs it and demands that exit status and that code, as text and as JSON.
    pub(crate) fn refused(&self, line: &str, status: i32, code: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.status, status, "{line}: {ran:?}");
        assert!(ran.err.contains(&format!("error[{code}]: ")) && ran.err.contains("\n\nhint: "), "{line}: {ran:?}");
        let json = self.run(&format!("{line} --json"));
        let last = json.err.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{line}: {error}: {json:?}"));
        assert_eq!(
            (json.status, error["code"].as_str(), error["schema"].as_u64()),
            (status, Some(code), Some(1)),
            "{line}"
        );
        assert!(
            error["cause"].is_string() && error["hint"].is_string() && !error["http_status"].is_string(),
            "{error}"
        );
        ran.err
    }

    /// Starts it with its outputs piped.
    pub(crate) fn start(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Registers the repository.
    pub(crate) fn register(&self) {
        self.ok(&format!("repo register R --bucket B --bucket-region {REGION} --role-arn {ROLE}"));
    }

    /// Lets uploads wait, or go on.
    pub(crate) async fn mode(&self, mode: Mode) {
        self.bed.s3().set_mode(&self.bucket, &mode).await.unwrap();
    }

    /// Waits until the node's own `_status` says so.
    pub(crate) async fn until(&self, snapshot: &str, state: &str) {
        let path = format!("/_snapshot/{}/{snapshot}/_status", self.repository);
        let what = format!("{snapshot} is {state}");
        eventually(&what, async || (self.node.get(&path).await.1["snapshots"][0]["state"] == state).then_some(()))
            .await;
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What a child that was started comes to, without holding up the runtime.
pub(crate) async fn end_of(child: Child) -> Ran {
    ran(tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap())
}
