//! Flags, environment and file, merged into one valid whole: flags win over the environment, that wins over the file.
//!
//! A cluster comes from one place as a whole, so that no password reaches another's host: `--endpoint`, else
//! `--cluster` in the file, else `SNAPKEEP_ENDPOINT`, else the file's default. Flags then change single fields. Where
//! `SNAPKEEP_ENDPOINT` is set, the other variables are that cluster's; else they change single fields of the file's
//! cluster as well, and add the secret that it leaves open.

mod connection;
mod effective;
mod find;
mod identity;
pub(crate) mod place;
pub(crate) mod secret;
pub(crate) mod whole;

pub(crate) use connection::Connection;
pub(crate) use effective::{Effective, effective};

use crate::args::Globals;
use crate::process::Process;
use find::Found;
use snapkeep_config::{AssumeRole, AuthKind, Cluster, Config, Repository, SecretSource, WebIdentity};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::policy::Policy;
use snapkeep_core::repository::{check_region, check_role_arn};
use snapkeep_core::{Code, Failure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a cluster is called that nobody gave a name.
const UNNAMED: &str = "main";

/// All that a command needs to know beyond its own arguments.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The cluster.
    pub(crate) connection: Connection,
    /// The repository, if one is named.
    pub(crate) repository: Option<RepositoryName>,
    /// What the file calls the cluster, if it is the file's.
    pub(crate) cluster: Option<String>,
    /// The file's policies.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// Repositories that the file describes.
    pub(crate) repositories: BTreeMap<String, Repository>,
    /// Where things came from, for `-v`.
    pub(crate) origins: Vec<String>,
}

impl Settings {
    /// Merges; reads the configuration file and the one secret that is needed.
    pub(crate) async fn resolve(globals: &Globals, process: &Process) -> Result<Self, Failure> {
        let found = find::configuration(globals.config.as_deref(), process).await?;
        let config = found.as_ref().map(Found::parse).transpose()?.unwrap_or_default();
        let mut origins: Vec<String> = found.iter().map(|found| format!("configuration: {}", found.name)).collect();
        let Base { mut cluster, name, origin } = base(globals, process, &config)?;
        origins.push(format!("cluster: {} ({origin})", cluster.endpoint));
        override_by_flags(&mut cluster, globals)?;
        let repository = repository(globals, process, &cluster)?;
        let connection = Connection::resolve(cluster, process, &mut origins).await?;
        connection.uses(globals)?;
        let Config { repositories, policies, .. } = config;
        Ok(Self { connection, repository, cluster: name, policies, repositories, origins })
    }
}

/// The cluster before flags change fields of it, and where it came from.
struct Base {
    cluster: Cluster,
    /// Its name in the file, if it is there.
    name: Option<String>,
    origin: String,
}

impl Base {
    fn of_file(name: &str, cluster: Cluster) -> Self {
        Self { cluster, name: Some(name.to_owned()), origin: format!("the configuration's {name}") }
    }

    fn of_environment(cluster: Cluster, origin: &str) -> Self {
        Self { cluster, name: None, origin: origin.to_owned() }
    }
}

fn base(globals: &Globals, process: &Process, config: &Config) -> Result<Base, Failure> {
    let of_file = |name: &str| -> Result<Cluster, Failure> {
        let mut cluster = config.cluster(name)?.clone();
        if process.variable("SNAPKEEP_ENDPOINT").is_none() {
            override_by_environment(&mut cluster, process)?;
        }
        complete(&mut cluster);
        Ok(cluster)
    };
    if let Some(name) = &globals.cluster {
        let mut cluster = of_file(name)?;
        if let Some(text) = &globals.endpoint {
            cluster.endpoint = endpoint(text, "--endpoint")?;
        }
        return Ok(Base::of_file(name, cluster));
    }
    if let Some(text) = &globals.endpoint {
        let cluster = of_environment(process, endpoint(text, "--endpoint")?)?;
        return Ok(Base::of_environment(cluster, "--endpoint"));
    }
    if let Some(text) = process.variable("SNAPKEEP_ENDPOINT") {
        let endpoint = endpoint(text, "SNAPKEEP_ENDPOINT")?;
        return Ok(Base::of_environment(of_environment(process, endpoint)?, "SNAPKEEP_ENDPOINT"));
    }
    let only = || config.clusters.keys().next().filter(|_| config.clusters.len() == 1);
    match config.default_cluster.as_ref().or_else(only) {
        Some(name) => Ok(Base::of_file(name, of_file(name)?)),
        None => Err(no_cluster(config)),
    }
}

