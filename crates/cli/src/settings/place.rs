//! Where a repository that is read without its cluster lies, and with which keys.
//!
//! `s3://…` and `file://…` say it themselves. A name is looked up in the configuration's `repositories`, else the cluster is
//! asked how it is registered there.

use super::{find, whole};
use crate::args::Globals;
use crate::process::Process;
use crate::session::Session;
use serde_json::{Map, Value};
use snapkeep_config::Repository;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_repository::store::{AwsKeys, FetchingKeys, KeySource, Location};
use snapkeep_transport::AwsCredentials;
use std::time::SystemTime;

/// Flags that say which cluster is meant: nothing to a place that is given as a URL.
const OF_CLUSTERS: [&str; 6] = ["cluster", "endpoint", "auth", "username", "client-cert", "client-key"];

/// A repository's place.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where it is.
    pub(crate) location: Location,
    /// What signs requests to it.
    pub(crate) keys: Keys,
}

/// Our own credentials, for somebody else's signer.
#[derive(Debug)]
pub(crate) struct Keys {
    credentials: AwsCredentials,
    region: String,
}

impl KeySource for Keys {
    fn keys(&self) -> FetchingKeys<'_> {
        Box::pin(async {
            let found = self.credentials.resolve(&self.region, SystemTime::now()).await?;
            Ok(AwsKeys {
                access_key: found.access_key_id().to_owned(),
                secret_key: Secret::new(found.secret_access_key()),
                token: found.session_token().map(Secret::new),
            })
        })
    }
}

/// Where `text` (or `-r`, or `SNAPKEEP_REPOSITORY`) says that the repository is.
pub(crate) async fn resolve(
    text: Option<&str>,
    s3_endpoint: Option<&str>,
    session: &Session,
) -> Result<Place, Failure> {
    let (globals, process) = (&session.globals, &session.process);
    let text = given(text, session)?;
    let location = match Location::parse(text, &process.directory)? {
        Some(location) => {
            refuse_flags_of_clusters(globals)?;
            location
        }
        None => named(text, session).await?,
    };
    Ok(reached(location, s3_endpoint, session))
}

/// The name of the repository that `text` (or `-r`, or `SNAPKEEP_REPOSITORY`) says; nothing if that is a place.
pub(crate) fn name(text: Option<&str>, session: &Session) -> Result<Option<RepositoryName>, Failure> {
    let text = given(text, session)?;
    let place = Location::parse(text, &session.process.directory)?;
    if place.is_some() { Ok(None) } else { RepositoryName::parse(text).map(Some) }
}

fn given<'a>(text: Option<&'a str>, session: &'a Session) -> Result<&'a str, Failure> {
    let given = text.or(session.globals.repository.as_deref());
    given.or_else(|| session.process.variable("SNAPKEEP_REPOSITORY")).ok_or_else(nothing_named)
}

/// The location, with what flags and environment say of the way there.
pub(crate) fn reached(location: Location, s3_endpoint: Option<&str>, session: &Session) -> Place {
    let (globals, process) = (&session.globals, &session.process);
    let location = with_endpoint(with_region(location, globals, process), s3_endpoint, process);
    let region = location.region().unwrap_or_default().to_owned();
    Place { location, keys: Keys { credentials: credentials(globals), region } }
}

fn nothing_named() -> Failure {
    Failure::new(
        Code::BadEvent,
        "no repository is named",
        "give s3://BUCKET/PREFIX, file:///FOLDER, or the name of a repository of the configuration or the cluster",
    )
}

fn refuse_flags_of_clusters(globals: &Globals) -> Result<(), Failure> {
    match globals.connection_flags().into_iter().find(|flag| OF_CLUSTERS.contains(flag)) {
        None => Ok(()),
        Some(flag) => {
            let cause = format!("--{flag} is about a cluster, but the repository is given by its place");
            Err(Failure::new(Code::BadEvent, cause, format!("leave --{flag} out, or name a repository")))
        }
    }
}

/// A flag wins over what the configuration says of the bucket, that over the environment.
fn with_region(location: Location, globals: &Globals, process: &Process) -> Location {
    match (location, &globals.region) {
        (Location::S3 { bucket, prefix, endpoint, .. }, Some(region)) => {
            Location::S3 { bucket, prefix, endpoint, region: Some(region.clone()) }
        }
        (location, _) => {
            let of_environment = process.aws_region().or_else(|| process.variable("SNAPKEEP_REGION"));
            location.with_defaults(of_environment.map(str::to_owned), None)
        }
    }
}

