//! The repository, as the cluster has it.

use super::domain::some;
use crate::{Age, Check, Facts, Finding, Generations, Mend, Reach, Unseen};
use jiff::Timestamp;
use snapkeep_cluster::{Kind, Refusal, Registered};
use snapkeep_core::Code;
use snapkeep_core::naming::RepositoryName;
use std::collections::BTreeMap;

/// The cluster gave the repository up after somebody else had written it.
const CORRUPTED: i64 = -3;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if facts.reach == Reach::Serverless {
        return Vec::new();
    }
    let mut findings = vec![registered(facts), verified(facts), writer(facts)];
    if !facts.repository.ages.is_empty() {
        findings.push(age(&facts.repository.ages, facts.now));
    }
    findings
}

fn name(facts: &Facts) -> &str {
    facts.subject.repository.as_ref().map_or("REPOSITORY", RepositoryName::as_str)
}

fn registered(facts: &Facts) -> Finding {
    let name = name(facts);
    let found = match &facts.repository.registered {
        Ok(found) => found,
        Err(unseen) => return Finding::unchecked(Check::Registered, unseen),
    };
    let Some(found) = found else {
        let says = format!("repository {name} is not registered");
        return Finding::failed(
            Check::Registered,
            Code::RepositoryMissing,
            says,
            "no snapshot can be taken to it or restored from it",
        )
        .mend(Mend::command(format!("snapkeep repo register {name}")));
    };
    let differences: Vec<String> = differences(facts, found);
    if differences.is_empty() {
        return Finding::ok(Check::Registered, format!("repository {name} is registered"));
    }
    Finding::failed(
        Check::Registered,
        Code::RepositoryConflict,
        format!("repository {name} is registered with other settings: {}", some(&differences)),
        "snapshots go to where it was registered once, with the rights that held then",
    )
    .mend(Mend::command(format!("snapkeep repo register {name} --replace")))
}

fn differences(facts: &Facts, found: &Registered) -> Vec<String> {
    let wanted = facts.subject.wanted.as_ref();
    let differences = wanted.map(|wanted| wanted.differences(&found.kind, &found.settings)).unwrap_or_default();
    differences.iter().map(ToString::to_string).collect()
}

fn verified(facts: &Facts) -> Finding {
    match &facts.repository.verified {
        Err(unseen) => Finding::unchecked(Check::Verified, unseen),
        Ok(Ok(nodes)) => Finding::ok(Check::Verified, format!("nodes that can use the repository: {}", nodes.len())),
        Ok(Err(refusal)) => unverified(facts, refusal),
    }
}

/// The nodes' own words tell what is wrong even where nothing of AWS's can be read.
fn unverified(facts: &Facts, refusal: &Refusal) -> Finding {
    let failure = refusal.failure();
    let means = match refusal.kind {
        // Another time it may pass.
        Kind::Throttled | Kind::Busy => {
            return Finding::unchecked(Check::Verified, &Unseen::because(&refusal.reason));
        }
        Kind::Gateway => {
            let means = "verifying had no answer in time, as where the nodes do not reach the bucket";
            return Finding::warning(Check::Verified, failure.cause, means).mend(Mend::advice(failure.hint));
        }
        Kind::VerificationFailed | Kind::RoleNotAssumable | Kind::RegionRefused | Kind::ServerError => {
            "the nodes cannot use the bucket"
        }
        _ => "verifying was refused: whether the nodes can use the bucket is not known",
    };
    let stored = facts.subject.stored.as_ref();
    let mends: Vec<Mend> = match (refusal.kind, stored, &facts.subject.domain) {
        (Kind::RoleNotAssumable, Some(stored), Some(domain)) => {
            vec![Mend::document(&stored.role_arn, &stored.trust(domain))]
        }
        (Kind::VerificationFailed, Some(stored), _) => {
            stored.of_role().iter().map(|statement| Mend::statement(&stored.role_arn, statement)).collect()
        }
        _ => Vec::new(),
    };
    Finding::failed(Check::Verified, failure.code, failure.cause, means).mends(mends).mend(Mend::advice(failure.hint))
}

fn writer(facts: &Facts) -> Finding {
    if let Some(words) = foreign_words(facts) {
        return foreign(facts, words.to_owned());
    }
    match &facts.repository.generations {
        Err(unseen) => Finding::unchecked(Check::Writer, unseen),
        Ok(Generations { known: CORRUPTED, .. }) => {
            foreign(facts, "the cluster has given the repository up: it was changed by somebody else".to_owned())
        }
        Ok(Generations { known, found }) if found > known && *known >= 0 => {
            foreign(facts, format!("the bucket holds generation {found}, this cluster wrote none after {known}"))
        }
        Ok(Generations { found, .. }) => {
            Finding::ok(Check::Writer, format!("nobody else has written it (generation {found})"))
        }
    }
}

/// What a server said of it, to any question.
fn foreign_words(facts: &Facts) -> Option<&str> {
    let answers = [
        facts.access.look.as_ref().ok().and_then(|look| look.as_ref().err()),
        facts.repository.verified.as_ref().ok().and_then(|verified| verified.as_ref().err()),
    ];
    let refusal = answers.into_iter().flatten().find(|refusal| refusal.kind == Kind::WrittenElsewhere)?;
    Some(refusal.reason.as_str())
}

fn foreign(facts: &Facts, says: String) -> Finding {
    let name = name(facts);
    Finding::failed(
        Check::Writer,
        Code::RepositoryConflict,
        says,
        "another cluster writes the repository too: the two destroy each other's snapshots",
    )
    .mend(Mend::command(format!(
        "snapkeep repo register {name} --readonly --replace --endpoint https://OTHER_CLUSTER"
    )))
    .mend(Mend::advice(format!(
        "give each cluster a repository of its own (another `base_path`); then register {name} here anew and see what is left: snapkeep verify --level blobs"
    )))
}

fn age(ages: &BTreeMap<String, Age>, now: Timestamp) -> Finding {
    let late: Vec<String> = ages.iter().filter_map(|(policy, age)| lateness(policy, age, now)).collect();
    if late.is_empty() {
        let names: Vec<&str> = ages.keys().map(String::as_str).collect();
        return Finding::ok(
            Check::Age,
            format!("policies with a good snapshot that is young enough: {}", names.join(", ")),
        );
    }
    Finding::failed(Check::Age, Code::SnapshotMissing, late.join("; "), "what was written since then is in no snapshot")
        .mend(Mend::command("snapkeep run --yes"))
        .mend(Mend::advice("see why runs fail: the function's log, or `snapkeep plan --explain`"))
}

fn lateness(policy: &str, age: &Age, now: Timestamp) -> Option<String> {
    if !age.is_stale {
        return None;
    }
    let Some(last) = age.last_good else { return Some(format!("policy {policy} has no good snapshot")) };
    let hours = now.duration_since(last).as_hours();
    Some(format!("the newest good snapshot of policy {policy} is {hours} h old"))
}
