//! What a restore would do: which indices come back under which names, what stands in their way, whether there is room,
//! and what is left out. A pure plan that is shown before anything is done; whoever carries it out looks again before
//! and demands that the plan would still be the same.

mod body;
mod choose;
mod conflict;
mod pick;
mod problems;
mod release;
mod rename;
mod room;
mod truth;

pub use body::Batch;
pub use choose::{Among, Choice, choose};
pub use release::{Compatibility, Release};
pub use rename::{Rename, RenamePattern};
pub use room::{Room, ShardRoom, Tier};
pub use truth::{Missing, Piece, Pieces, Stage, Truth};

use crate::pattern::Pattern;
use crate::snapshot::{Details, State};
use crate::{Code, Failure};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What stands before a name where `rename` is the way around a conflict.
pub const ASIDE: &str = "restored-";

/// What is asked for.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Request {
    /// Names and patterns of indices and data streams; none, here and in `data_streams`, are all that are no system's.
    pub indices: Vec<Pattern>,
    /// Not these.
    pub exclude: Vec<Pattern>,
    /// Names and patterns of data streams alone.
    pub data_streams: Vec<Pattern>,
    /// Indices that begin with a dot come back only if one of these is about them.
    pub include_system: Vec<Pattern>,
    /// Other names for all.
    pub rename: Option<Rename>,
    /// What to do where something is in the way.
    pub on_conflict: OnConflict,
    /// Settings that the restored indices get in the place of their own.
    pub settings: Map<String, Value>,
    /// Settings that the restored indices lose.
    pub drop_settings: Vec<String>,
    /// With the indices' aliases.
    pub aliases: bool,
    /// With indices of which the snapshot lacks shards; those come back empty.
    pub partial: bool,
    /// With the cluster's global state: persistent settings and templates.
    pub global_state: bool,
    /// Whether the global state's templates may take the place of templates that are there.
    pub replace_templates: bool,
    /// Whether to go on where the disks have no room.
    pub ignore_disk: bool,
    /// Whether an index that this snapshot was restored to before, and that lacks shards, is left as it is: looked at, and
    /// told. Otherwise it is closed and restored again.
    pub leave_incomplete: bool,
    /// Whether the global state is asked for only with what is restored, or where nothing came from this snapshot yet: the
    /// same request may come twice, unasked.
    pub state_once: bool,
}

/// What to do where something is in the way. Nothing is ever deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Nothing at all is restored.
    #[default]
    Fail,
    /// What is in conflict is left out.
    Skip,
    /// What is in conflict comes back as `restored-…`.
    Rename,
    /// The index that is there is closed, and the snapshot's content takes the place of its own.
    Close,
}

/// What was seen: the snapshot, and the cluster that it is to be restored to.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The repository's name.
    pub repository: String,
    /// What is restored to.
    pub target: Release,
    /// The snapshot.
    pub source: Details,
    /// Shards and bytes of each of its indices, where they are known.
    pub sizes: BTreeMap<String, Size>,
    /// All indices that are there, open, closed and hidden.
    pub indices: BTreeMap<String, Existing>,
    /// All aliases that are there.
    pub aliases: BTreeMap<String, Alias>,
    /// All data streams that are there.
    pub data_streams: BTreeSet<String>,
    /// The index templates that are there and are users' own.
    pub templates: BTreeSet<String>,
    /// The data nodes by tier; empty if they could not be looked at.
    pub tiers: Vec<Tier>,
    /// How many shards there are and may be, if there is a limit.
    pub shards: Option<ShardRoom>,
}

/// Shards and bytes of one index, without replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Shards.
    pub shards: u64,
    /// Bytes.
    pub bytes: u64,
}

/// An index that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    /// Whether it is closed.
    pub closed: bool,
    /// The data stream that it is a part of.
    pub data_stream: Option<String>,
    /// Its aliases.
    pub aliases: BTreeSet<String>,
    /// What it was restored from, as far as its shards still tell.
    pub restored: Option<Restored>,
}

