//! Finds and reads the configuration file.

use super::anchored;
use crate::process::Process;
use snapkeep_config::{Cluster, Config, SecretSource};
use snapkeep_core::{Code, Failure};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Its name wherever it is looked for.
const NAME: &str = "snapkeep.yaml";

/// The system's configuration.
const SYSTEM: &str = "/etc/snapkeep/snapkeep.yaml";

/// A configuration's text and where it came from.
#[derive(Debug)]
pub(crate) struct Found {
    text: String,
    /// What it is called in messages.
    pub(crate) name: String,
    /// What its relative paths are relative to.
    base: PathBuf,
}

impl Found {
    /// The valid configuration.
    pub(crate) fn parse(&self) -> Result<Config, Failure> {
        Config::parse(&self.text).map_err(|failure| {
            let cause = format!("{}: {}", self.name, failure.cause);
            failure.with_cause(cause)
        })
    }

    /// As it stands there.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Makes the cluster's relative paths relative to the file.
    pub(crate) fn anchor(&self, cluster: &mut Cluster) {
        for path in
            [&mut cluster.ca_file, &mut cluster.client_certificate, &mut cluster.client_key].into_iter().flatten()
        {
            anchored(&self.base, path);
        }
        if let Some(identity) = &mut cluster.web_identity {
            anchored(&self.base, &mut identity.token_file);
        }
        for secret in [&mut cluster.password, &mut cluster.api_key, &mut cluster.token].into_iter().flatten() {
            if let SecretSource::File(path) = secret {
                anchored(&self.base, path);
            }
        }
    }
}

/// The configuration: `--config`, else `SNAPKEEP_CONFIG`, else the first of the usual places that has one.
pub(crate) fn configuration(flag: Option<&Path>, process: &Process) -> Result<Option<Found>, Failure> {
    if let Some(path) = flag {
        return read(&process.directory.join(path), &format!("--config {}", path.display())).map(Some);
    }
    if let Some(text) = process.variable("SNAPKEEP_CONFIG") {
        return of_variable(text, process).map(Some);
    }
    for path in usual_places(process) {
        if path.is_file() {
            return read(&path, &path.display().to_string()).map(Some);
        }
    }
    Ok(None)
}

fn usual_places(process: &Process) -> Vec<PathBuf> {
    let of_user = process.user_configuration().map(|directory| directory.join("snapkeep").join(NAME));
    [Some(process.directory.join(NAME)), of_user, Some(PathBuf::from(SYSTEM))].into_iter().flatten().collect()
}

fn of_variable(text: &str, process: &Process) -> Result<Found, Failure> {
    // A path has no line's end; the value was trimmed, so that one line of YAML needs a second.
    let whole = process.variables.get("SNAPKEEP_CONFIG").map_or(text, String::as_str);
    if whole.contains('\n') {
        return Ok(Found { text: whole.to_owned(), name: "SNAPKEEP_CONFIG".into(), base: process.directory.clone() });
    }
    if text.starts_with("s3://") || text.starts_with("ssm:") {
        return Err(Failure::new(
            Code::Unsupported,
            format!("SNAPKEEP_CONFIG is {text}: the command line reads files only"),
            "copy it to a file and name that, or put the YAML itself into the variable",
        ));
    }
    read(&process.directory.join(text), &format!("SNAPKEEP_CONFIG={text}"))
}

fn read(path: &Path, name: &str) -> Result<Found, Failure> {
    let base = path.parent().unwrap_or(Path::new(".")).to_owned();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Found { text, name: name.to_owned(), base }),
        Err(error) => {
            let hint = match error.kind() {
                ErrorKind::NotFound => {
                    "check the path; without one, ./snapkeep.yaml and the user's and system's are looked for"
                }
                ErrorKind::PermissionDenied => "let this user read the file",
                _ => "the file must be readable, and text in UTF-8",
            };
            Err(Failure::new(Code::BadConfig, format!("{name}: {error}"), hint))
        }
    }
}
