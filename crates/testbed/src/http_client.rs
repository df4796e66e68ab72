//! One request, one connection. The callers' runtimes come and go, so no connection is kept for the next one.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::error::{Error, Result};

/// Long enough for a restore that is waited for; only what hangs meets it.
const CEILING: Duration = Duration::from_mins(5);

/// [`USER`](crate::node::USER) and [`PASSWORD`](crate::node::PASSWORD), as HTTP basic has them.
const AS_USER: &str = "Basic a2VlcGVyOmNhbmFyeS1rZWVwZXItcGFzc3dvcmQ=";

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON: null if empty, a string if it is not JSON.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.body).into_owned()))
    }
}

/// Sends one request to an `http://` URL, to a secured node as its user. A body comes with its content type.
pub(crate) async fn send(method: Method, url: &str, body: Option<(&str, Bytes)>, secured: bool) -> Result<Reply> {
    let failed = |reason: String| Error::Request { url: url.to_owned(), reason };
    let uri: Uri = url.parse().map_err(|_| failed("not a URL".into()))?;
    let authority = uri.authority().ok_or_else(|| failed("no host".into()))?;
    let target = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(target).header(header::HOST, authority.as_str());
    if secured {
        request = request.header(header::AUTHORIZATION, AS_USER);
    }
    let mut content = Bytes::new();
    if let Some((content_type, bytes)) = body {
        request = request.header(header::CONTENT_TYPE, content_type);
        content = bytes;
    }
    let request = request.body(Full::new(content)).map_err(|error| failed(error.to_string()))?;
    let answer = tokio::time::timeout(CEILING, exchange(authority.as_str(), request)).await;
    answer.map_err(|_| failed(format!("no answer within {} s", CEILING.as_secs())))?.map_err(|e| failed(e.to_string()))
}

async fn exchange(
    authority: &str,
    request: Request<Full<Bytes>>,
) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
    let stream = tokio::net::TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    driver.abort();
    Ok(Reply { status: parts.status, headers: parts.headers, body })
}
