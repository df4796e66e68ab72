//! What a domain lets whom do.

use std::time::Duration;

use serde_json::json;
use snapkeep_front::{DenialWording, Front, Rights};

use crate::support::{ARN, Node, keeper, send, until};

fn front(node: &Node, rights: Rights) -> Front {
    node.front().principal(keeper().rights(rights)).start_blocking().unwrap()
}

#[test]
fn iam_rights_are_by_method() {
    let node = Node::start();
    let front = front(&node, Rights::only(&["ESHttpPut"]));
    assert_eq!(send(&front, "PUT", "/_snapshot/r/s", "{}").status, 200);
    for (method, action) in [("GET", "Get"), ("POST", "Post"), ("DELETE", "Delete")] {
        let answer = send(&front, method, "/_snapshot/r/s", "");
        let resource = "arn:aws:es:eu-west-1:123456789012:domain/demo/_snapshot/r/s";
        let text = format!("User: {ARN} is not authorized to perform: es:ESHttp{action} on resource: {resource}");
        assert_eq!((answer.status, answer.json()), (403, json!({ "Message": text })));
    }
    let head = send(&front, "HEAD", "/index", "");
    assert_eq!((head.status, head.body.len()), (403, 0));
    assert_eq!(node.got().len(), 1);
}

#[test]
fn refusals_have_three_wordings() {
    let node = Node::start();
    let message = |wording| {
        let rights = Rights::all().without("es:ESHttpGet");
        let front = node.front().principal(keeper().rights(rights)).denial_wording(wording).start_blocking().unwrap();
        send(&front, "GET", "/x", "").message()
    };
    let start = format!("User: {ARN} is not authorized to perform: es:ESHttpGet");
    assert_eq!(message(DenialWording::Bare), start);
    assert_eq!(
        message(DenialWording::Because),
        format!("{start} because no identity-based policy allows the es:ESHttpGet action")
    );
    assert!(message(DenialWording::Resource).ends_with("domain/demo/x"));
}

#[test]
fn without_manage_snapshots_the_security_plugin_refuses() {
    let node = Node::start();
    let rights = Rights::all().without_manage_snapshots().backend_roles(&["arn:aws:iam::123456789012:role/a"]);
    let front = front(&node, rights);
    let answer = send(&front, "PUT", "/_snapshot/r/s", "{}");
    let reason = format!(
        "no permissions for [cluster:admin/snapshot/create] and User [name={ARN}, \
         backend_roles=[arn:aws:iam::123456789012:role/a], requestedTenant=null]"
    );
    let cause = json!({ "type": "security_exception", "reason": reason });
    let error = json!({ "root_cause": [cause], "type": "security_exception", "reason": reason });
    assert_eq!((answer.status, answer.json()), (403, json!({ "error": error, "status": 403 })));
    assert_eq!(send(&front, "GET", "/_cluster/health", "").status, 200);
    assert_eq!(send(&front, "GET", "/", "").status, 200);
}

#[test]
fn repositories_of_the_service_can_be_read_and_restored_from() {
    let node = Node::start();
    let front = front(&node, Rights::all());
    for (method, path) in [
        ("PUT", "/_snapshot/cs-automated"),
        ("PUT", "/_snapshot/cs-automated-enc/s"),
        ("DELETE", "/_snapshot/cs-automated/s"),
        ("POST", "/_snapshot/cs-automated/_cleanup"),
    ] {
        let answer = send(&front, method, path, "{}");
        assert_eq!((answer.status, answer.message()), (401, format!("Your request: '{path}' is not allowed.")));
    }
    assert!(node.got().is_empty());
    assert_eq!(send(&front, "GET", "/_snapshot/cs-automated/_all", "").status, 200);
    assert_eq!(send(&front, "POST", "/_snapshot/cs-automated/s/_restore", "{}").status, 200);
}

#[test]
fn unscoped_recovery_and_status_are_refused() {
    let node = Node::start();
    let front = front(&node, Rights::all());
    for path in ["/_recovery", "/_snapshot/_status"] {
        assert_eq!(send(&front, "GET", path, "").status, 401, "{path}");
    }
    for path in ["/index/_recovery", "/_snapshot/r/s/_status"] {
        assert_eq!(send(&front, "GET", path, "").status, 200, "{path}");
    }
}

#[test]
fn a_slow_node_is_answered_for_and_goes_on() {
    let node = Node::start();
    let time = Duration::from_millis(50);
    let front = node.front().principal(keeper()).gateway_timeout(time).start_blocking().unwrap();
    let answer = send(&front, "PUT", "/_snapshot/r/s?delay_ms=60000", "{}");
    assert_eq!((answer.status, answer.header("content-type")), (504, Some("text/html")));
    until("the node has the request", || node.got().len() == 1);
}

#[test]
fn a_node_that_is_not_there_is_unavailable() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let front = Front::builder(&format!("http://{free}")).principal(keeper()).start_blocking().unwrap();
    assert_eq!(send(&front, "GET", "/", "").status, 503);
}

#[test]
fn only_plain_urls_of_nodes_are_taken() {
    for url in ["https://127.0.0.1:1", "http://127.0.0.1:1/path", "127.0.0.1:1", "http://host"] {
        assert!(Front::builder(url).start_blocking().is_err(), "{url}");
    }
}