/// A cluster's name and endpoint for a configuration that is made, as far as flags, environment and file tell them. No secret
/// is opened.
pub(crate) async fn named(globals: &Globals, process: &Process) -> Result<(String, Option<Endpoint>), Failure> {
    let found = find::configuration(globals.config.as_deref(), process).await?;
    let config = found.as_ref().map(Found::parse).transpose()?.unwrap_or_default();
    let is_named = globals.cluster.is_some() || globals.endpoint.is_some();
    if !is_named && config.clusters.is_empty() && process.variable("SNAPKEEP_ENDPOINT").is_none() {
        return Ok((UNNAMED.to_owned(), None));
    }
    let Base { cluster, name, .. } = base(globals, process, &config)?;
    Ok((name.unwrap_or_else(|| UNNAMED.to_owned()), Some(cluster.endpoint)))
}

fn no_cluster(config: &Config) -> Failure {
    if config.clusters.is_empty() {
        let hint = "name it with --endpoint URL, or with SNAPKEEP_ENDPOINT, or under `clusters` in snapkeep.yaml";
        return Failure::new(Code::BadConfig, "no cluster is named", hint);
    }
    let names: Vec<&str> = config.clusters.keys().map(String::as_str).collect();
    Failure::new(
        Code::BadConfig,
        format!("the configuration has {} clusters and no `default_cluster`", names.len()),
        format!("choose one with --cluster: {}", names.join(", ")),
    )
}

/// An endpoint that the operator typed, with the complaint in the operator's words.
fn endpoint(text: &str, origin: &str) -> Result<Endpoint, Failure> {
    Endpoint::trusted(text).map_err(|failure| {
        let cause = failure.cause.replace("`Endpoint`", origin);
        Failure { code: Code::BadConfig, ..failure.with_cause(cause) }
    })
}

/// The cluster that the environment's variables describe, at that endpoint.
fn of_environment(process: &Process, endpoint: Endpoint) -> Result<Cluster, Failure> {
    let mut cluster = bare(endpoint);
    override_by_environment(&mut cluster, process)?;
    let secret = |name: &str| process.variable(name).map(|_| SecretSource::Env(name.to_owned()));
    cluster.password = secret("SNAPKEEP_PASSWORD");
    cluster.api_key = secret("SNAPKEEP_API_KEY");
    cluster.token = secret("SNAPKEEP_TOKEN");
    complete(&mut cluster);
    Ok(cluster)
}

/// The variables that change single fields. A relative path is meant from the working directory.
fn override_by_environment(cluster: &mut Cluster, process: &Process) -> Result<(), Failure> {
    let text = |name: &str| process.variable(name).map(str::to_owned);
    let auth = process.variable("SNAPKEEP_AUTH").map(AuthKind::parse).transpose();
    replace(&mut cluster.auth, auth.map_err(|failure| said_of("SNAPKEEP_AUTH", failure))?.as_ref());
    let region = text("SNAPKEEP_REGION");
    if let Some(region) = &region {
        check_region("SNAPKEEP_REGION", region).map_err(|failure| failure.with_code(Code::BadConfig))?;
    }
    replace(&mut cluster.region, region.as_ref());
    replace(&mut cluster.username, text("SNAPKEEP_USERNAME").as_ref());
    let ca_file = process.variable("SNAPKEEP_CA_FILE").map(|path| process.directory.join(path));
    replace(&mut cluster.ca_file, ca_file.as_ref());
    Ok(())
}

fn said_of(origin: &str, failure: Failure) -> Failure {
    let cause = failure.cause.replace("`auth`", origin);
    failure.with_cause(cause)
}

