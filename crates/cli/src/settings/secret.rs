//! Opens what a reference to a secret points to.

use crate::process::Process;
use snapkeep_config::SecretSource;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use std::process::{Command, Stdio};

/// The secret that `field` refers to. Nothing that is found ever stands in a message.
pub(crate) async fn open(field: &str, source: &SecretSource, process: &Process) -> Result<Secret, Failure> {
    let text = match source {
        SecretSource::Env(name) => process.variable(name).map(str::to_owned).ok_or_else(|| {
            bad(
                format!("{field} is to be in {name}, which is not set"),
                format!("set {name}; it is never a flag, which others could see"),
            )
        })?,
        SecretSource::File(path) => std::fs::read_to_string(path).map_err(|error| {
            bad(
                format!("{field} cannot be read from {}: {error}", path.display()),
                "check the path and who may read the file".into(),
            )
        })?,
        SecretSource::Command { program, arguments } => printed_by(field, program, arguments, process)?,
        SecretSource::SecretsManager(id) => process.services().secret(id, &held(field, source)).await?,
        SecretSource::Ssm(name) => process.services().parameter(name, &held(field, source)).await?,
    };
    source.secret(field, &text)
}

fn held(field: &str, source: &SecretSource) -> String {
    format!("{field}, {},", source.described())
}

/// What a program prints. It may ask on the terminal: standard input and error stay its own.
fn printed_by(field: &str, program: &str, arguments: &[String], process: &Process) -> Result<String, Failure> {
    let failed = |why: String| {
        bad(
            format!("{field}: {program} {why}"),
            format!("run {program} yourself: it must print the secret and end with 0"),
        )
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit()).stderr(Stdio::inherit()).current_dir(&process.directory);
    let output = command.output().map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({})", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("printed no text".into()))
}

fn bad(cause: String, hint: String) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}
