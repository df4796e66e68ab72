//! A cluster that exists in memory only: one repository with as many snapshots as asked for. No real node gets 10,000
//! snapshots in the time of a test. It answers the reads of the snapshot API as nodes of the stated version do, and counts
//! what it was asked.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::background::Server;

/// The time of the first snapshot; each further one begins an hour later.
const FIRST_MILLIS: u64 = 1_735_689_600_000;
/// Between two snapshots, in milliseconds.
const APART_MILLIS: u64 = 3_600_000;

/// Whose answers it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persona {
    /// OpenSearch 3.3.0: `verbose=false` and lists of names, no pages.
    OpenSearch,
    /// Elasticsearch 8.19.0: pages as well.
    Elasticsearch,
}

impl Persona {
    fn version(self) -> &'static str {
        match self {
            Self::OpenSearch => "3.3.0",
            Self::Elasticsearch => "8.19.0",
        }
    }
}

/// What it holds.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Whose answers it gives.
    pub persona: Persona,
    /// The repository's name.
    pub repository: String,
    /// How many snapshots it has.
    pub snapshots: usize,
    /// How many indices are in each of them.
    pub indices: usize,
}

/// What it was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Requests answered.
    pub requests: u64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// Most requests that were open at once.
    pub at_once: u64,
    /// Bytes of the largest answer's body.
    pub largest: u64,
}

/// The running cluster; it stops when dropped.
#[derive(Debug)]
pub struct SyntheticCluster {
    server: Server,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
    open: AtomicU64,
    at_once: AtomicU64,
    largest: AtomicU64,
}

impl SyntheticCluster {
    /// Listens on a loopback port of the system's choice.
    pub fn start(holding: Holding) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let (holding, counted) = (Arc::new(holding), Arc::clone(&counters));
        let server = Server::start(move |request: Request<Incoming>| {
            let (holding, counters) = (Arc::clone(&holding), Arc::clone(&counted));
            async move { counters.around(async || answer(&holding, &request)).await }
        })?;
        Ok(Self { server, counters })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// What it was asked since the last call of this function.
    pub fn take_asked(&self) -> Asked {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::SeqCst);
        let Counters { requests, bytes, at_once, largest, .. } = &*self.counters;
        Asked { requests: take(requests), bytes: take(bytes), at_once: take(at_once), largest: take(largest) }
    }
}

