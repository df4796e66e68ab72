//! How many requests a client has sent, and how many of them went wrong.

use crate::{Answer, Lost};
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Tries that were sent, each repetition counted.
    pub sent: u64,
    /// Those that got no answer, or one that says nothing about what was asked for: 401, 403, 408, 429, 5xx. (A 404 is an
    /// answer.)
    pub failed: u64,
}

impl Calls {
    /// What has been added since.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { sent: self.sent.saturating_sub(before.sent), failed: self.failed.saturating_sub(before.failed) }
    }
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    sent: AtomicU64,
    failed: AtomicU64,
}

impl Counter {
    pub(crate) fn count(&self, outcome: &Result<Answer, Lost>) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let went_wrong = outcome.as_ref().map_or(true, |answer| matches!(answer.status, 401 | 403 | 408 | 429 | 500..));
        self.failed.fetch_add(u64::from(went_wrong), Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> Calls {
        Calls { sent: self.sent.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_went_wrong() {
        let counter = Counter::default();
        for status in [200, 404, 409, 403, 429, 503] {
            counter.count(&Ok(Answer::new(status, "")));
        }
        counter.count(&Err(Lost::OutOfTime));
        assert_eq!(counter.so_far(), Calls { sent: 7, failed: 4 });
        assert_eq!(counter.so_far().since(Calls { sent: 6, failed: 4 }), Calls { sent: 1, failed: 0 });
    }
}
