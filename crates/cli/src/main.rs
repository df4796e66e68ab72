//! snapkeep, the command line.

use snapkeep_cli::Process;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(snapkeep_cli::run(Process::this()))
}
