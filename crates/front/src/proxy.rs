//! The way of one request: noted, struck by a fault or not, verified, refused or sent on.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use crate::answers;
use crate::clock::{Clock, http_date};
use crate::domain::Domain;
use crate::fault::{Action, FaultId, Faults, Which, next};
use crate::oversize::Oversize;
use crate::principal::Principal;
use crate::seen::Seen;
use crate::shift::Shifts;
use crate::upstream::Upstream;
use crate::wire::{Headers, Request, Response};

/// What the connection does with a request's end.
pub(crate) enum Outcome {
    Answer(Response),
    /// No answer, the connection is closed.
    Close,
    /// Only so many bytes of the answer, then the connection is closed.
    Cut(Response, usize),
    Oversize(Oversize),
}

/// A front's configuration and what it has counted.
pub(crate) struct Proxy {
    pub(crate) upstream: Mutex<Upstream>,
    /// Nothing for a proxy that only injects faults.
    pub(crate) domain: Option<Domain>,
    /// Who is known to the domain at the moment.
    pub(crate) principals: Mutex<Vec<Principal>>,
    pub(crate) clock: Clock,
    pub(crate) gateway_timeout: Duration,
    /// Seconds that the front's clock is ahead.
    pub(crate) ahead: AtomicI64,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) shifts: Mutex<Shifts>,
    pub(crate) seen: Mutex<Vec<Seen>>,
    pub(crate) answered: AtomicU64,
}

