//! Registering: looks first, shows differences, survives lost answers and slow rights. Row 24.

use crate::stage::{REGION, ROLE, Stage, principal};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_front::{Action, Fault, RegionRefusal, Rights};
use snapkeep_testbed::Mode;
use std::time::Duration;

fn register(stage: &Stage) -> Value {
    stage.event_with(&json!({"Action": "register"}))
}

async fn registration(stage: &Stage, event: &Value) -> Value {
    serde_json::to_value(stage.handle(event).await.unwrap()).unwrap()["registration"].clone()
}

#[tokio::test]
async fn it_is_idempotent_and_replaces_only_when_told_to() {
    let stage = Stage::new().await;
    let mut event = register(&stage);
    assert_eq!(registration(&stage, &event).await, "created");
    assert_eq!(registration(&stage, &event).await, "unchanged");
    assert_eq!(stage.seen("PUT", &stage.repository).len(), 1, "an unchanged repository is not written");

    event["BasePath"] = json!("elsewhere");
    event["Settings"] = json!({"compress": true, "max_restore_bytes_per_sec": "20mb"});
    let failure = stage.handle(&event).await.unwrap_err();
    assert_eq!(failure.code, Code::RepositoryConflict);
    assert!(failure.cause.contains("base_path: registered is nothing, asked for is elsewhere"), "{failure}");
    assert!(failure.hint.contains("`Replace`"), "{}", failure.hint);
    assert_eq!(stage.seen("PUT", &stage.repository).len(), 1, "nothing was changed");

    event["Replace"] = json!(true);
    assert_eq!(registration(&stage, &event).await, "replaced");
    assert_eq!(registration(&stage, &event).await, "unchanged");
    let (_, body) = stage.node.get(&format!("/_snapshot/{}", stage.repository)).await;
    assert_eq!(body[&stage.repository]["settings"]["base_path"], "elsewhere", "{body}");
}

#[tokio::test]
async fn a_repository_of_another_type_is_a_conflict() {
    let stage = Stage::new().await;
    let location = stage.node.repo_dir.join(&stage.repository);
    let body = json!({"type": "fs", "settings": {"location": location}});
    assert_eq!(stage.node.put(&format!("/_snapshot/{}", stage.repository), body).await.0, 200);
    let failure = stage.handle(&register(&stage)).await.unwrap_err();
    assert_eq!(failure.code, Code::RepositoryConflict);
    assert!(failure.cause.contains("type: registered is fs, asked for is s3"), "{failure}");
}

#[tokio::test]
async fn row_24_a_lost_registration_is_resolved_by_looking() {
    let gateway = || Action::ForwardThenStatus { code: 504, headers: vec![], body: "<html>".into() };
    for (action, writes) in [
        (Action::DropBefore, 2),
        (Action::ForwardThenDrop, 1),
        (Action::CutAt(12), 1),
        (gateway(), 1),
        (Action::status(503, "<html>"), 2),
        (Action::duplicate(), 1),
    ] {
        let stage = Stage::new().await;
        let shown = format!("{action:?}");
        let fault = stage.front.inject(Fault::on("PUT", "/_snapshot/*").first(1).then(action));
        assert_eq!(registration(&stage, &register(&stage)).await, "created", "{shown}");
        assert_eq!(stage.front.injected(fault), 1, "{shown}");
        assert_eq!(stage.seen("PUT", &stage.repository).len(), writes, "{shown}");
        assert_eq!(registration(&stage, &register(&stage)).await, "unchanged", "{shown}");
    }
}

#[tokio::test]
async fn row_24_a_lost_registration_that_cannot_be_looked_up_is_unknown() {
    let stage = Stage::new().await;
    let lost = stage.front.inject(Fault::on("PUT", "/_snapshot/*").first(1).then(Action::ForwardThenDrop));
    let blind = stage.front.inject(Fault::on("GET", "/_snapshot/*").skip(1).always().then(Action::status(503, "")));
    let failure = stage.handle(&register(&stage)).await.unwrap_err();
    assert_eq!(failure.code, Code::OutcomeUnknown);
    assert_eq!(stage.front.injected(lost), 1);
    assert!(stage.front.injected(blind) > 0);
    assert_eq!(stage.seen("PUT", &stage.repository).len(), 1, "not sent again");
}

/// A new role's rights reach S3 late: the first verification fails, a later one succeeds.
#[tokio::test]
async fn row_24_a_first_verification_that_fails_is_tried_again() {
    let stage = Stage::new().await;
    stage.bed.s3().set_mode(&stage.bucket, &Mode::ReadOnlyFor { puts: 1 }).await.unwrap();
    assert_eq!(registration(&stage, &register(&stage)).await, "created");
    assert_eq!(stage.bed.s3().counts(&stage.bucket).await.unwrap().refused, 1);
    assert_eq!(registration(&stage, &register(&stage)).await, "unchanged");
}

