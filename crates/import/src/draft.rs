//! A policy as the configuration will hold it.

use crate::yaml::Tree;
use serde_json::{Map, Value, json};
use snapkeep_core::adopt::{Adopt, NameRegex, Only};
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};

/// One policy. What is empty or absent is left out of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Where it stood in the source, for people.
    pub origin: String,
    pub(crate) repository: String,
    pub(crate) schedule: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) indices: Indices,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) partial: bool,
    pub(crate) include_global_state: bool,
    pub(crate) keep: Keep,
    pub(crate) max_duration: Option<String>,
    pub(crate) adopt: Vec<Adopted>,
}

/// What its snapshots hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Indices {
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) aliases: Vec<String>,
    pub(crate) older_than: Option<String>,
    pub(crate) newer_than: Option<String>,
    pub(crate) hidden: bool,
}

/// What stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) keeps_all: bool,
    pub(crate) max_age: Option<String>,
    pub(crate) max_count: Option<u32>,
    pub(crate) min_count: Option<u32>,
    pub(crate) failed: Option<String>,
    pub(crate) partial: Option<String>,
}

/// Foreign snapshots that its retention takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Adopted {
    pub(crate) name: String,
    pub(crate) matches: Vec<String>,
    pub(crate) except: Vec<String>,
    pub(crate) states: Vec<State>,
    pub(crate) from: Option<jiff::Timestamp>,
    pub(crate) to: Option<jiff::Timestamp>,
}

impl Adopted {
    /// As the configuration will read it.
    pub(crate) fn read(&self) -> Result<Adopt, Failure> {
        let regexes = |texts: &[String]| texts.iter().map(|text| NameRegex::parse(text)).collect::<Result<Vec<_>, _>>();
        Ok(Adopt::wildcard(&self.name)?.only(Only {
            matches: regexes(&self.matches)?,
            except: regexes(&self.except)?,
            states: self.states.clone(),
            from: self.from,
            to: self.to,
        }))
    }

    fn tree(&self) -> Tree {
        let mut map = Vec::new();
        push(&mut map, "name", texts(std::slice::from_ref(&self.name)));
        push(&mut map, "matches", texts(&self.matches));
        push(&mut map, "except", texts(&self.except));
        let words: Vec<String> = self.states.iter().map(|state| word(*state).to_owned()).collect();
        push(&mut map, "states", texts(&words));
        push(&mut map, "from", self.from.map(|at| Tree::Plain(json!(at.to_string()))));
        push(&mut map, "to", self.to.map(|at| Tree::Plain(json!(at.to_string()))));
        match map.len() {
            1 => Tree::Plain(json!(self.name)),
            _ => Tree::Map(map),
        }
    }
}

fn word(state: State) -> &'static str {
    snapkeep_core::select::state_word(Some(state))
}

type Entries = Vec<(&'static str, Tree)>;

fn push(map: &mut Entries, key: &'static str, value: Option<Tree>) {
    map.extend(value.map(|value| (key, value)));
}

/// One text alone, several as a list.
fn texts(list: &[String]) -> Option<Tree> {
    match list {
        [] => None,
        [one] => Some(Tree::Plain(json!(one))),
        several => Some(Tree::List(several.iter().map(|text| Tree::Plain(json!(text))).collect())),
    }
}

fn plain(value: Option<&String>) -> Option<Tree> {
    value.map(|value| Tree::Plain(json!(value)))
}

fn section(map: Entries) -> Option<Tree> {
    (!map.is_empty()).then_some(Tree::Map(map))
}

impl Indices {
    fn tree(&self) -> Option<Tree> {
        let mut map = Vec::new();
        push(&mut map, "include", texts(&self.include));
        push(&mut map, "exclude", texts(&self.exclude));
        push(&mut map, "aliases", texts(&self.aliases));
        push(&mut map, "older_than", plain(self.older_than.as_ref()));
        push(&mut map, "newer_than", plain(self.newer_than.as_ref()));
        push(&mut map, "hidden", self.hidden.then_some(Tree::Plain(json!(true))));
        match &map[..] {
            [("include", _)] => map.pop().map(|(_, tree)| tree),
            _ => section(map),
        }
    }
}

impl Keep {
    fn tree(&self) -> Option<Tree> {
        let number = |value: Option<u32>| value.map(|value| Tree::Plain(json!(value)));
        let mut map = Vec::new();
        push(&mut map, "last", self.keeps_all.then_some(Tree::Plain(json!("all"))));
        push(&mut map, "max_age", plain(self.max_age.as_ref()));
        push(&mut map, "max_count", number(self.max_count));
        push(&mut map, "min_count", number(self.min_count));
        push(&mut map, "failed", plain(self.failed.as_ref()));
        push(&mut map, "partial", plain(self.partial.as_ref()));
        section(map)
    }
}

impl Draft {
    /// Its section in the configuration, in the order in which people read it.
    pub(crate) fn tree(&self, cluster: &str) -> Tree {
        let mut map = Vec::new();
        push(&mut map, "clusters", Some(Tree::Plain(json!(cluster))));
        push(&mut map, "repository", Some(Tree::Plain(json!(self.repository))));
        push(&mut map, "schedule", plain(self.schedule.as_ref()));
        push(&mut map, "timezone", plain(self.timezone.as_ref()));
        push(&mut map, "indices", self.indices.tree());
        push(&mut map, "metadata", (!self.metadata.is_empty()).then(|| Tree::Names(self.metadata.clone())));
        push(&mut map, "partial", self.partial.then_some(Tree::Plain(json!(true))));
        push(&mut map, "include_global_state", self.include_global_state.then_some(Tree::Plain(json!(true))));
        push(&mut map, "keep", self.keep.tree());
        let duration = plain(self.max_duration.as_ref()).map(|value| vec![("max_duration", value)]);
        push(&mut map, "limits", duration.and_then(section));
        let adopted: Vec<Tree> = self.adopt.iter().map(Adopted::tree).collect();
        push(&mut map, "adopt", (!adopted.is_empty()).then_some(Tree::Block(adopted)));
        Tree::Map(map)
    }

    /// Its section as JSON.
    pub fn json(&self, cluster: &str) -> Value {
        self.tree(cluster).json()
    }
}

/// What is no plain value has no place in our metadata; names of those are given back.
pub(crate) fn metadata(node: &snapkeep_config::Node) -> Result<(Map<String, Value>, Vec<String>), Failure> {
    let snapkeep_config::Value::Map(entries) = &node.value else {
        return Err(Failure::new(Code::BadConfig, "the metadata is no section", "write key: value lines"));
    };
    let (mut kept, mut lost) = (Map::new(), Vec::new());
    for (key, node) in entries {
        match &node.value {
            snapkeep_config::Value::Text(text) => drop(kept.insert(key.text.clone(), json!(text))),
            snapkeep_config::Value::Number(number) => drop(kept.insert(key.text.clone(), json!(number))),
            snapkeep_config::Value::Bool(flag) => drop(kept.insert(key.text.clone(), json!(flag))),
            _ => lost.push(key.text.clone()),
        }
    }
    Ok((kept, lost))
}
