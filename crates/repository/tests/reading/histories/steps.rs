//! What can happen in a history.

use super::history::{History, Index};
use serde_json::{Value, json};
use snapkeep_testbed::eventually;

/// Documents have numbers below this one.
const DOCUMENTS: u64 = 60;

impl History {
    /// A new one, or one of a name that an index had before; perhaps with a shard that has no place.
    pub(super) async fn create_index(&mut self) {
        let names = ["a", "b", "c"].map(|name| format!("{}-{name}", self.prefix));
        let free: Vec<String> = names.into_iter().filter(|name| !self.indices.contains_key(name)).collect();
        let Some(name) = self.chance.pick(&free) else { return };
        let is_crippled = self.chance.one_in(5);
        let shards = if is_crippled { 2 } else { 1 + self.chance.below(3) };
        let mut settings = json!({"number_of_shards": shards, "number_of_replicas": 0});
        if is_crippled {
            settings["index.routing.allocation.total_shards_per_node"] = json!(1);
        }
        self.tell(format!("create {name}: {settings}"));
        let path = format!("/{name}?wait_for_active_shards=0");
        let (status, answer) = self.stage.node.put(&path, json!({ "settings": settings })).await;
        assert_eq!(status, 200, "{answer}");
        self.settled(&name, if is_crippled { 1 } else { shards }).await;
        self.indices.insert(name, Index { is_open: true, is_crippled });
        if self.chance.one_in(2) {
            self.write().await;
        }
    }

    /// Waits until so many of its shards are active.
    async fn settled(&self, index: &str, shards: u64) {
        eventually("its shards are active", async || {
            let (_, health) = self.stage.node.get(&format!("/_cluster/health/{index}")).await;
            (health["active_shards"].as_u64() == Some(shards)).then_some(())
        })
        .await;
    }

    /// Documents are made, made anew and deleted; some of them are large.
    pub(super) async fn write(&mut self) {
        let Some(name) = self.chance.pick(&self.indices_that(|index| index.is_open && !index.is_crippled)) else {
            return;
        };
        let (first, large, gone) = (1 + self.chance.below(DOCUMENTS), self.chance.below(4), self.chance.below(6));
        self.tell(format!("write {first}, {large} and {gone} into {name}"));
        if self.chance.one_in(2) {
            self.stage.node.load_documents(&name, first).await;
        }
        let kind = if self.stage.is_before(7) { "doc" } else { "_doc" };
        for _ in 0..large {
            let (number, length) = (self.chance.below(DOCUMENTS), 1 + self.chance.below(9_000));
            let body = json!({"n": number, "text": self.chance.text(length)});
            let (status, answer) = self.stage.node.put(&format!("/{name}/{kind}/{number}"), body).await;
            assert!(status == 200 || status == 201, "{answer}");
        }
        for _ in 0..gone {
            let number = self.chance.below(DOCUMENTS);
            let (status, answer) = self.stage.node.delete(&format!("/{name}/{kind}/{number}")).await;
            assert!(status == 200 || status == 404, "{answer}");
        }
        if self.chance.one_in(2) {
            self.stage.ok(&format!("/{name}/_refresh"), Value::Null).await;
        }
    }

    pub(super) async fn merge(&mut self) {
        let Some(name) = self.chance.pick(&self.indices_that(|index| index.is_open && !index.is_crippled)) else {
            return;
        };
        self.tell(format!("merge {name}"));
        self.stage.ok(&format!("/{name}/_forcemerge?max_num_segments=1"), Value::Null).await;
    }

    /// Changes what is told of an index without its documents.
    pub(super) async fn change_metadata(&mut self) {
        let Some(name) = self.chance.pick(&self.indices_that(|index| index.is_open)) else { return };
        if self.chance.one_in(2) {
            self.tell(format!("alias of {name}"));
            let alias = format!("{}-{}", self.prefix, self.chance.text(4));
            let body = json!({"actions": [{"add": {"index": name, "alias": format!("alias-{alias}")}}]});
            self.stage.ok("/_aliases", body).await;
        } else {
            self.tell(format!("settings of {name}"));
            let seconds = 1 + self.chance.below(50);
            let body = json!({"index": {"refresh_interval": format!("{seconds}s")}});
            let (status, answer) = self.stage.node.put(&format!("/{name}/_settings"), body).await;
            assert_eq!(status, 200, "{answer}");
        }
    }

