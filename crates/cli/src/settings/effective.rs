//! The connection that a command would use, with where each part comes from; no secret is opened.

use super::{Base, base, override_by_flags, repository};
use crate::args::Globals;
use crate::process::Process;
use crate::settings::find::Found;
use snapkeep_config::{AuthKind, Cluster, SecretSource};
use snapkeep_core::Failure;

/// One part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    /// Such as `connection.region`.
    pub(crate) path: &'static str,
    /// Its value; of a secret, where it is kept.
    pub(crate) value: String,
    /// A flag, a variable, the file's cluster, or what it follows from.
    pub(crate) origin: String,
}

/// The parts that are known; nothing if no cluster is meant.
pub(crate) fn effective(
    globals: &Globals,
    process: &Process,
    found: Option<&Found>,
) -> Result<Vec<Effective>, Failure> {
    let config = found.map(Found::parse).transpose()?.unwrap_or_default();
    let is_named = globals.cluster.is_some() || globals.endpoint.is_some();
    let Base { mut cluster, origin, .. } = match base(globals, process, &config) {
        Ok(base) => base,
        Err(_) if !is_named => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    override_by_flags(&mut cluster, globals)?;
    let of = |is_flag: bool, flag: &str| if is_flag { flag.to_owned() } else { origin.clone() };
    let mut parts =
        vec![part("connection.endpoint", cluster.endpoint.to_string(), of(globals.endpoint.is_some(), "--endpoint"))];
    let (kind, why) = cluster.auth_kind()?;
    let why = if why == "as given" { of(globals.auth.is_some(), "--auth") } else { why.to_owned() };
    parts.push(part("connection.auth", kind.as_str().to_owned(), why));
    parts.extend(region(&cluster, globals, process, &origin));
    if kind == AuthKind::Basic {
        let username = cluster.username.clone().unwrap_or_default();
        parts.push(part("connection.username", username, of(globals.username.is_some(), "--username")));
    }
    let source = secret(kind, &cluster).map(SecretSource::described);
    parts.extend(source.map(|source| part("connection.secret", source, origin.clone())));
    if let Some(name) = repository(globals, process, &cluster)? {
        let by_variable = process.variable("SNAPKEEP_REPOSITORY").is_some() && globals.cluster.is_none();
        let origin = if by_variable { "SNAPKEEP_REPOSITORY".to_owned() } else { origin.clone() };
        let origin = if globals.repository.is_some() { "--repository".to_owned() } else { origin };
        parts.push(part("connection.repository", name.to_string(), origin));
    }
    Ok(parts)
}

fn part(path: &'static str, value: String, origin: String) -> Effective {
    Effective { path, value, origin }
}

fn region(cluster: &Cluster, globals: &Globals, process: &Process, origin: &str) -> Option<Effective> {
    let (value, origin) = match (&cluster.region, cluster.endpoint.amazon_region()) {
        (Some(region), _) if globals.region.is_some() => (region.as_str(), "--region"),
        (Some(region), _) => (region.as_str(), origin),
        (None, Some(region)) => (region, "the endpoint's name"),
        (None, None) => {
            let of = |name: &'static str| process.variable(name).map(|region| (region, name));
            of("AWS_REGION").or_else(|| of("AWS_DEFAULT_REGION"))?
        }
    };
    Some(part("connection.region", value.to_owned(), origin.to_owned()))
}

fn secret(kind: AuthKind, cluster: &Cluster) -> Option<&SecretSource> {
    match kind {
        AuthKind::Basic => cluster.password.as_ref(),
        AuthKind::ApiKey => cluster.api_key.as_ref(),
        AuthKind::Bearer => cluster.token.as_ref(),
        AuthKind::SigV4 | AuthKind::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::find;

    const FILE: &str = "
clusters:
  own: {endpoint: 'https://own.example', username: filer, password: {env: OWN}, repository: nightly}
";

    async fn lines(globals: &Globals, variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let process = Process { variables, directory: "/nowhere".into(), ..Process::default() };
        let found = find::configuration(None, &process).await.unwrap();
        let parts = effective(globals, &process, found.as_ref()).unwrap();
        parts.iter().map(|part| format!("{} = {} <- {}", &part.path[11..], part.value, part.origin)).collect()
    }

    #[tokio::test]
    async fn each_part_says_where_it_comes_from() {
        let file = ("SNAPKEEP_CONFIG", FILE);
        let own = "the configuration's own";
        let expected = [
            format!("endpoint = https://own.example <- {own}"),
            "auth = basic <- there is a password".into(),
            "region = eu-west-1 <- AWS_REGION".into(),
            format!("username = filer <- {own}"),
            format!("secret = the variable OWN <- {own}"),
            format!("repository = nightly <- {own}"),
        ];
        // The secret is not opened: its variable is not set.
        assert_eq!(lines(&Globals::default(), &[file, ("AWS_REGION", "eu-west-1")]).await, expected);
        let flags = Globals {
            endpoint: Some("search-x.eu-west-1.es.amazonaws.com".into()),
            repository: Some("other".into()),
            ..Globals::default()
        };
        let expected = [
            "endpoint = https://search-x.eu-west-1.es.amazonaws.com <- --endpoint",
            "auth = sigv4 <- an Amazon domain",
            "region = eu-west-1 <- the endpoint's name",
            "repository = other <- --repository",
        ];
        assert_eq!(lines(&flags, &[file]).await, expected);
        assert!(lines(&Globals::default(), &[]).await.is_empty());
    }
}
