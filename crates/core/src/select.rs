//! Which snapshots are meant, and in which order they are shown.

use crate::metadata::Metadata;
use crate::snapshot::{Snapshot, State};
use crate::{Code, Failure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::fmt;

/// A pattern of names: `*` is any text, `?` any one character, everything else itself. It is matched
/// here and never sent to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Accepts any pattern that a snapshot's name could match.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || ",/\\".contains(c)) {
            return Err(Failure::new(
                Code::BadEvent,
                format!("{text:?} is not a pattern of snapshot names"),
                "`*` stands for any text and `?` for one character, as in nightly-*; give each pattern on its own",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the text holds a character that makes it a pattern rather than a name.
    pub fn is_glob(text: &str) -> bool {
        text.contains(['*', '?'])
    }

    /// Whether the whole name fits. Linear in the name for each `*`: the last `*` is the only one that
    /// ever needs to take more.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
                _ => {
                    let Some((at, taken)) = star else { return false };
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
            }
        }
        pattern[p..].iter().all(|&c| c == '*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which snapshots are meant. Each field that is set limits; an empty filter admits everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Any of these states.
    pub states: Vec<State>,
    /// Begun at least that long ago. A snapshot whose start is not known is never old.
    pub older_than: Option<SignedDuration>,
    /// Begun at most that long ago. A snapshot whose start is not known is never new.
    pub newer_than: Option<SignedDuration>,
    /// Any of these patterns.
    pub globs: Vec<Glob>,
    /// All of these keys, with this value where there is one. A key with dots reaches into objects,
    /// unless the key itself is there.
    pub metadata: Vec<(String, Option<String>)>,
}

impl Filter {
    /// Whether it asks for ages, so that the time matters.
    pub fn is_about_age(&self) -> bool {
        self.older_than.is_some() || self.newer_than.is_some()
    }

    /// Whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether names and states are not enough to decide.
    pub fn needs_details(&self) -> bool {
        self.is_about_age() || !self.metadata.is_empty()
    }

    /// Whether the snapshot is meant.
    pub fn admits(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        self.admits_name(snapshot) && self.admits_details(snapshot, now)
    }

    /// The part of [`Self::admits`] that rests on what every list says: name and state.
    pub fn admits_name(&self, snapshot: &Snapshot) -> bool {
        let fits = self.globs.is_empty() || self.glob_of(&snapshot.name).is_some();
        fits && self.admits_state(snapshot.state)
    }

    /// Why the snapshot is meant, one reason for each field that is set; `None` if it is not.
    pub fn reasons(&self, snapshot: &Snapshot, now: Timestamp) -> Option<Vec<String>> {
        if !self.admits(snapshot, now) {
            return None;
        }
        let glob = self.glob_of(&snapshot.name).map(|glob| format!("matches {glob}"));
        let state = (!self.states.is_empty()).then(|| state_word(snapshot.state).to_owned());
        let began = snapshot.started_at.map(|began| format!("began {began}")).unwrap_or_default();
        let older = self.older_than.map(|limit| format!("older than {} ({began})", span_words(limit)));
        let newer = self.newer_than.map(|limit| format!("newer than {} ({began})", span_words(limit)));
        let marks = self.metadata.iter().map(mark_words);
        Some([glob, state, older, newer].into_iter().flatten().chain(marks).collect())
    }

    /// What it asks for beyond names, in words.
    pub(crate) fn limits(&self) -> String {
        let states: Vec<&str> = self.states.iter().map(|&state| state_word(Some(state))).collect();
        let states = (!states.is_empty()).then(|| states.join(" or "));
        let older = self.older_than.map(|limit| format!("older than {}", span_words(limit)));
        let newer = self.newer_than.map(|limit| format!("newer than {}", span_words(limit)));
        let marks = self.metadata.iter().map(mark_words);
        [states, older, newer].into_iter().flatten().chain(marks).collect::<Vec<_>>().join(", ")
    }

    fn admits_details(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        let age = snapshot.started_at.map(|began| now.duration_since(began));
        let fits = |limit: Option<SignedDuration>, is_within: fn(&SignedDuration, &SignedDuration) -> bool| {
            limit.is_none_or(|limit| age.is_some_and(|age| is_within(&age, &limit)))
        };
        fits(self.older_than, SignedDuration::ge) && fits(self.newer_than, SignedDuration::le) && self.marked(snapshot)
    }

    fn admits_state(&self, state: Option<State>) -> bool {
        self.states.is_empty() || state.is_some_and(|state| self.states.contains(&state))
    }

    /// The first pattern that fits.
    pub(crate) fn glob_of(&self, name: &str) -> Option<&Glob> {
        self.globs.iter().find(|glob| glob.matches(name))
    }

    fn marked(&self, snapshot: &Snapshot) -> bool {
        if self.metadata.is_empty() {
            return true;
        }
        let metadata = snapshot.metadata.as_ref().map(Metadata::to_map);
        self.metadata.iter().all(|(key, wanted)| {
            let found = metadata.as_ref().and_then(|metadata| reach(metadata, key));
            found.is_some_and(|found| wanted.as_ref().is_none_or(|wanted| is_text(found, wanted)))
        })
    }
}

fn reach<'a>(metadata: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    if let Some(found) = metadata.get(key) {
        return Some(found);
    }
    let (first, rest) = key.split_once('.')?;
    reach(metadata.get(first)?.as_object()?, rest)
}

