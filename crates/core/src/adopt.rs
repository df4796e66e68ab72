//! Snapshots of other tools that a policy's retention may take: by an explicit pattern only.

use crate::pattern::Pattern;
use crate::{Code, Failure};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Fields of a date in a name, longest spelling first: `(field, fewest digits, most digits, smallest, largest)`.
/// `h` is the article's 12-hour clock without its half, which Java prints with one digit or two.
const FIELDS: &[(&str, usize, usize, u32, u32)] = &[
    ("yyyy", 4, 4, 1970, 9999),
    ("MM", 2, 2, 1, 12),
    ("dd", 2, 2, 1, 31),
    ("HH", 2, 2, 0, 23),
    ("hh", 2, 2, 1, 12),
    ("mm", 2, 2, 0, 59),
    ("ss", 2, 2, 0, 59),
    ("H", 1, 2, 0, 23),
    ("h", 1, 2, 1, 12),
];

/// Which foreign names a policy's retention takes. The name only says *whether*; the age is the server's start time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Adopt {
    /// A wildcard that begins with literal text: `*` alone, or `*-1`, would take what anybody made.
    Wildcard {
        /// The wildcard.
        pattern: Pattern,
    },
    /// A date format of Java's, such as the article's `dd-MM-yyyy-h-mm-ss`.
    Date {
        /// The format, with literal text around it in single quotes: `'backup-'yyyyMMdd`.
        format: DateFormat,
    },
}

impl Adopt {
    /// Accepts a wildcard.
    pub fn wildcard(text: &str) -> Result<Self, Failure> {
        let pattern = Pattern::parse(text)?;
        if pattern.has_literal_beginning() {
            return Ok(Self::Wildcard { pattern });
        }
        Err(Failure::new(
            Code::BadConfig,
            format!("`adopt` may not hold {text:?}: it begins with a wildcard, so it would take what anybody made"),
            "begin with what the snapshots' names begin with, such as manual-*, or say `date:` and their format",
        ))
    }

    /// Accepts a date format.
    pub fn date(format: &str) -> Result<Self, Failure> {
        Ok(Self::Date { format: DateFormat::parse(format)? })
    }

    /// Whether the whole of `name` fits.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::Wildcard { pattern } => pattern.matches(name),
            Self::Date { format } => format.matches(name),
        }
    }
}

impl fmt::Display for Adopt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wildcard { pattern } => pattern.fmt(f),
            Self::Date { format } => f.write_str(&format.text),
        }
    }
}

/// A date format: fields and literal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DateFormat {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Index into [`FIELDS`].
    Field(usize),
    Literal(String),
}

impl DateFormat {
    /// Accepts a format with at least year, month and day.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let parts = parts(text).ok_or_else(|| bad(text, "it has letters that are no field; quote literal text"))?;
        let has = |name: &str| parts.iter().any(|part| matches!(part, Part::Field(at) if FIELDS[*at].0 == name));
        if ["yyyy", "MM", "dd"].into_iter().all(has) {
            return Ok(Self { text: text.to_owned(), parts });
        }
        Err(bad(text, "it does not hold year, month and day"))
    }

    /// Whether the whole of `name` could have been printed by this format.
    pub fn matches(&self, name: &str) -> bool {
        matches(&self.parts, name)
    }
}

impl TryFrom<String> for DateFormat {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self, Failure> {
        Self::parse(&text)
    }
}

impl From<DateFormat> for String {
    fn from(format: DateFormat) -> Self {
        format.text
    }
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (part, length) = if let Some(quoted) = rest.strip_prefix('\'') {
            let end = quoted.find('\'')?;
            (Part::Literal(quoted[..end].to_owned()), end + 2)
        } else if let Some(at) = FIELDS.iter().position(|field| rest.starts_with(field.0)) {
            (Part::Field(at), FIELDS[at].0.len())
        } else if first.is_alphabetic() {
            return None;
        } else {
            (Part::Literal(first.to_string()), first.len_utf8())
        };
        parts.push(part);
        rest = &rest[length..];
    }
    Some(parts)
}

fn matches(parts: &[Part], name: &str) -> bool {
    let Some((part, later)) = parts.split_first() else { return name.is_empty() };
    match part {
        Part::Literal(text) => name.strip_prefix(text.as_str()).is_some_and(|rest| matches(later, rest)),
        Part::Field(at) => {
            let (_, fewest, most, ..) = FIELDS[*at];
            (fewest..=most).any(|digits| in_range(*at, name, digits) && matches(later, &name[digits..]))
        }
    }
}

/// Whether `name` begins with so many digits whose number the field can have. `h` prints no leading zero.
fn in_range(field: usize, name: &str, digits: usize) -> bool {
    let (_, fewest, _, smallest, largest) = FIELDS[field];
    let Some(text) = name.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_digit())) else { return false };
    let padded = digits > fewest && text.starts_with('0');
    !padded && text.parse().is_ok_and(|number: u32| (smallest..=largest).contains(&number))
}

fn bad(text: &str, wrong: &str) -> Failure {
    Failure::new(
        Code::BadConfig,
        format!("`adopt` cannot use the date format {text:?}: {wrong}"),
        "write it as Java does: dd-MM-yyyy-h-mm-ss, or 'backup-'yyyyMMddHHmmss",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_names_are_read() {
        let article = Adopt::date("dd-MM-yyyy-h-mm-ss").unwrap();
        for name in ["23-11-2026-1-05-09", "01-01-2026-12-59-59"] {
            assert!(article.takes(name), "{name}");
        }
        for name in [
            "23-11-2026-13-05-09",
            "23-11-2026-01-05-09",
            "23-11-2026-1-05-09-x",
            "x23-11-2026-1-05-09",
            "23-11-2026-0-05-09",
            "32-11-2026-1-05-09",
            "23-13-2026-1-05-09",
            "23-11-2026-1-5-09",
            "23-11-2026",
            "",
        ] {
            assert!(!article.takes(name), "{name}");
        }
    }

    #[test]
    fn formats_may_hold_literal_text() {
        let quoted = Adopt::date("'backup-of-'yyyyMMdd'_'HHmmss").unwrap();
        assert!(quoted.takes("backup-of-20260203_040506"));
        assert!(!quoted.takes("backup-of-20260203_250506"));
        let ambiguous = Adopt::date("yyyyMMddhmmss").unwrap();
        assert!(ambiguous.takes("2026020311506") && ambiguous.takes("20260203110506"));
        for bad in ["", "dd-MM", "nightly-yyyyMMdd", "yyyyMMdd'open"] {
            assert!(Adopt::date(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_says_what_it_takes() {
        assert!(Adopt::wildcard("manual-*").unwrap().takes("manual-1"));
        for bad in ["*", "?*", "-*", "*-*", "*both*", "?manual", ".*", "-a*"] {
            assert!(Adopt::wildcard(bad).is_err(), "{bad}");
        }
    }
}
