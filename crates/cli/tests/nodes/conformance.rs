//! One suite for every version that people run: each verb, its answer, and what the node itself then says.

use crate::world::{Ran, World, own_node};
use serde_json::Value;
use snapkeep_testbed::{Testbed, eventually, release};

/// One version's world and the name that its failures are told by.
struct Suite {
    name: &'static str,
    world: World,
}

impl Suite {
    async fn ran(&self, line: &str) -> Ran {
        let line = line.replace("REPOSITORY", &self.world.repository).replace("INDEX", &self.world.index);
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        self.world.snapkeep(&words).await
    }

    /// Must succeed; its answer.
    async fn answer(&self, line: &str) -> Value {
        let ran = self.ran(line).await;
        assert_eq!(ran.exit, 0, "{} `{line}`: {}", self.name, ran.everything());
        let answer: Value = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{} `{line}`: {error}: {}", self.name, ran.everything()));
        assert_eq!(answer["schema"], 1, "{} `{line}`: {answer}", self.name);
        answer
    }

    /// Must fail with this exit and code.
    async fn refused(&self, line: &str, exit: i32, code: &str) {
        let ran = self.ran(line).await;
        assert_eq!(ran.exit, exit, "{} `{line}`: {}", self.name, ran.everything());
        assert_eq!(ran.check_error(), "", "{} `{line}`", self.name);
        let error: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
        assert_eq!(error["code"], code, "{} `{line}`: {error}", self.name);
    }

    /// S3 where the node has it, a folder elsewhere; what differs stands last.
    fn register(&self) -> String {
        if self.world.node.has_s3 {
            let bucket = &self.world.repository;
            return format!(
                "repo register REPOSITORY --bucket {bucket} --bucket-region us-east-1 --base-path snapshots"
            );
        }
        format!("repo register REPOSITORY --type fs --setting location={}", self.world.location())
    }

    async fn registration(&self) {
        let register = self.register();
        assert_eq!(self.answer(&register).await["registration"], "created", "{}", self.name);
        assert_eq!(self.answer(&register).await["registration"], "unchanged", "{}", self.name);
        self.refused(&format!("{register}-elsewhere"), 1, "repository_conflict").await;
        let replaced = self.answer(&format!("{register} --setting compress=false --replace")).await;
        assert_eq!(replaced["registration"], "replaced", "{}", self.name);
        let shown = self.answer("repo show REPOSITORY").await;
        assert_eq!(shown["settings"]["compress"], "false", "{}: {shown}", self.name);
        let list = self.answer("repo list").await;
        let names: Vec<&Value> =
            list["repositories"].as_array().unwrap().iter().map(|entry| &entry["repository"]).collect();
        assert!(names.contains(&&Value::from(self.world.repository.as_str())), "{}: {list}", self.name);
        let verified = self.answer("repo verify REPOSITORY").await;
        assert_eq!(verified["nodes"].as_array().unwrap().len(), 1, "{}: {verified}", self.name);
        self.refused("repo show no-such-repository", 10, "repository_missing").await;
        self.refused("repo verify no-such-repository", 10, "repository_missing").await;
        self.refused("repo register cs-automated --type fs --setting location=/x", 2, "bad_event").await;
    }

    async fn creation(&self) -> String {
        let made = self.answer("create --indices INDEX --metadata team=search").await;
        assert_eq!((&made["outcome"], &made["state"]), (&"created".into(), &"SUCCESS".into()), "{}: {made}", self.name);
        let name = made["snapshot"].as_str().unwrap().to_owned();
        assert!(name.starts_with(&self.world.repository), "{}: {name}", self.name);
        for name in ["second", "third", "nightly-1"] {
            assert_eq!(self.answer(&format!("create {name} --indices INDEX")).await["snapshot"], name, "{}", self.name);
        }
        self.refused("create second-time -r no-such-repository --indices INDEX", 10, "repository_missing").await;
        for bad in ["create Upper", "create a,b", "create _all", "create <day-{now/d}>", "create wild*"] {
            self.refused(bad, 2, "bad_event").await;
        }
        name
    }

    async fn reading(&self, first: &str) {
        let list = self.answer("list").await;
        let entries = list["snapshots"].as_array().unwrap();
        assert_eq!(entries.len(), 4, "{}: {list}", self.name);
        for entry in entries {
            assert_eq!((&entry["state"], &entry["indices"]), (&"SUCCESS".into(), &1.into()), "{}: {entry}", self.name);
            assert!(entry["started_at"].is_string() && entry["ended_at"].is_string(), "{}: {entry}", self.name);
            assert!(entry["shards"]["total"].as_u64() > Some(0), "{}: {entry}", self.name);
        }
        let matching = self.answer("list --match night*").await;
        assert_eq!(matching["snapshots"].as_array().unwrap().len(), 1, "{}: {matching}", self.name);
        for (age, count) in [("--newer-than 1h", 4), ("--older-than 1h", 0)] {
            let aged = self.answer(&format!("list {age}")).await;
            assert_eq!(aged["snapshots"].as_array().unwrap().len(), count, "{} {age}: {aged}", self.name);
        }
        let none = self.answer("list --state failed").await;
        assert_eq!(none["snapshots"].as_array().unwrap().len(), 0, "{}: {none}", self.name);
        let shown = self.answer(&format!("show {first}")).await;
        assert_eq!(shown["snapshot"], first, "{}: {shown}", self.name);
        assert_eq!(shown["index_names"][0], self.world.index.as_str(), "{}: {shown}", self.name);
        if self.has_metadata() {
            assert_eq!(shown["metadata"]["team"], "search", "{}: {shown}", self.name);
        }
        self.refused("show no-such-snapshot", 10, "snapshot_missing").await;
        self.refused("list -r no-such-repository", 10, "repository_missing").await;
        assert_eq!(self.answer("status").await["snapshots"], Value::Array(Vec::new()), "{}", self.name);
        let ended = self.answer(&format!("status {first}")).await;
        assert_eq!(ended["snapshots"][0]["verdict"], "ended", "{}: {ended}", self.name);
        self.refused("create second --indices INDEX", 1, "snapshot_conflict").await;
    }