    pub(super) async fn delete_index(&mut self) {
        let Some(name) = self.chance.pick(&self.indices_that(|_| true)) else { return };
        self.tell(format!("delete {name}"));
        let (status, answer) = self.stage.node.delete(&format!("/{name}")).await;
        assert_eq!(status, 200, "{answer}");
        self.indices.remove(&name);
    }

    /// Before 7 nothing that is closed goes into a snapshot.
    pub(super) async fn close_or_open(&mut self) {
        if self.stage.is_before(7) {
            return;
        }
        let Some(name) = self.chance.pick(&self.indices_that(|index| !index.is_crippled)) else { return };
        let is_open = !self.indices[&name].is_open;
        self.tell(format!("{} {name}", if is_open { "open" } else { "close" }));
        self.stage.ok(&format!("/{name}/{}", if is_open { "_open" } else { "_close" }), Value::Null).await;
        let (status, answer) =
            self.stage.node.get(&format!("/_cluster/health/{name}?wait_for_status=green&timeout=60s")).await;
        assert_eq!((status, &answer["timed_out"]), (200, &json!(false)), "{answer}");
        self.indices.insert(name, Index { is_open, is_crippled: false });
    }

    /// A name that no snapshot has, but perhaps one had that is gone.
    fn free_name(&mut self) -> Option<String> {
        let names = ["one", "two", "three", "four", "five", "six"].map(str::to_owned);
        let free: Vec<String> = names.into_iter().filter(|name| !self.snapshots.contains_key(name)).collect();
        self.chance.pick(&free)
    }

    /// Of some indices, now and then of none.
    pub(super) async fn take_snapshot(&mut self) {
        let Some(name) = self.free_name() else { return };
        let indices = self.chance.some(&self.indices_that(|_| true));
        let is_partial = indices.iter().any(|index| self.indices[index].is_crippled);
        let chosen = if indices.is_empty() { format!("{}-none*", self.prefix) } else { indices.join(",") };
        let body = json!({"indices": chosen, "include_global_state": self.chance.one_in(2), "partial": is_partial});
        self.tell(format!("take {name}: {body}"));
        let snapshot = self.stage.snapshot(&name, body).await;
        assert_eq!(snapshot["state"], if is_partial { "PARTIAL" } else { "SUCCESS" }, "{snapshot}");
        self.snapshots.insert(name, !is_partial);
    }

    /// One, or where the version takes it several at once.
    pub(super) async fn delete_snapshots(&mut self) {
        let all: Vec<String> = self.snapshots.keys().cloned().collect();
        let several = self.chance.some(&all);
        let chosen = if self.stage.is_before(7) { several.into_iter().take(1).collect() } else { several };
        if chosen.is_empty() {
            return;
        }
        self.tell(format!("delete {chosen:?}"));
        let before = crate::agree::bytes_used(&self.stage.location).await;
        let gone: Vec<&str> = chosen.iter().map(String::as_str).collect();
        self.stage.delete_snapshot(&chosen.join(",")).await;
        let after = crate::agree::bytes_used(&self.stage.location).await;
        assert_eq!(before.data_bytes - before.freed(&gone), after.data_bytes, "{before:?} {after:?}");
        self.snapshots.retain(|name, _| !chosen.contains(name));
    }

    /// Some indices of one that holds all of its shards, as a snapshot of its own.
    pub(super) async fn clone_snapshot(&mut self) {
        let whole: Vec<String> =
            self.snapshots.iter().filter(|(_, whole)| **whole).map(|(name, _)| name.clone()).collect();
        let (false, Some(from), Some(to)) = (self.stage.is_before(7), self.chance.pick(&whole), self.free_name())
        else {
            return;
        };
        let said = self.stage.asked(&from).await;
        let indices: Vec<String> = serde_json::from_value(said["snapshots"][0]["indices"].clone()).unwrap();
        let indices = self.chance.some(&indices);
        if indices.is_empty() {
            return;
        }
        self.tell(format!("clone {from} as {to}: {indices:?}"));
        let path = format!("/_snapshot/{}/{from}/_clone/{to}", self.stage.repository);
        let (status, answer) = self.stage.node.put(&path, json!({"indices": indices.join(",")})).await;
        assert_eq!(status, 200, "{answer}");
        eventually("it is cloned", async || {
            let (_, answer) = self.stage.node.get(&format!("/_snapshot/{}/{to}", self.stage.repository)).await;
            (answer["snapshots"][0]["state"] == "SUCCESS").then_some(())
        })
        .await;
        self.snapshots.insert(to, true);
    }
}
