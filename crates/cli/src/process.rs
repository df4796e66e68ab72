//! What the operating system gives this process, read once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

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

    /// Where a user's own configuration is: `$XDG_CONFIG_HOME` or `~/.config`.
    pub fn user_configuration(&self) -> Option<PathBuf> {
        let set = self.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        set.or_else(|| self.variable("HOME").map(|home| PathBuf::from(home).join(".config")))
    }
}
