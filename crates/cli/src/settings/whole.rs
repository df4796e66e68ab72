//! The whole configuration file: for commands about it and about policies.

use super::find;
pub(crate) use super::find::Found;
use super::{Connection, complete, override_by_environment};
use crate::args::Globals;
use crate::process::Process;
use snapkeep_cluster::SnapshotApi;
use snapkeep_config::Config;
use snapkeep_core::{Code, Failure};

/// A file that was found and its valid content.
#[derive(Debug)]
pub(crate) struct Whole {
    found: Found,
    /// What it says.
    pub(crate) config: Config,
}

/// The file itself, if there is one.
pub(crate) async fn found(globals: &Globals, process: &Process) -> Result<Option<Found>, Failure> {
    find::configuration(globals.config.as_deref(), process).await
}

/// The file itself; there must be one.
pub(crate) async fn file(globals: &Globals, process: &Process) -> Result<Found, Failure> {
    found(globals, process).await?.ok_or_else(|| {
        Failure::new(
            Code::BadConfig,
            "there is no configuration",
            "write a snapkeep.yaml, or name one with --config or SNAPKEEP_CONFIG; `snapkeep config schema` says what it holds",
        )
    })
}

impl Whole {
    /// Finds and reads it.
    pub(crate) async fn read(globals: &Globals, process: &Process) -> Result<Self, Failure> {
        let found = file(globals, process).await?;
        let config = found.parse()?;
        Ok(Self { found, config })
    }

    /// What the file is called.
    pub(crate) fn name(&self) -> &str {
        &self.found.name
    }

    /// Where the file is: hooks run there.
    pub(crate) fn base(&self) -> &std::path::Path {
        self.found.base()
    }

    /// The API of one of its clusters; opens the one secret that this needs.
    pub(crate) async fn connect(&self, name: &str, process: &Process) -> Result<SnapshotApi, Failure> {
        let mut cluster = self.config.cluster(name)?.clone();
        if process.variable("SNAPKEEP_ENDPOINT").is_none() {
            override_by_environment(&mut cluster, process)?;
        }
        complete(&mut cluster);
        let connection = Connection::resolve(cluster, process, &mut Vec::new()).await;
        connection.and_then(Connection::into_api).map_err(|failure| {
            let cause = format!("cluster {name}: {}", failure.cause);
            failure.with_cause(cause)
        })
    }
}
