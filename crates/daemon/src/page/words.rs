//! Times for people.

use jiff::{SignedDuration, Timestamp};

/// A moment to the minute, UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `12 min ago`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(at);
    if passed.as_secs() < -1 { ahead(at, now) } else { format!("{} ago", span(passed)) }
}

/// `in 12 min`.
pub(super) fn ahead(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    if left.is_negative() { "now".to_owned() } else { format!("in {}", span(left)) }
}

fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_away_a_moment_is() {
        let now: Timestamp = "2026-03-10T03:00:00Z".parse().unwrap();
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        for (seconds, expected) in
            [(-1, "1 s ago"), (-600, "10 min ago"), (-7_300, "2 h ago"), (-864_000, "10 days ago")]
        {
            assert_eq!(ago(at(seconds), now), expected);
        }
        assert_eq!((ago(at(60), now).as_str(), ahead(at(60), now).as_str()), ("in 60 s", "in 60 s"));
        assert_eq!(ahead(at(-60), now), "now");
        assert_eq!(moment(now), "2026-03-10 03:00 UTC");
    }
}