fn bare(endpoint: Endpoint) -> Cluster {
    Cluster {
        endpoint,
        region: None,
        auth: None,
        username: None,
        password: None,
        api_key: None,
        token: None,
        profile: None,
        assume_role: None,
        web_identity: None,
        ca_file: None,
        client_certificate: None,
        client_key: None,
        repository: None,
    }
}

/// The environment adds the secret that the entry's own `auth`, or a user name, needs and does not say.
fn complete(cluster: &mut Cluster) {
    let env = |name: &str| Some(SecretSource::Env(name.to_owned()));
    match cluster.auth {
        Some(AuthKind::Basic) if cluster.password.is_none() => cluster.password = env("SNAPKEEP_PASSWORD"),
        Some(AuthKind::ApiKey) if cluster.api_key.is_none() => cluster.api_key = env("SNAPKEEP_API_KEY"),
        Some(AuthKind::Bearer) if cluster.token.is_none() => cluster.token = env("SNAPKEEP_TOKEN"),
        None if cluster.username.is_some() && !has_secret(cluster) => cluster.password = env("SNAPKEEP_PASSWORD"),
        _ => {}
    }
}

fn has_secret(cluster: &Cluster) -> bool {
    cluster.password.is_some() || cluster.api_key.is_some() || cluster.token.is_some()
}

fn override_by_flags(cluster: &mut Cluster, globals: &Globals) -> Result<(), Failure> {
    let flagged = |failure: Failure, name: &str, flag: &str| {
        let cause = failure.cause.replace(&format!("`{name}`"), flag);
        failure.with_cause(cause)
    };
    if let Some(region) = &globals.region {
        check_region("region", region).map_err(|failure| flagged(failure, "region", "--region"))?;
        cluster.region = Some(region.clone());
    }
    replace(&mut cluster.username, globals.username.as_ref());
    if globals.auth.is_some() || globals.username.is_some() {
        replace(&mut cluster.auth, globals.auth.map(AuthKind::from).as_ref());
        complete(cluster);
    }
    if let Some(role_arn) = &globals.assume_role {
        check_role_arn(role_arn).map_err(|failure| {
            flagged(failure, "RoleArn", "--assume-role")
                .with_hint("give the role's ARN: arn:aws:iam::123456789012:role/NAME")
        })?;
        override_role(cluster, globals, role_arn);
    }
    replace(&mut cluster.profile, globals.profile.as_ref());
    replace(&mut cluster.ca_file, globals.ca_file.as_ref());
    replace(&mut cluster.client_certificate, globals.client_cert.as_ref());
    replace(&mut cluster.client_key, globals.client_key.as_ref());
    Ok(())
}

fn override_role(cluster: &mut Cluster, globals: &Globals, role_arn: &str) {
    let role_arn = role_arn.to_owned();
    (cluster.assume_role, cluster.web_identity) = (None, None);
    if let Some(file) = &globals.web_identity_token_file {
        cluster.web_identity = Some(WebIdentity { token_file: file.clone(), role_arn, session_name: None });
    } else {
        let external_id = globals.external_id.clone();
        cluster.assume_role = Some(AssumeRole { role_arn, external_id, session_name: None });
    }
}

fn replace<T: Clone>(field: &mut Option<T>, flag: Option<&T>) {
    if flag.is_some() {
        *field = flag.cloned();
    }
}

/// With `--cluster` the environment describes another cluster, and so does its repository.
fn repository(globals: &Globals, process: &Process, cluster: &Cluster) -> Result<Option<RepositoryName>, Failure> {
    let named = |text: &str, origin: &str| {
        RepositoryName::parse(text).map(Some).map_err(|failure| {
            let cause = failure.cause.replace("`RepositoryName`", origin);
            failure.with_cause(cause)
        })
    };
    if let Some(text) = &globals.repository {
        return named(text, "--repository");
    }
    match process.variable("SNAPKEEP_REPOSITORY").filter(|_| globals.cluster.is_none()) {
        Some(text) => named(text, "SNAPKEEP_REPOSITORY"),
        None => Ok(cluster.repository.clone()),
    }
}

/// A path of the file is meant from where the file is.
fn anchored(base: &Path, path: &mut PathBuf) {
    if path.is_relative() {
        *path = base.join(&*path);
    }
}

#[cfg(test)]
mod tests;
