//! What is told: a pure decision on what held before and what holds now.
//!
//! Each policy on each of its clusters is well or in *trouble* (its newest ended snapshot is not good, or something
//! keeps it from its work), and *stale* or not. A message goes out where trouble or staleness begins, and one where the
//! last of it ends; what goes on is silent, however often runs come. A last drill that did not pass is told by itself.
//!
//! What held before is remembered by whoever can remember ([`Told`]); a Lambda cannot, and works it out from what
//! exists: see [`Beat`]. The decision is the same.

use crate::Look;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapkeep_config::Topic;
use snapkeep_core::plan::Attempt;
use snapkeep_core::snapshot::State;
use std::collections::BTreeMap;

/// How a policy on one of its clusters stood when its operator was last told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What the trouble is, if there is any: a snapshot's name, or a code.
    pub trouble: Option<String>,
    /// Whether it is stale.
    pub stale: bool,
    /// The run that looked last.
    pub looked_at: Option<Timestamp>,
    /// The last drill that did not pass, by id.
    #[serde(default)]
    pub drill: Option<String>,
}

impl Told {
    /// That nobody was told of the change: what it is about stays as it was before, so that the next run tells it.
    pub(crate) fn take_back(&mut self, change: &Change, before: &Self) {
        let is_drills = self.drill.as_ref().is_some_and(|id| change.anchor == drill_anchor(id));
        match change.topic {
            Topic::Failure if is_drills => self.drill.clone_from(&before.drill),
            Topic::Failure | Topic::Partial => {
                self.trouble.clone_from(&before.trouble);
                // What begins with a slot's first run does so with its next one.
                self.looked_at = before.looked_at;
            }
            Topic::Stale => self.stale = before.stale,
            Topic::Recovered => {
                self.trouble.clone_from(&before.trouble);
                self.stale = before.stale;
            }
        }
    }
}

/// What was told, by place. A cache: without it something may be told a second time, and nothing is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// By `policy@cluster/repository`.
    #[serde(default)]
    places: BTreeMap<String, Told>,
}

impl Memory {
    /// Reads what [`Memory::to_text`] wrote; what cannot be read is as good as nothing.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As JSON.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(crate) fn of(&self, look: &Look<'_>) -> Told {
        self.places.get(&look.key()).cloned().unwrap_or_default()
    }

    pub(crate) fn put(&mut self, look: &Look<'_>, told: Told) {
        self.places.insert(look.key(), told);
    }
}

/// When runs come, for whoever remembers nothing from one to the next. Of whatever has a moment in the repository, the
/// run that was there tells, or, if none was, the next one; so that each is told by one run. Rests on runs that come as
/// regularly as this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// When this run was to begin: the schedule's time rather than the clock's, where both are known.
    pub at: Timestamp,
    /// How far apart runs are.
    pub every: SignedDuration,
    /// How long a run may take.
    pub time: SignedDuration,
}

impl Beat {
    /// Before this, ends of snapshots were for earlier runs to tell: the one before followed them until its time was up,
    /// or until this one began.
    fn from(self) -> Timestamp {
        let followed = add(add(self.at, -self.every), self.time);
        followed.min(self.at)
    }

    /// From this on, they are for the next run to tell.
    fn until(self) -> Timestamp {
        add(self.at, self.every)
    }

    /// What held before, as far as what exists tells.
    fn before(self, look: &Look<'_>) -> Told {
        let trouble = look.newest_ended(self.from()).filter(|attempt| attempt.state != State::Success);
        let stale = is_stale(look, self.from(), add(self.at, -self.every)) == Some(true);
        let looked_at = Some(add(self.at, -self.every));
        let drill =
            look.failed_drill().filter(|(last, _)| last.ended_at < self.from() || last.ended_at >= self.until());
        let drill = drill.map(|(last, _)| last.id.clone());
        Told { trouble: trouble.map(|attempt| attempt.snapshot.clone()), stale, looked_at, drill }
    }
}

/// Where what held before comes from.
#[derive(Clone, Copy, Debug)]
pub enum Before<'m> {
    /// It is remembered.
    Remembered(&'m Memory),
    /// It is worked out.
    Beat(Beat),
}

/// Something to tell of a place, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub topic: Topic,
    /// What it is about, or what has ended: a snapshot's name, a code, or the moment from which on it holds.
    pub anchor: String,
}

