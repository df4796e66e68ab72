//! Times as AWS writes them; the clock itself is an argument.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Where the front takes the time from.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The form of `X-Amz-Date`.
const AMZ: &str = "%Y%m%dT%H%M%SZ";
/// The form of `Date` (RFC 9110, IMF-fixdate).
const HTTP: &str = "%a, %d %b %Y %H:%M:%S GMT";

fn stamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `20261123T000000Z`.
pub fn amz_date(time: SystemTime) -> String {
    stamp(time).strftime(AMZ).to_string()
}

/// Reads `20261123T000000Z`, and nothing looser.
pub fn parse_amz_date(text: &str) -> Option<SystemTime> {
    if text.len() != 16 {
        return None;
    }
    let civil = DateTime::strptime(AMZ, text).ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(SystemTime::from(zoned.timestamp()))
}

/// `Mon, 23 Nov 2026 00:00:00 GMT`.
pub(crate) fn http_date(time: SystemTime) -> String {
    stamp(time).strftime(HTTP).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_written_as_aws_and_http_write_them() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636);
        assert_eq!(amz_date(time), "20150830T123600Z");
        assert_eq!(http_date(time), "Sun, 30 Aug 2015 12:36:00 GMT");
        assert_eq!(parse_amz_date("20150830T123600Z"), Some(time));
        assert_eq!(parse_amz_date("2015-08-30T12:36:00Z"), None);
        assert_eq!(parse_amz_date("20151330T123600Z"), None);
    }
}
