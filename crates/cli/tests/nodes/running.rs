//! `snapkeep run` as cron starts it: a process, its directory, its configuration file; and what is there before it.

use crate::world::{Ran, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapkeep_front::Seen;
use snapkeep_testbed::{NodeHandle, Product};
use std::process::{Child, Command, Stdio};

/// Where processes run that share a configuration.
pub(crate) struct Runner {
    directory: tempfile::TempDir,
}

/// A process that is killed if nobody waits for its end.
pub(crate) struct Started(Option<Child>);

impl Runner {
    /// One cluster at that address, and these policies, each as one line of YAML.
    pub(crate) fn new(endpoint: &str, policies: &[String]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lines = policies.join("\n  ");
        let text = format!("clusters:\n  here: {{endpoint: '{endpoint}', auth: none}}\npolicies:\n  {lines}\n");
        std::fs::write(directory.path().join("snapkeep.yaml"), text).unwrap();
        Self { directory }
    }

    /// Where it runs, and where its configuration is.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Starts `snapkeep run --json` with these words.
    pub(crate) fn start(&self, words: &str) -> Started {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
        command.arg("run").args(words.split_whitespace()).arg("--json").env_clear();
        command.current_dir(self.directory.path()).env("HOME", self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Started(Some(command.spawn().unwrap()))
    }

    /// The same to its end.
    pub(crate) async fn run(&self, words: &str) -> Ran {
        self.start(words).end().await
    }
}

impl Started {
    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), id]).status().unwrap().success());
    }

    pub(crate) async fn end(mut self) -> Ran {
        let child = self.0.take().unwrap();
        tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap().into()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ran {
    /// What the run reports of that policy.
    pub(crate) fn policy(&self, name: &str) -> Value {
        let report: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.everything()));
        let all = report["policies"].as_array().unwrap();
        all.iter().find(|policy| policy["policy"] == name).unwrap_or_else(|| panic!("{report}")).clone()
    }

    /// The one error that ended it.
    pub(crate) fn error(&self) -> Value {
        assert_eq!(self.check_error(), "", "{}", self.everything());
        let objects = self.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let errors: Vec<Value> = objects.filter(|object| object["hint"].is_string()).collect();
        assert_eq!(errors.len(), 1, "{}", self.everything());
        errors[0].clone()
    }
}

/// Snapshots that a part of a report names.
pub(crate) fn named(part: &Value) -> Vec<&str> {
    part.as_array().unwrap().iter().map(|one| one["snapshot"].as_str().unwrap()).collect()
}

/// Whether one of a report's warnings holds all these words.
pub(crate) fn warns(policy: &Value, words: &[&str]) -> bool {
    let mut warnings = policy["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap());
    warnings.any(|warning| words.iter().all(|word| warning.contains(word)))
}

/// A policy that keeps two and has so many, oldest first; the last of the names is what is due.
pub(crate) async fn keeping_two(world: &World, endpoint: &str, has: i64) -> (Runner, Vec<String>) {
    world.register_with(&json!({})).await;
    world.node.load_documents(&world.index, 5).await;
    let (schedule, slot) = hourly();
    let policy = format!(
        "nightly: {{repository: {}, indices: ['{}*'], schedule: '{schedule}', keep: {{last: 2}}, first_delete: allow}}",
        world.repository, world.index
    );
    let mut names = Vec::new();
    for hours in (1..=has).rev() {
        names.push(world.take_for("nightly", hours_before(slot, hours), &world.index).await);
    }
    names.push(name_for("nightly", slot));
    (Runner::new(endpoint, &[policy]), names)
}

/// Every hour, the latest slot half an hour ago: the next one does not come within a test.
pub(crate) fn hourly() -> (String, Timestamp) {
    let seconds = Timestamp::now().as_second() - 1_800;
    let slot = Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap();
    (format!("{} * * * *", slot.as_second() / 60 % 60), slot)
}

pub(crate) fn hours_before(slot: Timestamp, hours: i64) -> Timestamp {
    slot - SignedDuration::from_hours(hours)
}

/// The name that a policy's snapshot for that slot has.
pub(crate) fn name_for(policy: &str, slot: Timestamp) -> String {
    format!("{policy}-{}", slot.strftime("%Y%m%dt%H%M%Sz"))
}

impl World {
    /// A good snapshot as the policy took it for an earlier slot, of these indices.
    pub(crate) async fn take_for(&self, policy: &str, slot: Timestamp, indices: &str) -> String {
        let name = name_for(policy, slot);
        let mark = json!({"snapkeep": {"v": 1, "policy": policy, "slot": slot.to_string(), "run": "0000abcd"}});
        let body = json!({"indices": indices, "include_global_state": false, "metadata": mark});
        let path = self.path(&format!("/{name}?wait_for_completion=true"));
        let (status, answer) = self.node.put(&path, body).await;
        assert_eq!((status, &answer["snapshot"]["state"]), (200, &json!("SUCCESS")), "{answer}");
        name
    }

    /// Registers the repository with these settings besides.
    pub(crate) async fn register_with(&self, more: &Value) {
        let mut body = self.registration();
        body["settings"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.node.put(&self.path(""), body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Names and states of the snapshots, as the node itself lists them, by name.
    pub(crate) async fn states(&self) -> Vec<(String, String)> {
        let (status, answer) = self.node.get(&self.path("/_all")).await;
        assert_eq!(status, 200, "{answer}");
        let list = answer["snapshots"].as_array().or(answer["responses"][0]["snapshots"].as_array());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let entry = |entry: &Value| (text(&entry["snapshot"]), text(&entry["state"]));
        let mut found: Vec<_> = list.into_iter().flatten().map(entry).collect();
        found.sort();
        found
    }

    /// How many snapshots run in the repository.
    pub(crate) async fn running(&self) -> usize {
        let (_, answer) = self.node.get(&self.path("/_current")).await;
        answer["snapshots"].as_array().map_or(0, Vec::len)
    }
}

/// Bodies of the creations that a front saw.
pub(crate) fn creations(requests: &[Seen]) -> Vec<Value> {
    let creations = requests.iter().filter(|seen| seen.method == "PUT");
    creations.map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect()
}

/// The name of the node that manages the cluster.
pub(crate) async fn manager(node: &NodeHandle) -> String {
    let word = if node.product == Product::OpenSearch { "cluster_manager" } else { "master" };
    let (status, answer) = node.get(&format!("/_cat/{word}?format=json")).await;
    assert_eq!(status, 200, "{answer}");
    answer[0]["node"].as_str().unwrap().to_owned()
}
