//! Warm and cold indices.

use super::domain::some;
use crate::{Check, Facts, Finding, Mend, Reach, Unseen};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if facts.reach == Reach::Serverless || facts.subject.domain.is_none() {
        return Vec::new();
    }
    let tiers = match &facts.tiers {
        Ok(tiers) => tiers,
        Err(unseen) => return vec![Finding::unchecked(Check::Tiers, unseen)],
    };
    let cold = match &tiers.cold {
        Ok(cold) => cold,
        Err(unseen) if tiers.warm.is_empty() => return vec![Finding::unchecked(Check::Tiers, unseen)],
        Err(unseen) => {
            let why = format!("{}; whether any are cold is not known: {}", warm_words(&tiers.warm), unseen.why);
            return vec![Finding::unchecked(Check::Tiers, &Unseen { why, ..unseen.clone() })];
        }
    };
    vec![match (tiers.warm.as_slice(), cold.as_slice()) {
        ([], []) => Finding::ok(Check::Tiers, "every index is hot"),
        (warm, []) => Finding::ok(Check::Tiers, warm_words(warm)),
        (_, cold) => Finding::warning(
            Check::Tiers,
            format!("{} indices are cold: {}", cold.len(), some(cold)),
            "cold indices are no part of the cluster: no snapshot holds them",
        )
        .mend(Mend::command(format!(
            "curl -X POST \"$ENDPOINT/_cold/migration/_warm\" -H 'Content-Type: application/json' -d '{{\"indices\":\"{}\"}}'",
            cold.join(",")
        )))
        .mend(Mend::advice("take each by itself while it is warm, if it is to be in a snapshot: snapkeep create --indices NAME")),
    }]
}

fn warm_words(warm: &[String]) -> String {
    format!(
        "{} indices are warm ({}): snapshots leave them out, since the service takes a warm one only by itself",
        warm.len(),
        some(warm)
    )
}
