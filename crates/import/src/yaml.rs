//! Writes the configuration. Values that another reader could take for something else are quoted.

use crate::{Draft, Effect, Finding, Source, Target};
use serde_json::{Map, Value, json};

/// Words that some reader of YAML takes for true, false or nothing.
const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// Stands for an endpoint that is not known.
const EXAMPLE: &str = "https://cluster.example:9200";

/// What stands in the configuration.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    /// One value.
    Plain(Value),
    /// On one line.
    List(Vec<Tree>),
    /// One entry a line.
    Block(Vec<Tree>),
    /// Keys of ours.
    Map(Vec<(&'static str, Tree)>),
    /// Keys of the writer's own.
    Names(Map<String, Value>),
}

impl Tree {
    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Plain(value) => value.clone(),
            Self::List(list) | Self::Block(list) => list.iter().map(Self::json).collect(),
            Self::Map(map) => map.iter().map(|(key, tree)| ((*key).to_owned(), tree.json())).collect(),
            Self::Names(map) => Value::Object(map.clone()),
        }
    }

    /// On one line.
    fn flow(&self) -> String {
        match self {
            Self::Plain(value) => scalar(value),
            Self::List(list) | Self::Block(list) => {
                format!("[{}]", list.iter().map(Self::flow).collect::<Vec<_>>().join(", "))
            }
            Self::Map(map) => {
                let entries: Vec<String> = map.iter().map(|(key, tree)| format!("{key}: {}", tree.flow())).collect();
                format!("{{{}}}", entries.join(", "))
            }
            Self::Names(map) => {
                let entry = |(key, value): (&String, &Value)| format!("{}: {}", scalar(&json!(key)), scalar(value));
                format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A whole configuration: one cluster, the policies, and the findings as comments.
pub(crate) fn configuration(source: Source, target: &Target, policies: &[Draft], findings: &[Finding]) -> String {
    let all = if findings.is_empty() { "Nothing in them is without an equal." } else { "What is not the same:" };
    let mut lines = vec![format!("# Policies that were {}'s. {all}", source.name())];
    for effect in [Effect::NotImported, Effect::Differs] {
        let these = findings.iter().filter(|finding| finding.effect == effect);
        lines.extend(these.map(|finding| format!("# - {}", snapkeep_core::failure::line(&finding.to_string()))));
    }
    lines.extend(["clusters:".to_owned(), format!("  {}:", scalar(&json!(target.cluster)))]);
    lines.push(format!("    endpoint: {}", scalar(&json!(target.endpoint.as_deref().unwrap_or(EXAMPLE)))));
    lines.extend((!policies.is_empty()).then(|| "policies:".to_owned()));
    for policy in policies {
        lines.push(format!("  {}:", scalar(&json!(policy.name))));
        if let Tree::Map(map) = policy.tree(&target.cluster) {
            lines.extend(map.iter().flat_map(|(key, tree)| entry(key, tree)));
        }
    }
    lines.join("\n") + "\n"
}

fn entry(key: &str, tree: &Tree) -> Vec<String> {
    match tree {
        Tree::Block(list) => {
            let lines = list.iter().map(|tree| format!("      - {}", tree.flow()));
            std::iter::once(format!("    {key}:")).chain(lines).collect()
        }
        _ => vec![format!("    {key}: {}", tree.flow())],
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_bare(text) => text.clone(),
        Value::String(text) if text.chars().all(|c| !c.is_control()) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    }
}

/// Whether every reader takes it for this very text.
fn is_bare(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "._-/*".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_fine)
        && !WORDS.contains(&text.to_lowercase().as_str())
        || is_period(text)
}

/// `30d` is text to every reader; `1e5` is none of these.
fn is_period(text: &str) -> bool {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    !digits.is_empty() && ["d", "h", "min", "s"].contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use snapkeep_config::Value as Read;

    proptest! {
        /// Whatever text is written is the text that is read.
        #[test]
        fn text_comes_back(text in "\\PC{1,12}|[a-z0-9:#{}\\[\\],'\"%@`|>&*!?~ -]{1,12}") {
            for flow in [scalar(&json!(text)), Tree::List(vec![Tree::Plain(json!(text))]).flow()] {
                let file = format!("a: {flow}\n");
                let node = snapkeep_config::read_yaml(&file, "it").unwrap();
                let Read::Map(entries) = node.value else { panic!("{file}") };
                let found = match &entries[0].1.value {
                    Read::Text(found) => found.clone(),
                    Read::List(list) => match &list[0].value { Read::Text(found) => found.clone(), _ => panic!("{file}") },
                    other => panic!("{file}: {other:?}"),
                };
                prop_assert_eq!(&found, &text, "{}", file);
            }
        }
    }
}
