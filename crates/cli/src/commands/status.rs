//! `status`: what runs, how far it is, and whether it moves.

use crate::args::Watch;
use crate::choose;
use crate::output::progress::Reporter;
use crate::output::views;
use crate::session::Session;
use crate::words::said;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_core::naming::SnapshotName;
use snapkeep_engine::{Running, StatusQuery, status};

/// Show what runs, how far it is, and what is stuck
///
/// Without names: all that runs, in every repository or in the one of -r. What does not move while it is watched is
/// Without names: all that runs, in every repository or in the one of -r. What does not move while it is watched is
/// said, with what holds it up; watched for as long as --stall-after says, it is called STALLED.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Snapshots to look at, whether they run or not
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    /// How long to watch whether they move; it ends as soon as all have
    #[arg(long, value_name = "SPAN", default_value = "5s")]
    watch: Watch,
    /// Call STALLED what has not moved for this long; to see it, --watch must be as long
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    stall_after: Watch,
}

/// Looks.
pub(crate) async fn run(arguments: Status, session: &Session) -> Result<(), Failure> {
    let snapshots: Vec<SnapshotName> =
        arguments.snapshots.iter().map(|name| SnapshotName::parse(name)).collect::<Result<_, _>>()?;
    let deadline = session.deadline_after(arguments.watch.0);
    let target = session.connect().await?;
    let repository = match (&session.globals.repository, snapshots.is_empty()) {
        // What runs in another repository is in the way all the same: it is shown.
        (None, true) => None,
        _ => Some(choose::repository(&target, session, deadline).await?),
    };
    let (watch, stall_after) = (arguments.watch.0, arguments.stall_after.0);
    let query = StatusQuery { repository, snapshots, watch, stall_after };
    let found = status(&target.api, &query, deadline, &Reporter::silent(&session.printer)).await?;
    let in_our_words = |one: Running| Running { diagnosis: one.diagnosis.as_deref().map(said), ..one };
    let snapshots = found.snapshots.into_iter().map(in_our_words).collect();
    session
        .printer
        .show(&views::StatusView(snapkeep_engine::Status { snapshots, ..found }), session.now_of(&target.api))
}
