//! What every command has: flags, process, printer; and the cluster, for those that need one.

use crate::args::Globals;
use crate::output::Printer;
use crate::process::Process;
use crate::settings::Settings;
use jiff::Timestamp;
use snapkeep_cluster::SnapshotApi;
use snapkeep_config::Repository;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::clock_is_off;
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// Time for a command that waits for nothing.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Time for a command that waits: until it is interrupted.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

/// The cluster that a command is about.
pub(crate) struct Target {
    /// Its API.
    pub(crate) api: SnapshotApi,
    /// Where it is.
    pub(crate) endpoint: Endpoint,
    /// Its region, where it is known.
    pub(crate) region: Option<String>,
    /// The repository, if one is named.
    pub(crate) repository: Option<RepositoryName>,
    /// Repositories that the configuration describes.
    pub(crate) repositories: BTreeMap<String, Repository>,
}

/// One run of one command.
pub(crate) struct Session {
    pub(crate) globals: Globals,
    pub(crate) process: Process,
    pub(crate) printer: Printer,
    clock: fn() -> Timestamp,
    /// What goes on in the cluster when we are interrupted, and how to follow it.
    goes_on: Mutex<Option<String>>,
}

impl Session {
    pub(crate) fn new(globals: Globals, process: Process, printer: Printer, clock: fn() -> Timestamp) -> Self {
        Self { globals, process, printer, clock, goes_on: Mutex::new(None) }
    }

    /// The same for what goes on beside this command.
    pub(crate) fn beside(&self) -> Self {
        Self::new(self.globals.clone(), self.process.clone(), self.printer.clone(), self.clock)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What tells the time.
    pub(crate) fn clock(&self) -> fn() -> Timestamp {
        self.clock
    }

    /// The time by the clock that counts ages: the server's, as far as its answers have told it.
    pub(crate) fn now_of(&self, api: &SnapshotApi) -> Timestamp {
        let now = self.now();
        api.skew().and_then(|skew| now.checked_add(skew).ok()).unwrap_or(now)
    }

    /// The cluster that flags, environment and file name.
    pub(crate) async fn connect(&self) -> Result<Target, Failure> {
        let Settings { connection, repository, repositories, origins, .. } =
            Settings::resolve(&self.globals, &self.process).await?;
        for line in &origins {
            self.printer.detail(line);
        }
        let (endpoint, region) = (connection.endpoint.clone(), connection.region.clone());
        Ok(Target { api: connection.into_api()?, endpoint, region, repository, repositories })
    }

    /// The server's time: snapshots' ages are by its clock, whatever ours shows.
    pub(crate) async fn server_time(&self, api: &SnapshotApi, deadline: Deadline) -> Result<Timestamp, Failure> {
        let clock = api.clock(deadline).await.map_err(|unanswered| {
            let failure = unanswered.failure();
            let cause = format!("ages are by the server's clock, which does not tell its time: {}", failure.cause);
            let hint = "name the snapshots instead, or let the caller read /_cluster/stats (es:ESHttpGet, cluster:monitor/stats)";
            failure.with_cause(cause).with_hint(hint)
        })?;
        let skew = clock.now.duration_since(self.now());
        if let Some(off) = clock_is_off(skew) {
            self.printer.note(&format!("{off} the server's, which counts"));
        }
        Ok(clock.now)
    }

    /// The end of a command that waits for nothing.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.globals.timeout.map_or(TIMEOUT, |timeout| timeout.0))
    }

    /// The end of a command that watches for so long what happens.
    pub(crate) fn deadline_after(&self, watch: Duration) -> Deadline {
        Deadline::after(self.globals.timeout.map_or(TIMEOUT + watch, |timeout| timeout.0))
    }

    /// The end of a command that waits for what happens in the cluster.
    pub(crate) fn patient_deadline(&self) -> Deadline {
        Deadline::after(self.globals.timeout.map_or(ENDLESS, |timeout| timeout.0))
    }

    /// Notes what goes on without us.
    pub(crate) fn goes_on(&self, hint: impl Into<String>) {
        *self.goes_on.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(hint.into());
    }

    /// The end by Ctrl-C.
    pub(crate) fn interrupted(&self) -> Failure {
        self.printer.end_progress();
        self.printer.end_question();
        let goes_on = self.goes_on.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        match goes_on {
            Some(hint) if self.printer.is_begun() => {
                Failure::new(Code::Interrupted, "interrupted; what was begun goes on in the cluster", hint)
            }
            Some(hint) => {
                let cause = "interrupted; if something had been sent already, it goes on in the cluster";
                Failure::new(Code::Interrupted, cause, hint)
            }
            None => Failure::new(
                Code::Interrupted,
                "interrupted",
                "run the command again: it looks before it changes anything",
            ),
        }
    }
}
