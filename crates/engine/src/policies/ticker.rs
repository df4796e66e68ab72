//! Time that goes on from a moment that was given.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Time that goes on from a moment that was given. Two clocks measure it, and the one that has gone further counts: the
/// steady one stands still while the machine sleeps or its process is frozen, the one of the day may be set back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticker {
    at: Timestamp,
    begun: Moment,
    clock: fn() -> Timestamp,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    steady: Instant,
    of_day: Timestamp,
}

impl Ticker {
    /// It is `at` now. `clock` tells the time of day; only what passes by it counts.
    pub(super) fn new(at: Timestamp, clock: fn() -> Timestamp) -> Self {
        Self { at, begun: Moment { steady: Instant::now(), of_day: clock() }, clock }
    }

    /// The same by the steady clock alone, for whoever only looks.
    pub(super) fn steady(at: Timestamp) -> Self {
        Self::new(at, || Timestamp::UNIX_EPOCH)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.at.checked_add(self.since(self.begun)).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { steady: Instant::now(), of_day: (self.clock)() }
    }

    /// How long ago it was, at least.
    pub(super) fn since(&self, moment: Moment) -> SignedDuration {
        let steady = SignedDuration::try_from(moment.steady.elapsed()).unwrap_or(SignedDuration::MAX);
        steady.max((self.clock)().duration_since(moment.of_day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    static SECONDS: AtomicI64 = AtomicI64::new(0);

    fn clock() -> Timestamp {
        Timestamp::from_second(SECONDS.load(Ordering::Relaxed)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_that_has_gone_further_counts() {
        let at: Timestamp = "2026-03-10T03:00:00Z".parse().unwrap();
        let ticker = Ticker::new(at, clock);
        let begun = ticker.moment();
        let passed = || (ticker.since(begun).as_secs(), ticker.now().duration_since(at).as_secs());
        assert_eq!(passed(), (0, 0));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(passed(), (10, 10), "the time of day stands still");
        SECONDS.store(7_200, Ordering::Relaxed);
        assert_eq!(passed(), (7_200, 7_200), "the machine has slept");
        let later = ticker.moment();
        SECONDS.store(-7_200, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(passed(), (70, 70));
        assert_eq!(ticker.since(later).as_secs(), 60, "a clock that was set back makes nothing younger");
    }
}
