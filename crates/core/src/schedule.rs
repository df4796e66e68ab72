//! When a policy is due: 5-field cron in a named time zone, or `every 6h`.
//!
//! The scheduled times are a fixed sequence of moments; a *slot* is one of them, and whoever asks at whatever
//! moment finds the same ones. Two kinds:
//!
//! - **Cron** names local times. Where the clocks change, each local time is still exactly one moment: one that the
//!   change skips is the first moment after the gap, one that the change repeats is its first occurrence. So a daily
//!   job runs once on each day, an hourly one skips the repeated hour, and several times that one gap swallowed are
//!   one slot. Day of month and day of week are alternatives if both are given, as in Vixie's cron.
//! - **`every`** counts real time: the whole multiples of the interval since 1970-01-01T00:00:00Z, in any zone.
//!   `every 6h` is 00, 06, 12 and 18 h UTC; weeks begin on Thursday. Clocks that change mean nothing to it.
//!
//! The time zones are those that are built into the program.

use crate::period::Period;
use crate::{Code, Failure};
use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, Direction};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, Unit};

/// Shortest and longest interval of `every`, in seconds: a minute, and 366 days.
const EVERY: std::ops::RangeInclusive<i64> = 60..=366 * 86_400;

/// How many candidates are looked at around a change of the clocks. A fold that repeats a whole day has 1,440 minutes.
const SEARCH: usize = 3_000;

/// The time zone of an IANA name, from the data that is built in.
pub fn zone(name: &str) -> Result<TimeZone, Failure> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| {
        Failure::new(
            Code::BadConfig,
            format!("{name:?} is not a time zone"),
            "use an IANA name, such as UTC, Europe/Berlin or America/New_York",
        )
    })
}

/// When a policy is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    kind: Kind,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Cron(Box<Cron>),
    /// Seconds.
    Every(i64),
}

impl Schedule {
    /// Reads 5-field cron (local times of `zone`) or `every PERIOD`.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, Failure> {
        let text = text.trim();
        let kind = match text.strip_prefix("every ") {
            Some(period) => Kind::Every(interval(text, period.trim())?),
            None => Kind::Cron(Box::new(cron(text)?)),
        };
        let schedule = Self { text: text.to_owned(), kind, zone };
        match schedule.next(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(bad(text, "no day ever fits it")),
        }
    }

    /// The text that it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The zone whose local times it names.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The latest scheduled time ≤ `now`: the slot that is due.
    pub fn latest_slot(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Every(seconds) => multiple(now.as_second().div_euclid(*seconds), *seconds),
            Kind::Cron(cron) => self.nearest(cron, now, Direction::Backward, |slot| slot <= now),
        }
    }

    /// The first scheduled time > `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Every(seconds) => multiple(after.as_second().div_euclid(*seconds) + 1, *seconds),
            Kind::Cron(cron) => self.nearest(cron, after, Direction::Forward, |slot| slot > after),
        }
    }

    /// The last scheduled time < `slot`.
    pub fn previous(&self, slot: Timestamp) -> Option<Timestamp> {
        self.latest_slot(slot.checked_sub(SignedDuration::from_nanos(1)).ok()?)
    }

    /// All scheduled times > `after`, in order.
    pub fn upcoming(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next(after), |slot| self.next(*slot))
    }

    /// Walks the local times in `direction` until one's moment is `wanted`. Moments never go back while local times
    /// go forth, so that the first one that fits is the nearest.
    fn nearest(
        &self,
        cron: &Cron,
        from: Timestamp,
        direction: Direction,
        wanted: impl Fn(Timestamp) -> bool,
    ) -> Option<Timestamp> {
        let mut local = self.start(from, direction)?;
        for turn in 0..SEARCH {
            let found = match direction {
                Direction::Forward => cron.find_next_occurrence(&local, turn == 0),
                Direction::Backward => cron.find_previous_occurrence(&local, turn == 0),
            };
            local = found.ok()?;
            let slot = moment(local, &self.zone)?;
            if wanted(slot) {
                return Some(slot);
            }
        }
        None
    }

    /// Where a walk begins: the local time of `from`, to the second. While the clocks repeat a stretch for the second
    /// time, every local time of that stretch has had its moment already: backwards, the walk begins behind it.
    fn start(&self, from: Timestamp, direction: Direction) -> Option<DateTime> {
        let offset = self.zone.to_offset(from);
        let local = offset
            .to_datetime(from)
            .round(jiff::civil::DateTimeRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor))
            .ok()?;
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { before, after } if offset == after && matches!(direction, Direction::Backward) => {
                local.checked_add(SignedDuration::from_secs(i64::from(before.seconds() - after.seconds()))).ok()
            }
            _ => Some(local),
        }
    }
}

/// The one moment of a local time: its first occurrence, or the first moment after the gap that swallows it.
fn moment(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // By the later offset a swallowed time lies just before the change.
            let shortly_before = after.to_timestamp(local).ok()?.checked_sub(SignedDuration::from_nanos(1)).ok()?;
            zone.following(shortly_before).next().map(|change| change.timestamp())
        }
    }
}

fn multiple(count: i64, seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(count.checked_mul(seconds)?).ok()
}

fn interval(text: &str, period: &str) -> Result<i64, Failure> {
    let seconds = Period::parse(period)
        .map_err(|failure| bad(text, &failure.cause).with_hint(failure.hint))?
        .fixed_seconds()
        .ok_or_else(|| {
            bad(text, "months and years have no fixed length")
                .with_hint("use cron for those: `0 3 1 * *` is each month's first at 03:00")
        })?;
    if EVERY.contains(&seconds) {
        return Ok(seconds);
    }
    Err(bad(text, "the interval is shorter than a minute or longer than 366 days"))
}

fn cron(text: &str) -> Result<Cron, Failure> {
    if text.split_whitespace().count() != 5 {
        let hint =
            "write minute, hour, day of month, month and day of week: `30 3 * * *` is each day at 03:30; or `every 6h`";
        return Err(bad(text, "it does not have five fields").with_hint(hint));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| bad(text, &error.to_string()))
}

fn bad(text: &str, wrong: &str) -> Failure {
    Failure::new(
        Code::BadConfig,
        format!("the schedule {text:?} cannot be used: {wrong}"),
        "use 5-field cron, such as `30 3 * * *`, or an interval, such as `every 6h`",
    )
}

#[cfg(test)]
mod tests;
