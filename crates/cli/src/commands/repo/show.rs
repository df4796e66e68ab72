//! `repo show`.

use super::named;
use crate::output::views::RepositoryView;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_engine::show_repository;

/// Show a repository's settings
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    name: Option<String>,
}

/// Shows them.
pub(crate) async fn run(arguments: Show, session: &Session) -> Result<(), Failure> {
    let target = session.connect().await?;
    let repository = named(arguments.name.as_deref(), &target, session).await?;
    let found = show_repository(&target.api, &repository, session.deadline()).await?;
    session.printer.show(&RepositoryView { name: repository.to_string(), found }, session.now())
}
