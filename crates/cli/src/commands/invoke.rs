//! `invoke`: runs exactly the Lambda's handler on an event, with this process's environment.
#![allow(clippy::doc_markdown, reason = "what stands here is shown as help, not as Markdown")]

use crate::args::Span;
use crate::session::Session;
use clap::Args;
use snapkeep_core::{Code, Failure};
use snapkeep_lambda::{Environment, Function, Invocation};
use snapkeep_transport::AwsCredentials;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Lambda's longest time.
const LONGEST: Span = Span(Duration::from_mins(15));

/// Largest event that Lambda takes for a synchronous invocation, in bytes.
const LARGEST: u64 = 6 << 20;

/// Handle an event as the Lambda function does
///
/// The environment is the function's: SNAPKEEP_ALLOWED_ENDPOINTS, ACCESS_KEY and so on. The answer is the function's
/// answer, the error is the function's error. --timeout is the function's time limit (default: 15min). Connection flags
/// are not for this command: an event and the environment say all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep invoke event.json
  echo '{\"Action\":\"list\",\"Endpoint\":\"…\",\"Region\":\"eu-west-1\",\"RepositoryName\":\"nightly\"}' | snapkeep invoke -")]
pub(crate) struct Invoke {
    /// File that holds the event; - for standard input
    #[arg(value_name = "EVENT.json")]
    event: String,
    /// The request id that Lambda would give: the same one adopts what the first call began [default: a random one]
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

/// Handles the event.
pub(crate) async fn run(arguments: Invoke, session: &Session) -> Result<(), Failure> {
    if let Some(flag) = session.globals.connection_flags().into_iter().next() {
        return Err(Failure::new(
            Code::BadEvent,
            format!("--{flag} does not count for invoke: the event and the function's environment say all"),
            "say it in the event, or set the function's variables",
        ));
    }
    let answer = handle(&arguments, session).await?;
    session.printer.raw(&(answer + "\n"))
}

async fn handle(arguments: &Invoke, session: &Session) -> Result<String, Failure> {
    let (file, directory) = (arguments.event.clone(), session.process.directory.clone());
    // On a thread of its own: whoever types the event may end that with Ctrl-C.
    let event = tokio::task::spawn_blocking(move || read(&file, &directory)).await.map_err(|error| {
        Failure::new(
            Code::BadEvent,
            format!("the event cannot be read: {error}"),
            "name a file that holds one JSON object",
        )
    })??;
    let environment = Environment::of(session.process.variables.clone());
    let function = Function::new(environment.outside_lambda(AwsCredentials::default_chain));
    let invocation = Invocation {
        request_id: arguments.request_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        trace_id: session.process.variables.get("_X_AMZN_TRACE_ID").cloned(),
        left: session.globals.timeout.unwrap_or(LONGEST).0,
        now: session.now(),
    };
    let report = function.handle(&event, &invocation).await?;
    serde_json::to_string(&report).map_err(|error| {
        Failure::new(Code::OutcomeUnknown, format!("the answer cannot be shown: {error}"), "send Action `status`")
    })
}

fn read(file: &str, directory: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(directory.join(file)).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
    };
    let bad = |why: String| {
        Failure::new(
            Code::BadEvent,
            format!("the event {file}: {why}"),
            "name a file that holds one JSON object, or - for standard input",
        )
    };
    match read {
        Err(error) => Err(bad(error.to_string())),
        Ok(length) if length as u64 > LARGEST => {
            Err(bad("is larger than 6 MB, which is the most that Lambda takes".into()))
        }
        Ok(_) => Ok(text),
    }
}
