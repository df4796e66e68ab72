//! Other names: by a prefix, or by the server's own `rename_pattern` and `rename_replacement`.
//!
//! The names are worked out here, so that the plan can show them, and again by the server, by Java's regular
//! expressions. Only what both understand alike is taken.

use crate::{Code, Failure};
use regex_lite::Regex;
use std::fmt::Write as _;

/// Most bytes of an index's name.
pub(super) const NAME_LIMIT: usize = 255;

/// How all get other names.
#[derive(Clone, Debug, PartialEq)]
pub enum Rename {
    /// This before each name.
    Prefix(String),
    /// What the pattern finds is replaced.
    Pattern(RenamePattern),
}

/// A regular expression and what takes the place of what it finds, as servers take them.
#[derive(Clone, Debug)]
pub struct RenamePattern {
    pattern: String,
    replacement: String,
    regex: Regex,
    parts: Vec<Part>,
}

impl PartialEq for RenamePattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.pattern, &self.replacement) == (&other.pattern, &other.replacement)
    }
}

/// A piece of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(char),
    Group(usize),
}

impl Rename {
    /// A prefix: what an index's name may begin with.
    pub fn prefix(text: &str) -> Result<Self, Failure> {
        let probe = format!("{text}x");
        match invalid(&probe) {
            None if !text.is_empty() => Ok(Self::Prefix(text.to_owned())),
            why => {
                let why = why.unwrap_or("it is empty");
                let cause = format!("{text:?} is no prefix of an index's name: {why}");
                Err(Failure::new(
                    Code::BadEvent,
                    cause,
                    "give lower-case letters, digits, `-` and `.`, such as restored-",
                ))
            }
        }
    }

    /// A pattern and its replacement, `$1` standing for the first group.
    pub fn pattern(pattern: &str, replacement: &str) -> Result<Self, Failure> {
        RenamePattern::new(pattern, replacement).map(Self::Pattern)
    }

    /// The name that `name` gets.
    pub(super) fn apply(&self, name: &str) -> String {
        match self {
            Self::Prefix(prefix) => format!("{prefix}{name}"),
            Self::Pattern(pattern) => pattern.apply(name),
        }
    }

    /// As the server takes it: `(rename_pattern, rename_replacement)`.
    pub(super) fn sent(&self) -> (String, String) {
        match self {
            Self::Prefix(prefix) => ("(.+)".to_owned(), format!("{prefix}$1")),
            Self::Pattern(pattern) => (pattern.pattern.clone(), pattern.replacement.clone()),
        }
    }
}

impl RenamePattern {
    fn new(pattern: &str, replacement: &str) -> Result<Self, Failure> {
        let bad = |what: &str, why: &str| {
            let cause = format!("{what} cannot be planned with: {why}");
            let hint = "use plain regular expressions, such as 'logs-(.+)' replaced by 'restored-logs-$1', or a prefix";
            Failure::new(Code::BadEvent, cause, hint)
        };
        understood_alike(pattern).map_err(|why| bad(&format!("the pattern {pattern:?}"), why))?;
        let regex =
            Regex::new(pattern).map_err(|error| bad(&format!("the pattern {pattern:?}"), &error.to_string()))?;
        let groups = regex.captures_len() - 1;
        let parts = parts(replacement, groups).map_err(|why| bad(&format!("the replacement {replacement:?}"), why))?;
        Ok(Self { pattern: pattern.to_owned(), replacement: replacement.to_owned(), regex, parts })
    }

    /// As Java's `replaceAll` does it: an empty match at the end of another one counts.
    fn apply(&self, name: &str) -> String {
        let mut renamed = String::new();
        let (mut copied, mut from) = (0, 0);
        while let Some(found) = (from <= name.len()).then(|| self.regex.captures_at(name, from)).flatten() {
            let Some(whole) = found.get(0) else { break };
            renamed += &name[copied..whole.start()];
            for part in &self.parts {
                match part {
                    Part::Text(c) => renamed.push(*c),
                    Part::Group(number) => {
                        let _ = write!(renamed, "{}", found.get(*number).map_or("", |group| group.as_str()));
                    }
                }
            }
            copied = whole.end();
            let is_empty = whole.start() == whole.end();
            let step = name[copied..].chars().next().map_or(1, char::len_utf8);
            from = if is_empty { copied + step } else { copied };
        }
        renamed + &name[copied.min(name.len())..]
    }
}

