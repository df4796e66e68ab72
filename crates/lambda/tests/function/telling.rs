//! What the function tells beside its answer, with nothing remembered from one process to the next.

use crate::stage::{ROLE, Stage, error_of};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapkeep_testbed::{Invoke, Outcome, Receiver};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:backups";

/// A cold start, and the schedule's event of that time.
async fn tick(stage: &Stage, at: Timestamp) -> (Outcome, String) {
    let process = stage.start();
    let event = json!({"detail-type": "Scheduled Event", "source": "aws.events", "time": at.to_string()});
    let outcome = stage.deliver(&event, Invoke::default()).await;
    (outcome, process.logs())
}

/// Of two runs that find no repository for the slot, the one tells that is the slot's first; so it does by a webhook and a
/// topic, and `CloudWatch` finds the metrics of each in its log.
#[tokio::test]
async fn trouble_is_told_by_the_first_run_of_its_slot_and_by_no_other() {
    let (hook, topic) = (Receiver::start(&[200]), Receiver::start(&[200]));
    let mut stage = Stage::new().await;
    let index = stage.bed.unique("books");
    stage.node.load_documents(&index, 20).await;
    let now = Timestamp::now();
    let minutes_ago = |minutes| now - SignedDuration::from_mins(minutes);
    let slot = minutes_ago(70).strftime("'%M %H * * *'").to_string();
    let text = json!({
        "clusters": {"here": {"endpoint": stage.node.url, "auth": "none"}},
        "policies": {"nightly": {"repository": stage.repository, "schedule": slot.trim_matches('\''), "indices": [index]}},
        "notifications": {
            "runs_every": "1h",
            "channels": {
                "hook": {"kind": "webhook", "url": format!("{}/told", hook.url())},
                "topic": {"kind": "sns", "topic_arn": TOPIC},
            },
        },
    });
    stage.set("SNAPKEEP_CONFIG", &text.to_string());
    stage.set("SNAPKEEP_METRICS", "emf");
    stage.set("AWS_ENDPOINT_URL_SNS", &topic.url());

    for (at, told) in [(minutes_ago(50), 1), (now, 1)] {
        let (outcome, logs) = tick(&stage, at).await;
        assert_eq!(error_of(outcome)["code"], "repository_missing");
        assert_eq!((hook.messages().len(), topic.messages().len()), (told, told), "{at}: {logs}");
        let metrics = metrics(&logs);
        assert_eq!(
            (&metrics["RunsFailed"], &metrics["Stale"]),
            (&json!(1.0), &Value::Null),
            "what was not seen: {logs}"
        );
    }
    let body = &hook.bodies()[0];
    assert_eq!(
        [&body["event"], &body["policy"], &body["cluster"], &body["code"]],
        ["failure", "nightly", "here", "repository_missing"],
        "{body}"
    );
    let published = &topic.messages()[0];
    assert!(published.header("authorization").contains("/eu-west-1/sns/aws4_request"), "{published:?}");
    assert!(published.body.contains("Action=Publish") && published.body.contains("backups"), "{published:?}");

    stage.handle(&stage.event_with(&json!({"Action": "register", "RoleArn": ROLE}))).await.unwrap();
    let (outcome, logs) = tick(&stage, now).await;
    let answer = outcome.expect_response();
    assert_eq!(answer["policies"][0]["created"][0]["state"], "SUCCESS", "{answer}");
    assert_eq!((hook.messages().len(), topic.messages().len()), (1, 1), "{answer}");
    let metrics = metrics(&logs);
    assert_eq!(
        (&metrics["RunsOk"], &metrics["Stale"], &metrics["SnapshotsSuccess"]),
        (&json!(1.0), &json!(0.0), &json!(1.0)),
        "{logs}"
    );
}

/// The policy's line of metrics.
fn metrics(logs: &str) -> Value {
    let lines = logs.lines().filter(|line| line.contains("\"_aws\""));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().find(|line| line["Policy"] == "nightly").unwrap_or_else(|| panic!("{logs}"))
}
