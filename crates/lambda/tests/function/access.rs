//! 403 is not 403: each refusal by its code and its hint. And what is refused before anything is sent:
//! endpoints, roles and buckets. Rows 39 and 40.

use crate::stage::{CALLER, REGION, ROLE, SECRET_KEY, Stage, principal};
use serde_json::{Value, json};
use snapkeep_core::{Code, Failure};
use snapkeep_front::{Action, Builder, Fault, Principal, Rights, Sink, TrustError};

/// Handles the article's event behind a front of this arrangement and with these variables.
async fn failure(arrange: impl FnOnce(Builder) -> Builder, variables: &[(&str, &str)], more: &Value) -> Failure {
    let mut stage = Stage::with(arrange).await;
    for (name, value) in variables {
        stage.set(name, value);
    }
    let failure = stage.handle(&stage.event_with(more)).await.unwrap_err();
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
    failure
}

fn usual(front: Builder) -> Builder {
    front.principal(principal())
}

#[tokio::test]
async fn what_is_wrong_with_a_signature_is_told_apart() {
    for (variables, more, hint) in [
        (&[("SNAPKEEP_AUTH", "none")][..], json!({}), "unsigned"),
        (&[("SECRET_KEY", "wrong")], json!({}), "secret key"),
        (&[("ACCESS_KEY", "AKIDUNKNOWN")], json!({}), "access key or session token"),
        (&[("SESSION_TOKEN", "stray")], json!({}), "access key or session token"),
        (&[], json!({"Region": "us-west-2"}), "another region"),
    ] {
        let failure = failure(usual, variables, &more).await;
        let expected = if hint == "unsigned" { Code::AccessDenied } else { Code::SignatureRejected };
        assert_eq!((failure.code, failure.http_status), (expected, Some(403)), "{hint}: {failure}");
        assert!(failure.hint.contains(hint), "{hint}: {}", failure.hint);
    }
}

/// Row 5: one request is signed once more, by the service's clock, and the offset is told.
#[tokio::test]
async fn row_05_a_clock_that_is_off_is_told_and_does_no_harm() {
    for (ahead, told) in
        [(6 * 60, "s behind"), (20 * 60, "s behind"), (-6 * 60, "s ahead of"), (-20 * 60, "s ahead of")]
    {
        let stage = Stage::new().await;
        stage.front.set_clock_ahead(ahead);
        let report = stage.handle(&stage.event()).await.unwrap();
        assert!(report.warnings.iter().any(|warning| warning.contains(told)), "{ahead}: {:?}", report.warnings);
        assert_eq!(stage.snapshots().await.len(), 1, "{ahead}");
        let refused = stage.front.requests().iter().filter(|seen| seen.status_answered == Some(403)).count();
        assert_eq!(refused, 1, "{ahead}: one signature too early or too late, the others by the service's clock");
    }
}

