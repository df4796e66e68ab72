//! `repo list`.

use crate::output::views::RepositoryList;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_engine::list_repositories;

/// List the cluster's repositories
#[derive(Debug, Args)]
#[command(visible_alias = "ls")]
pub(crate) struct List {}

/// Lists.
pub(crate) async fn run(_: List, session: &Session) -> Result<(), Failure> {
    let target = session.connect().await?;
    let found = list_repositories(&target.api, session.deadline()).await?;
    if found.is_empty() {
        session.printer.note("this cluster has no repositories; `snapkeep repo register` makes one known to it");
    }
    session.printer.show(&RepositoryList(found), session.now())
}
