//! A stand-in for a search node: the four requests of a backup, answered from memory as a node answers them. A real node
//! takes as long as its disk and bucket do, which would be noise in a measurement of the function before it.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// A listening stand-in; it serves until this process ends.
#[derive(Debug)]
pub(crate) struct StandIn {
    url: String,
    repositories: Repositories,
}

type Repositories = Arc<Mutex<HashMap<String, Repository>>>;

/// What was written to a repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repository {
    /// The registration's body.
    registered: Value,
    /// How often it was registered.
    pub(crate) registrations: usize,
    /// Names of the snapshots taken.
    pub(crate) snapshots: Vec<String>,
}

impl StandIn {
    /// Listens on a loopback port of the system's choice.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let repositories = Repositories::default();
        let shared = Arc::clone(&repositories);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection's failure is its client's to see.
                let _ = serve(stream, &shared);
            }
        });
        Ok(Self { url, repositories })
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What was written to this repository.
    pub(crate) fn written_to(&self, repository: &str) -> Repository {
        lock(&self.repositories).get(repository).cloned().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request, then the connection is closed, which is how the front asks.
fn serve(stream: TcpStream, repositories: &Repositories) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let (method, path, body) = read(&mut reader)?;
    let (status, answer) = answer(&mut lock(repositories), &method, &path, &body);
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json; charset=UTF-8\r\nConnection: close\r\n");
    let whole = format!("{head}Content-Length: {}\r\n\r\n{answer}", answer.len());
    reader.into_inner().write_all(whole.as_bytes())
}

/// Method, path and body.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<(String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((method, path, body))
}

fn answer(
    repositories: &mut HashMap<String, Repository>,
    method: &str,
    path: &str,
    body: &[u8],
) -> (&'static str, Value) {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, segments.as_slice()) {
        ("PUT", ["_snapshot", name]) => {
            let repository = repositories.entry((*name).to_owned()).or_default();
            repository.registered = serde_json::from_slice(body).unwrap_or_default();
            repository.registrations += 1;
            ("200 OK", json!({ "acknowledged": true }))
        }
        ("GET", ["_snapshot", name]) => match repositories.get(*name) {
            Some(repository) => ("200 OK", json!({ *name: repository.registered })),
            None => missing("repository_missing_exception", &format!("[{name}] missing")),
        },
        ("PUT", ["_snapshot", name, snapshot]) => match repositories.get_mut(*name) {
            Some(repository) => {
                repository.snapshots.push((*snapshot).to_owned());
                ("200 OK", json!({ "accepted": true }))
            }
            None => missing("repository_missing_exception", &format!("[{name}] missing")),
        },
        ("GET", ["_snapshot", name, wanted]) => snapshots(repositories.get(*name), name, wanted),
        _ => ("405 Method Not Allowed", json!({ "error": "the stand-in does not know this request", "status": 405 })),
    }
}

fn snapshots(repository: Option<&Repository>, name: &str, wanted: &str) -> (&'static str, Value) {
    let all = repository.map(|repository| repository.snapshots.as_slice()).unwrap_or_default();
    let found: Vec<Value> = match wanted.strip_prefix('*') {
        Some(end) => all.iter().filter(|snapshot| snapshot.ends_with(end)).map(|name| running(name)).collect(),
        None => all.iter().filter(|snapshot| *snapshot == wanted).map(|name| running(name)).collect(),
    };
    if found.is_empty() && !wanted.contains('*') {
        return missing("snapshot_missing_exception", &format!("[{name}:{wanted}] is missing"));
    }
    ("200 OK", json!({ "snapshots": found }))
}

/// As a node shows a snapshot that has just begun.
fn running(name: &str) -> Value {
    json!({
        "snapshot": name, "uuid": "rKsUcB0uQ6eOSu4LhUZRUA", "version_id": 137_217_927, "version": "3.3.0",
        "indices": ["logs"], "data_streams": [], "include_global_state": true, "state": "IN_PROGRESS",
        "start_time": "2026-11-23T05:00:00.000Z", "start_time_in_millis": 1_795_410_000_000_u64,
        "end_time": "1970-01-01T00:00:00.000Z", "end_time_in_millis": 0, "duration_in_millis": 0, "failures": [],
        "shards": { "total": 0, "failed": 0, "successful": 0 },
    })
}

fn missing(kind: &str, reason: &str) -> (&'static str, Value) {
    let cause = json!({ "type": kind, "reason": reason });
    ("404 Not Found", json!({ "error": { "root_cause": [cause], "type": kind, "reason": reason }, "status": 404 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(stand_in: &StandIn, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(stand_in.url.trim_start_matches("http://")).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    #[test]
    fn a_backup_is_answered_as_a_node_would() {
        let node = StandIn::start().unwrap();
        let (status, refused) = ask(&node, "GET", "/_snapshot/r", "");
        assert_eq!((status, &refused["error"]["type"]), (404, &json!("repository_missing_exception")));
        assert_eq!(ask(&node, "PUT", "/_snapshot/r/s-1", "").0, 404);
        let body = r#"{"type":"s3","settings":{"bucket":"b"}}"#;
        assert_eq!(ask(&node, "PUT", "/_snapshot/r", body), (200, json!({ "acknowledged": true })));
        assert_eq!(ask(&node, "GET", "/_snapshot/r", "").1["r"]["settings"]["bucket"], "b");
        let found = |path: &str| ask(&node, "GET", path, "").1["snapshots"].as_array().map(Vec::len);
        assert_eq!(found("/_snapshot/r/*-1?verbose=false"), Some(0));
        assert_eq!(ask(&node, "PUT", "/_snapshot/r/s-1", ""), (200, json!({ "accepted": true })));
        assert_eq!(found("/_snapshot/r/*-1?verbose=false"), Some(1));
        assert_eq!(found("/_snapshot/r/s-1"), Some(1));
        assert_eq!(ask(&node, "GET", "/_snapshot/r/s-2", "").0, 404);
        assert_eq!(ask(&node, "DELETE", "/_snapshot/r", "").0, 405);
        let written = node.written_to("r");
        assert_eq!((written.registrations, written.snapshots), (1, vec!["s-1".to_owned()]));
    }
}
