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
use snapkeep_core::drill::Drill;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_doctor::{Report, Sources, Subject, examine, gather};
use snapkeep_iam::{DomainArn, Operation, Stored};
use snapkeep_transport::Services;
use std::collections::BTreeMap;
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
    /// What is to be done [default: backup, and retention and drill where a policy of the cluster and repository has `keep` and `drill`]
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
    let operations: Vec<Operation> = match (&cluster, &repository) {
        (Some(cluster), Some(name)) if arguments.operations.is_empty() => of_policies(&policies, cluster, name),
        _ => arguments.operations.iter().copied().map(Operation::from).collect(),
    };
    let subject = Subject {
        endpoint: connection.endpoint.clone(),
        is_signed: connection.is_signed(),
        region,
        domain: arguments.domain.as_deref().map(str::parse::<DomainArn>).transpose()?,
        repository: repository.clone(),
        operations: with_backup(&operations),
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

/// What policies do with that repository on that cluster. A drill keeps its records on the cluster that took the snapshot, and
/// restores to the one that it names.
fn of_policies(policies: &BTreeMap<String, Policy>, cluster: &str, repository: &RepositoryName) -> Vec<Operation> {
    let of_place = |policy: &Policy| {
        let is_own = policy.clusters.iter().any(|used| used == cluster);
        let drills = |drill: &Drill| is_own || drill.cluster.as_deref() == Some(cluster);
        let retention = (is_own && policy.keep.is_some()).then_some(Operation::Retention);
        retention.into_iter().chain(policy.drill.as_ref().is_some_and(drills).then_some(Operation::Drill))
    };
    policies.values().filter(|policy| policy.repository == *repository).flat_map(of_place).collect()
}

/// Backup is a part of everything.
fn with_backup(wanted: &[Operation]) -> Vec<Operation> {
    let is_wanted = |operation: &Operation| *operation == Operation::Backup || wanted.contains(operation);
    Operation::ALL.into_iter().filter(is_wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::Operation::{Backup, Drill, Retention};
    use super::*;
    use snapkeep_config::Config;

    #[test]
    fn the_policies_of_the_place_say_what_is_to_be_done_there() {
        let config = Config::parse(
            "clusters:
  logs: {endpoint: 'https://a.example.com'}
  lab: {endpoint: 'https://b.example.com'}
  rest: {endpoint: 'https://c.example.com'}
policies:
  nightly: {clusters: logs, repository: backups, schedule: every 1d, keep: {last: 3}, drill: {cluster: lab}}
  other: {clusters: logs, repository: archive, schedule: every 1d}
",
        )
        .unwrap();
        let of = |cluster, repository: &str| {
            with_backup(&of_policies(&config.policies, cluster, &RepositoryName::parse(repository).unwrap()))
        };
        assert_eq!(of("logs", "backups"), [Backup, Retention, Drill]);
        assert_eq!(of("logs", "archive"), [Backup]);
        assert_eq!(of("lab", "backups"), [Backup, Drill]);
        assert_eq!(of("rest", "backups"), [Backup]);
    }
}
