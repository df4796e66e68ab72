//! How far shards are, and what they came from: `_cluster/state/routing_table` and `_recovery`, both of named indices
//! only, since managed domains refuse them for all.

use crate::api::{SnapshotApi, Unanswered};
use crate::paths::PATH_LIMIT;
use crate::read::moment;
use serde::Deserialize;
use serde_json::{Value, json};
use snapkeep_core::failure::one_line;
use snapkeep_core::naming::encode_segment;
use snapkeep_core::restore::{Missing, Piece, Pieces, Restored, Stage};
use snapkeep_core::snapshot::Counted;
use snapkeep_transport::{Call, Deadline, Method};
use std::collections::BTreeMap;

/// Largest answer that is read, in bytes.
const CAP: usize = 64 << 20;

/// Most characters of the reason why a shard has failed.
const REASON_LIMIT: usize = 600;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    routing_table: Table,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Table {
    indices: BTreeMap<String, Routed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Routed {
    shards: BTreeMap<String, Vec<ShardCopy>>,
}

/// One copy of a shard.
#[derive(Debug, Deserialize)]
struct ShardCopy {
    state: String,
    primary: bool,
    node: Option<String>,
    shard: u64,
    recovery_source: Option<Source>,
    unassigned_info: Option<Unassigned>,
}

#[derive(Debug, Deserialize)]
struct Unassigned {
    reason: String,
    details: Option<String>,
    allocation_status: Option<String>,
}

/// Where a shard's files come from.
#[derive(Debug, Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: Option<String>,
    repository: Option<String>,
    snapshot: Option<String>,
    index: Option<String>,
}

/// `GET {indices}/_recovery`.
type Recoveries = BTreeMap<String, Recovered>;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Recovered {
    shards: Vec<Recovery>,
}

#[derive(Debug, Deserialize)]
struct Recovery {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    primary: bool,
    start_time_in_millis: Option<i64>,
    source: Option<Source>,
    index: Option<Sizes>,
}

#[derive(Debug, Deserialize)]
struct Sizes {
    size: Bytes,
    files: Files,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Bytes {
    #[serde(rename = "total_in_bytes")]
    total: u64,
    #[serde(rename = "reused_in_bytes")]
    reused: u64,
    #[serde(rename = "recovered_in_bytes")]
    recovered: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Files {
    total: u64,
    reused: u64,
    recovered: u64,
}

/// `GET {indices}/_stats/docs`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    indices: BTreeMap<String, Value>,
}

/// What one look shows of some indices.
#[derive(Debug, Default)]
pub struct Looked {
    routing: BTreeMap<String, Routed>,
    recoveries: Recoveries,
}

impl SnapshotApi {
    /// Looks at these indices' shards; indices that are not there are left out. Names, never patterns.
    pub async fn look_at_shards(&self, indices: &[String], deadline: Deadline) -> Result<Looked, Unanswered> {
        let mut looked = Looked::default();
        for names in lists(indices) {
            let path = format!(
                "/_cluster/state/routing_table/{names}?ignore_unavailable=true&filter_path=routing_table.indices.*.shards"
            );
            looked.routing.extend(self.bounded::<State>(path, deadline).await?.routing_table.indices);
        }
        let there: Vec<String> = looked.routing.keys().cloned().collect();
        for names in lists(&there) {
            let path = format!("/{names}/_recovery?ignore_unavailable=true");
            looked.recoveries.extend(self.bounded::<Recoveries>(path, deadline).await?);
        }
        Ok(looked)
    }

    /// How many documents these indices hold; those that are not there, or that do not serve, are left out.
    pub async fn document_counts(
        &self,
        indices: &[String],
        deadline: Deadline,
    ) -> Result<BTreeMap<String, u64>, Unanswered> {
        let mut counts = BTreeMap::new();
        for names in lists(indices) {
            let path =
                format!("/{names}/_stats/docs?ignore_unavailable=true&filter_path=indices.*.primaries.docs.count");
            let found = self.bounded::<Stats>(path, deadline).await?;
            let count = |(name, of): (String, Value)| Some((name, of["primaries"]["docs"]["count"].as_u64()?));
            counts.extend(found.indices.into_iter().filter_map(count));
        }
        Ok(counts)
    }

    /// Why a primary shard is on no node, as the allocation itself explains it; `None` if it does not.
    pub async fn explain_shard(&self, missing: &Missing, deadline: Deadline) -> Result<Option<String>, Unanswered> {
        let Some(shard) = missing.shard else { return Ok(None) };
        let body = json!({"index": missing.index, "shard": shard, "primary": true});
        let call = Call::new(Method::GET, "/_cluster/allocation/explain").json(body.to_string());
        let found = self.find::<Value>(&call, |_| false, deadline).await?.unwrap_or_default();
        let deciders = found["node_allocation_decisions"].as_array().into_iter().flatten();
        let mut why = deciders.flat_map(|node| node["deciders"].as_array().into_iter().flatten());
        let why = why.find_map(|decider| decider["explanation"].as_str());
        Ok(why.or(found["allocate_explanation"].as_str()).map(|why| one_line(why, REASON_LIMIT)))
    }

