//! `repo verify`.

use super::named;
use crate::output::views::Verified;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_engine::verify_repository;

/// Let every node write to the repository and read from it
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    name: Option<String>,
}

/// Verifies.
pub(crate) async fn run(arguments: Verify, session: &Session) -> Result<(), Failure> {
    let target = session.connect().await?;
    let repository = named(arguments.name.as_deref(), &target, session).await?;
    let nodes = verify_repository(&target.api, &repository, session.deadline()).await?;
    session.printer.show(&Verified { schema: 1, repository: repository.to_string(), nodes }, session.now())
}
