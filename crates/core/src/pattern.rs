//! Patterns of a policy's indices and foreign snapshots. They are matched here and never sent.

use crate::select::Glob;
use crate::{Code, Failure};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A name with wildcards that a configuration may hold. It matches a whole name or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    glob: Glob,
}

impl Pattern {
    /// Accepts one non-empty name without white space and commas: several patterns are several entries of a list.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = if text.is_empty() {
            "it is empty"
        } else if text.contains(',') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            "it has a comma, white space or a control character"
        } else if text.starts_with(['-', '<']) {
            "it starts with `-` or `<`: exclusions have a list of their own, and date math is not used"
        } else {
            let glob = Glob::parse(text).map_err(|failure| failure.with_code(Code::BadConfig))?;
            return Ok(Self { text: text.to_owned(), glob });
        };
        Err(Failure::new(
            Code::BadConfig,
            format!("{text:?} is not a usable pattern: {wrong}"),
            "write one name or wildcard, such as logs-*",
        ))
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether what it matches begins with literal text that holds a letter or digit.
    pub fn has_literal_beginning(&self) -> bool {
        self.text.chars().take_while(|c| !"*?".contains(*c)).any(char::is_alphanumeric)
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        self.glob.matches(name)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self, Failure> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_no_lists_and_no_exclusions() {
        for bad in ["", "a,b", "a b", "-a", "<a-{now}>", "a\n"] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Pattern::parse("lögs-?*").unwrap().matches("lögs-ä"));
        assert!(!Pattern::parse("*a*").unwrap().has_literal_beginning());
        assert!(Pattern::parse(".a*").unwrap().has_literal_beginning());
    }
}