impl Counters {
    async fn around(&self, answer: impl AsyncFnOnce() -> Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.at_once.fetch_max(open, Ordering::SeqCst);
        // Whoever else is on the way gets the chance to be seen as open at the same time.
        tokio::task::yield_now().await;
        let answer = answer().await;
        let size = hyper::body::Body::size_hint(answer.body()).exact().unwrap_or(0);
        self.requests.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(size, Ordering::SeqCst);
        self.largest.fetch_max(size, Ordering::SeqCst);
        self.open.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

fn answer(holding: &Holding, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let query = Query::read(request.uri().query().unwrap_or_default());
    let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    let (status, body) = match (request.method(), path.as_slice()) {
        (&Method::GET, [""]) => (StatusCode::OK, root(holding.persona)),
        (&Method::GET, ["_nodes", ..]) => (StatusCode::OK, nodes(holding.persona)),
        (&Method::GET, ["_snapshot" | "_snapshot/_all"]) => (StatusCode::OK, repository(holding)),
        (&Method::GET, ["_snapshot", name]) if *name == holding.repository => (StatusCode::OK, repository(holding)),
        (&Method::GET, ["_snapshot", name, wanted]) if *name == holding.repository => list(holding, wanted, &query),
        _ => (StatusCode::NOT_FOUND, error("repository_missing_exception", &format!("no {}", request.uri()))),
    };
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}

fn root(persona: Persona) -> Value {
    let version = match persona {
        Persona::OpenSearch => json!({ "distribution": "opensearch", "number": persona.version() }),
        Persona::Elasticsearch => json!({ "number": persona.version(), "build_flavor": "default" }),
    };
    json!({ "name": "synthetic", "cluster_name": "synthetic", "version": version })
}

fn nodes(persona: Persona) -> Value {
    json!({ "nodes": { "n": { "name": "synthetic", "version": persona.version() } } })
}

fn repository(holding: &Holding) -> Value {
    json!({ holding.repository.as_str(): { "type": "fs", "settings": { "location": "/synthetic" } } })
}

fn error(kind: &str, reason: &str) -> Value {
    json!({ "error": { "type": kind, "reason": reason }, "status": 404 })
}

/// The query's parameters.
struct Query<'a>(HashMap<&'a str, &'a str>);

impl<'a> Query<'a> {
    fn read(query: &'a str) -> Self {
        Self(query.split('&').filter_map(|pair| pair.split_once('=')).collect())
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.get(key)?.parse().ok()
    }

    fn leaves_out_indices(&self) -> bool {
        self.get("filter_path").is_some_and(|filter| filter.replace("%2C", ",").split(',').any(leaves_out_indices))
    }
}

fn leaves_out_indices(filter: &str) -> bool {
    matches!(filter, "-snapshots.indices" | "-**.indices" | "-*.indices")
}

fn list(holding: &Holding, wanted: &str, query: &Query<'_>) -> (StatusCode, Value) {
    if holding.persona == Persona::OpenSearch && query.get("size").is_some() {
        let reason = "request [/_snapshot] contains unrecognized parameter: [size]";
        return (StatusCode::BAD_REQUEST, error("illegal_argument_exception", reason));
    }
    let page = match numbers(holding, wanted) {
        Ok(found) => page(found, query),
        Err(name) => return (StatusCode::NOT_FOUND, error("snapshot_missing_exception", &format!("[{name}] missing"))),
    };
    let entries: Vec<Value> = page.numbers.iter().map(|&number| entry(holding, number, query)).collect();
    let mut body = json!({ "snapshots": entries });
    if holding.persona == Persona::Elasticsearch {
        body["total"] = json!(page.total);
        body["remaining"] = json!(page.remaining);
        if page.remaining > 0 {
            body["next"] = json!(page.numbers.last().map(|&number| name(number)));
        }
    }
    (StatusCode::OK, body)
}

/// Which snapshots are meant: `_all`, `*`, or a list of names. `Err` names one that does not exist.
fn numbers<'a>(holding: &Holding, wanted: &'a str) -> Result<Vec<usize>, &'a str> {
    match wanted {
        "_all" | "*" => Ok((0..holding.snapshots).collect()),
        "_current" => Ok(Vec::new()),
        names => names.split(',').map(|name| number(holding, name).ok_or(name)).collect(),
    }
}

/// A page of a list.
struct Page {
    numbers: Vec<usize>,
    total: usize,
    remaining: usize,
}

/// In the order of names, which is that of times as well.
fn page(found: Vec<usize>, query: &Query<'_>) -> Page {
    let total = found.len();
    let after = query.get("after").and_then(|after| after.rsplit('-').next()?.parse::<usize>().ok());
    let is_descending = query.get("order") == Some("desc");
    let mut numbers = found;
    if is_descending {
        numbers.reverse();
    }
    if let Some(after) = after {
        numbers.retain(|&number| if is_descending { number < after } else { number > after });
    }
    let open = numbers.len();
    numbers.truncate(query.number("size").unwrap_or(open));
    Page { remaining: open - numbers.len(), total, numbers }
}

fn name(number: usize) -> String {
    format!("nightly-2025-{number:06}")
}

fn number(holding: &Holding, name: &str) -> Option<usize> {
    let number = name.strip_prefix("nightly-2025-")?.parse().ok()?;
    (number < holding.snapshots).then_some(number)
}

fn entry(holding: &Holding, number: usize, query: &Query<'_>) -> Value {
    let mut entry = json!({
        "snapshot": name(number), "uuid": format!("synthetic{number:013}"), "state": "SUCCESS",
        "repository": holding.repository, "version": holding.persona.version(),
    });
    if !query.leaves_out_indices() {
        entry["indices"] = (0..holding.indices).map(|index| json!(format!("logs-application-{index:05}"))).collect();
    }
    if query.get("verbose") == Some("false") {
        return entry;
    }
    let began = FIRST_MILLIS + APART_MILLIS * number as u64;
    for (key, value) in [
        ("start_time_in_millis", json!(began)),
        ("end_time_in_millis", json!(began + 60_000)),
        ("duration_in_millis", json!(60_000)),
        ("include_global_state", json!(false)),
        ("failures", json!([])),
        ("data_streams", json!([])),
        ("shards", json!({ "total": holding.indices * 5, "failed": 0, "successful": holding.indices * 5 })),
    ] {
        entry[key] = value;
    }
    entry
}
