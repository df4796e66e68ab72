//! The command line: arguments → settings → one command → output.
//!
//! - [`Process`]: what the operating system gives: arguments, environment, directory, terminals; read once
//! - `args`, [`command`]: what may be typed
//! - `settings`: flags, environment and file merged into one valid whole
//! - `commands`: one file each: parse, call the engine, show
//! - `signals`: Ctrl-C and SIGTERM, for commands that have something to do before they end
//! - `output`: text and JSON, tables, progress, errors

mod args;
mod choose;
mod commands;
mod confirm;
mod output;
mod process;
mod session;
mod settings;
mod signals;
mod words;

pub use args::command;
pub use process::Process;

use args::Arguments;
use output::{Format, Printer};
use session::Session;
use snapkeep_core::{Code, Failure};

/// Runs one command and gives the exit status.
pub fn run(process: Process) -> u8 {
    let arguments = match Arguments::read(&process.arguments) {
        Ok(arguments) => arguments,
        Err(error) => return not_understood(&process, &error),
    };
    let printer = Printer::new(&arguments.globals, &process);
    let printer = if arguments.verb.is_lambda() { printer.for_lambda() } else { printer };
    let printer = if arguments.verb.is_daemon() { printer.for_daemon() } else { printer };
    output::log::install(&printer);
    let outcome = runtime().and_then(|runtime| {
        let outcome = runtime.block_on(to_the_end(arguments, process, &printer));
        // What is still under way, such as a name being looked up, is not waited for.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            printer.failure(&failure);
            failure.code.exit()
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new(
            Code::Unsupported,
            format!("this system gives no event loop: {error}"),
            "free some of its resources",
        )
    })
}

async fn to_the_end(arguments: Arguments, process: Process, printer: &Printer) -> Result<(), Failure> {
    let session = Session::new(arguments.globals, process, printer.clone(), jiff::Timestamp::now);
    let hears_itself = arguments.verb.hears_signals();
    let interrupted = async {
        // Without the handler the system's default holds, which ends us as well.
        if hears_itself || tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // First, so that an answer that comes together with Ctrl-C counts for nothing.
        biased;
        () = interrupted => Err(session.interrupted()),
        outcome = commands::run(arguments.verb, &session) => outcome,
    }
}

/// What clap has to say: help and version on stdout, complaints as every other error.
fn not_understood(process: &Process, error: &clap::Error) -> u8 {
    let printer = Printer::before_arguments(process);
    if !error.use_stderr() {
        printer.page(&error.render());
        return 0;
    }
    let is_bare = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if printer.format() == Format::Text {
        printer.complaint(&error.render());
    } else {
        let text = if is_bare { "no command is given".to_owned() } else { args::cause_of(error) };
        printer.failure(&Failure::new(Code::BadEvent, text, "snapkeep --help lists the commands and flags"));
    }
    Code::BadEvent.exit()
}
