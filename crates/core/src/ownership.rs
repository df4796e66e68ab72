//! Whose a snapshot is: the mark that a policy leaves in name and metadata.
//!
//! A policy owns a snapshot only if the *whole* name parses as its own (`nightly` never owns `nightly-eu-…`) and,
//! where servers keep metadata (from 7.3 on), the metadata says the same.

use crate::naming::SlotName;
use crate::policy::Policy;
use crate::snapshot::Snapshot;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt;

/// The key of our own part of a snapshot's metadata.
pub const METADATA_KEY: &str = "snapkeep";

/// The key of a legal hold, with whatever value: a snapshot with it is never deleted by a policy.
pub const HOLD_KEY: &str = "snapkeep_hold";

/// Most bytes of metadata that servers take, as JSON.
pub const METADATA_LIMIT: usize = 1024;

/// What our part of the metadata says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// The slot it was taken for.
    pub slot: Timestamp,
    /// Whether the policy's retention had been confirmed when it was taken: see [`crate::plan`].
    pub confirmed: bool,
}

impl<'a> Mark<'a> {
    /// The mark of a snapshot's metadata; `None` if there is none that this program understands.
    pub fn read(snapshot: &'a Snapshot) -> Option<Self> {
        let mark = snapshot.metadata.as_ref()?.mark()?;
        Some(Self { policy: &mark.policy, slot: mark.slot, confirmed: mark.confirmed })
    }

    /// The metadata to create a snapshot with: the mark with the `run` that creates it, and the `user`'s.
    pub fn write(&self, run: &str, user: &Map<String, Value>) -> Map<String, Value> {
        let mut ours = json!({"v": 1, "policy": self.policy, "slot": self.slot.to_string(), "run": run});
        if self.confirmed {
            ours["retention"] = json!("confirmed");
        }
        let mut metadata = user.clone();
        metadata.insert(METADATA_KEY.to_owned(), ours);
        metadata
    }
}

/// Whether some policy's mark, of whatever version and installation, may be on the snapshot: in its metadata, or, where
/// servers keep none, in its name's form.
fn is_marked(snapshot: &Snapshot, has_metadata: bool) -> bool {
    match &snapshot.metadata {
        Some(metadata) => metadata.is_marked(),
        None => !has_metadata && SlotName::parse(&snapshot.name).is_some(),
    }
}

/// Why a snapshot is not a policy's although its name might make one think so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "foreign", rename_all = "snake_case")]
pub enum Foreign {
    /// Its name is no configured policy's.
    Name,
    /// Its name is a policy's, but the mark is missing in its metadata.
    NoMark,
    /// Its name is a policy's, but its metadata names another policy or slot.
    OtherMark,
    /// Its name is no configured policy's, but it carries a policy's mark: another installation's, or a former one's.
    Marked,
    /// Its name is a policy's, but an event for the repository would make the same one, and the version keeps no metadata.
    NameOfEvents,
    /// Patterns of more than one policy would adopt it: none does.
    Disputed,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "foreign: its name is no policy's here",
            Self::NoMark => "foreign: the name is a policy's, but the metadata holds no mark of it",
            Self::OtherMark => "foreign: the name is a policy's, but the metadata names another policy or slot",
            Self::Marked => "foreign: it carries the mark of a policy that is not configured here",
            Self::NameOfEvents => {
                "foreign: an event would make the same name, and this version keeps no metadata to tell"
            }
            Self::Disputed => "foreign: the patterns of more than one policy match it, so none adopts it",
        })
    }
}

/// Whether the metadata agrees that the snapshot of that `name` is `policy`'s. Where servers do not keep metadata
/// (`has_metadata` is false) the name says it all, unless an event would make the same; metadata that is there counts
/// in any case.
pub fn agrees(policy: &Policy, name: SlotName<'_>, snapshot: &Snapshot, has_metadata: bool) -> Result<(), Foreign> {
    match Mark::read(snapshot) {
        Some(mark) if mark.policy == policy.name && mark.slot == name.slot => Ok(()),
        Some(_) => Err(Foreign::OtherMark),
        None if has_metadata || snapshot.metadata.is_some() => Err(Foreign::NoMark),
        None if policy.is_named_like_events() => Err(Foreign::NameOfEvents),
        None => Ok(()),
    }
}

/// A snapshot that a policy's retention looks at.
#[derive(Clone, Copy)]
pub(crate) struct Owned<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// `None` if it is adopted.
    pub(crate) name: Option<SlotName<'a>>,
}

