//! `repo remove`.

use super::given;
use crate::confirm::{Yes, confirm};
use crate::output::views::Removal;
use crate::session::Session;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_engine::remove_repository;

/// Make the cluster forget a repository; its snapshots stay where they are
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    name: String,
    #[command(flatten)]
    yes: Yes,
}

/// Asks, then removes.
pub(crate) async fn run(arguments: Remove, session: &Session) -> Result<(), Failure> {
    let repository = given(&arguments.name, session)?;
    let target = session.connect().await?;
    confirm(session, arguments.yes, &format!("Remove repository {repository} from {}?", target.endpoint)).await?;
    remove_repository(&target.api, &repository, session.deadline()).await?;
    session.printer.show(&Removal { schema: 1, repository: repository.to_string(), removed: true }, session.now())
}
