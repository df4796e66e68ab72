//! Snapshots of other tools that a policy's retention may take: by an explicit pattern only.

mod only;

pub use only::{NameRegex, Only};

use crate::pattern::Pattern;
use crate::snapshot::Snapshot;
use crate::{Code, Failure};

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

/// Which foreign snapshots a policy's retention takes: those of these names, and of them only some. A name's date
/// only says *whether*; the age is the server's start time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopt {
    names: Names,
    only: Only,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    /// A wildcard that begins with literal text: `*` alone, or `*-1`, would take what anybody made.
    Wildcard(Pattern),
    /// A date format of Java's, such as the article's `dd-MM-yyyy-h-mm-ss`.
    Date(DateFormat),
}

impl Adopt {
    /// Accepts a wildcard.
    pub fn wildcard(text: &str) -> Result<Self, Failure> {
        let pattern = Pattern::parse(text)?;
        if pattern.has_literal_beginning() {
            return Ok(Self { names: Names::Wildcard(pattern), only: Only::default() });
        }
        Err(Failure::new(
            Code::BadConfig,
            format!("`adopt` may not hold {text:?}: it begins with a wildcard, so it would take what anybody made"),
            "begin with what the snapshots' names begin with, such as manual-*, or say `date:` and their format",
        ))
    }

    /// Accepts a date format, with literal text around it in single quotes: `'backup-'yyyyMMdd`.
    pub fn date(format: &str) -> Result<Self, Failure> {
        Ok(Self { names: Names::Date(DateFormat::parse(format)?), only: Only::default() })
    }

    /// Takes only some of them.
    #[must_use]
    pub fn only(self, only: Only) -> Self {
        Self { only, ..self }
    }

    /// Whether the snapshot is taken: the whole of its name fits, and it is all that it must be.
    pub fn takes(&self, snapshot: &Snapshot) -> bool {
        let fits = match &self.names {
            Names::Wildcard(pattern) => pattern.matches(&snapshot.name),
            Names::Date(format) => format.matches(&snapshot.name),
        };
        fits && self.only.admits(snapshot)
    }
}

/// A date format: fields and literal text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DateFormat {
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
    fn parse(text: &str) -> Result<Self, Failure> {
        let parts = parts(text).ok_or_else(|| bad(text, "it has letters that are no field; quote literal text"))?;
        let has = |name: &str| parts.iter().any(|part| matches!(part, Part::Field(at) if FIELDS[*at].0 == name));
        if ["yyyy", "MM", "dd"].into_iter().all(has) {
            return Ok(Self { parts });
        }
        Err(bad(text, "it does not hold year, month and day"))
    }

    /// Whether the whole of `name` could have been printed by this format.
    fn matches(&self, name: &str) -> bool {
        matches(&self.parts, name)
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
mod tests;