/// The same with the article's rights only: no look, no verify, only PUT.
#[tokio::test]
async fn row_24_a_first_verification_that_fails_is_tried_again_with_put_alone() {
    let stage = Stage::with(|front| front.principal(principal().rights(Rights::only(&["ESHttpPut"])))).await;
    stage.bed.s3().set_mode(&stage.bucket, &Mode::ReadOnlyFor { puts: 1 }).await.unwrap();
    assert_eq!(registration(&stage, &register(&stage)).await, "unchecked");
    assert_eq!(stage.bed.s3().counts(&stage.bucket).await.unwrap().refused, 1);
}

#[tokio::test]
async fn row_24_a_read_only_bucket_is_explained() {
    let stage = Stage::new().await;
    stage.bed.s3().set_mode(&stage.bucket, &Mode::ReadOnly).await.unwrap();
    // Lambda delivers it again, and finds the registration saved: no success either.
    for delivery in 1..=2 {
        let refused_before = stage.bed.s3().counts(&stage.bucket).await.unwrap().refused;
        let failure = stage.handle_within(&stage.event(), Duration::from_secs(8)).await.unwrap_err();
        assert_eq!((failure.code, failure.http_status), (Code::RepositoryVerificationFailed, Some(500)), "{delivery}");
        assert!(failure.hint.contains("s3:PutObject"), "{}", failure.hint);
        assert!(stage.bed.s3().counts(&stage.bucket).await.unwrap().refused > refused_before, "{delivery}");
    }
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
}

