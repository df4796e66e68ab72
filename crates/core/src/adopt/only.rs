//! What narrows which foreign snapshots are taken. Nothing here ever makes a policy take more.

use crate::snapshot::{Snapshot, State};
use crate::{Code, Failure};
use jiff::Timestamp;
use regex_lite::Regex;
use std::fmt;

/// What a foreign snapshot must be, beyond having a fitting name. What is empty or absent limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Each of these is found in its name.
    pub matches: Vec<NameRegex>,
    /// None of these is found in its name.
    pub except: Vec<NameRegex>,
    /// Its state is one of these.
    pub states: Vec<State>,
    /// It began then or later.
    pub from: Option<Timestamp>,
    /// It began before then.
    pub to: Option<Timestamp>,
}

impl Only {
    /// Whether the snapshot is all that. A start that is not known lies within no bounds; a name beyond ASCII fits no
    /// regular expressions, since what `\d` and `\w` mean there differs from tool to tool.
    pub fn admits(&self, snapshot: &Snapshot) -> bool {
        self.admits_name(&snapshot.name)
            && (self.states.is_empty() || snapshot.state.is_some_and(|state| self.states.contains(&state)))
            && self.from.is_none_or(|from| snapshot.started_at.is_some_and(|start| start >= from))
            && self.to.is_none_or(|to| snapshot.started_at.is_some_and(|start| start < to))
    }

    fn admits_name(&self, name: &str) -> bool {
        if self.matches.is_empty() && self.except.is_empty() {
            return true;
        }
        name.is_ascii()
            && self.matches.iter().all(|regex| regex.is_in(name))
            && !self.except.iter().any(|regex| regex.is_in(name))
    }
}

/// A regular expression that is looked for in names; `^` and `$` are a name's ends.
#[derive(Clone, Debug)]
pub struct NameRegex(Regex);

impl NameRegex {
    /// Accepts the syntax of the crate `regex-lite`: no look-around, no back references.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Regex::new(text).map(Self).map_err(|error| {
            Failure::new(
                Code::BadConfig,
                format!("{text:?} is not a usable regular expression: {error}"),
                "write it without look-around and back references, in single quotes: '^curator-\\d{14}$'",
            )
        })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn is_in(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl PartialEq for NameRegex {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for NameRegex {}

impl fmt::Display for NameRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
