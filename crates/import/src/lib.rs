//! Other tools' policies as policies of ours: text in, [`Imported`] out. No IO, no clock.
//!
//! - [`read`]: an action file of Curator's, policies of OpenSearch's Snapshot Management, or of Elasticsearch's SLM
//! - [`Imported::yaml`]: a whole configuration that `config check` takes
//! - [`Finding`]: what has no equal, or only a near one. Nothing is dropped in silence
//!
//! What cannot be said exactly becomes something that deletes less, or nothing, and is listed. Secrets are never
//! copied: of what is not understood only names of keys are repeated, never values.

mod curator;
mod draft;
mod finding;
mod indices;
mod quartz;
mod section;
mod slm;
mod sm;
mod span;
mod yaml;

pub use draft::Draft;
pub use finding::{Effect, Finding};

use section::Section;
use serde::Serialize;
use snapkeep_config::{Config, Node};
use snapkeep_core::{Code, Failure};

/// Whose policies were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An action file of Curator's.
    Curator,
    /// `_plugins/_sm/policies` of OpenSearch.
    SnapshotManagement,
    /// `_slm/policy` of Elasticsearch.
    Slm,
}

impl Source {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Curator => "Curator",
            Self::SnapshotManagement => "Snapshot Management",
            Self::Slm => "SLM",
        }
    }
}

/// What the source does not say, and where the policies are for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The cluster's name in the configuration that is made.
    pub cluster: String,
    /// Its endpoint, if it is known.
    pub endpoint: Option<String>,
    /// When policies are due whose source says nothing of that: Curator's, which cron starts.
    pub schedule: Option<String>,
    /// The zone of that schedule.
    pub timezone: Option<String>,
    /// The name of a policy that does not say its own, as the body of a PUT does not.
    pub name: Option<String>,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Whose it was.
    pub source: Source,
    /// The policies, each of which our configuration takes.
    pub policies: Vec<Draft>,
    /// What has no equal, or only a near one.
    pub findings: Vec<Finding>,
    target: Target,
}

impl Imported {
    /// The whole configuration as YAML, with what was found as comments at its beginning.
    pub fn yaml(&self) -> String {
        yaml::configuration(self.source, &self.target, &self.policies, &self.findings)
    }
}

/// Reads a file; tells by its shape whose it is. `bad_config` where it is none of those.
pub fn read(text: &str, target: &Target) -> Result<Imported, Failure> {
    let root = snapkeep_config::read_yaml(text, "the file")?;
    let mut top = Section::of("", &root).ok_or_else(unknown)?;
    let mut desk = Desk { target: target.clone(), policies: Vec::new(), findings: Vec::new() };
    if target.endpoint.is_none() {
        let (at, what) = ("the configuration", format!("clusters.{}.endpoint", target.cluster));
        desk.differs(
            at,
            &what,
            "it is an example: the file does not say where the cluster is",
            "say --endpoint URL, or write it there",
        );
    }
    let source = source_of(&top).ok_or_else(|| why_unknown(&top))?;
    match source {
        Source::Curator => curator::read(&mut top, &mut desk)?,
        Source::SnapshotManagement => sm::read(&mut top, &mut desk)?,
        Source::Slm => slm::read(&mut top, &mut desk)?,
    }
    Ok(desk.close(source))
}

/// Where policies and findings are put.
pub(crate) struct Desk {
    pub(crate) target: Target,
    pub(crate) policies: Vec<Draft>,
    pub(crate) findings: Vec<Finding>,
}

impl Desk {
    /// Lists what has no equal.
    pub(crate) fn lost(&mut self, at: &str, what: &str, why: &str, instead: &str) {
        self.findings.push(Finding::new(at, what, Effect::NotImported, why, instead));
    }

    /// Lists what is not quite the same.
    pub(crate) fn differs(&mut self, at: &str, what: &str, why: &str, instead: &str) {
        self.findings.push(Finding::new(at, what, Effect::Differs, why, instead));
    }

    /// A policy's name that is ours to give, and no other's yet.
    pub(crate) fn name(&self, wanted: &str) -> String {
        let base = snapkeep_core::naming::prefix(wanted);
        let base = if base.is_empty() { "imported".to_owned() } else { base };
        let is_free = |name: &String| self.policies.iter().all(|policy| policy.name != *name);
        let more = (2_u32..).map(|number| format!("{base}-{number}"));
        std::iter::once(base.clone()).chain(more).find(is_free).unwrap_or(base)
    }

    /// Only what our configuration takes stays.
    fn close(mut self, source: Source) -> Imported {
        for policy in std::mem::take(&mut self.policies) {
            let alone = yaml::configuration(source, &self.target, std::slice::from_ref(&policy), &[]);
            match Config::parse(&alone) {
                Ok(_) => self.policies.push(policy),
                Err(failure) => self.lost(&policy.origin, "the policy", &failure.cause, &failure.hint),
            }
        }
        Imported { source, policies: self.policies, findings: self.findings, target: self.target }
    }
}

fn source_of(top: &Section<'_>) -> Option<Source> {
    if top.has("actions") {
        return Some(Source::Curator);
    }
    if top.has("sm_policy") || top.has("snapshot_config") || sm::is_list(top) {
        return Some(Source::SnapshotManagement);
    }
    (top.has("schedule") && top.has("repository") || slm::is_list(top)).then_some(Source::Slm)
}

fn unknown() -> Failure {
    Failure::new(
        Code::BadConfig,
        "the file is neither an action file of Curator's nor policies of Snapshot Management or SLM",
        "give it Curator's `actions:`, or what GET _plugins/_sm/policies or GET _slm/policy answers",
    )
}

fn why_unknown(top: &Section<'_>) -> Failure {
    if top.has("elasticsearch") || top.has("client") {
        return unknown().with_hint("that is Curator's client configuration: give the action file");
    }
    unknown()
}

/// The text of a node that may be a number or a flag as well: other tools take either.
pub(crate) fn plain(node: &Node) -> Option<String> {
    match &node.value {
        snapkeep_config::Value::Text(text) => Some(text.clone()),
        snapkeep_config::Value::Number(number) => Some(number.to_string()),
        snapkeep_config::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
