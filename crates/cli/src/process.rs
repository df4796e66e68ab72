//! What the operating system gives this process, read once.

use snapkeep_transport::{AwsCredentials, Caller, Deadline, Services};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// For questions to AWS's services before a command begins.
const PATIENCE: Duration = Duration::from_mins(1);

/// Arguments, environment, directory and terminals.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The program's name, then its arguments.
    pub arguments: Vec<OsString>,
    /// Environment variables that are text.
    pub variables: BTreeMap<String, String>,
    /// The working directory.
    pub directory: PathBuf,
    /// Who runs it, by the system's number.
    pub user: u32,
    /// Whether somebody can answer a question.
    pub stdin_is_terminal: bool,
    /// Whether data is shown on a terminal.
    pub stdout_is_terminal: bool,
    /// Whether progress is shown on a terminal.
    pub stderr_is_terminal: bool,
}

impl Process {
    /// This process.
    pub fn this() -> Self {
        let text = |(key, value): (OsString, OsString)| Some((key.into_string().ok()?, value.into_string().ok()?));
        Self {
            arguments: std::env::args_os().collect(),
            variables: std::env::vars_os().filter_map(text).collect(),
            directory: std::env::current_dir().unwrap_or_default(),
            user: rustix::process::geteuid().as_raw(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// A variable's value, trimmed; empty ones count as unset.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Where programs keep what they remember: systemd's directory for the service, else the user's.
    pub(crate) fn state_directory(&self) -> Option<PathBuf> {
        let of_service = self.variable("STATE_DIRECTORY").and_then(|all| all.split(':').next()).map(PathBuf::from);
        let of_user = || self.variable("XDG_STATE_HOME").map(|home| PathBuf::from(home).join("snapkeep"));
        let usual = || self.variable("HOME").map(|home| PathBuf::from(home).join(".local/state/snapkeep"));
        of_service.or_else(of_user).or_else(usual)
    }

    /// The region that AWS's tools would use, as far as variables say it.
    pub(crate) fn aws_region(&self) -> Option<&str> {
        self.variable("AWS_REGION").or_else(|| self.variable("AWS_DEFAULT_REGION"))
    }

    /// AWS's services that may hold a configuration or a secret, asked as the default chain's identity.
    pub(crate) fn services(&self) -> Services<'_> {
        Services::new(self, Deadline::after(PATIENCE))
    }

    /// Where a user's own configuration is: `$XDG_CONFIG_HOME` or `~/.config`.
    pub fn user_configuration(&self) -> Option<PathBuf> {
        let set = self.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        set.or_else(|| self.variable("HOME").map(|home| PathBuf::from(home).join(".config")))
    }
}

impl Caller for Process {
    fn credentials(&self) -> AwsCredentials {
        AwsCredentials::default_chain()
    }

    fn region(&self) -> Option<&str> {
        self.aws_region().or_else(|| self.variable("SNAPKEEP_REGION"))
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variable(name)
    }

    fn ca_file(&self) -> Option<PathBuf> {
        self.variable("SNAPKEEP_CA_FILE").map(|path| self.directory.join(path))
    }
}
