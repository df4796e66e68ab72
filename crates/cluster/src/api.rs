//! What all endpoints share: how a read is read, and what counts as a yes to a write.

use crate::{Kind, Product, Refusal};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use snapkeep_transport::{Answer, Call, Calls, Client, Deadline, Lost, Method};
use tokio::sync::OnceCell;

/// A repository as it is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// `s3`, `fs`, …
    pub kind: String,
    /// Its settings, as the server stores them.
    pub settings: Map<String, Value>,
}

/// Why a read gave nothing.
#[derive(Clone, Debug)]
pub enum Unanswered {
    /// The server said no.
    Refused(Refusal),
    /// No whole answer came.
    Lost(Lost),
    /// A 2xx that is not what it should be.
    Malformed {
        /// Its status.
        status: u16,
        /// What is wrong with it.
        what: String,
    },
}

/// How a write ended, as far as it is known.
#[derive(Clone, Debug)]
pub enum Written<T = ()> {
    /// The server said that it did it, and what came of it.
    Done(T),
    /// The server refused it.
    Refused(Refusal),
    /// No whole answer came.
    Lost(Lost),
}

/// The snapshot API of one cluster.
#[derive(Debug)]
pub struct SnapshotApi {
    pub(crate) client: Client,
    pub(crate) product: OnceCell<Product>,
}

impl SnapshotApi {
    /// The API behind `client`.
    pub fn new(client: Client) -> Self {
        Self { client, product: OnceCell::new() }
    }

    /// What requests are sent through, for questions that are not about snapshots.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What has been sent so far.
    pub fn calls(&self) -> Calls {
        self.client.calls()
    }

    /// What a GET gives; anything but a 2xx is a refusal.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, deadline: Deadline) -> Result<T, Unanswered> {
        let answer = self.client.read(&Call::new(Method::GET, path), deadline).await.map_err(Unanswered::Lost)?;
        whole(&answer)
    }

    /// `None` if what was asked for does not exist: `is_missing` says by which refusal.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        call: &Call,
        is_missing: fn(Kind) -> bool,
        deadline: Deadline,
    ) -> Result<Option<T>, Unanswered> {
        let answer = self.client.read(call, deadline).await.map_err(Unanswered::Lost)?;
        if (200..300).contains(&answer.status) {
            return decode(&answer).map(Some);
        }
        let refusal = Refusal::of(&answer);
        if is_missing(refusal.kind) { Ok(None) } else { Err(Unanswered::Refused(refusal)) }
    }

    /// Sends a change, once. A 2xx counts only if `yes` finds the server's own word in it: a login page, a
    /// cut answer or a change that was not acknowledged in time is no promise.
    pub(crate) async fn write<T>(&self, call: &Call, yes: fn(&Value) -> Option<T>, deadline: Deadline) -> Written<T> {
        match self.client.write(call, deadline).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                let body = serde_json::from_slice::<Value>(&answer.body).ok();
                body.as_ref().and_then(yes).map_or_else(|| no_yes(answer.status), Written::Done)
            }
            Ok(answer) => Written::Refused(Refusal::of(&answer)),
            Err(lost) => Written::Lost(lost),
        }
    }
}

fn no_yes<T>(status: u16) -> Written<T> {
    Written::Lost(Lost::Cut(format!("the answer ({status}) does not say that it was done")))
}

/// What a 2xx holds; anything else is a refusal.
pub(crate) fn whole<T: DeserializeOwned>(answer: &Answer) -> Result<T, Unanswered> {
    if (200..300).contains(&answer.status) { decode(answer) } else { Err(Unanswered::Refused(Refusal::of(answer))) }
}

fn decode<T: DeserializeOwned>(answer: &Answer) -> Result<T, Unanswered> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Unanswered::Malformed { status: answer.status, what: error.to_string() })
}

/// The usual yes.
pub(crate) fn acknowledged(body: &Value) -> Option<()> {
    (body["acknowledged"] == true).then_some(())
}
