//! Finds and reads the configuration file.

use super::anchored;
use crate::process::Process;
use snapkeep_config::{AuthKind, Cluster, Config, ConfigPlace, SecretSource};
use snapkeep_core::{Code, Failure};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
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
    /// Why what it says about secrets is not followed, if it is not.
    distrust: Option<String>,
}

impl Found {
    /// The valid configuration, with paths that hold wherever the program runs.
    pub(crate) fn parse(&self) -> Result<Config, Failure> {
        let mut config = Config::parse(&self.text).map_err(|failure| {
            let cause = format!("{}: {}", self.name, failure.cause);
            failure.with_cause(cause)
        })?;
        for (name, cluster) in &mut config.clusters {
            self.trusted_with(name, cluster)?;
            self.anchor(cluster);
        }
        self.trusted_to_tell(&config)?;
        self.anchor_channels(&mut config);
        Ok(config)
    }

    /// A file that happens to lie in the working directory could have our secrets sent to its own endpoint, and run
    /// programs.
    fn trusted_with(&self, name: &str, cluster: &Cluster) -> Result<(), Failure> {
        let Some(why) = self.distrust.as_ref().filter(|_| needs_secret(cluster)) else { return Ok(()) };
        Err(Failure::new(
            Code::BadConfig,
            format!(
                "{}: cluster {name} asks for a secret, but {why}: it was only found in the working directory",
                self.name
            ),
            "look into it; then name it with --config if you trust it, or make it yours and take others' right to write (chmod go-w)",
        ))
    }

    /// Such a file could also run programs of its writer's around a run, and tell others with our secrets.
    fn trusted_to_tell(&self, config: &Config) -> Result<(), Failure> {
        let tells = !config.hooks.is_empty() || !config.notifications.channels.is_empty();
        let Some(why) = self.distrust.as_ref().filter(|_| tells) else { return Ok(()) };
        Err(Failure::new(
            Code::BadConfig,
            format!(
                "{}: it has hooks or notifications, but {why}: it was only found in the working directory",
                self.name
            ),
            "look into it; then name it with --config if you trust it, or make it yours and take others' right to write (chmod go-w)",
        ))
    }

    fn anchor_channels(&self, config: &mut Config) {
        for channel in config.notifications.channels.values_mut() {
            for secret in channel.secrets_mut() {
                if let SecretSource::File(path) = secret {
                    anchored(&self.base, path);
                }
            }
        }
    }

    /// What the file is relative to: hooks run there.
    pub(crate) fn base(&self) -> &Path {
        &self.base
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
pub(crate) async fn configuration(flag: Option<&Path>, process: &Process) -> Result<Option<Found>, Failure> {
    if let Some(path) = flag {
        return read(&process.directory.join(path), &format!("--config {}", path.display())).map(Some);
    }
    if process.variable("SNAPKEEP_CONFIG").is_some() {
        return of_variable(process).await.map(Some);
    }
    for path in usual_places(process) {
        if path.is_file() {
            let found = read(&path, &path.display().to_string())?;
            let is_here = path.parent() == Some(process.directory.as_path());
            let distrust = if is_here { distrust(&path, process.user) } else { None };
            return Ok(Some(Found { distrust, ..found }));
        }
    }
    Ok(None)
}

/// Whether a cluster of the file takes a secret from the file's references or from the environment.
fn needs_secret(cluster: &Cluster) -> bool {
    let is_referred_to = cluster.password.is_some() || cluster.api_key.is_some() || cluster.token.is_some();
    let is_left_open = matches!(cluster.auth, Some(AuthKind::Basic | AuthKind::ApiKey | AuthKind::Bearer));
    is_referred_to || is_left_open || cluster.username.is_some()
}

/// Who but the user and the system could have written the file.
fn distrust(path: &Path, user: u32) -> Option<String> {
    const OTHERS_WRITE: u32 = 0o022;
    match std::fs::metadata(path) {
        Err(error) => Some(format!("its owner is not known: {error}")),
        Ok(file) if file.uid() != user && file.uid() != 0 => Some(format!("user {} owns the file", file.uid())),
        Ok(file) if file.mode() & OTHERS_WRITE != 0 => Some("others may write to the file".to_owned()),
        Ok(_) => None,
    }
}

fn usual_places(process: &Process) -> Vec<PathBuf> {
    let of_user = process.user_configuration().map(|directory| directory.join("snapkeep").join(NAME));
    [Some(process.directory.join(NAME)), of_user, Some(PathBuf::from(SYSTEM))].into_iter().flatten().collect()
}

/// What `SNAPKEEP_CONFIG` holds or names; what is no file has its relative paths in the working directory.
async fn of_variable(process: &Process) -> Result<Found, Failure> {
    // As it stands there: complaints name lines and columns of it.
    let value = process.variables.get("SNAPKEEP_CONFIG").map_or("", String::as_str);
    let place = ConfigPlace::of(value)?;
    let name = place.name();
    let text = match place {
        ConfigPlace::File(path) => return read(&process.directory.join(path), &name),
        ConfigPlace::Text(text) => text,
        ConfigPlace::Object { bucket, key } => process.services().object(&bucket, &key, &name).await?,
        ConfigPlace::Parameter(parameter) => process.services().parameter(&parameter, &name).await?,
    };
    Ok(Found { text, name, base: process.directory.clone(), distrust: None })
}

fn read(path: &Path, name: &str) -> Result<Found, Failure> {
    let base = path.parent().unwrap_or(Path::new(".")).to_owned();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Found { text, name: name.to_owned(), base, distrust: None }),
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
