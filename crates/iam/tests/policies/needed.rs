//! What the tests ask about: a configuration's documents, and parts of a document that no request needs.

use crate::evaluator::{Decision, Request, decide, many};
use serde_json::{Value, json};
use snapkeep_config::Config;
use snapkeep_core::Failure;
use snapkeep_iam::{Asked, Policies, policies};

/// One domain, one repository.
pub(crate) struct World {
    pub(crate) text: String,
}

impl Default for World {
    fn default() -> Self {
        let text = "\
clusters:
  logs: {endpoint: https://search-logs-abc123.eu-west-1.es.amazonaws.com, repository: nightly}
repositories:
  nightly:
    bucket: my-backups
    region: eu-west-1
    role_arn: arn:aws:iam::123456789012:role/snapshots
    base_path: logs
";
        Self { text: text.to_owned() }
    }
}

impl World {
    /// The policies.
    pub(crate) fn policies(&self, ask: impl FnOnce(&mut Asked)) -> Result<Policies, Failure> {
        let mut asked = Asked::default();
        ask(&mut asked);
        policies(&Config::parse(&self.text).unwrap(), &asked)
    }

    /// The documents as JSON, each with its kind and what it hangs on.
    pub(crate) fn documents(&self, ask: impl FnOnce(&mut Asked)) -> Value {
        json!(self.policies(ask).unwrap().documents)
    }
}

/// The one document of that kind that hangs on that.
pub(crate) fn only<'d>(documents: &'d Value, kind: &str, attach_to: &str) -> &'d Value {
    let fits = |one: &&Value| one["kind"] == kind && one["attach_to"] == attach_to;
    let mut found = documents.as_array().unwrap().iter().filter(fits);
    let (one, more) = (found.next(), found.next());
    assert!(one.is_some() && more.is_none(), "{kind} {attach_to}: {documents:#}");
    &one.unwrap()["document"]
}

/// Statements, actions and resources without which every request still passes.
pub(crate) fn idle(document: &Value, requests: &[Request]) -> Vec<String> {
    let passes = |document: &Value| requests.iter().all(|request| decide(&[document], request) == Decision::Allowed);
    let statements: Vec<Value> = many(&document["Statement"]).into_iter().cloned().collect();
    let mut idle = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        let mut without = statements.clone();
        without.remove(at);
        if passes(&json!({ "Statement": without })) {
            idle.push(statement["Sid"].to_string());
        }
        for key in ["Action", "Resource"] {
            for part in many(&statement[key]) {
                let rest: Vec<&Value> = many(&statement[key]).into_iter().filter(|other| *other != part).collect();
                let mut without = statements.clone();
                without[at][key] = json!(rest);
                if passes(&json!({ "Statement": without })) {
                    idle.push(format!("{} {key} {part}", statement["Sid"]));
                }
            }
        }
    }
    idle
}