/// Whose each snapshot of a repository is.
pub(crate) struct Shares<'a> {
    /// By the policies' places in the list.
    pub(crate) owned: Vec<Vec<Owned<'a>>>,
    /// Sorted by name.
    pub(crate) foreign: Vec<(&'a Snapshot, Foreign)>,
}

/// Gives each snapshot to the one policy that owns or adopts it.
pub(crate) fn share_out<'a>(policies: &[&Policy], snapshots: &'a [Snapshot], has_metadata: bool) -> Shares<'a> {
    let by_prefix: HashMap<&str, usize> =
        policies.iter().enumerate().map(|(at, policy)| (policy.prefix(), at)).collect();
    let mut shares = Shares { owned: policies.iter().map(|_| Vec::new()).collect(), foreign: Vec::new() };
    for snapshot in snapshots {
        match owner(policies, &by_prefix, snapshot, has_metadata) {
            Ok((at, name)) => shares.owned[at].push(Owned { snapshot, name }),
            Err(why) => shares.foreign.push((snapshot, why)),
        }
    }
    shares.foreign.sort_unstable_by_key(|(snapshot, _)| &snapshot.name);
    shares
}

fn owner<'a>(
    policies: &[&Policy],
    by_prefix: &HashMap<&str, usize>,
    snapshot: &'a Snapshot,
    has_metadata: bool,
) -> Result<(usize, Option<SlotName<'a>>), Foreign> {
    let parsed = SlotName::parse(&snapshot.name);
    let by_name = parsed.and_then(|name| Some((*by_prefix.get(name.prefix)?, name)));
    let why = match by_name {
        None => Foreign::Name,
        Some((at, name)) => match agrees(policies[at], name, snapshot, has_metadata) {
            Ok(()) => return Ok((at, Some(name))),
            Err(why) => why,
        },
    };
    let named_by = by_name.map(|(at, _)| at);
    let mut adopters = policies.iter().enumerate().filter(|(_, policy)| policy.adopts(snapshot));
    match (adopters.next(), adopters.next()) {
        (None, _) => Err(why),
        _ if is_marked(snapshot, has_metadata) => Err(if why == Foreign::Name { Foreign::Marked } else { why }),
        (Some(_), Some(_)) => Err(Foreign::Disputed),
        // A name of another policy's is that policy's, marked or not.
        (Some((at, _)), None) if named_by.is_none_or(|named_by| named_by == at) => Ok((at, None)),
        (Some(_), None) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, metadata: Option<Value>) -> Snapshot {
        Snapshot {
            metadata: metadata.map(|value| value.as_object().unwrap().clone().into()),
            ..crate::testing::snapshot(name)
        }
    }

    #[test]
    fn name_and_metadata_must_agree() {
        let text = "nightly-20260203t040506z";
        let name = SlotName::parse(text).unwrap();
        let nightly = Policy::new(crate::testing::settings("nightly")).unwrap();
        let mark = |policy: &str, slot: &str| Some(json!({"snapkeep": {"v": 1, "policy": policy, "slot": slot}}));
        for (metadata, has_metadata, expected) in [
            (mark("nightly", "2026-02-03T04:05:06Z"), true, Ok(())),
            (mark("nightly", "2026-02-03T05:05:06+01:00"), false, Ok(())),
            (mark("nightly", "2026-02-03T04:05:07Z"), true, Err(Foreign::OtherMark)),
            (mark("weekly", "2026-02-03T04:05:06Z"), false, Err(Foreign::OtherMark)),
            (None, true, Err(Foreign::NoMark)),
            (None, false, Ok(())),
            (Some(json!({"owner": "me"})), false, Err(Foreign::NoMark)),
            (Some(json!({"snapkeep": {"v": 2, "policy": "nightly"}})), true, Err(Foreign::NoMark)),
            (Some(json!({"snapkeep": "nightly"})), true, Err(Foreign::NoMark)),
        ] {
            assert_eq!(
                agrees(&nightly, name, &snapshot(text, metadata.clone()), has_metadata),
                expected,
                "{metadata:?}"
            );
        }
    }

    #[test]
    fn a_mark_is_read_as_written() {
        let slot = "2026-02-03T04:05:06Z".parse().unwrap();
        for confirmed in [false, true] {
            let mark = Mark { policy: "nightly", slot, confirmed };
            let user = json!({"team": "search"}).as_object().unwrap().clone();
            let metadata = mark.write("run-1", &user);
            assert_eq!(metadata["team"], "search");
            let snapshot = Snapshot { metadata: Some(metadata.into()), ..crate::testing::snapshot("x") };
            assert_eq!(Mark::read(&snapshot), Some(mark));
        }
    }
}
