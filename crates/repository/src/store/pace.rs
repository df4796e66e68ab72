//! Holds reads to a rate.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Most bytes per second; without a limit it costs nothing.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    bytes_per_second: Option<u64>,
    /// Until when what was read already uses the rate up.
    paid_until: Arc<Mutex<Option<Instant>>>,
}

impl Pace {
    pub(super) fn new(bytes_per_second: Option<u64>) -> Self {
        Self { bytes_per_second: bytes_per_second.filter(|rate| *rate > 0), paid_until: Arc::default() }
    }

    /// Waits until these bytes, which have been read, fit the rate.
    pub(super) async fn spend(&self, bytes: u64) {
        if let Some(until) = self.book(bytes, Instant::now()) {
            tokio::time::sleep_until(until).await;
        }
    }

    /// The same for a thread that may block.
    pub(super) fn spend_blocking(&self, bytes: u64) {
        if let Some(until) = self.book(bytes, Instant::now()) {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
        }
    }

    /// Books bytes at `now`, and says when they are paid for.
    fn book(&self, bytes: u64, now: Instant) -> Option<Instant> {
        let rate = self.bytes_per_second?;
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = paid_until.map_or(now, |until| until.max(now)) + cost;
        *paid_until = Some(until);
        Some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_all_readers_share_the_rate() {
        let pace = Pace::new(Some(100));
        let begin = Instant::now();
        let after = |bytes, now| pace.book(bytes, now).unwrap().duration_since(begin).as_millis();
        assert_eq!(after(50, begin), 500);
        assert_eq!(after(50, begin), 1_000);
        // What was not used is not saved up.
        assert_eq!(after(100, begin + Duration::from_secs(60)), 61_000);
        assert_eq!(Pace::new(None).book(1 << 40, begin), None);
    }
}
