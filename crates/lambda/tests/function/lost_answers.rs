//! Writes whose answer is lost, duplicated or ambiguous: however it ends, exactly the right number
//! of snapshots. Rows 1, 2, 7, 11 of the catalogue of faults.

use crate::stage::{Stage, error_of, principal};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_front::{Action, Fault, FaultId, Rights, Sink, Which};
use snapkeep_testbed::{Invoke, Mode};
use std::time::Duration;

/// A stage whose repository is registered, and an event that creates a snapshot of one small index.
async fn registered() -> (Stage, Value) {
    let stage = Stage::new().await;
    let index = stage.bed.unique("small");
    stage.node.load_documents(&index, 5).await;
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    let event = stage.event_with(&json!({"Action": "create", "Indices": [index], "Wait": 30}));
    (stage, event)
}

/// Injects, creates, and expects one snapshot, adopted or created.
async fn one_snapshot_in_spite_of(times: u64, action: Action, outcome: &str) {
    let (stage, event) = registered().await;
    let shown = format!("{action:?}");
    let fault = stage.on_create(times, action);
    let report = serde_json::to_value(stage.handle(&event).await.unwrap()).unwrap();
    assert_eq!(stage.front.injected(fault), times, "{shown}");
    assert_eq!((report["outcome"].as_str(), report["state"].as_str()), (Some(outcome), Some("SUCCESS")), "{shown}");
    assert_eq!(stage.snapshots().await, [report["snapshot"].as_str().unwrap()], "{shown}");
    no_second_name(&stage);
}

/// Every PUT of a snapshot named the same one.
fn no_second_name(stage: &Stage) {
    let mut paths: Vec<String> =
        stage.seen("PUT", &format!("{}/", stage.repository)).into_iter().map(|seen| seen.path_and_query).collect();
    paths.dedup();
    assert_eq!(paths.len(), 1, "{paths:?}");
}

#[tokio::test]
async fn row_1_an_answer_dropped_before_the_request_arrived_is_sent_again_after_a_look() {
    one_snapshot_in_spite_of(1, Action::DropBefore, "created").await;
}

#[tokio::test]
async fn row_1_an_answer_dropped_after_the_snapshot_began_is_found_by_looking() {
    one_snapshot_in_spite_of(1, Action::ForwardThenDrop, "adopted").await;
}

#[tokio::test]
async fn row_1_an_answer_cut_at_any_byte_is_found_by_looking() {
    for cut_at in [0, 1, 9, 17, 60, 200] {
        one_snapshot_in_spite_of(1, Action::CutAt(cut_at), "adopted").await;
    }
}

#[tokio::test]
async fn row_1_a_gateways_error_is_resolved_by_looking() {
    for code in [502, 503, 504] {
        let body = "<html><body><h1>Bad gateway</h1></body></html>";
        let forwarded = Action::ForwardThenStatus { code, headers: vec![], body: body.into() };
        one_snapshot_in_spite_of(1, forwarded, "adopted").await;
        one_snapshot_in_spite_of(1, Action::status(code, body), "created").await;
    }
    one_snapshot_in_spite_of(2, Action::status(429, "slow down"), "created").await;
}

#[tokio::test]
async fn row_1_an_answer_that_is_no_json_is_no_promise() {
    one_snapshot_in_spite_of(1, Action::ReplaceBody("<html>Sign in</html>".into()), "adopted").await;
    for object in ["{}", r#"{"accepted":false}"#, r#"{"message":"please sign in"}"#] {
        one_snapshot_in_spite_of(1, Action::ReplaceBody(object.into()), "adopted").await;
        one_snapshot_in_spite_of(1, Action::status(200, object), "created").await;
    }
    one_snapshot_in_spite_of(1, Action::Oversize { bytes: u64::MAX, gzip: false }, "created").await;
    one_snapshot_in_spite_of(1, Action::Oversize { bytes: u64::MAX, gzip: true }, "created").await;
}

/// The domain's own front gives up after a while, but the node goes on.
#[tokio::test]
async fn row_1_a_domain_that_times_out_while_the_node_goes_on() {
    let stage = Stage::with(|front| front.principal(principal()).gateway_timeout(Duration::from_millis(1500))).await;
    let index = stage.bed.unique("small");
    stage.node.load_documents(&index, 5).await;
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    let slow = stage.on_create(1, Action::DelayAnswer(Duration::from_secs(3)));
    let event = stage.event_with(&json!({"Indices": [index], "Wait": 30}));
    let report = stage.handle(&event).await.unwrap();
    assert_eq!(stage.front.injected(slow), 1);
    assert_eq!(stage.snapshots().await, [report.snapshot.unwrap()]);
}

