//! `inspect`: what a repository holds, without its cluster.

mod diff;
mod snapshot;

use super::reading::{Reading, read};
use crate::session::Session;
use clap::{Args, Subcommand};
use snapkeep_core::Failure;
use snapkeep_repository::inspect::contents;

/// Read what a repository holds, without its cluster
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  snapkeep inspect s3://my-backups/logs
  snapkeep inspect file:///mnt/backups --json
  snapkeep inspect snapshot nightly-20261120t013000z -r s3://my-backups/logs --index orders
  snapkeep inspect diff before-upgrade after-upgrade -r nightly"
)]
pub(crate) struct Inspect {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Snapshot(snapshot::Snapshot),
    Diff(diff::Diff),
}

/// Reads it.
pub(crate) async fn run(arguments: Inspect, session: &Session) -> Result<(), Failure> {
    match arguments.verb {
        Some(Verb::Snapshot(arguments)) => snapshot::run(arguments, session).await,
        Some(Verb::Diff(arguments)) => diff::run(arguments, session).await,
        None => {
            let store = arguments.reading.store(session).await?;
            let found = read(&store, session, async |loader, opened| contents(loader, opened).await).await?;
            for trouble in &found.trouble {
                session.printer.warning(trouble);
            }
            session.printer.show(&found, session.now())
        }
    }
}
