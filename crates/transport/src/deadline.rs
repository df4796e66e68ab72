//! The moment by which everything must have ended.

use std::time::Duration;
use tokio::time::Instant;

/// A point in (tokio's) time. Waits and requests are cut to what is left before it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// `left` from now.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left)
    }

    /// The earlier of this deadline and `left` from now.
    #[must_use]
    pub fn or_after(self, left: Duration) -> Self {
        Self(self.0.min(Instant::now() + left))
    }

    /// Time left; zero once it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Waits `pause`, if it fits before the deadline; otherwise returns `false` at once.
    pub async fn pause(self, pause: Duration) -> bool {
        if pause >= self.left() {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}
