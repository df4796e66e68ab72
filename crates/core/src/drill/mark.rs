//! Which index a drill made. Only such a one is ever deleted.
//!
//! The mark is a setting that the restore itself gives its indices, so that there is no moment at which an index of a drill
//! stands without it, however the drill ends. Servers take any attribute's name behind `index.routing.allocation.exclude.`;
//! it keeps an index off nodes that have that attribute with that value, and no node has it: it changes nothing.

use super::{Outcome, Record};
use crate::naming::RequestMark;
use crate::restore::Restored;
use crate::selection::BACKING;
use crate::{Code, Failure};
use std::fmt;

/// What the names of all drills' indices begin with; the drill's id and `-` follow.
pub const PREFIX: &str = "snapkeep-drill-";

/// The setting that holds the drill's id.
pub const MARK: &str = "index.routing.allocation.exclude.snapkeep_drill";

/// Settings that a drill's indices do not bring along: what would act on them (lifecycles, a stream to follow), keep them
/// from being removed (blocks), or hold them to nodes that are not there. The server takes these as patterns.
pub const REMOVED_SETTINGS: [&str; 4] = [
    "index.lifecycle.*",
    "index.plugins.index_state_management.*",
    "index.opendistro.index_state_management.*",
    "index.blocks.*",
];

/// Eight hexadecimal digits that no other drill has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DrillId(String);

impl DrillId {
    /// Accepts eight lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Ok(Self(text.to_owned()));
        }
        Err(Failure::new(Code::BadEvent, format!("{text:?} is no drill's id"), "an id is eight hexadecimal digits"))
    }

    /// The id of a run's drill of a policy on a cluster.
    pub fn of(run: &RequestMark, policy: &str, cluster: &str) -> Self {
        // Text that is no request's id gives its hash, in eight digits too.
        Self(RequestMark::of(&format!("drill of {policy} on {cluster} by {}", run.as_str())).as_str().to_owned())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before each name that this drill restores to.
    pub fn prefix(&self) -> String {
        format!("{PREFIX}{}-", self.0)
    }
}

impl fmt::Display for DrillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An index that is there, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The server's id for it.
    pub uuid: Option<String>,
    /// What [`MARK`] says.
    pub mark: Option<String>,
    /// The data stream that it is a part of.
    pub data_stream: Option<String>,
    /// What its shards tell of where they came from; they forget it when they move.
    pub restored: Option<Restored>,
}

/// Why the index is not one that the record's drill made; `None` if it made it. All of it must agree: the name is one that
/// the record holds, or behind a data stream that it holds (servers bring parts that no name tells), with the drill's own
/// prefix; the index carries the drill's id; its own id is the one that was recorded where one was; and its shards do not
/// tell of another origin.
pub fn not_drills(record: &Record, found: &Found) -> Option<String> {
    let Ok(id) = DrillId::parse(&record.id) else { return Some("the record has no usable id".to_owned()) };
    let made = record.made().find(|(_, part)| part.name == found.name);
    let is_streams = |stream: &String| record.items.iter().any(|item| item.data_stream && item.target == *stream);
    let is_behind = found.data_stream.as_ref().is_some_and(is_streams);
    if made.is_none() && !is_behind {
        return Some("the drill's record does not name it".to_owned());
    }
    let is_of_stream = is_behind || made.is_some_and(|(drilled, _)| drilled.data_stream);
    let own_name = found.name.strip_prefix(BACKING).filter(|_| is_of_stream).unwrap_or(&found.name);
    if !own_name.starts_with(&id.prefix()) {
        return Some("its name is not one that the drill gives".to_owned());
    }
    if found.mark.as_deref() != Some(id.as_str()) {
        return Some("it does not carry the drill's mark".to_owned());
    }
    if made.is_some_and(|(_, part)| part.uuid.is_some() && part.uuid != found.uuid) {
        return Some("it is another index than the one that the drill made".to_owned());
    }
    if found.data_stream.is_some() && !is_behind {
        return Some("it is a part of a data stream that the drill did not make".to_owned());
    }
    let elsewhere = |restored: &Restored| {
        restored.repository != record.on_repository || Some(&restored.snapshot) != record.snapshot.as_ref()
    };
    if found.restored.as_ref().is_some_and(elsewhere) {
        return Some("its shards come from another snapshot".to_owned());
    }
    // One that did not pass may have asked for what came after it had looked: `Record::may_come_late`.
    let is_over = record.outcome == Outcome::Passed && record.removed;
    is_over.then(|| "the drill has removed all that it made".to_owned())
}
