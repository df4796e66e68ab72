//! Patience with a cluster that does something else first.

use snapkeep_transport::Deadline;
use std::time::Duration;

/// How long a deletion waits. A domain's own hourly snapshot takes some minutes.
const BUDGET: Duration = Duration::from_mins(30);

/// The pause between two tries: doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Waits between tries, longer from one to the next, until it is used up.
#[derive(Debug)]
pub(crate) struct Patience {
    until: Deadline,
    pause: Duration,
}

impl Patience {
    /// As long as a deletion has.
    pub(crate) fn of_deletions(deadline: Deadline) -> Self {
        Self::until(deadline.or_after(BUDGET))
    }

    pub(crate) fn until(until: Deadline) -> Self {
        Self { until, pause: PAUSE }
    }

    /// How much is left of it.
    pub(crate) fn left(&self) -> Duration {
        self.until.left()
    }

    /// Waits; `false`, at once, if it is used up.
    pub(crate) async fn wait(&mut self) -> bool {
        let waited = self.until.pause(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn it_waits_longer_from_try_to_try_and_ends() {
        let begun = Instant::now();
        let mut patience = Patience::of_deletions(Deadline::after(Duration::from_secs(40)));
        let mut waits = Vec::new();
        while patience.wait().await {
            waits.push(begun.elapsed().as_secs());
        }
        assert_eq!(waits, [1, 3, 7, 15, 30]);
        assert_eq!(patience.left(), Duration::from_secs(10));
    }
}