/// Why Java could read the pattern otherwise than we do.
fn understood_alike(pattern: &str) -> Result<(), &'static str> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut in_class = false;
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        match chars[at] {
            '\\' => {
                if next.is_none_or(|c| c.is_ascii_alphanumeric() && !"dDwWsS".contains(c)) {
                    return Err("of the escapes, only \\d, \\w, \\s and those of single characters are taken");
                }
                at += 1;
            }
            '[' | '&' if in_class => return Err("classes within classes are read in more than one way"),
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class && next == Some('?') && chars.get(at + 2) != Some(&':') => {
                return Err("look-around, flags and named groups are not taken");
            }
            '*' | '+' | '?' | '}' if !in_class && next == Some('+') => {
                return Err("possessive quantifiers are not taken");
            }
            c if !c.is_ascii() => return Err("only ASCII is taken"),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Reads a replacement as Java does: `$` and the digits that still make a group's number, `\` before what stands for itself.
fn parts(replacement: &str, groups: usize) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => parts.push(Part::Text(chars.next().ok_or("it ends in a backslash")?)),
            '$' => {
                let digit = |c: char| c.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
                let mut number =
                    chars.next().and_then(digit).ok_or("`$` stands before a group's number, \\$ for itself")?;
                if number > groups {
                    return Err("it names a group that the pattern does not have");
                }
                while let Some(longer) = chars.peek().and_then(|c| digit(*c)).map(|digit| number * 10 + digit) {
                    if longer > groups {
                        break;
                    }
                    (number, _) = (longer, chars.next());
                }
                parts.push(Part::Group(number));
            }
            c => parts.push(Part::Text(c)),
        }
    }
    Ok(parts)
}

/// Why no index can have this name.
pub(super) fn invalid(name: &str) -> Option<&'static str> {
    if name.is_empty() || name == "." || name == ".." {
        Some("it is none")
    } else if name.len() > NAME_LIMIT {
        Some("it is longer than 255 bytes")
    } else if name.starts_with(['-', '_', '+']) {
        Some("it begins with `-`, `_` or `+`")
    } else if name.chars().any(char::is_uppercase) {
        Some("it has an upper-case letter")
    } else if name.chars().any(|c| c.is_whitespace() || c.is_control() || "\\/*?\"<>|,#:".contains(c)) {
        Some("it has a character that names do not have")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_change_as_java_changes_them() {
        for (pattern, replacement, name, expected) in [
            ("logs-(.+)", "old-$1", "logs-2026", "old-2026"),
            ("(.+)", "r-$1", "a", "r-a"),
            ("(.*)", "r-$1", "a", "r-ar-"),
            ("^", "r-", "logs", "r-logs"),
            ("-", "_", "a-b-c", "a_b_c"),
            ("(a)(b)", "$2$1", "xabab", "xbaba"),
            ("(a)", "$11", "a", "a1"),
            ("x", "\\$1", "x", "$1"),
            ("\\d+", "n", "logs-12", "logs-n"),
            ("z", "y", "abc", "abc"),
            ("x*", "-", "ab", "-a-b-"),
        ] {
            assert_eq!(RenamePattern::new(pattern, replacement).unwrap().apply(name), expected, "{pattern}");
        }
    }

    #[test]
    fn what_java_reads_otherwise_is_refused() {
        for (pattern, replacement) in [
            ("(?i)a", "b"),
            ("(?<n>a)", "b"),
            ("a++", "b"),
            ("[a[b]]", "c"),
            ("[a&&b]", "c"),
            ("\\p{L}", "b"),
            ("(", "b"),
            ("a", "$1"),
            ("(a)", "${1}"),
            ("a", "b\\"),
            ("ä", "b"),
        ] {
            let failure = Rename::pattern(pattern, replacement).unwrap_err();
            assert_eq!(failure.code, Code::BadEvent, "{pattern}");
        }
    }

    #[test]
    fn prefixes_begin_a_name() {
        assert_eq!(Rename::prefix("restored-").unwrap().apply("a"), "restored-a");
        for bad in ["", "_r", "R-", "a b", "-"] {
            assert!(Rename::prefix(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_prefix_is_the_pattern_that_is_sent_for_it(name in "[a-z.][a-z0-9.-]{0,40}") {
            let prefix = Rename::prefix("old-").unwrap();
            let (pattern, replacement) = prefix.sent();
            prop_assert_eq!(Rename::pattern(&pattern, &replacement).unwrap().apply(&name), prefix.apply(&name));
        }
    }
}
