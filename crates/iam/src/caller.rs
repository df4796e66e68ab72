//! What the caller may do: the function's execution role, or whoever runs the command line.

use crate::arn::partition_of;
use crate::document::Statement;
use crate::operation;
use crate::policies::Asked;
use crate::uses::Use;
use snapkeep_config::{Channel, Cluster, Config, ConfigPlace, SecretSource, Target};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet};

/// The service that takes a snapshot role on, as conditions name it.
pub(crate) const SERVICE: &str = "es.amazonaws.com";

/// What may be sent to the domains, and which roles may be passed to them.
pub(crate) fn on_domains(asked: &Asked, uses: &[&Use<'_>]) -> Vec<Statement> {
    let mut domains: BTreeMap<String, Vec<RepositoryName>> = BTreeMap::new();
    for used in uses {
        let repositories = domains.entry(used.domain.to_string()).or_default();
        let new = used.repositories.iter().filter(|name| !repositories.contains(name)).cloned().collect::<Vec<_>>();
        repositories.extend(new);
    }
    let mut statements = operation::statements(&asked.operations, &domains.into_iter().collect::<Vec<_>>());
    let described = uses.iter().flat_map(|used| &used.described);
    let roles: BTreeSet<String> = described.filter_map(|repository| repository.role_arn.clone()).collect();
    if !roles.is_empty() {
        statements.push(pass(roles.into_iter().collect()));
    }
    statements
}

/// A role is passed by registering a repository with it. The condition holds only where the service says to whom it is
/// passed: which services do is not documented for all, and a role of this trust is of use to no other.
pub(crate) fn pass(roles: Vec<String>) -> Statement {
    Statement::allow("PassSnapshotRole", &["iam:PassRole"], roles).when(
        "StringEqualsIfExists",
        "iam:PassedToService",
        vec![SERVICE.to_owned()],
    )
}

/// The roles that are taken on before requests are signed.
pub(crate) fn assume(uses: &[Use<'_>]) -> Option<Statement> {
    let roles: BTreeSet<&str> = uses.iter().filter_map(|used| used.role).collect();
    let roles: Vec<String> = roles.into_iter().map(str::to_owned).collect();
    (!roles.is_empty()).then(|| Statement::allow("AssumeClusterRoles", &["sts:AssumeRole"], roles))
}

/// What is read of AWS's own services: the configuration, and secrets that it refers to.
pub(crate) fn reads(config: &Config, asked: &Asked, uses: &[Use<'_>]) -> Result<Vec<Statement>, Failure> {
    let around = Around::of(asked, uses);
    let mut statements = Vec::new();
    match &asked.configuration {
        Some(ConfigPlace::Object { bucket, key }) => {
            let arn = format!("arn:{}:s3:::{bucket}/{key}", around.partition);
            statements.push(Statement::allow("ReadConfiguration", &["s3:GetObject"], vec![arn]));
        }
        Some(ConfigPlace::Parameter(name)) => {
            let arn = around.parameter(name)?;
            statements.push(Statement::allow("ReadConfiguration", &["ssm:GetParameter"], vec![arn]));
        }
        Some(ConfigPlace::File(_) | ConfigPlace::Text(_)) | None => {}
    }
    statements.extend(secrets(config, asked, &around)?);
    statements.extend(topics(config));
    if let Some(key) = &asked.secrets_key {
        statements.push(Statement::allow("DecryptSecrets", &["kms:Decrypt"], vec![key.clone()]));
    }
    Ok(statements)
}

fn secrets(config: &Config, asked: &Asked, around: &Around) -> Result<Vec<Statement>, Failure> {
    let (mut managed, mut parameters) = (BTreeSet::new(), BTreeSet::new());
    let clusters = config.clusters.iter().filter(|(name, _)| asked.cluster.as_ref().is_none_or(|only| only == *name));
    let of_clusters = clusters.flat_map(|(_, cluster)| sources(cluster)).cloned();
    let of_channels = config.notifications.channels.values().flat_map(Channel::secrets);
    for source in of_clusters.chain(of_channels) {
        match &source {
            SecretSource::SecretsManager(name) => _ = managed.insert(around.secret(name)?),
            SecretSource::Ssm(name) => _ = parameters.insert(around.parameter(name)?),
            SecretSource::Env(_) | SecretSource::File(_) | SecretSource::Command { .. } => {}
        }
    }
    let read = |sid, action, arns: BTreeSet<String>| {
        (!arns.is_empty()).then(|| Statement::allow(sid, &[action], arns.into_iter().collect()))
    };
    let managed = read("ReadSecrets", "secretsmanager:GetSecretValue", managed);
    Ok(managed.into_iter().chain(read("ReadParameters", "ssm:GetParameter", parameters)).collect())
}

/// Topics that are told.
fn topics(config: &Config) -> Option<Statement> {
    let topic = |channel: &Channel| match &channel.target {
        Target::Sns { topic_arn } => Some(topic_arn.clone()),
        _ => None,
    };
    let topics: BTreeSet<String> = config.notifications.channels.values().filter_map(topic).collect();
    (!topics.is_empty()).then(|| Statement::allow("Tell", &["sns:Publish"], topics.into_iter().collect()))
}

fn sources(cluster: &Cluster) -> impl Iterator<Item = &SecretSource> {
    [&cluster.password, &cluster.api_key, &cluster.token].into_iter().flatten()
}

/// Where the caller is.
struct Around {
    partition: &'static str,
    region: String,
    account: Option<String>,
}

impl Around {
    /// As asked, else where the first of its own domains is.
    fn of(asked: &Asked, uses: &[Use<'_>]) -> Self {
        // A domain that is reached by a role of its own may be anywhere.
        let own = uses.iter().find(|used| used.role.is_none()).or(uses.first());
        let first = own.map(|used| &used.domain);
        let region = asked.region.clone().or_else(|| first.map(|domain| domain.region.clone())).unwrap_or_default();
        let account = asked.account.clone().or_else(|| first.map(|domain| domain.account.clone()));
        Self { partition: partition_of(&region), region, account }
    }

    fn parameter(&self, name: &str) -> Result<String, Failure> {
        self.named(name, |name| format!("ssm:{{}}:parameter/{}", name.trim_start_matches('/')))
    }

    /// A secret's ARN ends in six characters of the service's own choice.
    fn secret(&self, name: &str) -> Result<String, Failure> {
        self.named(name, |name| format!("secretsmanager:{{}}:secret:{name}-??????"))
    }

    fn named(&self, name: &str, rest: impl Fn(&str) -> String) -> Result<String, Failure> {
        if name.starts_with("arn:") {
            return Ok(name.to_owned());
        }
        let account = self.account.as_deref().ok_or_else(|| {
            let cause = format!("{name} is in an account that nothing names");
            Failure::new(Code::BadEvent, cause, "give the caller's account with --account")
        })?;
        let place = format!("{}:{account}", self.region);
        Ok(format!("arn:{}:{}", self.partition, rest(name).replace("{}", &place)))
    }
}
