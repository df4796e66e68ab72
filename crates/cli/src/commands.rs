//! One file for each command: parse → engine → output.

pub(crate) mod abort;
pub(crate) mod apply;
pub(crate) mod aws;
mod body;
mod chosen;
pub(crate) mod clone;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod du;
mod import;
pub(crate) mod inspect;
pub(crate) mod invoke;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod notify;
pub(crate) mod orphans;
pub(crate) mod plan;
pub(crate) mod policy;
mod reading;
pub(crate) mod repo;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod select;
pub(crate) mod serve;
pub(crate) mod show;
mod sizes;
pub(crate) mod status;
mod telling;
pub(crate) mod verify;

use crate::args::Verb;
use crate::session::Session;
use crate::words::for_operator;
use snapkeep_core::{Code, Failure};

/// Runs one command.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let outcome = match verb {
        // Its failure is the Lambda's own, in the event's words.
        Verb::Invoke(arguments) => return invoke::run(arguments, session).await,
        Verb::Create(arguments) => create::run(arguments, session).await,
        Verb::List(arguments) => list::run(arguments, session).await,
        Verb::Show(arguments) => show::run(arguments, session).await,
        Verb::Status(arguments) => status::run(arguments, session).await,
        Verb::Delete(arguments) => delete::run(arguments, session).await,
        Verb::Abort(arguments) => abort::run(arguments, session).await,
        Verb::Clone(arguments) => clone::run(arguments, session).await,
        Verb::Restore(arguments) => restore::run(*arguments, session).await,
        Verb::Migrate(arguments) => migrate::run(*arguments, session).await,
        Verb::Drill(arguments) => drill::run(arguments, session).await,
        Verb::Report(arguments) => report::run(arguments, session).await,
        Verb::Repo(arguments) => repo::run(arguments, session).await,
        Verb::Plan(arguments) => plan::run(arguments, session).await,
        Verb::Apply(arguments) => apply::run(arguments, session).await,
        Verb::Run(arguments) => run::run(arguments, session).await,
        Verb::Serve(arguments) => serve::run(arguments, session).await,
        Verb::Notify(arguments) => notify::run(&arguments, session).await,
        Verb::Config(arguments) => config::run(&arguments, session).await,
        Verb::Aws(arguments) => aws::run(arguments, session).await,
        Verb::Doctor(arguments) => doctor::run(arguments, session).await,
        Verb::Policy(arguments) => policy::run(&arguments, session).await,
        Verb::Inspect(arguments) => inspect::run(arguments, session).await,
        Verb::Verify(arguments) => verify::run(arguments, session).await,
        Verb::Du(arguments) => du::run(arguments, session).await,
        Verb::Orphans(arguments) => orphans::run(arguments, session).await,
        Verb::Completions(arguments) => completions::run(&arguments, session),
        Verb::Man(arguments) => man::run(&arguments, session),
    };
    outcome.map_err(for_operator)
}

/// Whoever waits relies on the end: without one there is no success.
fn unended(follow: &str) -> Failure {
    let cause = "the snapshot has begun, but its end was not seen: whether it becomes a good one is not known yet";
    Failure::new(Code::OutcomeUnknown, cause, follow)
}
