//! Drills: what a tick finds due, `Action: drill`, and one whose process is killed.

use crate::stage::{REGION, Stage, error_of};
use serde_json::{Value, json};
use snapkeep_testbed::{Invoke, Outcome, eventually};
use std::time::Duration;

/// A registered repository, an index of 20 documents, and a policy that takes it daily and drills it like this. The
/// cluster's name is the repository's, so that other tests' records are not this one's.
async fn prepared(drill: &str) -> (Stage, String) {
    prepared_on(Stage::new().await, drill).await
}

async fn prepared_on(mut stage: Stage, drill: &str) -> (Stage, String) {
    let index = stage.bed.unique("books");
    stage.node.load_documents(&index, 20).await;
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    let half_an_hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(30);
    let daily = half_an_hour_ago.strftime("'%M %H * * *'").to_string();
    let cluster = format!("{{endpoint: '{}', region: {REGION}, auth: sigv4}}", stage.front.url());
    let policy =
        format!("{{repository: {0}, schedule: {daily}, indices: ['{index}'], drill: {drill}}}", stage.repository);
    let text = format!("{{clusters: {{{}: {cluster}}}, policies: {{nightly: {policy}}}}}", stage.repository);
    stage.set("SNAPKEEP_CONFIG", &text.replace("DAILY", &daily));
    (stage, index)
}

fn tick() -> Value {
    json!({"detail-type": "Scheduled Event", "source": "aws.events", "time": "2026-11-23T05:00:00Z"})
}

/// With the minutes that a drill needs.
fn long(how: Invoke) -> Invoke {
    how.deadline(Duration::from_mins(4))
}

/// A cold start and one event.
async fn invoke(stage: &Stage, event: &Value) -> Outcome {
    let _process = stage.start();
    stage.deliver(event, long(Invoke::default())).await
}

/// Indices of drills of this index.
async fn left(stage: &Stage, index: &str) -> Vec<String> {
    let (_, found) = stage.node.get("/snapkeep-drill-*/_settings/index.uuid?expand_wildcards=all").await;
    let names = found.as_object().cloned().unwrap_or_default();
    names.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(index)).collect()
}

fn restores(stage: &Stage) -> usize {
    stage.seen("POST", "/_restore").len()
}

#[tokio::test]
async fn a_tick_drills_what_is_due_once() {
    let (stage, index) = prepared("{schedule: DAILY, checks: [{index: '*', at_least: 20}]}").await;
    let first = invoke(&stage, &tick()).await.expect_response();
    assert_eq!(first["policies"][0]["created"][0]["state"], "SUCCESS", "{first}");
    let drill = &first["drills"]["drills"][0];
    assert_eq!((&drill["outcome"], &drill["removed"]), (&json!("passed"), &json!(true)), "{first}");
    assert_eq!(
        (&drill["items"][0]["documents"], &drill["checks"][0]["said"]),
        (&json!(20), &json!("holds")),
        "{first}"
    );
    assert!(drill["recovery_time_s"].is_f64() && drill["recovery_point_age_s"].is_i64(), "{first}");
    assert_eq!((left(&stage, &index).await, restores(&stage)), (vec![], 1));
    let again = invoke(&stage, &tick()).await.expect_response();
    assert_eq!((&again["drills"]["drills"], restores(&stage)), (&json!([]), 1), "{again}");

    // Who asks for a drill is not told that all is well where there was no time for one.
    let error = error_of(stage.invoke(&json!({"Action": "drill"})).await);
    assert_eq!((&error["code"], restores(&stage)), (&json!("inconclusive"), 1), "{error}");
    assert!(error["cause"].as_str().unwrap().contains("too little time"), "{error}");
}

/// One delivery is one drill, however often Lambda sends it; and a drill that did not pass fails each time.
#[tokio::test]
async fn a_drill_that_is_asked_for_is_answered_the_same_again() {
    let (mut stage, index) = prepared("{}").await;
    invoke(&stage, &tick()).await.expect_response();
    let event = json!({"Action": "drill", "Policies": ["nightly"], "Wait": 1});
    let process = stage.start();
    let first =
        stage.deliver(&event, long(Invoke::with_id("11111111-e9f4-11e8-9739-2dfe598c3fcd"))).await.expect_response();
    assert_eq!((&first["schema"], &first["action"]), (&json!(1), &json!("drill")), "{first}");
    assert_eq!(first["drills"][0]["outcome"], "passed", "{first}");
    assert_eq!(first["warnings"], json!(["`Wait` means nothing to action `drill`"]));
    let again =
        stage.deliver(&event, long(Invoke::with_id("11111111-e9f4-11e8-9739-2dfe598c3fcd"))).await.expect_response();
    assert_eq!((&again["drills"], restores(&stage)), (&first["drills"], 1), "{again}");
    let other = stage.deliver(&event, long(Invoke::default())).await.expect_response();
    assert_eq!((other["drills"].as_array().map(Vec::len), restores(&stage)), (Some(1), 2), "{other}");
    assert_eq!(left(&stage, &index).await, Vec::<String>::new());
    drop(process);

    let config = stage.variables.iter().rfind(|(name, _)| name == "SNAPKEEP_CONFIG").unwrap().1.clone();
    stage.set("SNAPKEEP_CONFIG", &config.replace("drill: {}", "drill: {checks: [{index: '*', at_least: 21}]}"));
    let process = stage.start();
    for _ in 0..2 {
        let how = long(Invoke::with_id("22222222-e9f4-11e8-9739-2dfe598c3fcd"));
        let error = error_of(stage.deliver(&event, how).await);
        assert_eq!(error["code"], "restore_incomplete", "{error}");
        assert!(error["cause"].as_str().unwrap().contains("found 20"), "{error}");
    }
    assert_eq!(restores(&stage), 3);
    assert!(process.logs().contains("the drills in full"));
    drop(process);
    stage.set("SNAPKEEP_CONFIG", &config.replace(", drill: {}", ""));
    let error = error_of(invoke(&stage, &event).await);
    assert_eq!(error["code"], "bad_config", "{error}");
}

/// The function is killed with the drill's index there: the next tick removes it.
#[tokio::test]
async fn what_a_killed_function_left_is_removed_by_the_next_tick() {
    let (_node, stage) = Stage::alone().await;
    let (stage, index) = prepared_on(stage, "{}").await;
    invoke(&stage, &tick()).await.expect_response();
    let process = stage.start();
    let event = json!({"Action": "drill"});
    let there = eventually("the drill's index", async || (!left(&stage, &index).await.is_empty()).then_some(()));
    tokio::select! {
        outcome = stage.deliver(&event, long(Invoke::default())) => panic!("it ended: {outcome:?}"),
        () = there => drop(process),
    }
    assert_eq!(left(&stage, &index).await.len(), 1);
    let early = invoke(&stage, &tick()).await.expect_response();
    assert_eq!((&early["drills"]["cleaned"], left(&stage, &index).await.len()), (&json!([]), 1), "{early}");
    stage.front.set_clock_ahead(180);
    let next = invoke(&stage, &tick()).await.expect_response();
    assert_eq!(next["drills"]["cleaned"][0]["removed"].as_array().map(Vec::len), Some(1), "{next}");
    assert_eq!(left(&stage, &index).await, Vec::<String>::new());
    assert_eq!(stage.node.count(&index).await, 20);
}
