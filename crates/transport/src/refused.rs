//! Refusals that the caller's own clock or credentials can mend. They come from Amazon's front, before
//! the cluster sees the request: nothing was carried out, so even a write may be sent once more.

use crate::Answer;
use crate::date::amz_date;
use jiff::Timestamp;
use serde_json::Value;

/// What about a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureRefused {
    /// Its time is too far from the server's, which the words may tell.
    Clock(Option<Timestamp>),
    /// The session token (or the access key with it) has ended or is not known.
    Token,
}

impl SignatureRefused {
    /// Reads `{"message": "…"}` and only that: a node's own errors, which may hold the same words
    /// about some other service, look different (`{"error": …}`) and may follow an effect.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        if answer.status != 403 {
            return None;
        }
        let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&answer.body) else { return None };
        if body.contains_key("error") {
            return None;
        }
        let words = body.get("message").or_else(|| body.get("Message"))?.as_str()?.trim();
        if words.starts_with("Signature expired") || words.starts_with("Signature not yet current") {
            return Some(Self::Clock(time_in(words)));
        }
        words.starts_with("The security token included in the request is ").then_some(Self::Token)
    }
}

/// `… (20261123T003000Z - 5 min.)`: the server's time is the one in parentheses.
fn time_in(words: &str) -> Option<Timestamp> {
    amz_date(words.rsplit_once('(')?.1.split_whitespace().next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &'static str) -> Option<SignatureRefused> {
        SignatureRefused::of(&Answer::new(status, body.as_bytes()))
    }

    #[test]
    fn the_fronts_words_are_known_and_the_nodes_are_not() {
        let time = Some("2026-11-23T00:30:00Z".parse().unwrap());
        let expired = r#"{"message":"Signature expired: 20261123T000000Z is now earlier than 20261123T002500Z (20261123T003000Z - 5 min.)"}"#;
        let early = r#"{"message":"Signature not yet current: 20261123T010000Z is still later than 20261123T003500Z (20261123T003000Z + 5 min.)"}"#;
        assert_eq!(read(403, expired), Some(SignatureRefused::Clock(time)));
        assert_eq!(read(403, early), Some(SignatureRefused::Clock(time)));
        assert_eq!(read(403, r#"{"message":"Signature expired: (x"}"#), Some(SignatureRefused::Clock(None)));
        for end in ["expired", "invalid."] {
            let body = format!(r#"{{"message":"The security token included in the request is {end}"}}"#);
            let answer = Answer::new(403, body.into_bytes());
            assert_eq!(SignatureRefused::of(&answer), Some(SignatureRefused::Token));
        }
        let node = r#"{"error":{"type":"amazon_s3_exception","reason":"The security token included in the request is expired"},"status":403}"#;
        let both = r#"{"message":"The security token included in the request is expired","error":{}}"#;
        let denial = r#"{"Message":"User: u/The security token included in the request is expired is not authorized"}"#;
        for body in [node, both, denial, "Signature expired: x", "[]", ""] {
            assert_eq!(read(403, body), None, "{body}");
        }
        assert_eq!(read(400, expired), None);
    }
}
