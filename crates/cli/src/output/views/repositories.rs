//! Results of `repo …`.

use super::Fields;
use crate::output::{Look, Table, View, human, json_of};
use serde::Serialize;
use serde_json::{Map, Value, json};
use snapkeep_cluster::{Cleaned, Registered as Found};
use snapkeep_core::repository::check_further;
use snapkeep_engine::RegistrationOutcome;
use std::collections::BTreeMap;

/// `repo list`.
pub(crate) struct RepositoryList(pub(crate) BTreeMap<String, Found>);

impl View for RepositoryList {
    fn text(&self, look: &Look) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut table = Table::new(&["NAME", "TYPE", "WHERE", "NOTE"]);
        for (name, found) in &self.0 {
            let is_read_only = found.settings.get("readonly").is_some_and(|flag| flag == true || flag == "true");
            let note = if name.starts_with("cs-") {
                "the service's own"
            } else if is_read_only {
                "read-only"
            } else {
                ""
            };
            table.row(vec![
                name.as_str().into(),
                found.kind.as_str().into(),
                place(&found.settings).into(),
                note.into(),
            ]);
        }
        table.render(look.style)
    }

    fn json(&self) -> String {
        let repositories = self.0.iter().map(|(name, found)| described(name, found)).collect();
        json_of(&RepositoriesLine { schema: 1, repositories })
    }
}

/// `repo show`.
pub(crate) struct RepositoryView {
    pub(crate) name: String,
    pub(crate) found: Found,
}

impl View for RepositoryView {
    fn text(&self, look: &Look) -> String {
        let mut fields = Fields::new(look);
        fields.add("repository", self.name.as_str());
        fields.add("type", self.found.kind.as_str());
        for (key, value) in &shown(&self.found.settings) {
            fields.add(key, text(value));
        }
        fields.render()
    }

    fn json(&self) -> String {
        json_of(&RepositoryLine { schema: Some(1), ..described(&self.name, &self.found) })
    }
}

/// `repo register`.
#[derive(Serialize)]
pub(crate) struct Registered {
    pub(crate) schema: u32,
    pub(crate) repository: String,
    #[serde(rename = "registration")]
    pub(crate) outcome: Option<RegistrationOutcome>,
    pub(crate) verified: bool,
    pub(crate) warnings: Vec<String>,
}

impl View for Registered {
    fn text(&self, _: &Look) -> String {
        let what = match self.outcome {
            Some(RegistrationOutcome::Created) => "is registered",
            Some(RegistrationOutcome::Unchanged) => "was registered already with these settings; nothing was changed",
            Some(RegistrationOutcome::Replaced) => "was registered with other settings, which were replaced",
            Some(RegistrationOutcome::Unchecked) | None => {
                "is registered; what was there before could not be looked at"
            }
        };
        let verified = match (self.outcome, self.verified) {
            (Some(RegistrationOutcome::Created), true) => ", and the nodes can use it",
            (Some(RegistrationOutcome::Unchanged), _) | (_, true) => "",
            (_, false) => "; whether the nodes can use it was not verified",
        };
        format!("repository {} {what}{verified}", self.repository)
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

/// `repo verify`.
#[derive(Serialize)]
pub(crate) struct Verified {
    pub(crate) schema: u32,
    pub(crate) repository: String,
    pub(crate) nodes: Vec<String>,
}

impl View for Verified {
    fn text(&self, _: &Look) -> String {
        let nodes = human::count(self.nodes.len(), "node");
        format!("repository {} works on {nodes}: {}", self.repository, self.nodes.join(", "))
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

/// `repo remove`.
#[derive(Serialize)]
pub(crate) struct Removal {
    pub(crate) schema: u32,
    pub(crate) repository: String,
    pub(crate) removed: bool,
}

impl View for Removal {
    fn text(&self, _: &Look) -> String {
        format!("repository {} is not registered any more; its snapshots are where they were", self.repository)
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

/// `repo cleanup`.
pub(crate) struct Cleanup {
    pub(crate) repository: String,
    pub(crate) cleaned: Cleaned,
}

impl View for Cleanup {
    fn text(&self, _: &Look) -> String {
        match self.cleaned.blobs {
            0 => format!("repository {} was clean already", self.repository),
            blobs => {
                let files = human::count(usize::try_from(blobs).unwrap_or(usize::MAX), "file");
                format!(
                    "repository {}: {files} that no snapshot needs are gone, {} freed",
                    self.repository,
                    human::bytes(self.cleaned.bytes)
                )
            }
        }
    }

    fn json(&self) -> String {
        let Cleaned { blobs, bytes } = self.cleaned;
        json_of(&CleanupLine { schema: 1, repository: &self.repository, deleted_blobs: blobs, deleted_bytes: bytes })
    }
}

#[derive(Serialize)]
struct CleanupLine<'a> {
    schema: u32,
    repository: &'a str,
    deleted_blobs: u64,
    deleted_bytes: u64,
}

#[derive(Serialize)]
struct RepositoriesLine<'a> {
    schema: u32,
    repositories: Vec<RepositoryLine<'a>>,
}

#[derive(Serialize)]
struct RepositoryLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<u32>,
    repository: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    settings: Map<String, Value>,
}

fn described<'a>(name: &'a str, found: &'a Found) -> RepositoryLine<'a> {
    RepositoryLine { schema: None, repository: name, kind: &found.kind, settings: shown(&found.settings) }
}

/// Settings as they are, but for secrets that somebody put there.
fn shown(settings: &Map<String, Value>) -> Map<String, Value> {
    let is_secret = |key: &str| {
        let probe = Map::from_iter([(key.to_owned(), json!("x"))]);
        check_further(&probe).is_err_and(|failure| failure.cause.contains("secret"))
    };
    settings
        .iter()
        .map(|(key, value)| (key.clone(), if is_secret(key) { json!("***") } else { value.clone() }))
        .collect()
}

/// Where its bytes are, in one word.
fn place(settings: &Map<String, Value>) -> String {
    let of = |key: &str| settings.get(key).map(text);
    match (of("bucket"), of("base_path"), of("location").or_else(|| of("url"))) {
        (Some(bucket), Some(path), _) => format!("{bucket}/{path}"),
        (Some(bucket), None, _) => bucket,
        (None, _, Some(location)) => location,
        (None, _, None) => human::UNKNOWN.to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
