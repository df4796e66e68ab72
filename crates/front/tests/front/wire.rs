//! HTTP as other clients speak it, and the listener that must stay untouched.

use std::io::{Read, Write};
use std::net::TcpStream;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use snapkeep_front::{Front, Sink};

use crate::support::{Call, Node, keeper, until};

async fn transparent(node: &Node) -> Front {
    node.front().transparent().start().await.unwrap()
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let node = Node::start();
    let front = transparent(&node).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    for number in 0..5 {
        let body = Full::from(format!("body {number}"));
        let request = Request::post(format!("{}/index/{number}", front.url())).body(body).unwrap();
        let answer = client.request(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-node"].to_str().unwrap()), (200, "1"));
        assert!(!answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
    assert_eq!(node.got().len(), 5);
}

#[test]
fn chunked_bodies_and_expectations_are_understood() {
    let node = Node::start();
    let front = node.front().transparent().start_blocking().unwrap();
    let mut stream = TcpStream::connect(front.authority()).unwrap();
    let head = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n").unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).unwrap();
    assert!(back.starts_with("HTTP/1.1 200 OK\r\n"), "{back}");
    assert_eq!(node.got()[0].body, "abcde");
}

#[test]
fn a_node_that_comes_back_elsewhere_is_behind_the_same_address() {
    let (first, second) = (Node::start(), Node::start());
    let front = first.front().transparent().start_blocking().unwrap();
    for (node, other) in [(&first, &second), (&second, &first)] {
        front.retarget(&node.url).unwrap();
        let before = (node.got().len(), other.got().len());
        assert_eq!(Call::new("GET", "/", "").send(&front).status, 200);
        assert_eq!((node.got().len(), other.got().len()), (before.0 + 1, before.1));
    }
    assert!(front.retarget("https://elsewhere").is_err());
}

#[test]
fn a_transparent_front_changes_nothing() {
    let node = Node::start();
    let front = node.front().transparent().start_blocking().unwrap();
    let call = Call::new("GET", "/_recovery?q=%2a", "").header("Host", "bucket.s3").header("Authorization", "AWS4-X");
    let answer = call.send(&front);
    assert_eq!((answer.status, answer.header("x-amzn-requestid")), (200, None));
    let got = &node.got()[0];
    assert_eq!((got.headers["host"].as_str(), got.headers["authorization"].as_str()), ("bucket.s3", "AWS4-X"));
    assert_eq!(got.target, "/_recovery?q=%2a");
}

#[test]
fn heads_have_the_length_of_the_body_they_leave_out() {
    let node = Node::start();
    let front = node.front().transparent().start_blocking().unwrap();
    let answer = Call::new("HEAD", "/index", "").send(&front);
    assert!(answer.body.is_empty());
    assert!(answer.header("content-length").is_some_and(|length| length != "0"), "{}", answer.head);
}

#[test]
fn a_front_stops_when_dropped() {
    let node = Node::start();
    let front = node.front().principal(keeper()).start_blocking().unwrap();
    let authority = front.authority();
    drop(front);
    assert!(TcpStream::connect(authority).is_err());
}

#[test]
fn a_sink_counts_what_reaches_it() {
    let sink = Sink::start().unwrap();
    assert_eq!((sink.connections(), sink.bytes()), (0, 0));
    let mut stream = TcpStream::connect(sink.authority()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    until("the sink has read it", || sink.bytes() == 18);
    assert_eq!(sink.connections(), 1);
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(sink.url(), format!("http://{}", sink.authority()));
}
