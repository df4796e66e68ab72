//! Half done: blobs that are gone, restores that are interrupted or stand still, deletions meanwhile.

use crate::stage::{Notes, Stage, is_one_at_a_time, minute, name, nodes};
use crate::world::{actions, applied, blobs, drop_index, job, patterns, planned, restored, to_the_end, with};
use serde_json::json;
use snapkeep_core::Code;
use snapkeep_core::deletion::Selection;
use snapkeep_core::restore::{Action, Request};
use snapkeep_engine::{Following, Silent, apply_deletion, apply_restore, plan_deletion};
use snapkeep_testbed::{Mode, eventually};
use std::time::Duration;

/// An index whose restore takes its time.
async fn throttled(node: &str, rate: &str) -> Stage {
    let stage = Stage::unregistered(node).await;
    let body = stage.folder(&json!({"max_restore_bytes_per_sec": rate}));
    assert_eq!(stage.node.put(&format!("/_snapshot/{}", stage.repository), body).await.0, 200);
    stage.node.load_documents(&stage.index, 20_000).await;
    stage.take(&["s"]).await;
    drop_index(&stage, &stage.index).await;
    stage
}

#[tokio::test]
async fn a_missing_blob_is_named_by_its_shard_and_what_misses_is_restored_once_it_is_back() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let whole = format!("{}-whole", stage.index);
        stage.node.load_documents(&whole, 7).await;
        stage.take_of(&["s"], &format!("{},{whole}", stage.index)).await;
        let blob = blobs(&stage).remove(0);
        drop_index(&stage, &stage.index).await;
        drop_index(&stage, &whole).await;
        let aside = blob.with_extension("aside");
        std::fs::rename(&blob, &aside).unwrap();

        let plan = planned(&stage, &job(&stage)).await;
        let report = applied(&stage, &job(&stage), &plan).await.unwrap();
        assert!(report.ended, "{node}: {report:?}");
        let failure = report.complaint().unwrap();
        assert_eq!(failure.code, Code::RestoreIncomplete, "{node}: {failure}");
        let missing = &report.truth.missing;
        assert!(!missing.is_empty() && missing.iter().all(|one| one.shard.is_some()), "{node}: {report:?}");
        let (hurt, shard) = (missing[0].index.clone(), missing[0].shard.unwrap());
        assert!(failure.cause.contains(&format!("[{hurt}][{shard}]")), "{node}: {failure}");
        assert!(missing[0].reason.contains("__"), "{node}: the blob is named: {missing:?}");

        std::fs::rename(&aside, &blob).unwrap();
        let again = planned(&stage, &job(&stage)).await;
        for (target, action) in actions(&again) {
            let expected = if target == hurt { Action::Again } else { Action::Done };
            assert_eq!(action, expected, "{node} {target}: {again:?}");
        }
        let report = restored(&stage, &job(&stage)).await;
        assert_eq!(report.documents, 27, "{node}: {report:?}");
    }
}

#[tokio::test]
async fn an_interrupted_restore_is_followed_and_what_misses_restored() {
    for node in nodes() {
        let stage = throttled(node, "200kb").await;
        let plan = planned(&stage, &job(&stage)).await;
        let not = Following::default();
        let begun = apply_restore(&stage.api, &job(&stage), &plan, &not, minute(), &Silent).await.unwrap();
        let sent = stage.seen("POST").len();
        // Whoever comes next finds it under way, or done already.
        let next = planned(&stage, &job(&stage)).await;
        assert!(matches!(next.items[0].action, Action::Follow | Action::Done), "{node}: {begun:?} {next:?}");
        let notes = Notes::default();
        let report = apply_restore(&stage.api, &job(&stage), &next, &to_the_end(), minute(), &notes).await.unwrap();
        assert_eq!((report.documents, report.complaint(), report.outcome), (20_000, None, None), "{node}: {report:?}");
        assert_eq!(stage.seen("POST").len(), sent, "{node}: nothing was sent again");
        assert!(!notes.of("moved RESTORING").is_empty(), "{node}");
    }
}

