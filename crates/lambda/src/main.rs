//! `bootstrap`: the handler under AWS Lambda's runtime.

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use snapkeep_core::{Code, Failure};
use snapkeep_lambda::{Answer, Environment, Function, Invocation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::Instrument;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log_as_json();
    let function = Arc::new(Function::new(Environment::of(variables())));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| answer(Arc::clone(&function), event))).await
}

/// Those that are text.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
}

async fn answer(function: Arc<Function>, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Diagnostic> {
    let invocation = Invocation {
        request_id: event.context.request_id.clone(),
        trace_id: event.context.xray_trace_id.clone(),
        left: time_left(event.context.deadline),
        now: Timestamp::now(),
    };
    let span = tracing::info_span!("invocation", request_id = invocation.request_id);
    let work = async move { function.handle(event.payload.get(), &invocation).await };
    // A task of its own: a panic becomes an answer that holds nothing of what was in memory.
    let outcome = tokio::spawn(work.instrument(span.clone())).await.unwrap_or_else(|_| Err(panicked()));
    outcome.map_err(|failure| {
        let _entered = span.enter();
        tracing::error!(
            code = failure.code.as_str(),
            http_status = failure.http_status,
            cause = failure.cause,
            hint = failure.hint,
            "failed"
        );
        Diagnostic { error_type: failure.code.to_string(), error_message: failure.to_json() }
    })
}

fn panicked() -> Failure {
    Failure::new(
        Code::OutcomeUnknown,
        "the function stopped because of a defect of its own",
        "the log names the place in the code: please report it; the same event may be sent again",
    )
}

/// `deadline` is in milliseconds since 1970.
fn time_left(deadline: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(deadline).saturating_sub(now)
}

/// JSON lines on standard output, at the level that the function's logging configuration asks for.
/// Libraries log their warnings only: what they say in detail could hold headers.
fn log_as_json() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| match level.to_lowercase().as_str() {
        "fatal" => Some(LevelFilter::ERROR),
        other => other.parse().ok(),
    });
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        // It would log every failure once more, without the request's id.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
        .with_target("snapkeep", level.unwrap_or(LevelFilter::INFO))
        .with_target("bootstrap", level.unwrap_or(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
    tracing_subscriber::registry().with(lines).with(targets).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