/// With the article's rights only, the registration is sent as the article sends it.
#[tokio::test]
async fn without_the_right_to_look_it_goes_on_as_the_article_did() {
    let stage = Stage::with(|front| front.principal(principal().rights(Rights::only(&["ESHttpPut"])))).await;
    let report = serde_json::to_value(stage.handle(&stage.event()).await.unwrap()).unwrap();
    assert_eq!(report["registration"], "unchecked");
    assert_eq!(report["outcome"], "created");
    let warnings = report["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning.as_str().unwrap().contains("es:ESHttpGet")), "{warnings:?}");
    assert_eq!(stage.snapshots().await.len(), 1);
}

/// In us-east-1 the service wants `endpoint` in `region`'s place, and the next look takes that as the same.
#[tokio::test]
async fn a_region_that_is_refused_is_sent_once_more_as_an_endpoint() {
    for refusal in [RegionRefusal::WrongRegion, RegionRefusal::LocationConstraint] {
        let stage = Stage::with(|front| front.principal(principal()).refuse_region_with("us-east-1", refusal)).await;
        let event = stage.event_with(&json!({"Action": "register", "BucketRegion": "us-east-1"}));
        let report = stage.handle(&event).await.unwrap();
        assert!(report.warnings[0].contains("us-east-1"), "{:?}", report.warnings);
        let bodies: Vec<Value> = stage
            .seen("PUT", &stage.repository)
            .iter()
            .map(|seen| serde_json::from_slice::<Value>(&seen.body).unwrap()["settings"].clone())
            .collect();
        assert_eq!(
            bodies,
            [
                json!({"bucket": stage.bucket, "region": "us-east-1", "role_arn": ROLE}),
                json!({"bucket": stage.bucket, "endpoint": "s3.amazonaws.com", "role_arn": ROLE}),
            ]
        );
        assert_eq!(registration(&stage, &event).await, "unchanged");
    }
}

#[tokio::test]
async fn a_bucket_in_another_region_is_named_in_the_hint() {
    let elsewhere = RegionRefusal::BucketElsewhere("eu-west-3".into());
    let stage = Stage::with(|front| front.principal(principal()).refuse_region_with(REGION, elsewhere.clone())).await;
    let refuse_endpoint = r#"{"error":{"type":"repository_verification_exception","reason":"[r] path is not accessible","caused_by":{"type":"amazon_s3_exception","reason":"The bucket is in this region: eu-west-3. Please use this region to retry the request"}},"status":500}"#;
    let second = stage.front.inject(Fault::on("PUT", "/_snapshot/*").nth(2).then(Action::status(500, refuse_endpoint)));
    let failure = stage.handle(&register(&stage)).await.unwrap_err();
    assert_eq!(stage.front.injected(second), 1);
    assert_eq!(failure.code, Code::RepositoryVerificationFailed);
    assert!(failure.hint.ends_with("set `BucketRegion` to eu-west-3"), "{}", failure.hint);
}

/// The answer says 504, the registration is saved, and the bucket cannot be written: no success.
#[tokio::test]
async fn row_24_a_lost_registration_whose_bucket_cannot_be_used_is_a_failure() {
    let stage = Stage::new().await;
    stage.bed.s3().set_mode(&stage.bucket, &Mode::ReadOnly).await.unwrap();
    let gateway = Action::ForwardThenStatus { code: 504, headers: vec![], body: "<html>".into() };
    let lost = stage.front.inject(Fault::on("PUT", "/_snapshot/*").first(1).then(gateway));
    let failure = stage.handle(&register(&stage)).await.unwrap_err();
    assert_eq!(stage.front.injected(lost), 1);
    assert_eq!(failure.code, Code::RepositoryVerificationFailed, "{failure}");
}

/// The region is refused although the registration is saved, then the second try is lost: what is in
/// place is not what was sent last.
#[tokio::test]
async fn a_lost_second_try_is_not_mistaken_for_the_refused_first_one() {
    let stage = Stage::new().await;
    let body = r#"{"error":{"type":"repository_verification_exception","reason":"[r] path is not accessible","caused_by":{"type":"amazon_s3_exception","reason":"The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'us-east-1'"}},"status":500}"#;
    let refused = Action::ForwardThenStatus { code: 500, headers: vec![], body: body.into() };
    let first = stage.front.inject(Fault::on("PUT", "/_snapshot/*").nth(1).then(refused));
    let second = stage.front.inject(Fault::on("PUT", "/_snapshot/*").nth(2).then(Action::DropBefore));
    let report = stage.handle(&register(&stage)).await.unwrap();
    assert_eq!((stage.front.injected(first), stage.front.injected(second)), (1, 1));
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    let sent = stage.seen("PUT", &stage.repository);
    assert_eq!(sent.len(), 3);
    let last: Value = serde_json::from_slice(&sent[2].body).unwrap();
    assert_eq!(last["settings"], json!({"bucket": stage.bucket, "endpoint": "s3.amazonaws.com", "role_arn": ROLE}));
}

#[tokio::test]
async fn a_change_that_is_not_acknowledged_is_looked_up() {
    let stage = Stage::new().await;
    let unacknowledged = Action::status(200, r#"{"acknowledged":false}"#);
    let fault = stage.front.inject(Fault::on("PUT", "/_snapshot/*").first(1).then(unacknowledged));
    assert_eq!(registration(&stage, &register(&stage)).await, "created");
    assert_eq!(stage.front.injected(fault), 1);
    assert_eq!(stage.seen("PUT", &stage.repository).len(), 2);
}

/// A setting that the cluster refuses is no reason to send it again, nor to blame the region.
#[tokio::test]
async fn a_setting_that_is_refused_is_sent_once() {
    let mut stage = Stage::new().await;
    stage.repository = stage.bed.unique("region-backups");
    let event = stage.event_with(&json!({"Action": "register", "Settings": {"chunk_size": "banana"}}));
    let failure = stage.handle(&event).await.unwrap_err();
    assert_eq!(failure.code, Code::RepositoryVerificationFailed, "{failure}");
    assert!(failure.cause.contains("banana"), "{failure}");
    assert_eq!(stage.seen("PUT", &stage.repository).len(), 1);
}

/// The same for a new role: the answer is lost, the first verifications fail, a later one succeeds.
#[tokio::test]
async fn row_24_a_lost_registration_is_verified_with_patience() {
    let stage = Stage::new().await;
    stage.bed.s3().set_mode(&stage.bucket, &Mode::ReadOnlyFor { puts: 2 }).await.unwrap();
    let gateway = Action::ForwardThenStatus { code: 504, headers: vec![], body: "<html>".into() };
    let lost = stage.front.inject(Fault::on("PUT", "/_snapshot/*").first(1).then(gateway));
    assert_eq!(registration(&stage, &register(&stage)).await, "created");
    assert_eq!(stage.front.injected(lost), 1);
    assert_eq!(stage.bed.s3().counts(&stage.bucket).await.unwrap().refused, 2);
}

/// Too many requests: nothing was done, so it may be sent again even where looking is not allowed.
#[tokio::test]
async fn a_throttled_registration_is_sent_again_with_put_alone() {
    let stage = Stage::with(|front| front.principal(principal().rights(Rights::only(&["ESHttpPut"])))).await;
    let throttled =
        stage.front.inject(Fault::on("PUT", "/_snapshot/*").first(1).then(Action::status(429, "slow down")));
    assert_eq!(registration(&stage, &register(&stage)).await, "unchecked");
    assert_eq!(stage.front.injected(throttled), 1);
    assert_eq!(stage.seen("PUT", &stage.repository).len(), 2);
}
