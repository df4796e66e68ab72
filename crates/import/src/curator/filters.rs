//! The filters of `delete_snapshots`, one after the other, as what they come to: which snapshots, and when they go.

use super::dates;
use super::names::{of_pattern, of_timestring};
use crate::Desk;
use crate::section::Section;
use crate::span::unit_seconds;
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::adopt::NameRegex;
use snapkeep_core::snapshot::State;

const STATES: [(&str, State); 4] = [
    ("SUCCESS", State::Success),
    ("PARTIAL", State::Partial),
    ("FAILED", State::Failed),
    ("IN_PROGRESS", State::InProgress),
];

/// What a chain of filters leaves in the list, to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Found in the name, each of them.
    pub(super) matches: Vec<String>,
    /// Not found in the name, none of them.
    pub(super) except: Vec<String>,
    pub(super) states: Vec<State>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    /// Only what is older, in seconds.
    pub(super) older: Option<i64>,
    /// Less so many of the newest.
    pub(super) beyond: Option<u32>,
}

/// Why a filter cannot be said, and what to do instead.
pub(super) struct Unsayable(pub(super) &'static str, pub(super) &'static str);

const PLAIN_AGE: &str = "let a policy keep by age: `keep: {max_age: …}`";
const ONE_OFF: &str = "delete such snapshots once: snapkeep delete --match … --older-than … --newer-than …";

impl Chain {
    pub(super) fn all() -> Self {
        let states = STATES.map(|(_, state)| state).to_vec();
        Self { matches: vec![], except: vec![], states, from: None, to: None, older: None, beyond: None }
    }

    /// Narrows by one more filter.
    pub(super) fn narrow(&mut self, filter: &mut Section<'_>, desk: &mut Desk) -> Result<(), Unsayable> {
        let kind = filter.text("filtertype").unwrap_or_default();
        if self.beyond.is_some() && !["age", "none", "count"].contains(&kind.as_str()) {
            return Err(Unsayable(
                "it narrows what a count has left, so that the count takes others into account",
                "put it before the count and import again, if that is what is meant",
            ));
        }
        match kind.as_str() {
            "none" => Ok(()),
            "pattern" => self.pattern(filter),
            "state" => self.state(filter),
            "age" => self.age(filter, desk),
            "count" => self.count(filter, desk),
            "period" => self.period(filter, desk),
            _ => Err(Unsayable("Curator has no such filter for snapshots", "mend it there and import again")),
        }
    }

    fn pattern(&mut self, filter: &mut Section<'_>) -> Result<(), Unsayable> {
        let (kind, value) = (filter.text("kind").unwrap_or_default(), filter.text("value").unwrap_or_default());
        let regex = of_pattern(&kind, &value).filter(|_| !value.is_empty());
        let regex =
            regex.ok_or(Unsayable("its kind or value is not one of Curator's", "mend it there and import again"))?;
        self.named(regex, filter.flag("exclude").unwrap_or(false))
    }

    fn named(&mut self, regex: String, exclude: bool) -> Result<(), Unsayable> {
        if NameRegex::parse(&regex).is_err() {
            let why = "its regular expression needs Python's: look-around and back references are not known here";
            return Err(Unsayable(why, "write it without them and import again"));
        }
        let list = if exclude { &mut self.except } else { &mut self.matches };
        if !list.contains(&regex) {
            list.push(regex);
        }
        Ok(())
    }

    fn state(&mut self, filter: &mut Section<'_>) -> Result<(), Unsayable> {
        let word = filter.text("state").unwrap_or_else(|| "SUCCESS".to_owned());
        let known = STATES.into_iter().find(|(name, _)| *name == word);
        let (_, state) =
            known.ok_or(Unsayable("it is no state that Curator knows", "mend it there and import again"))?;
        let exclude = filter.flag("exclude").unwrap_or(false);
        self.states.retain(|one| (*one == state) != exclude);
        Ok(())
    }

    /// Where ages come from. By the name, only names that hold a date are in the list, and the age is another.
    fn source(&mut self, filter: &mut Section<'_>, desk: &mut Desk) -> Result<(), Unsayable> {
        let (source, timestring) = (filter.text("source"), filter.text("timestring"));
        match (source.as_deref(), timestring) {
            (Some("name"), Some(timestring)) => {
                let why = "ages here are by the server's start time of a snapshot, whatever its name says";
                desk.differs(
                    &filter.at,
                    "source: name",
                    why,
                    "nothing to do, if names are made when snapshots are taken",
                );
                self.named(of_timestring(&timestring), false)
            }
            (None | Some("creation_date"), _) => Ok(()),
            _ => Err(Unsayable(
                "its `source` is not one of Curator's, or lacks `timestring`",
                "mend it there and import again",
            )),
        }
    }

