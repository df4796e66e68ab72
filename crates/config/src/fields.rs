//! Reads a section of the file key by key. Every complaint names the section, the line and the column.

use crate::yaml::{Key, Node, Place, Value};
use serde_json::Map;
use snapkeep_core::{Code, Failure};

/// Names that are this alike are taken for one another.
const ALIKE: f64 = 0.7;

/// A section whose keys are taken out one by one; [`Fields::finish`] complains about those that are left.
#[derive(Debug)]
pub struct Fields {
    path: String,
    at: Place,
    entries: Vec<(Key, Node)>,
    known: Vec<&'static str>,
}

impl Fields {
    /// The section at `path`, such as `clusters.logs`; empty for the whole file.
    pub fn of(path: impl Into<String>, node: Node) -> Result<Self, Failure> {
        let path = path.into();
        let Node { at, value } = node;
        match value {
            Value::Map(entries) => Ok(Self { path, at, entries, known: Vec::new() }),
            Value::Null => Ok(Self { path, at, entries: Vec::new(), known: Vec::new() }),
            other => Err(wrong(&path, at, &format!("is {}, not a section of `key: value` lines", other.kind()))),
        }
    }

    /// Where the section begins.
    pub fn at(&self) -> Place {
        self.at
    }

    /// The path of `key` in this section.
    pub fn path_of(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Where the value of `key` is; `None` if there is none, as [`Fields::take`] would say.
    pub(crate) fn at_of(&self, key: &str) -> Option<Place> {
        let (_, node) = self.entries.iter().find(|(found, _)| found.text == key)?;
        (!matches!(node.value, Value::Null)).then_some(node.at)
    }

    /// The value of `key`; a value of `null` counts as absent.
    pub fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let place = self.entries.iter().position(|(found, _)| found.text == key)?;
        let (_, node) = self.entries.remove(place);
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    /// The text of `key`, not empty.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, Failure> {
        self.checked(key, |text| Ok(text.to_owned()))
    }

    /// The text of `key`, read by `parse`, whose complaint gets the place.
    pub fn checked<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let Some(node) = self.take(key) else { return Ok(None) };
        let path = self.path_of(key);
        let text = text_of(&path, &node)?;
        parse(&text).map(Some).map_err(|failure| at_place(&failure, &path, node.at))
    }

    /// The text of `key` as [`Fields::checked`] reads it, which must be there. To be asked for last: where it is missing, a
    /// key that nobody took is the better complaint, because it may be the same one misspelt.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match self.checked(key, parse)? {
            Some(found) => Ok(found),
            None => Err(self.unknown().unwrap_or_else(|| self.wrong(&format!("lacks `{key}`")))),
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, Failure> {
        let Some(node) = self.take(key) else { return Ok(None) };
        match node.value {
            Value::Bool(flag) => Ok(Some(flag)),
            other => Err(wrong(&self.path_of(key), node.at, &format!("is {}, not true or false", other.kind()))),
        }
    }

    /// The section under `key`.
    pub fn section(&mut self, key: &'static str) -> Result<Option<Fields>, Failure> {
        let path = self.path_of(key);
        self.take(key).map(|node| Fields::of(path, node)).transpose()
    }

    /// The sections under `key`, by their names, which are the writer's own.
    pub fn named_sections(&mut self, key: &'static str) -> Result<Vec<(Key, Fields)>, Failure> {
        let Some(section) = self.section(key)? else { return Ok(Vec::new()) };
        let paths: Vec<String> = section.entries.iter().map(|(name, _)| section.path_of(&name.text)).collect();
        let with_paths = section.entries.into_iter().zip(paths);
        with_paths.map(|((name, node), path)| Fields::of(path, node).map(|fields| (name, fields))).collect()
    }

    /// Plain values under `key`, with the writer's own names.
    pub fn plain_values(&mut self, key: &'static str) -> Result<Map<String, serde_json::Value>, Failure> {
        let Some(section) = self.section(key)? else { return Ok(Map::new()) };
        let mut values = Map::new();
        for (name, node) in section.entries {
            let value = match node.value {
                Value::Bool(flag) => flag.into(),
                Value::Number(number) => serde_json::Value::Number(number),
                Value::Text(text) => text.into(),
                other => {
                    let path = format!("{}.{}", section.path, name.text);
                    return Err(wrong(&path, node.at, &format!("is {}, not a plain value", other.kind())));
                }
            };
            values.insert(name.text, value);
        }
        Ok(values)
    }

    /// A complaint about the section as a whole.
    pub fn wrong(&self, what: &str) -> Failure {
        wrong(&self.path, self.at, what)
    }

    /// Complains about the first key that nobody took.
    pub fn finish(self) -> Result<(), Failure> {
        self.unknown().map_or(Ok(()), Err)
    }

    fn unknown(&self) -> Option<Failure> {
        let (key, _) = self.entries.first()?;
        let section = if self.path.is_empty() { "the configuration".to_owned() } else { format!("`{}`", self.path) };
        let cause = format!("{section} has an unknown key `{}` ({})", key.text, key.at);
        let hint = match nearest(&key.text, &self.known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", self.known.join(", ")),
        };
        Some(Failure::new(Code::BadConfig, cause, hint))
    }
}

/// The path of `key` in the section at `path`.
pub(crate) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The text of a node. Numbers are refused: `0123` would have lost its zero.
pub(crate) fn text_of(path: &str, node: &Node) -> Result<String, Failure> {
    match &node.value {
        Value::Text(text) if text.trim().is_empty() => Err(wrong(path, node.at, "is empty")),
        Value::Text(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => {
            let what = format!("is {}, not text: put it in quotes", node.value.kind());
            Err(wrong(path, node.at, &what))
        }
        other => Err(wrong(path, node.at, &format!("is {}, not text", other.kind()))),
    }
}

/// A complaint about the value at `path`.
pub(crate) fn wrong(path: &str, at: Place, what: &str) -> Failure {
    let name = if path.is_empty() { "the configuration".to_owned() } else { format!("`{path}`") };
    Failure::new(Code::BadConfig, format!("{name} {what} ({at})"), "mend the configuration there")
}

/// A value's own complaint, with the path in place of the event's field name, and with the place.
fn at_place(failure: &Failure, path: &str, at: Place) -> Failure {
    let own = failure.cause.split_once("` ").filter(|(field, _)| field.starts_with('`'));
    let what = own.map_or(failure.cause.as_str(), |(_, what)| what);
    Failure::new(Code::BadConfig, format!("`{path}` {what} ({at})"), &failure.hint)
}

/// The known name that `text` is most like, if any is like it.
pub fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase().replace('-', "_");
    let likeness = |name: &str| strsim::jaro_winkler(&text, name);
    let best = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= ALIKE).then_some(best)
}
