//! `completions`: what a shell needs to complete our commands.

use crate::args::command;
use crate::output::{Look, View, json_of};
use crate::session::Session;
use clap::{Args, ValueEnum};
use serde::Serialize;
use snapkeep_core::Failure;

/// Print a shell's completion script
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep completions bash > /etc/bash_completion.d/snapkeep
  snapkeep completions zsh > \"${fpath[1]}/_snapkeep\"
  snapkeep completions fish > ~/.config/fish/completions/snapkeep.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the script.
pub(crate) fn run(arguments: &Completions, session: &Session) -> Result<(), Failure> {
    let script = Completion { schema: 1, shell: shell_name(arguments.shell), script: script(arguments.shell) };
    session.printer.show(&script, session.now())
}

fn shell_name(shell: clap_complete::Shell) -> String {
    shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn script(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "snapkeep", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[derive(Serialize)]
struct Completion {
    schema: u32,
    shell: String,
    script: String,
}

impl View for Completion {
    fn text(&self, _: &Look) -> String {
        self.script.trim_end().to_owned()
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::man::tests::grammar;

    #[test]
    fn every_command_and_flag_is_completed_in_every_shell() {
        for shell in clap_complete::Shell::value_variants() {
            let script = script(*shell);
            for (path, flags) in grammar() {
                let verb = path.last().expect("a path has a command");
                assert!(script.contains(verb.as_str()), "{shell}: {verb}");
                for flag in flags {
                    assert!(script.contains(&flag), "{shell}: {verb} --{flag}");
                }
            }
        }
    }
}
