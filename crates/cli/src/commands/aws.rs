//! `aws`: what a configuration needs in AWS.
#![allow(clippy::doc_markdown, reason = "what stands here is shown as help, not as Markdown")]

use crate::args::Pair;
use crate::output::views::Needed;
use crate::session::Session;
use crate::settings::whole::Whole;
use clap::{Args, Subcommand, ValueEnum};
use snapkeep_config::{Config, ConfigPlace};
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_iam::{Asked, DomainArn, Operation, check_account, policies};

/// What the configuration needs in AWS
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct AwsVerbs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Policies(PoliciesOf),
}

/// Print the IAM policies that the configuration needs
///
/// For whoever calls (the function's execution role, or who runs snapkeep), for each role that the service takes on to reach a
/// bucket, for the buckets and their key. Nothing is called: the configuration and these flags say it all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep aws policies
  snapkeep aws policies --operations backup,retention --configuration-at ssm:/snapkeep/logs --json
  snapkeep aws policies --domain logs=arn:aws:es:eu-west-1:123456789012:domain/logs")]
struct PoliciesOf {
    /// What is to be done [default: backup, and retention and drill where a policy has `keep` and `drill`]
    #[arg(long, value_name = "OPERATION", value_delimiter = ',')]
    operations: Vec<Purpose>,
    /// The account of the caller, and of domains whose roles do not name one: 12 digits
    #[arg(long, value_name = "NUMBER")]
    account: Option<String>,
    /// The ARN of the domain behind a cluster whose endpoint does not tell it, such as a custom endpoint
    #[arg(long = "domain", value_name = "CLUSTER=ARN")]
    domains: Vec<Pair>,
    /// Where the function finds its configuration: s3://bucket/key or ssm:/name [default: SNAPKEEP_CONFIG]
    #[arg(long, value_name = "PLACE")]
    configuration_at: Option<String>,
    /// ARN of the key that encrypts the buckets
    #[arg(long, value_name = "ARN")]
    bucket_key: Option<String>,
    /// The account that the buckets are in, if it may not be the roles'
    #[arg(long, value_name = "NUMBER")]
    bucket_account: Option<String>,
    /// ARN of the key that encrypts the parameters and secrets that are read
    #[arg(long, value_name = "ARN")]
    decrypt_key: Option<String>,
}

/// What a policy is for: an operation, or to examine the set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Purpose {
    Backup,
    Retention,
    Restore,
    Drill,
    Doctor,
}

impl Purpose {
    fn operation(self) -> Option<Operation> {
        match self {
            Self::Backup => Some(Operation::Backup),
            Self::Retention => Some(Operation::Retention),
            Self::Restore => Some(Operation::Restore),
            Self::Drill => Some(Operation::Drill),
            Self::Doctor => None,
        }
    }
}

/// [`Operation`] as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Doing {
    Backup,
    Retention,
    Restore,
    Drill,
}

impl From<Doing> for Operation {
    fn from(doing: Doing) -> Self {
        match doing {
            Doing::Backup => Self::Backup,
            Doing::Retention => Self::Retention,
            Doing::Restore => Self::Restore,
            Doing::Drill => Self::Drill,
        }
    }
}

/// Does what is asked.
pub(crate) async fn run(arguments: AwsVerbs, session: &Session) -> Result<(), Failure> {
    match arguments.verb {
        Verb::Policies(arguments) => needed(arguments, session).await,
    }
}

async fn needed(arguments: PoliciesOf, session: &Session) -> Result<(), Failure> {
    let whole = Whole::read(&session.globals, &session.process).await?;
    let asked = asked(arguments, session, &whole.config)?;
    let policies = policies(&whole.config, &asked)?;
    let view =
        Needed { name: whole.name(), operations: &asked.operations, examines: asked.examines, policies: &policies };
    for note in view.notes() {
        session.printer.note(&note);
    }
    session.printer.show(&view, session.now())
}

fn asked(arguments: PoliciesOf, session: &Session, config: &Config) -> Result<Asked, Failure> {
    for account in [&arguments.account, &arguments.bucket_account].into_iter().flatten() {
        check_account(account)?;
    }
    for key in [&arguments.bucket_key, &arguments.decrypt_key].into_iter().flatten() {
        check_key(key)?;
    }
    let domain = |pair: Pair| Ok((pair.key, pair.value.trim().parse::<DomainArn>()?));
    let of_environment = || session.process.variable("SNAPKEEP_CONFIG").filter(|_| session.globals.config.is_none());
    let place = arguments.configuration_at.as_deref().or_else(of_environment);
    Ok(Asked {
        operations: operations(&arguments.operations, config),
        examines: arguments.operations.contains(&Purpose::Doctor),
        domains: arguments.domains.into_iter().map(domain).collect::<Result<_, Failure>>()?,
        configuration: place.map(ConfigPlace::of).transpose()?,
        account: arguments.account,
        region: session.globals.region.clone(),
        cluster: session.globals.cluster.clone(),
        bucket_key: arguments.bucket_key,
        secrets_key: arguments.decrypt_key,
        bucket_account: arguments.bucket_account,
    })
}

/// Backup is a part of everything; without a word, policies say whether anything is ever deleted, and practised.
fn operations(given: &[Purpose], config: &Config) -> Vec<Operation> {
    let is_unsaid = given.iter().all(|purpose| *purpose == Purpose::Doctor);
    let has = |what: fn(&Policy) -> bool| is_unsaid && config.policies.values().any(what);
    let (deletes, drills) = (has(|policy| policy.keep.is_some()), has(|policy| policy.drill.is_some()));
    let wanted = |operation: &Operation| match operation {
        Operation::Backup => true,
        Operation::Retention if deletes => true,
        Operation::Drill if drills => true,
        operation => given.iter().any(|purpose| purpose.operation() == Some(*operation)),
    };
    Operation::ALL.into_iter().filter(wanted).collect()
}

/// Policies take a key's ARN; an alias is another thing that may come to mean another key.
fn check_key(arn: &str) -> Result<(), Failure> {
    if arn.starts_with("arn:") && arn.split(':').nth(2) == Some("kms") && arn.contains(":key/") {
        return Ok(());
    }
    let hint = "give the ARN that `aws kms describe-key` shows: arn:aws:kms:REGION:ACCOUNT:key/ID";
    Err(Failure::new(Code::BadEvent, format!("{arn:?} is not a key's ARN"), hint))
}
