//! A repository on a real node: indices of many kinds, two snapshots, one that was deleted.

use std::path::PathBuf;

use serde_json::{Value, json};
use snapkeep_testbed::{NodeHandle, Product, Release, Testbed};

pub(crate) struct Stage {
    pub(crate) node: &'static NodeHandle,
    pub(crate) repository: String,
    pub(crate) folder: PathBuf,
    /// An index of two shards with everything that metadata may hold.
    pub(crate) books: String,
    /// A small one, closed where the version takes closed ones.
    pub(crate) notes: String,
}

#[track_caller]
fn ok((status, answer): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{status}: {answer}");
    answer
}

impl Stage {
    pub(crate) async fn new(release: &Release, settings: Value) -> Self {
        let bed = Testbed::shared();
        Self::named(release, settings, &bed.unique("books"), &bed.unique("notes")).await
    }

    pub(crate) async fn named(release: &Release, settings: Value, books: &str, notes: &str) -> Self {
        Self::at(Testbed::shared().node(release.name), settings, books, notes).await
    }

    pub(crate) async fn at(node: &'static NodeHandle, settings: Value, books: &str, notes: &str) -> Self {
        let repository = Testbed::shared().unique("repository");
        let folder = node.repo_dir.join(&repository);
        let mut all = json!({"location": folder});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        ok(node.put(&format!("/_snapshot/{repository}"), json!({"type": "fs", "settings": all})).await);
        Self { node, repository, folder, books: books.to_owned(), notes: notes.to_owned() }
    }

    pub(crate) fn is_before(&self, major: u32) -> bool {
        self.node.product == Product::Elasticsearch && self.node.major < major
    }

    fn takes_metadata(&self) -> bool {
        !self.is_before(7)
    }

    /// Mappings with names long and foreign, an alias with a filter, settings with lists.
    pub(crate) async fn make_indices(&self) {
        let mut properties = json!({"title": {"type": "text"}, "n": {"type": "long"}});
        for n in 0..90 {
            properties[format!("field_{n}")] = json!({"type": "keyword", "ignore_above": n + 1});
        }
        properties["größe_日本語"] = json!({"type": "keyword"});
        properties["x".repeat(70)] = json!({"type": "keyword"});
        properties["ключ".repeat(9)] = json!({"type": "double"});
        let mapping = json!({"_meta": {"a": [1, -1, 1e300, null, true, {}, [], "日本語", "", 9_007_199_254_740_993_i64]}, "properties": properties});
        let mappings = if self.is_before(7) { json!({"doc": mapping}) } else { mapping };
        let body = json!({
            "settings": {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "-1",
                         "analysis": {"analyzer": {"own": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}}}},
            "mappings": mappings,
            // Twice the same names behind the long ones of the mappings.
            "aliases": {"all-of-it": {"filter": {"term": {"n": 3}}, "routing": "1"}, "again": {"filter": {"term": {"n": 3}}, "routing": "1"}},
        });
        ok(self.node.put(&format!("/{}", self.books), body).await);
        self.node.load_documents(&self.books, 300).await;
        self.make_notes().await;
    }

    /// One shard, three documents.
    pub(crate) async fn make_notes(&self) {
        let settings = json!({"number_of_shards": 1, "number_of_replicas": 0});
        ok(self.node.put(&format!("/{}", self.notes), json!({"settings": settings})).await);
        self.node.load_documents(&self.notes, 3).await;
    }

    /// Of all indices if none is named. Waits for its end.
    pub(crate) async fn snapshot(&self, name: &str, indices: &[&str]) {
        let mut body = json!({"include_global_state": true});
        if !indices.is_empty() {
            body["indices"] = json!(indices.join(","));
        }
        if self.takes_metadata() {
            body["metadata"] = metadata();
        }
        let path = format!("/_snapshot/{}/{name}?wait_for_completion=true", self.repository);
        let answer = ok(self.node.put(&path, body).await);
        assert_eq!(answer["snapshot"]["state"], "SUCCESS", "{answer}");
    }

    pub(crate) async fn delete_snapshot(&self, name: &str) {
        ok(self.node.delete(&format!("/_snapshot/{}/{name}", self.repository)).await);
    }

    pub(crate) async fn close_notes(&self) {
        ok(self.node.post(&format!("/{}/_close", self.notes), Value::Null).await);
        // A closed index' shards are started anew.
        self.get(&format!("/_cluster/health/{}?wait_for_status=green&timeout=60s", self.notes)).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        ok(self.node.get(path).await)
    }

    pub(crate) async fn clean_up(self) {
        ok(self.node.delete(&format!("/_snapshot/{}", self.repository)).await);
        for index in [&self.books, &self.notes] {
            let _ = self.node.delete(&format!("/{index}")).await;
        }
    }
}

/// What the snapshots are created with: each kind of value that SMILE writes in a way of its own.
fn metadata() -> Value {
    json!({
        "by": "tests", "empty": "", "small": [0, 15, -16, 16, -17], "wide": [i32::MIN, i32::MAX, i64::MIN, i64::MAX],
        "beyond": u64::MAX, "half": 0.5, "third": 0.1, "yes": true, "no": false,
        "long": "x".repeat(70), "lang": "日本語".repeat(10), "64": "y".repeat(64), "65": "z".repeat(65),
        "again": ["tests", "tests", "日本語", "日本語"], "deep": [[[[[{"a": {"b": {}}}]]]]],
    })
}
