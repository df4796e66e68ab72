//! Result of `policy import`.

use crate::output::{Look, View, human};
use serde_json::{Map, Value, json};
use snapkeep_import::Imported;
use std::path::Path;

/// What was imported.
pub(crate) struct ImportView<'a> {
    pub(crate) imported: &'a Imported,
    /// The cluster's name in the configuration.
    pub(crate) cluster: &'a str,
    /// Where the configuration was written to; else it is shown.
    pub(crate) out: Option<&'a Path>,
}

impl View for ImportView<'_> {
    fn text(&self, _look: &Look) -> String {
        let Some(out) = self.out else { return self.imported.yaml().trim_end().to_owned() };
        let count = human::count(self.imported.policies.len(), "policy");
        let head = format!("{}: {count} of {}", out.display(), self.imported.source.name());
        let findings = self.imported.findings.iter().map(|finding| format!("- {finding}"));
        std::iter::once(head).chain(findings).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        let policy = |draft: &snapkeep_import::Draft| (draft.name.clone(), draft.json(self.cluster));
        let policies: Map<String, Value> = self.imported.policies.iter().map(policy).collect();
        json!({
            "schema": 1, "source": self.imported.source, "policies": policies, "findings": self.imported.findings,
            "configuration": self.imported.yaml(), "out": self.out,
        })
        .to_string()
    }
}
