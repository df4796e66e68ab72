//! A valid policy: what is to be taken, when, and what is to stay.

use crate::adopt::Adopt;
use crate::drill::Drill;
use crate::naming::{self, NAME_LIMIT, RepositoryName, SlotName};
use crate::ownership::{self, Foreign, METADATA_KEY, METADATA_LIMIT, Mark};
use crate::period::Period;
use crate::retention::Keep;
use crate::schedule::Schedule;
use crate::selection::Selection;
use crate::snapshot::Snapshot;
use crate::{Code, Failure};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

/// Longest prefix, in bytes: room for the slot and the attempt within [`NAME_LIMIT`].
pub const PREFIX_LIMIT: usize = NAME_LIMIT - 40;

/// What a run's id may take in the metadata, in bytes.
pub const RUN_LIMIT: usize = 36;

/// How many deletions one run does if the policy does not say.
pub const DEFAULT_MAX_DELETES: u32 = 100;

/// How many attempts one slot gets if the policy does not say.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;

/// What a policy may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A slot's snapshot begins at most so long after the slot; without it, until the next slot.
    pub start_window: Option<Period>,
    /// A snapshot that runs longer is reported. It is never deleted for that.
    pub max_duration: Option<Period>,
    /// Most deletions of one run.
    pub max_deletes_per_run: u32,
    /// Most attempts at one slot: each that ended FAILED or PARTIAL is one.
    pub max_attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start_window: None,
            max_duration: None,
            max_deletes_per_run: DEFAULT_MAX_DELETES,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
        }
    }
}

/// What a policy is made of, not yet checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name: what the mark in the metadata says.
    pub name: String,
    /// Names of the clusters that it holds for.
    pub clusters: Vec<String>,
    /// The repository, by the name that each of these clusters has it registered under.
    pub repository: RepositoryName,
    /// What its snapshots hold.
    pub indices: Selection,
    /// When it is due; without one it only keeps and deletes.
    pub schedule: Option<Schedule>,
    /// Where the calendar's rules of `keep` have their boundaries.
    pub zone: TimeZone,
    /// The first part of its snapshots' names; the policy's name without it.
    pub prefix: Option<String>,
    /// The user's metadata.
    pub metadata: Map<String, Value>,
    /// Whether a snapshot may leave out shards that are not there.
    pub partial: bool,
    /// Whether the cluster's state goes into it.
    pub include_global_state: bool,
    /// What stays; without it nothing is ever deleted.
    pub keep: Option<Keep>,
    /// What it may not exceed.
    pub limits: Limits,
    /// The policy is stale when its newest SUCCESS began longer ago; without it, when two slots in a row have none.
    pub stale_after: Option<Period>,
    /// Whether it may delete without having been confirmed once.
    pub first_delete: FirstDelete,
    /// Foreign snapshots that its retention takes.
    pub adopt: Vec<Adopt>,
    /// How restoring its snapshots is practised; without it, it is not.
    pub drill: Option<Drill>,
}

impl Settings {
    /// A policy of everything on these clusters, of which nothing else is said: it has no schedule, deletes nothing, practises nothing.
    pub fn of(name: impl Into<String>, clusters: &[&str], repository: RepositoryName) -> Self {
        Self {
            name: name.into(),
            clusters: clusters.iter().map(|&cluster| cluster.to_owned()).collect(),
            repository,
            indices: Selection::default(),
            schedule: None,
            zone: TimeZone::UTC,
            prefix: None,
            metadata: Map::new(),
            partial: false,
            include_global_state: false,
            keep: None,
            limits: Limits::default(),
            stale_after: None,
            first_delete: FirstDelete::default(),
            adopt: Vec::new(),
            drill: None,
        }
    }
}

/// Whether a policy may delete before somebody has seen its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstDelete {
    /// Only once a plan of it was applied with `--yes`.
    #[default]
    Confirm,
    /// From the start.
    Allow,
}

/// A policy whose settings were checked.
#[derive(Clone, Debug)]
pub struct Policy {
    settings: Settings,
    prefix: String,
}

impl Deref for Policy {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl Policy {
    /// Checks settings; the only way to a policy.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        let fail =
            |failure: Failure| failure.clone().with_cause(format!("policy {:?}: {}", settings.name, failure.cause));
        check_name(&settings).map_err(fail)?;
        check_place(&settings).map_err(fail)?;
        check_metadata(&settings).map_err(fail)?;
        check_limits(&settings).map_err(fail)?;
        settings.keep.iter().try_for_each(Keep::check).map_err(fail)?;
        settings.drill.iter().try_for_each(Drill::check).map_err(fail)?;
        let prefix = settings.prefix.clone().unwrap_or_else(|| settings.name.clone());
        Ok(Self { settings, prefix })
    }

