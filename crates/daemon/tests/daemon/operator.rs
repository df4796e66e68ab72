//! An operator: a receiver of messages, and what tells it after each run, as the command does it.

use serde_json::Value;
use snapkeep_config::Topic;
use snapkeep_core::policy::Policy;
use snapkeep_core::secret::Secret;
use snapkeep_daemon::Metrics;
use snapkeep_engine::policies::RunReport;
use snapkeep_notify::metrics::Registry;
use snapkeep_notify::{Channel, Look, Memory, Post, tell};
use snapkeep_testbed::Receiver;
use snapkeep_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Whom all daemons of a test tell, one after the other.
pub(crate) struct Operator {
    receiver: Receiver,
    state: TempDir,
    /// What the daemon that serves now has counted and remembers.
    registry: Mutex<Registry>,
    memory: tokio::sync::Mutex<Option<Memory>>,
    /// How often a daemon was killed while it told.
    cut_off: AtomicUsize,
}

/// Counts itself unless it was forgotten.
struct Telling<'a>(&'a AtomicUsize);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Operator {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            receiver: Receiver::start(&[200]),
            state: tempfile::tempdir().unwrap(),
            registry: Mutex::default(),
            memory: tokio::sync::Mutex::default(),
            cut_off: AtomicUsize::new(0),
        })
    }

    /// Another process: it knows what stands in files.
    pub(crate) async fn begin_anew(&self) {
        *self.registry.lock().unwrap() = Registry::default();
        *self.memory.lock().await = None;
    }

    /// What `/metrics` shows.
    pub(crate) fn metrics(self: &Arc<Self>) -> Metrics {
        let operator = Arc::clone(self);
        Arc::new(move |_| operator.registry.lock().unwrap().prometheus())
    }

    pub(crate) async fn hear(&self, report: &RunReport, policies: &BTreeMap<String, Policy>) {
        let telling = Telling(&self.cut_off);
        self.registry.lock().unwrap().observe(report);
        let file = self.state.path().join("told.json");
        let mut memory = self.memory.lock().await;
        let memory = memory.get_or_insert_with(|| Memory::read(&std::fs::read_to_string(&file).unwrap_or_default()));
        let way = Post::webhook(&Secret::new(self.receiver.url()), None, None).unwrap();
        let (on, policies_told) = (BTreeSet::from(Topic::ALL), BTreeSet::new());
        let channel = Channel { name: "ops".to_owned(), on, policies: policies_told, way: Ok(Box::new(way)) };
        let (looks, deadline) = (Look::all(report, policies), Deadline::after(Duration::from_mins(1)));
        let deliveries = tell(&[channel], &looks, memory, report.finished_at, deadline).await;
        assert!(deliveries.iter().all(|delivery| delivery.failure.is_none()), "{deliveries:?}");
        std::fs::write(&file, memory.to_text()).unwrap();
        self.registry.lock().unwrap().observe_deliveries(&deliveries);
        std::mem::forget(telling);
    }

    /// The messages as they came.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.receiver.bodies()
    }

    /// How often a daemon was killed while it told: so many messages may have come twice.
    pub(crate) fn cut_off(&self) -> usize {
        self.cut_off.load(Ordering::Relaxed)
    }
}