/// What there is to tell after a look, and what is then told.
pub fn decide(before: Before<'_>, look: &Look<'_>) -> (Vec<Change>, Told) {
    let (told, view) = match before {
        Before::Remembered(memory) => (memory.of(look), View::whole(look)),
        Before::Beat(beat) => (beat.before(look), View::of(look, beat)),
    };
    let is_turn = told.looked_at.is_none_or(|looked_at| look.turn() > looked_at);
    let (trouble, topic) = view.trouble(look, &told, is_turn);
    let stale = view.stale.unwrap_or(told.stale);
    let mut changes = Vec::new();
    let mut tell = |topic, anchor: &str| changes.push(Change { topic, anchor: anchor.to_owned() });
    if let (Some(anchor), Some(topic), None) = (&trouble, topic, &told.trouble) {
        tell(topic, anchor);
    }
    if stale && !told.stale {
        tell(Topic::Stale, &since(look));
    }
    let was_bad = told.trouble.is_some() || told.stale;
    if was_bad && trouble.is_none() && !stale {
        // What was stale alone has ended with a good snapshot, which names it.
        tell(Topic::Recovered, &told.trouble.unwrap_or_else(|| since(look)));
    }
    let drill = look.failed_drill().map(|(last, _)| last.id.clone());
    if let Some(id) = drill.as_ref().filter(|id| told.drill.as_ref() != Some(*id)) {
        tell(Topic::Failure, &drill_anchor(id));
    }
    let drill = drill.or(told.drill);
    (changes, Told { trouble, stale, looked_at: Some(look.at), drill })
}

/// What a drill that did not pass is called.
pub(crate) fn drill_anchor(id: &str) -> String {
    format!("drill {id}")
}

/// What a look shows of the time that it is to tell of.
struct View<'a> {
    newest: Option<&'a Attempt>,
    /// `None` if nothing tells.
    stale: Option<bool>,
}

impl<'a> View<'a> {
    fn whole(look: &Look<'a>) -> Self {
        let stale = is_stale(look, Timestamp::MAX, look.at);
        Self { newest: look.newest_ended(Timestamp::MAX), stale }
    }

    fn of(look: &Look<'a>, beat: Beat) -> Self {
        let stale = is_stale(look, beat.until(), beat.at);
        Self { newest: look.newest_ended(beat.until()), stale }
    }

    /// Whether a policy that takes snapshots has none, not even a bad one.
    fn has_nothing(&self, look: &Look<'_>) -> bool {
        self.newest.is_none() && look.policy.schedule.is_some()
    }

    /// The trouble that there is now, and what it is called if it begins now.
    fn trouble(&self, look: &Look<'_>, told: &Told, is_turn: bool) -> (Option<String>, Option<Topic>) {
        let bad = self.newest.filter(|attempt| attempt.state != State::Success);
        if let Some(bad) = bad {
            let topic = if bad.state == State::Partial { Topic::Partial } else { Topic::Failure };
            return (Some(bad.snapshot.clone()), Some(topic));
        }
        match look.hindrance(self.newest) {
            // It begins with the first run of a slot; what passes before the next one has cost nothing.
            Some(failure) if is_turn || told.trouble.is_some() => {
                let anchor = format!("{} {}", failure.code, look.turn());
                (Some(anchor), Some(Topic::Failure))
            }
            // Whether a bad snapshot has been followed by a good one is not known, or it has not; or a drill was in trouble.
            _ if look.facts.is_none() || self.has_nothing(look) || look.is_drill_unseen => (told.trouble.clone(), None),
            _ => (None, None),
        }
    }
}

/// Whether it is stale at `at`, by the snapshots that had ended before `end`. Without any good one nothing grows old, and
/// what has grown old is not young again: `None`, the failures tell.
fn is_stale(look: &Look<'_>, end: Timestamp, at: Timestamp) -> Option<bool> {
    let newest = look.facts?.attempts.iter().find(|attempt| attempt.state == State::Success && attempt.end() < end)?;
    Some(look.policy.stale_from(newest.counts_from()).is_some_and(|from| from <= at))
}

/// The newest good snapshot's start, which names the staleness that it leads to or ends.
fn since(look: &Look<'_>) -> String {
    let last = look.facts.and_then(|facts| facts.last_success);
    last.map_or_else(|| "never".to_owned(), |last| last.to_string())
}

fn add(at: Timestamp, span: SignedDuration) -> Timestamp {
    let end = if span.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(span).unwrap_or(end)
}

#[cfg(test)]
mod tests;
