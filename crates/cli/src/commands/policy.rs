//! `policy`: what the configuration's policies say.

use super::chosen::Chosen;
use crate::output::views::{Coming, policy_list};
use crate::session::Session;
use clap::{Args, Subcommand};
use snapkeep_core::{Code, Failure};

/// The configuration's policies: list them, show when one is due; import other tools'
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct PolicyVerbs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(List),
    Next(Next),
    Import(super::import::Import),
}

/// List the policies: where, when, what stays
///
/// Nothing is called: `snapkeep plan` says how they stand.
#[derive(Debug, Args)]
struct List {}

/// Show when a policy is due next
///
/// Times are the policy's zone's and UTC; where the clocks change in between, it says so.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  snapkeep policy next nightly --count 30")]
struct Next {
    /// The policy
    #[arg(value_name = "POLICY")]
    policy: String,
    /// How many slots
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
}

/// Does what is asked.
pub(crate) async fn run(arguments: &PolicyVerbs, session: &Session) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::List(_) => {
            let chosen = Chosen::read(session, &[]).await?;
            session.printer.show(&policy_list(chosen.meant(), session.now()), session.now())
        }
        Verb::Next(next) => self::next(next, session).await,
        Verb::Import(import) => super::import::run(import, session).await,
    }
}

async fn next(arguments: &Next, session: &Session) -> Result<(), Failure> {
    let chosen = Chosen::read(session, std::slice::from_ref(&arguments.policy)).await?;
    let policy = &chosen.policies[&arguments.policy];
    let Some(schedule) = &policy.schedule else {
        let cause = format!("policy {} has no schedule: it takes nothing", policy.name);
        return Err(Failure::new(Code::BadConfig, cause, "add `schedule`, such as `30 2 * * *` or `every 6h`"));
    };
    let slots = schedule.upcoming(session.now()).take(arguments.count.into()).collect();
    let view = Coming { policy: &policy.name, schedule, zone: &policy.zone, after: session.now(), slots };
    session.printer.show(&view, session.now())
}
