//! What is sent: names, never patterns.

use super::{ASIDE, Item, Rename, RestorePlan, Rule};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The words for none of a snapshot's indices.
const NOTHING: &str = "-*";

/// What one request restores.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The indices that it makes, by the names that they get.
    pub indices: Vec<String>,
    /// Those of them that must be closed before.
    pub closes: Vec<String>,
    /// The request's body.
    pub body: Value,
}

impl RestorePlan {
    /// The requests that carry the plan out: one for each rule that names follow, since a request has one. The first brings
    /// the global state if that is asked for; it has no indices where there are none to restore.
    pub fn batches(&self) -> Vec<Batch> {
        let mut groups: BTreeMap<(Rule, bool), Vec<&Item>> = BTreeMap::new();
        for item in self.sent() {
            groups.entry((item.rule, item.aliases)).or_default().push(item);
        }
        if groups.is_empty() && self.sends_state() {
            groups.insert((Rule::Keep, false), Vec::new());
        }
        groups.into_iter().enumerate().map(|(at, (key, items))| self.batch(key, &items, at == 0)).collect()
    }

    fn batch(&self, (rule, aliases): (Rule, bool), items: &[&Item], is_first: bool) -> Batch {
        let mut sources: Vec<&str> = items.iter().map(|item| item.source.as_str()).collect();
        if sources.is_empty() {
            // No list would be all indices.
            sources.push(NOTHING);
        }
        let options = &self.options;
        let mut body = json!({
            "indices": sources,
            "ignore_unavailable": false,
            "include_global_state": options.global_state && is_first,
            "include_aliases": aliases,
            "partial": options.partial,
        });
        let aside = Rename::Prefix(ASIDE.to_owned());
        let rename = match rule {
            Rule::Keep => None,
            Rule::Asked => self.rename.as_ref(),
            Rule::Aside => Some(&aside),
        };
        if let Some(rename) = rename {
            let (pattern, replacement) = rename.sent();
            (body["rename_pattern"], body["rename_replacement"]) = (json!(pattern), json!(replacement));
        }
        if !options.settings.is_empty() {
            body["index_settings"] = json!(options.settings);
        }
        if !options.drop_settings.is_empty() {
            body["ignore_index_settings"] = json!(options.drop_settings);
        }
        if self.target_release.has_feature_states {
            // Otherwise a global state brings the features' system indices along.
            body["feature_states"] = json!(["none"]);
        }
        let closing = items.iter().filter(|item| item.action.closes());
        Batch {
            indices: items.iter().flat_map(|item| item.indices.clone()).collect(),
            closes: closing.map(|item| item.target.clone()).collect(),
            body,
        }
    }
}
