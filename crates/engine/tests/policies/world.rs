//! What every test here stands on: a node, a repository, a front, a fleet of one, policies, and a time of day.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::{RepositoryName, RequestMark};
use snapkeep_core::pattern::Pattern;
use snapkeep_core::policy::{FirstDelete, Policy, Settings as PolicySettings};
use snapkeep_core::retention::{Count, Keep};
use snapkeep_core::schedule::Schedule;
use snapkeep_core::selection::Selection;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{ApplyOptions, Fleet, PolicyReport, RunOptions, RunReport, Wait, run};
use snapkeep_front::{Action, Fault, Front, Seen};
use snapkeep_testbed::{Mode, NodeHandle, Testbed, eventually, release};
use snapkeep_transport::{Auth, Client, Deadline, Pace, Settings};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The only one with a real S3 repository.
pub(crate) const WITH_S3: &str = "opensearch-3.3.0";

/// The cluster's name in policies.
pub(crate) const CLUSTER: &str = "prod";

/// The nodes to run on.
pub(crate) fn nodes() -> Vec<&'static str> {
    release::of_this_run().iter().map(|release| release.name).collect()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn minutes(minutes: u64) -> Deadline {
    Deadline::after(Duration::from_mins(minutes))
}

/// One test's world.
pub(crate) struct World {
    pub(crate) bed: &'static Testbed,
    pub(crate) node: &'static NodeHandle,
    pub(crate) front: Front,
    pub(crate) fleet: Fleet<'static>,
    pub(crate) repository: RepositoryName,
    pub(crate) index: String,
}

pub(crate) type Policies = BTreeMap<String, Policy>;

/// A client with little patience.
pub(crate) fn api(url: &str) -> Arc<SnapshotApi> {
    let pace = Pace { attempts: 2, base: Duration::from_millis(10), ceiling: Duration::from_millis(50) };
    let settings = Settings { pace, ..Settings::default() };
    Arc::new(SnapshotApi::new(Client::new(Endpoint::trusted(url).unwrap(), Auth::None, settings).unwrap()))
}

pub(crate) fn fleet(url: &str) -> Fleet<'static> {
    Fleet::new(BTreeMap::from([(CLUSTER.to_owned(), api(url))]))
}

/// A front that only passes on, and shifts.
pub(crate) async fn front(node: &str) -> Front {
    Front::builder(node).transparent().plain().start().await.unwrap()
}

/// An address that no node gets meanwhile, where every request is closed without an answer.
pub(crate) async fn nobody() -> Front {
    // Nothing is ever sent on: what is behind it does not matter.
    let front = front("http://127.0.0.1:9").await;
    front.inject(Fault::on("*", "/**").always().then(Action::DropBefore));
    front
}

impl World {
    /// A registered repository, on S3 where the node has it, and an index of a few documents.
    pub(crate) async fn on(node: &str) -> Self {
        let bed = Testbed::shared();
        Self::of(bed, bed.node(node)).await
    }

    /// The same on a node that is not the testbed's own.
    pub(crate) async fn of(bed: &'static Testbed, node: &'static NodeHandle) -> Self {
        let front = front(&node.url).await;
        let fleet = fleet(&front.url());
        let repository = RepositoryName::parse(&bed.unique("repository")).unwrap();
        let world = Self { bed, node, front, fleet, repository, index: bed.unique("books") };
        let body = if node.has_s3 {
            bed.s3().create_bucket(world.repository.as_str()).await.unwrap();
            json!({"type": "s3", "settings": {"bucket": world.repository.as_str(), "region": "us-east-1"}})
        } else {
            json!({"type": "fs", "settings": {"location": node.repo_dir.join(world.repository.as_str())}})
        };
        world.register(&body).await;
        node.load_documents(&world.index, 20).await;
        world
    }

