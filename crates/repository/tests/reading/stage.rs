//! A node that writes repositories, and restores from copies of them.

use serde_json::{Value, json};
use snapkeep_repository::load::Loader;
use snapkeep_repository::open::Opened;
use snapkeep_repository::store::{Location, Settings, Store};
use snapkeep_repository::verify::{Choice, Level, Report, Share, Unwatched, verify};
use snapkeep_testbed::{NodeHandle, Product, RELEASES, Testbed, eventually, release};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tokio::sync::{Mutex, MutexGuard};

/// The nodes of this run.
pub(crate) fn nodes() -> impl Iterator<Item = &'static NodeHandle> {
    release::of_this_run().iter().map(|release| Testbed::shared().node(release.name))
}

/// Old versions take one snapshot at a time.
pub(crate) async fn alone(node: &NodeHandle) -> MutexGuard<'static, ()> {
    static LOCKS: LazyLock<Vec<(&'static str, Mutex<()>)>> =
        LazyLock::new(|| RELEASES.iter().map(|release| (release.name, Mutex::new(()))).collect());
    LOCKS.iter().find(|(name, _)| *name == node.name).unwrap().1.lock().await
}

/// Lines that are told if the test ends in a panic.
#[derive(Default)]
pub(crate) struct Told(pub(crate) Vec<String>);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "{}", self.0.join("\n"));
        }
    }
}

/// A repository on a node.
pub(crate) struct Stage {
    pub(crate) node: &'static NodeHandle,
    pub(crate) repository: String,
    /// Where the node was told to put it.
    pub(crate) place: PathBuf,
    /// The same, or a folder below it where there is a base path.
    pub(crate) location: Location,
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    /// In a folder; further settings may chunk or compress it.
    pub(crate) async fn on(node: &'static NodeHandle, settings: Value) -> Self {
        let guard = alone(node).await;
        let repository = Testbed::shared().unique("reading");
        let place = node.repo_dir.join(&repository);
        let base = settings["base_path"].as_str().map_or_else(|| place.clone(), |base| place.join(base));
        let stage = Self { node, repository, place, location: Location::Folder(base), _alone: guard };
        stage.set(settings).await;
        stage
    }

    /// Registers it with these settings, for the first time or anew.
    pub(crate) async fn set(&self, settings: Value) {
        let mut all = json!({ "location": self.place });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.register(&self.repository, json!({"type": "fs", "settings": all})).await;
    }

    /// The base path, if it has one.
    pub(crate) fn base(&self) -> Option<&str> {
        let Location::Folder(folder) = &self.location else { return None };
        folder.strip_prefix(&self.place).ok()?.to_str().filter(|base| !base.is_empty())
    }

    /// Whether its restores take the UUID that a snapshot's own blob says, rather than the one asked for.
    pub(crate) fn restores_what_it_says(&self) -> bool {
        !self.is_opensearch() && (self.node.major > 7 || self.node.version.starts_with("7.17"))
    }

    pub(crate) fn is_opensearch(&self) -> bool {
        self.node.product == Product::OpenSearch
    }

    /// Whether it is Elasticsearch of an older version.
    pub(crate) fn is_before(&self, major: u32) -> bool {
        !self.is_opensearch() && self.node.major < major
    }

    /// Takes the repository and these indices away.
    pub(crate) async fn clean_up(self, indices: &[String]) {
        self.node.delete(&format!("/_snapshot/{}", self.repository)).await;
        for index in indices {
            self.node.delete(&format!("/{index}")).await;
        }
        std::fs::remove_dir_all(&self.place).unwrap();
    }

    pub(crate) async fn register(&self, name: &str, body: Value) {
        let (status, answer) = self.node.put(&format!("/_snapshot/{name}"), body).await;
        assert_eq!(status, 200, "{}: {answer}", self.node.name);
    }

    /// Takes a snapshot and waits for its end.
    pub(crate) async fn snapshot(&self, name: &str, body: Value) -> Value {
        let path = format!("/_snapshot/{}/{name}?wait_for_completion=true", self.repository);
        eventually("the snapshot is taken", async || {
            let (status, answer) = self.node.put(&path, body.clone()).await;
            assert!(status == 200 || answer.to_string().contains("concurrent"), "{}: {answer}", self.node.name);
            (status == 200).then(|| answer["snapshot"].clone())
        })
        .await
    }

    pub(crate) async fn delete_snapshot(&self, name: &str) {
        let path = format!("/_snapshot/{}/{name}", self.repository);
        eventually("the snapshot is deleted", async || (self.node.delete(&path).await.0 == 200).then_some(())).await;
    }

    pub(crate) async fn ok(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.node.post(path, body).await;
        assert!((200..300).contains(&status), "{}: {path}: {answer}", self.node.name);
        answer
    }

    /// What the node answers.
    pub(crate) async fn asked(&self, rest: &str) -> Value {
        let (status, answer) = self.node.get(&format!("/_snapshot/{}/{rest}", self.repository)).await;
        assert_eq!(status, 200, "{}: {rest}: {answer}", self.node.name);
        answer
    }

