//! How far the server's clock is from ours.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What a client knows of it.
#[derive(Debug, Default)]
pub(crate) struct Skew(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By the last time that the server told: its clock minus ours.
    measured: Option<SignedDuration>,
    /// What signatures are dated by beside our clock: nothing until the server refused one for it.
    correction: SignedDuration,
}

impl Skew {
    /// Server minus ours, in whole seconds; `None` until the server told its time.
    pub(crate) fn measured(&self) -> Option<SignedDuration> {
        self.known().measured
    }

    /// Notes that the server's clock showed `server` when ours showed `ours`.
    pub(crate) fn measure(&self, server: Timestamp, ours: SystemTime) {
        let offset = offset(server, ours);
        self.known().measured = offset;
    }

    /// The same, and from now on signatures are dated by it.
    pub(crate) fn correct(&self, server: Timestamp, ours: SystemTime) {
        let Some(offset) = offset(server, ours) else { return };
        tracing::warn!(seconds = offset.as_secs(), "signatures are dated by the server's clock: ours differs");
        *self.known() = Known { measured: Some(offset), correction: offset };
    }

    /// Our time as signatures are to be dated.
    pub(crate) fn corrected(&self, ours: SystemTime) -> SystemTime {
        let correction = self.known().correction;
        let shift = Duration::from_secs(correction.as_secs().unsigned_abs());
        let moved = if correction.is_negative() { ours.checked_sub(shift) } else { ours.checked_add(shift) };
        moved.unwrap_or(ours)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole seconds: what servers tell has no finer parts.
fn offset(server: Timestamp, ours: SystemTime) -> Option<SignedDuration> {
    let ours = Timestamp::try_from(ours).ok()?;
    Some(SignedDuration::from_secs(server.as_second() - ours.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_offset_is_told_and_a_corrected_one_is_used() {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let server = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        let skew = Skew::default();
        assert_eq!((skew.measured(), skew.corrected(ours)), (None, ours));
        skew.measure(server(-1200), ours);
        assert_eq!((skew.measured(), skew.corrected(ours)), (Some(SignedDuration::from_mins(-20)), ours));
        skew.correct(server(-1200), ours);
        assert_eq!(skew.corrected(ours), ours - Duration::from_mins(20));
        skew.correct(server(360), ours);
        assert_eq!(skew.corrected(ours), ours + Duration::from_mins(6));
        skew.measure(server(1), ours);
        assert_eq!(skew.measured(), Some(SignedDuration::from_secs(1)));
        assert_eq!(skew.corrected(ours), ours + Duration::from_mins(6));
    }
}
