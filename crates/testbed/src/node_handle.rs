//! How tests talk to a node that they may not have started.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http_client::{self, Reply};
use crate::node::Node;
use crate::release::Product;

/// Documents per bulk request.
const BULK: u64 = 5_000;

/// A node's address and what is to be known of it. The calls panic when the node cannot be reached: for a test that is the
/// end; what the node answers is for the test to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeHandle {
    /// The release, such as `opensearch-3.3.0`.
    pub name: String,
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub url: String,
    /// Whose node it is.
    pub product: Product,
    /// Such as `3.3.0`.
    pub version: String,
    /// First number of the version.
    pub major: u32,
    /// Where repositories of type `fs` may lie, on this machine. Files in it belong to the node's user.
    pub repo_dir: PathBuf,
    /// Whether repositories of type `s3` can be registered, in the testbed's S3 server.
    pub has_s3: bool,
    /// Whether its security module is on; the calls below are then its user's.
    #[serde(default)]
    pub secured: bool,
}

impl NodeHandle {
    /// For a node of one's own.
    pub fn of(node: &Node) -> Self {
        let release = node.release();
        Self {
            name: release.name.to_owned(),
            url: node.url().to_owned(),
            product: release.product,
            version: release.version.to_owned(),
            major: release.major,
            repo_dir: node.repo_dir().to_owned(),
            has_s3: node.has_s3(),
            secured: node.is_secured(),
        }
    }

    /// GET; `path` begins with a slash and may have a query. Status and JSON; null for no body, a string for other text.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.request(Method::GET, path, None).await
    }

    /// PUT with a JSON body; [`Value::Null`] sends none.
    pub async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.request(Method::PUT, path, Some(body)).await
    }

    /// POST with a JSON body; [`Value::Null`] sends none.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.request(Method::POST, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.request(Method::DELETE, path, None).await
    }

    /// Puts documents 0 to `n` - 1 into `index`, the same ones for the same numbers, and makes them searchable.
    ///
    /// # Panics
    /// When the node refuses one.
    pub async fn load_documents(&self, index: &str, n: u64) {
        let typed = self.product == Product::Elasticsearch && self.major < 7;
        let path = if typed { format!("/{index}/doc/_bulk") } else { format!("/{index}/_bulk") };
        for begin in (0..n).step_by(usize::try_from(BULK).unwrap_or(usize::MAX)) {
            let lines = bulk_lines(begin, n.min(begin + BULK));
            let reply = self.send(Method::POST, &path, Some(("application/x-ndjson", lines.into()))).await;
            let answer = reply.json();
            assert!(reply.status.is_success() && answer["errors"] == false, "{}: {answer}", self.name);
        }
        let (status, answer) = self.post(&format!("/{index}/_refresh"), Value::Null).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// How many documents can be found in `index`.
    ///
    /// # Panics
    /// When there is no such index.
    pub async fn count(&self, index: &str) -> u64 {
        let (status, answer) = self.get(&format!("/{index}/_count")).await;
        answer["count"].as_u64().unwrap_or_else(|| panic!("{status}: {answer}"))
    }

    async fn request(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.filter(|body| !body.is_null()).map(|body| ("application/json", body.to_string().into()));
        let reply = self.send(method, path, body).await;
        (reply.status.as_u16(), reply.json())
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, Bytes)>) -> Reply {
        let url = format!("{}{path}", self.url);
        http_client::send(method, &url, body, self.secured)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn bulk_lines(begin: u64, end: u64) -> String {
    (begin..end).fold(String::new(), |mut lines, n| {
        let _ = write!(lines, "{{\"index\":{{\"_id\":\"{n}\"}}}}\n{{\"n\":{n},\"title\":\"document number {n}\"}}\n");
        lines
    })
}
