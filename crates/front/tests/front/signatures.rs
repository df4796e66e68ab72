//! What a domain answers to signatures that are wrong, over the wire.

use std::time::{Duration, SystemTime};

use snapkeep_front::Front;
use snapkeep_front::clock::parse_amz_date;

use crate::support::{ACCESS, ARN, Answer, Call, Node, REGION, SECRET, keeper, send};

const PATH: &str = "/_snapshot/repo/snap";
const INVALID: &str = "The security token included in the request is invalid.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

fn front(node: &Node) -> Front {
    node.front().principal(keeper()).start_blocking().unwrap()
}

/// A PUT signed with this key, for this place, this long ago.
fn put(front: &Front, key: (&str, &str), at: (&str, &str), now: SystemTime) -> Answer {
    Call::new("PUT", PATH, "{}").sign_as(front, key, at, now).send(front)
}

#[test]
fn a_good_signature_reaches_the_node_without_credentials() {
    let node = Node::start();
    let front = front(&node);
    let answer = send(&front, "PUT", "/_snapshot/repo/a,b%2C*?x=%2A&a=", "{}");
    assert_eq!(answer.status, 200);
    let got = &node.got()[0];
    assert_eq!((got.method.as_str(), got.target.as_str()), ("PUT", "/_snapshot/repo/a,b%2C*?x=%2A&a="));
    assert_eq!(got.body, "{}");
    assert!(!got.headers.keys().any(|name| name == "authorization" || name.starts_with("x-amz-")), "{got:?}");
    let seen = &front.requests()[0];
    assert_eq!((seen.signed_by.as_deref(), seen.status_answered, seen.forwarded), (Some(ARN), Some(200), 1));
}

#[test]
fn answers_carry_a_request_id_and_a_date() {
    let node = Node::start();
    let front = front(&node);
    for answer in [send(&front, "GET", "/", ""), Call::new("GET", "/", "").send(&front)] {
        assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36), "{}", answer.head);
        assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")), "{}", answer.head);
    }
}

#[test]
fn unsigned_requests_are_anonymous() {
    let node = Node::start();
    let front = front(&node);
    for (method, action) in [("GET", "Get"), ("PUT", "Put"), ("POST", "Post"), ("DELETE", "Delete"), ("PATCH", "Patch")]
    {
        let answer = Call::new(method, PATH, "").header("Authorization", "Basic dTpw").send(&front);
        assert_eq!((answer.status, answer.header("content-type")), (403, Some("application/json")));
        let resource = "arn:aws:es:eu-west-1:123456789012:domain/demo/_snapshot/repo/snap";
        let expected =
            format!("User: anonymous is not authorized to perform: es:ESHttp{action} on resource: {resource}");
        assert_eq!(answer.json(), serde_json::json!({ "Message": expected }));
    }
    assert_eq!(Call::new("HEAD", PATH, "").send(&front).status, 403);
    assert!(node.got().is_empty());
}

#[test]
fn wrong_signatures_are_told_apart() {
    let node = Node::start();
    let front = front(&node);
    let now = SystemTime::now();
    let table = [
        ((ACCESS, "wrong"), (REGION, "es"), MISMATCH),
        (("AKIDOTHER", SECRET), (REGION, "es"), INVALID),
        ((ACCESS, SECRET), ("us-east-1", "es"), "Credential should be scoped to a valid region. "),
        ((ACCESS, SECRET), (REGION, "aoss"), "Credential should be scoped to correct service: 'es'. "),
    ];
    for (key, at, message) in table {
        let answer = put(&front, key, at, now);
        assert_eq!((answer.status, answer.json()), (403, serde_json::json!({ "message": message })));
    }
    let mut tampered = Call::new("PUT", PATH, "{}").sign(&front);
    tampered.body = "{ }".into();
    assert_eq!(tampered.send(&front).message(), MISMATCH);
    assert!(node.got().is_empty());
    assert!(front.requests().iter().all(|seen| seen.signed_by.is_none() && seen.status_answered == Some(403)));
}

#[test]
fn incomplete_headers_are_told_apart() {
    let node = Node::start();
    let front = front(&node);
    let answer = |value: &str| Call::new("GET", "/", "").header("Authorization", value).send(&front).message();
    assert_eq!(
        answer("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request"),
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."
    );
    assert!(answer("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=0").contains("5 slash-delimited"));
    assert_eq!(answer("AWS4-HMAC-SHA512 Credential=a"), "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'.");
    let dateless = answer("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=0");
    assert!(dateless.contains("'X-Amz-Date'"), "{dateless}");
}

#[test]
fn stale_and_future_dates_are_named_with_both_times() {
    let node = Node::start();
    let midnight = parse_amz_date("20261123T000000Z").unwrap();
    let clock = std::sync::Arc::new(move || midnight);
    let front = node.front().principal(keeper()).clock(clock).start_blocking().unwrap();
    let at = |seconds| {
        front.set_clock_ahead(seconds);
        put(&front, (ACCESS, SECRET), (REGION, "es"), midnight).message()
    };
    assert_eq!(
        at(600),
        "Signature expired: 20261123T000000Z is now earlier than 20261123T000500Z (20261123T001000Z - 5 min.)"
    );
    assert_eq!(
        at(-600),
        "Signature not yet current: 20261123T000000Z is still later than 20261122T235500Z (20261122T235000Z + 5 min.)"
    );
    assert_eq!((at(300), at(-300)), (String::new(), String::new()));
}

#[test]
fn session_tokens_must_match_and_be_current() {
    let node = Node::start();
    let end = SystemTime::now() + Duration::from_mins(2);
    let front = node.front().principal(keeper().session_token("token/+=").expires_at(end)).start_blocking().unwrap();
    let with = |token: &str| Call::new("GET", "/", "").header("X-Amz-Security-Token", token).sign(&front).send(&front);
    assert_eq!(with("token/+=").status, 200);
    assert_eq!(with("other").message(), INVALID);
    assert_eq!(send(&front, "GET", "/", "").message(), INVALID);
    front.set_clock_ahead(121);
    assert_eq!(with("token/+=").message(), "The security token included in the request is expired");
}

#[test]
fn callers_come_and_go_while_it_runs() {
    let node = Node::start();
    let front = node.front().start_blocking().unwrap();
    let call = || send(&front, "PUT", PATH, "{}");
    assert_eq!(call().message(), INVALID);
    front.add_principal(keeper().expires_at(front.now() + Duration::from_secs(3)));
    assert_eq!(call().status, 200);
    front.set_clock_ahead(4);
    assert_eq!(call().message(), "The security token included in the request is expired");
    front.set_clock_ahead(0);
    assert_eq!(call().status, 200);
    front.expire(ACCESS);
    assert_eq!((call().status, node.got().len()), (403, 2));
}
