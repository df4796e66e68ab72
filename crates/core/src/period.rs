//! Lengths of time as people write them: `14d`, `6mo`, `1y2mo`, `36h`.

use crate::{Code, Failure};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Units, largest first, with the longest count that is accepted: about a thousand years.
const UNITS: [(&str, i32); 7] = [
    ("y", 1_000),
    ("mo", 12_000),
    ("w", 52_000),
    ("d", 365_000),
    ("h", 8_760_000),
    ("min", 525_600_000),
    ("s", i32::MAX),
];

/// A length of time: years, months, weeks, days, hours, minutes and seconds, each a whole number.
///
/// Years to days are the calendar's in a stated zone: `1d` before noon is noon, also when the clocks changed in
/// between; `1mo` before 31 March is the last day of February. Hours and below are real ones.
/// A bare `m` is refused: it means minutes to some and months to others, and retention must not guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    counts: [i32; UNITS.len()],
}

impl Period {
    /// Reads counts with units, largest unit first, each at most once; the whole is longer than nothing.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut counts = [0; UNITS.len()];
        let mut next_unit = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let (count, unit, after) = piece(rest).ok_or_else(|| bad(text, "it is no number with a unit"))?;
            let at = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(|| unknown_unit(text, unit))?;
            if at < next_unit {
                return Err(bad(text, "each unit stands at most once, the largest first"));
            }
            if count > UNITS[at].1 {
                return Err(bad(text, "it is longer than a thousand years"));
            }
            (counts[at], next_unit, rest) = (count, at + 1, after);
        }
        if counts == [0; UNITS.len()] {
            return Err(bad(text, "it has no length"));
        }
        Ok(Self { counts })
    }

    /// So many hours.
    pub const fn hours(hours: i32) -> Self {
        Self { counts: [0, 0, 0, 0, hours, 0, 0] }
    }

    /// So many days.
    pub const fn days(days: i32) -> Self {
        Self { counts: [0, 0, 0, days, 0, 0, 0] }
    }

    /// The moment that lies this long before `at`, by the calendar of `zone`; the earliest moment there is if that
    /// lies before all time.
    pub fn before(self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        at.to_zoned(zone.clone()).checked_sub(self.span()).map_or(Timestamp::MIN, |zoned| zoned.timestamp())
    }

    /// The moment that lies this long after `at`, by the calendar of `zone`; the last moment there is if that lies
    /// after all time.
    pub fn after(self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        at.to_zoned(zone.clone()).checked_add(self.span()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }

    /// The length in seconds, if it holds weeks and below only (a week is 7 × 24 h here).
    pub fn fixed_seconds(self) -> Option<i64> {
        let [years, months, weeks, days, hours, minutes, seconds] = self.counts.map(i64::from);
        let fixed = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds;
        (years == 0 && months == 0).then_some(fixed)
    }

    fn span(self) -> Span {
        let [years, months, weeks, days, hours, minutes, seconds] = self.counts;
        Span::new().years(years).months(months).weeks(weeks).days(days).hours(hours).minutes(minutes).seconds(seconds)
    }
}

/// The first count of `text`, its unit, and what follows.
fn piece(text: &str) -> Option<(i32, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    Some((count.parse().ok()?, unit, after))
}

fn unknown_unit(text: &str, unit: &str) -> Failure {
    if unit == "m" {
        return bad(text, "`m` could mean minutes or months").with_hint("write `min` for minutes, `mo` for months");
    }
    bad(text, &format!("{unit:?} is no unit"))
}

fn bad(text: &str, wrong: &str) -> Failure {
    Failure::new(
        Code::BadConfig,
        format!("{text:?} is not a length of time: {wrong}"),
        "write numbers with units, largest first: y, mo, w, d, h, min, s; for example 14d, 36h or 1y6mo",
    )
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts
            .iter()
            .zip(UNITS)
            .filter(|(count, _)| **count != 0)
            .try_for_each(|(count, (unit, _))| write!(f, "{count}{unit}"))
    }
}

impl TryFrom<String> for Period {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self, Failure> {
        Self::parse(&text)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn it_reads_what_it_shows() {
        for text in ["14d", "1y6mo", "36h", "30min", "1y2mo3w4d5h6min7s", "1000y"] {
            assert_eq!(Period::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "d", "5", "0d", "1d1d", "1h1d", "-1d", "1.5d", "1 d", "1D", "2000y", "99999999999d", "1m", "6mon"]
        {
            assert!(Period::parse(text).is_err(), "{text}");
        }
        assert!(Period::parse("6m").unwrap_err().hint.contains("`mo` for months"));
    }

    #[test]
    fn days_are_the_calendars_and_hours_are_real() {
        let berlin = crate::schedule::zone("Europe/Berlin").unwrap();
        let noon_after_the_change = at("2026-03-29T10:00:00Z");
        assert_eq!(Period::days(1).before(noon_after_the_change, &berlin), at("2026-03-28T11:00:00Z"));
        assert_eq!(Period::hours(24).before(noon_after_the_change, &berlin), at("2026-03-28T10:00:00Z"));
        let month = Period::parse("1mo").unwrap();
        assert_eq!(month.before(at("2026-03-31T10:00:00Z"), &TimeZone::UTC), at("2026-02-28T10:00:00Z"));
        assert_eq!(month.after(at("2026-01-31T10:00:00Z"), &TimeZone::UTC), at("2026-02-28T10:00:00Z"));
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let long = Period::parse("1000y12000mo52000w365000d8760000h525600000min2147483647s").unwrap();
        assert_eq!(long.before(at("-005000-01-01T00:00:00Z"), &TimeZone::UTC), Timestamp::MIN);
        assert!(long.after(at("2026-03-31T10:00:00Z"), &TimeZone::UTC) > at("2026-03-31T10:00:00Z"));
        assert_eq!(long.after(Timestamp::MAX, &TimeZone::UTC), Timestamp::MAX);
    }
}
