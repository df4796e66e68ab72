//! `repo register`.

use super::given;
use crate::args::Pair;
use crate::output::progress::Reporter;
use crate::output::views::Registered;
use crate::session::Session;
use crate::words::all_said;
use clap::Args;
use serde_json::{Map, Value, json};
use snapkeep_config::Repository;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::repository::{
    RepositorySettings, S3Settings, check_bucket, check_region, check_role_arn, refuse_reserved,
};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{Job, Registration, Warnings, WrittenBefore, run_observed};

/// Register a repository, or check that it is registered as asked for
///
/// What the flags leave open is taken from the configuration's `repositories`. A repository that is registered already
/// with the same settings stays as it is; one with other settings is an error unless --replace.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep repo register nightly --bucket my-backups --role-arn arn:aws:iam::123456789012:role/snapshots
  snapkeep repo register shared --type fs --setting location=/mnt/backups
  snapkeep repo register nightly        (all of it from snapkeep.yaml)")]
pub(crate) struct Register {
    /// The repository's name
    #[arg(value_name = "REPOSITORY")]
    name: String,
    /// Its type: s3, fs, … [default: s3]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// The bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// The bucket's region [default: the cluster's]
    #[arg(long, value_name = "REGION")]
    bucket_region: Option<String>,
    /// The role that the service assumes to reach the bucket
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// The folder in the bucket
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// Further settings
    #[arg(long = "setting", value_name = "KEY=VALUE")]
    settings: Vec<Pair>,
    /// This cluster may only read it
    #[arg(long)]
    readonly: bool,
    /// Replace settings that differ
    #[arg(long)]
    replace: bool,
    /// Write to it although it holds snapshots that were not taken here: no other cluster writes to it any more
    #[arg(long)]
    take_over: bool,
}

/// Registers.
pub(crate) async fn run(arguments: Register, session: &Session) -> Result<(), Failure> {
    let repository = given(&arguments.name, session)?;
    refuse_reserved(&repository)?;
    let target = session.connect().await?;
    let wanted = arguments.over(target.repositories.get(repository.as_str()));
    let settings = settings(wanted, target.region.clone(), &target.endpoint)?;
    let written_before = if arguments.take_over { WrittenBefore::TakenOver } else { WrittenBefore::Refused };
    let job = Job::Register(Registration { repository, settings, replace: arguments.replace, written_before });
    let reporter = Reporter::new(&session.printer);
    let report = run_observed(&target.api, &job, session.deadline(), Warnings::default(), &reporter).await?;
    drop(reporter);
    let registered = Registered {
        schema: 1,
        repository: report.repository,
        outcome: report.registration,
        verified: report.verified.unwrap_or(false),
        warnings: all_said(&report.warnings),
    };
    session.printer.show(&registered, session.now())
}

impl Register {
    /// The flags, and what they leave open from the configuration.
    fn over(&self, configured: Option<&Repository>) -> Repository {
        let configured = configured.cloned().unwrap_or_default();
        let mut settings = configured.settings;
        settings.extend(self.settings.iter().map(|pair| (pair.key.clone(), json!(pair.value))));
        Repository {
            kind: self.kind.clone().or(configured.kind),
            bucket: self.bucket.clone().or(configured.bucket),
            region: self.bucket_region.clone().or(configured.region),
            role_arn: self.role_arn.clone().or(configured.role_arn),
            base_path: self.base_path.clone().or(configured.base_path),
            readonly: if self.readonly { Some(true) } else { configured.readonly },
            settings,
        }
    }
}

/// What is to be registered. With a role it is the managed service's way; without one, the nodes' own.
pub(in crate::commands) fn settings(
    wanted: Repository,
    cluster_region: Option<String>,
    endpoint: &Endpoint,
) -> Result<RepositorySettings, Failure> {
    let kind = wanted.kind.clone().unwrap_or_else(|| "s3".to_owned());
    let mut further = wanted.settings;
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            further.insert(key.to_owned(), value);
        }
    };
    add("base_path", wanted.base_path.map(Value::from));
    add("readonly", wanted.readonly.map(Value::from));
    if kind != "s3" {
        add("bucket", wanted.bucket.map(Value::from));
        add("region", wanted.region.map(Value::from));
        add("role_arn", wanted.role_arn.map(Value::from));
        return RepositorySettings::other(&kind, further);
    }
    let bucket = wanted.bucket.or_else(|| taken(&mut further, "bucket"));
    let bucket = bucket.ok_or_else(|| lacking("a bucket", "--bucket"))?;
    check_bucket(&bucket)?;
    let region = wanted.region.or(cluster_region);
    match wanted.role_arn {
        Some(role_arn) => {
            check_role_arn(&role_arn)?;
            let region = region.ok_or_else(|| lacking("the bucket's region", "--bucket-region"))?;
            check_region("BucketRegion", &region)?;
            Ok(RepositorySettings::S3(S3Settings { bucket, region, role_arn, further }))
        }
        None if endpoint.amazon_region().is_some() => Err(lacking("the snapshot role", "--role-arn")),
        None => Ok(of_own_nodes(bucket, region, further)?),
    }
}

fn taken(settings: &mut Map<String, Value>, key: &str) -> Option<String> {
    settings.remove(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// A cluster of one's own reaches the bucket with its nodes' credentials.
fn of_own_nodes(
    bucket: String,
    region: Option<String>,
    mut settings: Map<String, Value>,
) -> Result<RepositorySettings, Failure> {
    settings.insert("bucket".into(), bucket.into());
    if let Some(region) = region {
        settings.insert("region".into(), region.into());
    }
    RepositorySettings::other("s3", settings)
}

fn lacking(what: &str, flag: &str) -> Failure {
    Failure::new(
        Code::BadEvent,
        format!("an s3 repository needs {what}"),
        format!("give {flag}, or describe the repository in the configuration's `repositories`"),
    )
}

#[cfg(test)]
mod tests;
