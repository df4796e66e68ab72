//! Time that passes only while all daemons rest: then at once, to the first moment that one of them waits for.

use jiff::Timestamp;
use snapkeep_daemon::{Clock, Resting};
use std::fmt;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The one time of all daemons of a test. Between two jumps it goes on as it does for the node.
pub(crate) struct Days {
    /// Tells the node how far it is ahead of the real one, in milliseconds.
    tell: Box<dyn Fn(i64) + Send + Sync>,
    state: Mutex<State>,
    jumps: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    /// How far it is ahead of the real one, in milliseconds.
    ahead: i64,
    /// What each daemon waits for, while it rests.
    resting: Vec<Option<Timestamp>>,
    /// Time does not pass beyond.
    end: Timestamp,
}

impl fmt::Debug for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Days").field("state", &self.state).finish_non_exhaustive()
    }
}

/// One daemon's view of it.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    days: Arc<Days>,
    me: usize,
}

impl Days {
    /// It is `begin`, for so many daemons, all of which are awake.
    pub(crate) fn new(
        tell: impl Fn(i64) + Send + Sync + 'static,
        begin: Timestamp,
        end: Timestamp,
        daemons: usize,
    ) -> Arc<Self> {
        let state = State { ahead: 0, resting: vec![None; daemons], end };
        let days = Self { tell: Box::new(tell), state: Mutex::new(state), jumps: watch::Sender::new(0) };
        days.jump(begin);
        Arc::new(days)
    }

    pub(crate) fn watch(self: &Arc<Self>, me: usize) -> Watch {
        Watch { days: Arc::clone(self), me }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let ahead = self.state.lock().unwrap().ahead;
        Timestamp::from_millisecond(Timestamp::now().as_millisecond() + ahead).unwrap()
    }

    /// It is `to` from now on, for the node as well.
    pub(crate) fn jump(&self, to: Timestamp) {
        let ahead = to.as_millisecond() - Timestamp::now().as_millisecond();
        self.state.lock().unwrap().ahead = ahead;
        (self.tell)(ahead);
        self.jumps.send_modify(|count| *count += 1);
    }

    /// Resolves at the end of time, when all rest.
    pub(crate) async fn are_over(&self) {
        let mut jumps = self.jumps.subscribe();
        let at_end = || {
            let state = self.state.lock().unwrap();
            state.resting.iter().all(|until| until.is_some_and(|until| until > state.end))
        };
        jumps.wait_for(|_| at_end()).await.unwrap();
    }

    /// Where all rest, time goes to the first of the moments that they wait for.
    fn pass(&self) {
        let now = self.now();
        let state = self.state.lock().unwrap();
        let all: Option<Vec<Timestamp>> = state.resting.iter().copied().collect();
        let first = all.and_then(|all| all.into_iter().min());
        let to = first.filter(|first| *first <= state.end).map(|first| first.max(now));
        drop(state);
        match to {
            Some(to) => self.jump(to),
            // Whoever waits for the end looks whether this is it.
            None => self.jumps.send_modify(|count| *count += 1),
        }
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        self.days.now()
    }

    fn rest(&self, until: Timestamp, busy: usize) -> Resting<'_> {
        Box::pin(async move {
            if busy > 0 {
                return std::future::pending().await;
            }
            let mut jumps = self.days.jumps.subscribe();
            self.days.state.lock().unwrap().resting[self.me] = Some(until);
            let _awake = Awake(self);
            self.days.pass();
            jumps.wait_for(|_| self.days.now() >= until).await.unwrap();
        })
    }
}

/// A daemon that no longer rests, however that ended.
struct Awake<'a>(&'a Watch);

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.0.days.state.lock().unwrap().resting[self.0.me] = None;
    }
}
