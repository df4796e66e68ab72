//! The whole file.

use crate::fields::{Fields, nearest};
use crate::policies::{self, Surroundings};
use crate::yaml::{self, Node};
use crate::{Cluster, Hooks, Notifications, Repository};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use std::collections::BTreeMap;

/// A valid configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The cluster that commands use if none is named; it is one of `clusters`.
    pub default_cluster: Option<String>,
    /// Clusters by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// Repositories by name.
    pub repositories: BTreeMap<String, Repository>,
    /// Policies by name; none is in another's way.
    pub policies: BTreeMap<String, Policy>,
    /// Who is told, of what, and how.
    pub notifications: Notifications,
    /// Commands around a run.
    pub hooks: Hooks,
}

impl Config {
    /// Reads and checks a configuration. Everything that it refuses is `bad_config` and names the place.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        Self::read(yaml::read(text)?)
    }

    /// Checks the tree.
    pub(crate) fn read(root: Node) -> Result<Self, Failure> {
        let mut fields = Fields::of("", root)?;
        let default_cluster = fields.text("default_cluster")?;
        let mut clusters = BTreeMap::new();
        for (name, section) in fields.named_sections("clusters")? {
            clusters.insert(name.text, Cluster::read(section)?);
        }
        let mut repositories = BTreeMap::new();
        for (name, section) in fields.named_sections("repositories")? {
            RepositoryName::parse(&name.text).map_err(|failure| {
                let what = failure.cause.rsplit(": ").next().unwrap_or_default().to_owned();
                section.wrong(&format!("has no usable name: {what}"))
            })?;
            repositories.insert(name.text, Repository::read(section)?);
        }
        let around = Surroundings {
            default_cluster: default_cluster.as_deref(),
            clusters: clusters.keys().map(String::as_str).collect(),
        };
        let sections = fields.named_sections("policies")?.into_iter();
        let policies = sections
            .map(|(name, section)| policies::read(&name.text, section, &around))
            .collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
        let notifications =
            fields.section("notifications")?.map(|section| Notifications::read(section, &names)).transpose()?;
        let hooks = fields.section("hooks")?.map(Hooks::read).transpose()?;
        fields.finish()?;
        let (notifications, hooks) = (notifications.unwrap_or_default(), hooks.unwrap_or_default());
        let policies = policies::by_name(policies)?;
        let config = Self { default_cluster, clusters, repositories, policies, notifications, hooks };
        config.default_cluster.as_deref().map_or(Ok(()), |name| config.cluster(name).map(|_| ()))?;
        Ok(config)
    }

    /// The cluster of that name.
    pub fn cluster(&self, name: &str) -> Result<&Cluster, Failure> {
        self.clusters.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.clusters.keys().map(String::as_str).collect();
            let hint = match nearest(name, &known) {
                Some(near) => format!("did you mean {near}?"),
                None if known.is_empty() => "the configuration has no `clusters`".to_owned(),
                None => format!("it has these: {}", known.join(", ")),
            };
            Failure::new(Code::BadConfig, format!("the configuration has no cluster named {name:?}"), hint)
        })
    }
}

#[cfg(test)]
mod tests;
