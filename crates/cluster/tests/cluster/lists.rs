//! Large lists and odd answers, from a server of the test's own that answers as versions were seen to.

use crate::stage::{api, name, named, soon};
use serde_json::{Value, json};
use snapkeep_cluster::{Flavour, Product, SnapshotApi, Unanswered, Version};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_transport::Lost;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Answers = dyn Fn(&str) -> (u16, String) + Send + Sync;

/// Answers each GET by its path and query, and keeps those.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answers, kept): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, kept) = (Arc::clone(&answers), Arc::clone(&kept));
                std::thread::spawn(move || serve(stream.unwrap(), &*answers, &kept));
            }
        });
        Self { url, seen }
    }

    fn api(&self) -> SnapshotApi {
        api(&self.url)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answers: &Answers, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut first = String::new();
        reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        let path = first.split(' ').nth(1)?.to_owned();
        let (status, body) = answers(&path);
        kept.lock().unwrap().push(path);
        write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

fn repository() -> RepositoryName {
    RepositoryName::parse("r").unwrap()
}

fn product(flavour: Flavour, major: u32, minor: u32) -> Product {
    Product { flavour, version: Version::new(major, minor, 0), claimed: None, cluster_name: None }
}

fn parameter<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    path.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// The names of that many indices, as JSON.
fn index_names(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("\"logs-production-2026.11.{n:05}\"")).collect();
    format!("[{}]", names.join(","))
}

/// A snapshot as a detailed list has it.
fn entry(snapshot: &str, indices: &str) -> String {
    format!(
        r#"{{"snapshot":"{snapshot}","uuid":"{snapshot}","state":"SUCCESS","indices":{indices},"start_time_in_millis":1,
        "end_time_in_millis":2,"failures":[],"shards":{{"total":1,"successful":1,"failed":0}}}}"#
    )
}

fn all_names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("nightly-{n:05}")).collect()
}

