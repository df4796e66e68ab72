//! What the front saw, for assertions.

use std::time::SystemTime;

use bytes::Bytes;

use crate::fault::FaultId;
use crate::wire::Request;

/// One request that arrived, in the order of arrival.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `PUT`, …
    pub method: String,
    /// As sent.
    pub path_and_query: String,
    /// As sent.
    pub headers: Vec<(String, String)>,
    /// As sent.
    pub body: Bytes,
    /// The status that the caller was sent, even if cut; nothing if there was no answer (yet).
    pub status_answered: Option<u16>,
    /// The caller's ARN once its signature was found good.
    pub signed_by: Option<String>,
    /// The rule that struck it.
    pub fault: Option<FaultId>,
    /// How often it was sent on to the node.
    pub forwarded: u32,
    /// Whether the front is done with it: nothing of it is on its way to the node any more, nor from it.
    pub is_over: bool,
    /// When it arrived, by the front's clock.
    pub at: SystemTime,
}

impl Seen {
    pub(crate) fn new(request: &Request, at: SystemTime) -> Self {
        Self {
            method: request.method.clone(),
            path_and_query: request.target.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            status_answered: None,
            signed_by: None,
            fault: None,
            forwarded: 0,
            is_over: false,
            at,
        }
    }
}
