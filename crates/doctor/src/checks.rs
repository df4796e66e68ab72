//! The checks, one file a topic. Each is a pure function over facts.

mod access;
mod bucket;
mod credentials;
mod domain;
mod endpoint;
mod fine_grained;
mod key;
mod lifecycle;
mod pass_role;
mod repository;
mod role;
mod tiers;

use crate::{Facts, Finding, Report};
use serde_json::{Value, json};

/// A topic's checks.
type Topic = fn(&Facts) -> Vec<Finding>;

const TOPICS: [Topic; 12] = [
    endpoint::check,
    credentials::check,
    domain::check,
    access::check,
    pass_role::check,
    fine_grained::check,
    role::check,
    bucket::check,
    key::check,
    lifecycle::check,
    repository::check,
    tiers::check,
];

/// A policy that allows everything: beside it, another's denials alone decide.
fn everything() -> Value {
    json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
}

/// Every check over the facts. A check that has nothing to look at says nothing.
pub fn examine(facts: &Facts) -> Report {
    Report::of(TOPICS.iter().flat_map(|topic| topic(facts)).collect())
}
