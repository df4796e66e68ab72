//! Deletions: whatever happens to their answers, the list decides; and what is not as planned stays.

use crate::stage::{Notes, Stage, WITH_S3, is_one_at_a_time, minute, name, nodes};
use bytes::Bytes;
use snapkeep_core::deletion::{DeletionPlan, Selection};
use snapkeep_core::select::{Filter, Glob};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{DeletionReport, Silent, apply_deletion, plan_deletion};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::eventually;

fn named(names: &[&str]) -> Selection {
    Selection { names: names.iter().map(|text| name(text)).collect(), ..Selection::default() }
}

fn matching(glob: &str) -> Selection {
    let filter = Filter { globs: vec![Glob::parse(glob).unwrap()], ..Filter::default() };
    Selection { filter, ..Selection::default() }
}

async fn planned(stage: &Stage, selection: &Selection) -> DeletionPlan {
    plan_deletion(&stage.api, &stage.repository, selection, jiff::Timestamp::now(), minute()).await.unwrap()
}

async fn applied(stage: &Stage, plan: &DeletionPlan) -> Result<DeletionReport, Failure> {
    apply_deletion(&stage.api, plan, minute(), &Silent).await
}

fn missing_answer() -> Bytes {
    Bytes::from_static(br#"{"error":{"type":"snapshot_missing_exception","reason":"[r:s] is missing"},"status":404}"#)
}

/// Ways to lose the answer to a deletion: (what, action).
fn losses() -> Vec<(&'static str, Action)> {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    vec![
        ("dropped before", Action::DropBefore),
        ("dropped after", Action::ForwardThenDrop),
        ("cut", Action::CutAt(40)),
        ("504 after", Action::gateway_timeout()),
        ("504 before", Action::status(504, "")),
        ("503", Action::status(503, "<html>Service Unavailable</html>")),
        ("429", Action::status(429, "")),
        (
            "500",
            Action::status(
                500,
                r#"{"error":{"type":"repository_exception","reason":"[r] could not read"},"status":500}"#,
            ),
        ),
        ("404 after", Action::ForwardThenStatus { code: 404, headers: headers.clone(), body: missing_answer() }),
        ("404 before", Action::Status { code: 404, headers, body: missing_answer() }),
        ("a page", Action::ReplaceBody(Bytes::from_static(b"<html>login</html>"))),
        ("twice", Action::duplicate()),
    ]
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_up() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["keep-1"]).await;
        for (what, action) in losses() {
            stage.take(&["a-1", "a-2", "a-3"]).await;
            let plan = planned(&stage, &matching("a-*")).await;
            assert_eq!(plan.steps.len(), 3, "{node} {what}");
            stage.front.clear_faults();
            let fault = stage.strike("DELETE", "/_snapshot/*/*", 1, action);
            let mut report = applied(&stage, &plan).await.unwrap();
            assert_eq!(stage.front.injected(fault), 1, "{node} {what}");
            report.deleted.sort();
            assert_eq!((report.deleted.join(" ").as_str(), report.complaint()), ("a-1 a-2 a-3", None), "{node} {what}");
            assert_eq!(stage.snapshots().await, ["keep-1"], "{node} {what}");
        }
        for seen in stage.seen("DELETE") {
            let names = seen.path_and_query.rsplit('/').next().unwrap();
            assert!(names.split(',').all(|name| name.starts_with("a-")), "never a wildcard: {names}");
        }
    }
}

#[tokio::test]
async fn several_go_in_one_request_where_the_version_can() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["a-1", "a-2", "a-3"]).await;
        let plan = planned(&stage, &named(&["a-1", "a-2"])).await;
        let notes = Notes::default();
        let report = apply_deletion(&stage.api, &plan, minute(), &notes).await.unwrap();
        let expected: &[&str] =
            if is_one_at_a_time(node) { &["deleting 0/2 a-1", "deleting 0/2 a-2"] } else { &["deleting 0/2 a-1,a-2"] };
        assert_eq!(notes.of("deleting"), expected, "{node}");
        assert_eq!(report.batches, expected.len() as u64, "{node}");
        assert_eq!(stage.snapshots().await, ["a-3"], "{node}");
    }
}