#[tokio::test]
async fn missing_rights_are_named() {
    let deny_put = |front: Builder| front.principal(principal().rights(Rights::all().without("es:ESHttpPut")));
    let denied = failure(deny_put, &[], &json!({})).await;
    assert_eq!(denied.code, Code::AccessDenied);
    assert!(denied.hint.contains(r#""Action":"es:ESHttpPut""#), "{}", denied.hint);

    let other_role = "arn:aws:iam::123456789012:role/other";
    let pass = failure(usual, &[], &json!({"RoleArn": other_role})).await;
    assert_eq!((pass.code, pass.http_status), (Code::PassRoleDenied, Some(403)));
    assert!(pass.hint.contains("iam:PassRole") && pass.hint.contains(other_role), "{}", pass.hint);

    let unmapped = |front: Builder| front.principal(principal().rights(Rights::all().without_manage_snapshots()));
    let unmapped = failure(unmapped, &[], &json!({})).await;
    assert_eq!(unmapped.code, Code::AccessDenied);
    assert!(unmapped.hint.contains("manage_snapshots") && unmapped.hint.contains(CALLER), "{}", unmapped.hint);
}

#[tokio::test]
async fn a_role_that_does_not_trust_the_service_is_named() {
    for (shape, status, code) in [
        (TrustError::Direct, 403, Code::AccessDenied),
        (TrustError::Direct, 500, Code::RepositoryVerificationFailed),
        (TrustError::Verification, 500, Code::RepositoryVerificationFailed),
    ] {
        let untrusting = |front: Builder| usual(front).untrusting_role(ROLE).trust_error(shape, status);
        let failure = failure(untrusting, &[], &json!({})).await;
        assert_eq!((failure.code, failure.http_status), (code, Some(status)), "{shape:?}");
        assert!(failure.hint.contains("sts:AssumeRole"), "{}", failure.hint);
    }
}

/// Temporary credentials: with their token they pass, and the execution role's own token is never lent.
#[tokio::test]
async fn session_tokens_belong_to_their_keys() {
    let temporary = |front: Builder| front.principal(principal().session_token("the-token"));
    let mut stage = Stage::with(temporary).await;
    stage.set("AWS_SESSION_TOKEN", "the-token");
    let register = stage.event_with(&json!({"Action": "register"}));
    let refused = crate::stage::error_of(stage.invoke(&register).await);
    assert_eq!(refused["code"], "signature_rejected");
    stage.set("SESSION_TOKEN", "the-token");
    assert_eq!(stage.invoke(&register).await.expect_response()["registration"], "created");
}

/// Without the article's keys, the default chain: in Lambda, the execution role's variables.
#[tokio::test]
async fn the_execution_role_signs_when_no_keys_are_given() {
    let role = Principal::new(CALLER, "ASIAROLE", SECRET_KEY).session_token("role-token");
    let mut stage = Stage::with(|front| front.principal(role)).await;
    for name in ["ACCESS_KEY", "SECRET_KEY"] {
        stage.set(name, "");
    }
    stage.set("AWS_ACCESS_KEY_ID", "ASIAROLE");
    stage.set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    stage.set("AWS_SESSION_TOKEN", "role-token");
    let answer = stage.invoke(&stage.event()).await.expect_response();
    assert_eq!(answer["outcome"], "created");
    assert!(stage.front.requests().iter().all(|seen| seen.signed_by.as_deref() == Some(CALLER)));
}

#[tokio::test]
async fn half_a_pair_of_keys_is_bad_config_and_nothing_is_sent() {
    for missing in ["ACCESS_KEY", "SECRET_KEY"] {
        let mut stage = Stage::new().await;
        stage.set(missing, "");
        let failure = stage.handle(&stage.event()).await.unwrap_err();
        assert_eq!(failure.code, Code::BadConfig, "{failure}");
        assert!(failure.cause.contains(missing), "{failure}");
        assert!(stage.front.requests().is_empty());
    }
}

#[tokio::test]
async fn row_39_roles_and_buckets_outside_the_operators_lists_are_refused_unsent() {
    let mut stage = Stage::new().await;
    stage.set("SNAPKEEP_ALLOWED_ROLE_ARNS", ROLE);
    let bucket = stage.bucket.clone();
    stage.set("SNAPKEEP_ALLOWED_BUCKETS", &bucket);
    for action in ["register", "backup", "create", "status", "list"] {
        let base = json!({"Action": action, "SnapshotName": "x"});
        for (field, value, code) in [
            ("RoleArn", "arn:aws:iam::999999999999:role/snapshots", Code::RoleNotAllowed),
            ("RoleArn", &format!("{ROLE}x"), Code::RoleNotAllowed),
            ("S3Bucket", "attackers-bucket", Code::BucketNotAllowed),
        ] {
            let mut event = stage.event_with(&base);
            event[field] = json!(value);
            assert_eq!(stage.handle(&event).await.unwrap_err().code, code, "{action} {field}");
        }
    }
    assert!(stage.front.requests().is_empty());
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
}

/// Whatever an event names, a host that is not allowed gets no byte, and nothing is signed.
#[tokio::test]
async fn row_40_the_sink_gets_zero_bytes() {
    let sink = Sink::start().unwrap();
    let port = sink.authority().rsplit(':').next().unwrap().to_owned();
    let mut stage = Stage::new().await;
    stage.set("SNAPKEEP_ALLOWED_ENDPOINTS", "search.example.org");
    for endpoint in [
        sink.url(),
        format!("https://{}", sink.authority()),
        format!("https://localhost:{port}"),
        format!("https://[::ffff:127.0.0.1]:{port}"),
        format!("https://2130706433:{port}"),
        format!("https://search.example.org@{}", sink.authority()),
        format!("https://search.example.org:{port}"),
        format!("https://search-x.{REGION}.es.amazonaws.com:{port}"),
        format!("https://search-x.{REGION}.es.amazonaws.com.localhost:{port}"),
        "https://169.254.169.254".into(),
        "http://169.254.170.2".into(),
    ] {
        let mut event = stage.event();
        event["Endpoint"] = json!(endpoint);
        assert_eq!(stage.handle(&event).await.unwrap_err().code, Code::EndpointNotAllowed, "{endpoint}");
    }
    assert_eq!((sink.connections(), sink.bytes()), (0, 0));
    assert_eq!(stage.snapshots().await, Vec::<String>::new());
}

/// Plain HTTP to loopback passes if it is listed, and only then.
#[tokio::test]
async fn row_40_plain_http_is_for_listed_loopback_only() {
    let mut stage = Stage::with(|front| usual(front).plain()).await;
    assert!(stage.front.url().starts_with("http://"));
    let register = stage.event_with(&json!({"Action": "register"}));
    stage.handle(&register).await.unwrap();
    stage.set("SNAPKEEP_ALLOWED_ENDPOINTS", "");
    assert_eq!(stage.handle(&register).await.unwrap_err().code, Code::EndpointNotAllowed);
}

/// A front with a certificate of an authority that is not trusted gets nothing but a handshake.
#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let mut stage = Stage::new().await;
    stage.set("SNAPKEEP_CA_FILE", "");
    let failure = stage.handle(&stage.event_with(&json!({"Action": "list"}))).await.unwrap_err();
    assert_eq!(failure.code, Code::ClusterUnavailable);
    assert!(failure.hint.contains("SNAPKEEP_CA_FILE"), "{}", failure.hint);
    assert!(stage.front.requests().is_empty());
    stage.set("SNAPKEEP_CA_FILE", "/nonexistent/ca.pem");
    assert_eq!(stage.handle(&stage.event()).await.unwrap_err().code, Code::BadConfig);
}

/// Names may hold any word: `token`, `signature`, `throttled`. A refusal is known by its sentence.
#[tokio::test]
async fn a_denial_is_known_whatever_the_callers_name() {
    let caller = "arn:aws:sts::123456789012:assumed-role/token-service/request-signature-throttled";
    let rights = Rights::only(&["ESHttpPut"]);
    let odd =
        |front: Builder| front.principal(Principal::new(caller, crate::stage::ACCESS_KEY, SECRET_KEY).rights(rights));
    let stage = Stage::with(odd).await;
    let report = stage.handle(&stage.event()).await.unwrap();
    assert_eq!(serde_json::to_value(report.registration).unwrap(), "unchecked");
}

/// A refusal of any size ends in one short line.
#[tokio::test]
async fn a_huge_refusal_is_cut() {
    for (status, body) in [
        (
            403,
            format!(
                r#"{{"Message":"User: x is not authorized to perform: es:ESHttpPut on {}"}}"#,
                "x".repeat(3_000_000)
            ),
        ),
        (
            403,
            format!(
                r#"{{"error":{{"type":"security_exception","reason":"no permissions for [a] and User [name={}"}}}}"#,
                "A".repeat(3_000_000)
            ),
        ),
        (500, format!(r#"{{"error":{{"type":"x","reason":"{}"}}}}"#, "x".repeat(3_000_000))),
    ] {
        let stage = Stage::new().await;
        let fault = Fault::on("PUT", "/**").always().then(Action::status(status, &body));
        let huge = stage.front.inject(fault);
        let failure = stage.handle(&stage.event()).await.unwrap_err();
        assert!(stage.front.injected(huge) > 0);
        assert!(failure.to_json().len() < 3_000, "{}", failure.to_json().len());
    }
}

/// What answers is no cluster: said so, whatever was asked.
#[tokio::test]
async fn a_host_that_is_no_cluster_is_cluster_unavailable() {
    for action in ["list", "register", "backup", "create"] {
        let stage = Stage::new().await;
        let page =
            stage.front.inject(Fault::on("*", "/**").always().then(Action::status(404, "<html>Not found</html>")));
        let event = stage.event_with(&json!({"Action": action}));
        assert_eq!(stage.handle(&event).await.unwrap_err().code, Code::ClusterUnavailable, "{action}");
        assert!(stage.front.injected(page) > 0);
    }
}

/// The operator's own endpoint needs no second mention.
#[tokio::test]
async fn the_operators_endpoint_is_allowed() {
    let mut stage = Stage::new().await;
    let url = stage.front.url();
    stage.set("SNAPKEEP_ENDPOINT", &url);
    stage.set("SNAPKEEP_ALLOWED_ENDPOINTS", "");
    let mut event = stage.event_with(&json!({"Action": "register"}));
    assert_eq!(stage.handle(&event).await.unwrap_err().code, Code::EndpointNotAllowed);
    event.as_object_mut().unwrap().remove("Endpoint");
    stage.handle(&event).await.unwrap();
}
