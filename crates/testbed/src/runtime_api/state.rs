//! Who waits for what. Every change happens under one lock; every outcome is sent exactly once.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::{Delivery, Outcome, PATIENCE};
use crate::background;

/// An event to be delivered.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    pub(super) deadline: Duration,
    pub(super) done: oneshot::Sender<Outcome>,
}

/// A job with its place in the list of deliveries.
#[derive(Debug)]
struct Queued {
    delivery: usize,
    job: Job,
}

/// What a process is working on.
#[derive(Debug)]
struct Running {
    delivery: usize,
    request_id: String,
    done: oneshot::Sender<Outcome>,
    /// The deadline has passed: nothing but the process's end counts any more.
    expired: bool,
}

/// One process, or whoever asks at the server's own address.
#[derive(Debug, Default)]
pub(super) struct Slot {
    running: Option<Running>,
    pub(super) first_next: Option<Instant>,
    process: Option<Process>,
    init_error: Option<Outcome>,
}

/// What is known of a slot's process.
#[derive(Debug)]
enum Process {
    Alive(Killer),
    Ended(ExitStatus),
}

/// Kills a process, as often as it is called.
#[derive(Clone)]
pub(super) struct Killer(pub(super) Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Killer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Killer")
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    queue: VecDeque<Queued>,
    pub(super) slots: Vec<Slot>,
    pub(super) deliveries: Vec<Delivery>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    queued: Notify,
}

/// What `next` gives.
pub(super) struct Taken {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    /// Milliseconds since 1970.
    pub(super) deadline_ms: u128,
    /// Says when the event was accepted: the same at every delivery of one id, as Lambda's is.
    pub(super) trace_id: String,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn new_slot(&self) -> usize {
        let mut state = self.lock();
        state.slots.push(Slot::default());
        state.slots.len() - 1
    }

