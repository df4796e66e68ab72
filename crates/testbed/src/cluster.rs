//! Several nodes of one release as one cluster: for tests that kill or restart one of them.

use std::net::{Ipv4Addr, TcpListener};
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
    release: &'static Release,
    /// What its nodes are started with, each with a seat and a place for its data.
    options: NodeOptions,
    seats: Vec<(String, u16)>,
    directories: tempfile::TempDir,
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
        let directories = tempfile::tempdir().map_err(Error::io("cannot make a directory"))?;
        crate::user::open_to_all(directories.path())?;
        let options = NodeOptions { repo_dir: Some(directories.path().join("repositories")), ..options.clone() };
        let mut cluster = Self { nodes: Vec::new(), release, options, seats: seats(size)?, directories };
        let started: Vec<Result<Node>> = thread::scope(|scope| {
            let cluster = &cluster;
            let names = cluster.seats.iter().map(|(name, _)| name);
            let threads: Vec<_> = names.map(|name| scope.spawn(move || cluster.launch(name, progress))).collect();
            threads.into_iter().map(|thread| thread.join().expect("starting a node does not panic")).collect()
        });
        for (started, (name, _)) in started.into_iter().zip(&cluster.seats) {
            cluster.nodes.push((name.clone(), started?));
        }
        Ok(cluster)
    }

    fn launch(&self, name: &str, progress: &dyn Progress) -> Result<Node> {
        let seat = Seat { name: name.to_owned(), all: self.seats.clone() };
        let data = self.directories.path().join(name);
        Node::start(
            self.release,
            &NodeOptions { seat: Some(seat), data_dir: Some(data), ..self.options.clone() },
            progress,
        )
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

    /// Kills a node; returns when it is gone. What it held stays for [`restart`](Self::restart).
    pub fn kill(&mut self, name: &str) {
        self.nodes.retain(|(known, _)| known != name);
    }

    /// Kills a node, if it runs, and starts it again with the data that it had, on another HTTP port. Blocks.
    ///
    /// # Errors
    /// Those of [`Node::start`].
    ///
    /// # Panics
    /// When there never was such a node.
    pub fn restart(&mut self, name: &str, progress: &dyn Progress) -> Result<()> {
        assert!(self.seats.iter().any(|(known, _)| known == name), "no node {name}");
        self.kill(name);
        let node = self.launch(name, progress)?;
        self.nodes.push((name.to_owned(), node));
        Ok(())
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
