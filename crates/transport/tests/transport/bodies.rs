//! Row 9 of the catalogue at this level: whatever bytes come back, the end is an answer within its cap or
//! a typed loss.

use crate::support::{Server, answer, client, deadline, put, settings};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use snapkeep_transport::{Answer, Auth, Client, Lost};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const CAP: usize = 64 << 10;
const BODY: &str = r#"{"snapshots":[{"snapshot":"one","state":"SUCCESS"}]}"#;

/// A server that answers with the bytes of the moment.
struct Bench {
    next: Arc<Mutex<Vec<u8>>>,
    client: Client,
    server: Server,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let next = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&next);
        let server = Server::start(move |_| shared.lock().unwrap().clone());
        let client = client(&server.url, Auth::None, settings());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { next, client, server, runtime }
    }

    /// What a write makes of these bytes. No more than one request is sent: none arrives if the last answer,
    /// mutated, left a connection that seemed good for another.
    fn write(&self, bytes: &[u8]) -> Result<Answer, Lost> {
        *self.next.lock().unwrap() = bytes.to_vec();
        let before = self.server.got().len();
        let outcome = self.runtime.block_on(self.client.write(&put().cap(CAP), deadline()));
        assert!(self.server.got().len() <= before + 1);
        if let Ok(answer) = &outcome {
            assert!(answer.body.len() <= CAP);
        }
        outcome
    }
}

fn chunked(body: &str) -> Vec<u8> {
    let (first, second) = body.split_at(body.len() / 2);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    [head, &chunk(first), &chunk(second), "0\r\n\r\n"].concat().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// In the status line, in each header, in the empty line, in the body, in the chunks' own lines.
#[test]
fn an_answer_that_ends_at_any_byte_is_cut() {
    let bench = Bench::new();
    for whole in [answer(200, "Content-Type: application/json\r\n", BODY.as_bytes()), chunked(BODY)] {
        assert_eq!(bench.write(&whole).unwrap().body, BODY);
        for end in 0..whole.len() {
            let lost = bench.write(&whole[..end]).unwrap_err();
            assert!(matches!(lost, Lost::Cut(_)), "{end} of {}: {lost:?}", whole.len());
        }
    }
}

#[test]
fn lengths_that_lie_are_no_answers() {
    let bench = Bench::new();
    for length in ["53", "18446744073709551615", "99999999999999999999999", "-1", "0x35", "52, 53"] {
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{BODY}");
        let lost = bench.write(head.as_bytes()).unwrap_err();
        assert!(!lost.is_unsent(), "{length}: {lost:?}");
    }
    for chunk in ["ffffffffffffffff", "fffffffffffffffff", "-1", "zz", ""] {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}\r\n{BODY}\r\n0\r\n\r\n");
        let lost = bench.write(head.as_bytes()).unwrap_err();
        assert!(!lost.is_unsent(), "{chunk}: {lost:?}");
    }
}

#[test]
fn the_cap_is_exact() {
    let bench = Bench::new();
    assert_eq!(bench.write(&answer(200, "", &vec![b' '; CAP])).unwrap().body.len(), CAP);
    let over = bench.write(&answer(200, "", &vec![b' '; CAP + 1])).unwrap_err();
    assert!(matches!(&over, Lost::Unreadable(text) if text.contains("larger than 65536 bytes")), "{over:?}");
}

#[test]
fn packed_bodies_are_not_unpacked() {
    let bench = Bench::new();
    let bomb = gzip(&vec![b' '; 32 << 20]);
    assert!(bomb.len() < CAP);
    for encoding in ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip"] {
        let lost = bench.write(&answer(200, &format!("Content-Encoding: {encoding}\r\n"), &bomb)).unwrap_err();
        assert!(matches!(&lost, Lost::Unreadable(text) if text.contains("compressed")), "{encoding}: {lost:?}");
    }
    // Without the header they are bytes like any others: no JSON, as the reader of them will find.
    assert_eq!(bench.write(&answer(200, "", &bomb)).unwrap().body, bomb);
    assert_eq!(bench.write(&answer(200, "Content-Encoding: identity\r\n", BODY.as_bytes())).unwrap().body, BODY);
}

#[test]
fn heads_without_an_end_are_given_up() {
    let bench = Bench::new();
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(4 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(100_000));
    for head in [long, many] {
        assert!(!bench.write(head.as_bytes()).unwrap_err().is_unsent());
    }
}

/// The sender of a body without an end is stopped soon after the cap: what it got rid of until then lies in
/// the sockets' buffers.
#[tokio::test]
async fn a_body_without_an_end_is_left() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        let mut piece = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        while stream.write_all(&piece).is_ok() {
            counted.fetch_add(piece.len() as u64, Ordering::SeqCst);
            piece = vec![b' '; 16 << 10];
        }
    });
    let lost = client(&url, Auth::None, settings()).write(&put().cap(CAP), deadline()).await.unwrap_err();
    assert!(matches!(lost, Lost::Unreadable(_)), "{lost:?}");
    // The runtime has to go on for the connection to be closed.
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    let megabytes = sent.load(Ordering::SeqCst) >> 20;
    assert!(megabytes < 32, "{megabytes} MB were taken");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Some bytes of a good answer are others.
    #[test]
    fn mutated_answers_end_typed(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        BENCH.with(|bench| {
            let mut bytes = answer(200, "Content-Type: application/json\r\n", BODY.as_bytes());
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Err(lost) = bench.write(&bytes) {
                assert!(!lost.is_unsent(), "{lost:?}");
            }
        });
    }

    /// No HTTP at all.
    #[test]
    fn noise_ends_typed(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        BENCH.with(|bench| assert!(!bench.write(&bytes).unwrap_err().is_unsent()));
    }
}

thread_local! {
    static BENCH: Bench = Bench::new();
}
