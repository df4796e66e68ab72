//! What every test here stands on: a node, a repository of its own, a front, a client, an observer.

use serde_json::{Value, json};
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::repository::RepositorySettings;
use snapkeep_engine::{Event, Observer, Registration, WrittenBefore};
use snapkeep_front::{Action, Fault, FaultId, Front, Seen};
use snapkeep_testbed::{Mode, NodeHandle, RELEASES, Testbed, eventually, release};
use snapkeep_transport::{Auth, Client, Deadline, Pace, Settings};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The only one with a real S3 repository, whose bucket can be held.
pub(crate) const WITH_S3: &str = "opensearch-3.3.0";

/// The nodes to run on.
pub(crate) fn nodes() -> Vec<&'static str> {
    release::of_this_run().iter().map(|release| release.name).collect()
}

/// One test's world.
pub(crate) struct Stage {
    pub(crate) bed: &'static Testbed,
    pub(crate) node: &'static NodeHandle,
    pub(crate) front: Front,
    pub(crate) api: SnapshotApi,
    pub(crate) repository: RepositoryName,
    pub(crate) index: String,
    _turn: Turn,
}

/// With others on the node, or alone.
enum Turn {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// Versions that take one snapshot or deletion at a time, whatever the repository.
pub(crate) fn is_one_at_a_time(node: &str) -> bool {
    node.starts_with("elasticsearch-5") || node.starts_with("elasticsearch-6")
}

/// The turn on a node: alone where it does one thing at a time, and for a cleanup, which no version begins
/// while any snapshot runs.
async fn turn(node: &str, is_alone: bool) -> Turn {
    static TURNS: [RwLock<()>; RELEASES.len()] = [const { RwLock::const_new(()) }; RELEASES.len()];
    let place = RELEASES.iter().position(|release| release.name == node).unwrap();
    if is_alone || is_one_at_a_time(node) {
        Turn::Alone { _guard: TURNS[place].write().await }
    } else {
        Turn::Shared { _guard: TURNS[place].read().await }
    }
}

pub(crate) fn name(text: &str) -> SnapshotName {
    SnapshotName::parse(text).unwrap()
}

pub(crate) fn minute() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

impl Stage {
    /// A registered `fs` repository and an index of a few documents.
    pub(crate) async fn on(node: &str) -> Self {
        let stage = Self::unregistered(node).await;
        stage.register(&stage.folder(&json!({}))).await;
        stage.node.load_documents(&stage.index, 20).await;
        stage
    }

    /// The same without the repository and the documents.
    pub(crate) async fn unregistered(node: &str) -> Self {
        Self::with(node, false).await
    }

    /// [`Self::on`] while no other test is on the node.
    pub(crate) async fn alone_on(node: &str) -> Self {
        let stage = Self::with(node, true).await;
        stage.register(&stage.folder(&json!({}))).await;
        stage.node.load_documents(&stage.index, 20).await;
        stage
    }

    async fn with(node: &str, is_alone: bool) -> Self {
        let turn = turn(node, is_alone).await;
        let bed = Testbed::shared();
        let node = bed.node(node);
        let front = Front::builder(&node.url).transparent().plain().start().await.unwrap();
        let pace = Pace { attempts: 3, base: Duration::from_millis(20), ceiling: Duration::from_millis(200) };
        let settings = Settings { pace, ..Settings::default() };
        let client = Client::new(Endpoint::trusted(&front.url()).unwrap(), Auth::None, settings).unwrap();
        let repository = RepositoryName::parse(&bed.unique("repository")).unwrap();
        Self { bed, node, front, api: SnapshotApi::new(client), repository, index: bed.unique("books"), _turn: turn }
    }

    /// A bucket whose uploads can be held, in place of a folder. The bucket is named like the repository.
    pub(crate) async fn on_s3() -> Self {
        let stage = Self::unregistered(WITH_S3).await;
        stage.bed.s3().create_bucket(stage.repository.as_str()).await.unwrap();
        let settings = json!({"bucket": stage.repository.as_str(), "region": "us-east-1"});
        stage.register(&json!({"type": "s3", "settings": settings})).await;
        stage.node.load_documents(&stage.index, 20).await;
        stage
    }

    /// A repository so slow that a snapshot of it runs until it is aborted, and yields at once when it is.
    pub(crate) async fn slow(node: &str) -> Self {
        let stage = Self::unregistered(node).await;
        stage.register(&stage.folder(&json!({"max_snapshot_bytes_per_sec": "40kb", "chunk_size": "8kb"}))).await;
        stage.node.load_documents(&stage.index, 40_000).await;
        stage
    }

