//! Moments in Curator's filters: epochs, and absolute periods.

use crate::section::Section;
use crate::span::unit_seconds;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Seconds of an epoch that may be given in smaller units: Curator keeps ten digits.
pub(super) fn epoch(number: i64) -> Option<Timestamp> {
    let digits = number.unsigned_abs().to_string().len();
    let excess = u32::try_from(digits.saturating_sub(10)).ok()?;
    Timestamp::from_second(number / 10_i64.checked_pow(excess)?).ok()
}

/// `from` and `to` (exclusive) of an absolute period; the cause why not.
pub(super) fn absolute(filter: &mut Section<'_>) -> Result<(Timestamp, Timestamp), &'static str> {
    let mut date = |key: &str, format: &str| {
        let text = filter.text(key).ok_or("it lacks one of its dates")?;
        let format = filter.text(format).ok_or("it lacks the format of one of its dates")?;
        moment(&text, &format).ok_or("one of its dates cannot be read by its format")
    };
    let from = date("date_from", "date_from_format")?;
    let to = date("date_to", "date_to_format")?;
    let unit = filter.text("unit").ok_or("it lacks `unit`")?;
    let to = after(to, &unit).ok_or("its unit is not known")?;
    let utc = |at: DateTime| at.to_zoned(TimeZone::UTC).map(|at| at.timestamp()).map_err(|_| "it is beyond all time");
    Ok((utc(from)?, utc(to)?))
}

/// The end of the unit that begins at `at`: of the whole month and year it is in.
fn after(at: DateTime, unit: &str) -> Option<DateTime> {
    let midnight = |date: Date| date.to_datetime(jiff::civil::Time::midnight());
    match unit {
        "months" => at.date().first_of_month().checked_add(1.month()).ok().map(midnight),
        "years" => at.date().first_of_year().checked_add(1.year()).ok().map(midnight),
        _ => at.checked_add(unit_seconds(unit)?.seconds()).ok(),
    }
}

/// A date by Python's codes. Weeks have no equal. What is not said is the first.
fn moment(text: &str, format: &str) -> Option<DateTime> {
    if ["%W", "%U", "%V", "%G"].iter().any(|code| format.contains(code)) {
        return None;
    }
    let parsed = jiff::fmt::strtime::parse(format, text).ok()?;
    let year = parsed.year()?;
    let date = match parsed.day_of_year() {
        Some(day) => Date::new(year, 1, 1).ok()?.checked_add((i64::from(day) - 1).days()).ok()?,
        None => Date::new(year, parsed.month().unwrap_or(1), parsed.day().unwrap_or(1)).ok()?,
    };
    let part = |part: Option<i8>| part.unwrap_or(0);
    Some(date.at(part(parsed.hour()), part(parsed.minute()), part(parsed.second()), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_have_ten_digits() {
        for number in [1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000] {
            assert_eq!(epoch(number).unwrap().as_second(), 1_700_000_000);
        }
    }

    #[test]
    fn absolute_periods_end_with_their_unit() {
        for (from, to, format, unit, expected) in [
            ("2026.01", "2026.02", "%Y.%m", "months", "2026-01-01T00:00:00Z 2026-03-01T00:00:00Z"),
            ("2026.01", "2026.12", "%Y.%m", "months", "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z"),
            ("2026", "2026", "%Y", "years", "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z"),
            ("2026-01-30", "2026-01-31", "%Y-%m-%d", "days", "2026-01-30T00:00:00Z 2026-02-01T00:00:00Z"),
            ("20260130 05", "20260130 06", "%Y%m%d %H", "hours", "2026-01-30T05:00:00Z 2026-01-30T07:00:00Z"),
            ("2026-001", "2026-032", "%Y-%j", "weeks", "2026-01-01T00:00:00Z 2026-02-08T00:00:00Z"),
        ] {
            let text = format!(
                "{{date_from: '{from}', date_to: '{to}', date_from_format: '{format}', date_to_format: '{format}', unit: {unit}}}"
            );
            let node = snapkeep_config::read_yaml(&text, "it").unwrap();
            let (from, to) = absolute(&mut Section::of("", &node).unwrap()).unwrap();
            assert_eq!(format!("{from} {to}"), expected, "{text}");
        }
    }
}