/// The same of the server.
fn with_endpoint(location: Location, s3_endpoint: Option<&str>, process: &Process) -> Location {
    match (location, s3_endpoint) {
        (Location::S3 { bucket, prefix, region, .. }, Some(endpoint)) => {
            Location::S3 { bucket, prefix, region, endpoint: Some(endpoint.to_owned()) }
        }
        (location, _) => {
            let of_environment =
                process.variable("AWS_ENDPOINT_URL_S3").or_else(|| process.variable("AWS_ENDPOINT_URL"));
            location.with_defaults(None, of_environment.map(str::to_owned))
        }
    }
}

/// The profile and role of the flags, else AWS's default chain.
fn credentials(globals: &Globals) -> AwsCredentials {
    let base = globals.profile.as_ref().map_or_else(AwsCredentials::default_chain, AwsCredentials::profile);
    match (&globals.assume_role, &globals.web_identity_token_file) {
        (None, _) => base,
        (Some(role), Some(file)) => AwsCredentials::web_identity(file, role, None),
        (Some(role), None) => AwsCredentials::assume_role(Box::new(base), role, globals.external_id.clone(), None),
    }
}

/// A repository of the configuration, else of the cluster.
async fn named(text: &str, session: &Session) -> Result<Location, Failure> {
    let name = RepositoryName::parse(text)?;
    let found = whole::found(&session.globals, &session.process).await?;
    let config = found.as_ref().map(find::Found::parse).transpose()?.unwrap_or_default();
    let is_about_cluster = session.globals.cluster.is_some() || session.globals.endpoint.is_some();
    if let Some(repository) = config.repositories.get(text).filter(|_| !is_about_cluster) {
        return described(text, repository);
    }
    let target = session.connect().await?;
    let registered =
        target.api.repository(&name, session.deadline()).await.map_err(|unanswered| unanswered.failure())?;
    let registered = registered.ok_or_else(|| {
        let cause = format!("repository {text} is neither in the configuration nor registered on the cluster");
        Failure::new(Code::RepositoryMissing, cause, "give its place instead: s3://BUCKET/PREFIX or file:///FOLDER")
    })?;
    of_settings(text, &registered.kind, &registered.settings)
}

/// The place that the configuration describes.
pub(crate) fn described(name: &str, repository: &Repository) -> Result<Location, Failure> {
    let mut settings = repository.settings.clone();
    let known = [("bucket", &repository.bucket), ("base_path", &repository.base_path), ("region", &repository.region)];
    for (key, value) in known {
        settings.extend(value.as_ref().map(|value| (key.to_owned(), Value::from(value.as_str()))));
    }
    of_settings(name, repository.kind.as_deref().unwrap_or("s3"), &settings)
}

/// The place that a repository's settings mean.
pub(crate) fn of_settings(name: &str, kind: &str, settings: &Map<String, Value>) -> Result<Location, Failure> {
    let text = |key: &str| settings.get(key).and_then(Value::as_str).map(|text| text.trim_matches('/').to_owned());
    let lacking = |what: &str| {
        let cause = format!("the settings of repository {name} do not say its {what}");
        Failure::new(Code::Unsupported, cause, "give its place instead: s3://BUCKET/PREFIX or file:///FOLDER")
    };
    match kind {
        "s3" => Ok(Location::S3 {
            bucket: text("bucket").ok_or_else(|| lacking("bucket"))?,
            prefix: text("base_path").unwrap_or_default(),
            region: text("region"),
            endpoint: text("endpoint").and_then(|endpoint| server(&endpoint, text("protocol").as_deref())),
        }),
        "fs" => {
            let folder = settings.get("location").and_then(Value::as_str).ok_or_else(|| lacking("location"))?;
            if !folder.starts_with('/') {
                return Err(relative(name, folder));
            }
            let base = text("base_path").filter(|base| !base.is_empty());
            let folder = folder.trim_matches('/');
            Ok(Location::Folder(base.map_or_else(|| format!("/{folder}"), |base| format!("/{folder}/{base}")).into()))
        }
        #[cfg(feature = "gcp")]
        "gcs" => Ok(Location::Gcs {
            bucket: text("bucket").ok_or_else(|| lacking("bucket"))?,
            prefix: text("base_path").unwrap_or_default(),
        }),
        #[cfg(feature = "azure")]
        "azure" => Ok(Location::Azure {
            container: text("container").ok_or_else(|| lacking("container"))?,
            prefix: text("base_path").unwrap_or_default(),
        }),
        other => {
            let cause = format!("repository {name} is of type {other}, which this build does not read");
            Err(Failure::new(Code::Unsupported, cause, "s3 and fs are read; give its place if it lies in one of them"))
        }
    }
}

