//! `repo cleanup`.

use super::given;
use crate::confirm::{Yes, confirm};
use crate::output::views;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_engine::cleanup_repository;

/// Delete files in a repository that no snapshot needs
#[derive(Debug, Args)]
pub(crate) struct Cleanup {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    name: String,
    #[command(flatten)]
    yes: Yes,
}

/// Asks, then cleans up.
pub(crate) async fn run(arguments: Cleanup, session: &Session) -> Result<(), Failure> {
    let repository = given(&arguments.name, session)?;
    let target = session.connect().await?;
    let question = format!(
        "Delete files that no snapshot in repository {repository} needs? No other cluster may write to it meanwhile."
    );
    confirm(session, arguments.yes, &question).await?;
    let cleaned = cleanup_repository(&target.api, &repository, session.patient_deadline()).await?;
    session.printer.show(&views::Cleanup { repository: repository.to_string(), cleaned }, session.now())
}
