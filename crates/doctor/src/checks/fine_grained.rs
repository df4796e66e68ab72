//! Fine-grained access control: whom the security plugin takes the caller for.

use crate::{AuthInfo, Check, Facts, Finding, Found, Mend, Reach};
use serde_json::json;
use snapkeep_cluster::Kind;
use snapkeep_core::Code;

/// Roles of the security plugin that may manage snapshots.
const MANAGERS: [&str; 2] = ["manage_snapshots", "all_access"];

/// What everybody is mapped to, by default: it lets in nowhere.
const OF_EVERYBODY: &str = "own_index";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let is_off = matches!(&facts.domain, Ok(Found::There(domain)) if !domain.fine_grained);
    if facts.reach != Reach::Answered || is_off {
        return Vec::new();
    }
    match (&facts.access.auth_info, refused_as(facts)) {
        (Ok(info), _) => vec![mapping(facts, info)],
        (Err(_), Some(who)) => vec![unmapped(facts, &who)],
        // Without the plugin nobody would answer either.
        (Err(unseen), None) if matches!(&facts.domain, Ok(Found::There(_))) => vec![match &facts.access.look {
            Ok(Ok(())) => {
                Finding::ok(Check::Mapping, "fine-grained access control lets the caller look at repositories")
            }
            _ => Finding::unchecked(Check::Mapping, unseen),
        }],
        (Err(_), None) => Vec::new(),
    }
}

/// Whom the plugin's refusal of a look, or of verifying, names.
fn refused_as(facts: &Facts) -> Option<String> {
    let look = facts.access.look.as_ref().ok().and_then(|look| look.as_ref().err());
    let verified = facts.repository.verified.as_ref().ok().and_then(|verified| verified.as_ref().err());
    let refusal = look.into_iter().chain(verified).find(|refusal| refusal.kind == Kind::PermissionMissing)?;
    let named = refusal.reason.split_once("name=").and_then(|(_, rest)| rest.split([',', ']']).next());
    Some(named.unwrap_or("the caller's role").to_owned())
}

fn mapping(facts: &Facts, info: &AuthInfo) -> Finding {
    let who = backend_role(info);
    let is_manager = |role: &&String| MANAGERS.contains(&role.as_str());
    if let Some(role) = info.roles.iter().find(is_manager) {
        return Finding::ok(Check::Mapping, format!("fine-grained access control maps {who} to {role}"));
    }
    let others: Vec<&str> = info.roles.iter().map(String::as_str).filter(|role| *role != OF_EVERYBODY).collect();
    if others.is_empty() {
        return unmapped(facts, who);
    }
    // A role of one's own making may do as well: the look says whether it does.
    if matches!(facts.access.look, Ok(Ok(()))) && refused_as(facts).is_none() {
        let says =
            format!("fine-grained access control maps {who} to {}, and not to manage_snapshots", others.join(", "));
        let means = "looking at repositories passes; registering, creating or restoring may not";
        return Finding::warning(Check::Mapping, says, means).mends(map(facts, who));
    }
    Finding::failed(
        Check::Mapping,
        Code::AccessDenied,
        format!("fine-grained access control maps {who} to {}, but not to manage_snapshots", others.join(", ")),
        "what is beneath `_snapshot` is refused, whatever IAM allows",
    )
    .mends(map(facts, who))
}

fn unmapped(facts: &Facts, who: &str) -> Finding {
    Finding::failed(
        Check::Mapping,
        Code::AccessDenied,
        format!("fine-grained access control maps {who} to no role that may manage snapshots"),
        "IAM lets the requests in, and the cluster refuses them: no permissions",
    )
    .mends(map(facts, who))
}

/// IAM identities come as backend roles; the user's name is the same ARN.
fn backend_role(info: &AuthInfo) -> &str {
    info.backend_roles.first().unwrap_or(&info.user)
}

/// The command that maps it beside those that are mapped already, and the way through Dashboards.
fn map(facts: &Facts, who: &str) -> [Mend; 2] {
    let known = facts.access.mapped.as_ref().map(Vec::as_slice).unwrap_or_default();
    let all: Vec<&str> = known.iter().map(String::as_str).filter(|role| *role != who).chain([who]).collect();
    let body = json!([{"op": "add", "path": "/backend_roles", "value": all}]);
    let plugin = match &facts.domain {
        Ok(Found::There(domain)) if domain.engine.starts_with("Elasticsearch") => "_opendistro",
        _ => "_plugins",
    };
    let keep =
        if facts.access.mapped.is_ok() { "" } else { "; this replaces its other backend roles, so list those too" };
    [
        Mend::command(format!(
            "curl --user \"$MASTER\" -X PATCH \"{}/{plugin}/_security/api/rolesmapping/manage_snapshots\" -H 'Content-Type: application/json' -d '{body}'",
            facts.subject.endpoint
        )),
        Mend::advice(format!(
            "or in Dashboards, as the master user: Security, Roles, manage_snapshots, Mapped users, Manage mapping, and {who} as a backend role{keep}"
        )),
    ]
}