/// What an index was restored from, and how far that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The repository's name.
    pub repository: String,
    /// The snapshot's name.
    pub snapshot: String,
    /// The index's name in it.
    pub index: String,
    /// When the first of its shards began, by the server's clock.
    pub began_at: Option<Timestamp>,
    /// Primary shards: all, those that serve, those that have failed. The others are being restored.
    pub shards: u64,
    /// Those that serve.
    pub started: u64,
    /// Those that have failed.
    pub failed: u64,
}

/// An alias that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alias {
    /// Its indices.
    pub indices: BTreeSet<String>,
    /// The one of them that is written to.
    pub write_index: Option<String>,
}

/// What would be done. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RestorePlan {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// The snapshot's name.
    pub snapshot: String,
    /// The server's id for it.
    pub uuid: Option<String>,
    /// Its state.
    pub state: Option<State>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// The version that took it.
    pub version: Option<String>,
    /// What is restored to.
    pub target: String,
    /// What comes back, and what is done about it, in the order of names.
    pub items: Vec<Item>,
    /// What the snapshot holds and stays where it is.
    pub left_out: Vec<LeftOut>,
    /// Disk and shards.
    pub room: Room,
    /// What was asked for beyond the items.
    pub options: Options,
    /// Why the plan may not be carried out. Empty if it may.
    pub problems: Vec<Problem>,
    /// What to know although it may.
    pub warnings: Vec<String>,
    #[serde(skip)]
    sends_state: bool,
    #[serde(skip)]
    rename: Option<Rename>,
    #[serde(skip)]
    target_release: Release,
}

/// What is asked for beyond indices and names.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    /// What to do where something is in the way.
    pub on_conflict: OnConflict,
    /// With aliases.
    pub aliases: bool,
    /// With indices that lack shards.
    pub partial: bool,
    /// With the cluster's global state.
    pub global_state: bool,
    /// Settings that are set.
    pub settings: Map<String, Value>,
    /// Settings that are dropped.
    pub drop_settings: Vec<String>,
}

/// One index or data stream of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its name in the snapshot.
    pub source: String,
    /// The name that it gets.
    pub target: String,
    /// What it is.
    pub kind: Kind,
    /// What is done.
    pub action: Action,
    /// Why, in words. Never empty.
    pub reasons: Vec<String>,
    /// The indices that it is made of, by the names that they get; for an index itself.
    pub indices: Vec<String>,
    /// Its shards, without replicas.
    pub shards: Option<u64>,
    /// Its bytes, without replicas.
    pub bytes: Option<u64>,
    /// Whether its aliases come with it.
    pub aliases: bool,
    #[serde(skip)]
    rule: Rule,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An index.
    Index,
    /// A data stream with the indices behind it.
    DataStream,
}

/// What is done about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing has its name: it is restored.
    Restore,
    /// The index that has its name is closed, if it is not, and its content is replaced.
    Close,
    /// It was restored from this snapshot and lacks shards: it is closed and restored again.
    Again,
    /// It is being restored from this snapshot, or lacks shards and is left so: it is followed.
    Follow,
    /// It was restored from this snapshot: nothing.
    Done,
    /// Something is in its way: it is left out, as asked.
    Skip,
    /// Something is in its way: nothing is restored.
    Blocked,
}

impl Action {
    /// Whether a request to restore it is sent.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Restore | Self::Close | Self::Again)
    }

    /// Whether it is there in the end.
    pub fn is_expected(self) -> bool {
        self.is_sent() || matches!(self, Self::Follow | Self::Done)
    }

    /// Whether an open index is closed for it.
    pub fn closes(self) -> bool {
        matches!(self, Self::Close | Self::Again)
    }
}

/// By which rule an item got its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// It keeps its own.
    #[default]
    Keep,
    /// The one that was asked for.
    Asked,
    /// [`ASIDE`].
    Aside,
}

/// Something that the snapshot holds and that is not restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
    /// What brings it back all the same.
    pub hint: Option<String>,
}

/// Why a plan may not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its code.
    pub code: Code,
    /// What is wrong.
    pub cause: String,
    /// The way out.
    pub hint: String,
}

impl Problem {
    fn new(code: Code, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), hint: hint.into() }
    }
}

