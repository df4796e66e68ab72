//! What time it is.

use jiff::Timestamp;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

/// Longest rest at a stretch: the steady clock that it is measured by stands still while a machine sleeps.
const STRETCH: Duration = Duration::from_secs(20);

/// Time that passes.
pub type Resting<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What time it is, and waiting for a moment.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Rests until then, or less: whoever rests looks at the time again. `busy` things go on meanwhile; a simulation
    /// lets its time pass only when there are none.
    fn rest(&self, until: Timestamp, busy: usize) -> Resting<'_>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn rest(&self, until: Timestamp, _busy: usize) -> Resting<'_> {
        let left = Duration::try_from(until.duration_since(self.now())).unwrap_or(Duration::ZERO);
        Box::pin(tokio::time::sleep(left.min(STRETCH)))
    }
}