    /// Two indices, four snapshots with updates, deletes and a merge between them, of which one is deleted.
    pub(crate) async fn history(&self) -> [String; 2] {
        let bed = Testbed::shared();
        let indices = [bed.unique("books"), bed.unique("papers")];
        for index in &indices {
            let body = json!({"settings": {"number_of_shards": 2, "number_of_replicas": 0}});
            let (status, answer) = self.node.put(&format!("/{index}"), body).await;
            assert_eq!(status, 200, "{answer}");
            self.node.load_documents(index, 300).await;
        }
        let body = json!({ "indices": indices.join(",") });
        self.snapshot("first", body.clone()).await;
        self.node.load_documents(&indices[0], 500).await;
        self.snapshot("second", body.clone()).await;
        self.ok(&format!("/{}/_forcemerge?max_num_segments=1", indices[0]), Value::Null).await;
        self.snapshot("third", body.clone()).await;
        self.node.load_documents(&indices[1], 100).await;
        let alone = json!({"indices": indices[1], "include_global_state": false});
        self.snapshot("fourth", alone).await;
        self.delete_snapshot("second").await;
        indices
    }

    /// A copy of the repository that tests may damage and nodes may read, beside it.
    pub(crate) fn copy(&self) -> Copied {
        let Location::Folder(from) = &self.location else { panic!("only folders are copied") };
        let name = Testbed::shared().unique("copy");
        let place = self.node.repo_dir.join(&name);
        copy(from, &place);
        Copied { name, place }
    }

    /// Restores a snapshot of a copy under other names; what came of it, or what the node says.
    pub(crate) async fn restore(&self, copied: &Copied, snapshot: &str) -> Result<Restored, String> {
        self.restored(copied, snapshot, false).await
    }

    /// The same where the snapshot may lack shards.
    pub(crate) async fn restore_partly(&self, copied: &Copied, snapshot: &str) -> Result<Restored, String> {
        self.restored(copied, snapshot, true).await
    }

    async fn restored(&self, copied: &Copied, snapshot: &str, partial: bool) -> Result<Restored, String> {
        let settings = json!({"location": copied.place, "readonly": true});
        self.register(&copied.name, json!({"type": "fs", "settings": settings})).await;
        let prefix = format!("{}-", copied.name);
        let path = format!("/_snapshot/{}/{snapshot}/_restore?wait_for_completion=true", copied.name);
        // A shard that has no place on the node would have none again.
        let anywhere = if partial { json!(["index.routing.allocation.total_shards_per_node"]) } else { json!([]) };
        let body = json!({
            "include_global_state": false, "partial": partial, "ignore_index_settings": anywhere,
            "rename_pattern": "(.+)", "rename_replacement": format!("{prefix}$1"),
        });
        let (status, answer) = self.node.post(&path, body).await;
        let (_, counted) = self.node.get(&format!("/{prefix}*/_count?allow_no_indices=true")).await;
        self.delete_indices(&prefix).await;
        self.node.delete(&format!("/_snapshot/{}", copied.name)).await;
        if status != 200 {
            return Err(answer.to_string());
        }
        let failed = answer["snapshot"]["shards"]["failed"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        Ok(Restored { failed, documents: counted["count"].as_u64().unwrap_or_default() })
    }
}

impl Stage {
    /// One by one: some versions take no patterns.
    async fn delete_indices(&self, prefix: &str) {
        let (_, all) =
            self.node.get(&format!("/_cat/indices/{prefix}*?format=json&h=index&expand_wildcards=all")).await;
        for index in all.as_array().into_iter().flatten().filter_map(|line| line["index"].as_str()) {
            self.node.delete(&format!("/{index}")).await;
        }
    }
}

/// What a restore brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restored {
    /// Shards that were not restored.
    pub(crate) failed: u64,
    /// Documents of those that were.
    pub(crate) documents: u64,
}

/// A copy of a repository.
pub(crate) struct Copied {
    name: String,
    pub(crate) place: PathBuf,
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

impl Copied {
    pub(crate) fn location(&self) -> Location {
        Location::Folder(self.place.clone())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn choice(level: Level) -> Choice {
    Choice { level, share: Share::All, snapshots: vec![], indices: vec![] }
}

/// What is read of a repository.
pub(crate) async fn reader<T>(location: &Location, read: impl AsyncFnOnce(&Loader<'_>, &Opened) -> T) -> T {
    let store = Store::open(location.clone(), &Settings::default()).unwrap();
    let loader = Loader::new(&store);
    let opened = Opened::open(&loader).await.unwrap();
    read(&loader, &opened).await
}

/// The verdict on a repository.
pub(crate) async fn verified(location: &Location, level: Level) -> Report {
    reader(location, async |loader, opened| verify(loader, opened, &choice(level), None, &Unwatched).await.unwrap())
        .await
}