/// A panic elsewhere leaves counts as they are: good enough to read on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    pub(crate) fn now(&self) -> SystemTime {
        let now = (self.clock)();
        let seconds = self.ahead.load(Ordering::SeqCst);
        let shift = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { now - shift } else { now + shift }
    }

    pub(crate) async fn handle(&self, request: Request) -> Outcome {
        let index = self.note(&request);
        let outcome = self.decide(&request, index).await;
        self.finish(outcome, index)
    }

    fn note(&self, request: &Request) -> usize {
        let mut seen = lock(&self.seen);
        seen.push(Seen::new(request, self.now()));
        seen.len() - 1
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = lock(&self.seen).get_mut(index) {
            change(seen);
        }
    }

    async fn decide(&self, request: &Request, index: usize) -> Outcome {
        if let Some((id, action)) = self.pick(request, true) {
            return self.inject(id, action, request, index).await;
        }
        if let Err(refusal) = self.caller(request, index) {
            return Outcome::Answer(refusal);
        }
        match self.pick(request, false) {
            Some((id, action)) => self.inject(id, action, request, index).await,
            None => Outcome::Answer(self.answer(request, index).await),
        }
    }

    fn pick(&self, request: &Request, before_signature: bool) -> Option<(FaultId, Action)> {
        lock(&self.faults).pick(&request.method, request.path(), before_signature)
    }

    /// The caller, if there is a domain that asks for one.
    fn caller(&self, request: &Request, index: usize) -> Result<Option<Principal>, Response> {
        let Some(domain) = &self.domain else { return Ok(None) };
        let caller = domain.verify(request, &lock(&self.principals), self.now())?;
        self.update(index, |seen| seen.signed_by = Some(caller.arn.clone()));
        Ok(Some(caller))
    }

    async fn inject(&self, id: FaultId, action: Action, request: &Request, index: usize) -> Outcome {
        self.update(index, |seen| seen.fault = Some(id));
        match action {
            Action::DropBefore => Outcome::Close,
            Action::ForwardThenDrop => {
                self.answer(request, index).await;
                Outcome::Close
            }
            Action::CutAt(bytes) => Outcome::Cut(self.answer(request, index).await, bytes),
            Action::Oversize { bytes, gzip } => Outcome::Oversize(Oversize::new(bytes, gzip)),
            other => Outcome::Answer(self.answer_with(other, request, index).await),
        }
    }

    /// The actions that end in a whole answer.
    async fn answer_with(&self, action: Action, request: &Request, index: usize) -> Response {
        match action {
            Action::Status { code, headers, body } => canned(code, headers, body),
            Action::ForwardThenStatus { code, headers, body } => {
                self.answer(request, index).await;
                canned(code, headers, body)
            }
            Action::Duplicate { concurrent, answer } => self.twice(request, index, concurrent, answer).await,
            Action::Delay(time) => {
                sleep(time).await;
                self.answer(request, index).await
            }
            Action::DelayAnswer(time) => {
                let response = self.answer(request, index).await;
                sleep(time).await;
                response
            }
            Action::Hold(gate) => {
                gate.opened().await;
                self.answer(request, index).await
            }
            Action::HoldAnswer(gate) => {
                let response = self.answer(request, index).await;
                gate.opened().await;
                response
            }
            Action::Redirect { code, location } => canned(code, vec![("Location".to_owned(), location)], Bytes::new()),
            Action::ReplaceBody(body) => Response { body, ..self.answer(request, index).await },
            _ => self.answer(request, index).await,
        }
    }

    async fn twice(&self, request: &Request, index: usize, concurrent: bool, which: Which) -> Response {
        let (first, last) = if concurrent {
            tokio::join!(self.answer(request, index), self.answer(request, index))
        } else {
            (self.answer(request, index).await, self.answer(request, index).await)
        };
        if which == Which::First { first } else { last }
    }

    /// What the domain, or the node behind it, answers.
    async fn answer(&self, request: &Request, index: usize) -> Response {
        let caller = match self.caller(request, index) {
            Ok(caller) => caller,
            Err(refusal) => return refusal,
        };
        let (Some(domain), Some(caller)) = (&self.domain, caller) else {
            lock(&self.shifts).note(request);
            let mut response = self.forward(request.clone(), index).await;
            self.shift(request, &mut response);
            return response;
        };
        if let Some(refusal) = domain.refuse(request, &caller) {
            return refusal;
        }
        lock(&self.shifts).note(request);
        let mut response = self.forward(domain.to_node(request), index).await;
        Domain::from_node(request, &mut response);
        self.shift(request, &mut response);
        response
    }

    fn shift(&self, request: &Request, response: &mut Response) {
        let mut shifts = lock(&self.shifts);
        shifts.apply(request, response);
        if response.status == 200 {
            shifts.forget(request);
        }
    }

    /// The node's answer; after the gateway's timeout a 504, while the node goes on.
    async fn forward(&self, request: Request, index: usize) -> Response {
        self.update(index, |seen| seen.forwarded += 1);
        let upstream = lock(&self.upstream).clone();
        let sent = tokio::spawn(async move { upstream.send(&request).await });
        match timeout(self.gateway_timeout, sent).await {
            Err(_) => answers::gateway_timeout(),
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) if error.kind() == ErrorKind::ConnectionRefused => answers::unavailable(),
            Ok(_) => answers::bad_gateway(),
        }
    }

    fn finish(&self, mut outcome: Outcome, index: usize) -> Outcome {
        let status = match &mut outcome {
            Outcome::Answer(response) | Outcome::Cut(response, _) => {
                self.stamp(response);
                Some(response.status)
            }
            Outcome::Oversize(_) => Some(200),
            Outcome::Close => None,
        };
        self.update(index, |seen| {
            seen.status_answered = status;
            seen.is_over = true;
        });
        outcome
    }

    fn stamp(&self, response: &mut Response) {
        if self.domain.is_some() {
            let mut state = self.answered.fetch_add(1, Ordering::SeqCst);
            response.set("x-amzn-RequestId", &request_id(&mut state));
            response.set("Date", &http_date(self.now()));
        }
    }
}

fn canned(status: u16, headers: Headers, body: Bytes) -> Response {
    Response { status, headers, body }
}

fn request_id(state: &mut u64) -> String {
    let (high, low) = (next(state), next(state));
    let text = format!("{high:016x}{low:016x}");
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// A proxy shared by its connections.
pub(crate) type Shared = Arc<Proxy>;
