//! The moment by which everything must have ended.

use std::time::Duration;
use tokio::time::Instant;

/// As good as never, and within what the clock can count to.
const FAR: Duration = Duration::from_hours(24 * 365);

/// A point in (tokio's) time. Waits and requests are cut to what is left before it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// `left` from now.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left.min(FAR))
    }

    /// The earlier of this deadline and `left` from now.
    #[must_use]
    pub fn or_after(self, left: Duration) -> Self {
        Self(self.0.min(Instant::now() + left.min(FAR)))
    }

    /// A deadline that much earlier.
    #[must_use]
    pub fn less(self, reserve: Duration) -> Self {
        Self(self.0.checked_sub(reserve).unwrap_or(self.0))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_seconds_is_a_deadline() {
        let far = Deadline::after(Duration::from_secs(u64::MAX));
        assert!(far.left() > Duration::from_hours(1));
        let near = Deadline::after(Duration::from_secs(5)).or_after(Duration::from_secs(i64::MAX.unsigned_abs()));
        assert!(near.left() <= Duration::from_secs(5));
        assert_eq!(near.less(Duration::from_secs(9)).left(), Duration::ZERO);
    }
}
