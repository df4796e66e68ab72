//! `hooks`: commands of the operator's around a run. The Lambda runs no programs.

use crate::fields::{Fields, text_of, wrong};
use crate::yaml::Value;
use snapkeep_core::Failure;
use snapkeep_core::period::Period;
use std::time::Duration;

/// Time that a hook has unless it says otherwise.
const TIMEOUT: Duration = Duration::from_mins(5);

/// The section `hooks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before anything is sent. If it fails, nothing is.
    pub before: Option<Hook>,
    /// After a run in which nothing failed.
    pub after: Option<Hook>,
    /// After a run in which something failed.
    pub failed: Option<Hook>,
    /// At the end of each run, whatever came before.
    pub finally: Option<Hook>,
}

impl Hooks {
    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn read(mut fields: Fields) -> Result<Self, Failure> {
        let mut hook = |key| fields.section(key)?.map(Hook::read).transpose();
        let hooks =
            Self { before: hook("before")?, after: hook("after")?, failed: hook("failed")?, finally: hook("finally")? };
        fields.finish()?;
        Ok(hooks)
    }
}

/// A program and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The program, looked up in `PATH`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may take; then it is ended, and has failed.
    pub timeout: Duration,
}

impl Hook {
    fn read(mut fields: Fields) -> Result<Self, Failure> {
        let timeout = fields.checked("timeout", Period::parse)?;
        let timeout = timeout.and_then(Period::fixed_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        let shell = fields.text("shell")?;
        let command = command(&mut fields)?;
        let exactly_one = fields.wrong("must have exactly one of `command` and `shell`");
        fields.finish()?;
        let (program, arguments) = match (command, shell) {
            (Some(command), None) => command,
            (None, Some(line)) => ("sh".to_owned(), vec!["-c".to_owned(), line]),
            _ => return Err(exactly_one),
        };
        Ok(Self { program, arguments, timeout: timeout.map_or(TIMEOUT, Duration::from_secs) })
    }
}

fn command(fields: &mut Fields) -> Result<Option<(String, Vec<String>)>, Failure> {
    let path = fields.path_of("command");
    let Some(node) = fields.take("command") else { return Ok(None) };
    let Value::List(words) = &node.value else {
        let hint = "or let a shell read one line with `shell`";
        return Err(wrong(&path, node.at, "must be a list: [program, argument, …]").with_hint(hint));
    };
    let mut words = words.iter().map(|word| text_of(&path, word)).collect::<Result<Vec<_>, _>>()?.into_iter();
    let program = words.next().ok_or_else(|| wrong(&path, node.at, "names no program"))?;
    Ok(Some((program, words.collect())))
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use std::time::Duration;

    #[test]
    fn a_command_is_a_list_and_a_shell_is_asked_for() {
        let text = "hooks:\n  before: {command: [check, --fast], timeout: 30s}\n  finally: {shell: 'echo $SNAPKEEP_OUTCOME | logger'}\n";
        let hooks = Config::parse(text).unwrap().hooks;
        let before = hooks.before.unwrap();
        assert_eq!(
            (before.program.as_str(), &before.arguments[..], before.timeout),
            ("check", &["--fast".to_owned()][..], Duration::from_secs(30))
        );
        let finally = hooks.finally.unwrap();
        assert_eq!((finally.program.as_str(), finally.arguments[0].as_str()), ("sh", "-c"));
        assert!(hooks.after.is_none() && hooks.failed.is_none());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (hook, part) in [
            ("{command: check}", "must be a list"),
            ("{command: []}", "names no program"),
            ("{command: [a], shell: b}", "exactly one"),
            ("{}", "exactly one"),
            ("{command: [a], timeout: 5m}", "`m` could mean"),
        ] {
            let failure = Config::parse(&format!("hooks:\n  before: {hook}\n")).unwrap_err();
            assert!(failure.cause.contains(part) && failure.cause.contains("line 2"), "{hook}: {failure}");
        }
    }
}
