//! HTTP/1.1 over any stream, raw enough to keep the path as sent and to stop an answer at any byte.

use std::io::{self, ErrorKind};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Heads beyond this are refused.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;

/// Header names and values in the order sent.
pub(crate) type Headers = Vec<(String, String)>;

/// A request with its whole body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) keep_alive: bool,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// The bytes of the answer. To a HEAD the length is that of the body which is left out.
    pub(crate) fn encode(&self, to_head: bool, keep_alive: bool) -> Vec<u8> {
        let mut out = self.encode_head(keep_alive);
        let length = match self.header("content-length") {
            Some(length) if to_head => length.to_owned(),
            _ => self.body.len().to_string(),
        };
        if !matches!(self.status, 100..200 | 204 | 304) {
            out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if !to_head {
            out.extend_from_slice(&self.body);
        }
        out
    }

    /// Status line and headers without framing and without the empty line that ends them.
    pub(crate) fn encode_head(&self, keep_alive: bool) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        let framing = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        for (name, value) in &self.headers {
            if !framing.iter().any(|skip| name.eq_ignore_ascii_case(skip)) {
                out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        out.extend_from_slice(format!("Connection: {connection}\r\n").as_bytes());
        out
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

pub(crate) fn find<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    let mut found = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.as_str())
}

/// How the end of a body is known.
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

fn framing(headers: &Headers, otherwise: Framing) -> io::Result<Framing> {
    if find(headers, "transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with("chunked")) {
        return Ok(Framing::Chunked);
    }
    match find(headers, "content-length") {
        Some(length) => length.trim().parse().map(Framing::Length).map_err(|_| invalid("content-length")),
        None => Ok(otherwise),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("not HTTP/1.1: {what}"))
}

/// A stream with what was read too far.
pub(crate) struct Wire<S> {
    io: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(io: S) -> Self {
        Self { io, buffer: BytesMut::new() }
    }

    /// The next request, or nothing if the peer is done.
    pub(crate) async fn read_request(&mut self) -> io::Result<Option<Request>> {
        let Some(mut request) = self.read_head(request_head).await? else { return Ok(None) };
        if find(&request.headers, "expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = self.read_body(framing(&request.headers, Framing::Length(0))?).await?;
        Ok(Some(request))
    }

    /// The answer to a request that was written before.
    pub(crate) async fn read_response(&mut self, to_head: bool) -> io::Result<Response> {
        loop {
            let read = self.read_head(response_head).await?;
            let mut response = read.ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
            if (100..200).contains(&response.status) {
                continue;
            }
            if !to_head && !matches!(response.status, 204 | 304) {
                response.body = self.read_body(framing(&response.headers, Framing::UntilClose)?).await?;
            }
            return Ok(response);
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    pub(crate) async fn close(&mut self) {
        // The peer may be gone already, which is as good.
        let _ = self.io.shutdown().await;
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.io.read_buf(&mut self.buffer).await
    }

    async fn fill_some(&mut self) -> io::Result<()> {
        if self.fill().await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    async fn read_head<T>(&mut self, parse: fn(&[u8]) -> Parsed<T>) -> io::Result<Option<T>> {
        loop {
            if let Some((length, head)) = parse(&self.buffer)? {
                self.buffer.advance(length);
                return Ok(Some(head));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(invalid("the head is too long"));
            }
            if self.fill().await? == 0 {
                let between = self.buffer.is_empty();
                return if between { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn read_body(&mut self, framing: Framing) -> io::Result<Bytes> {
        match framing {
            Framing::Length(length) => self.take(length).await,
            Framing::Chunked => self.read_chunks().await,
            Framing::UntilClose => {
                while self.fill().await? > 0 {}
                Ok(self.buffer.split().freeze())
            }
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Bytes> {
        while self.buffer.len() < length {
            self.fill_some().await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn read_chunks(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.read_line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| invalid("chunk size"))?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            body.extend_from_slice(&self.take(size).await?);
            self.read_line().await?;
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.split_to(end + 2);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.fill_some().await?;
        }
    }
}

fn collect(headers: &[httparse::Header<'_>]) -> Headers {
    let text = |header: &httparse::Header<'_>| String::from_utf8_lossy(header.value).into_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header))).collect()
}

/// A head and its length, once it is whole.
type Parsed<T> = io::Result<Option<(usize, T)>>;

fn request_head(bytes: &[u8]) -> Parsed<Request> {
    let mut space = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut space);
    let status = head.parse(bytes).map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(length) = status else { return Ok(None) };
    let headers = collect(head.headers);
    let closes = find(&headers, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        target: origin_form(head.path.unwrap_or("/")),
        headers,
        body: Bytes::new(),
        keep_alive: head.version == Some(1) && !closes,
    };
    Ok(Some((length, request)))
}

/// `http://host/path` as proxies are sent it, made `/path`.
fn origin_form(target: &str) -> String {
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return target.to_owned();
    };
    rest.find('/').map_or("/", |start| &rest[start..]).to_owned()
}

fn response_head(bytes: &[u8]) -> Parsed<Response> {
    let mut space = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut space);
    let status = head.parse(bytes).map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(length) = status else { return Ok(None) };
    let response = Response { status: head.code.unwrap_or(502), headers: collect(head.headers), body: Bytes::new() };
    Ok(Some((length, response)))
}
