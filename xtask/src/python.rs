//! Packages from `PyPI`, installed at pinned versions into the testbed's cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use snapkeep_testbed::Error;
use snapkeep_testbed::cache::Cache;

use crate::failure::{Failure, Result};

/// A directory of the cache that holds what a requirements file names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packages<'a> {
    /// The cache entry's name begins with it.
    pub(crate) name: &'a str,
    /// The text of the requirements file: every version pinned.
    pub(crate) requirements: &'a str,
    /// Further arguments to `pip install`.
    pub(crate) options: &'a [&'a str],
}

impl Packages<'_> {
    /// Installs them unless that was done before. A changed pin is another directory.
    pub(crate) fn install(&self, cache: &Cache) -> Result<PathBuf> {
        let digest = crate::digest::sha256(self.requirements.as_bytes());
        let entry = format!("{}-{}", self.name, &digest[..16]);
        Ok(cache.entry(&entry, |place| self.install_into(place).map_err(to_testbed))?)
    }

    fn install_into(&self, place: &Path) -> Result<()> {
        let scratch = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
        let venv = scratch.path().join("venv");
        let list = scratch.path().join("requirements.txt");
        std::fs::write(&list, self.requirements).map_err(Failure::during("cannot write requirements"))?;
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).map_err(|error| {
            Failure::operator(format!(
                "{error}: Python 3 with venv is needed; install it with: apt-get install python3-venv"
            ))
        })?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target"]);
        run(pip.arg(place).args(self.options).arg("--requirement").arg(&list))
    }
}

/// The cache's own failures are the testbed's.
fn to_testbed(failure: Failure) -> Error {
    if failure.exit == 2 {
        return Error::Setting(failure.message);
    }
    Error::Io { action: "cannot install Python packages".into(), source: std::io::Error::other(failure.message) }
}

/// Runs it to its end; a failure carries the end of what it wrote.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.output().map_err(Failure::during(format!("cannot run {program}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(Failure::new(format!("{program} failed ({}): {last}", output.status)))
}
