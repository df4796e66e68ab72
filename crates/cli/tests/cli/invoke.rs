//! `invoke` answers as the function does; and a signed journey through a front that demands signatures.

use crate::stage::{REGION, ROLE, Stage};
use serde_json::{Value, json};
use snapkeep_front::{Front, Principal, TestCa};

const KEY: &str = "AKIDSNAPKEEP";
const SECRET: &str = "canary/secret+key0123456789abcdefABCDEF";

async fn signed() -> (Stage, Front) {
    let mut stage = Stage::new().await;
    let ca = TestCa::new().unwrap();
    let principal = Principal::new("arn:aws:iam::123456789012:role/operator", KEY, SECRET);
    let front = Front::builder(&stage.node.url).region(REGION).pass_role(&[ROLE]).tls(&ca).principal(principal);
    let front = front.start().await.unwrap();
    ca.write_pem(&stage.directory.path().join("ca.pem")).unwrap();
    stage.set("SNAPKEEP_ENDPOINT", &front.url());
    stage.set("SNAPKEEP_CA_FILE", "ca.pem");
    (stage, front)
}

#[tokio::test]
async fn requests_are_signed_with_the_chains_credentials() {
    let (mut stage, _front) = signed().await;
    let needs_region = stage.refused("repo list --auth sigv4", 2, "bad_config");
    assert!(needs_region.contains("--region"), "{needs_region}");
    stage.refused(&format!("repo list --auth sigv4 --region {REGION}"), 2, "bad_config");
    stage.set("AWS_ACCESS_KEY_ID", KEY);
    stage.set("AWS_SECRET_ACCESS_KEY", "wrong/secret+key0123456789abcdefABCDEFG");
    stage.refused(&format!("repo list --auth sigv4 --region {REGION}"), 12, "signature_rejected");
    stage.set("AWS_SECRET_ACCESS_KEY", SECRET);
    stage.refused("repo list --auth none", 12, "access_denied");
    stage.set("SNAPKEEP_AUTH", "sigv4");
    stage.set("SNAPKEEP_REGION", REGION);
    stage.ok(&format!("repo register R --bucket B --role-arn {ROLE}"));
    let said = stage.run("create -r R first --indices I -vv");
    assert!(said.status == 0 && said.err.contains("authentication: sigv4 (as given)"), "{said:?}");
    assert!(said.err.contains("method=PUT"), "{said:?}");
    assert!(!said.err.contains("canary") && !said.err.contains("Signature="), "{said:?}");
    assert_eq!(stage.json("list -r R")["total"], 1);
}

#[tokio::test]
async fn invoke_answers_as_the_function_does() {
    let (mut stage, front) = signed().await;
    stage.set("ACCESS_KEY", KEY);
    stage.set("SECRET_KEY", SECRET);
    stage.set("SNAPKEEP_ALLOWED_ENDPOINTS", &front.authority());
    let event = json!({
        "Endpoint": front.url(), "RepositoryName": stage.repository, "S3Bucket": stage.bucket,
        "Region": REGION, "RoleArn": ROLE, "Indices": [stage.index], "Wait": 30,
    });
    std::fs::write(stage.directory.path().join("event.json"), event.to_string()).unwrap();
    let id = "--request-id 8476a536-e9f4-11e8-9739-2dfe598c3fcd";
    let answer: Value = serde_json::from_str(&stage.ok(&format!("invoke event.json {id}"))).unwrap();
    assert_eq!((answer["action"].as_str(), answer["state"].as_str()), (Some("backup"), Some("SUCCESS")), "{answer}");
    assert!(answer["snapshot"].as_str().unwrap().ends_with("-8476a536"), "{answer}");
    let again: Value = serde_json::from_str(&stage.ok(&format!("invoke event.json {id}"))).unwrap();
    assert_eq!((again["outcome"].as_str(), &again["snapshot"]), (Some("adopted"), &answer["snapshot"]));

    std::fs::write(
        stage.directory.path().join("bad.json"),
        r#"{"Endpoint":"https://evil.example","Region":"eu-west-1"}"#,
    )
    .unwrap();
    for (line, status, code) in [
        ("invoke bad.json", 2, "bad_event"),
        ("invoke no-such.json", 2, "bad_event"),
        ("invoke -", 2, "bad_event"),
        ("invoke event.json --auth basic", 2, "bad_event"),
        ("invoke event.json -r x", 2, "bad_event"),
    ] {
        let ran = stage.run(line);
        let error: Value = serde_json::from_str(ran.err.lines().last().unwrap_or_default()).unwrap();
        let message: Value = serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
        assert_eq!(
            (ran.status, error["errorType"].as_str(), message["code"].as_str()),
            (status, Some(code), Some(code)),
            "{ran:?}"
        );
        assert!(ran.out.is_empty(), "{ran:?}");
    }
}
