//! Curator 8, as its users run it: a configuration file, an action file, one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use snapkeep_testbed::cache::Cache;

use crate::failure::{Failure, Result};
use crate::python::Packages;

const REQUIREMENTS: &str = include_str!("../../../bench/python/curator.txt");

/// An installed Curator and the files that it is given.
#[derive(Debug)]
pub(crate) struct Curator {
    packages: PathBuf,
    folder: PathBuf,
}

impl Curator {
    /// Installs it (kept in the cache) and writes its configuration.
    pub(crate) fn install(url: &str, folder: &Path) -> Result<Self> {
        let packages = Packages { name: "bench-curator", requirements: REQUIREMENTS, options: &[] };
        let packages = packages.install(&Cache::open()?)?;
        let curator = Self { packages, folder: folder.to_owned() };
        let quiet = "logging:\n  loglevel: WARNING\n";
        curator.write("curator.yml", &format!("elasticsearch:\n  client:\n    hosts: {url}\n{quiet}"))?;
        Ok(curator)
    }

    /// `curator_cli show-snapshots`.
    pub(crate) fn list(&self, repository: &str) -> Command {
        let mut command = self.python("from curator.singletons import curator_cli as run");
        command.arg("--config").arg(self.folder.join("curator.yml"));
        command.args(["show-snapshots", "--repository", repository]);
        command
    }

    /// `curator --dry-run actions.yml` or `curator actions.yml`: deletes what begins with `prefix`.
    pub(crate) fn delete(&self, repository: &str, prefix: &str, is_dry: bool) -> Result<Command> {
        let actions = format!(
            "actions:\n  1:\n    action: delete_snapshots\n    options:\n      repository: {repository}\n      \
             retry_interval: 120\n      retry_count: 3\n    filters:\n    - filtertype: pattern\n      kind: prefix\n      \
             value: {prefix}\n    - filtertype: state\n      state: SUCCESS\n"
        );
        let file = self.write("actions.yml", &actions)?;
        let mut command = self.python("from curator.cli import cli as run");
        command.arg("--config").arg(self.folder.join("curator.yml"));
        if is_dry {
            command.arg("--dry-run");
        }
        command.arg(file);
        Ok(command)
    }

    /// `curator --dry-run actions.yml`: all that begin with `prefix`, less the `count` newest.
    pub(crate) fn dry_run_beyond(&self, repository: &str, prefix: &str, count: usize) -> Result<Command> {
        let actions = format!(
            "actions:\n  1:\n    action: delete_snapshots\n    options:\n      repository: {repository}\n    filters:\n    \
             - filtertype: pattern\n      kind: prefix\n      value: {prefix}\n    - filtertype: state\n      state: SUCCESS\n    \
             - filtertype: count\n      count: {count}\n      use_age: true\n      source: creation_date\n"
        );
        let file = self.write("beyond.yml", &actions)?;
        let mut command = self.python("from curator.cli import cli as run");
        command.arg("--config").arg(self.folder.join("curator.yml")).arg("--dry-run").arg(file);
        Ok(command)
    }

    /// `curator --dry-run` with an action file, as talkative as its dry run needs.
    pub(crate) fn dry_run(&self, url: &str, actions: &Path) -> Result<Command> {
        let configuration = format!("elasticsearch:\n  client:\n    hosts: {url}\nlogging:\n  loglevel: INFO\n");
        let configuration = self.write("dry-run.yml", &configuration)?;
        let mut command = self.python("from curator.cli import cli as run");
        command.arg("--config").arg(configuration).arg("--dry-run").arg(actions);
        Ok(command)
    }

    /// What the script that pip makes for a program does.
    fn python(&self, import: &str) -> Command {
        let mut command = Command::new("python3");
        command.args(["-c", &format!("import sys; {import}; sys.argv[0] = 'curator'; sys.exit(run())")]);
        command.env("PYTHONPATH", &self.packages).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let place = self.folder.join(name);
        fs::write(&place, text).map_err(Failure::during("cannot write Curator's files"))?;
        Ok(place)
    }
}
