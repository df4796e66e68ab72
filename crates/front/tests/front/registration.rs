//! S3 registrations: what a domain demands, and what the node gets.

use serde_json::{Value, json};
use snapkeep_front::{Front, RegionRefusal, TrustError};

use crate::support::{ARN, Answer, Node, ROLE, keeper, send};

fn body(settings: &Value) -> String {
    json!({ "type": "s3", "settings": settings }).to_string()
}

fn article() -> Value {
    json!({ "bucket": "b", "region": "eu-west-1", "role_arn": ROLE })
}

fn front(node: &Node) -> Front {
    node.front().principal(keeper()).node_setting("path_style_access", "true").start_blocking().unwrap()
}

fn register(front: &Front, settings: &Value) -> Answer {
    send(front, "PUT", "/_snapshot/repo", &body(settings))
}

#[test]
fn what_was_registered_is_what_is_shown() {
    let node = Node::start();
    let front = front(&node);
    let mut settings = article();
    settings["base_path"] = json!("a/b");
    assert_eq!(register(&front, &settings).json(), json!({ "acknowledged": true }));
    let kept = node.kept("repo");
    let keys: Vec<&String> = kept["settings"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["base_path", "bucket", "front_registered", "path_style_access"]);
    let shown = json!({ "repo": { "type": "s3", "settings": settings } });
    for path in ["/_snapshot", "/_snapshot/repo", "/_snapshot/repo?pretty"] {
        let answer = send(&front, "GET", path, "");
        assert_eq!(answer.json(), shown, "{path}");
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    }
    let second = node.front().principal(keeper()).start_blocking().unwrap();
    assert_eq!(send(&second, "GET", "/_snapshot/repo", "").json(), shown);
}

#[test]
fn a_role_is_needed_and_must_be_passable() {
    let node = Node::start();
    let front = front(&node);
    let answer = register(&front, &json!({ "bucket": "b" }));
    let text = "settings.role_arn is needed for snapshot registration.";
    assert_eq!((answer.status, answer.json()), (401, json!({ "Message": text })));
    let other = "arn:aws:iam::123456789012:role/other";
    let answer = register(&front, &json!({ "bucket": "b", "role_arn": other }));
    let text = format!("User: {ARN} is not authorized to perform: iam:PassRole on resource: {other}");
    assert_eq!((answer.status, answer.json()), (403, json!({ "Message": text })));
    assert!(node.got().is_empty());
}

#[test]
fn a_role_that_does_not_trust_the_service_fails() {
    let node = Node::start();
    let builder = || node.front().principal(keeper()).untrusting_role(ROLE);
    let answer = register(&builder().start_blocking().unwrap(), &article());
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["type"]), (500, &json!("a_w_s_security_token_service_exception")));
    assert!(error["reason"].as_str().unwrap().contains(&format!("sts:AssumeRole on resource: {ROLE}")));

    let front = builder().trust_error(TrustError::Verification, 403).start_blocking().unwrap();
    let answer = register(&front, &article());
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["type"]), (403, &json!("repository_verification_exception")));
    assert_eq!(error["root_cause"][0]["type"], "repository_verification_exception");
    assert!(error["caused_by"]["reason"].as_str().unwrap().contains("sts:AssumeRole"));
    assert!(node.got().is_empty());
}

#[test]
fn a_region_is_refused_and_an_endpoint_in_its_place_passes() {
    let node = Node::start();
    let mut settings = article();
    settings["region"] = json!("us-east-1");
    let reason = |shape| {
        let front = node.front().principal(keeper()).refuse_region_with("us-east-1", shape).start_blocking().unwrap();
        let answer = register(&front, &settings);
        assert_eq!(answer.status, 500);
        answer.json()["error"]["caused_by"]["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason(RegionRefusal::WrongRegion).contains("the region 'us-east-1' is wrong; expecting 'eu-west-1'"));
    assert!(reason(RegionRefusal::LocationConstraint).contains("InvalidLocationConstraint"));
    assert!(reason(RegionRefusal::BucketElsewhere("eu-west-3".into())).contains("in this region: eu-west-3"));
    assert!(node.got().is_empty());

    let front = node.front().principal(keeper()).refuse_region("us-east-1").start_blocking().unwrap();
    let settings = json!({ "bucket": "b", "endpoint": "s3.amazonaws.com", "role_arn": ROLE });
    assert_eq!(register(&front, &settings).status, 200);
    assert_eq!(node.kept("repo")["settings"].get("endpoint"), None);
    assert_eq!(send(&front, "GET", "/_snapshot/repo", "").json()["repo"]["settings"], settings);
}

#[test]
fn other_types_pass_unchanged() {
    let node = Node::start();
    let front = front(&node);
    let fs = json!({ "type": "fs", "settings": { "location": "/x" } });
    assert_eq!(send(&front, "PUT", "/_snapshot/repo", &fs.to_string()).status, 200);
    assert_eq!(node.kept("repo"), fs);
    assert_eq!(send(&front, "GET", "/_snapshot/repo", "").json(), json!({ "repo": fs }));
}

#[test]
fn a_node_without_s3_keeps_buckets_as_directories() {
    let node = Node::start();
    let front = node.front().principal(keeper()).s3_as_fs("/repos/").start_blocking().unwrap();
    assert_eq!(register(&front, &article()).status, 200);
    assert_eq!(
        (&node.kept("repo")["type"], &node.kept("repo")["settings"]["location"]),
        (&json!("fs"), &json!("/repos/b"))
    );
    assert_eq!(
        send(&front, "GET", "/_snapshot/repo", "").json()["repo"],
        json!({ "type": "s3", "settings": article() })
    );
}
