//! An S3 server in this process, with a switch in front of each bucket.
//!
//! The store is `s3s-fs` on a directory that goes when the process does; signatures are checked against one pair of keys.
//! In front of it each bucket has a [`Mode`]: requests can be held, refused, or counted as they pass. A second port takes
//! orders as JSON, so that [`S3Handle`] works the same in the process that hosts the server and in any other.
//!
//! | order | does |
//! |---|---|
//! | `PUT /buckets/NAME` | creates the bucket |
//! | `PUT /buckets/NAME/mode` | sets the mode, the body being [`Mode`] as JSON |
//! | `GET /buckets/NAME/counts` | [`Counts`] |
//! | `GET /buckets/NAME/objects` | a list of [`Object`] |

mod control;
mod gate;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::background::Server;
use crate::error::{Error, Result};
use crate::http_client;
use crate::watchdog::Watchdog;
use gate::Gate;

/// What a client needs to reach an S3 server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Client {
    /// `http://127.0.0.1:port`; buckets are addressed by path.
    pub endpoint: String,
    /// The region that signatures name.
    pub region: String,
    /// The only access key there is.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

/// The pair of keys of every server that the testbed starts. The secret is a canary: no output may ever hold it.
pub const ACCESS_KEY: &str = "SNAPKEEPTESTBED";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "canary-secret-of-the-testbed-s3";

/// What happens to a bucket's requests before they reach the store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// They pass.
    #[default]
    Normal,
    /// Uploads of the matching keys wait, neither refused nor served, until the mode is another one. A snapshot then stays
    /// `IN_PROGRESS` for as long as a test wants.
    Hold(Keys),
    /// Downloads of the matching keys wait in the same way. A restore then stands still for as long as a test wants.
    HoldDownloads(Keys),
    /// What changes the bucket (PUT, POST, DELETE) is answered 403 `AccessDenied`.
    ReadOnly,
    /// Everything is answered 403 `AccessDenied`.
    Denied,
    /// The next `puts` PUTs are answered 403 `AccessDenied`, then all is as in `Normal`.
    ReadOnlyFor {
        /// How many are still to be refused.
        puts: u64,
    },
}

/// Which keys a [`Mode::Hold`] or [`Mode::HoldDownloads`] is about. By default all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keys {
    /// Keys with a path segment that begins with this are not meant.
    pub except_segment: Option<String>,
    /// Only keys that contain this are meant.
    pub contains: Option<String>,
}

impl Mode {
    /// Holds all uploads but those that a node verifies a repository with (`tests-*`).
    pub fn hold() -> Self {
        Self::Hold(Keys { except_segment: Some("tests-".to_owned()), contains: None })
    }

    /// Holds the uploads of keys that contain `text`, such as `indices/` or `snap-`.
    pub fn hold_containing(text: &str) -> Self {
        Self::Hold(Keys { except_segment: None, contains: Some(text.to_owned()) })
    }

    /// Holds the downloads of keys that contain `text`: with `/__`, of the indices' data and nothing else.
    pub fn hold_downloads_containing(text: &str) -> Self {
        Self::HoldDownloads(Keys { except_segment: None, contains: Some(text.to_owned()) })
    }
}

impl Keys {
    fn matches(&self, key: &str) -> bool {
        let excepted = self.except_segment.as_ref().is_some_and(|s| key.split('/').any(|part| part.starts_with(s)));
        !excepted && self.contains.as_ref().is_none_or(|text| key.contains(text))
    }
}

/// What a bucket has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Requests by method, refused and held ones included.
    pub methods: BTreeMap<String, u64>,
    /// Requests answered by the gate in place of the store.
    pub refused: u64,
    /// Requests that were held at least once.
    pub held: u64,
    /// Requests that are being held now.
    pub holding: u64,
}

impl Counts {
    /// Requests of that method, 0 if there was none.
    pub fn of(&self, method: &str) -> u64 {
        self.methods.get(method).copied().unwrap_or(0)
    }

    /// Requests refused or held: what a test that claims a fault asserts.
    pub fn injected(&self) -> u64 {
        self.refused + self.held
    }
}

/// An object of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// The server. Dropping it stops it and removes what was stored.
#[derive(Debug)]
pub struct S3Server {
    handle: S3Handle,
    _front: Server,
    _control: Server,
    _store: Watchdog,
}

