//! What stands in the way of each item, and what is done about it.

use super::pick::Chosen;
use super::rename::{Rename, invalid};
use super::{ASIDE, Action, Existing, Facts, Item, Kind, OnConflict, Request, Rule};
use crate::selection::BACKING;
use std::collections::BTreeMap;

/// An item under one name that it could get.
struct Place<'a> {
    chosen: &'a Chosen,
    rule: Rule,
    target: String,
    indices: Vec<String>,
    facts: &'a Facts,
    request: &'a Request,
}

/// How that name is found.
enum Standing {
    /// Nothing has it.
    Free,
    /// What has it came from this very snapshot.
    Ours(Action, String),
    /// No index can have it, or what is there cannot be helped.
    Hopeless(String),
    /// Something else has it.
    Taken(Conflict),
}

enum Conflict {
    Index { name: String, closed: bool },
    Part { name: String, of: String },
    Alias { name: String, of: String },
    Stream { name: String },
    Aliases { alias: String, of: String, writes: bool },
}

/// The item, with what is done about it.
pub(super) fn item(chosen: &Chosen, facts: &Facts, request: &Request) -> Item {
    let rule = if request.rename.is_some() { Rule::Asked } else { Rule::Keep };
    let place = Place::new(chosen, rule, facts, request);
    let conflict = match place.standing() {
        Standing::Taken(conflict) => conflict,
        settled => return place.settled(settled),
    };
    let words = conflict.words();
    match (request.on_conflict, &conflict) {
        (OnConflict::Skip, _) => place.item(Action::Skip, vec![words]),
        (OnConflict::Close, Conflict::Index { closed, .. }) if chosen.kind == Kind::Index => {
            let then = if *closed { "its content is replaced" } else { "it is closed, and its content replaced" };
            place.item(Action::Close, vec![words, then.to_owned()])
        }
        (OnConflict::Close, _) => place.item(Action::Blocked, vec![words, "it cannot be closed".to_owned()]),
        (OnConflict::Rename, Conflict::Aliases { .. }) => {
            let item = place.item(Action::Restore, vec![words, "its aliases stay out".to_owned()]);
            Item { aliases: false, ..item }
        }
        (OnConflict::Rename, _) if rule == Rule::Keep => aside(chosen, words, facts, request),
        (OnConflict::Rename, _) => {
            place.item(Action::Blocked, vec![words, "its new name was asked for and is taken".to_owned()])
        }
        (OnConflict::Fail, _) => place.item(Action::Blocked, vec![words]),
    }
}

/// Under another name, if that is free.
fn aside(chosen: &Chosen, words: String, facts: &Facts, request: &Request) -> Item {
    let place = Place::new(chosen, Rule::Aside, facts, request);
    let mut item = match place.standing() {
        Standing::Taken(conflict) => place.item(Action::Blocked, vec![conflict.words()]),
        settled => place.settled(settled),
    };
    item.reasons.insert(0, words);
    item
}

impl<'a> Place<'a> {
    fn new(chosen: &'a Chosen, rule: Rule, facts: &'a Facts, request: &'a Request) -> Self {
        let aside = Rename::Prefix(ASIDE.to_owned());
        let rename = match rule {
            Rule::Keep => None,
            Rule::Asked => request.rename.as_ref(),
            Rule::Aside => Some(&aside),
        };
        let renamed = |name: &str| rename.map_or_else(|| name.to_owned(), |rename| rename.apply(name));
        // Servers rename what stands behind the `.ds-` of a stream's indices.
        let behind = |name: &String| match name.strip_prefix(BACKING) {
            Some(rest) if chosen.kind == Kind::DataStream => format!("{BACKING}{}", renamed(rest)),
            _ => renamed(name),
        };
        let (target, indices) = (renamed(&chosen.name), chosen.indices.iter().map(behind).collect());
        Self { chosen, rule, target, indices, facts, request }
    }

    fn item(&self, action: Action, reasons: Vec<String>) -> Item {
        let sizes: Option<Vec<_>> = self.chosen.indices.iter().map(|index| self.facts.sizes.get(index)).collect();
        Item {
            source: self.chosen.name.clone(),
            target: self.target.clone(),
            kind: self.chosen.kind,
            action,
            reasons,
            indices: self.indices.clone(),
            shards: sizes.as_ref().map(|sizes| sizes.iter().map(|size| size.shards).sum()),
            bytes: sizes.as_ref().map(|sizes| sizes.iter().map(|size| size.bytes).sum()),
            aliases: self.request.aliases,
            rule: self.rule,
        }
    }

    /// The item where no choice is needed.
    fn settled(&self, standing: Standing) -> Item {
        match standing {
            Standing::Ours(action, why) => self.item(action, vec![why]),
            Standing::Hopeless(why) => self.item(Action::Blocked, vec![why]),
            Standing::Free | Standing::Taken(_) => self.item(Action::Restore, vec![self.chosen.reason.clone()]),
        }
    }

    fn standing(&self) -> Standing {
        if let Some(why) = invalid(&self.target) {
            return Standing::Hopeless(format!("no index can be named {}: {why}", self.target));
        }
        match self.chosen.kind {
            Kind::Index => self.standing_of_index(),
            Kind::DataStream => self.standing_of_stream(),
        }
    }

    fn standing_of_index(&self) -> Standing {
        if let Some(existing) = self.facts.indices.get(&self.target) {
            return match self.ours(existing, &self.chosen.name) {
                Some((action, why)) => Standing::Ours(action, why),
                None => Standing::Taken(index_conflict(&self.target, existing)),
            };
        }
        self.name_conflict().or_else(|| self.shared_alias()).map_or(Standing::Free, Standing::Taken)
    }

