//! What may be typed.
#![allow(clippy::doc_markdown, reason = "what stands here is shown as help, not as Markdown")]

mod values;

pub(crate) use values::{Bytes, Pair, Span, Watch};

use crate::commands;
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use snapkeep_config::AuthKind;
use std::ffi::OsString;
use std::path::PathBuf;

const CONNECTION: &str = "Connection";
const OUTPUT: &str = "Output";

const AFTER_HELP: &str = "\
Secrets are never flags: SNAPKEEP_PASSWORD, SNAPKEEP_API_KEY and SNAPKEEP_TOKEN hold them, or the configuration refers to them.
Exit status: 0 done, 1 failed, 2 not understood, 3 partial, 10 missing, 11 busy, 12 refused, 13 stale plan, 14 damage, 15 unknown, 130 interrupted.";

/// Keeps snapshots of Amazon OpenSearch and Elasticsearch domains and of self-managed clusters
#[derive(Debug, Parser)]
#[command(name = "snapkeep", version, max_term_width = 100, after_help = AFTER_HELP, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Globals {
    /// Configuration file [default: SNAPKEEP_CONFIG, ./snapkeep.yaml, the user's, /etc/snapkeep/snapkeep.yaml]
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) config: Option<PathBuf>,
    /// The configuration's cluster of that name
    #[arg(long, global = true, value_name = "NAME", help_heading = CONNECTION)]
    pub(crate) cluster: Option<String>,
    /// The cluster's endpoint, such as https://search-logs-abc123.eu-west-1.es.amazonaws.com
    #[arg(long, global = true, value_name = "URL", help_heading = CONNECTION)]
    pub(crate) endpoint: Option<String>,
    /// The region that signatures are scoped to [default: the one in an Amazon endpoint's name]
    #[arg(long, global = true, value_name = "REGION", help_heading = CONNECTION)]
    pub(crate) region: Option<String>,
    /// How requests say who sends them [default: what fits the endpoint and the secrets that are there]
    #[arg(long, global = true, value_name = "HOW", help_heading = CONNECTION)]
    pub(crate) auth: Option<Auth>,
    /// User name for --auth basic
    #[arg(long, global = true, value_name = "NAME", help_heading = CONNECTION)]
    pub(crate) username: Option<String>,
    /// AWS profile to take credentials from
    #[arg(long, global = true, value_name = "NAME", help_heading = CONNECTION)]
    pub(crate) profile: Option<String>,
    /// Role to assume before signing
    #[arg(long, global = true, value_name = "ARN", help_heading = CONNECTION)]
    pub(crate) assume_role: Option<String>,
    /// External id that the assumed role's trust policy asks for
    #[arg(long, global = true, value_name = "ID", help_heading = CONNECTION, requires = "assume_role")]
    pub(crate) external_id: Option<String>,
    /// File with a web identity token, to assume the role with
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION, requires = "assume_role", conflicts_with = "external_id")]
    pub(crate) web_identity_token_file: Option<PathBuf>,
    /// Further certificate authorities (PEM)
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate to show to the cluster (PEM), for mutual TLS
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION, requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Key of that certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION, requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// The repository [default: the cluster's in the configuration, SNAPKEEP_REPOSITORY, or the only one there is]
    #[arg(short, long, global = true, value_name = "NAME", help_heading = CONNECTION)]
    pub(crate) repository: Option<String>,
    /// Time for the whole command, such as 30s or 10min [default: 5min; what waits, waits]
    #[arg(long, global = true, value_name = "SPAN", help_heading = CONNECTION)]
    pub(crate) timeout: Option<Span>,
    /// One JSON object on standard output; events and the error as JSON lines on standard error
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Only results, warnings and errors
    #[arg(short, long, global = true, help_heading = OUTPUT, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say what is done and why; twice: every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = OUTPUT)]
    pub(crate) verbose: u8,
    /// When to use colour; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = OUTPUT)]
    pub(crate) color: When,
    /// No progress, neither bar nor lines
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(crate) no_progress: bool,
}

