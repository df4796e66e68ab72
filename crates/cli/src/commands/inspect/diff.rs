//! `inspect diff`.

use crate::commands::reading::{Access, read};
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_repository::inspect::diff;

/// Compare two snapshots of a repository; -r says where it is
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// One snapshot
    #[arg(value_name = "FROM")]
    from: String,
    /// The other
    #[arg(value_name = "TO")]
    to: String,
    #[command(flatten)]
    access: Access,
}

/// Compares them.
pub(super) async fn run(arguments: Diff, session: &Session) -> Result<(), Failure> {
    let store = arguments.access.store(None, session).await?;
    let (from, to) = (&arguments.from, &arguments.to);
    let found = read(&store, session, async |loader, opened| diff(loader, opened, from, to).await).await?;
    for unread in &found.unread {
        session.printer.warning(&format!("not compared: {unread}"));
    }
    session.printer.show(&found, session.now())
}
