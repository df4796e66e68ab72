//! `CloudWatch`'s embedded metric format: a line of JSON in the Lambda's log, from which `CloudWatch` takes the metrics.

use super::registry::Registry;
use super::table::metric;
use serde_json::{Map, Value, json};
use snapkeep_engine::policies::RunReport;
use std::collections::BTreeMap;

/// The namespace of our metrics.
pub const NAMESPACE: &str = "snapkeep";

/// Values by `CloudWatch`'s name, with their unit.
type Values = BTreeMap<String, (f64, &'static str)>;

/// The run's values, a line for each policy on each cluster and one for each cluster: dimensions `Policy` and `Cluster`, or
/// `Cluster`. Counters are this run's own. A failure's code is no dimension and no name: each would cost.
pub fn emf(report: &RunReport) -> Vec<String> {
    let mut registry = Registry::default();
    registry.observe(report);
    let mut lines: BTreeMap<Vec<(&str, String)>, Values> = BTreeMap::new();
    for (name, labels, value) in registry.values() {
        let Some((metric, (shown, unit))) = metric(name).and_then(|metric| Some((metric, metric.emf?))) else {
            continue;
        };
        let label = |wanted: &str| metric.labels.iter().position(|label| *label == wanted).map(|at| labels[at].clone());
        let dimensions = [("Policy", label("policy")), ("Cluster", label("cluster"))];
        let dimensions = dimensions.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let kind = label("state").or_else(|| label("outcome")).map_or_else(String::new, |word| camel(&word));
        let entry = lines.entry(dimensions).or_default().entry(format!("{shown}{kind}")).or_insert((0.0, unit));
        entry.0 += value;
    }
    let at = report.finished_at.as_millisecond();
    lines.into_iter().map(|(dimensions, values)| line(at, &dimensions, &values)).collect()
}

fn line(at: i64, dimensions: &[(&str, String)], values: &Values) -> String {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let metrics: Vec<Value> = values.iter().map(|(name, (_, unit))| json!({"Name": name, "Unit": unit})).collect();
    let directive = json!([{"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics}]);
    let mut whole = Map::new();
    whole.insert("_aws".to_owned(), json!({"Timestamp": at, "CloudWatchMetrics": directive}));
    whole.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    whole.extend(values.iter().map(|(name, (value, _))| (name.clone(), json!(value))));
    Value::Object(whole).to_string()
}

/// `in_progress` → `InProgress`.
fn camel(word: &str) -> String {
    let part = |part: &str| {
        part.chars().next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + &part[1..])
    };
    word.split('_').map(part).collect()
}
