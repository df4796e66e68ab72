//! `inspect snapshot`.

use crate::commands::reading::{Access, read};
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_repository::inspect::snapshot;

/// Read all about one snapshot; -r says where the repository is
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// The snapshot
    #[arg(value_name = "SNAPSHOT")]
    name: String,
    /// This index with its settings, mappings, aliases, and the files of its shards
    #[arg(long, value_name = "INDEX")]
    index: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// Reads it.
pub(super) async fn run(arguments: Snapshot, session: &Session) -> Result<(), Failure> {
    let store = arguments.access.store(None, session).await?;
    let found = read(&store, session, async |loader, opened| {
        snapshot(loader, opened, &arguments.name, arguments.index.as_deref()).await
    })
    .await?;
    for index in &found.indices {
        if let Some(why) = &index.shards_trouble {
            session.printer.warning(&format!("the shards of {} are not known: {why}", index.name));
        }
        for (shard, why) in index.files.iter().filter_map(|shard| Some((shard.shard, shard.trouble.as_ref()?))) {
            session.printer.warning(&format!("{} shard {shard} is not known: {why}", index.name));
        }
    }
    session.printer.show(&found, session.now())
}