/// Decides what would be done.
pub fn plan(facts: &Facts, request: &Request) -> RestorePlan {
    let picked = pick::pick(facts, request);
    let mut items: Vec<Item> = picked.chosen.iter().map(|chosen| conflict::item(chosen, facts, request)).collect();
    conflict::refuse_collisions(&mut items);
    let room = room::room(&items, facts, request);
    let sends_state = sends_state(request, &items);
    let mut complaints = picked.problems;
    complaints.extend(problems::of_snapshot(facts, request, &items));
    complaints.extend(problems::of_items(&items, request));
    complaints.extend(problems::of_templates(facts, request, &items));
    complaints.extend(room.problems(request));
    let mut warnings = picked.warnings;
    warnings.extend(problems::warnings_of(facts, request, &items, &room));
    let source = &facts.source.snapshot;
    RestorePlan {
        schema: 1,
        repository: facts.repository.clone(),
        snapshot: source.name.clone(),
        uuid: source.uuid.clone(),
        state: source.state,
        started_at: source.started_at,
        version: facts.source.version.clone(),
        target: facts.target.to_string(),
        items,
        left_out: picked.left_out,
        room,
        options: Options {
            on_conflict: request.on_conflict,
            aliases: request.aliases,
            partial: request.partial,
            global_state: request.global_state,
            settings: request.settings.clone(),
            drop_settings: request.drop_settings.clone(),
        },
        problems: complaints,
        warnings,
        sends_state,
        rename: request.rename.clone(),
        target_release: facts.target,
    }
}

/// The global state goes with the first request, or alone where nothing else is to be sent; not while something is followed,
/// since it went with that.
fn sends_state(request: &Request, items: &[Item]) -> bool {
    let has = |action| items.iter().any(|item| item.action == action);
    let went = has(Action::Follow) || (request.state_once && has(Action::Done));
    request.global_state && (items.iter().any(|item| item.action.is_sent()) || !went)
}

impl RestorePlan {
    /// Whether there is nothing to send and nothing to follow.
    pub fn is_done(&self) -> bool {
        !self.sends_state() && !self.items.iter().any(|item| item.action.is_sent() || item.action == Action::Follow)
    }

    /// Whether the global state is asked for of the server: with the first request, or alone.
    pub fn sends_state(&self) -> bool {
        self.sends_state
    }

    /// The items for which a request is sent.
    pub fn sent(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.action.is_sent())
    }

    /// The first reason why it may not be carried out.
    pub fn complaint(&self) -> Option<Failure> {
        let first = self.problems.first()?;
        let more = self.problems.len() - 1;
        let cause = if more > 0 { format!("{}; {more} more problems", first.cause) } else { first.cause.clone() };
        Some(Failure::new(first.code, cause, &first.hint))
    }

    /// What differs in `now`, which was made in the same way just before this plan is carried out: `None` if the plan
    /// still stands.
    pub fn stale(&self, now: &Self) -> Option<Failure> {
        let what = if self.uuid != now.uuid || self.started_at != now.started_at {
            format!("another snapshot is named {} now", self.snapshot)
        } else {
            // What was being restored may have come to its end.
            let standing = |action| if action == Action::Done { Action::Follow } else { action };
            let facts = |plan: &Self| -> Vec<(String, String, Action)> {
                plan.items
                    .iter()
                    .map(|item| (item.source.clone(), item.target.clone(), standing(item.action)))
                    .collect()
            };
            let (planned, found) = (facts(self), facts(now));
            let differs = planned.iter().zip(&found).find(|(planned, found)| planned != found);
            let is_same = planned.len() == found.len() && differs.is_none();
            match (differs, now.problems.first()) {
                (_, Some(problem)) if self.problems.is_empty() => problem.cause.clone(),
                _ if is_same => return None,
                (Some((planned, _)), _) => format!("what stands in the way of {} has changed", planned.0),
                (None, _) => "what the snapshot holds has changed".to_owned(),
            }
        };
        let hint = "nothing was done; make the plan again and look at it";
        Some(Failure::new(Code::PlanStale, format!("the plan does not hold any more: {what}"), hint))
    }
}

#[cfg(test)]
mod tests;