    /// The registration of a folder of its own.
    pub(crate) fn folder(&self, more: &Value) -> Value {
        let mut settings = json!({"location": self.node.repo_dir.join(self.repository.as_str())});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "fs", "settings": settings})
    }

    pub(crate) fn registration(&self, body: &Value, replace: bool) -> Registration {
        let settings = body["settings"].as_object().unwrap().clone();
        let settings = RepositorySettings::other(body["type"].as_str().unwrap(), settings).unwrap();
        let written_before = WrittenBefore::Refused;
        Registration { repository: self.repository.clone(), settings, replace, written_before }
    }

    async fn register(&self, body: &Value) {
        let (status, answer) = self.node.put(&format!("/_snapshot/{}", self.repository), body.clone()).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) fn path(&self, snapshot: &str) -> String {
        format!("/_snapshot/{}/{snapshot}", self.repository)
    }

    /// Begins a snapshot, straight on the node.
    pub(crate) async fn begin(&self, snapshot: &str) {
        self.begin_of(snapshot, &self.index).await;
    }

    /// The same of other indices.
    pub(crate) async fn begin_of(&self, snapshot: &str, indices: &str) {
        let body = json!({"indices": indices, "include_global_state": false});
        let (status, answer) = self.put_patiently(&self.path(snapshot), &body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Waits where a node still ends what was deleted or aborted before.
    async fn put_patiently(&self, path: &str, body: &Value) -> (u16, Value) {
        eventually("the node is free", async || {
            let (status, answer) = self.node.put(path, body.clone()).await;
            (answer["error"]["type"] != "concurrent_snapshot_execution_exception").then_some((status, answer))
        })
        .await
    }

    /// Takes snapshots, one after the other, straight on the node.
    pub(crate) async fn take(&self, snapshots: &[&str]) {
        self.take_of(snapshots, &self.index).await;
    }

    /// The same of other indices.
    pub(crate) async fn take_of(&self, snapshots: &[&str], indices: &str) {
        for snapshot in snapshots {
            let body = json!({"indices": indices, "include_global_state": false});
            let path = format!("{}?wait_for_completion=true", self.path(snapshot));
            let (status, answer) = self.put_patiently(&path, &body).await;
            assert_eq!((status, answer["snapshot"]["state"].as_str()), (200, Some("SUCCESS")), "{answer}");
        }
    }

    /// Deletes a snapshot, straight on the node.
    pub(crate) async fn delete(&self, snapshot: &str) {
        let (status, answer) = self.node.delete(&self.path(snapshot)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Names of the snapshots, as the node itself lists them, in order.
    pub(crate) async fn snapshots(&self) -> Vec<String> {
        let (status, body) = self.node.get(&self.path("_all")).await;
        assert!(status == 200 || status == 404, "{status}: {body}");
        let list = body["snapshots"].as_array().or(body["responses"][0]["snapshots"].as_array());
        let mut names: Vec<String> =
            list.into_iter().flatten().map(|entry| entry["snapshot"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// What happens to the bucket's uploads.
    pub(crate) async fn bucket(&self, mode: &Mode) {
        self.bed.s3().set_mode(self.repository.as_str(), mode).await.unwrap();
    }

    /// Waits until the bucket holds an upload.
    pub(crate) async fn until_held(&self) {
        eventually("an upload is held", async || {
            (self.bed.s3().counts(self.repository.as_str()).await.unwrap().holding > 0).then_some(())
        })
        .await;
    }

    /// Strikes the first `times` requests of that method and path.
    pub(crate) fn strike(&self, method: &str, path: &str, times: u64, action: Action) -> FaultId {
        self.front.inject(Fault::on(method, path).first(times).then(action))
    }

    /// Requests of that method that the front saw.
    pub(crate) fn seen(&self, method: &str) -> Vec<Seen> {
        self.front.requests().into_iter().filter(|seen| seen.method == method).collect()
    }

    /// Requests whose path holds that text.
    pub(crate) fn asked(&self, text: &str) -> usize {
        self.front.requests().iter().filter(|seen| seen.path_and_query.contains(text)).count()
    }
}

/// Writes down what it hears.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    /// What was heard of that kind.
    pub(crate) fn of(&self, kind: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|note| note.starts_with(kind)).cloned().collect()
    }
}

impl Observer for Notes {
    fn notice(&self, event: &Event<'_>) {
        let note = match event {
            Event::Begun { snapshot, outcome } => format!("begun {snapshot} {outcome:?}"),
            Event::State(snapshot) => format!("state {:?}", snapshot.state),
            Event::Moved(progress) => format!("moved {} {:?}", progress.state, progress.shards),
            Event::Stalled { snapshot, diagnosis, .. } => format!("stalled {snapshot} {diagnosis}"),
            Event::LookFailed { cause } => format!("look failed {cause}"),
            Event::Waiting { why, .. } => format!("waiting {why}"),
            Event::Deleting { done, of, names } => format!("deleting {done}/{of} {}", names.join(",")),
        };
        self.0.lock().unwrap().push(note);
    }
}
