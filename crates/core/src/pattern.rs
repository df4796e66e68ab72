//! Wildcards for names: `*` stands for any run of characters, `?` for one. They are matched here and never sent.

use crate::{Code, Failure};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A name with wildcards. It matches a whole name or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

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
            return Ok(Self(text.to_owned()));
        };
        Err(Failure::new(
            Code::BadConfig,
            format!("{text:?} is not a usable pattern: {wrong}"),
            "write one name or wildcard, such as logs-*",
        ))
    }

    /// Every name.
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds a letter or digit, so that it does not match just anything.
    pub fn says_something(&self) -> bool {
        self.0.chars().any(char::is_alphanumeric)
    }

    /// Whether the whole of `name` matches; at most `pattern × name` steps.
    pub fn matches(&self, name: &str) -> bool {
        wildcard(&self.0, name)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Greedy matching that goes back to the last `*` only: an earlier one needs no second try.
fn wildcard(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let whole = name.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), whole.clone()));
                name = whole;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after_star, mut from)) = retry.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                (pattern, name) = (after_star.clone(), from.clone());
                retry = Some((after_star, from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, slow and plain.
    fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|skip| by_definition(rest, &name[skip..])),
            ([b'?', rest @ ..], [_, name @ ..]) => by_definition(rest, name),
            ([wanted, rest @ ..], [found, name @ ..]) => wanted == found && by_definition(rest, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_matches_as_defined(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(wildcard(&pattern, &name), by_definition(pattern.as_bytes(), name.as_bytes()));
        }
    }

    #[test]
    fn it_takes_no_lists_and_no_exclusions() {
        for bad in ["", "a,b", "a b", "-a", "<a-{now}>", "a\n"] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Pattern::parse("lögs-?*").unwrap().matches("lögs-ä"));
        assert!(!Pattern::parse("*?*").unwrap().says_something());
    }

    #[test]
    fn many_stars_cost_little() {
        let pattern = "*a".repeat(50) + "b";
        assert!(!wildcard(&pattern, &"a".repeat(5_000)));
    }
}
