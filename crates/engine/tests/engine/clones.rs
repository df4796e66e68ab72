//! Clones: one name, guarded like a creation.

use crate::stage::{Notes, Stage, is_one_at_a_time, minute, name, nodes};
use snapkeep_core::Code;
use snapkeep_core::snapshot::State;
use snapkeep_engine::{CloneJob, Outcome, Silent, clone};
use snapkeep_front::Action;
use snapkeep_testbed::{Mode, eventually};
use std::time::Duration;

const NAME_TAKEN: &str = r#"{"error":{"type":"invalid_snapshot_name_exception","reason":"[r:t] Invalid snapshot name [t], snapshot with the same name already exists"},"status":400}"#;
const MISSING: &str = r#"{"error":{"type":"snapshot_missing_exception","reason":"[r:t] is missing"},"status":404}"#;

fn job(stage: &Stage, source: &str, target: &str) -> CloneJob {
    CloneJob {
        repository: stage.repository.clone(),
        source: name(source),
        target: name(target),
        indices: vec![],
        wait: Duration::from_secs(40),
        stall_after: None,
    }
}

#[tokio::test]
async fn exactly_one_clone_whatever_becomes_of_the_answer() {
    for node in nodes().into_iter().filter(|node| !is_one_at_a_time(node)) {
        let stage = Stage::on(node).await;
        stage.take(&["source"]).await;
        for (number, (what, action, outcome)) in [
            ("no fault", None, Outcome::Created),
            ("dropped before", Some(Action::DropBefore), Outcome::Created),
            ("dropped after", Some(Action::ForwardThenDrop), Outcome::Adopted),
            ("504 after", Some(Action::gateway_timeout()), Outcome::Adopted),
            ("504 before", Some(Action::status(504, "")), Outcome::Created),
        ]
        .into_iter()
        .enumerate()
        {
            stage.front.clear_faults();
            let fault = action.map(|action| stage.strike("PUT", "/_snapshot/*/*/_clone/*", 1, action));
            let target = format!("clone-{number}");
            let notes = Notes::default();
            let report = clone(&stage.api, &job(&stage, "source", &target), minute(), &notes).await.unwrap();
            assert_eq!((report.state, report.outcome), (Some(State::Success), outcome), "{node} {what}");
            assert!(fault.is_none_or(|fault| stage.front.injected(fault) == 1), "{node} {what}");
            assert_eq!(notes.of("begun"), [format!("begun {target} {outcome:?}")], "{node} {what}");
            assert_eq!(stage.snapshots().await.len(), 2 + number, "{node} {what}");
        }
    }
}

#[tokio::test]
async fn nobody_has_to_wait_for_a_clone() {
    let stage = Stage::on_s3().await;
    stage.take(&["source"]).await;
    stage.bucket(&Mode::hold()).await;
    let job = CloneJob { wait: Duration::ZERO, ..job(&stage, "source", "clone") };
    let report = clone(&stage.api, &job, minute(), &Silent).await.unwrap();
    assert_eq!((report.state, report.outcome), (Some(State::InProgress), Outcome::Created));
    stage.bucket(&Mode::Normal).await;
    eventually("it ends", async || {
        let (_, body) = stage.node.get(&stage.path("clone")).await;
        (body["snapshots"][0]["state"] == "SUCCESS").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_cloned_is_said_before_anything_is_sent() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["source", "taken"]).await;
        let refused = async |source: &str, target: &str| {
            clone(&stage.api, &job(&stage, source, target), minute(), &Silent).await.unwrap_err()
        };
        if is_one_at_a_time(node) {
            let unsupported = refused("source", "new").await;
            assert_eq!(unsupported.code, Code::Unsupported, "{node}");
            assert!(unsupported.hint.contains("7.10.0"), "{node}: {}", unsupported.hint);
        } else {
            assert_eq!(refused("never-made", "new").await.code, Code::SnapshotMissing, "{node}");
            assert_eq!(refused("source", "taken").await.code, Code::SnapshotConflict, "{node}");
        }
        assert!(stage.seen("PUT").is_empty(), "{node}");
    }
}

/// A name that is free when it is looked at can be taken a moment later.
#[tokio::test]
async fn what_somebody_else_made_is_never_taken_for_the_clone() {
    for node in nodes().into_iter().filter(|node| !is_one_at_a_time(node)) {
        let stage = Stage::on(node).await;
        stage.take(&["source"]).await;
        for (target, action) in [
            // A first answer that says the name is taken is about somebody else's.
            ("theirs-1", Action::duplicate()),
            ("theirs-2", Action::status(400, NAME_TAKEN)),
        ] {
            stage.front.clear_faults();
            stage.strike("PUT", "/_snapshot/*/*/_clone/*", 1, action);
            let taken = clone(&stage.api, &job(&stage, "source", target), minute(), &Silent).await.unwrap_err();
            assert_eq!(taken.code, Code::SnapshotConflict, "{node}: {taken}");
        }
        let other = stage.bed.unique("other");
        stage.node.load_documents(&other, 5).await;
        stage.take_of(&["theirs-3"], &other).await;
        stage.front.clear_faults();
        // The look before misses it; the request's answer is lost; what is there holds another index.
        stage.strike("GET", "/_snapshot/*/theirs-3", 1, Action::status(404, MISSING));
        stage.strike("PUT", "/_snapshot/*/*/_clone/*", 1, Action::status(504, ""));
        let taken = clone(&stage.api, &job(&stage, "source", "theirs-3"), minute(), &Silent).await.unwrap_err();
        assert_eq!(taken.code, Code::SnapshotConflict, "{node}: {taken}");
    }
}