    fn has_metadata(&self) -> bool {
        !["elasticsearch-5", "elasticsearch-6"].iter().any(|old| self.name.starts_with(old))
    }

    async fn cloning(&self) {
        if ["elasticsearch-5", "elasticsearch-6"].iter().any(|old| self.name.starts_with(old)) {
            return self.refused("clone second copy --indices INDEX", 2, "unsupported").await;
        }
        let cloned = self.answer("clone second copy --indices INDEX").await;
        assert_eq!(cloned["state"], "SUCCESS", "{}: {cloned}", self.name);
        assert!(self.world.snapshots().await.contains(&"copy".to_owned()), "{}", self.name);
        self.refused("clone no-such-snapshot copy-2 --indices INDEX", 10, "snapshot_missing").await;
        self.answer("delete copy --yes").await;
    }

    async fn deletion(&self, first: &str) {
        self.refused("delete second", 2, "bad_event").await;
        let plan = self.answer("delete second third --dry-run").await;
        assert_eq!(plan["plan"]["steps"].as_array().unwrap().len(), 2, "{}: {plan}", self.name);
        assert_eq!(self.world.snapshots().await.len(), 4, "{}: nothing was to be deleted", self.name);
        let done = self.answer("delete second third --yes").await;
        assert_eq!(done["report"]["deleted"].as_array().unwrap().len(), 2, "{}: {done}", self.name);
        let left = self.world.snapshots().await;
        assert!(left.len() == 2 && left.iter().any(|name| name == first), "{}: {left:?}", self.name);
        self.refused("delete second --yes", 10, "snapshot_missing").await;
        let matched = self.answer("delete --match night* --yes").await;
        assert_eq!(matched["report"]["deleted"][0], "nightly-1", "{}: {matched}", self.name);
        // The last good one stays, unless that is said to be meant.
        self.refused(&format!("delete {first} --yes"), 2, "bad_event").await;
        assert_eq!(self.world.snapshots().await, [first], "{}", self.name);
        self.cleanup().await;
    }

    /// Version 7.4 brought it.
    async fn cleanup(&self) {
        let line = "repo cleanup REPOSITORY --yes";
        if !self.has_metadata() {
            return self.refused(line, 2, "unsupported").await;
        }
        // For a moment after its end a snapshot or deletion still counts as running there.
        let free = async || Some(self.ran(line).await).filter(|ran| ran.exit != 11);
        let ran = eventually("the node is free to clean up", free).await;
        assert_eq!(ran.exit, 0, "{}: {}", self.name, ran.everything());
        let cleaned: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(cleaned["deleted_blobs"].is_u64(), "{}: {cleaned}", self.name);
    }

    /// A snapshot that runs: seen by `status`, not deleted by `delete`, ended by `abort`.
    async fn running(&self) {
        let slow = format!("{} --setting max_snapshot_bytes_per_sec=30kb --replace", self.register());
        self.answer(&slow).await;
        self.world.node.load_documents(&self.world.index, 20_000).await;
        let begun = self.answer("create slow --indices INDEX --no-wait").await;
        assert_eq!(begun["state"], "IN_PROGRESS", "{}: {begun}", self.name);
        let status = eventually("the snapshot shows as running", async || {
            let status = self.answer("status --watch 0").await;
            (status["snapshots"] != Value::Array(Vec::new())).then_some(status)
        })
        .await;
        assert_eq!(status["snapshots"][0]["snapshot"], "slow", "{}: {status}", self.name);
        self.refused("delete slow --yes", 11, "snapshot_running").await;
        assert!(self.world.snapshots().await.contains(&"slow".to_owned()), "{}", self.name);
        self.refused("abort slow", 2, "bad_event").await;
        self.answer("abort slow --yes").await;
        assert!(!self.world.snapshots().await.contains(&"slow".to_owned()), "{}", self.name);
        self.refused("abort slow --yes", 10, "snapshot_missing").await;
    }

    async fn removal(&self) {
        self.refused("repo remove REPOSITORY", 2, "bad_event").await;
        assert!(self.world.is_registered().await, "{}", self.name);
        self.answer("repo remove REPOSITORY --yes").await;
        assert!(!self.world.is_registered().await, "{}", self.name);
        self.refused("repo remove REPOSITORY --yes", 10, "repository_missing").await;
        // It is new to the cluster now and holds a snapshot: whose, only its owner can say.
        self.refused(&self.register(), 1, "repository_conflict").await;
        self.answer(&format!("{} --take-over", self.register())).await;
        assert_eq!(self.world.snapshots().await.len(), 1, "{}: what is in the repository stays", self.name);
    }
}

async fn suite_on(name: &'static str) {
    // One of its own: a cleanup refuses everybody's snapshots while it runs.
    let (_node, handle) = own_node(name);
    let suite = Suite { name, world: World::on(handle).await };
    if handle.has_s3 {
        Testbed::shared().s3().create_bucket(&suite.world.repository).await.unwrap();
    }
    suite.world.node.load_documents(&suite.world.index, 20).await;
    suite.registration().await;
    let first = suite.creation().await;
    suite.reading(&first).await;
    suite.cloning().await;
    suite.deletion(&first).await;
    suite.running().await;
    suite.removal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_on_the_versions_that_people_run() {
    for release in release::of_this_run() {
        suite_on(release.name).await;
    }
}
