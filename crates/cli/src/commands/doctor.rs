//! `doctor`: what is wrong with the set-up, and what mends it.
#![allow(clippy::doc_markdown, reason = "what stands here is shown as help, not as Markdown")]

mod ages;

use super::aws::Doing;
use super::repo::register;
use crate::output::views::Diagnosis;
use crate::session::Session;
use crate::settings::Settings;
use clap::Args;
use serde_json::Value;
use snapkeep_config::Repository;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_doctor::{Report, Sources, Subject, examine, gather};
use snapkeep_iam::{DomainArn, Operation, Stored};
use snapkeep_transport::Services;
use std::sync::Arc;

/// Find what is wrong with credentials, domain, roles, bucket and repository, and say what mends it
///
/// Every check is made that the rights at hand allow, in order; what cannot be looked at is said, with the right that is
/// missing. Nothing is changed; verifying the repository lets each node write one small file and delete it. The command fails
/// with the code of what is to be mended first; warnings alone do not make it fail.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep doctor -r nightly
  snapkeep doctor --cluster logs --operations backup,retention --json
  snapkeep doctor --domain arn:aws:es:eu-west-1:123456789012:domain/logs")]
pub(crate) struct Doctor {
    /// What is to be done [default: backup]
    #[arg(long, value_name = "OPERATION", value_delimiter = ',')]
    operations: Vec<Doing>,
    /// The domain's ARN, if its endpoint is a custom one or it is in another account than the caller
    #[arg(long, value_name = "ARN")]
    domain: Option<String>,
}

/// Examines.
pub(crate) async fn run(arguments: Doctor, session: &Session) -> Result<(), Failure> {
    let report = examined(arguments, session).await?;
    session.printer.show(&Diagnosis { report: &report }, session.now())?;
    report.failure().map_or(Ok(()), Err)
}

async fn examined(arguments: Doctor, session: &Session) -> Result<Report, Failure> {
    let settings = match Settings::resolve(&session.globals, &session.process).await {
        Err(failure) if failure.code == Code::Unsupported => return Ok(Report::of_serverless(&failure)),
        settings => settings?,
    };
    let Settings { connection, repository, cluster, policies, repositories, .. } = settings;
    let described = repository.as_ref().and_then(|name| repositories.get(name.as_str()));
    let region = connection.region.clone();
    let stored = repository.as_ref().zip(described).and_then(|(name, found)| stored(name, found, region.as_deref()));
    // What could not be registered as it is described is said where it is registered.
    let wanted =
        described.and_then(|found| register::settings(found.clone(), region.clone(), &connection.endpoint).ok());
    let subject = Subject {
        endpoint: connection.endpoint.clone(),
        is_signed: connection.is_signed(),
        region,
        domain: arguments.domain.as_deref().map(str::parse::<DomainArn>).transpose()?,
        repository: repository.clone(),
        operations: operations(&arguments.operations),
        stored,
        wanted,
    };
    let unsigned = connection.unsigned()?;
    let deadline = session.deadline();
    let caller = connection.asker(&session.process).await;
    let api = Arc::new(connection.into_api()?);
    let sources =
        Sources { api: api.as_ref(), unsigned: &unsigned, services: Services::new(&caller, deadline), deadline };
    let mut facts = gather(subject, sources, session.now()).await;
    if let (Some(cluster), Some(name), Ok(Some(_))) = (&cluster, &repository, &facts.repository.registered) {
        facts.repository.ages = ages::ages(cluster, name, &policies, &api, session).await?;
    }
    Ok(examine(&facts))
}

/// The repository's bucket and role, as the configuration describes them.
fn stored(name: &RepositoryName, found: &Repository, region: Option<&str>) -> Option<Stored> {
    let text = |own: &Option<String>, key: &str| {
        own.clone().or_else(|| found.settings.get(key).and_then(Value::as_str).map(str::to_owned))
    };
    Some(Stored {
        name: name.clone(),
        role_arn: text(&found.role_arn, "role_arn")?,
        bucket: text(&found.bucket, "bucket")?,
        base_path: text(&found.base_path, "base_path"),
        region: text(&found.region, "region").or_else(|| region.map(str::to_owned))?,
        readonly: found.readonly.unwrap_or(false),
    })
}

/// Backup is a part of everything.
fn operations(given: &[Doing]) -> Vec<Operation> {
    let wanted = |operation: &Operation| {
        *operation == Operation::Backup || given.iter().any(|&doing| Operation::from(doing) == *operation)
    };
    Operation::ALL.into_iter().filter(wanted).collect()
}