#[tokio::test]
async fn row_1_a_cluster_that_never_answers_the_creation_ends_in_one_clear_error() {
    let (stage, event) = registered().await;
    let always = stage.front.inject(Fault::on("PUT", "/_snapshot/*/*").always().then(Action::status(504, "<html>")));
    let failure = stage.handle(&event).await.unwrap_err();
    assert_eq!((failure.code, failure.http_status), (Code::ClusterUnavailable, Some(504)));
    assert_eq!(stage.front.injected(always), 3, "sent three times at most");
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
    no_second_name(&stage);
}

/// The answer is lost and so is every look: unknown, and never a second name. The next delivery adopts.
#[tokio::test]
async fn row_1_an_answer_that_cannot_be_looked_up_is_outcome_unknown_and_the_next_delivery_adopts() {
    let (stage, event) = registered().await;
    let lost = stage.on_create(1, Action::ForwardThenDrop);
    let blind = stage.front.inject(Fault::on("GET", "/_snapshot/*/*").skip(1).always().then(Action::status(503, "")));
    let failure = stage.handle(&event).await.unwrap_err();
    assert_eq!(failure.code, Code::OutcomeUnknown);
    assert!(failure.cause.contains("8476a536"), "the cause names the snapshot: {}", failure.cause);
    assert_eq!(stage.front.injected(lost), 1);
    assert!(stage.front.injected(blind) > 1);
    stage.front.clear_faults();
    let report = serde_json::to_value(stage.handle(&event).await.unwrap()).unwrap();
    assert_eq!(report["outcome"], "adopted");
    assert_eq!(stage.snapshots().await, [report["snapshot"].as_str().unwrap()]);
    no_second_name(&stage);
}

/// With the article's rights only (`es:ESHttpPut`) a lost answer cannot be looked up.
#[tokio::test]
async fn row_1_without_the_right_to_look_a_lost_answer_is_outcome_unknown() {
    let stage = Stage::with(|front| front.principal(principal().rights(Rights::only(&["ESHttpPut"])))).await;
    let lost = stage.on_create(1, Action::ForwardThenDrop);
    let failure = stage.handle(&stage.event()).await.unwrap_err();
    assert_eq!(failure.code, Code::OutcomeUnknown);
    assert_eq!(stage.front.injected(lost), 1);
    assert_eq!(stage.snapshots().await.len(), 1);
    assert_eq!(stage.seen("PUT", &format!("{}/", stage.repository)).len(), 1);
}

#[tokio::test]
async fn row_2_a_duplicated_creation_is_one_snapshot_whichever_answer_comes_back() {
    for concurrent in [false, true] {
        for answer in [Which::First, Which::Last] {
            let (stage, event) = registered().await;
            let duplicate: FaultId = stage.on_create(1, Action::Duplicate { concurrent, answer });
            let report = serde_json::to_value(stage.handle(&event).await.unwrap()).unwrap();
            assert_eq!(stage.front.injected(duplicate), 1);
            assert_eq!(report["state"], "SUCCESS", "{report}");
            assert_eq!(stage.snapshots().await, [report["snapshot"].as_str().unwrap()]);
        }
    }
}

/// A cluster that takes one snapshot at a time says so with 503, which is no gateway's 503.
#[tokio::test]
async fn row_2_another_snapshot_running_is_snapshot_running() {
    let (stage, event) = registered().await;
    let body = r#"{"error":{"root_cause":[],"type":"concurrent_snapshot_execution_exception","reason":"[r:s] a snapshot is already running"},"status":503}"#;
    let busy = stage.on_create(1, Action::status(503, body));
    let failure = stage.handle(&event).await.unwrap_err();
    assert_eq!((failure.code, failure.http_status), (Code::SnapshotRunning, Some(503)));
    assert_eq!(stage.front.injected(busy), 1);
    assert_eq!(stage.seen("PUT", &format!("{}/", stage.repository)).len(), 1);
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
}

/// Lambda's deadline: the answer comes before it, says that the snapshot runs, and the next delivery adopts it.
#[tokio::test]
async fn row_7_at_lambdas_deadline_the_answer_is_pending_and_the_next_run_adopts() {
    let (stage, mut event) = registered().await;
    event["Wait"] = json!(600);
    stage.bed.s3().set_mode(&stage.bucket, &Mode::hold()).await.unwrap();
    let process = stage.start();
    let id = "0d1e2f3a-0000-4000-8000-000000000007";
    let five_seconds = || Invoke::with_id(id).deadline(Duration::from_secs(5));
    let pending = stage.deliver(&event, five_seconds()).await.expect_response();
    assert_eq!((pending["outcome"].as_str(), pending["state"].as_str()), (Some("created"), Some("IN_PROGRESS")));
    assert_eq!(pending["next"]["Action"], "status");
    stage.bed.s3().set_mode(&stage.bucket, &Mode::Normal).await.unwrap();
    stage.until_success(pending["snapshot"].as_str().unwrap()).await;
    let adopted = stage.deliver(&event, five_seconds()).await.expect_response();
    assert_eq!((adopted["outcome"].as_str(), adopted["state"].as_str()), (Some("adopted"), Some("SUCCESS")));
    assert_eq!(adopted["snapshot"], pending["snapshot"]);
    assert_eq!(stage.snapshots().await.len(), 1);
    assert!(process.is_running(), "it was never killed");
}