fn mark_words((key, value): &(String, Option<String>)) -> String {
    value.as_ref().map_or_else(|| format!("metadata {key}"), |value| format!("metadata {key}={value}"))
}

fn is_text(value: &Value, wanted: &str) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text == wanted
}

/// The server's word for a state.
pub fn state_word(state: Option<State>) -> &'static str {
    match state {
        Some(State::InProgress) => "IN_PROGRESS",
        Some(State::Success) => "SUCCESS",
        Some(State::Partial) => "PARTIAL",
        Some(State::Failed) => "FAILED",
        None => "of unknown state",
    }
}

/// A span in the largest units that tell it exactly: `30 d`, `1 d 6 h`, `90 s` as `1 min 30 s`.
pub(crate) fn span_words(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

/// By what a list is ordered. Each order has the most interesting first; what is not known comes last,
/// whichever way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Newest first.
    #[default]
    Started,
    /// From a to z.
    Name,
    /// Running, failed, partial, good.
    State,
    /// Longest first.
    Duration,
    /// Largest first.
    Size,
    /// Most indices first.
    Indices,
    /// Most shards first.
    Shards,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 7] =
        [Self::Started, Self::Name, Self::State, Self::Duration, Self::Size, Self::Indices, Self::Shards];

    /// Its name, lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Name => "name",
            Self::State => "state",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Indices => "indices",
            Self::Shards => "shards",
        }
    }

    /// Sorts; equal ones by name. `reverse` turns what is known round.
    pub fn sort(self, snapshots: &mut [Snapshot], reverse: bool) {
        snapshots.sort_by(|a, b| {
            let by_name = a.name.cmp(&b.name);
            let by_name = if reverse { by_name.reverse() } else { by_name };
            self.compare(a, b, reverse).then(by_name)
        });
    }

    fn compare(self, a: &Snapshot, b: &Snapshot, reverse: bool) -> Ordering {
        let most = |of: fn(&Snapshot) -> Option<u64>| descending(of(a), of(b), reverse);
        match self {
            Self::Started => descending(a.started_at, b.started_at, reverse),
            Self::Name => Ordering::Equal,
            Self::State => descending(a.state.map(urgency), b.state.map(urgency), reverse),
            Self::Duration => descending(a.duration(), b.duration(), reverse),
            Self::Size => most(|snapshot| snapshot.size_bytes),
            Self::Indices => most(|snapshot| snapshot.indices),
            Self::Shards => most(|snapshot| snapshot.shards.map(|shards| shards.total)),
        }
    }
}

fn urgency(state: State) -> u8 {
    match state {
        State::InProgress => 3,
        State::Failed => 2,
        State::Partial => 1,
        State::Success => 0,
    }
}

/// The greater first (the smaller if `reverse`), the unknown last.
fn descending<T: Ord>(a: Option<T>, b: Option<T>, reverse: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if reverse => a.cmp(&b),
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests;
