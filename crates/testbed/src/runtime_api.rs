//! AWS Lambda's runtime API (version 2018-06-01), and functions that run under it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /2018-06-01/runtime/invocation/next` | waits for an event; 200 with the event and the headers `Lambda-Runtime-Aws-Request-Id`, `-Deadline-Ms`, `-Invoked-Function-Arn`, `-Trace-Id` |
//! | `POST …/invocation/{id}/response` | 202; 400 `InvalidRequestID` for an id that this process is not working on; 413 above 6 MiB |
//! | `POST …/invocation/{id}/error` | 202; likewise |
//! | `POST …/runtime/init/error` | 202 |
//!
//! As in Lambda, a process works on one invocation at a time, is killed when the deadline passes, and an event that is
//! delivered again has the same id. Each process has an address of its own, so that it is known who asks; an event goes to
//! whichever process asks first.
//!
//! ```no_run
//! # use snapkeep_testbed::runtime_api::{Function, Invoke, LambdaProcess, Outcome, RuntimeApi};
//! # async fn example() {
//! let api = RuntimeApi::start().unwrap();
//! let function = Function::new("target/debug/bootstrap").env("ACCESS_KEY", "AKIA…");
//! let process = LambdaProcess::start(&api, &function).unwrap();
//! match api.invoke(serde_json::json!({ "Action": "status" }), Invoke::default()).await {
//!     Outcome::Response(answer) => assert_eq!(answer["schema"], 1),
//!     other => panic!("{other:?}\n{}", process.logs()),
//! }
//! # }
//! ```

mod process;
mod serve;
mod state;

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::background::Server;
use crate::error::{Error, Result};
pub use process::{Function, LambdaProcess};
use state::{Job, Shared};

/// How long an event waits for a process to ask for it before [`Outcome::NotTaken`].
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The ARN that functions see.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:snapkeep";

/// The server. Cheap to clone; it ends with its last clone and its last process.
#[derive(Debug, Clone)]
pub struct RuntimeApi {
    shared: Arc<Shared>,
    server: Arc<Server>,
}

/// How an event is delivered.
#[derive(Debug, Clone)]
pub struct Invoke {
    /// The request id; by default a new one in the form of a UUID. The same one again is a repeated delivery.
    pub request_id: Option<String>,
    /// From delivery to the kill. Lambda's own default is 3 s; here a minute.
    pub deadline: Duration,
}

impl Default for Invoke {
    fn default() -> Self {
        Self { request_id: None, deadline: Duration::from_mins(1) }
    }
}

impl Invoke {
    /// With this request id.
    pub fn with_id(request_id: impl Into<String>) -> Self {
        Self { request_id: Some(request_id.into()), ..Self::default() }
    }

    /// The same with another deadline.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function answered. A body that is not JSON is a string.
    Response(Value),
    /// The function reported an error.
    Error {
        /// From the body, else from the header `Lambda-Runtime-Function-Error-Type`.
        error_type: String,
        /// `errorMessage` of the body.
        error_message: String,
        /// The body.
        raw: Value,
    },
    /// The process reported that it could not start, in place of asking for an event.
    InitError {
        /// As in [`Outcome::Error`].
        error_type: String,
        /// As in [`Outcome::Error`].
        error_message: String,
        /// The body.
        raw: Value,
    },
    /// The deadline passed and the process was killed.
    DeadlineExceeded,
    /// The process ended without an answer.
    Exited {
        /// How.
        status: ExitStatus,
    },
    /// No process asked for the event within [`PATIENCE`].
    NotTaken,
}

impl Outcome {
    /// The answer.
    ///
    /// # Panics
    /// When it ended otherwise.
    pub fn expect_response(self) -> Value {
        match self {
            Self::Response(value) => value,
            other => panic!("expected a response: {other:?}"),
        }
    }

    /// Error type and message of a function's error.
    ///
    /// # Panics
    /// When it ended otherwise.
    pub fn expect_error(self) -> (String, String) {
        match self {
            Self::Error { error_type, error_message, .. } => (error_type, error_message),
            other => panic!("expected an error: {other:?}"),
        }
    }
}

/// One event handed to one process, in the order in which they were asked for.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The request id.
    pub request_id: String,
    /// When the first delivery of this id was asked for.
    pub accepted: SystemTime,
    /// Who took it: [`LambdaProcess::slot`], 0 for [`RuntimeApi::address`].
    pub slot: Option<usize>,
    /// When `invoke` was called.
    pub queued: Instant,
    /// When a process got it.
    pub taken: Option<Instant>,
    /// When the answer, the error or the end of the process came.
    pub ended: Option<Instant>,
}

impl Delivery {
    /// From being handed over to the end.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.ended?.duration_since(self.taken?))
    }
}

impl RuntimeApi {
    /// Starts a server on a loopback port of the system's choice.
    ///
    /// # Errors
    /// [`Error::Io`] without a port.
    pub fn start() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let (_, server) = listen(&shared)?;
        Ok(Self { shared, server: Arc::new(server) })
    }

    /// `127.0.0.1:port`, for `AWS_LAMBDA_RUNTIME_API` of a process that is not a [`LambdaProcess`].
    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// Hands the event to a process and waits for the end of it. May run at the same time as others, from any runtime.
    pub async fn invoke(&self, event: impl Into<Event>, how: Invoke) -> Outcome {
        let request_id = how.request_id.unwrap_or_else(|| self.shared.new_request_id());
        let (done, outcome) = oneshot::channel();
        let job = Job { request_id, event: event.into().0, deadline: how.deadline, done };
        self.shared.enqueue(job);
        outcome.await.unwrap_or(Outcome::NotTaken)
    }

    /// All deliveries so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().deliveries.clone()
    }

    /// When the process of that slot asked for an event for the first time: the end of its start.
    pub fn first_next(&self, slot: usize) -> Option<Instant> {
        self.shared.lock().slots.get(slot)?.first_next
    }
}

/// An event's bytes.
#[derive(Debug, Clone)]
pub struct Event(Bytes);

impl From<Value> for Event {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<&Value> for Event {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<&[u8]> for Event {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl From<Vec<u8>> for Event {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Event {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

/// A new slot and the address that it is reached at.
fn listen(shared: &Arc<Shared>) -> Result<(usize, Server)> {
    let slot = shared.new_slot();
    let shared = Arc::clone(shared);
    let server = Server::start(move |request| {
        let shared = Arc::clone(&shared);
        async move { serve::answer(&shared, slot, request).await }
    });
    Ok((slot, server.map_err(Error::io("cannot bind a loopback port"))?))
}
