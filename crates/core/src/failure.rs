//! The error that every front end shows: code, cause, hint.

use crate::Code;
use serde::Serialize;
use std::fmt;

/// Longest line that is shown, in characters: a server's answer is never repeated whole.
pub const LINE_LIMIT: usize = 600;

/// What went wrong, why, and what to do next. Serialized in this order it is the
/// Lambda's `errorMessage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Stable code.
    pub code: Code,
    /// Status of the answer that it rests on, where there was one.
    pub http_status: Option<u16>,
    /// One line, at most 600 characters.
    pub cause: String,
    /// What to do next, one line.
    pub hint: String,
}

impl Failure {
    /// A failure without an HTTP answer behind it.
    pub fn new(code: Code, cause: impl AsRef<str>, hint: impl Into<String>) -> Self {
        Self { code, http_status: None, cause: line(cause.as_ref()), hint: line(&hint.into()) }
    }

    /// The same under another code.
    #[must_use]
    pub fn with_code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// The same with another cause.
    #[must_use]
    pub fn with_cause(self, cause: impl AsRef<str>) -> Self {
        Self { cause: line(cause.as_ref()), ..self }
    }

    /// The same with another hint.
    #[must_use]
    pub fn with_hint(self, hint: impl AsRef<str>) -> Self {
        Self { hint: line(hint.as_ref()), ..self }
    }

    /// The same, resting on an HTTP answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// The whole as one line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| format!(r#"{{"code":"{}"}}"#, self.code))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.cause)
    }
}

impl std::error::Error for Failure {}

/// `text` on one line of at most [`LINE_LIMIT`] characters.
pub fn line(text: &str) -> String {
    one_line(text, LINE_LIMIT)
}

/// `text` on one line: control characters and runs of white space become one space, and what is
/// longer than `limit` characters ends in `…`.
pub fn one_line(text: &str, limit: usize) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    line.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// An error and what lies behind it, in one line.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_one_line_of_json_in_the_contracts_order() {
        let failure = Failure::new(Code::AccessDenied, "no\nway\t\u{7} at all", "ask").with_status(403);
        assert_eq!(
            failure.to_json(),
            r#"{"code":"access_denied","http_status":403,"cause":"no way at all","hint":"ask"}"#
        );
    }

    #[test]
    fn a_long_cause_is_cut() {
        assert_eq!(one_line("äöüäöü", 4), "äöü…");
        assert_eq!(Failure::new(Code::BadEvent, "", "x".repeat(10_000)).hint.chars().count(), LINE_LIMIT);
        assert_eq!(Failure::new(Code::BadEvent, "x".repeat(10_000), "").cause.chars().count(), LINE_LIMIT);
    }
}
