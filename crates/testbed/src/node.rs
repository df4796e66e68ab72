//! A real node: Elasticsearch or OpenSearch, on loopback, on ports that it chose itself, gone when we are.

mod config;
mod secured;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::Method;

use crate::background;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::http_client;
use crate::jdk;
use crate::progress::Progress;
use crate::release::Release;
use crate::s3::S3Client;
use crate::watchdog::Watchdog;
use config::Layout;

/// How long a node may take to become healthy. Only a broken one comes near it.
const CEILING: Duration = Duration::from_mins(5);

/// How often the waits look.
const POLL: Duration = Duration::from_millis(50);

/// How a node is to be started.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The node's default S3 client. Only for a release whose [`Release::has_s3`] holds.
    pub s3: Option<S3Client>,
    /// The directory for repositories of type `fs`; created if absent. Default: one of the node's own, removed with it.
    pub repo_dir: Option<PathBuf>,
    /// The directory for what it holds; created if absent. Default: one of the node's own, removed with it. A node that
    /// is started where another one was killed is that one come back, on another port.
    pub data_dir: Option<PathBuf>,
    /// Heap in MiB.
    pub heap_mb: u32,
    /// Whether Elasticsearch's security module is on: then [`USER`] with [`PASSWORD`] may do everything, others nothing.
    pub secured: bool,
    /// The cluster that it joins; one of its own without.
    pub seat: Option<Seat>,
    /// Further lines of the node's configuration file, as name and YAML value.
    pub settings: Vec<(String, String)>,
}

/// A node's place in a cluster of several.
#[derive(Debug, Clone)]
pub struct Seat {
    /// This node's name.
    pub name: String,
    /// All nodes' names and transport ports, this one's among them.
    pub all: Vec<(String, u16)>,
}

/// The one user of a secured node.
pub const USER: &str = "keeper";

/// That user's password.
pub const PASSWORD: &str = "canary-keeper-password";

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            s3: None,
            repo_dir: None,
            data_dir: None,
            heap_mb: 512,
            secured: false,
            seat: None,
            settings: Vec::new(),
        }
    }
}

/// A running node. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Node {
    release: &'static Release,
    url: String,
    repo_dir: PathBuf,
    has_s3: bool,
    secured: bool,
    started_in: Duration,
    dog: Watchdog,
}

impl Node {
    /// Fetches the release if the cache does not have it, starts a node and waits until it is healthy. Blocks.
    ///
    /// # Errors
    /// [`Error::MissingTool`] without Maven or a fitting Java, [`Error::Node`] with the end of the log when it dies.
    pub fn start(release: &'static Release, options: &NodeOptions, progress: &dyn Progress) -> Result<Self> {
        if options.s3.is_some() && !release.has_s3() {
            return Err(Error::Setting(format!("{} cannot be had with S3", release.name)));
        }
        let cache = Cache::open()?;
        let java = jdk::find(release.java_range())?;
        let mut home = tree::ensure(&cache, release, progress)?;
        if options.secured {
            home = secured::ensure(&cache, release, &home, &java, progress)?;
        }
        let client = options.s3.as_ref();
        let keystore = client.map(|client| tree::ensure_keystore(&cache, &home, &java, client)).transpose()?;
        progress.say(&format!("starting {} on Java {}", release.name, java.major));
        let begin = Instant::now();
        let mut repo_dir = PathBuf::new();
        let dog = Watchdog::run(release.name, |dir| {
            repo_dir = options.repo_dir.clone().unwrap_or_else(|| dir.join("repo"));
            let layout = Layout { release, home: &home, java: &java, dir, repo_dir: &repo_dir };
            layout.write(options, keystore.as_deref())?;
            Ok(layout.command())
        })?;
        let url = wait_until_healthy(release, &dog, options.secured)?;
        let started_in = begin.elapsed();
        progress.say(&format!("{} is up at {url} after {:.1} s", release.name, started_in.as_secs_f64()));
        Ok(Self { release, url, repo_dir, has_s3: client.is_some(), secured: options.secured, started_in, dog })
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it is.
    pub fn release(&self) -> &'static Release {
        self.release
    }

    /// Where repositories of type `fs` may lie (`path.repo`).
    pub fn repo_dir(&self) -> &Path {
        &self.repo_dir
    }

    /// Whether it was started with an S3 client.
    pub fn has_s3(&self) -> bool {
        self.has_s3
    }

    /// Whether its security module is on.
    pub fn is_secured(&self) -> bool {
        self.secured
    }

    /// From launch to healthy, without fetching and unpacking.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The last `lines` lines of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        self.dog.log_tail(lines)
    }

    /// Kills it and removes its directory; returns when both are done.
    pub fn stop(self) {
        drop(self);
    }
}

/// The default client's settings in the node's configuration. The read timeout lets a held PUT wait for a test.
fn s3_settings(client: &S3Client) -> Vec<(String, String)> {
    let set = |name: &str, value: &str| (format!("s3.client.default.{name}"), value.to_owned());
    vec![
        set("endpoint", &client.endpoint),
        set("region", &client.region),
        set("path_style_access", "true"),
        set("protocol", "http"),
        set("read_timeout", "10m"),
    ]
}

fn wait_until_healthy(release: &Release, dog: &Watchdog, secured: bool) -> Result<String> {
    let end = Instant::now() + CEILING;
    loop {
        if let Some(url) = bound_url(dog.dir()).filter(|url| is_healthy(url, secured)) {
            return Ok(url);
        }
        let reason = match dog.exit_status() {
            Some(status) => format!("ended with status {status} while starting"),
            None if Instant::now() > end => format!("was not healthy after {} s", CEILING.as_secs()),
            None => {
                std::thread::sleep(POLL);
                continue;
            }
        };
        return Err(Error::Node { node: release.name.to_owned(), reason, log: dog.log_tail(40) });
    }
}

/// The node writes the ports that it bound, an address a line, in one move.
fn bound_url(dir: &Path) -> Option<String> {
    let ports = fs::read_to_string(dir.join("logs/http.ports")).ok()?;
    let address = ports.lines().find(|line| line.starts_with("127.0.0.1:"))?;
    Some(format!("http://{address}"))
}

fn is_healthy(url: &str, secured: bool) -> bool {
    let health = format!("{url}/_cluster/health");
    let reply = background::wait(async move { http_client::send(Method::GET, &health, None, secured).await });
    reply.is_ok_and(|reply| {
        let status = reply.json()["status"].as_str().map(str::to_owned);
        reply.status.is_success() && matches!(status.as_deref(), Some("green" | "yellow"))
    })
}
