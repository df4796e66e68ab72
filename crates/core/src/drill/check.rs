//! What must hold of what a drill brought back.

use crate::pattern::Pattern;
use crate::{Code, Failure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// Documents are counted, all or those that a query finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The snapshot's indices and data streams that it is about, each for itself.
    pub index: Pattern,
    /// What is counted; without one every document.
    pub query: Option<Query>,
    /// At least so many; 1 if neither bound is given.
    pub at_least: Option<u64>,
    /// At most so many.
    pub at_most: Option<u64>,
}

/// What finds documents.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Words of the servers' query string, such as `status:paid`.
    Words(String),
    /// A query as the servers' search takes it, such as `{"term": {"status": "paid"}}`.
    Body(Map<String, Value>),
}

impl Query {
    /// Text that begins with `{` is a query's JSON, other text is a query string.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if !text.trim_start().starts_with('{') {
            return Ok(Self::Words(text.to_owned()));
        }
        serde_json::from_str(text).map(Self::Body).map_err(|error| {
            let hint = "write what stands under `query` in a search, such as '{\"term\": {\"status\": \"paid\"}}', or a query string";
            Failure::new(Code::BadConfig, format!("the query is no JSON: {error}"), hint)
        })
    }

    /// What a count is sent.
    pub fn body(&self) -> Value {
        match self {
            Self::Words(words) => json!({"query": {"query_string": {"query": words}}}),
            Self::Body(body) => json!({"query": body}),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Body(body) => f.write_str(&Value::Object(body.clone()).to_string()),
        }
    }
}

/// What a check said of one index. Part of the record's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The check in words, such as `at least 1 of status:paid`.
    pub what: String,
    /// The index or data stream, by its name in the snapshot; the check's pattern if nothing that it names was restored.
    pub index: String,
    /// What it said.
    pub said: Said,
    /// The documents that were found.
    pub found: Option<u64>,
    /// Why, where `found` does not tell it.
    pub why: Option<String>,
}

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It holds.
    Holds,
    /// It does not, or nobody could tell.
    Fails,
    /// What it is about was not in this drill.
    NotAsked,
}

impl Check {
    /// Refuses bounds that nothing can meet.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) if least > most => {
                let cause = format!("the drill's check of {} wants at least {least} and at most {most}", self.index);
                Err(Failure::new(Code::BadConfig, cause, "no number is both: mend one of them"))
            }
            _ => Ok(()),
        }
    }

    /// The check in words.
    pub fn words(&self) -> String {
        let bounds = match (self.at_least, self.at_most) {
            (None, None) => "at least 1".to_owned(),
            (Some(least), None) => format!("at least {least}"),
            (None, Some(most)) => format!("at most {most}"),
            (Some(least), Some(most)) => format!("{least} to {most}"),
        };
        match &self.query {
            Some(query) => format!("{bounds} of {query}"),
            None => format!("{bounds} of all documents"),
        }
    }

    /// What it says of an index with so many documents; `Err` says why they could not be counted.
    pub fn judge(&self, index: &str, found: Result<u64, String>) -> Checked {
        let least = if self.at_most.is_none() { self.at_least.unwrap_or(1) } else { self.at_least.unwrap_or(0) };
        let holds = |found: &u64| *found >= least && self.at_most.is_none_or(|most| *found <= most);
        Checked {
            what: self.words(),
            index: index.to_owned(),
            said: if found.as_ref().is_ok_and(holds) { Said::Holds } else { Said::Fails },
            found: found.as_ref().ok().copied(),
            why: found.err(),
        }
    }

    /// What it says where nothing that it names was restored.
    pub fn not_asked(&self) -> Checked {
        Checked {
            what: self.words(),
            index: self.index.to_string(),
            said: Said::NotAsked,
            found: None,
            why: Some("nothing of that name was in this drill".to_owned()),
        }
    }
}
