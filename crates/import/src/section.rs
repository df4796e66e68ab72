//! A section of a foreign file, taken apart key by key, so that what nobody took can be listed.

use crate::plain;
use snapkeep_config::{Node, Value};

/// Words that Python's tools take for true and for false.
const YES: &[&str] = &["true", "yes", "on", "y", "t", "1", "enable"];
const NO: &[&str] = &["false", "no", "off", "n", "f", "0", "disable"];

/// What is left of a section.
#[derive(Clone, Debug)]
pub(crate) struct Section<'n> {
    /// How people would name it.
    pub(crate) at: String,
    left: Vec<(&'n str, &'n Node)>,
}

impl<'n> Section<'n> {
    /// `None` if it is no section. Keys without a value count as absent.
    pub(crate) fn of(at: impl Into<String>, node: &'n Node) -> Option<Self> {
        let Value::Map(entries) = &node.value else { return None };
        let there = entries.iter().filter(|(_, node)| !matches!(node.value, Value::Null));
        Some(Self { at: at.into(), left: there.map(|(key, node)| (key.text.as_str(), node)).collect() })
    }

    /// One without any keys.
    pub(crate) fn empty(at: &str) -> Self {
        Self { at: at.to_owned(), left: Vec::new() }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.left.iter().any(|(found, _)| *found == key)
    }

    /// The value of `key`, which is then no longer left.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'n Node> {
        let at = self.left.iter().position(|(found, _)| *found == key)?;
        Some(self.left.remove(at).1)
    }

    /// A plain value as text.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key).and_then(plain)
    }

    /// A whole number, written as one or as text.
    pub(crate) fn number(&mut self, key: &str) -> Option<i64> {
        self.text(key)?.trim().parse().ok()
    }

    /// True or false, also in the words of YAML 1.1.
    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        let word = self.text(key)?.to_lowercase();
        if YES.contains(&word.as_str()) {
            return Some(true);
        }
        NO.contains(&word.as_str()).then_some(false)
    }

    /// A section in it.
    pub(crate) fn section(&mut self, key: &str) -> Option<Section<'n>> {
        let at = if self.at.is_empty() { key.to_owned() } else { format!("{}, {key}", self.at) };
        self.take(key).and_then(|node| Section::of(at, node))
    }

    /// What nobody took.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&'n str, &'n Node)> + '_ {
        self.left.iter().copied()
    }
}

/// One text or several; a comma list is several.
pub(crate) fn texts(node: &Node) -> Vec<String> {
    let several = match &node.value {
        Value::List(list) => list.iter().filter_map(plain).collect(),
        _ => plain(node).into_iter().collect::<Vec<_>>(),
    };
    let parts = several.iter().flat_map(|text| text.split(','));
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