#[tokio::test]
async fn what_is_not_as_planned_is_left_alone() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["gone", "replaced", "same", "stays"]).await;
        let plan = planned(&stage, &named(&["gone", "replaced", "same"])).await;
        stage.delete("gone").await;
        stage.delete("replaced").await;
        stage.take(&["replaced"]).await;
        let report = applied(&stage, &plan).await.unwrap();
        assert_eq!(report.already_gone, ["gone"], "{node}");
        assert_eq!(report.deleted, ["same"], "{node}");
        assert_eq!((report.skipped[0].name.as_str(), report.skipped.len()), ("replaced", 1), "{node}");
        let complaint = report.complaint().unwrap();
        assert_eq!(complaint.code, Code::PlanStale, "{node}: {complaint}");
        assert_eq!(stage.snapshots().await, ["replaced", "stays"], "{node}");
        assert!(stage.seen("DELETE").iter().all(|seen| !seen.path_and_query.contains("replaced")), "{node}");
    }
}

#[tokio::test]
async fn a_snapshot_that_is_replaced_between_two_rounds_is_left_alone() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["replaced", "stays"]).await;
    let plan = planned(&stage, &named(&["replaced"])).await;
    stage.delete("replaced").await;
    stage.take(&["replaced"]).await;
    // The list before is lost; the look right before the request still says that it is another.
    let report = applied(&stage, &plan).await.unwrap();
    assert_eq!((report.batches, report.skipped.len()), (0, 1));
    assert_eq!(stage.snapshots().await, ["replaced", "stays"]);
}

#[tokio::test]
async fn the_last_good_one_stays_even_if_it_has_become_that_since() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["a", "b"]).await;
    let plan = planned(&stage, &named(&["a", "b"])).await;
    assert_eq!((plan.steps.len(), plan.kept[0].name.as_str()), (1, "b"));
    assert_eq!(plan.complaint().unwrap().code, Code::BadEvent);
    stage.delete("b").await;
    let report = applied(&stage, &plan).await.unwrap();
    assert_eq!(report.complaint().unwrap().code, Code::PlanStale);
    assert_eq!(stage.snapshots().await, ["a"]);
    let all = Selection { allow_last_good: true, ..matching("*") };
    let plan = planned(&stage, &all).await;
    assert_eq!(applied(&stage, &plan).await.unwrap().deleted, ["a"]);
    assert!(stage.snapshots().await.is_empty());
}

#[tokio::test]
async fn what_runs_and_what_does_not_exist_is_said() {
    for node in nodes() {
        let stage = Stage::slow(node).await;
        stage.begin("running").await;
        let plan = planned(&stage, &named(&["running", "never-made"])).await;
        assert!(plan.steps.is_empty(), "{node}: {plan:?}");
        assert_eq!(plan.missing, ["never-made"], "{node}");
        assert!(plan.kept[0].hint.as_deref().unwrap().contains("abort"), "{node}: {plan:?}");
        assert_eq!(applied(&stage, &plan).await.unwrap().complaint(), None, "{node}");
        assert!(stage.seen("DELETE").is_empty(), "{node}");
        stage.delete("running").await;
    }
}

#[tokio::test]
async fn a_busy_cluster_is_waited_for() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["a", "b"]).await;
    let plan = planned(&stage, &named(&["a"])).await;
    let busy = r#"{"error":{"type":"concurrent_snapshot_execution_exception","reason":"[r:a] another snapshot is currently running cannot delete"},"status":503}"#;
    let fault = stage.strike("DELETE", "/_snapshot/*/*", 2, Action::status(503, busy));
    let notes = Notes::default();
    let report = apply_deletion(&stage.api, &plan, minute(), &notes).await.unwrap();
    assert_eq!(stage.front.injected(fault), 2);
    assert_eq!(notes.of("waiting").len(), 2);
    assert!(notes.of("waiting")[0].contains("another snapshot is currently running"));
    assert_eq!((report.deleted.join(" ").as_str(), report.complaint()), ("a", None));
}

/// Versions that take one thing at a time really say so.
#[tokio::test]
async fn a_version_that_takes_one_at_a_time_is_waited_for() {
    for node in nodes() {
        let stage = Stage::slow(node).await;
        let small = stage.bed.unique("small");
        stage.node.load_documents(&small, 5).await;
        stage.take_of(&["old", "older"], &small).await;
        stage.begin("running").await;
        let plan = planned(&stage, &named(&["older"])).await;
        let notes = Notes::default();
        let deletion = apply_deletion(&stage.api, &plan, minute(), &notes);
        let release = async {
            let sign = if is_one_at_a_time(node) { "waiting" } else { "deleting" };
            eventually("the deletion is sent", async || (!notes.of(sign).is_empty()).then_some(())).await;
            stage.delete("running").await;
        };
        let (report, ()) = tokio::join!(deletion, release);
        assert_eq!(report.unwrap().complaint(), None, "{node}");
        assert_eq!(stage.snapshots().await, ["old"], "{node}");
    }
}

