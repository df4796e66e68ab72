//! `show`: all about one snapshot.

use crate::choose;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_core::naming::SnapshotName;
use snapkeep_engine::show;

/// Show all that the cluster knows of one snapshot
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The snapshot
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
}

/// Shows it.
pub(crate) async fn run(arguments: Show, session: &Session) -> Result<(), Failure> {
    let snapshot = SnapshotName::parse(&arguments.snapshot)?;
    let deadline = session.deadline();
    let target = session.connect().await?;
    let repository = choose::repository(&target, session, deadline).await?;
    let shown = show(&target.api, &repository, &snapshot, deadline).await?;
    session.printer.show(&shown, session.now_of(&target.api))
}
