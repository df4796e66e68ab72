//! The snapshot role: who may take it on, and what it may do.

use crate::facts::unnamed;
use crate::{Check, Facts, Finding, Found, Mend, Role, Unseen};
use serde_json::Value;
use snapkeep_core::Code;
use snapkeep_iam::{Decision, DomainArn, Request, Statement, Stored, decide};

/// The service, as trust policies name it.
const SERVICE: &str = "es.amazonaws.com";

/// An account that nobody has.
const STRANGER: &str = "000000000000";

/// What stands for a file's name in a request.
const SOME_FILE: &str = "snapkeep-doctor";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(stored) = &facts.subject.stored else { return Vec::new() };
    let role = match &facts.role {
        Ok(Found::There(role)) => role,
        Ok(Found::Missing) => return vec![missing(stored)],
        Ok(Found::Refused) => return unchecked(&Unseen::without("iam:GetRole")),
        Err(unseen) => return unchecked(unseen),
    };
    let exists = Finding::ok(Check::RoleExists, format!("{} exists", stored.role_arn));
    let trust = match &facts.subject.domain {
        Some(domain) => trust(role, stored, domain),
        None => Finding::unchecked(Check::RoleTrust, &unnamed()),
    };
    vec![exists, trust, permissions(role, stored)]
}

fn unchecked(unseen: &Unseen) -> Vec<Finding> {
    [Check::RoleExists, Check::RoleTrust, Check::RolePermissions].map(|check| Finding::unchecked(check, unseen)).into()
}

fn missing(stored: &Stored) -> Finding {
    Finding::failed(
        Check::RoleExists,
        Code::RepositoryVerificationFailed,
        format!("there is no role {}", stored.role_arn),
        "the service can take on no role to reach the bucket",
    )
    .mend(Mend::command("snapkeep aws policies"))
    .mend(Mend::advice(
        "make the role with the trust and permissions that are printed, or correct the repository's `role_arn`",
    ))
}

fn trust(role: &Role, stored: &Stored, domain: &DomainArn) -> Finding {
    // The service is told no secret of the role's to prove itself by.
    let request = Request::new("sts:AssumeRole", &stored.role_arn).by(SERVICE).without("sts:ExternalId");
    let request = request.with("aws:SecureTransport", "true");
    let of = |account: &str, arn: &str| {
        decide([&role.trust], &request.clone().with("aws:SourceAccount", account).with("aws:SourceArn", arn))
    };
    let mend = Mend::document(&stored.role_arn, &stored.trust(domain));
    let stranger = DomainArn { account: STRANGER.to_owned(), name: "stranger".to_owned(), ..domain.clone() };
    let sibling = DomainArn { name: "stranger".to_owned(), ..domain.clone() };
    let others = [of(STRANGER, &stranger.to_string()), of(&domain.account, &sibling.to_string())];
    match (of(&domain.account, &domain.to_string()), others) {
        (Decision::Allowed, [Decision::Allowed, _]) => Finding::warning(
            Check::RoleTrust,
            "the role's trust has no condition on aws:SourceAccount and aws:SourceArn",
            "a domain of any account could have the service take the role on, and read or delete the snapshots (confused deputy)",
        )
        .mend(mend),
        (Decision::Allowed, [_, Decision::Allowed]) => Finding::warning(
            Check::RoleTrust,
            "the role's trust has no condition on aws:SourceArn that names this domain only",
            "every domain of the account could have the service take the role on",
        )
        .mend(mend),
        (Decision::Unknown, _) | (Decision::Allowed, [Decision::Unknown, _] | [_, Decision::Unknown]) => {
            Finding::unchecked(Check::RoleTrust, &Unseen::because("the role's trust has conditions that only IAM can tell"))
        }
        (Decision::Allowed, _) => {
            Finding::ok(Check::RoleTrust, format!("the service may take the role on for {domain} only"))
        }
        (Decision::NotAllowed | Decision::Denied, _) => {
            let says = distrust(role, &request, domain);
            let means = "the service cannot take the role on, so no repository can be verified or used";
            Finding::failed(Check::RoleTrust, Code::RepositoryVerificationFailed, says, means).mend(mend)
        }
    }
}

