//! `du`: what a repository's snapshots weigh.

use super::reading::{Reading, read};
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_repository::usage::{Price, Prices, usage};

/// Show what a repository's snapshots weigh, and what goes when one goes
#[derive(Debug, Args)]
#[command(after_help = "\
Snapshots share files: UNIQUE is what deleting the snapshot alone frees, ADDED what no older one has.

Examples:
  snapkeep du s3://my-backups/logs
  snapkeep du nightly --price STANDARD=0.021 --json")]
pub(crate) struct Du {
    #[command(flatten)]
    reading: Reading,
    /// US dollars per gigabyte and month of a storage class, such as STANDARD=0.021 [default: list prices of us-east-1]
    #[arg(long, value_name = "CLASS=USD")]
    price: Vec<Price>,
}

/// Weighs them.
pub(crate) async fn run(arguments: Du, session: &Session) -> Result<(), Failure> {
    let store = arguments.reading.store(session).await?;
    let prices = Prices::with(&arguments.price);
    let found = read(&store, session, async |loader, opened| usage(loader, opened, &prices).await).await?;
    for unread in &found.unread {
        session.printer.warning(&format!("not counted: {unread}"));
    }
    session.printer.show(&found, session.now())
}
