//! Sending a request on to the node, one connection for each.

use std::fmt::Write;
use std::io;

use tokio::net::TcpStream;

use crate::wire::{Headers, Request, Response, Wire};

/// Hop by hop, or said anew.
const REPLACED: [&str; 7] =
    ["host", "connection", "keep-alive", "content-length", "transfer-encoding", "expect", "proxy-connection"];

/// The node behind the front.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    /// `host:port`.
    pub(crate) authority: String,
    /// Whether the headers of the caller, its host and signature among them, are kept.
    pub(crate) transparent: bool,
}

impl Upstream {
    /// From `http://host:port`.
    pub(crate) fn parse(url: &str, transparent: bool) -> io::Result<Self> {
        let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        match authority {
            Some(authority) if authority.contains(':') && !authority.contains('/') => {
                Ok(Self { authority: authority.to_owned(), transparent })
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not http://host:port: {url}"))),
        }
    }

    /// The node's answer; the error says whether it could be reached at all.
    pub(crate) async fn send(&self, request: &Request) -> io::Result<Response> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let mut wire = Wire::new(stream);
        let mut bytes = self.head(request);
        bytes.extend_from_slice(&request.body);
        wire.write(&bytes).await?;
        wire.read_response(request.method == "HEAD").await
    }

    fn head(&self, request: &Request) -> Vec<u8> {
        let host = crate::wire::find(&request.headers, "host").filter(|_| self.transparent);
        let host = host.unwrap_or(&self.authority);
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", request.method, request.target);
        for (name, value) in self.kept(&request.headers) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Connection: close\r\nContent-Length: {}\r\n\r\n", request.body.len());
        head.into_bytes()
    }

    fn kept<'h>(&self, headers: &'h Headers) -> impl Iterator<Item = &'h (String, String)> {
        let transparent = self.transparent;
        headers.iter().filter(move |(name, _)| {
            let name = name.to_ascii_lowercase();
            let signature = name == "authorization" || name.starts_with("x-amz-");
            !REPLACED.contains(&name.as_str()) && (transparent || !signature)
        })
    }
}