/// A front that answers nothing at all until the deadline: an error of ours, not Lambda's kill.
#[tokio::test]
async fn row_7_a_front_that_hangs_past_the_deadline_is_an_error_in_time() {
    let (stage, event) = registered().await;
    let hang = stage.front.inject(Fault::on("*", "/**").always().then(Action::Delay(Duration::from_secs(30))));
    let process = stage.start();
    let error = error_of(stage.deliver(&event, Invoke::default().deadline(Duration::from_secs(5))).await);
    assert_eq!(error["code"], "cluster_unavailable");
    assert!(stage.front.injected(hang) >= 1);
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
    assert!(process.is_running(), "it was never killed");
}

#[tokio::test]
async fn row_11_redirects_are_not_followed() {
    for code in [301, 307, 308] {
        for (method, glob) in [("GET", "/**"), ("PUT", "/_snapshot/*"), ("PUT", "/_snapshot/*/*")] {
            let stage = Stage::new().await;
            let sink = Sink::start().unwrap();
            let location = sink.url();
            let redirect =
                stage.front.inject(Fault::on(method, glob).always().then(Action::Redirect { code, location }));
            let failure = stage.handle(&stage.event()).await.unwrap_err();
            assert!([Code::ClusterUnavailable, Code::OutcomeUnknown].contains(&failure.code), "{failure}");
            assert!(failure.cause.contains("redirect"), "{failure}");
            assert!(stage.front.injected(redirect) >= 1);
            assert_eq!((sink.connections(), sink.bytes()), (0, 0), "the sink saw nothing of {method} {code}");
            assert_eq!(stage.snapshots().await, Vec::<String>::new());
        }
    }
}

/// The bucket refuses the snapshot's files: the node accepts the creation, then forgets the snapshot.
#[tokio::test]
async fn a_snapshot_that_the_bucket_refuses_is_a_failure_not_a_success() {
    let (stage, event) = registered().await;
    stage.bed.s3().set_mode(&stage.bucket, &Mode::ReadOnly).await.unwrap();
    let failure = stage.handle(&event).await.unwrap_err();
    assert_eq!(failure.code, Code::SnapshotFailed, "{failure}");
    assert!(stage.bed.s3().counts(&stage.bucket).await.unwrap().refused > 0);
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
}

/// A creation that hangs leaves time to look what became of it.
#[tokio::test]
async fn row_7_a_creation_that_hangs_is_looked_up_before_the_deadline() {
    let (stage, mut event) = registered().await;
    event["Wait"] = json!(0);
    let hang = stage.on_create(1, Action::DelayAnswer(Duration::from_secs(30)));
    let report = stage.handle_within(&event, Duration::from_secs(8)).await.unwrap();
    assert_eq!(stage.front.injected(hang), 1);
    assert_eq!(serde_json::to_value(report.outcome).unwrap(), "adopted");
    assert_eq!(stage.snapshots().await, [report.snapshot.unwrap()]);
}

/// Accepted, but every later look fails: it runs, and the next event follows it.
#[tokio::test]
async fn a_snapshot_that_cannot_be_looked_at_after_it_began_still_runs() {
    let (stage, mut event) = registered().await;
    event["Wait"] = json!(0);
    let blind = stage.front.inject(Fault::on("GET", "/_snapshot/*/*").skip(1).always().then(Action::status(400, "no")));
    let report = serde_json::to_value(stage.handle(&event).await.unwrap()).unwrap();
    assert!(stage.front.injected(blind) > 0);
    assert_eq!((report["outcome"].as_str(), report["state"].as_str()), (Some("created"), Some("IN_PROGRESS")));
    assert_eq!(report["next"]["Action"], "status");
    assert!(report["warnings"][0].as_str().unwrap().contains("could not be looked at"), "{report}");
}

/// Any number of seconds is a wait.
#[tokio::test]
async fn the_longest_wait_ends_with_the_snapshot() {
    let (stage, mut event) = registered().await;
    event["Wait"] = json!(i64::MAX);
    let report = serde_json::to_value(stage.handle(&event).await.unwrap()).unwrap();
    assert_eq!(report["state"], "SUCCESS");
}
