//! Several nodes of one release as one cluster: for tests that kill one of them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::thread;

use crate::error::{Error, Result};
use crate::node::{Node, NodeOptions, Seat};
use crate::node_handle::NodeHandle;
use crate::progress::Progress;
use crate::release::Release;

/// A running cluster, Elasticsearch 7 or OpenSearch and later. Its nodes share one directory for repositories.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<(String, Node)>,
    _repositories: tempfile::TempDir,
}

impl Cluster {
    /// Starts nodes `n0`, `n1`, … at once and waits until each is healthy. Blocks.
    ///
    /// # Errors
    /// Those of [`Node::start`].
    pub fn start(
        release: &'static Release,
        size: usize,
        options: &NodeOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let seats = seats(size)?;
        let repositories = tempfile::tempdir().map_err(Error::io("cannot make a directory"))?;
        let repo_dir: PathBuf = repositories.path().join("repositories");
        crate::user::open_to_all(repositories.path())?;
        let start = |name: &str| {
            let seat = Seat { name: name.to_owned(), all: seats.clone() };
            let options = NodeOptions { seat: Some(seat), repo_dir: Some(repo_dir.clone()), ..options.clone() };
            Node::start(release, &options, progress).map(|node| (name.to_owned(), node))
        };
        let started: Vec<Result<(String, Node)>> = thread::scope(|scope| {
            let threads: Vec<_> = seats.iter().map(|(name, _)| scope.spawn(|| start(name))).collect();
            threads.into_iter().map(|thread| thread.join().expect("starting a node does not panic")).collect()
        });
        Ok(Self { nodes: started.into_iter().collect::<Result<_>>()?, _repositories: repositories })
    }

    /// How to talk to a node.
    ///
    /// # Panics
    /// When there is no such node any more.
    pub fn node(&self, name: &str) -> NodeHandle {
        let found = self.nodes.iter().find(|(known, _)| known == name);
        NodeHandle::of(&found.unwrap_or_else(|| panic!("no node {name}")).1)
    }

    /// Names of the nodes that run.
    pub fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Kills a node; returns when it is gone.
    pub fn kill(&mut self, name: &str) {
        self.nodes.retain(|(known, _)| known != name);
    }
}

/// Names, and ports that were free a moment ago: the nodes must know each other's before any of them runs.
fn seats(size: usize) -> Result<Vec<(String, u16)>> {
    let failed = || Error::io("cannot find free ports");
    let listeners: std::io::Result<Vec<TcpListener>> =
        (0..size).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    let ports = listeners.map_err(failed())?.into_iter().map(|listener| listener.local_addr());
    let ports: std::io::Result<Vec<u16>> = ports.map(|address| address.map(|address| address.port())).collect();
    Ok(ports.map_err(failed())?.into_iter().enumerate().map(|(number, port)| (format!("n{number}"), port)).collect())
}
