//! Times as HTTP and AWS write them.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110's IMF-fixdate). The two obsolete forms are not read: no
/// server of these decades sends them.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// `20150830T123600Z`, the form of `X-Amz-Date`.
pub(crate) fn amz_date(text: &str) -> Option<Timestamp> {
    let fits = text.len() == 16 && text.is_ascii() && text.ends_with('Z') && text.as_bytes()[8] == b'T';
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let time = Some("2015-08-30T12:36:00Z".parse().unwrap());
        assert_eq!(http_date("Sun, 30 Aug 2015 12:36:00 GMT"), time);
        assert_eq!(amz_date("20150830T123600Z"), time);
        for text in ["", "120", "Sun, 99 Aug 2015 12:36:00 GMT", "2015-08-30T12:36:00Z", "20151330T123600Z", "ä"] {
            assert_eq!((http_date(text), amz_date(text)), (None, None), "{text}");
        }
    }
}