/// An OpenSearch with that many snapshots of 200 indices, which leaves out the details of those in `unreadable`.
fn opensearch(count: usize, unreadable: &'static [&'static str]) -> Server {
    let (names, indices) = (all_names(count), index_names(200));
    Server::start(move |path| {
        if path.contains("verbose=false") {
            let list: Vec<Value> = names.iter().map(|name| json!({"snapshot": name, "state": "SUCCESS"})).collect();
            return (200, json!({ "snapshots": list }).to_string());
        }
        let asked = path.split(['/', '?']).nth(3).unwrap_or_default();
        let list = asked.split(',').filter(|name| !unreadable.contains(name)).map(|name| entry(name, &indices));
        (200, format!(r#"{{"snapshots":[{}]}}"#, list.collect::<Vec<_>>().join(",")))
    })
}

/// An Elasticsearch 7.14 or later with that many snapshots of `indices` indices each.
fn elasticsearch(count: usize, indices: usize) -> Server {
    let (names, indices) = (all_names(count), index_names(indices));
    Server::start(move |path| {
        let size: usize = parameter(path, "size").unwrap().parse().unwrap();
        let begin = parameter(path, "after").map_or(0, |after| after.parse::<usize>().unwrap());
        let end = (begin + size).min(names.len());
        let list: Vec<String> = names[begin..end].iter().map(|name| entry(name, &indices)).collect();
        let next = if end < names.len() { format!(r#","next":"{end}""#) } else { String::new() };
        let body = format!(r#"{{"snapshots":[{}],"total":{}{next}}}"#, list.join(","), names.len());
        (200, body)
    })
}

#[tokio::test]
async fn ten_thousand_come_in_chunks_each_once() {
    let server = opensearch(10_000, &[]);
    let all = server.api().all(&repository(), &product(Flavour::OpenSearch, 3, 3), true, soon()).await.unwrap();
    assert!(all.iter().all(|entry| entry.indices == Some(200) && entry.shards.is_some()));
    assert_eq!(all.iter().map(|entry| &entry.name).collect::<BTreeSet<_>>().len(), 10_000);
    let seen = server.seen();
    assert!(seen.len() <= 102 && seen.iter().all(|path| path.len() < 4_000), "{} requests", seen.len());
}

#[tokio::test]
async fn ten_thousand_come_by_pages_each_once() {
    let server = elasticsearch(10_000, 200);
    let all = server.api().all(&repository(), &product(Flavour::Elasticsearch, 8, 19), true, soon()).await.unwrap();
    assert_eq!((all.len(), all[9_999].indices), (10_000, Some(200)));
    let seen = server.seen();
    assert_eq!(seen.len(), 100);
    assert!(seen[0].contains("index_details=true") && seen[99].contains("after=9900"), "{:?}", seen[99]);
}

/// Some 6 MB of names for each snapshot: fewer at once, rather than none.
#[tokio::test]
async fn what_is_too_large_is_asked_for_in_smaller_parts() {
    let server = elasticsearch(12, 200_000);
    let all = server.api().all(&repository(), &product(Flavour::Elasticsearch, 8, 19), false, soon()).await.unwrap();
    assert_eq!((all.len(), all[11].indices), (12, Some(200_000)));

    let server = elasticsearch(1, 1_500_000);
    let lost =
        server.api().all(&repository(), &product(Flavour::Elasticsearch, 8, 19), false, soon()).await.unwrap_err();
    assert!(matches!(&lost, Unanswered::Lost(Lost::Unreadable(_))), "{lost:?}");
    let failure = lost.failure();
    assert!(failure.cause.contains("larger than") && failure.hint.contains("one snapshot at a time"), "{failure:?}");
}

/// A server leaves out what it cannot read, if it may: that is not to look deleted.
#[tokio::test]
async fn what_the_server_cannot_read_is_listed_all_the_same() {
    let server = opensearch(5, &["nightly-00003"]);
    let all = server.api().all(&repository(), &product(Flavour::OpenSearch, 2, 19), false, soon()).await.unwrap();
    assert_eq!(all.len(), 5);
    assert_eq!(
        all.iter().filter(|entry| entry.shards.is_none()).map(|entry| &*entry.name).collect::<Vec<_>>(),
        ["nightly-00003"]
    );

    // By pages, the total tells.
    let server = Server::start(|path| {
        let names = json!({"snapshots": [{"snapshot": "a"}, {"snapshot": "b"}]});
        let page = format!(r#"{{"snapshots":[{}],"total":2,"remaining":0}}"#, entry("a", "[]"));
        (200, if path.contains("verbose=false") { names.to_string() } else { page })
    });
    let all = server.api().all(&repository(), &product(Flavour::Elasticsearch, 8, 19), false, soon()).await.unwrap();
    assert_eq!(named(&all), ["a", "b"]);
}

/// A filter takes an empty list away on most versions; and a proxy's `{}` is no empty list.
#[tokio::test]
async fn an_empty_list_is_told_from_no_list() {
    let filtered = |path: &str| if path.contains("filter_path") { "{}" } else { r#"{"snapshots":[]}"# }.to_owned();
    let server = Server::start(move |path| (200, filtered(path)));
    assert_eq!(server.api().names(&repository(), soon()).await.unwrap(), []);
    let server = Server::start(|_| (200, "{}".to_owned()));
    let unanswered = server.api().names(&repository(), soon()).await.unwrap_err();
    assert!(matches!(unanswered, Unanswered::Malformed { status: 200, .. }), "{unanswered:?}");
}

/// Elasticsearch 7.0 to 7.9 nests lists, and 7.14 and later tell errors beside an empty list.
#[tokio::test]
async fn an_error_inside_an_answer_of_200_is_one() {
    for body in [
        r#"{"responses":[{"repository":"r","error":{"type":"repository_missing_exception","reason":"[r] missing"}}]}"#,
        r#"{"snapshots":[],"failures":{"r":{"type":"repository_missing_exception","reason":"[r] missing"}},"total":0,"remaining":0}"#,
        r#"{"failures":{"r":{"type":"repository_missing_exception","reason":"[r] missing"}},"total":0,"remaining":0}"#,
    ] {
        let server = Server::start(|_| (200, body.to_owned()));
        let unanswered = server.api().names(&repository(), soon()).await.unwrap_err();
        assert!(matches!(&unanswered, Unanswered::Refused(refusal) if refusal.status == 404), "{unanswered:?}");
    }
    let missing = r#"{"responses":[{"repository":"r","error":{"type":"snapshot_missing_exception","reason":"[r:s] is missing"}}]}"#;
    let server = Server::start(|_| (200, missing.to_owned()));
    assert_eq!(server.api().full(&repository(), &name("s"), soon()).await.unwrap(), None);
}

/// No answer makes the client panic or believe something; each is a typed error.
#[tokio::test]
async fn malformed_answers_are_told() {
    let bodies = [
        "",
        "null",
        "[]",
        "{\"snapshots\":7}",
        "{\"snapshots\":[{}]}",
        "<html>",
        "{\"snapshots\":[{\"snapshot\":\"s\"",
        "\u{0}",
    ];
    for body in bodies {
        let server = Server::start(move |_| (200, body.to_owned()));
        let (api, s) = (server.api(), name("s"));
        let asked: &[SnapshotName] = std::slice::from_ref(&s);
        assert!(matches!(api.names(&repository(), soon()).await, Err(Unanswered::Malformed { .. })), "{body}");
        assert!(matches!(api.details(&repository(), asked, soon()).await, Err(Unanswered::Malformed { .. })), "{body}");
        assert!(matches!(api.full(&repository(), &s, soon()).await, Err(Unanswered::Malformed { .. })), "{body}");
        assert!(matches!(api.progress(&repository(), &s, soon()).await, Err(Unanswered::Malformed { .. })), "{body}");
        assert!(matches!(api.product(soon()).await, Err(Unanswered::Malformed { .. })), "{body}");
        assert!(matches!(api.clock(soon()).await, Err(Unanswered::Malformed { .. })), "{body}");
    }
}
