//! Roles and their policies, by IAM.

use super::aws::{Asking, No, maybe};
use super::xml;
use crate::facts::concrete;
use crate::{Caller, Found, Identity, Role, Seen, Simulated, Unseen};
use serde_json::Value;
use snapkeep_iam::{Decision, Statement};
use snapkeep_transport::Service;

/// The version of IAM's interface.
const VERSION: &str = "2010-05-08";

/// The snapshot role, with everything that hangs on it.
pub(super) async fn role(asking: Asking<'_>, arn: &str) -> Seen<Found<Role>> {
    let name = name_of(arn);
    let answer = asking.query(Service::IAM, VERSION, &[("Action", "GetRole"), ("RoleName", name)]).await;
    let Some(body) = maybe(answer, &["NoSuchEntity"], "iam:GetRole")? else { return Ok(Found::Missing) };
    let trust = xml::first(&body, "AssumeRolePolicyDocument").and_then(document);
    let trust = trust.ok_or_else(|| Unseen::because("iam:GetRole tells of no trust policy"))?;
    let has_boundary = body.contains("<PermissionsBoundaryArn>");
    Ok(Found::There(Role { trust, policies: policies(asking, name).await, has_boundary }))
}

/// What the caller may do: by IAM's own word if it gives that, else by its role's policies.
pub(super) async fn caller(asking: Asking<'_>, identity: &Identity, needed: &[Statement]) -> Seen<Caller> {
    let principal = identity.principal();
    match simulated(asking, &principal, needed).await {
        Ok(answers) => return Ok(Caller::Simulated(answers)),
        Err(No::Unsigned(why) | No::Lost(why)) => return Err(Unseen::because(why)),
        Err(No::Refused { .. }) => {}
    }
    if !principal.contains(":role/") {
        return Err(Unseen::without("iam:SimulatePrincipalPolicy"));
    }
    policies(asking, name_of(&principal)).await.map(Caller::Documents)
}

/// One question for each action and resource: answers to several at once nest in ways of their own.
async fn simulated(asking: Asking<'_>, principal: &str, needed: &[Statement]) -> Result<Vec<Simulated>, No> {
    let mut answers = Vec::new();
    for statement in needed {
        for (action, resource) in
            statement.action.0.iter().flat_map(|action| statement.resource.0.iter().map(move |arn| (action, arn)))
        {
            answers.push(simulation(asking, principal, action, concrete(resource)).await?);
        }
    }
    Ok(answers)
}

async fn simulation(asking: Asking<'_>, principal: &str, action: &str, resource: String) -> Result<Simulated, No> {
    let fields = [
        ("Action", "SimulatePrincipalPolicy"),
        ("PolicySourceArn", principal),
        ("ActionNames.member.1", action),
        ("ResourceArns.member.1", resource.as_str()),
        ("ContextEntries.member.1.ContextKeyName", "iam:PassedToService"),
        ("ContextEntries.member.1.ContextKeyType", "string"),
        ("ContextEntries.member.1.ContextKeyValues.member.1", "es.amazonaws.com"),
    ];
    let body = asking.query(Service::IAM, VERSION, &fields).await?;
    let decision = match xml::first(&body, "EvalDecision") {
        Some("allowed") => Decision::Allowed,
        Some("explicitDeny") => Decision::Denied,
        Some("implicitDeny") => Decision::NotAllowed,
        _ => Decision::Unknown,
    };
    Ok(Simulated { action: action.to_owned(), resource, decision })
}

/// All policies of a role: its own, and those that are attached.
async fn policies(asking: Asking<'_>, role: &str) -> Seen<Vec<Value>> {
    let of = |action| [("Action", action), ("RoleName", role), ("MaxItems", "1000")];
    let own = asking.query(Service::IAM, VERSION, &of("ListRolePolicies")).await;
    let own = own.map_err(|no| no.unseen("iam:ListRolePolicies"))?;
    let mut documents = Vec::new();
    for name in xml::all(&own, "member") {
        let name = xml::plain(name);
        let fields = [("Action", "GetRolePolicy"), ("RoleName", role), ("PolicyName", name.as_str())];
        let body = asking.query(Service::IAM, VERSION, &fields).await.map_err(|no| no.unseen("iam:GetRolePolicy"))?;
        documents.extend(xml::first(&body, "PolicyDocument").and_then(document));
    }
    let attached = asking.query(Service::IAM, VERSION, &of("ListAttachedRolePolicies")).await;
    let attached = attached.map_err(|no| no.unseen("iam:ListAttachedRolePolicies"))?;
    for arn in xml::all(&attached, "PolicyArn") {
        documents.extend(managed(asking, arn).await?);
    }
    Ok(documents)
}

/// The version of a managed policy that holds.
async fn managed(asking: Asking<'_>, arn: &str) -> Seen<Option<Value>> {
    let body = asking.query(Service::IAM, VERSION, &[("Action", "GetPolicy"), ("PolicyArn", arn)]).await;
    let body = body.map_err(|no| no.unseen("iam:GetPolicy"))?;
    let version = xml::first(&body, "DefaultVersionId").unwrap_or("v1");
    let fields = [("Action", "GetPolicyVersion"), ("PolicyArn", arn), ("VersionId", version)];
    let body = asking.query(Service::IAM, VERSION, &fields).await.map_err(|no| no.unseen("iam:GetPolicyVersion"))?;
    Ok(xml::first(&body, "Document").and_then(document))
}

/// Documents come percent-encoded, as RFC 3986 has it.
fn document(text: &str) -> Option<Value> {
    serde_json::from_str(&xml::percent_decoded(&xml::plain(text))).ok()
}

/// A role's name, without its path.
fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
