//! What is shown over HTTP: read-only, by `GET` and `HEAD`.

use crate::board::Board;
use crate::clock::Clock;
use crate::daemon::Metrics;
use crate::page;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use snapkeep_core::{Code, Failure};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at once; further ones wait.
const CONNECTIONS: usize = 64;

/// Longest head of a request, in bytes: hyper's smallest.
const HEAD: usize = 8 * 1024;

/// How long a request's head may take, and a connection may be idle.
const IDLE: Duration = Duration::from_secs(15);

/// How long a whole connection may last.
const LONGEST: Duration = Duration::from_mins(2);

/// The pause after a connection could not be taken, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const CSS: &str = "text/css; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Nothing but what is in the page and its own style sheet; nobody may frame it.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Listens on that address; `bad_config` if it is not to be had.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = "name another address with --listen; another daemon may be listening there already";
        Failure::new(Code::BadConfig, format!("{address} cannot be listened on: {error}"), hint)
    })
}

#[derive(Clone)]
pub(crate) struct Server {
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Whether only this machine can reach it.
    is_local: bool,
}

impl Server {
    pub(crate) fn new(board: Arc<Board>, clock: Arc<dyn Clock>, metrics: Metrics, listener: &TcpListener) -> Self {
        let is_local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        Self { board, clock, metrics, is_local }
    }

    /// Answers for ever.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = self.clone();
                    tokio::spawn(async move {
                        server.converse(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::debug!("a connection could not be taken: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn converse(&self, stream: TcpStream) {
        let answer = |request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(&request).await) }
        };
        let mut connection = http1::Builder::new();
        connection.timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(HEAD);
        let conversation = connection.serve_connection(TokioIo::new(stream), service_fn(answer));
        // Whoever has gone away needs no answer.
        let _ = tokio::time::timeout(LONGEST, conversation).await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD: this is read-only\n");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        if self.is_local && !host.is_none_or(names_this_machine) {
            // A page elsewhere whose name was made to point here.
            return answer(StatusCode::MISDIRECTED_REQUEST, TEXT, "this is reached as localhost only\n");
        }
        self.path(request.uri().path(), request.uri().query()).await
    }

    async fn path(&self, path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
        match path {
            "/" => {
                self.board.refresh().await;
                let refreshes = query != Some("refresh=off");
                answer(StatusCode::OK, HTML, page::render(&self.board.status(self.clock.now()), refreshes))
            }
            "/status.json" => {
                self.board.refresh().await;
                self.json()
            }
            "/style.css" => answer(StatusCode::OK, CSS, page::STYLE),
            "/metrics" => answer(StatusCode::OK, METRICS, (self.metrics)(&self.board.status(self.clock.now()))),
            "/healthz" if self.board.is_alive() => answer(StatusCode::OK, TEXT, "ok\n"),
            "/healthz" => answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, "the loop is stuck\n"),
            "/readyz" => match self.board.why_not_ready() {
                None => answer(StatusCode::OK, TEXT, "ok\n"),
                Some(why) => answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
            },
            _ => answer(StatusCode::NOT_FOUND, TEXT, "there are /, /status.json, /metrics, /healthz and /readyz\n"),
        }
    }

    fn json(&self) -> Response<Full<Bytes>> {
        match serde_json::to_string(&self.board.status(self.clock.now())) {
            Ok(text) => answer(StatusCode::OK, JSON, text + "\n"),
            Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
        }
    }
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a `Host` header is one by which a machine calls itself.
fn names_this_machine(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for own in ["localhost", "LocalHost:9614", "127.0.0.1", "127.0.0.1:9614", "[::1]", "[::1]:9614"] {
            assert!(names_this_machine(own), "{own}");
        }
        for other in ["evil.example", "evil.example:9614", "localhost.evil.example", "10.0.0.1:9614", "0.0.0.0", ""] {
            assert!(!names_this_machine(other), "{other}");
        }
    }
}