    fn age(&mut self, filter: &mut Section<'_>, desk: &mut Desk) -> Result<(), Unsayable> {
        let unit = filter.text("unit").and_then(|unit| unit_seconds(&unit));
        let length = unit.zip(filter.number("unit_count")).and_then(|(unit, count)| unit.checked_mul(count));
        let length =
            length.ok_or(Unsayable("its unit or unit_count cannot be read", "mend it there and import again"))?;
        let older = match filter.text("direction").as_deref() {
            Some("older") => true,
            Some("younger") => false,
            _ => return Err(Unsayable("it does not say `older` or `younger`", "mend it there and import again")),
        };
        let exclude = filter.flag("exclude").unwrap_or(false);
        let epoch = filter.number("epoch").filter(|epoch| *epoch != 0);
        if filter.has("unit_count_pattern") {
            return Err(Unsayable("Curator does not take `unit_count_pattern` for snapshots", "leave it out"));
        }
        self.source(filter, desk)?;
        match epoch {
            Some(epoch) => self.fixed(epoch, length, older, exclude),
            None if older != exclude => self.aged(length),
            None => Err(Unsayable("it takes the young and leaves the old, at every run", ONE_OFF)),
        }
    }

    /// Ages are whole seconds with Curator: what is older is a second earlier at least.
    fn fixed(&mut self, epoch: i64, length: i64, older: bool, exclude: bool) -> Result<(), Unsayable> {
        if self.beyond.is_some() {
            return Err(Unsayable("it bounds what a count has left by a fixed moment", "put it before the count"));
        }
        let bound = dates::epoch(epoch).and_then(|at| at.checked_sub(SignedDuration::from_secs(length)).ok());
        let bound = bound.ok_or(Unsayable("its epoch cannot be read", "mend it there and import again"))?;
        let later = bound.checked_add(SignedDuration::from_secs(1)).unwrap_or(bound);
        match (older, exclude) {
            (true, false) => self.bound(None, Some(bound)),
            (true, true) => self.bound(Some(bound), None),
            (false, false) => self.bound(Some(later), None),
            (false, true) => self.bound(None, Some(later)),
        }
        Ok(())
    }

    fn bound(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        self.from = self.from.max(from);
        self.to = [self.to, to].into_iter().flatten().min();
    }

    fn aged(&mut self, length: i64) -> Result<(), Unsayable> {
        if length < 0 {
            return Err(Unsayable("it counts into the future", "mend it there and import again"));
        }
        // Whatever began before now is older than nothing.
        if length > 0 {
            self.older = self.older.max(Some(length));
        }
        Ok(())
    }

    fn count(&mut self, filter: &mut Section<'_>, desk: &mut Desk) -> Result<(), Unsayable> {
        let count = filter.number("count").and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
        let count = count.ok_or(Unsayable("its count cannot be read", "mend it there and import again"))?;
        let (reverse, exclude) = (filter.flag("reverse").unwrap_or(true), filter.flag("exclude").unwrap_or(true));
        if !reverse && exclude {
            return Err(Unsayable(
                "it keeps the oldest and deletes the newest",
                "keep the newest: `keep: {max_count: …}`",
            ));
        }
        if !exclude {
            return Err(Unsayable(
                "it deletes so many at every run, however few are left",
                "say how many stay: `keep: {max_count: …}`",
            ));
        }
        if self.older.is_some() || self.beyond.is_some() {
            return Err(Unsayable(
                "it keeps some of the old ones, beside all young ones",
                "put it before the age and import again, to keep so many of all: `keep: {min_count: …, max_age: …}`",
            ));
        }
        if filter.flag("use_age").unwrap_or(false) {
            self.source(filter, desk)?;
        } else {
            filter.take("source");
            filter.take("timestring");
            let why = "Curator counts by names, from z to a; here by start, from the newest";
            desk.differs(&filter.at, "use_age: false", why, "nothing to do, if names sort as their times do");
        }
        self.beyond = Some(count);
        Ok(())
    }

    fn period(&mut self, filter: &mut Section<'_>, desk: &mut Desk) -> Result<(), Unsayable> {
        let kind = filter.text("period_type").unwrap_or_else(|| "relative".to_owned());
        if kind != "absolute" {
            let why = "it takes what lies in a stretch of the calendar that moves, and leaves the older";
            return Err(Unsayable(why, PLAIN_AGE));
        }
        if filter.flag("exclude").unwrap_or(false) {
            return Err(Unsayable("it takes what lies before and after a stretch of time", ONE_OFF));
        }
        let (from, to) = dates::absolute(filter).map_err(|why| Unsayable(why, "mend it there and import again"))?;
        self.source(filter, desk)?;
        for unused in ["range_from", "range_to", "week_starts_on", "epoch"] {
            filter.take(unused);
        }
        self.bound(Some(from), Some(to));
        Ok(())
    }
}