/// Whether it is the conditions or the principal that shuts the service out.
fn distrust(role: &Role, request: &Request, domain: &DomainArn) -> String {
    let open = without_conditions(&role.trust);
    if decide([&open], request) == Decision::Allowed {
        return format!("the role's trust lets the service in, but its conditions do not fit {domain}");
    }
    format!("the role's trust does not let {SERVICE} take it on")
}

fn without_conditions(document: &Value) -> Value {
    let mut open = document.clone();
    match &mut open["Statement"] {
        Value::Array(list) => {
            for one in list.iter_mut().filter_map(Value::as_object_mut) {
                one.remove("Condition");
            }
        }
        Value::Object(one) => _ = one.remove("Condition"),
        _ => {}
    }
    open
}

fn permissions(role: &Role, stored: &Stored) -> Finding {
    let policies = match &role.policies {
        Ok(policies) => policies,
        Err(unseen) => return Finding::unchecked(Check::RolePermissions, unseen),
    };
    let where_it = |ends: fn(Decision) -> bool| -> Vec<Statement> {
        stored.of_role().iter().filter_map(|needed| part(policies, stored, needed, ends)).collect()
    };
    let lacking = where_it(Decision::is_refusal);
    let open = where_it(|decision| decision == Decision::Unknown);
    if lacking.is_empty() && !open.is_empty() {
        let why = format!("whether the role may {} depends on conditions that only IAM can tell", actions(&open));
        return Finding::unchecked(Check::RolePermissions, &Unseen::because(why));
    }
    if lacking.is_empty() {
        let boundary = if role.has_boundary { "; its permissions boundary was not looked at" } else { "" };
        return Finding::ok(Check::RolePermissions, format!("the role may do what snapshots need{boundary}"));
    }
    let actions = actions(&lacking);
    let says = format!("the snapshot role may not {actions} on {}", stored.bucket);
    Finding::failed(Check::RolePermissions, Code::RepositoryVerificationFailed, says, consequence(&actions))
        .mends(lacking.iter().map(|statement| Mend::statement(&stored.role_arn, statement)))
}

fn actions(statements: &[Statement]) -> String {
    let actions: Vec<&str> = statements.iter().flat_map(|statement| &statement.action.0).map(String::as_str).collect();
    actions.join(", ")
}

/// The part of a statement to which the role's policies say what `ends` takes. Of several resources the first counts: the others
/// are where OpenSearch puts files only if it is told to.
fn part(policies: &[Value], stored: &Stored, needed: &Statement, ends: fn(Decision) -> bool) -> Option<Statement> {
    let resource = needed.resource.0.first()?;
    let is_it = |action: &&String| ends(decide(policies, &of_role(action, resource, stored)));
    let actions: Vec<String> = needed.action.0.iter().filter(is_it).cloned().collect();
    (!actions.is_empty()).then(|| {
        let mut part = needed.clone();
        part.action.0 = actions;
        part
    })
}

/// What the service asks of S3 as the role: through no VPC endpoint of the customer's, and for nobody but the role.
pub(super) fn of_role(action: &str, resource: &str, stored: &Stored) -> Request {
    let folder = stored.base_path.as_ref().map(|base| format!("{base}/")).unwrap_or_default();
    let request = Request::new(action, &resource.replace('*', SOME_FILE))
        .by(&stored.role_arn)
        .with("s3:prefix", &folder)
        .with("aws:SecureTransport", "true");
    ["aws:SourceVpce", "aws:SourceVpc", "aws:SourceArn", "aws:SourceAccount"]
        .into_iter()
        .fold(request, Request::without)
}

fn consequence(actions: &str) -> &'static str {
    match actions {
        "s3:DeleteObject" => "verifying fails, and what is deleted never leaves the bucket",
        _ => "the repository cannot be verified or used",
    }
}
