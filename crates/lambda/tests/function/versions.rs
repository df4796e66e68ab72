//! The same function on the versions that people run. Nodes without an S3 plugin keep the bucket in a
//! folder: the front sees to that, the function notices nothing.

use crate::stage::{Stage, invocation, principal};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_front::Action;
use snapkeep_testbed::{Testbed, release};

/// A stage on this node, with a bucket of S3 or a folder in its place.
async fn stage_on(name: &str) -> Stage {
    let node = Testbed::shared().node(name);
    let folder = node.repo_dir.to_str().unwrap().to_owned();
    Stage::on(node, |front| {
        let front = front.principal(principal());
        if node.has_s3 { front } else { front.s3_as_fs(&folder) }
    })
    .await
}

async fn report(stage: &Stage, event: &Value) -> Value {
    serde_json::to_value(stage.handle(event).await.unwrap()).unwrap()
}

async fn whole_job_on(name: &str) {
    let stage = stage_on(name).await;
    let index = stage.bed.unique("books");
    stage.node.load_documents(&index, 20).await;
    let event = stage.event_with(&json!({"Indices": [index], "Wait": 50}));

    let first = report(&stage, &event).await;
    assert_eq!(
        (first["registration"].as_str(), first["state"].as_str()),
        (Some("created"), Some("SUCCESS")),
        "{name}: {first}"
    );
    assert_eq!(first["shards"]["failed"], 0, "{name}");
    assert!(first["uuid"].is_string() && first["started_at"].is_string(), "{name}: {first}");
    let again = report(&stage, &event).await;
    assert_eq!(
        (again["registration"].as_str(), again["outcome"].as_str()),
        (Some("unchanged"), Some("adopted")),
        "{name}"
    );

    lost_answer_on(name, &stage, &event).await;
    name_taken_on(name, &stage, &event).await;

    let list = report(&stage, &stage.event_with(&json!({"Action": "list"}))).await;
    let listed: Vec<&str> =
        list["snapshots"].as_array().unwrap().iter().map(|s| s["state"].as_str().unwrap()).collect();
    assert_eq!(listed, ["SUCCESS"; 3], "{name}: {list}");
    errors_on(name, &stage).await;
    missing_index_on(name, &stage).await;
}

/// The answer to the creation is lost: found by looking.
async fn lost_answer_on(name: &str, stage: &Stage, event: &Value) {
    let lost = stage.on_create(1, Action::ForwardThenDrop);
    let delivery = invocation("beefbeef-0000-4000-8000-000000000000");
    let adopted = crate::stage::report(stage.function().handle(&event.to_string(), &delivery).await.unwrap());
    assert_eq!(stage.front.injected(lost), 1, "{name}");
    assert_eq!(serde_json::to_value(adopted.outcome).unwrap(), "adopted", "{name}");
    assert_eq!(stage.snapshots().await.len(), 2, "{name}");
}

/// The answer to a duplicated creation says that the name is taken, in this version's words.
async fn name_taken_on(name: &str, stage: &Stage, event: &Value) {
    let twice = stage.on_create(1, Action::duplicate());
    let mut event = event.clone();
    event["SlotTime"] = json!("2026-11-23T05:00:00Z");
    let taken = stage.handle(&event).await.unwrap();
    assert_eq!(stage.front.injected(twice), 1, "{name}");
    assert_eq!(serde_json::to_value(taken.state).unwrap(), "SUCCESS", "{name}");
    assert_eq!(stage.snapshots().await.len(), 3, "{name}");
}

async fn errors_on(name: &str, stage: &Stage) {
    for (changes, code) in [
        (json!({"Action": "status", "SnapshotName": "never-made"}), Code::SnapshotMissing),
        (json!({"Action": "list", "RepositoryName": "no-such-repository"}), Code::RepositoryMissing),
        (json!({"Action": "create", "RepositoryName": "no-such-repository"}), Code::RepositoryMissing),
        (json!({"Action": "register", "BasePath": "elsewhere"}), Code::RepositoryConflict),
    ] {
        let failure =
            stage.handle_as("0badc0de-0000-4000-8000-000000000000", &stage.event_with(&changes)).await.unwrap_err();
        assert_eq!(failure.code, code, "{name} {changes}: {failure}");
    }
}

/// Most versions refuse an index that does not exist; the others' empty snapshot is said to be one.
async fn missing_index_on(name: &str, stage: &Stage) {
    let event = stage.event_with(&json!({"Action": "create", "Indices": ["no-such-index"], "Wait": 30}));
    match stage.handle_as("0badc0de-0000-4000-8000-000000000000", &event).await {
        Ok(report) => assert!(report.warnings.iter().any(|w| w.contains("holds no shards")), "{name}: {report:?}"),
        Err(failure) => assert_eq!(failure.code, Code::SnapshotFailed, "{name}: {failure}"),
    }
}

#[tokio::test]
async fn the_whole_job_on_the_versions_that_people_run() {
    for release in release::of_this_run() {
        whole_job_on(release.name).await;
    }
}
