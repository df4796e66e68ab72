//! The endpoint and the cluster behind it.

use crate::{Access, AuthInfo, Blocks, Domain, Found, Generations, Life, Load, Reach, Right, Seen, Tiers, Unseen};
use serde_json::Value;
use snapkeep_cluster::{Kind, Product, Refusal, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::RepositoryName;
use snapkeep_iam::DomainArn;
use snapkeep_transport::{Answer, Call, Client, Deadline, Lost, Method, Service};
use std::time::Duration;

use super::aws::{Asking, maybe};

/// For one question with its repetitions.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the endpoint does with a request that bears no identity, and that answer's status.
pub(super) async fn reach(unsigned: &Client, deadline: Deadline) -> (Reach, Seen<u16>) {
    match unsigned.read(&Call::new(Method::GET, "/"), deadline.or_after(PATIENCE)).await {
        Ok(answer) => (answered(&answer), Ok(answer.status)),
        Err(lost) => (unreached(&lost), Err(Unseen::because(lost.cause()))),
    }
}

/// Clusters, and the service before them, answer in JSON; a refusal may come without a body.
fn answered(answer: &Answer) -> Reach {
    let is_json = serde_json::from_slice::<Value>(&answer.body).is_ok();
    match answer.status {
        401 | 403 | 429 | 502..=504 => Reach::Answered,
        _ if is_json => Reach::Answered,
        status => Reach::NoCluster(format!("it answers {status}, and not in JSON")),
    }
}

fn unreached(lost: &Lost) -> Reach {
    let cause = lost.cause().to_owned();
    match lost {
        Lost::Unreadable(_) => Reach::NoCluster(cause),
        Lost::NotSent(_) if cause.contains("certificate") || cause.contains("UnknownIssuer") => Reach::Untrusted(cause),
        Lost::NotSent(_) if cause.contains("dns error") || cause.contains("lookup address") => Reach::NoSuchName(cause),
        _ => Reach::NoConnection { cause },
    }
}

/// The domain, as the service describes it.
pub(super) async fn domain(asking: Asking<'_>, arn: &DomainArn) -> Seen<Found<Domain>> {
    let call = Call::new(Method::GET, format!("/2021-01-01/opensearch/domain/{}", arn.name));
    let answer = asking.text(Service::OPENSEARCH, &call).await;
    let Some(body) = maybe(answer, &["ResourceNotFound"], "es:DescribeDomain")? else { return Ok(Found::Missing) };
    let body: Value =
        serde_json::from_str(&body).map_err(|error| Unseen::because(format!("es:DescribeDomain: {error}")))?;
    Ok(Found::There(described(&body["DomainStatus"])))
}

fn described(status: &Value) -> Domain {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let is_on = |value: &Value| value == true;
    let own = [&status["Endpoint"], &status["EndpointV2"]];
    let in_vpc = status["Endpoints"].as_object().into_iter().flatten().map(|(_, host)| host);
    let custom = &status["DomainEndpointOptions"]["CustomEndpoint"];
    let hosts: Vec<String> = own.into_iter().chain(in_vpc).chain([custom]).filter_map(text).collect();
    let is_changing = is_on(&status["Processing"]) || is_on(&status["UpgradeProcessing"]);
    let named = text(&status["DomainProcessingStatus"]).filter(|word| word != "Active");
    let life = match (is_on(&status["Deleted"]), status["Created"] == false || hosts.is_empty()) {
        (true, _) => Life::Deleted,
        (false, true) => Life::New,
        (false, false) => Life::Active,
    };
    Domain {
        arn: text(&status["ARN"]).unwrap_or_default(),
        engine: text(&status["EngineVersion"]).unwrap_or_default(),
        life,
        change: named.or_else(|| is_changing.then(|| "Processing".to_owned())),
        in_vpc: status["VPCOptions"]["VPCId"].is_string(),
        fine_grained: is_on(&status["AdvancedSecurityOptions"]["Enabled"]),
        access_policy: status["AccessPolicies"].as_str().and_then(|policy| serde_json::from_str(policy).ok()),
        hosts,
    }
}

/// A question to the cluster.
async fn told(api: &SnapshotApi, path: &str, deadline: Deadline) -> Seen<Value> {
    asked(api, path, deadline).await?.map_err(|refusal| unseen(&Unanswered::Refused(refusal)))
}

/// The same, whose refusal may be an answer, too.
async fn asked(api: &SnapshotApi, path: &str, deadline: Deadline) -> Seen<Result<Value, Refusal>> {
    let answer = api.client().read(&Call::new(Method::GET, path), deadline.or_after(PATIENCE)).await;
    let answer = answer.map_err(|lost| Unseen::because(lost.cause()))?;
    if !(200..300).contains(&answer.status) {
        return Ok(Err(Refusal::of(&answer)));
    }
    serde_json::from_slice(&answer.body).map(Ok).map_err(|error| Unseen::because(format!("{path}: {error}")))
}

/// Why the cluster tells nothing.
pub(super) fn unseen(unanswered: &Unanswered) -> Unseen {
    match unanswered {
        // IAM has let such a request in.
        Unanswered::Refused(refusal) if refusal.kind == Kind::PermissionMissing => {
            Unseen { right: permission(&refusal.reason).map(Right::Mapped), why: refusal.reason.clone() }
        }
        Unanswered::Refused(refusal) if refusal.is_missing_right() => {
            Unseen { right: Some(Right::Iam("es:ESHttpGet")), why: refusal.reason.clone() }
        }
        other => Unseen::because(other.failure().cause),
    }
}

/// The permission that the security plugin names: `no permissions for [cluster:monitor/health] and User […]`.
fn permission(reason: &str) -> Option<String> {
    let (_, named) = reason.split_once("no permissions for [")?;
    named.split_once(']').map(|(permission, _)| permission.to_owned())
}

pub(super) async fn load(api: &SnapshotApi, deadline: Deadline) -> Seen<Load> {
    let path = "/_cluster/stats?filter_path=nodes.fs,nodes.jvm.mem";
    let stats = told(api, path, deadline).await?;
    let number = |pointer: &str| stats.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    Ok(Load {
        disk_total: number("/nodes/fs/total_in_bytes"),
        disk_free: number("/nodes/fs/available_in_bytes"),
        heap_max: number("/nodes/jvm/mem/heap_max_in_bytes"),
        heap_used: number("/nodes/jvm/mem/heap_used_in_bytes"),
    })
}

pub(super) async fn blocks(api: &SnapshotApi, deadline: Deadline) -> Seen<Blocks> {
    let cluster = api.cluster_blocks(deadline.or_after(PATIENCE)).await.map_err(|no| unseen(&no))?;
    Ok(Blocks { cluster })
}

/// What we may do, and whom the security plugin takes us for.
pub(super) async fn access(
    api: &SnapshotApi,
    unsigned: Seen<u16>,
    repository: Option<&RepositoryName>,
    plugin: &str,
    deadline: Deadline,
) -> Access {
    let path = repository.map_or_else(|| "/_snapshot".to_owned(), |name| format!("/_snapshot/{}", name.segment()));
    let look = api.client().read(&Call::new(Method::GET, path), deadline.or_after(PATIENCE)).await;
    let look = look.map_err(|lost| Unseen::because(lost.cause())).map(|answer| match answer.status {
        200..=299 => Ok(()),
        _ => Err(Refusal::of(&answer)),
    });
    let info = told(api, &format!("/{plugin}/_security/authinfo"), deadline).await;
    let path = format!("/{plugin}/_security/api/rolesmapping/manage_snapshots");
    let mapped = told(api, &path, deadline).await.map(|body| texts(&body["manage_snapshots"]["backend_roles"]));
    Access { unsigned, look, auth_info: info.and_then(|body| auth_info(&body)), mapped }
}

/// A cluster without the plugin may answer this path as well, but not in this shape.
fn auth_info(body: &Value) -> Seen<AuthInfo> {
    let roles = body["roles"].is_array().then(|| texts(&body["roles"]));
    let roles =
        roles.ok_or_else(|| Unseen::because("the cluster has no security plugin that tells whom it takes us for"))?;
    let user = body["user_name"].as_str().unwrap_or_default().to_owned();
    Ok(AuthInfo { user, backend_roles: texts(&body["backend_roles"]), roles })
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// Every node writes a file and reads those of the others: the service's own test.
pub(super) async fn verified(
    api: &SnapshotApi,
    repository: &RepositoryName,
    deadline: Deadline,
) -> Seen<Result<Vec<String>, Refusal>> {
    match api.verify(repository, deadline).await {
        Written::Done(nodes) => Ok(Ok(nodes)),
        Written::Refused(refusal) => Ok(Err(refusal)),
        Written::Lost(lost) => Err(Unseen::because(lost.cause())),
    }
}

/// The generation that the cluster knows, after `found` was seen in the bucket: what it writes meanwhile makes it greater only.
pub(super) async fn generations(
    api: &SnapshotApi,
    repository: &RepositoryName,
    found: Seen<i64>,
    deadline: Deadline,
) -> Seen<Generations> {
    let found = found?;
    let path = "/_cluster/state/metadata?filter_path=metadata.repositories.*.generation";
    let state = told(api, path, deadline).await?;
    let known = state["metadata"]["repositories"][repository.as_str()]["generation"].as_i64();
    let known = known.ok_or_else(|| Unseen::because("this version's cluster state tells no generation"))?;
    Ok(Generations { known, found })
}

/// Warm indices, and cold ones, which only Amazon's domains have.
pub(super) async fn tiers(api: &SnapshotApi, product: &Product, deadline: Deadline) -> Seen<Tiers> {
    let warm = api.indices(product, deadline.or_after(PATIENCE)).await.map_err(|no| unseen(&no))?;
    let warm = warm.into_iter().filter(|facts| facts.index.warm).map(|facts| facts.index.name).collect();
    let cold = asked(api, "/_cold/indices/_search?page_size=100", deadline).await;
    Ok(Tiers { warm, cold: cold.and_then(cold_of) })
}

/// Clusters that know no cold indices do not know the question either.
fn cold_of(answer: Result<Value, Refusal>) -> Seen<Vec<String>> {
    let found = match answer {
        Ok(found) => found,
        Err(refusal) if matches!(refusal.status, 400 | 404) => return Ok(Vec::new()),
        Err(refusal) => return Err(unseen(&Unanswered::Refused(refusal))),
    };
    let named = found["indices"].as_array().into_iter().flatten().filter_map(|found| found["index"].as_str());
    Ok(named.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_to_tell_of_cold_indices_is_no_word_that_there_are_none() {
        let refused = |status, body| Err(Refusal::of(&Answer::new(status, body)));
        let found = serde_json::json!({"indices": [{"index": "c"}]});
        assert_eq!(cold_of(Ok(found)), Ok(vec!["c".to_owned()]));
        let unknown = r#"{"error":"no handler found for uri [/_cold/indices/_search] and method [GET]"}"#;
        assert_eq!(cold_of(refused(400, unknown)), Ok(Vec::new()));
        assert_eq!(cold_of(refused(404, "{}")), Ok(Vec::new()));
        let denied = cold_of(refused(403, r#"{"Message":"User: u is not authorized to perform: es:ESHttpGet"}"#));
        assert_eq!(denied.unwrap_err().right, Some(Right::Iam("es:ESHttpGet")));
        assert!(cold_of(refused(503, "{}")).is_err());
    }

    #[test]
    fn who_refuses_tells_which_right_is_missing() {
        for (body, right) in [
            (
                r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:monitor/health] and User [name=u, backend_roles=[], requestedTenant=null]"}}"#,
                Some(Right::Mapped("cluster:monitor/health".to_owned())),
            ),
            (r#"{"Message":"User: u is not authorized to perform: es:ESHttpGet"}"#, Some(Right::Iam("es:ESHttpGet"))),
            (r#"{"error":{"type":"security_exception","reason":"something else"}}"#, None),
        ] {
            let refusal = Refusal::of(&Answer::new(403, body));
            assert_eq!(unseen(&Unanswered::Refused(refusal)).right, right, "{body}");
        }
    }
}