    async fn bounded<T: serde::de::DeserializeOwned + Default>(
        &self,
        path: String,
        deadline: Deadline,
    ) -> Result<T, Unanswered> {
        let call = Call::new(Method::GET, path).cap(CAP);
        Ok(self.find::<T>(&call, |_| false, deadline).await?.unwrap_or_default())
    }
}

/// Names as lists that are short enough for a path.
fn lists(names: &[String]) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for name in names.iter().map(|name| encode_segment(name)) {
        match lists.last_mut().filter(|list| list.len() + name.len() < PATH_LIMIT) {
            Some(list) => *list = format!("{list},{name}"),
            None => lists.push(name),
        }
    }
    lists
}

impl Looked {
    /// The primary shards, and how much is copied of what comes from snapshots.
    pub fn pieces(&self) -> Pieces {
        let primaries =
            self.routing.iter().flat_map(|(index, routed)| primaries(routed).map(move |copy| (index, copy)));
        let shards = primaries.map(|(index, copy)| piece(index, copy)).collect();
        let sizes = self.recoveries.values().flat_map(|of| &of.shards).filter(|one| one.is_restore());
        let mut pieces = Pieces { shards, ..Pieces::default() };
        for Sizes { size, files } in sizes.filter_map(|one| one.index.as_ref()) {
            add(&mut pieces.bytes, size.total.saturating_sub(size.reused), size.recovered);
            add(&mut pieces.files, files.total.saturating_sub(files.reused), files.recovered);
        }
        pieces
    }

    /// What each index was restored from, where its shards still tell: they forget when they move or restart.
    pub fn restored(&self) -> BTreeMap<String, Restored> {
        let one = |(index, routed): (&String, &Routed)| Some((index.clone(), self.restored_of(index, routed)?));
        self.routing.iter().filter_map(one).collect()
    }

    fn restored_of(&self, index: &str, routed: &Routed) -> Option<Restored> {
        let recoveries: Vec<&Recovery> =
            self.recoveries.get(index).into_iter().flat_map(|of| &of.shards).filter(|one| one.is_restore()).collect();
        let told = recoveries.iter().find_map(|one| one.source.as_ref());
        let unassigned =
            || primaries(routed).filter_map(|copy| copy.recovery_source.as_ref()).find(|from| from.is_snapshot());
        let source = told.or_else(unassigned)?;
        // What has failed since it was restored is another matter: such a shard comes from its own disk.
        let counts = |copy: &&ShardCopy| copy.recovery_source.as_ref().is_none_or(Source::is_snapshot);
        let stages: Vec<Stage> = primaries(routed).filter(counts).map(|copy| piece(index, copy).stage).collect();
        let count = |stage| u64::try_from(stages.iter().filter(|one| **one == stage).count()).unwrap_or(u64::MAX);
        Some(Restored {
            repository: source.repository.clone()?,
            snapshot: source.snapshot.clone()?,
            index: source.index.clone()?,
            began_at: recoveries.iter().filter_map(|one| one.start_time_in_millis).min().and_then(moment),
            shards: u64::try_from(primaries(routed).count()).unwrap_or(u64::MAX),
            started: count(Stage::Started),
            failed: count(Stage::Failed),
        })
    }
}

fn primaries(routed: &Routed) -> impl Iterator<Item = &ShardCopy> {
    routed.shards.values().flatten().filter(|copy| copy.primary)
}

fn add(sum: &mut Counted, total: u64, done: u64) {
    sum.total = Some(sum.total.unwrap_or(0).saturating_add(total));
    sum.done = Some(sum.done.unwrap_or(0).saturating_add(done));
}

/// A shard that no node may take is given up by the server at once, one that a node failed at is not tried again.
fn piece(index: &str, copy: &ShardCopy) -> Piece {
    let info = copy.unassigned_info.as_ref();
    let is_given_up =
        info.is_some_and(|info| info.reason == "ALLOCATION_FAILED" || info.allocation_status.as_deref() == Some("no"));
    let stage = match copy.state.as_str() {
        "STARTED" | "RELOCATING" => Stage::Started,
        "INITIALIZING" => Stage::Copying,
        _ if is_given_up => Stage::Failed,
        _ => Stage::Waiting,
    };
    let reason = info.and_then(|info| info.details.as_deref()).filter(|_| stage != Stage::Started);
    Piece {
        index: index.to_owned(),
        shard: copy.shard,
        stage,
        node: copy.node.clone(),
        reason: reason.map(|reason| one_line(&root_of(reason), REASON_LIMIT)),
    }
}