/// The URL of the server that an `endpoint` means, which nodes take without a scheme too; nothing for Amazon's own, which
/// follow from the region.
fn server(endpoint: &str, protocol: Option<&str>) -> Option<String> {
    if endpoint.is_empty() || endpoint.contains("://") {
        return Some(endpoint.to_owned()).filter(|endpoint| !endpoint.is_empty());
    }
    let host = endpoint.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase();
    let is_amazons = [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| host.ends_with(end));
    (!is_amazons).then(|| format!("{}://{endpoint}", protocol.unwrap_or("https")))
}

/// What it is relative to, only the nodes know.
fn relative(name: &str, folder: &str) -> Failure {
    let cause = format!("the location {folder:?} of repository {name} is relative to the nodes' path.repo");
    Failure::new(Code::Unsupported, cause, "give the folder itself, as this machine sees it: file:///…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_tell_the_place() {
        let place = |kind: &str, settings: Value| {
            of_settings("nightly", kind, settings.as_object().unwrap()).map(|location| location.to_string())
        };
        for (kind, settings, expected) in [
            ("s3", json!({"bucket": "b", "base_path": "/a/b/", "region": "eu-west-1"}), "s3://b/a/b"),
            ("s3", json!({"bucket": "b", "endpoint": "s3.amazonaws.com"}), "s3://b"),
            ("fs", json!({"location": "/mnt/backups"}), "file:///mnt/backups"),
            ("fs", json!({"location": "/mnt/backups", "base_path": "x"}), "file:///mnt/backups/x"),
        ] {
            assert_eq!(place(kind, settings).as_deref(), Ok(expected));
        }
        for (kind, settings) in [
            ("s3", json!({})),
            ("fs", json!({})),
            ("fs", json!({"location": "backups"})),
            ("hdfs", json!({"uri": "x"})),
        ] {
            assert_eq!(place(kind, settings).unwrap_err().code, Code::Unsupported, "{kind}");
        }
    }

    #[test]
    fn a_server_without_a_scheme_is_asked_and_no_other() {
        for (mut settings, expected) in [
            (json!({"endpoint": "minio.corp:9000"}), Some("https://minio.corp:9000")),
            (json!({"endpoint": "minio.corp:9000", "protocol": "http"}), Some("http://minio.corp:9000")),
            (json!({"endpoint": "http://127.0.0.1:9000/", "protocol": "https"}), Some("http://127.0.0.1:9000")),
            (json!({"endpoint": "s3.amazonaws.com"}), None),
            (json!({"endpoint": "s3.cn-north-1.amazonaws.com.cn", "protocol": "https"}), None),
            (json!({"endpoint": "amazonaws.com.evil.example"}), Some("https://amazonaws.com.evil.example")),
            (json!({"endpoint": ""}), None),
        ] {
            settings["bucket"] = json!("b");
            let location = of_settings("nightly", "s3", settings.as_object().unwrap()).unwrap();
            assert_eq!(location.endpoint(), expected, "{settings}");
        }
    }

    #[test]
    fn the_flag_wins_over_the_settings_and_those_over_the_environment() {
        let said = |endpoint: Option<&str>| Location::S3 {
            bucket: "b".into(),
            prefix: String::new(),
            region: None,
            endpoint: endpoint.map(str::to_owned),
        };
        let (settings, flag) = (Some("https://settings.example"), Some("https://flag.example"));
        let variables = [("AWS_ENDPOINT_URL".to_owned(), "https://environment.example".to_owned())].into();
        let process = Process { variables, ..Process::default() };
        for (settings, flag, expected) in [
            (settings, flag, flag),
            (None, flag, flag),
            (settings, None, settings),
            (None, None, Some("https://environment.example")),
        ] {
            assert_eq!(with_endpoint(said(settings), flag, &process).endpoint(), expected);
        }
    }
}