impl S3Server {
    /// Starts a server on two loopback ports of the system's choice.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no directory or no port to be had.
    pub fn start() -> Result<Self> {
        let store = Watchdog::directory("s3")?;
        let root = store.dir().join("buckets");
        fs::create_dir(&root).map_err(Error::at("create", &root))?;
        let files = s3s_fs::FileSystem::new(&root).map_err(|error| Error::Setting(format!("s3s-fs: {error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let gate = Arc::new(Gate::new(service.build(), root));
        let front = start(&gate, |gate, request| async move { gate.serve(request).await })?;
        let control = start(&gate, |gate, request| async move { control::serve(&gate, request).await })?;
        let client = S3Client {
            endpoint: format!("http://{}", front.address()),
            region: "us-east-1".to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
        };
        let handle = S3Handle { client, control: format!("http://{}", control.address()) };
        Ok(Self { handle, _front: front, _control: control, _store: store })
    }

    /// What is needed to use and to steer it, from here or from another process.
    pub fn handle(&self) -> &S3Handle {
        &self.handle
    }
}

fn start<H, F, B>(gate: &Arc<Gate>, handler: H) -> Result<Server>
where
    H: Fn(Arc<Gate>, http::Request<hyper::body::Incoming>) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: hyper::body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let gate = Arc::clone(gate);
    Server::start(move |request| handler(Arc::clone(&gate), request)).map_err(Error::io("cannot bind a loopback port"))
}

/// Uses and steers a server of this process or of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Handle {
    /// How clients reach the store.
    pub client: S3Client,
    /// Where orders go.
    control: String,
}

impl S3Handle {
    /// Creates a bucket; one that exists is left as it is.
    ///
    /// # Errors
    /// [`Error::Request`] for a name that is no bucket's, and when the server is gone.
    pub async fn create_bucket(&self, bucket: &str) -> Result<()> {
        self.order::<serde_json::Value>(Method::PUT, bucket, "", Bytes::new()).await.map(drop)
    }

    /// Sets what happens to the bucket's requests from now on. Held requests look at the new mode at once.
    ///
    /// # Errors
    /// [`Error::Request`] when the server is gone.
    pub async fn set_mode(&self, bucket: &str, mode: &Mode) -> Result<()> {
        let body = serde_json::to_vec(mode).expect("a mode is JSON").into();
        self.order::<serde_json::Value>(Method::PUT, bucket, "/mode", body).await.map(drop)
    }

    /// What the bucket has seen since the server started.
    ///
    /// # Errors
    /// [`Error::Request`] when the server is gone.
    pub async fn counts(&self, bucket: &str) -> Result<Counts> {
        self.order(Method::GET, bucket, "/counts", Bytes::new()).await
    }

    /// All objects of the bucket, sorted by key. Read from the store itself: neither counted nor held nor refused.
    ///
    /// # Errors
    /// [`Error::Request`] when there is no such bucket or the server is gone.
    pub async fn objects(&self, bucket: &str) -> Result<Vec<Object>> {
        self.order(Method::GET, bucket, "/objects", Bytes::new()).await
    }

    async fn order<T: DeserializeOwned>(&self, method: Method, bucket: &str, what: &str, body: Bytes) -> Result<T> {
        let url = format!("{}/buckets/{bucket}{what}", self.control);
        let reply = http_client::send(method, &url, Some(("application/json", body)), false).await?;
        if !reply.status.is_success() {
            let reason = format!("{}: {}", reply.status, reply.json());
            return Err(Error::Request { url, reason });
        }
        serde_json::from_value(reply.json()).map_err(|error| Error::Request { url, reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holding_spares_the_blobs_of_verification() {
        let Mode::Hold(keys) = Mode::hold() else { panic!() };
        assert!(!keys.matches("tests-aBc/master.dat"));
        assert!(!keys.matches("base/path/tests-aBc/data-1.dat"));
        assert!(keys.matches("indices/x/0/__1") && keys.matches("snap-1.dat"));
        let Mode::Hold(keys) = Mode::hold_containing("snap-") else { panic!() };
        assert!(keys.matches("base/snap-1.dat") && !keys.matches("indices/x/0/__1"));
    }

    #[test]
    fn modes_travel_as_json() {
        let downloads = Mode::hold_downloads_containing("/__");
        let all = [Mode::Normal, Mode::hold(), downloads, Mode::ReadOnly, Mode::Denied, Mode::ReadOnlyFor { puts: 2 }];
        for mode in all {
            let json = serde_json::to_string(&mode).unwrap();
            assert_eq!(serde_json::from_str::<Mode>(&json).unwrap(), mode, "{json}");
        }
    }
}
