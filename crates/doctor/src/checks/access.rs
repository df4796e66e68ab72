//! What IAM and the domain's access policy let in.

use crate::facts::concrete;
use crate::{Caller, Check, Facts, Finding, Found, Mend, Reach, Simulated, Unseen};
use serde_json::Value;
use snapkeep_cluster::{Kind, Refusal};
use snapkeep_core::Code;
use snapkeep_iam::{Decision, DomainArn, Request, Statement, Stored, decide};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if facts.reach != Reach::Answered {
        return Vec::new();
    }
    let of_iam = facts.subject.stored.as_ref().zip(facts.subject.domain.as_ref());
    let requests = of_iam.map(|(stored, domain)| requests(facts, stored, domain));
    requests.into_iter().chain([look(facts)]).chain(unsigned(facts)).collect()
}

/// What the caller's policies and the domain's say to each statement that it needs; either may allow it within one account.
fn requests(facts: &Facts, stored: &Stored, domain: &DomainArn) -> Finding {
    let caller = match &facts.caller {
        Ok(caller) => caller,
        Err(unseen) => return seen_by_answer(facts, unseen),
    };
    let needed = stored.of_caller(domain, &facts.subject.operations);
    let of_domain: Vec<&Statement> =
        needed.iter().filter(|statement| statement.action.0.iter().any(|action| action.starts_with("es:"))).collect();
    let lacking: Vec<Statement> = of_domain.into_iter().filter_map(|needed| lacking(facts, caller, needed)).collect();
    if lacking.is_empty() {
        return Finding::ok(Check::Requests, "the caller's policies let every request in that is needed");
    }
    let actions: Vec<String> =
        lacking.iter().map(|statement| format!("{} ({})", statement.action.0.join(", "), statement.sid)).collect();
    Finding::failed(
        Check::Requests,
        Code::AccessDenied,
        format!("the caller may not send {}", actions.join("; ")),
        "the domain's front refuses these requests before the cluster sees them",
    )
    .mends(lacking.iter().map(|statement| Mend::statement("caller", statement)))
}

/// The part of a statement that is not allowed.
fn lacking(facts: &Facts, caller: &Caller, needed: &Statement) -> Option<Statement> {
    let refused = |resource: &&String| {
        needed.action.0.iter().any(|action| {
            matches!(
                allowed(facts, caller, &Request::new(action, &concrete(resource))),
                Decision::NotAllowed | Decision::Denied
            )
        })
    };
    let resources: Vec<String> = needed.resource.0.iter().filter(refused).cloned().collect();
    (!resources.is_empty()).then(|| {
        let mut lacking = needed.clone();
        lacking.resource.0 = resources;
        lacking
    })
}

/// What the caller's policies say to a request, and, to one that is sent to the domain, the domain's own: within one account
/// either may allow it, and each may deny it.
pub(super) fn allowed(facts: &Facts, caller: &Caller, request: &Request) -> Decision {
    let identity = facts.identity.as_ref().ok().and_then(|known| known.as_ref().ok());
    let request = &request.clone().by(&identity.map(crate::Identity::principal).unwrap_or_default());
    let of_domain = access_policy(facts).filter(|_| request.action().starts_with("es:"));
    match caller {
        Caller::Documents(documents) => decide(documents.iter().chain(of_domain), request),
        Caller::Simulated(answers) => either(told(answers, request), decide(of_domain, request)),
    }
}

fn told(answers: &[Simulated], request: &Request) -> Decision {
    let is_it = |answer: &&Simulated| answer.action == request.action() && answer.resource == request.resource();
    answers.iter().find(is_it).map_or(Decision::Unknown, |answer| answer.decision)
}

fn either(one: Decision, other: Decision) -> Decision {
    match (one, other) {
        (Decision::Denied, _) | (_, Decision::Denied) => Decision::Denied,
        (Decision::Unknown, _) | (_, Decision::Unknown) => Decision::Unknown,
        (Decision::Allowed, _) | (_, Decision::Allowed) => Decision::Allowed,
        (Decision::NotAllowed, Decision::NotAllowed) => Decision::NotAllowed,
    }
}

fn access_policy(facts: &Facts) -> Option<&Value> {
    match &facts.domain {
        Ok(Found::There(domain)) => domain.access_policy.as_ref(),
        _ => None,
    }
}

/// Where policies cannot be read, the cluster's own answer tells of the one request that was made.
fn seen_by_answer(facts: &Facts, unseen: &Unseen) -> Finding {
    match &facts.access.look {
        Ok(Err(refusal)) if refusal.kind == Kind::ActionDenied => {
            let failure = refusal.failure();
            Finding::failed(
                Check::Requests,
                failure.code,
                &refusal.reason,
                "the domain's front refuses the caller: its own policy, or the domain's access policy, does not allow it",
            )
            .mends(looks(facts))
        }
        _ => Finding::unchecked(Check::Requests, unseen),
    }
}

/// The statement that lets a look in.
fn looks(facts: &Facts) -> Option<Mend> {
    let (stored, domain) = (facts.subject.stored.as_ref()?, facts.subject.domain.as_ref()?);
    let needed = stored.of_caller(domain, &facts.subject.operations);
    needed
        .iter()
        .find(|statement| statement.sid == "LookAtSnapshots")
        .map(|statement| Mend::statement("caller", statement))
}

/// A look at the repository, as who we are.
fn look(facts: &Facts) -> Finding {
    match &facts.access.look {
        Err(unseen) => Finding::unchecked(Check::Look, unseen),
        Ok(Ok(())) => Finding::ok(Check::Look, "the cluster answers questions about repositories"),
        // What is wrong with the repository is told where the repository is looked at.
        Ok(Err(refusal)) if matches!(refusal.kind, Kind::RepositoryMissing | Kind::WrittenElsewhere) => {
            Finding::ok(Check::Look, "the cluster answers questions about repositories")
        }
        Ok(Err(refusal)) => refused(refusal),
    }
}

fn refused(refusal: &Refusal) -> Finding {
    let failure = refusal.failure();
    let means = match refusal.kind {
        Kind::Unsigned => "requests reach the cluster without a signature",
        Kind::SignatureMismatch | Kind::BadToken => "the signature is not accepted",
        Kind::WrongRegion | Kind::WrongService => "the signature is for another region or service",
        Kind::ClockSkew => "the signature's time is too far off",
        Kind::PermissionMissing => "IAM lets the request in, and fine-grained access control refuses it",
        _ => "the cluster tells nothing about repositories",
    };
    Finding::failed(Check::Look, failure.code, failure.cause, means).mend(Mend::advice(failure.hint))
}

/// Whoever needs no identity may do anything.
fn unsigned(facts: &Facts) -> Option<Finding> {
    if !facts.subject.is_signed {
        return None;
    }
    Some(match &facts.access.unsigned {
        Err(unseen) => Finding::unchecked(Check::Unsigned, unseen),
        Ok(200..=299) => Finding::warning(
            Check::Unsigned,
            "the domain answers requests without any identity",
            "whoever reaches the endpoint may read and delete everything, snapshots too",
        )
        .mend(Mend::advice(
            "name the roles that may call it in the domain's access policy, or turn fine-grained access control on",
        )),
        Ok(status) => Finding::ok(Check::Unsigned, format!("requests without an identity are refused ({status})")),
    })
}
