//! A node that remembers, a client that signs, and no more.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use snapkeep_front::clock::amz_date;
use snapkeep_front::sigv4::{Scope, SignedRequest, signature};
use snapkeep_front::{Builder, Front, Principal};

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
pub(crate) const ARN: &str = "arn:aws:iam::123456789012:user/keeper";
pub(crate) const ACCESS: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// The caller that [`Call::sign`] signs as.
pub(crate) fn keeper() -> Principal {
    Principal::new(ARN, ACCESS, SECRET)
}

/// What a node got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

/// A node that keeps repositories and remembers requests. `?delay_ms=` makes it slow.
pub(crate) struct Node {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    got: Mutex<Vec<Got>>,
    repositories: Mutex<BTreeMap<String, Value>>,
}

impl Node {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, shared));
        });
        Self { url, state }
    }

    pub(crate) fn front(&self) -> Builder {
        Front::builder(&self.url).region(REGION).pass_role(&[ROLE])
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.got.lock().unwrap().clone()
    }

    /// What the node itself keeps of a repository.
    pub(crate) fn kept(&self, repository: &str) -> Value {
        self.state.repositories.lock().unwrap()[repository].clone()
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &state));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, state: &State) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let got = Got {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body,
    };
    state.got.lock().unwrap().push(got.clone());
    if let Some((_, delay)) = got.target.split_once("delay_ms=") {
        tokio::time::sleep(Duration::from_millis(delay.parse().unwrap())).await;
    }
    let answer = Response::builder().header("Content-Type", "application/json").header("X-Node", "1");
    Ok(answer.body(Full::from(reply(&got, state).to_string())).unwrap())
}

fn reply(got: &Got, state: &State) -> Value {
    let path = got.target.split('?').next().unwrap_or_default();
    let mut repositories = state.repositories.lock().unwrap();
    match (got.method.as_str(), path.strip_prefix("/_snapshot").map(|rest| rest.trim_start_matches('/'))) {
        ("PUT", Some(name)) if !name.contains('/') => {
            repositories.insert(name.to_owned(), serde_json::from_slice(&got.body).unwrap());
            json!({ "acknowledged": true })
        }
        ("GET", Some("")) => json!(*repositories),
        ("GET", Some(name)) if repositories.contains_key(name) => json!({ name: repositories[name] }),
        _ => json!({ "method": got.method, "target": got.target, "bytes": got.body.len() }),
    }
}

/// A request to a front.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn new(method: &str, target: &str, body: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Signed as the keeper, here and now.
    pub(crate) fn sign(self, front: &Front) -> Self {
        self.sign_as(front, (ACCESS, SECRET), (REGION, "es"), SystemTime::now())
    }

    pub(crate) fn sign_as(mut self, front: &Front, key: (&str, &str), at: (&str, &str), now: SystemTime) -> Self {
        let date = amz_date(now);
        self.headers.insert(0, ("Host".into(), front.authority()));
        self.headers.push(("X-Amz-Date".into(), date.clone()));
        let scope = Scope {
            date: date[..8].into(),
            region: at.0.into(),
            service: at.1.into(),
            terminator: "aws4_request".into(),
        };
        let mut names: Vec<String> = self.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let request =
            SignedRequest { method: &self.method, path, query, headers: &self.headers, body: self.body.as_bytes() };
        let signature = signature(&request, key.1, &scope, &date, &names);
        let header = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{}/{}/aws4_request, SignedHeaders={}, Signature={signature}",
            key.0,
            scope.date,
            at.0,
            at.1,
            names.join(";"),
        );
        self.headers.push(("Authorization".into(), header));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.push_str(&[name, ": ", value, "\r\n"].concat());
        }
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            text.push_str("Host: front\r\n");
        }
        let length = self.body.len().to_string();
        text.push_str(&["Connection: close\r\nContent-Length: ", &length, "\r\n\r\n", &self.body].concat());
        text.into_bytes()
    }

    /// Everything that comes back until the connection ends.
    pub(crate) fn raw(&self, front: &Front) -> Vec<u8> {
        let mut stream = TcpStream::connect(front.authority()).unwrap();
        stream.write_all(&self.bytes()).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        back
    }

    pub(crate) fn send(&self, front: &Front) -> Answer {
        Answer::parse(&self.raw(front))
    }
}

/// Signs as the keeper and sends.
pub(crate) fn send(front: &Front, method: &str, target: &str, body: &str) -> Answer {
    Call::new(method, target, body).sign(front).send(front)
}

/// Signs as the keeper, sends, and returns everything that comes back.
pub(crate) fn raw(front: &Front, method: &str, target: &str) -> Vec<u8> {
    Call::new(method, target, "").sign(front).raw(front)
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(raw: &[u8]) -> Self {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        let status = head[9..12].parse().unwrap();
        Self { status, head, body: raw[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `Message` or `message`.
    pub(crate) fn message(&self) -> String {
        let body = self.json();
        let text = body.get("Message").or_else(|| body.get("message")).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_mins(1), "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
