//! How fast a running snapshot moves, when it may end, and what holds it up. The caller brings the
//! clock: every observation comes with the time since the watch began.

mod diagnosis;

pub use diagnosis::diagnose;

use crate::snapshot::{Progress, ShardStages};
use std::collections::VecDeque;
use std::time::Duration;

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(30);

/// Longest time left that is told: beyond it a guess says nothing.
const FURTHEST: Duration = Duration::from_hours(24 * 365);

/// Watches one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// Bytes done at times within the window, and one before it to count from.
    samples: VecDeque<(Duration, u64)>,
    last: Option<Mark>,
    looked_at: Duration,
    moved_at: Duration,
    has_moved: bool,
    to_do: Option<f64>,
}

/// What changes when a snapshot moves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    state: String,
    shards: ShardStages,
    bytes: Option<u64>,
    files: Option<u64>,
}

impl Mark {
    fn of(progress: &Progress) -> Self {
        Self {
            state: progress.state.clone(),
            shards: progress.shards,
            bytes: progress.bytes.done,
            files: progress.files.done,
        }
    }
}

impl Tracker {
    /// Takes in what is seen `at` that time since the watch began; times never run backwards. Says
    /// whether anything has moved since the look before.
    pub fn observe(&mut self, at: Duration, progress: &Progress) -> bool {
        self.looked_at = self.looked_at.max(at);
        let mark = Mark::of(progress);
        let moved = self.last.as_ref().is_some_and(|last| *last != mark);
        if moved || self.last.is_none() {
            self.moved_at = self.looked_at;
        }
        self.has_moved |= moved;
        self.last = Some(mark);
        self.sample(progress.bytes.done);
        self.to_do = to_do(progress);
        moved
    }

    /// Bytes per second over the last half minute; `None` until two looks tell any.
    pub fn rate(&self) -> Option<f64> {
        let ((began, from), (ended, to)) = (self.samples.front()?, self.samples.back()?);
        let seconds = ended.saturating_sub(*began).as_secs_f64();
        (seconds > 0.0).then(|| as_f64(to.saturating_sub(*from)) / seconds)
    }

    /// How long it may still take at this rate, shards that have not begun counted like the average of
    /// those that have; `None` while nothing moves.
    pub fn left(&self) -> Option<Duration> {
        let rate = self.rate().filter(|rate| *rate > 0.0)?;
        Duration::try_from_secs_f64(self.to_do? / rate).ok().map(|left| left.min(FURTHEST))
    }

    /// How long nothing has moved, as of the last look.
    pub fn stalled_for(&self) -> Duration {
        self.looked_at.saturating_sub(self.moved_at)
    }

    /// Whether anything has moved since the first look.
    pub fn has_moved(&self) -> bool {
        self.has_moved
    }

    fn sample(&mut self, bytes: Option<u64>) {
        let Some(bytes) = bytes else { return };
        if self.samples.back().is_some_and(|(_, before)| bytes < *before) {
            // Fewer than before: the server counts anew (another manager), and so do we.
            self.samples.clear();
        }
        self.samples.push_back((self.looked_at, bytes));
        let since = self.looked_at.saturating_sub(WINDOW);
        while self.samples.get(1).is_some_and(|(at, _)| *at <= since) {
            self.samples.pop_front();
        }
    }
}

/// How much is done, in thousandths. Servers count a shard's bytes only once it has begun, so that bytes alone would
/// run ahead.
pub fn thousandths(progress: &Progress) -> u64 {
    let shards = progress.shards;
    let total = u128::from(shards.total.max(1));
    let begun = u128::from(shards.total.saturating_sub(shards.initializing));
    let whole = 1000;
    let part = match (progress.bytes.done, progress.bytes.total) {
        (Some(done), Some(bytes)) if bytes > 0 => {
            whole * u128::from(done.min(bytes)) * begun / (u128::from(bytes) * total)
        }
        _ => whole * u128::from(shards.done) / total,
    };
    u64::try_from(part).unwrap_or(1000).min(1000)
}

/// Bytes still to be written. A server counts a shard's only once it has begun.
fn to_do(progress: &Progress) -> Option<f64> {
    let (total, done) = (progress.bytes.total?, progress.bytes.done?);
    let shards = progress.shards;
    let begun = shards.total.saturating_sub(shards.initializing);
    if begun == 0 {
        return None;
    }
    let whole = as_f64(total) * as_f64(shards.total) / as_f64(begun);
    Some((whole - as_f64(done)).max(0.0))
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people: exact up to 9 petabytes")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
