//! What the tests of restores have in common: a snapshot, and what is on the node beside it.

use crate::stage::{Stage, minute, name};
use serde_json::{Value, json};
use snapkeep_core::Failure;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::restore::{Action, Among, Choice, OnConflict, Rename, Request, RestorePlan};
use snapkeep_engine::{Following, RestoreJob, RestoreReport, Silent, apply_restore, plan_restore};
use snapkeep_testbed::Testbed;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

/// Snapshot `s`, all of it.
pub(crate) fn job(stage: &Stage) -> RestoreJob {
    RestoreJob {
        repository: stage.repository.clone(),
        choice: Choice::Named(name("s")),
        among: Among::default(),
        request: Request::default(),
    }
}

pub(crate) fn with(stage: &Stage, request: Request) -> RestoreJob {
    RestoreJob { request, ..job(stage) }
}

pub(crate) fn on(on_conflict: OnConflict) -> Request {
    Request { on_conflict, ..Request::default() }
}

pub(crate) fn prefixed(prefix: &str) -> Request {
    Request { rename: Some(Rename::prefix(prefix).unwrap()), ..Request::default() }
}

pub(crate) fn to_the_end() -> Following {
    Following { wait: Duration::from_secs(50), ..Following::default() }
}

pub(crate) async fn planned(stage: &Stage, job: &RestoreJob) -> RestorePlan {
    plan_restore(&stage.api, job, minute()).await.unwrap()
}

pub(crate) async fn applied(stage: &Stage, job: &RestoreJob, plan: &RestorePlan) -> Result<RestoreReport, Failure> {
    apply_restore(&stage.api, job, plan, &to_the_end(), minute(), &Silent).await
}

/// Plans and applies, and demands that all of it serves.
pub(crate) async fn restored(stage: &Stage, job: &RestoreJob) -> RestoreReport {
    let plan = planned(stage, job).await;
    let report = applied(stage, job, &plan).await.unwrap_or_else(|failure| panic!("{failure}: {plan:?}"));
    assert!(report.ended && report.truth.missing.is_empty(), "{report:?}");
    assert_eq!(report.complaint(), None);
    report
}

pub(crate) fn actions(plan: &RestorePlan) -> Vec<(String, Action)> {
    plan.items.iter().map(|item| (item.target.clone(), item.action)).collect()
}

pub(crate) async fn drop_index(stage: &Stage, index: &str) {
    let (status, answer) = stage.node.delete(&format!("/{index}")).await;
    assert_eq!(status, 200, "{answer}");
}

pub(crate) async fn add_alias(stage: &Stage, index: &str, alias: &str) {
    let body = json!({"actions": [{"add": {"index": index, "alias": alias}}]});
    let (status, answer) = stage.node.post("/_aliases", body).await;
    assert_eq!(status, 200, "{answer}");
}

/// Whether the node has data streams: from OpenSearch 1 and Elasticsearch 8 on, as the testbed has them.
pub(crate) async fn has_streams(node: &str) -> bool {
    Testbed::shared().node(node).get("/_data_stream").await.0 == 200
}

/// An empty data stream, and the template that it needs, as does one that is restored under a longer name.
pub(crate) async fn make_stream(stage: &Stage, stream: &str) {
    let path = format!("/_index_template/{stream}");
    let template = json!({
        "index_patterns": [stream, format!("restored-{stream}")],
        "data_stream": {},
        "template": {"settings": {"number_of_replicas": 0}},
    });
    let (status, answer) = stage.node.put(&path, template).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = stage.node.put(&format!("/_data_stream/{stream}"), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
}

pub(crate) async fn add_to_stream(stage: &Stage, stream: &str, documents: u32) {
    for _ in 0..documents {
        let document = json!({"@timestamp": "2026-11-23T00:00:00Z"});
        let (status, answer) = stage.node.post(&format!("/{stream}/_doc?refresh=true"), document).await;
        assert_eq!(status, 201, "{answer}");
    }
}

/// Removes a data stream, and its template if that is still there: no version forgets one that a stream needs.
pub(crate) async fn drop_stream(stage: &Stage, stream: &str) {
    let (status, answer) = stage.node.delete(&format!("/_data_stream/{stream}")).await;
    assert_eq!(status, 200, "{answer}");
    stage.node.delete(&format!("/_index_template/{stream}")).await;
}

/// Each index of the stage's own by name: id, whether it is open, its aliases.
pub(crate) async fn indices(stage: &Stage) -> Value {
    let path = "/_cluster/state/metadata?filter_path=metadata.indices.*.state,metadata.indices.*.aliases,metadata.indices.*.settings.index.uuid";
    let (_, found) = stage.node.get(path).await;
    let all = found["metadata"]["indices"].as_object().unwrap().clone();
    let own = all.into_iter().filter(|(name, _)| name.contains(&stage.index));
    Value::Object(own.collect())
}

/// The blobs of the folder that hold segments' files, the largest first.
pub(crate) fn blobs(stage: &Stage) -> Vec<PathBuf> {
    let mut open = vec![stage.node.repo_dir.join(stage.repository.as_str())];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().unwrap().to_str().unwrap().starts_with("__") {
                found.push((path.metadata().unwrap().len(), path));
            }
        }
    }
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}
