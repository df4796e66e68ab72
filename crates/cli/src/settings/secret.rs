//! Opens what a reference to a secret points to.

use crate::process::Process;
use snapkeep_config::SecretSource;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use std::process::{Command, Stdio};

/// The secret that `field` refers to. Nothing that is found ever stands in a message.
pub(crate) fn open(field: &str, source: &SecretSource, process: &Process) -> Result<Secret, Failure> {
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
        SecretSource::SecretsManager(_) | SecretSource::Ssm(_) => return Err(for_the_lambda(field, source)),
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(bad(format!("{field} is empty"), format!("see what {} gives", described(source))));
    }
    if text.contains(char::is_control) {
        return Err(bad(format!("{field} has more than one line"), format!("see what {} gives", described(source))));
    }
    Ok(Secret::new(text))
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

fn described(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the variable {name}"),
        SecretSource::File(path) => format!("the file {}", path.display()),
        SecretSource::Command { program, .. } => format!("the command {program}"),
        SecretSource::SecretsManager(name) => format!("Secrets Manager's {name}"),
        SecretSource::Ssm(name) => format!("Systems Manager's {name}"),
    }
}

/// Whoever has a terminal has the AWS CLI, with every way to sign in that it knows.
fn for_the_lambda(field: &str, source: &SecretSource) -> Failure {
    let instead = match source {
        SecretSource::Ssm(name) => {
            format!("aws, ssm, get-parameter, --with-decryption, --name, {name}, --query, Parameter.Value")
        }
        SecretSource::SecretsManager(name) => {
            format!("aws, secretsmanager, get-secret-value, --secret-id, '{name}', --query, SecretString")
        }
        other => described(other),
    };
    Failure::new(
        Code::Unsupported,
        format!("{field} is {}, which only the Lambda function asks for itself", described(source)),
        format!("let the AWS CLI ask: {{command: [{instead}, --output, text]}}"),
    )
}

fn bad(cause: String, hint: String) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}
