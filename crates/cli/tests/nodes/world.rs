//! One case's world: its own repository, snapshots and front on a shared node.

use crate::verbs::{Needs, Verb};
use serde_json::{Value, json};
use snapkeep_front::Front;
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Node, NodeHandle, NodeOptions, Release, Testbed, eventually};
use std::process::{Command, Output, Stdio};

pub(crate) struct World {
    pub(crate) node: &'static NodeHandle,
    pub(crate) front: Front,
    pub(crate) repository: String,
    pub(crate) index: String,
    files: tempfile::TempDir,
}

/// A node that nobody else uses; it ends when dropped.
pub(crate) fn own_node(name: &str) -> (Node, &'static NodeHandle) {
    let release = Release::named(name).unwrap();
    let s3 = release.has_s3().then(|| Testbed::shared().s3().client.clone());
    let node = Node::start(release, &NodeOptions { s3, ..NodeOptions::default() }, &Quiet).unwrap();
    let handle = Box::leak(Box::new(NodeHandle::of(&node)));
    (node, handle)
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    /// What a verb needs is there; what it does has not been done.
    pub(crate) async fn before(node: &'static NodeHandle, verb: &Verb) -> Self {
        let world = Self::on(node).await;
        world.prepare(verb.needs).await;
        world
    }

    /// Nothing is there.
    pub(crate) async fn on(node: &'static NodeHandle) -> Self {
        let bed = Testbed::shared();
        let front = Front::builder(&node.url).transparent().plain().start().await.unwrap();
        Self {
            node,
            front,
            repository: bed.unique("repository"),
            index: bed.unique("books"),
            files: tempfile::tempdir().unwrap(),
        }
    }

    async fn prepare(&self, needs: Needs) {
        if needs == Needs::Nothing {
            return;
        }
        self.node.load_documents(&self.index, 3).await;
        let (status, answer) = self.node.put(&self.path(""), self.registration()).await;
        assert_eq!(status, 200, "{answer}");
        match needs {
            Needs::Nothing | Needs::Repository => {}
            Needs::Snapshots => {
                for name in ["first", "second"] {
                    self.take(name, true).await;
                }
            }
            Needs::Running => self.start_slow().await,
        }
    }

    /// A snapshot that does not end by itself while the case lasts.
    async fn start_slow(&self) {
        let mut body = self.registration();
        body["settings"]["max_snapshot_bytes_per_sec"] = json!("30kb");
        let (status, answer) = self.node.put(&self.path(""), body).await;
        assert_eq!(status, 200, "{answer}");
        self.node.load_documents(&self.index, 20_000).await;
        self.take("slow", false).await;
        eventually("the snapshot runs", async || {
            let (_, answer) = self.node.get(&self.path("/_current")).await;
            answer["snapshots"].as_array().filter(|running| !running.is_empty()).map(Vec::len)
        })
        .await;
    }

    async fn take(&self, name: &str, wait: bool) {
        let path = self.path(&format!("/{name}?wait_for_completion={wait}"));
        let body = json!({ "indices": self.index, "include_global_state": false });
        let (status, answer) = self.node.put(&path, body).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/_snapshot/{}{rest}", self.repository)
    }

    /// The node's folder for this repository.
    pub(crate) fn location(&self) -> String {
        self.node.repo_dir.join(&self.repository).to_str().unwrap().to_owned()
    }

    pub(crate) fn registration(&self) -> Value {
        json!({ "type": "fs", "settings": { "location": self.location() } })
    }

    /// A file with this text.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let place = self.files.path().join(name);
        std::fs::write(&place, text).unwrap();
        place.to_str().unwrap().to_owned()
    }

    /// Names of the snapshots, as the node itself lists them.
    pub(crate) async fn snapshots(&self) -> Vec<String> {
        let (_, answer) = self.node.get(&self.path("/_all?verbose=false")).await;
        let list = answer["snapshots"].as_array().cloned().unwrap_or_default();
        list.iter().map(|entry| entry["snapshot"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn is_registered(&self) -> bool {
        self.node.get(&self.path("")).await.0 == 200
    }

    /// Runs the command line as a script does, with that much time.
    pub(crate) async fn run(&self, arguments: &[String], time: &str) -> Ran {
        let timed = ["--timeout", time].map(str::to_owned);
        self.snapkeep(&timed.into_iter().chain(arguments.to_vec()).collect::<Vec<_>>()).await
    }

    /// Runs the command line with JSON for its answer, as nobody in particular.
    pub(crate) async fn snapkeep(&self, arguments: &[String]) -> Ran {
        self.as_identity(&[("SNAPKEEP_AUTH", "none")], arguments).await
    }

    /// The same with this identity in its environment.
    pub(crate) async fn as_identity(&self, environment: &[(&str, &str)], arguments: &[String]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
        command.env_clear().current_dir(self.files.path()).stdin(Stdio::null());
        command.env("SNAPKEEP_ALLOWED_ENDPOINTS", self.front.authority()).envs(environment.iter().copied());
        // A flag that would do nothing is refused: an event says all by itself, and `repo` is told its repository.
        let has = |verb: &str| arguments.iter().any(|word| word == verb);
        if !has("invoke") {
            command.args(["--endpoint", &self.front.url()]);
        }
        if has("repo") {
            command.env("SNAPKEEP_REPOSITORY", &self.repository);
        } else if !has("invoke") {
            command.args(["--repository", &self.repository]);
        }
        command.arg("--json").args(arguments);
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap().into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { exit: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    pub(crate) fn everything(&self) -> String {
        format!("exit {}\n{}{}", self.exit, self.stdout, self.stderr)
    }

    /// What is wrong with the error object, which is standard error's last line.
    pub(crate) fn check_error(&self) -> String {
        let last = self.stderr.lines().last().unwrap_or_default();
        let Ok(mut error) = serde_json::from_str::<Value>(last) else { return " no error object;".into() };
        // The Lambda's own shape, which `invoke` keeps.
        if let Some(inner) = error["errorMessage"].as_str() {
            error = serde_json::from_str(inner).unwrap();
        }
        let is_said = |key: &str| error[key].as_str().is_some_and(|text| !text.is_empty());
        if is_said("code") && is_said("cause") && is_said("hint") {
            return String::new();
        }
        format!(" the error object lacks a part: {error};")
    }
}
