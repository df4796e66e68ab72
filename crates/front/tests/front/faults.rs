//! Every action, with its count, what the node saw and what the caller got.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use snapkeep_front::{Action, Fault, FaultId, Front, Gate, Sink, Which};

use crate::support::{Answer, Call, Node, keeper, raw, send, until};

const PATH: &str = "/_snapshot/repo/snap";

/// A node and a front in which the first PUT below a repository meets this action.
fn struck(action: Action) -> (Node, Front, FaultId) {
    let node = Node::start();
    let front = node.front().principal(keeper()).start_blocking().unwrap();
    let id = front.inject(Fault::on("PUT", "/_snapshot/*/*").first(1).then(action));
    (node, front, id)
}

/// The next request is untouched; so much were injected and reached the node in all.
fn settled(node: &Node, front: &Front, id: FaultId, reached: usize) {
    assert_eq!(send(front, "PUT", PATH, "{}").status, 200);
    assert_eq!((front.injected(id), node.got().len()), (1, reached + 1));
    let seen = front.requests();
    assert_eq!((seen[0].fault, seen[1].fault), (Some(id), None));
    assert_eq!(seen[0].forwarded as usize, reached);
}

#[test]
fn drop_before() {
    let (node, front, id) = struck(Action::DropBefore);
    assert_eq!(raw(&front, "PUT", PATH), b"");
    assert_eq!(front.requests()[0].status_answered, None);
    settled(&node, &front, id, 0);
}

#[test]
fn forward_then_drop() {
    let (node, front, id) = struck(Action::ForwardThenDrop);
    assert_eq!(raw(&front, "PUT", PATH), b"");
    settled(&node, &front, id, 1);
}

#[test]
fn cut_at_every_byte() {
    let node = Node::start();
    let front = node.front().principal(keeper()).start_blocking().unwrap();
    let whole = raw(&front, "PUT", PATH);
    for bytes in 0..=whole.len() {
        let id = front.inject(Fault::on("PUT", PATH).first(1).then(Action::CutAt(bytes)));
        assert_eq!(raw(&front, "PUT", PATH).len(), bytes);
        assert_eq!(front.injected(id), 1);
        front.clear_faults();
    }
    assert_eq!(node.got().len(), whole.len() + 2);
}

#[test]
fn status() {
    let headers = vec![("Retry-After".to_owned(), "1".to_owned())];
    let (node, front, id) = struck(Action::Status { code: 429, headers, body: Bytes::from_static(b"slow down") });
    let answer = send(&front, "PUT", PATH, "{}");
    assert_eq!((answer.status, answer.header("retry-after"), &answer.body[..]), (429, Some("1"), &b"slow down"[..]));
    assert_eq!(front.requests()[0].status_answered, Some(429));
    settled(&node, &front, id, 0);
}

#[test]
fn forward_then_status() {
    let (node, front, id) = struck(Action::gateway_timeout());
    let answer = send(&front, "PUT", PATH, "{}");
    assert_eq!((answer.status, answer.header("content-type")), (504, Some("text/html")));
    settled(&node, &front, id, 1);
}

#[test]
fn duplicate() {
    for concurrent in [false, true] {
        for answer in [Which::First, Which::Last] {
            let (node, front, id) = struck(Action::Duplicate { concurrent, answer });
            assert_eq!(send(&front, "PUT", PATH, "{}").status, 200);
            settled(&node, &front, id, 2);
        }
    }
}

#[test]
fn delay_before_and_after() {
    let time = Duration::from_millis(5);
    for action in [Action::Delay(time), Action::DelayAnswer(time)] {
        let (node, front, id) = struck(action);
        assert_eq!(send(&front, "PUT", PATH, "{}").status, 200);
        settled(&node, &front, id, 1);
    }
}

/// What the node got once a rule has struck that delays for ever, while the caller waits for its answer.
fn reached_while_delayed(action: Action, reached: usize) {
    let (node, front, id) = struck(action);
    let mut stream = TcpStream::connect(front.authority()).unwrap();
    stream.write_all(&Call::new("PUT", PATH, "").sign(&front).bytes()).unwrap();
    until("it is struck", || front.injected(id) == 1 && node.got().len() == reached);
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(stream.read(&mut [0]).is_err());
    assert_eq!((front.requests()[0].status_answered, node.got().len()), (None, reached));
}

#[test]
fn a_delay_is_before_or_after_the_nodes_work() {
    let for_ever = Duration::from_hours(24);
    reached_while_delayed(Action::Delay(for_ever), 0);
    reached_while_delayed(Action::DelayAnswer(for_ever), 1);
}

