//! Ctrl-C and SIGTERM, for a command that has something to do before it ends.

use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is heard from the moment on that it is made: what comes later is not lost, and does not end us.
pub(crate) struct Signals {
    /// Without the handler the system's default holds, which ends us as well.
    all: [Option<Signal>; 2],
}

impl Signals {
    pub(crate) fn heard() -> Self {
        Self { all: [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()) }
    }

    /// Resolves when one comes.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.all;
        tokio::select! {
            () = came(interrupt) => {}
            () = came(terminate) => {}
        }
    }

    /// Resolves so long after one has come (or `has_come` already), or at once with another.
    pub(crate) async fn enough(&mut self, has_come: bool, patience: Duration) {
        if !has_come {
            self.next().await;
        }
        // Whether another has come makes no difference.
        let _ = tokio::time::timeout(patience, self.next()).await;
    }
}

async fn came(signal: &mut Option<Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending::<()>().await;
    }
}