    /// The first part of its snapshots' names.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the snapshot is the policy's own, and for which slot and attempt.
    pub fn owns<'s>(&self, snapshot: &'s Snapshot, has_metadata: bool) -> Result<SlotName<'s>, Foreign> {
        let name = SlotName::parse(&snapshot.name).filter(|name| name.prefix == self.prefix).ok_or(Foreign::Name)?;
        ownership::agrees(self, name, snapshot, has_metadata).map(|()| name)
    }

    /// Whether an event for its repository would make the same names, and the configuration does not say that these are
    /// the policy's by giving it that very `prefix`. It matters where servers keep no metadata.
    pub fn is_named_like_events(&self) -> bool {
        self.settings.prefix.is_none() && self.prefix == naming::prefix(self.repository.as_str())
    }

    /// The moment from which on it is stale, if its newest good snapshot counts from `start`; `None` if it never is.
    pub fn stale_from(&self, start: Timestamp) -> Option<Timestamp> {
        match self.stale_after {
            Some(period) => Some(period.after(start, &self.zone)),
            None => self.schedule.as_ref()?.upcoming(start).nth(1),
        }
    }

    /// Whether one of its patterns takes the foreign snapshot.
    pub fn adopts(&self, snapshot: &Snapshot) -> bool {
        self.adopt.iter().any(|adopt| adopt.takes(snapshot))
    }
}

/// Whether policies can stand beside one another: no two have one name, nor make the same snapshots' names in one
/// repository of one cluster.
pub fn check_set(policies: &[Policy]) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    let mut makers: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    for policy in policies {
        if !names.insert(policy.name.as_str()) {
            return Err(bad(&format!("two policies are named {:?}", policy.name), "give each a name of its own"));
        }
        for cluster in &policy.clusters {
            let place = (cluster.as_str(), policy.repository.as_str(), policy.prefix());
            if let Some(other) = makers.insert(place, &policy.name) {
                let cause = format!(
                    "policies {other:?} and {:?} would make the same names in repository {:?} of cluster {cluster:?}",
                    policy.name, place.1
                );
                return Err(bad(&cause, "give one of them another `prefix`"));
            }
        }
    }
    Ok(())
}

/// Whether each of `only` is the name of a policy; `bad_event` that names the first that is not.
pub fn check_names(policies: &BTreeMap<String, Policy>, only: &[String]) -> Result<(), Failure> {
    let Some(unknown) = only.iter().find(|name| !policies.contains_key(*name)) else { return Ok(()) };
    let known: Vec<&str> = policies.keys().map(String::as_str).collect();
    let hint = if known.is_empty() { "there are none".to_owned() } else { format!("there are: {}", known.join(", ")) };
    Err(Failure::new(Code::BadEvent, format!("the configuration has no policy named {unknown:?}"), hint))
}

fn bad(cause: &str, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}

fn check_name(settings: &Settings) -> Result<(), Failure> {
    for (field, text) in [("name", Some(&settings.name)), ("prefix", settings.prefix.as_ref())] {
        let Some(text) = text else { continue };
        if text.is_empty() || *text != naming::prefix(text) || text.len() > PREFIX_LIMIT {
            return Err(bad(
                &format!("the {field} {text:?} cannot begin a snapshot's name"),
                "use up to 160 lower-case letters, digits, `-`, `.` and `_`, beginning with a letter or digit",
            ));
        }
    }
    Ok(())
}

fn check_place(settings: &Settings) -> Result<(), Failure> {
    if settings.repository.is_reserved() {
        let cause = format!("repository {:?} is the managed service's own", settings.repository.as_str());
        return Err(bad(&cause, "name a repository of yours: those that begin with `cs-` are never written"));
    }
    let distinct: BTreeSet<&String> = settings.clusters.iter().collect();
    if settings.clusters.is_empty() || distinct.len() < settings.clusters.len() {
        return Err(bad("it names no cluster, or one of them twice", "name each cluster once"));
    }
    Ok(())
}

fn check_metadata(settings: &Settings) -> Result<(), Failure> {
    if settings.metadata.contains_key(METADATA_KEY) {
        return Err(bad("`metadata` may not hold `snapkeep`: that is the policy's mark", "use another key"));
    }
    let mark = Mark { policy: &settings.name, slot: Timestamp::UNIX_EPOCH, confirmed: true };
    let metadata = Value::Object(mark.write(&"x".repeat(RUN_LIMIT), &settings.metadata)).to_string();
    if metadata.len() < METADATA_LIMIT {
        return Ok(());
    }
    let cause = format!("`metadata` and the policy's mark are {} bytes together", metadata.len());
    Err(bad(&cause, "servers take less than 1,024: shorten `metadata`"))
}

fn check_limits(settings: &Settings) -> Result<(), Failure> {
    if settings.limits.max_deletes_per_run == 0 {
        return Err(bad("`max_deletes_per_run` is 0", "leave `keep` out if nothing is to be deleted"));
    }
    if settings.limits.max_attempts == 0 {
        return Err(bad("`max_attempts` is 0", "leave `schedule` out if nothing is to be taken"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