    /// A version 4 UUID in form; in content, the time and the number of deliveries.
    pub(super) fn new_request_id(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let n = self.lock().deliveries.len();
        let mixed = now.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) ^ n as u128;
        let hex = format!("{mixed:032x}");
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    pub(super) fn enqueue(self: &Arc<Self>, job: Job) {
        let mut state = self.lock();
        let delivery = state.deliveries.len();
        let request_id = job.request_id.clone();
        let earlier = state.deliveries.iter().find(|earlier| earlier.request_id == request_id);
        let accepted = earlier.map_or_else(SystemTime::now, |earlier| earlier.accepted);
        let queued = Instant::now();
        state.deliveries.push(Delivery { request_id, accepted, slot: None, queued, taken: None, ended: None });
        state.queue.push_back(Queued { delivery, job });
        state.fail_queue_if_all_ended();
        drop(state);
        self.queued.notify_waiters();
        let shared = Arc::clone(self);
        background::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            shared.lock().give_up(delivery);
        });
    }

    /// Waits for an event for this slot; `None` if it is still working on one, which is against the protocol.
    pub(super) async fn next(self: &Arc<Self>, slot: usize) -> Option<Taken> {
        self.lock().slots[slot].first_next.get_or_insert_with(Instant::now);
        loop {
            let queued = self.queued.notified();
            tokio::pin!(queued);
            queued.as_mut().enable();
            {
                let mut state = self.lock();
                if state.slots[slot].running.is_some() {
                    return None;
                }
                if let Some(next) = state.queue.pop_front() {
                    return Some(self.hand_over(&mut state, slot, next));
                }
            }
            queued.await;
        }
    }

    fn hand_over(self: &Arc<Self>, state: &mut State, slot: usize, next: Queued) -> Taken {
        let Queued { delivery, job } = next;
        let taken = &mut state.deliveries[delivery];
        (taken.slot, taken.taken) = (Some(slot), Some(Instant::now()));
        let running = Running { delivery, request_id: job.request_id.clone(), done: job.done, expired: false };
        state.slots[slot].running = Some(running);
        let deadline_ms = (SystemTime::now() + job.deadline).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let shared = Arc::clone(self);
        background::spawn(async move {
            tokio::time::sleep(job.deadline).await;
            shared.expire(slot, delivery);
        });
        let trace_id = trace_id(state.deliveries[delivery].accepted);
        Taken { request_id: job.request_id, event: job.event, deadline_ms, trace_id }
    }

    /// Ends what the slot is working on; `false` if that is not this id.
    pub(super) fn finish(&self, slot: usize, request_id: &str, outcome: Outcome) -> bool {
        let mut state = self.lock();
        let this = state.slots[slot].running.take_if(|running| running.request_id == request_id && !running.expired);
        let found = this.is_some();
        state.end(this, outcome);
        found
    }

    /// Kills the process; the invocation ends when the process has, so that nothing can happen after its outcome.
    fn expire(&self, slot: usize, delivery: usize) {
        let mut state = self.lock();
        let Slot { running, process, .. } = &mut state.slots[slot];
        let Some(this) = running.as_mut().filter(|running| running.delivery == delivery) else { return };
        if let Some(Process::Alive(killer)) = process {
            this.expired = true;
            let killer = killer.clone();
            drop(state);
            (killer.0)();
        } else {
            let this = running.take();
            state.end(this, Outcome::DeadlineExceeded);
        }
    }

    pub(super) fn process_began(&self, slot: usize, killer: Killer) {
        self.lock().slots[slot].process = Some(Process::Alive(killer));
    }

    /// A process ended: so does what it was working on, and what waits if nobody is left to take it.
    pub(super) fn process_ended(&self, slot: usize, status: ExitStatus) {
        let mut state = self.lock();
        state.slots[slot].process = Some(Process::Ended(status));
        let running = state.slots[slot].running.take();
        let expired = running.as_ref().is_some_and(|running| running.expired);
        state.end(running, if expired { Outcome::DeadlineExceeded } else { Outcome::Exited { status } });
        state.fail_queue_if_all_ended();
    }

    pub(super) fn init_error(&self, slot: usize, outcome: Outcome) {
        self.lock().slots[slot].init_error = Some(outcome);
    }
}

impl State {
    pub(super) fn is_alive(&self, slot: usize) -> bool {
        matches!(self.slots[slot].process, Some(Process::Alive(_)))
    }

    fn end(&mut self, running: Option<Running>, outcome: Outcome) {
        if let Some(running) = running {
            self.deliveries[running.delivery].ended = Some(Instant::now());
            let _ = running.done.send(outcome);
        }
    }

    fn give_up(&mut self, delivery: usize) {
        self.queue.retain(|queued| queued.delivery != delivery);
    }

    /// With processes that have all ended, what waits would wait in vain: it ends as the last of them did.
    fn fail_queue_if_all_ended(&mut self) {
        let alive = self.slots.iter().any(|slot| matches!(slot.process, Some(Process::Alive(_))));
        let asked = self.slots.first().is_some_and(|own| own.first_next.is_some());
        let last = self.slots.iter().rev().find_map(|slot| match slot.process {
            Some(Process::Ended(status)) => Some(slot.init_error.clone().unwrap_or(Outcome::Exited { status })),
            _ => None,
        });
        if let (false, false, Some(outcome)) = (alive, asked, last) {
            for queued in self.queue.drain(..) {
                self.deliveries[queued.delivery].ended = Some(Instant::now());
                let _ = queued.job.done.send(outcome.clone());
            }
        }
    }
}

/// The X-Ray header's form: the time in hex seconds stands in its root.
fn trace_id(accepted: SystemTime) -> String {
    let since = accepted.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, rest) = (since.as_secs(), since.subsec_nanos());
    format!("Root=1-{seconds:08x}-{rest:024x};Parent=53995c3f42cd8ad8;Sampled=0")
}
