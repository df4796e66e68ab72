//! Ages, durations, sizes and rates for people. Programs get seconds, bytes and RFC 3339 times.

use jiff::{SignedDuration, Timestamp};
pub(crate) use snapkeep_core::size::bytes;
use std::time::Duration;

/// What stands for what is not known.
pub(crate) const UNKNOWN: &str = "-";

/// How long ago: one number with one unit, such as `5m` or `3d`.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long it takes: two numbers at most, such as `0.4s`, `42s`, `3m 12s`, `2h 05m`.
pub(crate) fn duration(span: SignedDuration) -> String {
    let millis = span.as_millis().max(0);
    let seconds = millis / 1_000;
    match seconds {
        0..10 => format!("{}.{}s", seconds, millis % 1_000 / 100),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..172_800 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// The same of a span that cannot be negative.
pub(crate) fn span(span: Duration) -> String {
    duration(SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX))
}

/// Bytes per second.
pub(crate) fn rate(per_second: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people; the cast saturates")]
    let whole = per_second.max(0.0) as u64;
    format!("{}/s", bytes(whole))
}

/// A time to the second, UTC.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `1 snapshot`, `2 snapshots`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    match (number, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ if thing.ends_with('x') => format!("{number} {}ices", thing.trim_end_matches("ex")),
        _ => format!("{number} {thing}s"),
    }
}

/// What is known, or a dash.
pub(crate) fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        for (seconds, expected) in [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (86_400 * 400, "400d"),
        ] {
            assert_eq!(age(now - SignedDuration::from_secs(seconds), now), expected, "{seconds}");
        }
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (millis, expected) in [
            (-1, "0.0s"),
            (0, "0.0s"),
            (449, "0.4s"),
            (9_999, "9.9s"),
            (10_000, "10s"),
            (59_999, "59s"),
            (60_000, "1m 00s"),
            (192_000, "3m 12s"),
            (3_599_999, "59m 59s"),
            (3_600_000, "1h 00m"),
            (7_500_000, "2h 05m"),
            (172_800_000, "2d 00h"),
        ] {
            assert_eq!(duration(SignedDuration::from_millis(millis)), expected, "{millis}");
        }
    }

    #[test]
    fn rates_are_of_whole_bytes() {
        assert_eq!(rate(1_572_864.9), "1.5 MiB/s");
        assert_eq!(rate(f64::NAN), "0 B/s");
    }

    #[test]
    fn things_are_counted_in_words() {
        assert_eq!(
            [count(1, "index"), count(0, "index"), count(2, "repository"), count(3, "shard")].join(", "),
            "1 index, 0 indices, 2 repositories, 3 shards"
        );
    }
}
