//! What IAM and the domain's access policy let in.

use super::everything;
use crate::facts::{concrete, unnamed};
use crate::{Caller, Check, Facts, Finding, Found, Mend, Reach, Simulated, Unseen};
use serde_json::Value;
use snapkeep_cluster::{Kind, Refusal};
use snapkeep_core::Code;
use snapkeep_iam::{Decision, DomainArn, Request, Statement, Stored, decide};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if facts.reach != Reach::Answered {
        return Vec::new();
    }
    let requests = facts.subject.stored.as_ref().and_then(|stored| match &facts.subject.domain {
        Some(domain) => Some(requests(facts, stored, domain)),
        None if facts.subject.is_signed => Some(unread(facts, &unnamed())),
        None => None,
    });
    requests.into_iter().chain([look(facts)]).chain(unsigned(facts)).collect()
}

/// What the caller's policies and the domain's say to each statement that it needs; either may allow it within one account.
fn requests(facts: &Facts, stored: &Stored, domain: &DomainArn) -> Finding {
    let caller = match &facts.caller {
        Ok(caller) => caller,
        Err(unseen) => return unread(facts, unseen),
    };
    let needed = stored.of_caller(domain, &facts.subject.operations);
    let of_domain: Vec<&Statement> =
        needed.iter().filter(|statement| statement.action.0.iter().any(|action| action.starts_with("es:"))).collect();
    let where_it = |ends: fn(Decision) -> bool| -> Vec<Statement> {
        of_domain.iter().filter_map(|needed| part(facts, caller, needed, ends)).collect()
    };
    let lacking = where_it(Decision::is_refusal);
    if lacking.is_empty() {
        let is_open = !where_it(|decision| decision == Decision::Unknown).is_empty();
        return refused_by_front(facts).unwrap_or_else(|| not_refused(is_open));
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

/// Where policies cannot be read, only answers tell.
fn unread(facts: &Facts, unseen: &Unseen) -> Finding {
    refused_by_front(facts).unwrap_or_else(|| Finding::unchecked(Check::Requests, unseen))
}

/// No policy that was read refuses a request.
fn not_refused(is_open: bool) -> Finding {
    if is_open {
        let why = "the caller's policies, or the domain's, have conditions that only IAM can tell";
        return Finding::unchecked(Check::Requests, &Unseen::because(why));
    }
    Finding::ok(Check::Requests, "the caller's policies let every request in that is needed")
}

/// The part of a statement to which policies say what `ends` takes.
fn part(facts: &Facts, caller: &Caller, needed: &Statement, ends: fn(Decision) -> bool) -> Option<Statement> {
    let is_it = |resource: &&String| {
        needed.action.0.iter().any(|action| ends(allowed(facts, caller, &Request::new(action, &concrete(resource)))))
    };
    let resources: Vec<String> = needed.resource.0.iter().filter(is_it).cloned().collect();
    (!resources.is_empty()).then(|| {
        let mut part = needed.clone();
        part.resource.0 = resources;
        part
    })
}

/// What the caller's policies say to a request, and, to one that is sent to the domain, the domain's own: within one account
/// either may allow it, and each may deny it.
pub(super) fn allowed(facts: &Facts, caller: &Caller, request: &Request) -> Decision {
    let identity = facts.identity.as_ref().ok().and_then(|known| known.as_ref().ok());
    let request = request.clone().by(&identity.map(crate::Identity::principal).unwrap_or_default());
    let is_tls = facts.subject.endpoint.origin().starts_with("https://");
    let request = &request.with("aws:SecureTransport", &is_tls.to_string());
    let of_domain = access_policy(facts).filter(|_| request.action().starts_with("es:"));
    match caller {
        Caller::Documents(documents) => decide(documents.iter().chain(of_domain), request),
        Caller::Simulated(answers) => beside(told(answers, request), of_domain, request),
    }
}

fn told(answers: &[Simulated], request: &Request) -> Decision {
    let is_it = |answer: &&Simulated| answer.action == request.action() && answer.resource == request.resource();
    answers.iter().find(is_it).map_or(Decision::Unknown, |answer| answer.decision)
}

/// What comes of IAM's own word and the domain's policy together.
fn beside(told: Decision, of_domain: Option<&Value>, request: &Request) -> Decision {
    match told {
        Decision::Allowed => decide(of_domain.into_iter().chain([&everything()]), request),
        Decision::NotAllowed => decide(of_domain, request),
        Decision::Unknown if decide(of_domain, request) != Decision::Denied => Decision::Unknown,
        Decision::Denied | Decision::Unknown => Decision::Denied,
    }
}

fn access_policy(facts: &Facts) -> Option<&Value> {
    match &facts.domain {
        Ok(Found::There(domain)) => domain.access_policy.as_ref(),
        _ => None,
    }
}

/// Whatever policies say, as far as they can be read: the answers to the requests that were made tell of these.
fn refused_by_front(facts: &Facts) -> Option<Finding> {
    let look = facts.access.look.as_ref().ok().and_then(|look| look.as_ref().err());
    let verified = facts.repository.verified.as_ref().ok().and_then(|verified| verified.as_ref().err());
    let made =
        [look.map(|refusal| (refusal, "LookAtSnapshots")), verified.map(|refusal| (refusal, "VerifyRepository"))];
    let (refusal, sid) = made.into_iter().flatten().find(|(refusal, _)| refusal.kind == Kind::ActionDenied)?;
    let means = "the domain's front refuses the caller: its own policies, a boundary or the organisation's, or the domain's access policy do not allow it";
    Some(Finding::failed(Check::Requests, refusal.code(), &refusal.reason, means).mends(lets_in(facts, sid)))
}

/// The statement of that name, among those that the caller needs.
fn lets_in(facts: &Facts, sid: &str) -> Option<Mend> {
    let (stored, domain) = (facts.subject.stored.as_ref()?, facts.subject.domain.as_ref()?);
    let needed = stored.of_caller(domain, &facts.subject.operations);
    needed.iter().find(|statement| statement.sid == sid).map(|statement| Mend::statement("caller", statement))
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