#[tokio::test]
async fn a_refusal_ends_it_at_once_and_nothing_is_claimed() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["a", "b"]).await;
    let plan = planned(&stage, &named(&["a"])).await;
    let denied = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/snapshot/delete]"},"status":403}"#;
    let fault = stage.strike("DELETE", "/_snapshot/*/*", 1, Action::status(403, denied));
    let report = applied(&stage, &plan).await.unwrap();
    assert_eq!(stage.front.injected(fault), 1);
    assert_eq!((report.left.join(" ").as_str(), report.deleted.len()), ("a", 0));
    assert_eq!(report.complaint().unwrap().code, Code::AccessDenied);
    // Not to be able to look is to do nothing.
    stage.strike("GET", "/_snapshot/*/_all", 9, Action::status(500, ""));
    assert_eq!(applied(&stage, &plan).await.unwrap_err().code, Code::ClusterUnavailable);
    assert_eq!(stage.snapshots().await, ["a", "b"]);
    assert_eq!(stage.seen("DELETE").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_looked_at_afterwards_is_not_claimed() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["a", "b"]).await;
    let plan = planned(&stage, &named(&["a"])).await;
    let lost =
        stage.front.inject(Fault::on("GET", "/_snapshot/*/_all").skip(1).always().then(Action::status(500, "<html>")));
    let report = applied(&stage, &plan).await.unwrap();
    assert!(stage.front.injected(lost) > 0);
    assert_eq!((report.left.join(" ").as_str(), report.deleted.len()), ("a", 0));
    let complaint = report.complaint().unwrap();
    assert_eq!(complaint.code, Code::OutcomeUnknown, "{complaint}");
    assert_eq!(stage.snapshots().await, ["b"]);
}

/// Garbage in place of a snapshot's own file: the server still lists it, but gives no details of it.
async fn spoil(stage: &Stage, snapshot: &str) {
    let (_, body) = stage.node.get(&stage.path(snapshot)).await;
    let entry = body["snapshots"][0]["uuid"].as_str().or(body["responses"][0]["snapshots"][0]["uuid"].as_str());
    let file = format!("snap-{}.dat", entry.unwrap());
    std::fs::write(stage.node.repo_dir.join(stage.repository.as_str()).join(file), b"garbage").unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_not_gone() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["spoilt", "stays"]).await;
        spoil(&stage, "spoilt").await;
        let plan = planned(&stage, &named(&["spoilt"])).await;
        let report = applied(&stage, &plan).await.unwrap();
        assert!(report.already_gone.is_empty(), "{node}: {report:?}");
        assert!(!stage.seen("DELETE").is_empty(), "{node}: a request to delete is sent");
        let is_listed = stage.api.names(&stage.repository, minute()).await.unwrap().iter().any(|s| s.name == "spoilt");
        assert_eq!(report.deleted == ["spoilt"], !is_listed, "{node}: {report:?}");
        assert_eq!(report.complaint().is_some(), is_listed, "{node}: {report:?}");
    }
}

/// What was good when the plan was made may be gone while the cluster is busy.
#[tokio::test]
async fn the_last_good_one_stays_even_if_it_becomes_that_while_the_cluster_is_busy() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["a", "b"]).await;
    let plan = planned(&stage, &named(&["a"])).await;
    let busy = r#"{"error":{"type":"concurrent_snapshot_execution_exception","reason":"[r:a] another snapshot is currently running cannot delete"},"status":503}"#;
    stage.front.inject(Fault::on("DELETE", "/_snapshot/*/*").always().then(Action::status(503, busy)));
    let notes = Notes::default();
    let deletion = apply_deletion(&stage.api, &plan, minute(), &notes);
    let other = async {
        eventually("it waits", async || (!notes.of("waiting").is_empty()).then_some(())).await;
        stage.delete("b").await;
        stage.front.clear_faults();
    };
    let (report, ()) = tokio::join!(deletion, other);
    assert_eq!(report.unwrap().complaint().unwrap().code, Code::PlanStale);
    assert_eq!(stage.snapshots().await, ["a"]);
}

#[tokio::test]
async fn what_the_server_says_it_deleted_is_not_sent_again() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["a", "b"]).await;
    let plan = planned(&stage, &named(&["a"])).await;
    let said = Action::status(200, r#"{"acknowledged":true}"#);
    stage.front.inject(Fault::on("DELETE", "/_snapshot/*/*").always().then(said));
    let report = applied(&stage, &plan).await.unwrap();
    assert_eq!((report.left.join(" ").as_str(), report.batches), ("a", 1));
    assert_eq!(report.complaint().unwrap().code, Code::OutcomeUnknown);
    assert_eq!(stage.seen("DELETE").len(), 1);
}
