//! What every test here stands on: a node and a repository of its own on it.

use serde_json::{Value, json};
use snapkeep_cluster::{Cleaned, Kind, Product, SnapshotApi, Written};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_testbed::{NodeHandle, RELEASES, Testbed, eventually, release};
use snapkeep_transport::{Auth, Client, Deadline, Settings};
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// The nodes of this run.
pub(crate) fn nodes() -> Vec<&'static NodeHandle> {
    release::of_this_run().iter().map(|release| Testbed::shared().node(release.name)).collect()
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_mins(2))
}

pub(crate) fn api(url: &str) -> SnapshotApi {
    SnapshotApi::new(Client::new(Endpoint::trusted(url).unwrap(), Auth::None, Settings::default()).unwrap())
}

pub(crate) fn name(text: &str) -> SnapshotName {
    SnapshotName::parse(text).unwrap()
}

pub(crate) fn named(snapshots: &[Snapshot]) -> Vec<&str> {
    let mut names: Vec<&str> = snapshots.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// What came of a write that is to be done.
#[track_caller]
pub(crate) fn done<T: std::fmt::Debug>(written: Written<T>) -> T {
    match written {
        Written::Done(outcome) => outcome,
        other => panic!("not done: {other:?}"),
    }
}

/// Why a write that is to be refused was refused.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(written: Written<T>) -> Kind {
    match written {
        Written::Refused(refusal) => refusal.kind,
        other => panic!("not refused: {other:?}"),
    }
}

/// Lets one test at a time use the node: old versions take one snapshot at a time, and no version cleans up
/// while any runs.
pub(crate) async fn alone(node: &NodeHandle) -> MutexGuard<'static, ()> {
    static LOCKS: LazyLock<Vec<(&'static str, Mutex<()>)>> =
        LazyLock::new(|| RELEASES.iter().map(|release| (release.name, Mutex::new(()))).collect());
    let (_, lock) = LOCKS.iter().find(|(name, _)| *name == node.name).unwrap();
    lock.lock().await
}

/// A node with a repository and an index of this test's own.
pub(crate) struct Stage {
    _alone: MutexGuard<'static, ()>,
    pub(crate) node: &'static NodeHandle,
    pub(crate) api: SnapshotApi,
    pub(crate) product: Product,
    pub(crate) repository: RepositoryName,
    pub(crate) index: String,
}

impl Stage {
    pub(crate) async fn on(node: &'static NodeHandle) -> Self {
        let guard = alone(node).await;
        let bed = Testbed::shared();
        let api = api(&node.url);
        let product = api.product(soon()).await.unwrap();
        let repository = RepositoryName::parse(&bed.unique("repository")).unwrap();
        let stage = Self { _alone: guard, node, api, product, repository, index: bed.unique("books") };
        stage.register(&stage.repository, &json!({})).await;
        node.load_documents(&stage.index, 20).await;
        stage
    }

    /// Registers a repository in the folder of its name, unless the settings say otherwise.
    pub(crate) async fn register(&self, repository: &RepositoryName, settings: &Value) {
        let mut all = json!({ "location": self.node.repo_dir.join(repository.as_str()) });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        done(self.api.register(repository, &json!({"type": "fs", "settings": all}), soon()).await);
    }

    /// Creates a snapshot of the test's index and waits for its good end.
    pub(crate) async fn snapshot(&self, snapshot: &str, more: &Value) -> Snapshot {
        let mut body = json!({ "indices": self.index });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        done(self.api.create(&self.repository, &name(snapshot), Some(&body), soon()).await);
        self.until_success(snapshot).await
    }

    pub(crate) async fn until_success(&self, snapshot: &str) -> Snapshot {
        let ended = eventually("the snapshot ends", async || {
            let found = self.api.snapshot(&self.repository, &name(snapshot), soon()).await.unwrap();
            found.filter(|found| found.state != Some(State::InProgress))
        })
        .await;
        assert_eq!(ended.state, Some(State::Success), "{}: {ended:?}", self.node.name);
        ended
    }

    /// Cleans up once the node lets it: for a moment after a snapshot's end it still counts as running there.
    pub(crate) async fn cleanup(&self, repository: &RepositoryName) -> Written<Cleaned> {
        eventually("the node is free to clean up", async || match self.api.cleanup(repository, soon()).await {
            Written::Refused(refusal) if refusal.kind == Kind::Busy => None,
            other => Some(other),
        })
        .await
    }

    /// A repository that takes some seconds for a snapshot of `heavy`, an index that does not compress.
    pub(crate) async fn slow(&self) -> (RepositoryName, String) {
        let repository = RepositoryName::parse(&Testbed::shared().unique("slow")).unwrap();
        self.register(&repository, &json!({"max_snapshot_bytes_per_sec": "200kb"})).await;
        let index = Testbed::shared().unique("heavy");
        let kind = if self.node.major < 7 && self.node.name.starts_with("elastic") { "doc" } else { "_doc" };
        for document in 0..16_u64 {
            let body = json!({ "text": noise(document, 40_000) });
            let (status, answer) = self.node.put(&format!("/{index}/{kind}/{document}?refresh=true"), body).await;
            assert!((200..300).contains(&status), "{}: {answer}", self.node.name);
        }
        (repository, index)
    }
}

/// Words that no compression makes much shorter, the same for the same seed (xorshift64*).
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let _ = write!(text, "{:016x} ", state.wrapping_mul(0x2545_f491_4f6c_dd1d));
    }
    text
}
