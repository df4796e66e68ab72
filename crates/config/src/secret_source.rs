//! Where a secret is kept.

use crate::fields::{Fields, text_of, wrong};
use crate::yaml::{Node, Value};
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use std::path::PathBuf;

/// A reference to a secret: the file holds no secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `{env: NAME}`: an environment variable.
    Env(String),
    /// `{file: PATH}`: a file's content, less the line's end.
    File(PathBuf),
    /// `{command: [PROGRAM, ARG…]}`: what a program prints, less the line's end. No shell is involved.
    Command {
        /// The program, looked up in `PATH`.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// `{secretsmanager: ARN}`: a secret of AWS Secrets Manager, by ARN or name.
    SecretsManager(String),
    /// `{ssm: NAME}`: a parameter of AWS Systems Manager's store.
    Ssm(String),
}

impl SecretSource {
    /// Where it is, for messages.
    pub fn described(&self) -> String {
        match self {
            Self::Env(name) => format!("the variable {name}"),
            Self::File(path) => format!("the file {}", path.display()),
            Self::Command { program, .. } => format!("the command {program}"),
            Self::SecretsManager(name) => format!("Secrets Manager's {name}"),
            Self::Ssm(name) => format!("Systems Manager's {name}"),
        }
    }

    /// The secret for `field`, from the text that was found there: one line, whose end is not a part of it.
    pub fn secret(&self, field: &str, text: &str) -> Result<Secret, Failure> {
        let text = text.trim_end_matches(['\r', '\n']);
        let wrong = match text {
            "" => "is empty",
            text if text.contains(char::is_control) => "has more than one line",
            text => return Ok(Secret::new(text)),
        };
        Err(Failure::new(Code::BadConfig, format!("{field} {wrong}"), format!("see what {} gives", self.described())))
    }

    /// Reads the reference at `path`.
    pub(crate) fn read(path: &str, node: Node) -> Result<Self, Failure> {
        if matches!(node.value, Value::Text(_) | Value::Number(_)) {
            let cause = format!("`{path}` holds the secret itself ({})", node.at);
            let hint = "refer to it: {env: NAME}, {file: /path}, {command: [program, argument]}, {secretsmanager: ARN} or {ssm: NAME}; and change a secret that was in a file";
            return Err(Failure::new(Code::BadConfig, cause, hint));
        }
        let mut fields = Fields::of(path, node)?;
        let env = fields.text("env")?.map(Self::Env);
        let file = fields.text("file")?.map(|file| Self::File(file.into()));
        let command_path = fields.path_of("command");
        let command = fields.take("command").map(|node| command(&command_path, &node)).transpose()?;
        let manager = fields.text("secretsmanager")?.map(Self::SecretsManager);
        let ssm = fields.text("ssm")?.map(Self::Ssm);
        let exactly_one = fields.wrong("must have exactly one of `env`, `file`, `command`, `secretsmanager` and `ssm`");
        fields.finish()?;
        let mut given = [env, file, command, manager, ssm].into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(source), None) => Ok(source),
            _ => Err(exactly_one),
        }
    }
}

fn command(path: &str, node: &Node) -> Result<SecretSource, Failure> {
    let Value::List(words) = &node.value else {
        return Err(wrong(path, node.at, "must be a list: [program, argument, …]"));
    };
    let mut words = words.iter().map(|word| text_of(path, word)).collect::<Result<Vec<_>, _>>()?.into_iter();
    let Some(program) = words.next() else { return Err(wrong(path, node.at, "names no program")) };
    Ok(SecretSource::Command { program, arguments: words.collect() })
}
