//! `repo …`: repositories.

mod cleanup;
mod list;
pub(super) mod register;
mod remove;
mod show;
mod verify;

use crate::session::Session;
use clap::{Args, Subcommand};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};

/// Register, look at, verify and remove repositories
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Repo {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Register(Box<register::Register>),
    List(list::List),
    Show(show::Show),
    Verify(verify::Verify),
    Remove(remove::Remove),
    Cleanup(cleanup::Cleanup),
}

/// Runs one of them.
pub(crate) async fn run(arguments: Repo, session: &Session) -> Result<(), Failure> {
    match arguments.verb {
        Verb::Register(arguments) => register::run(*arguments, session).await,
        Verb::List(arguments) => list::run(arguments, session).await,
        Verb::Show(arguments) => show::run(arguments, session).await,
        Verb::Verify(arguments) => verify::run(arguments, session).await,
        Verb::Remove(arguments) => remove::run(arguments, session).await,
        Verb::Cleanup(arguments) => cleanup::run(arguments, session).await,
    }
}

/// The repository that a command is given. Another one in -r would do nothing.
fn given(name: &str, session: &Session) -> Result<RepositoryName, Failure> {
    match session.globals.repository.as_deref().filter(|other| *other != name) {
        None => RepositoryName::parse(name),
        Some(other) => Err(Failure::new(
            Code::BadEvent,
            format!("two repositories are named: {name}, and {other} with -r"),
            "name the one that is meant, without -r",
        )),
    }
}

/// The repository that a command is given, else the one that is meant anyway.
async fn named(
    given: Option<&str>,
    target: &crate::session::Target,
    session: &Session,
) -> Result<RepositoryName, Failure> {
    match given {
        Some(name) => self::given(name, session),
        None => crate::choose::repository(target, session, session.deadline()).await,
    }
}
