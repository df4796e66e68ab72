//! Every setting that holds, and where it comes from.

use crate::yaml::{self, Node, Place, Value};
use crate::{Config, fields};
use serde_json::json;
use snapkeep_core::Failure;
use snapkeep_core::drill::{DEFAULT_MAX_SIZE, Drill};
use snapkeep_core::policy::{FirstDelete, Policy};
use snapkeep_core::retention::{Keep, Unsuccessful};

/// What is shown in place of a value that could be a secret.
pub const REDACTED: &str = "***";

/// Words in the names of further settings whose values are not shown.
const SECRETIVE: [&str; 7] = ["password", "passphrase", "secret", "token", "access_key", "api_key", "credential"];

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Where it stands, such as `policies.nightly.keep.last`.
    pub path: String,
    /// Its value; a list is one value.
    pub value: serde_json::Value,
    /// Where the file says so; `None` if it does not, and this is what holds then.
    pub at: Option<Place>,
}

impl Config {
    /// The file's settings in its order, each section's followed by what holds where it says nothing. Secrets are
    /// references in the file, and stay so; a further setting that looks like one is redacted.
    pub fn settings(text: &str) -> Result<Vec<Setting>, Failure> {
        let config = Self::parse(text)?;
        let mut settings = Vec::new();
        if !text.trim().is_empty() {
            flatten("", &yaml::read(text)?, &mut settings);
        }
        for (path, value) in config.usual() {
            add_usual(&mut settings, path, value);
        }
        Ok(settings)
    }

    /// What holds where the file says nothing.
    fn usual(&self) -> Vec<(String, serde_json::Value)> {
        let mut usual = Vec::new();
        for (name, cluster) in &self.clusters {
            let mut add = |key: &str, value: Option<&str>| {
                usual.extend(value.map(|value| (format!("clusters.{name}.{key}"), json!(value))));
            };
            add("auth", cluster.auth_kind().ok().map(|(kind, _)| kind.as_str()));
            add("region", cluster.endpoint.amazon_region());
        }
        usual.extend(self.repositories.keys().map(|name| (format!("repositories.{name}.type"), json!("s3"))));
        for (name, policy) in &self.policies {
            usual.extend(of_policy(policy).into_iter().map(|(key, value)| (format!("policies.{name}.{key}"), value)));
        }
        usual
    }
}

fn of_policy(policy: &Policy) -> Vec<(&'static str, serde_json::Value)> {
    let first_delete = match policy.first_delete {
        FirstDelete::Confirm => "confirm",
        FirstDelete::Allow => "allow",
    };
    let mut usual = vec![
        ("clusters", json!(policy.clusters)),
        ("timezone", json!(policy.zone.iana_name())),
        ("prefix", json!(policy.prefix())),
        ("partial", json!(policy.partial)),
        ("include_global_state", json!(policy.include_global_state)),
        ("limits.max_deletes_per_run", json!(policy.limits.max_deletes_per_run)),
        ("limits.max_attempts", json!(policy.limits.max_attempts)),
        ("first_delete", json!(first_delete)),
    ];
    usual.extend(policy.keep.iter().flat_map(of_keep));
    usual.extend(policy.drill.iter().flat_map(of_drill));
    usual
}

fn of_drill(drill: &Drill) -> [(&'static str, serde_json::Value); 2] {
    [
        ("drill.max_size", json!(format!("{}gb", DEFAULT_MAX_SIZE >> 30))),
        ("drill.max_duration", json!(drill.max_duration.to_string())),
    ]
}

fn of_keep(keep: &Keep) -> [(&'static str, serde_json::Value); 3] {
    let word = |rule: Unsuccessful| match rule {
        Unsuccessful::Superseded => "superseded".to_owned(),
        Unsuccessful::Always => "always".to_owned(),
        Unsuccessful::For(period) => period.to_string(),
    };
    [
        ("keep.min_count", json!(keep.min_count.unwrap_or(1))),
        ("keep.failed", json!(word(keep.failed))),
        ("keep.partial", json!(word(keep.partial))),
    ]
}

/// Adds it behind its section's last setting, unless the file has it.
fn add_usual(settings: &mut Vec<Setting>, path: String, value: serde_json::Value) {
    if settings.iter().any(|setting| setting.path == path) {
        return;
    }
    let section = path.rsplit_once('.').map_or("", |(section, _)| section);
    let parent = section.rsplit_once('.').map_or("", |(parent, _)| parent);
    let within = |section: &str| {
        let start = format!("{section}.");
        settings.iter().rposition(|setting| setting.path.starts_with(&start))
    };
    let at = within(section).or_else(|| within(parent)).map_or(settings.len(), |last| last + 1);
    settings.insert(at, Setting { path, value, at: None });
}

fn flatten(path: &str, node: &Node, settings: &mut Vec<Setting>) {
    match &node.value {
        Value::Map(entries) => {
            for (key, node) in entries {
                flatten(&fields::joined(path, &key.text), node, settings);
            }
        }
        Value::Null => {}
        _ => {
            let value = if looks_secret(path) { json!(REDACTED) } else { plain(node) };
            settings.push(Setting { path: path.to_owned(), value, at: Some(node.at) });
        }
    }
}

/// Only where the writer chooses the names: everywhere else a secret is a reference.
fn looks_secret(path: &str) -> bool {
    let own = [".settings.", ".metadata."].iter().find_map(|part| path.split_once(part));
    own.is_some_and(|(_, key)| SECRETIVE.iter().any(|word| key.to_lowercase().contains(word)))
}

fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => json!(flag),
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::List(list) => list.iter().map(plain).collect(),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), plain(node))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_its_place_and_what_is_not_said_holds_all_the_same() {
        let settings = Config::settings(include_str!("../tests/policies.yaml")).unwrap();
        let found = |path: &str| settings.iter().find(|setting| setting.path == path).unwrap();
        assert_eq!(found("policies.nightly.keep.yearly").value, json!("all"));
        assert_eq!(found("policies.nightly.keep.yearly").at.unwrap().line, 38);
        assert_eq!(found("policies.nightly.adopt").value[0], json!("manual-*"));
        assert_eq!(
            (&found("policies.simple.timezone").value, found("policies.simple.timezone").at),
            (&json!("UTC"), None)
        );
        assert_eq!(found("policies.hourly.keep.failed").value, json!("superseded"));
        assert_eq!(found("policies.simple.clusters").value, json!(["logs"]));
        assert_eq!(found("clusters.logs.auth").value, json!("none"));
        let mut paths: Vec<&str> = settings.iter().map(|setting| setting.path.as_str()).collect();
        let simple = |path: &&str| path.starts_with("policies.simple.");
        let (first, last) = (paths.iter().position(simple).unwrap(), paths.iter().rposition(simple).unwrap());
        assert!(paths[first..=last].iter().all(simple), "{paths:#?}");
        paths.sort_unstable();
        assert!(paths.windows(2).all(|pair| pair[0] != pair[1]), "{paths:#?}");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let text = "repositories:\n  r:\n    settings: {client_Secret: canary, location: /x, sas_token: canary}\n";
        let settings = Config::settings(text).unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
        assert!(settings.iter().any(|setting| setting.value == json!("/x")));
        assert!(Config::settings("").unwrap().is_empty());
    }
}
