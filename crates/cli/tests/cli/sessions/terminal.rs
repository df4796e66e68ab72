//! What runs a page's commands.

use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A shell that keeps its variables, in a directory of its own.
pub(super) struct Terminal {
    pub(super) directory: TempDir,
    variables: Vec<(String, String)>,
    status: i32,
    /// What the page says, and what it really is.
    words: (&'static str, String),
}

impl Terminal {
    /// The page says `page` for what really is `real`.
    pub(super) fn new(page: &'static str, real: String) -> Self {
        let directory = TempDir::new().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_snapkeep")).parent().unwrap().display().to_string();
        let home = directory.path().display().to_string();
        let variables = vec![("PATH".to_owned(), format!("{program}:{path}")), ("HOME".to_owned(), home)];
        Self { directory, variables, status: 0, words: (page, real) }
    }

    /// The command, or what a line shows that is none.
    pub(super) fn command(&mut self, line: &str) -> Result<Command, String> {
        if line == "echo $?" {
            return Err(format!("{}\n", self.status));
        }
        let (page, real) = &self.words;
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
            self.variables.push((name.to_owned(), value.replace(page, real)));
            return Err(String::new());
        }
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec 2>&1; {}", line.replace(page, real)));
        command.env_clear().envs(self.variables.iter().cloned()).current_dir(self.directory.path());
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// What it shows, in the page's words.
    pub(super) fn shown(&mut self, output: &Output) -> String {
        self.status = output.status.code().unwrap_or(-1);
        let shown = String::from_utf8_lossy(&output.stdout);
        let (page, real) = &self.words;
        // Blobs of a folder are named without its first slash.
        let shown = shown.replace(real, page).replace(real.trim_start_matches('/'), page.trim_start_matches('/'));
        shown.replace(&self.directory.path().display().to_string(), "~")
    }
}
