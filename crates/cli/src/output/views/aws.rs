//! Results of `aws`.

use crate::output::{Look, Tone, View, json_of};
use serde::Serialize;
use snapkeep_iam::{Attached, Kind, Operation, Policies};

/// Most characters of a managed policy, white space not counted. A role's inline policies may have 10,240 together.
const LONGEST: usize = 6_144;

/// The policies that a configuration needs.
pub(crate) struct Needed<'a> {
    pub(crate) name: &'a str,
    pub(crate) operations: &'a [Operation],
    pub(crate) examines: bool,
    pub(crate) policies: &'a Policies,
}

#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    configuration: &'a str,
    operations: Vec<&'static str>,
    policies: &'a [Attached],
    notes: Vec<String>,
}

impl Needed<'_> {
    /// What is left open, and what IAM would not take.
    pub(crate) fn notes(&self) -> Vec<String> {
        let length = |attached: &Attached| serde_json::to_string(&attached.document).map_or(0, |text| text.len());
        let too_long = self.policies.documents.iter().filter(|attached| attached.kind == Kind::Identity);
        let too_long = too_long.filter(|attached| length(attached) > LONGEST).map(|attached| {
            format!(
                "the policy for {} has {} characters: a managed policy takes {LONGEST}, a role's inline policies 10,240 together; make one for each cluster with --cluster",
                attached.attach_to,
                length(attached)
            )
        });
        self.policies.notes.iter().cloned().chain(too_long).collect()
    }
}

impl View for Needed<'_> {
    fn text(&self, look: &Look) -> String {
        let document = |attached: &Attached| {
            let text = serde_json::to_string_pretty(&attached.document).unwrap_or_default();
            format!("{}\n{text}", look.style.paint(Tone::Strong, &title(attached)))
        };
        self.policies.documents.iter().map(document).collect::<Vec<_>>().join("\n\n")
    }

    fn json(&self) -> String {
        json_of(&Answer {
            schema: 1,
            configuration: self.name,
            operations: self
                .operations
                .iter()
                .map(|operation| operation.as_str())
                .chain(self.examines.then_some("doctor"))
                .collect(),
            policies: &self.policies.documents,
            notes: self.notes(),
        })
    }
}

fn title(attached: &Attached) -> String {
    let to = &attached.attach_to;
    match attached.kind {
        Kind::Identity if to == "caller" => {
            "# the caller's policy: the function's execution role, or whoever runs snapkeep".to_owned()
        }
        Kind::Identity => format!("# what {to} may do"),
        Kind::Trust => format!("# who may take on {to}"),
        Kind::Bucket => format!("# the policy of bucket {to}"),
        Kind::Key => format!("# statements for the policy of {to}, beside those that it has"),
    }
}
