//! `abort`: ends a running snapshot.

use crate::choose;
use crate::confirm::{Yes, confirm};
use crate::output::progress::Reporter;
use crate::output::views::AbortView;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_core::naming::SnapshotName;
use snapkeep_engine::abort;

/// End a running snapshot; what it has saved so far goes with it
#[derive(Debug, Args)]
pub(crate) struct Abort {
    /// The snapshot
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    #[command(flatten)]
    yes: Yes,
}

/// Asks, then ends it.
pub(crate) async fn run(arguments: Abort, session: &Session) -> Result<(), Failure> {
    let snapshot = SnapshotName::parse(&arguments.snapshot)?;
    let target = session.connect().await?;
    let repository = choose::repository(&target, session, session.deadline()).await?;
    confirm(session, arguments.yes, &format!("End snapshot {snapshot} in repository {repository}?")).await?;
    session.goes_on(format!("`snapkeep status -r {repository} {snapshot}` shows whether it still runs"));
    let ended =
        abort(&target.api, &repository, &snapshot, session.patient_deadline(), &Reporter::new(&session.printer))
            .await?;
    session.printer.show(&AbortView(ended), session.now())
}