    pub(crate) async fn register(&self, body: &Value) {
        let (status, answer) = self.node.put(&format!("/_snapshot/{}", self.repository), body.clone()).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// A policy of the world's own index, at three every night, keeping seven days.
    pub(crate) fn settings(&self, name: &str) -> PolicySettings {
        PolicySettings {
            indices: including(&self.index),
            schedule: Some(schedule("0 3 * * *")),
            keep: Some(Keep { daily: Some(Count::Of(7)), ..Keep::default() }),
            first_delete: FirstDelete::Allow,
            ..PolicySettings::of(name, &[CLUSTER], self.repository.clone())
        }
    }

    /// The server's clock says that it is `now`, and `ahead` seconds more.
    pub(crate) fn set_clock(&self, now: Timestamp, ahead: i64) {
        let shift = now.as_millisecond() - Timestamp::now().as_millisecond() + ahead * 1000;
        self.front.shift_times(shift);
    }

    /// Runs the policies at that time, by a server's clock that agrees.
    pub(crate) async fn run(&self, policies: &Policies, now: &str) -> RunReport {
        self.run_with(policies, now, &options()).await
    }

    pub(crate) async fn run_with(&self, policies: &Policies, now: &str, apply: &ApplyOptions) -> RunReport {
        let now = at(now);
        self.set_clock(now, 0);
        let options = RunOptions { apply: apply.clone(), only: vec![], at: now };
        run(&self.fleet, policies, &options, minutes(2), &Silent).await
    }

    /// Takes a snapshot straight on the node, which began `days` before `now`.
    pub(crate) async fn take(&self, snapshot: &str, started_at: &str) {
        let body = json!({"indices": self.index, "include_global_state": false});
        self.take_with(snapshot, started_at, body).await;
    }

    pub(crate) async fn take_with(&self, snapshot: &str, started_at: &str, body: Value) {
        let path = format!("{}?wait_for_completion=true", self.path(snapshot));
        let shift = at(started_at).as_millisecond() - Timestamp::now().as_millisecond();
        let (status, answer) = self.node.put(&path, body).await;
        assert_eq!(status, 200, "{answer}");
        self.front.shift_snapshot(self.repository.as_str(), snapshot, shift);
    }

    /// A good snapshot as the policy of that name would have taken it for that slot.
    pub(crate) async fn take_for(&self, policy: &str, slot: &str) -> String {
        let stamp = at(slot).strftime("%Y%m%dt%H%M%Sz").to_string();
        let name = format!("{policy}-{stamp}");
        let mark = json!({"snapkeep": {"v": 1, "policy": policy, "slot": at(slot).to_string(), "run": "0000abcd"}});
        let body = json!({"indices": self.index, "include_global_state": false, "metadata": mark});
        self.take_with(&name, slot, body).await;
        name
    }

    /// A snapshot of the policy's that runs until [`World::let_go`]; on a node with S3.
    pub(crate) async fn hold(&self, policy: &str, slot: &str) -> String {
        let stamp = at(slot).strftime("%Y%m%dt%H%M%Sz").to_string();
        let name = format!("{policy}-{stamp}");
        let mark = json!({"snapkeep": {"v": 1, "policy": policy, "slot": at(slot).to_string(), "run": "0000abcd"}});
        let body = json!({"indices": self.index, "include_global_state": false, "metadata": mark});
        self.node.load_documents(&self.index, 20).await;
        let bucket = self.repository.as_str();
        self.bed.s3().set_mode(bucket, &Mode::Hold(snapkeep_testbed::s3::Keys::default())).await.unwrap();
        let (status, answer) = self.node.put(&self.path(&name), body).await;
        assert_eq!(status, 200, "{answer}");
        eventually("an upload is held", async || {
            (self.bed.s3().counts(bucket).await.unwrap().holding > 0).then_some(())
        })
        .await;
        name
    }

    pub(crate) async fn let_go(&self) {
        self.bed.s3().set_mode(self.repository.as_str(), &Mode::Normal).await.unwrap();
    }

    pub(crate) fn path(&self, snapshot: &str) -> String {
        format!("/_snapshot/{}/{snapshot}", self.repository)
    }

    /// An index that has no shards anywhere: the cluster is red.
    pub(crate) async fn add_red_index(&self) -> String {
        let index = format!("{}-red", self.index);
        let settings = json!({"settings": {
            "index.routing.allocation.require._name": "nowhere", "number_of_shards": 1, "number_of_replicas": 0,
        }});
        let (status, answer) = self.node.put(&format!("/{index}?wait_for_active_shards=0"), settings).await;
        assert_eq!(status, 200, "{answer}");
        index
    }

    pub(crate) async fn remove_index(&self, index: &str) {
        let (status, answer) = self.node.delete(&format!("/{index}")).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Names and states of the snapshots, as the node itself lists them, in order.
    pub(crate) async fn states(&self) -> Vec<(String, String)> {
        let (status, body) = self.node.get(&self.path("_all")).await;
        assert!(status == 200 || status == 404, "{status}: {body}");
        let list = body["snapshots"].as_array().or(body["responses"][0]["snapshots"].as_array());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut found: Vec<_> =
            list.into_iter().flatten().map(|entry| (text(&entry["snapshot"]), text(&entry["state"]))).collect();
        found.sort();
        found
    }

    pub(crate) async fn snapshots(&self) -> Vec<String> {
        self.states().await.into_iter().map(|(name, _)| name).collect()
    }

    /// Requests of that method that the front saw.
    pub(crate) fn seen(&self, method: &str) -> Vec<Seen> {
        self.front.requests().into_iter().filter(|seen| seen.method == method).collect()
    }

    /// Nothing was ever deleted but by whole names, and only below this repository.
    pub(crate) fn assert_deletes_are_exact(&self) {
        for seen in self.seen("DELETE") {
            let names = seen.path_and_query.strip_prefix(&format!("/_snapshot/{}/", self.repository)).unwrap();
            assert!(!names.contains(['*', '?', '%', '/']) && !names.contains("_all"), "{names}");
            assert!(names.split(',').all(|name| name.ends_with('z') || name.contains("z-r")), "{names}");
        }
    }
}

pub(crate) fn including(pattern: &str) -> Selection {
    Selection { include: vec![Pattern::parse(pattern).unwrap()], ..Selection::default() }
}

pub(crate) fn schedule(text: &str) -> Schedule {
    Schedule::parse(text, TimeZone::UTC).unwrap()
}

pub(crate) fn policies(all: impl IntoIterator<Item = PolicySettings>) -> Policies {
    all.into_iter().map(|settings| (settings.name.clone(), Policy::new(settings).unwrap())).collect()
}

/// To the end, without a yes.
pub(crate) fn options() -> ApplyOptions {
    let run = RequestMark::of("0a1b2c3d-0000-4000-8000-000000000000");
    ApplyOptions { yes: false, allow_unknown_clock: false, run, wait: Wait::ToTheEnd, clock: Timestamp::now }
}

/// The report of that policy.
pub(crate) fn of<'r>(report: &'r RunReport, policy: &str) -> &'r PolicyReport {
    report.policies.iter().find(|one| one.policy == policy).unwrap()
}

/// Names of snapshots that a report says were taken.
pub(crate) fn created(report: &PolicyReport) -> Vec<&str> {
    report.created.iter().map(|taken| taken.snapshot.as_str()).collect()
}

pub(crate) fn deleted(report: &PolicyReport) -> Vec<&str> {
    let mut names: Vec<&str> = report.deleted.iter().map(|deleted| deleted.snapshot.as_str()).collect();
    names.sort_unstable();
    names
}
