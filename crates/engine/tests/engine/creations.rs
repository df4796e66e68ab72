//! A new snapshot of a chosen name is never another's, whatever any clock shows.

use crate::stage::{Stage, WITH_S3, is_one_at_a_time, minute, name, nodes};
use serde_json::json;
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{Creation, Identity, Job, Outcome, Report, Warnings, run};
use snapkeep_front::Action;
use std::time::Duration;

const NAME_TAKEN: &str = r#"{"error":{"type":"invalid_snapshot_name_exception","reason":"[r:t] Invalid snapshot name [t], snapshot with the same name already exists"},"status":400}"#;

async fn created(stage: &Stage, snapshot: &str) -> Result<Report, Failure> {
    let creation = Creation {
        repository: stage.repository.clone(),
        snapshot: name(snapshot),
        identity: Identity::New,
        body: json!({"indices": stage.index, "include_global_state": false}).as_object().cloned(),
        wait: Duration::from_secs(40),
        stall_after: None,
    };
    run(&stage.api, &Job::Create(creation), minute(), Warnings::default()).await
}

#[tokio::test]
async fn what_has_the_name_already_is_not_taken_over() {
    for node in nodes() {
        let stage = Stage::slow(node).await;
        stage.begin("running").await;
        let running = created(&stage, "running").await.unwrap_err();
        assert_eq!(running.code, Code::SnapshotRunning, "{node}: {running}");
        assert!(stage.seen("PUT").is_empty(), "{node}");
        stage.delete("running").await;
    }
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["taken"]).await;
    assert_eq!(created(&stage, "taken").await.unwrap_err().code, Code::SnapshotConflict);
    assert!(stage.seen("PUT").is_empty());
    // Taken between the look and the request.
    stage.strike("PUT", "/_snapshot/*/late", 1, Action::status(400, NAME_TAKEN));
    assert_eq!(created(&stage, "late").await.unwrap_err().code, Code::SnapshotConflict);
    // The same where looking is not allowed.
    let denied = r#"{"Message":"User: u is not authorized to perform: es:ESHttpGet on resource: d"}"#;
    stage.strike("GET", "/_snapshot/*/taken", 9, Action::status(403, denied));
    assert_eq!(created(&stage, "taken").await.unwrap_err().code, Code::SnapshotConflict);
}

#[tokio::test]
async fn what_a_lost_answer_left_behind_is_ours() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        for (number, (what, action, outcome)) in [
            ("504 after", Action::gateway_timeout(), Outcome::Adopted),
            ("dropped after", Action::ForwardThenDrop, Outcome::Adopted),
            ("504 before", Action::status(504, ""), Outcome::Created),
            ("429", Action::status(429, ""), Outcome::Created),
        ]
        .into_iter()
        .enumerate()
        {
            stage.front.clear_faults();
            stage.strike("PUT", "/_snapshot/*/*", 1, action);
            let report = created(&stage, &format!("new-{number}")).await.unwrap();
            assert_eq!((report.outcome, report.state), (Some(outcome), Some(State::Success)), "{node} {what}");
            assert_eq!(stage.snapshots().await.len(), number + 1, "{node} {what}");
        }
        assert!(is_one_at_a_time(node) || stage.seen("PUT").len() == 6, "{node}");
    }
}