impl Globals {
    /// The flags that are given and say which cluster is meant and who we are to it.
    pub(crate) fn connection_flags(&self) -> Vec<&'static str> {
        let given = [
            ("config", self.config.is_some()),
            ("cluster", self.cluster.is_some()),
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("auth", self.auth.is_some()),
            ("username", self.username.is_some()),
            ("profile", self.profile.is_some()),
            ("assume-role", self.assume_role.is_some()),
            ("external-id", self.external_id.is_some()),
            ("web-identity-token-file", self.web_identity_token_file.is_some()),
            ("ca-file", self.ca_file.is_some()),
            ("client-cert", self.client_cert.is_some()),
            ("client-key", self.client_key.is_some()),
            ("repository", self.repository.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag).collect()
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// [`AuthKind`] as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    #[value(name = "sigv4")]
    SigV4,
    Basic,
    ApiKey,
    Bearer,
    None,
}

impl From<Auth> for AuthKind {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::SigV4 => Self::SigV4,
            Auth::Basic => Self::Basic,
            Auth::ApiKey => Self::ApiKey,
            Auth::Bearer => Self::Bearer,
            Auth::None => Self::None,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Create(commands::create::Create),
    List(commands::list::List),
    Show(commands::show::Show),
    Status(commands::status::Status),
    Delete(commands::delete::Delete),
    Abort(commands::abort::Abort),
    Clone(commands::clone::CloneSnapshot),
    Restore(Box<commands::restore::Restore>),
    Migrate(Box<commands::migrate::Migrate>),
    Drill(commands::drill::DrillArguments),
    Report(commands::report::ReportArguments),
    Repo(commands::repo::Repo),
    Plan(commands::plan::PlanArguments),
    Apply(commands::apply::Apply),
    Run(commands::run::Run),
    Serve(commands::serve::Serve),
    Notify(commands::notify::NotifyVerbs),
    Config(commands::config::ConfigVerbs),
    Aws(commands::aws::AwsVerbs),
    Doctor(commands::doctor::Doctor),
    Policy(commands::policy::PolicyVerbs),
    Inspect(commands::inspect::Inspect),
    Verify(commands::verify::Verify),
    Du(commands::du::Du),
    Orphans(commands::orphans::OrphansOf),
    Invoke(commands::invoke::Invoke),
    Completions(commands::completions::Completions),
    Man(commands::man::Man),
}

impl Verb {
    /// Whether the command answers as the Lambda does.
    pub(crate) fn is_lambda(&self) -> bool {
        matches!(self, Self::Invoke(_))
    }

    /// Whether the command goes on until it is told to stop.
    pub(crate) fn is_daemon(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    /// Whether the command hears itself that it is to stop: it has something to do before it does.
    pub(crate) fn hears_signals(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Run(_))
    }
}

/// The whole grammar, for parsing, completions, man pages and their tests.
pub fn command() -> clap::Command {
    let whole = Arguments::command();
    let connection: Vec<Arg> = whole
        .get_arguments()
        .filter(|flag| flag.get_help_heading() == Some(CONNECTION))
        .map(|flag| flag.clone().hide(true))
        .collect();
    let without = |flags: Vec<Arg>| move |verb: clap::Command| verb.args(flags);
    let but_timeout = connection.iter().filter(|flag| flag.get_id() != "timeout").cloned().collect();
    // They are understood everywhere, and shown where they count.
    whole
        .mut_subcommand("invoke", without(but_timeout))
        .mut_subcommand("completions", without(connection.clone()))
        .mut_subcommand("man", without(connection))
}

impl Arguments {
    /// What was typed.
    pub(crate) fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(words)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))
    }
}

/// The complaint in one line, without usage and tips.
pub(crate) fn cause_of(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    first.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
