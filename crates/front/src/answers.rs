//! The bodies that Amazon domains, their load balancer and the security plugin answer with.
//!
//! Taken from AWS's documentation and from users' reports.

use serde_json::{Value, json};

use crate::sigv4::Rejection;
use crate::wire::Response;

/// A load balancer's page.
pub(crate) const GATEWAY_TIMEOUT: &str =
    "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n</body></html>\n";
const UNAVAILABLE: &str =
    "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n";
const BAD_GATEWAY: &str =
    "<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.\n</body></html>\n";

const JSON: &str = "application/json";
const HTML: &str = "text/html";

fn json_answer(status: u16, body: &Value) -> Response {
    Response::new(status, JSON, body.to_string())
}

/// 504 of the load balancer.
pub(crate) fn gateway_timeout() -> Response {
    Response::new(504, HTML, GATEWAY_TIMEOUT)
}

/// 503: the node does not listen.
pub(crate) fn unavailable() -> Response {
    Response::new(503, HTML, UNAVAILABLE)
}

/// 502: the node went away before it had answered.
pub(crate) fn bad_gateway() -> Response {
    Response::new(502, HTML, BAD_GATEWAY)
}

/// A signature that was refused. The key is `message`, where IAM's refusals have `Message`.
pub(crate) fn signature(rejection: &Rejection) -> Response {
    json_answer(403, &json!({ "message": rejection.message() }))
}

/// How a domain words what IAM refuses; all three have been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DenialWording {
    /// `… to perform: es:ESHttpGet on resource: arn:aws:es:…`
    #[default]
    Resource,
    /// `… to perform: es:ESHttpGet because no identity-based policy allows the es:ESHttpGet action`
    Because,
    /// `… to perform: es:ESHttpGet`
    Bare,
}

/// IAM does not let this caller do this.
pub(crate) fn denied(user: &str, action: &str, resource: &str, wording: DenialWording) -> Response {
    let policy = if user == "anonymous" { "resource-based" } else { "identity-based" };
    let tail = match wording {
        DenialWording::Resource => format!(" on resource: {resource}"),
        DenialWording::Because => format!(" because no {policy} policy allows the {action} action"),
        DenialWording::Bare => String::new(),
    };
    let text = format!("User: {user} is not authorized to perform: {action}{tail}");
    json_answer(403, &json!({ "Message": text }))
}

/// IAM does not let this caller pass this role (worded as in the developer guide).
pub(crate) fn pass_role_denied(user: &str, role: &str) -> Response {
    denied(user, "iam:PassRole", role, DenialWording::Resource)
}

/// A path that a domain does not offer. Domains answer 401 here, not 403.
pub(crate) fn not_allowed(path: &str) -> Response {
    json_answer(401, &json!({ "Message": format!("Your request: '{path}' is not allowed.") }))
}

/// An S3 registration without `role_arn`. Domains answer 401 here as well.
pub(crate) fn role_arn_missing() -> Response {
    json_answer(401, &json!({ "Message": "settings.role_arn is needed for snapshot registration." }))
}

/// The security plugin does not let this user do this.
pub(crate) fn no_permissions(user: &str, backend_roles: &[String], action: &str) -> Response {
    let roles = backend_roles.join(", ");
    let reason =
        format!("no permissions for [{action}] and User [name={user}, backend_roles=[{roles}], requestedTenant=null]");
    json_answer(403, &error(403, &[("security_exception", reason)]))
}

/// How a domain words that it may not assume the snapshot role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustError {
    /// `a_w_s_security_token_service_exception` on its own, as users report it.
    #[default]
    Direct,
    /// Below a `repository_verification_exception`, as a `caused_by`.
    Verification,
}

/// The service may not assume the role.
pub(crate) fn assume_role_denied(shape: TrustError, status: u16, repository: &str, role: &str) -> Response {
    let reason = format!(
        "User: arn:aws:sts::365021432299:assumed-role/cp-sts-grant-role/swift-domain-prod-365021432299 is not authorized to \
         perform: sts:AssumeRole on resource: {role} (Service: AWSSecurityTokenService; Status Code: 403; Error Code: \
         AccessDenied; Request ID: 8a3f7c1e-0000-4000-8000-000000000000; Proxy: null)"
    );
    let cause = ("a_w_s_security_token_service_exception", reason);
    let chain = match shape {
        TrustError::Direct => vec![cause],
        TrustError::Verification => vec![unverified(repository), cause],
    };
    json_answer(status, &error(status, &chain))
}

/// How a domain words that it cannot use a bucket by this region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RegionRefusal {
    /// S3 says that the region which the request was signed for is wrong, naming it; verification fails.
    #[default]
    WrongRegion,
    /// S3 says that the location constraint is not valid, as older domains did for us-east-1; creation fails.
    LocationConstraint,
    /// S3 redirects to the region where the bucket is; verification fails.
    BucketElsewhere(String),
}

/// The bucket cannot be used by this region.
pub(crate) fn region_refused(shape: &RegionRefusal, repository: &str, region: &str, home: &str) -> Response {
    let s3 = |text: &str, status: u16, code: &str| {
        let tail =
            format!("(Service: Amazon S3; Status Code: {status}; Error Code: {code}; Request ID: F44633A6F3AD5323)");
        ("amazon_s3_exception", format!("{text} {tail}"))
    };
    let chain = match shape {
        RegionRefusal::WrongRegion => {
            let text =
                format!("The authorization header is malformed; the region '{region}' is wrong; expecting '{home}'");
            [unverified(repository), s3(&text, 400, "AuthorizationHeaderMalformed")]
        }
        RegionRefusal::LocationConstraint => {
            let text = "The specified location-constraint is not valid";
            let created = ("repository_exception", format!("[{repository}] failed to create repository"));
            [created, s3(text, 400, "InvalidLocationConstraint")]
        }
        RegionRefusal::BucketElsewhere(place) => {
            let text = format!("The bucket is in this region: {place}. Please use this region to retry the request");
            [unverified(repository), s3(&text, 301, "PermanentRedirect")]
        }
    };
    json_answer(500, &error(500, &chain))
}

fn unverified(repository: &str) -> (&'static str, String) {
    ("repository_verification_exception", format!("[{repository}] path  is not accessible on cluster-manager node"))
}

/// An error of the node: a chain of exceptions, the outermost first.
fn error(status: u16, chain: &[(&str, String)]) -> Value {
    let mut inner: Option<Value> = None;
    for (kind, reason) in chain.iter().rev() {
        let mut level = json!({ "type": kind, "reason": reason });
        if let Some(cause) = inner {
            level["caused_by"] = cause;
        }
        inner = Some(level);
    }
    let mut outer = inner.unwrap_or_default();
    let root = json!({ "type": outer["type"], "reason": outer["reason"] });
    outer["root_cause"] = json!([root]);
    json!({ "error": outer, "status": status })
}