/// Who was killed has a request that goes on.
#[test]
fn a_request_is_on_its_way_although_its_caller_is_gone() {
    let gate = Gate::new();
    let (node, front, id) = struck(Action::Hold(gate.clone()));
    assert!(front.is_idle(), "nothing came yet");
    let mut stream = TcpStream::connect(front.authority()).unwrap();
    stream.write_all(&Call::new("PUT", PATH, "").sign(&front).bytes()).unwrap();
    until("it is struck", || front.injected(id) == 1);
    drop(stream);
    assert!(!front.is_idle() && node.got().is_empty());
    gate.open();
    until("the node has it", || front.is_idle());
    assert_eq!(node.got().len(), 1);
}

#[test]
fn redirect() {
    let sink = Sink::start().unwrap();
    let (node, front, id) = struck(Action::Redirect { code: 307, location: sink.url() });
    let answer = send(&front, "PUT", PATH, "{}");
    assert_eq!((answer.status, answer.header("location")), (307, Some(sink.url().as_str())));
    settled(&node, &front, id, 0);
    assert_eq!((sink.connections(), sink.bytes()), (0, 0));
}

#[test]
fn replace_body() {
    let (node, front, id) = struck(Action::ReplaceBody(Bytes::from_static(b"<html>")));
    let answer = send(&front, "PUT", PATH, "{}");
    assert_eq!((answer.status, answer.header("x-node"), &answer.body[..]), (200, Some("1"), &b"<html>"[..]));
    settled(&node, &front, id, 1);
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
}

#[test]
fn oversize() {
    let (node, front, id) = struck(Action::Oversize { bytes: 200_000, gzip: false });
    let answer = send(&front, "PUT", PATH, "{}");
    assert_eq!(unchunk(&answer.body).len(), 200_000);
    settled(&node, &front, id, 0);
}

#[test]
fn oversize_packed() {
    let (node, front, id) = struck(Action::Oversize { bytes: 50_000_000, gzip: true });
    let answer = send(&front, "PUT", PATH, "{}");
    let packed = unchunk(&answer.body);
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(packed.len() < 1_000_000, "{}", packed.len());
    let mut decoded = Vec::new();
    // It is cut rather than ended, so the reader ends in an error once it has read all.
    let _ = GzDecoder::new(&packed[..]).read_to_end(&mut decoded);
    assert!(decoded.len() >= 50_000_000 && decoded.iter().all(|&byte| byte == b' '), "{}", decoded.len());
    settled(&node, &front, id, 0);
}

#[test]
fn oversize_without_end() {
    let (_node, front, id) = struck(Action::Oversize { bytes: u64::MAX, gzip: false });
    let call = Call::new("PUT", PATH, "").sign(&front);
    let mut stream = TcpStream::connect(front.authority()).unwrap();
    stream.write_all(&call.bytes()).unwrap();
    let read = std::io::copy(&mut (&mut stream).take(10_000_000), &mut std::io::sink()).unwrap();
    assert_eq!((read, front.injected(id)), (10_000_000, 1));
    drop(stream);
    assert_eq!(send(&front, "PUT", PATH, "{}").status, 200);
}

#[test]
fn faults_strike_after_the_signature_unless_told_otherwise() {
    let node = Node::start();
    let front = node.front().principal(keeper()).start_blocking().unwrap();
    let after = front.inject(Fault::on("*", "/**").then(Action::status(500, "{}")));
    let unsigned = || Call::new("GET", "/", "").send(&front).status;
    assert_eq!((unsigned(), front.injected(after)), (403, 0));
    let before = front.inject(Fault::on("*", "/**").before_signature().then(Action::status(503, "{}")));
    assert_eq!((unsigned(), front.injected(before)), (503, 1));
    assert_eq!((send(&front, "GET", "/", "").status, front.injected(before)), (503, 2));
    front.clear_faults();
    assert_eq!((unsigned(), send(&front, "GET", "/", "").status), (403, 200));
    assert_eq!(front.injected(after), 0);
}

#[test]
fn what_is_forwarded_before_the_signature_is_verified_all_the_same() {
    let node = Node::start();
    let front = node.front().principal(keeper()).start_blocking().unwrap();
    let fault = Fault::on("*", "/").before_signature().then(Action::Delay(Duration::ZERO));
    front.inject(fault);
    assert_eq!(Call::new("GET", "/", "").send(&front).status, 403);
    assert_eq!(Answer::parse(&raw(&front, "GET", "/")).status, 200);
    assert_eq!(node.got().len(), 1);
}

#[test]
fn forwarding_goes_through_the_domain() {
    let (node, front, id) = struck(Action::ForwardThenDrop);
    assert_eq!(raw(&front, "PUT", "/_snapshot/cs-automated/snap"), b"");
    assert_eq!((front.injected(id), node.got().len()), (1, 0));
}
