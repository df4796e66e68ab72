//! What a test uses: nodes and the S3 server by name, shared by all tests of a process or of a whole run.
//!
//! [`Testbed::shared`] attaches to the parts that another process hosts when `SNAPKEEP_TESTBED` names its description
//! file, and otherwise starts what is asked for, when it is asked for, in this process. Statics are never dropped; the
//! watchdogs are what ends the nodes.
//!
//! ```no_run
//! # async fn example() {
//! let bed = snapkeep_testbed::Testbed::shared();
//! let node = bed.node("opensearch-3.3.0");
//! let index = bed.unique("books");
//! node.load_documents(&index, 1_000).await;
//! assert_eq!(node.count(&index).await, 1_000);
//! # }
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::node::{Node, NodeOptions};
use crate::node_handle::NodeHandle;
use crate::progress::{Progress, Quiet, Stderr};
use crate::release::{RELEASES, Release};
use crate::s3::{S3Handle, S3Server};

/// The environment variable that names a description file.
pub const DESCRIPTION_VAR: &str = "SNAPKEEP_TESTBED";

/// The one ceiling of all waits in tests. Generous: only what never comes meets it.
pub const CEILING: Duration = Duration::from_mins(1);

/// What is to be up from the start.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Names of releases, see [`RELEASES`]. Those that can be had with S3 are started with it.
    pub nodes: Vec<String>,
}

impl Needs {
    /// The nodes of these names.
    pub fn nodes<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { nodes: names.into_iter().map(str::to_owned).collect() }
    }
}

/// What another process needs to attach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The nodes that are up.
    pub nodes: Vec<NodeHandle>,
    /// The S3 server.
    pub s3: S3Handle,
}

/// The parts, hosted here or elsewhere.
#[derive(Debug, Default)]
pub struct Testbed {
    nodes: [Part<(NodeHandle, Option<Node>)>; RELEASES.len()],
    s3: Part<(S3Handle, Option<S3Server>)>,
}

impl Testbed {
    /// The testbed of this process.
    ///
    /// # Panics
    /// When `SNAPKEEP_TESTBED` names a file that cannot be read.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Testbed> = LazyLock::new(|| match std::env::var_os(DESCRIPTION_VAR) {
            Some(path) => Testbed::attach(Path::new(&path)).unwrap_or_else(|error| panic!("{error}")),
            None => Testbed::default(),
        });
        &SHARED
    }

    /// Starts a testbed of one's own with everything in `needs`; the rest follows when asked for. Blocks. Dropping it stops
    /// all that it started.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start(needs: &Needs, progress: &dyn Progress) -> Result<Self> {
        let bed = Self::default();
        bed.ensure_s3()?;
        for name in &needs.nodes {
            bed.ensure_node(name, progress)?;
        }
        Ok(bed)
    }

    /// Uses the parts that a description file names.
    ///
    /// # Errors
    /// [`Error::Setting`] when it cannot be read.
    pub fn attach(description: &Path) -> Result<Self> {
        let unreadable = |reason: String| Error::Setting(format!("{}: {reason}", description.display()));
        let text = std::fs::read(description).map_err(|error| unreadable(error.to_string()))?;
        let parts: Description = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        let bed = Self::default();
        let _ = bed.s3.value.set((parts.s3, None));
        for node in parts.nodes {
            let _ = bed.nodes[index_of(&node.name)?].value.set((node, None));
        }
        Ok(bed)
    }

    /// What is up, for other processes.
    ///
    /// # Panics
    /// When the S3 server cannot be started.
    pub fn describe(&self) -> Description {
        let nodes = self.nodes.iter().filter_map(|part| part.value.get()).map(|(handle, _)| handle.clone()).collect();
        Description { nodes, s3: self.s3().clone() }
    }

    /// Writes [`Self::describe`] as JSON, for `SNAPKEEP_TESTBED` of other processes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_description(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(&self.describe()).expect("a description is JSON");
        // In one move, so that whoever waits for the file never reads half of it.
        let partial = path.with_extension("partial");
        std::fs::write(&partial, json).map_err(Error::at("write", &partial))?;
        std::fs::rename(&partial, path).map_err(Error::at("write", path))
    }

    /// The node of that release, such as `opensearch-3.3.0`; started now, blocking, if it is not up yet.
    ///
    /// # Panics
    /// When there is no such release or it cannot be started; the message says why.
    pub fn node(&self, name: &str) -> &NodeHandle {
        self.ensure_node(name, progress()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The S3 server that the nodes with S3 use.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn s3(&self) -> &S3Handle {
        self.ensure_s3().unwrap_or_else(|error| panic!("{error}"))
    }

    /// A name that no other test of this or any concurrent process has: lower-case letters, digits and `-`, fit for buckets,
    /// repositories, snapshots and indices.
    pub fn unique(&self, prefix: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static PROCESS: LazyLock<String> = LazyLock::new(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("{:x}-{:x}", now.as_millis() & 0xffff_ffff, std::process::id())
        });
        format!("{prefix}-{}-{}", *PROCESS, NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn ensure_s3(&self) -> Result<&S3Handle> {
        let start = || S3Server::start().map(|server| (server.handle().clone(), Some(server)));
        self.s3.get_or_start(start).map(|(handle, _)| handle)
    }

    fn ensure_node(&self, name: &str, progress: &dyn Progress) -> Result<&NodeHandle> {
        let release = Release::named(name)?;
        let start = || {
            let s3 = if release.has_s3() { Some(self.ensure_s3()?.client.clone()) } else { None };
            let node = Node::start(release, &NodeOptions { s3, ..NodeOptions::default() }, progress)?;
            Ok((NodeHandle::of(&node), Some(node)))
        };
        self.nodes[index_of(name)?].get_or_start(start).map(|(handle, _)| handle)
    }
}

/// A part that is started once. A failed start is given back, and the next caller tries again.
#[derive(Debug)]
struct Part<T> {
    value: OnceLock<T>,
    starting: Mutex<()>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { value: OnceLock::new(), starting: Mutex::new(()) }
    }
}

impl<T> Part<T> {
    fn get_or_start(&self, start: impl FnOnce() -> Result<T>) -> Result<&T> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let _one_at_a_time = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = start()?;
        Ok(self.value.get_or_init(|| value))
    }
}

fn index_of(name: &str) -> Result<usize> {
    let release = Release::named(name)?;
    Ok(RELEASES.iter().position(|other| std::ptr::eq(other, release)).expect("it was found by name"))
}

/// What tests show: nothing, or with `SNAPKEEP_TESTBED_VERBOSE` all of it.
fn progress() -> &'static dyn Progress {
    if std::env::var_os("SNAPKEEP_TESTBED_VERBOSE").is_some() { &Stderr } else { &Quiet }
}

/// Waits until `check` yields something, looking every 20 ms.
///
/// # Panics
/// With `what` when [`CEILING`] has passed.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(CEILING, waiting).await {
        Ok(found) => found,
        Err(elapsed) => panic!("{elapsed}: not within {} s: {what}", CEILING.as_secs()),
    }
}