/// The last two of nested causes, which tell the blob: what stands before them are nodes and classes. Later versions tell
/// them as a stack trace.
fn root_of(details: &str) -> String {
    let (separator, nested): (&str, Vec<&str>) = if details.contains("Caused by: ") {
        ("Caused by: ", details.split("Caused by: ").map(|cause| cause.lines().next().unwrap_or_default()).collect())
    } else {
        ("; nested: ", details.split("; nested: ").collect())
    };
    let causes = &nested[nested.len().saturating_sub(2)..];
    causes.join(if separator.starts_with(';') { separator } else { "; caused by: " })
}

impl Recovery {
    fn is_restore(&self) -> bool {
        self.kind.eq_ignore_ascii_case("snapshot") && self.primary
    }
}

impl Source {
    fn is_snapshot(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("snapshot"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(routing: Value, recoveries: Value) -> Looked {
        Looked {
            routing: serde_json::from_value(routing).unwrap(),
            recoveries: serde_json::from_value(recoveries).unwrap(),
        }
    }

    #[test]
    fn shards_tell_how_far_they_are_and_what_they_came_from() {
        let source = json!({"type": "SNAPSHOT", "repository": "r", "snapshot": "s", "index": "a"});
        let failed = json!({"reason": "ALLOCATION_FAILED", "details": "failed shard: a blob\nis gone", "allocation_status": "no_attempt"});
        let found = looked(
            json!({"b": {"shards": {
                "0": [
                    {"state": "STARTED", "primary": true, "node": "n", "shard": 0},
                    {"state": "UNASSIGNED", "primary": false, "node": null, "shard": 0},
                ],
                "1": [{"state": "UNASSIGNED", "primary": true, "node": null, "shard": 1, "recovery_source": source, "unassigned_info": failed}],
            }}}),
            json!({"b": {"shards": [{
                "type": "SNAPSHOT", "primary": true, "start_time_in_millis": 5000,
                "source": {"repository": "r", "snapshot": "s", "index": "a"},
                "index": {"size": {"total_in_bytes": 10, "reused_in_bytes": 1, "recovered_in_bytes": 4}, "files": {"total": 3, "reused": 0, "recovered": 1}},
            }]}}),
        );
        let pieces = found.pieces();
        assert_eq!(pieces.bytes, Counted { total: Some(9), done: Some(4) });
        assert_eq!(pieces.shards.iter().map(|piece| piece.stage).collect::<Vec<_>>(), [Stage::Started, Stage::Failed]);
        assert_eq!(pieces.shards[1].reason.as_deref(), Some("failed shard: a blob is gone"));
        let restored = &found.restored()["b"];
        assert_eq!((restored.snapshot.as_str(), restored.index.as_str(), restored.began_at), ("s", "a", moment(5000)));
        assert_eq!((restored.shards, restored.started, restored.failed), (2, 1, 1));
    }

    #[test]
    fn a_shard_that_failed_long_after_it_was_restored_is_no_failure_of_the_restore() {
        let failed = json!({"reason": "ALLOCATION_FAILED", "details": "a disk is gone"});
        let found = looked(
            json!({"b": {"shards": {
                "0": [{"state": "STARTED", "primary": true, "node": "n", "shard": 0}],
                "1": [{"state": "UNASSIGNED", "primary": true, "node": null, "shard": 1, "recovery_source": {"type": "EXISTING_STORE"}, "unassigned_info": failed}],
            }}}),
            json!({"b": {"shards": [{
                "type": "SNAPSHOT", "primary": true, "start_time_in_millis": 5000,
                "source": {"repository": "r", "snapshot": "s", "index": "a"},
            }]}}),
        );
        let restored = &found.restored()["b"];
        assert_eq!((restored.shards, restored.started, restored.failed), (2, 1, 0));
    }

    #[test]
    fn a_reason_ends_with_what_is_gone() {
        for (details, expected) in [
            ("failed shard", "failed shard"),
            ("failed shard: a[b]; nested: c[d]; nested: e[f]", "c[d]; nested: e[f]"),
            ("failed shard: a\n\tat x\nCaused by: b: c\n\tat y\nCaused by: d: e\n\tat z", "b: c; caused by: d: e"),
        ] {
            assert_eq!(root_of(details), expected);
        }
    }

    #[test]
    fn where_nothing_was_copied_the_routing_tells_the_source() {
        let source = json!({"type": "SNAPSHOT", "repository": "r", "snapshot": "s", "index": "a"});
        let info = json!({"reason": "NEW_INDEX_RESTORED", "allocation_status": "no"});
        let copy = json!({"state": "UNASSIGNED", "primary": true, "node": null, "shard": 0, "recovery_source": source, "unassigned_info": info});
        let found = looked(json!({"a": {"shards": {"0": [copy]}}, "x": {"shards": {}}}), json!({}));
        assert_eq!((found.restored().len(), found.restored()["a"].failed), (1, 1));
    }

    #[test]
    fn lists_are_short() {
        let names: Vec<String> = (0..500).map(|n| format!("index-{n:03}")).collect();
        let lists = lists(&names);
        assert!(lists.len() > 1 && lists.iter().all(|list| list.len() < PATH_LIMIT));
        assert_eq!(lists.join(",").split(',').count(), 500);
    }
}