    fn standing_of_stream(&self) -> Standing {
        let found: Vec<_> = self.indices.iter().map(|name| self.facts.indices.get(name)).collect();
        let is_there = self.facts.data_streams.contains(&self.target);
        let ours: Option<Vec<_>> = (found.iter().zip(&self.chosen.indices))
            .map(|(existing, source)| self.ours((*existing)?, source).map(|(action, _)| action))
            .collect();
        match ours {
            Some(actions) if is_there && actions.contains(&Action::Again) => Standing::Hopeless(format!(
                "data stream {} was restored from this snapshot and lacks shards: what is behind a stream cannot be closed",
                self.target
            )),
            Some(actions) if is_there && actions.contains(&Action::Follow) => {
                Standing::Ours(Action::Follow, "being restored from this snapshot".to_owned())
            }
            // Where no index of the snapshot is known to be behind it, nothing tells where this one is from.
            Some(actions) if is_there && !actions.is_empty() => {
                Standing::Ours(Action::Done, "restored already from this snapshot".to_owned())
            }
            _ => self.stream_conflict(&found).map_or(Standing::Free, Standing::Taken),
        }
    }

    fn stream_conflict(&self, found: &[Option<&Existing>]) -> Option<Conflict> {
        let of_name = self.facts.indices.get(&self.target).map(|existing| index_conflict(&self.target, existing));
        let behind =
            self.indices.iter().zip(found).find_map(|(name, existing)| Some(index_conflict(name, (*existing)?)));
        self.name_conflict().or(of_name).or(behind)
    }

    /// A data stream or an alias of that name.
    fn name_conflict(&self) -> Option<Conflict> {
        let name = self.target.clone();
        if self.facts.data_streams.contains(&name) {
            return Some(Conflict::Stream { name });
        }
        let of = self.facts.aliases.get(&name)?.indices.iter().next().cloned().unwrap_or_default();
        Some(Conflict::Alias { name, of })
    }

    /// An alias that the index would bring although its namesake here has it. Nothing tells the aliases in a snapshot; those
    /// of the namesake are the likely ones. (The server refuses a second index to write to.)
    fn shared_alias(&self) -> Option<Conflict> {
        let source = &self.chosen.name;
        let namesake = self.facts.indices.get(source).filter(|_| self.request.aliases && *source != self.target)?;
        let alias = namesake.aliases.first()?.clone();
        let known = self.facts.aliases.get(&alias)?;
        let writes = known.write_index.as_ref() == Some(source) || known.indices.len() == 1;
        Some(Conflict::Aliases { alias, of: source.clone(), writes })
    }

    /// What to do about an index that came from this very snapshot: by repository, name and the time at which that began,
    /// which tells a snapshot from an earlier one of the same name.
    fn ours(&self, existing: &Existing, source: &str) -> Option<(Action, String)> {
        let restored = existing.restored.as_ref().filter(|_| !existing.closed)?;
        let snapshot = &self.facts.source.snapshot;
        let is_same = restored.repository == self.facts.repository
            && restored.snapshot == snapshot.name
            && restored.index == source
            && restored.began_at.zip(snapshot.ended_at).is_none_or(|(began, ended)| began >= ended);
        if !is_same {
            return None;
        }
        Some(if restored.started == restored.shards {
            (Action::Done, "restored already from this snapshot".to_owned())
        } else if restored.started + restored.failed < restored.shards {
            (Action::Follow, "being restored from this snapshot".to_owned())
        } else {
            let why =
                format!("restored before from this snapshot without {} of {} shards", restored.failed, restored.shards);
            if self.request.leave_incomplete {
                (Action::Follow, why)
            } else {
                (Action::Again, format!("{why}: it is closed and restored again"))
            }
        })
    }
}

fn index_conflict(name: &str, existing: &Existing) -> Conflict {
    match &existing.data_stream {
        Some(of) => Conflict::Part { name: name.to_owned(), of: of.clone() },
        None => Conflict::Index { name: name.to_owned(), closed: existing.closed },
    }
}

impl Conflict {
    fn words(&self) -> String {
        match self {
            Self::Index { name, closed: false } => format!("an open index {name} is there"),
            Self::Index { name, closed: true } => format!("a closed index {name} is there"),
            Self::Part { name, of } => format!("index {name} of data stream {of} is there"),
            Self::Alias { name, of } => format!("{name} is an alias of {of}"),
            Self::Stream { name } => format!("a data stream {name} is there"),
            Self::Aliases { alias, of, writes: true } => {
                format!("alias {alias} would have two indices to write to, {of} too")
            }
            Self::Aliases { alias, of, writes: false } => format!("alias {alias} would find both this index and {of}"),
        }
    }
}

/// Two items can never get one name.
pub(super) fn refuse_collisions(items: &mut [Item]) {
    let mut of_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| item.action.is_expected()) {
        for name in item.indices.iter().chain((item.kind == Kind::DataStream).then_some(&item.target)) {
            of_name.entry(name.clone()).or_default().push(at);
        }
    }
    for (name, places) in of_name.into_iter().filter(|(_, places)| places.len() > 1) {
        let sources: Vec<String> = places.iter().map(|&at| items[at].source.clone()).collect();
        for &at in &places {
            items[at].action = Action::Blocked;
            items[at].reasons = vec![format!("{} would all be named {name}", sources.join(", "))];
        }
    }
}