#[tokio::test]
async fn only_what_misses_is_restored() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let other = format!("{}-other", stage.index);
        stage.node.load_documents(&other, 4).await;
        stage.take_of(&["s"], &format!("{},{other}", stage.index)).await;
        drop_index(&stage, &stage.index).await;
        drop_index(&stage, &other).await;
        let first = Request { indices: patterns(&[&other]), ..Request::default() };
        restored(&stage, &with(&stage, first)).await;
        let plan = planned(&stage, &job(&stage)).await;
        assert_eq!(
            actions(&plan),
            [(stage.index.clone(), Action::Restore), (other.clone(), Action::Done)],
            "{node}: {plan:?}"
        );
        assert_eq!(plan.batches()[0].body["indices"], json!([stage.index]), "{node}");
        assert_eq!(restored(&stage, &job(&stage)).await.documents, 24, "{node}");
    }
}

#[tokio::test]
async fn what_stands_still_is_said_with_its_shard_and_may_be_left() {
    for node in nodes() {
        let stage = throttled(node, "20kb").await;
        let plan = planned(&stage, &job(&stage)).await;
        let following =
            Following { wait: Duration::from_secs(40), stall_after: Some(Duration::ZERO), stop_on_stall: true };
        let notes = Notes::default();
        let report = apply_restore(&stage.api, &job(&stage), &plan, &following, minute(), &notes).await.unwrap();
        let failure = report.complaint().unwrap();
        assert_eq!(failure.code, Code::OutcomeUnknown, "{node}: {failure}");
        assert!(failure.cause.contains(&stage.index) || failure.cause.contains("waiting for"), "{node}: {failure}");
        assert_eq!(notes.of("stalled").len(), 1, "{node}");
        drop_index(&stage, &stage.index).await;
    }
}

/// The bucket neither answers nor refuses: nodes wait for it without a word, so that only whoever looks can tell.
#[tokio::test]
async fn a_bucket_that_stands_still_is_a_stall_with_its_shard_and_the_restore_goes_on_once_it_answers() {
    let stage = Stage::on_s3().await;
    stage.take(&["s"]).await;
    drop_index(&stage, &stage.index).await;
    let plan = planned(&stage, &job(&stage)).await;
    stage.bucket(&Mode::hold_downloads_containing("/__")).await;

    let stall_after = Some(Duration::from_secs(2));
    let following = Following { wait: Duration::from_secs(50), stall_after, stop_on_stall: true };
    let notes = Notes::default();
    let report = apply_restore(&stage.api, &job(&stage), &plan, &following, minute(), &notes).await.unwrap();
    stage.until_held().await;
    let failure = report.complaint().unwrap();
    assert_eq!((report.ended, failure.code), (false, Code::OutcomeUnknown), "{failure}");
    for told in ["stands still", &format!("[{}][0]", stage.index), "on node", "repository"] {
        assert!(failure.cause.contains(told), "{told}: {failure}");
    }
    assert_eq!(notes.of("stalled").len(), 1, "{failure}");

    let sent = stage.seen("POST").len();
    stage.bucket(&Mode::Normal).await;
    assert_eq!(restored(&stage, &job(&stage)).await.documents, 20);
    assert_eq!(stage.seen("POST").len(), sent, "nothing was sent again");
}

/// A snapshot that is being restored is deleted once that has ended.
#[tokio::test]
async fn a_deletion_waits_for_the_restore() {
    for node in nodes() {
        let stage = throttled(node, "200kb").await;
        let plan = planned(&stage, &job(&stage)).await;
        let not = Following::default();
        apply_restore(&stage.api, &job(&stage), &plan, &not, minute(), &Silent).await.unwrap();
        let selection = Selection { names: vec![name("s")], allow_last_good: true, ..Selection::default() };
        let deletion = plan_deletion(&stage.api, &stage.repository, &selection, jiff::Timestamp::now(), minute()).await;
        let notes = Notes::default();
        let report = apply_deletion(&stage.api, &deletion.unwrap(), minute(), &notes).await.unwrap();
        assert_eq!(report.deleted, ["s"], "{node}: {report:?} {:?} {}", notes.of("waiting"), is_one_at_a_time(node));
        eventually("the restore ends", async || {
            let plan = stage.api.look_at_shards(std::slice::from_ref(&stage.index), minute()).await.unwrap();
            plan.pieces().all_started(std::slice::from_ref(&stage.index)).then_some(())
        })
        .await;
        assert_eq!(stage.node.count(&stage.index).await, 20_000, "{node}");
    }
}
