//! `config`: the configuration file itself.

use crate::output::views::{Checked, Effective};
use crate::session::Session;
use crate::settings::effective;
use crate::settings::whole::{self, Found};
use clap::{Args, Subcommand};
use snapkeep_config::Config;
use snapkeep_core::{Code, Failure};

/// The configuration file: check it, show what holds, get its schema
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct ConfigVerbs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(Check),
    Show(Show),
    Schema(Schema),
}

/// Check the whole file: every complaint, with line and column
///
/// Nothing is called and no secret is opened.
#[derive(Debug, Args)]
struct Check {}

/// Show what holds: the file's settings and what holds where it says nothing
///
/// Beside the file, the connection that a command with the same flags and environment would use. Secrets stay references.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep config show --origin
  snapkeep config show --json --cluster logs")]
struct Show {
    /// Where each setting comes from
    #[arg(long)]
    origin: bool,
}

/// Print the file's JSON Schema, for editors that complete and check it
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  snapkeep config schema > snapkeep.schema.json
  and at the top of snapkeep.yaml:  # yaml-language-server: $schema=snapkeep.schema.json")]
struct Schema {}

/// Does what is asked.
pub(crate) async fn run(arguments: &ConfigVerbs, session: &Session) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Check(_) => check(session).await,
        Verb::Show(show) => self::show(show, session).await,
        Verb::Schema(_) => session.printer.raw(&format!("{:#}\n", snapkeep_config::schema())),
    }
}

async fn check(session: &Session) -> Result<(), Failure> {
    let found = whole::file(&session.globals, &session.process).await?;
    let complaints = Config::complaints(found.text());
    let config = complaints.is_empty().then(|| found.parse()).transpose()?;
    session
        .printer
        .show(&Checked { name: &found.name, complaints: &complaints, config: config.as_ref() }, session.now())?;
    match complaints.len() {
        0 => Ok(()),
        1 => Err(failed(&found.name, "1 complaint")),
        many => Err(failed(&found.name, &format!("{many} complaints"))),
    }
}

fn failed(name: &str, complaints: &str) -> Failure {
    let hint = "each complaint says what mends it; `snapkeep config schema` lists every key";
    Failure::new(Code::BadConfig, format!("{name} cannot be used: {complaints}"), hint)
}

async fn show(arguments: &Show, session: &Session) -> Result<(), Failure> {
    let (globals, process) = (&session.globals, &session.process);
    let found = whole::found(globals, process).await?;
    // Told with the file's name, as everywhere.
    found.as_ref().map(Found::parse).transpose()?;
    let settings = found.as_ref().map(|found| Config::settings(found.text())).transpose()?.unwrap_or_default();
    let connection = effective(globals, process, found.as_ref())?;
    let name = found.as_ref().map(|found| found.name.as_str());
    let view = Effective { name, settings: &settings, connection: &connection, origin: arguments.origin };
    session.printer.show(&view, session.now())
}
