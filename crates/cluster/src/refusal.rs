//! What an answer other than 2xx means. Servers, the managed service's front and proxies in between
//! all answer in bodies of their own; this is the one place that reads them.

use serde_json::{Value, json};
use snapkeep_core::failure::line;
use snapkeep_transport::{Answer, is_throttled};

/// A refusal, classified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What it means.
    pub kind: Kind,
    /// The server's reasons, outermost first, in one line.
    pub reason: String,
}

/// What a refusal means, as far as its status and words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request carried no signature, or the front saw none.
    Unsigned,
    /// The signature does not match: secret, or something in between changed the request.
    SignatureMismatch,
    /// The signature is scoped to another region.
    WrongRegion,
    /// The signature is scoped to another service.
    WrongService,
    /// The signature's date is too far from the front's clock.
    ClockSkew,
    /// The token or access key is unknown or has expired.
    BadToken,
    /// IAM does not allow the `es:…` action.
    ActionDenied,
    /// IAM does not let the caller pass the snapshot role.
    PassRoleDenied,
    /// Fine-grained access control lacks a permission.
    PermissionMissing,
    /// The service cannot assume the snapshot role.
    RoleNotAssumable,
    /// A block of the cluster or of an index, set by an operator or by a full disk, stands in the way.
    Blocked,
    /// 401, or another 403.
    Denied,
    /// Slow down.
    Throttled,
    /// The repository is not registered.
    RepositoryMissing,
    /// The snapshot does not exist.
    SnapshotMissing,
    /// A snapshot of that name exists or runs.
    NameTaken,
    /// Another snapshot, deletion, cleanup or restore runs.
    Busy,
    /// A snapshot, deletion or restore uses the repository, which therefore stays as it is.
    RepositoryInUse,
    /// The repository is registered as readonly.
    ReadOnly,
    /// Another cluster has written to the repository, whose generation is not the one that this cluster knows.
    WrittenElsewhere,
    /// The server does not know the request or a parameter of it: this version cannot do that.
    Unsupported,
    /// The cluster could not verify the repository.
    VerificationFailed,
    /// The bucket's region was refused.
    RegionRefused,
    /// A 5xx of a front or a proxy, or of a cluster without a manager: the request may have been carried out.
    Gateway,
    /// Another 5xx: the server failed with an answer of its own.
    ServerError,
    /// Any other refusal of the request as such.
    Invalid,
}

impl Refusal {
    /// Reads an answer other than 2xx.
    pub fn of(answer: &Answer) -> Self {
        let words = Words::of(answer);
        Self { status: answer.status, kind: kind(answer, &words), reason: words.line(answer.status) }
    }
}

impl Refusal {
    /// Whether it leaves open what became of a write: for every write, only a look tells. "Slow down" may come
    /// from any place on the way, behind one that let the request pass as well as before it.
    pub fn is_unclear(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Gateway | Kind::ServerError)
    }

    /// An error inside an answer of 200: Elasticsearch 7 lists what went wrong repository by repository.
    pub(crate) fn inside(error: &Value) -> Self {
        let kind = error.get("type").and_then(Value::as_str).unwrap_or_default();
        let status = if kind.ends_with("missing_exception") { 404 } else { 500 };
        let body = json!({ "error": error }).to_string();
        Self::of(&Answer::new(status, body))
    }
}

/// The types and reasons in a body.
struct Words {
    types: Vec<String>,
    reasons: Vec<String>,
}

impl Words {
    fn of(answer: &Answer) -> Self {
        let mut words = Self { types: Vec::new(), reasons: Vec::new() };
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(Value::Object(body)) => {
                words.take(body.get("message").or_else(|| body.get("Message")));
                words.take(body.get("error"));
            }
            // Elasticsearch 5 says this one thing in plain text.
            Err(_) if answer.body.starts_with(b"No handler found for uri") => {
                words.reason(&String::from_utf8_lossy(&answer.body));
            }
            _ => {}
        }
        words
    }

    /// An error object (`type`, `reason`, `caused_by`, `root_cause`), or a bare text.
    fn take(&mut self, error: Option<&Value>) {
        let mut next = error;
        for _ in 0..16 {
            match next {
                Some(Value::String(text)) => return self.reason(text),
                Some(Value::Object(error)) => {
                    let text = |key: &str| error.get(key).and_then(Value::as_str);
                    self.types.extend(text("type").map(str::to_owned));
                    if let Some(reason) = text("reason") {
                        self.reason(reason);
                    }
                    next = error.get("caused_by");
                }
                _ => return,
            }
        }
    }

    fn reason(&mut self, text: &str) {
        let known = self.reasons.iter().any(|reason| reason.contains(text));
        if !known && !text.is_empty() {
            self.reasons.push(text.to_owned());
        }
    }

    fn line(&self, status: u16) -> String {
        line(&self.text(status))
    }

    fn text(&self, status: u16) -> String {
        match (self.types.first(), self.reasons.is_empty()) {
            (_, true) => format!("the answer was {status} without a reason that can be read"),
            (Some(kind), false) => format!("{kind}: {}", self.reasons.join("; caused by: ")),
            (None, false) => self.reasons.join("; caused by: "),
        }
    }

    fn says(&self, needle: &str) -> bool {
        self.reasons.iter().any(|reason| reason.to_lowercase().contains(needle))
    }

    fn is(&self, kind: &str) -> bool {
        self.types.iter().any(|found| found == kind)
    }
}

fn kind(answer: &Answer, words: &Words) -> Kind {
    if is_throttled(answer) {
        return Kind::Throttled;
    }
    match answer.status {
        401 | 403 => denial(words),
        503 if words.is("concurrent_snapshot_execution_exception") => Kind::Busy,
        502..=504 => Kind::Gateway,
        status => verdict(status, words),
    }
}

/// Which of the many 403s it is. The wordings are those of the managed service's front (IAM and
/// SigV4) and of the security plugin (fine-grained access control). Denials come first: they hold
/// names, and a name may hold any word that the others are known by.
fn denial(words: &Words) -> Kind {
    if words.is("cluster_block_exception") {
        Kind::Blocked
    } else if words.says("no permissions for") || words.is("security_exception") {
        Kind::PermissionMissing
    } else if is_role_not_assumable(words) {
        Kind::RoleNotAssumable
    } else if words.says("not authorized to perform: iam:passrole") {
        Kind::PassRoleDenied
    } else if words.says("user: anonymous") || words.says("missing authentication token") {
        Kind::Unsigned
    } else if words.says("not authorized to perform") {
        Kind::ActionDenied
    } else if words.says("scoped to a valid region") {
        Kind::WrongRegion
    } else if words.says("scoped to correct service") {
        Kind::WrongService
    } else if words.says("signature expired") || words.says("signature not yet current") {
        Kind::ClockSkew
    } else if words.says("request signature") {
        Kind::SignatureMismatch
    } else if words.says("security token") {
        Kind::BadToken
    } else {
        Kind::Denied
    }
}

fn verdict(status: u16, words: &Words) -> Kind {
    if words.is("repository_missing_exception") {
        Kind::RepositoryMissing
    } else if words.is("snapshot_missing_exception") {
        Kind::SnapshotMissing
    } else if is_name_taken(words) {
        Kind::NameTaken
    } else if words.is("concurrent_snapshot_execution_exception") || words.says("cannot cleanup [") {
        Kind::Busy
    } else if words.says("that is currently used") {
        Kind::RepositoryInUse
    } else if words.says("readonly repository") || words.says("repository is readonly") {
        Kind::ReadOnly
    } else if is_written_elsewhere(words) {
        Kind::WrittenElsewhere
    } else if is_unsupported(words) {
        Kind::Unsupported
    } else if is_role_not_assumable(words) {
        Kind::RoleNotAssumable
    } else if is_region_refused(words) {
        Kind::RegionRefused
    } else if words.is("repository_verification_exception") {
        Kind::VerificationFailed
    } else if status >= 500 && words.types.is_empty() {
        Kind::Gateway
    } else if status >= 500 {
        Kind::ServerError
    } else {
        Kind::Invalid
    }
}

fn is_name_taken(words: &Words) -> bool {
    words.is("snapshot_name_already_in_use_exception")
        || words.is("invalid_snapshot_name_exception") && (words.says("already exists") || words.says("already in"))
}

/// An endpoint or a parameter that the version does not know. Before 7.4 `_cleanup` is read as the name
/// of a snapshot to create, which it cannot be.
fn is_unsupported(words: &Words) -> bool {
    const WORDS: [&str; 5] = [
        "no handler found for uri",
        "incorrect http method for uri",
        "contains unrecognized parameter",
        "unknown parameter ",
        "invalid snapshot name [_cleanup]",
    ];
    WORDS.iter().any(|needle| words.says(needle))
}

/// What a cluster says that finds another generation than its own: nodes compare before they write (Elasticsearch 7.6 and later,
/// OpenSearch; older ones notice at most the file that is in the way).
fn is_written_elsewhere(words: &Words) -> bool {
    const WORDS: [&str; 4] = [
        "concurrent modification of the index-n file",
        "contents were found not to match its expected state",
        "contents of the repository do not match its expected state",
        "could not read repository data because the contents",
    ];
    WORDS.iter().any(|needle| words.says(needle))
}

fn is_role_not_assumable(words: &Words) -> bool {
    words.is("a_w_s_security_token_service_exception")
        || words.says("not authorized to perform: sts:assumerole")
        || words.says("cannot assume role")
}

/// The ways in which S3, or the service before it, says that a region does not fit the bucket. In
/// `us-east-1` the service wants `endpoint` in `region`'s place.
fn is_region_refused(words: &Words) -> bool {
    const WORDS: [&str; 8] = [
        "region is wrong",
        "unsupported region",
        "is wrong; expecting",
        "location-constraint is not valid",
        "bucket is in this region",
        "must be addressed using the specified endpoint",
        "no endpoint for region",
        "incorrect s3 region",
    ];
    WORDS.iter().any(|needle| words.says(needle)) || words.says("authorizationheadermalformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &'static str) -> Refusal {
        Refusal::of(&Answer::new(status, body))
    }

    #[rustfmt::skip]
    const TABLE: &[(u16, &str, Kind)] = &[
            (
                500,
                r#"{"error":{"type":"repository_exception","reason":"[r] concurrent modification of the index-N file, expected current generation [0], actual current generation [1] - possibly due to simultaneous snapshot deletion requests"},"status":500}"#,
                Kind::WrittenElsewhere,
            ),
            (
                500,
                r#"{"error":{"type":"repository_exception","reason":"[r] Could not read repository data because the contents of the repository do not match its expected state. This is likely the result of either concurrently modifying the contents of the repository by a process other than this cluster or an issue with the repository's underlying storage."},"status":500}"#,
                Kind::WrittenElsewhere,
            ),
            (
                500,
                r#"{"error":{"type":"repository_exception","reason":"[r] cannot retrieve snapshots list from this repository","caused_by":{"type":"repository_exception","reason":"[r] The repository has been disabled to prevent data corruption because its contents were found not to match its expected state. This is either because something other than this cluster modified the repository contents, or because the repository's underlying storage behaves incorrectly."}},"status":500}"#,
                Kind::WrittenElsewhere,
            ),
            (
                403,
                r#"{"Message":"User: anonymous is not authorized to perform: es:ESHttpPut on resource: d"}"#,
                Kind::Unsigned,
            ),
            (
                403,
                r#"{"message":"The request signature we calculated does not match the signature you provided."}"#,
                Kind::SignatureMismatch,
            ),
            (403, r#"{"message":"Credential should be scoped to a valid region. "}"#, Kind::WrongRegion),
            (403, r#"{"message":"Credential should be scoped to correct service: 'es'. "}"#, Kind::WrongService),
            (
                403,
                r#"{"message":"Signature expired: 20261123T000000Z is now earlier than 20261123T000500Z"}"#,
                Kind::ClockSkew,
            ),
            (
                403,
                r#"{"message":"Signature not yet current: 20261123T003000Z is still later than 20261123T000500Z"}"#,
                Kind::ClockSkew,
            ),
            (403, r#"{"message":"The security token included in the request is invalid."}"#, Kind::BadToken),
            (403, r#"{"message":"The security token included in the request is expired"}"#, Kind::BadToken),
            (
                403,
                r#"{"Message":"User: arn:aws:iam::1:user/u is not authorized to perform: es:ESHttpGet on resource: d"}"#,
                Kind::ActionDenied,
            ),
            (
                403,
                r#"{"Message":"User: arn:aws:iam::1:user/u is not authorized to perform: iam:PassRole on resource: r"}"#,
                Kind::PassRoleDenied,
            ),
            (
                403,
                r#"{"error":{"root_cause":[],"type":"security_exception","reason":"no permissions for [cluster:admin/repository/put] and User [name=x]"},"status":403}"#,
                Kind::PermissionMissing,
            ),
            (403, r#"{"message":"Rate exceeded"}"#, Kind::Throttled),
            (
                403,
                r#"{"error":{"type":"cluster_block_exception","reason":"blocked by: [FORBIDDEN/6/cluster read-only (api)];"},"status":403}"#,
                Kind::Blocked,
            ),
            (403, "<html>forbidden</html>", Kind::Denied),
            (401, "Unauthorized", Kind::Denied),
            (401, r#"{"Message":"Your request: '/_recovery' is not allowed."}"#, Kind::Denied),
            (403, r#"{"Message":"User: arn:aws:sts::1:assumed-role/token-service/signature is not authorized to perform: es:ESHttpGet on resource: throttled"}"#, Kind::ActionDenied),
            (400, r#"{"error":{"type":"illegal_argument_exception","reason":"[region-backups] failed to parse [chunk_size]"},"status":400}"#, Kind::Invalid),
            (500, "<html>oops</html>", Kind::Gateway),
            (500, r#"{"error":{"type":"a_w_s_security_token_service_exception","reason":"x"},"status":500}"#, Kind::RoleNotAssumable),
            (500, r#"{"error":{"type":"repository_exception","reason":"[r] failed to create repository","caused_by":{"type":"amazon_s3_exception","reason":"The specified location-constraint is not valid (Service: Amazon S3; Status Code: 400; Error Code: InvalidLocationConstraint)"}},"status":500}"#, Kind::RegionRefused),
            (500, r#"{"error":{"type":"repository_verification_exception","reason":"x","caused_by":{"type":"amazon_s3_exception","reason":"The bucket is in this region: eu-west-3. Please use this region to retry the request"}},"status":500}"#, Kind::RegionRefused),
            (429, "", Kind::Throttled),
            (
                503,
                r#"{"error":{"type":"concurrent_snapshot_execution_exception","reason":"[r:s]  a snapshot is already running"},"status":503}"#,
                Kind::Busy,
            ),
            (503, "<html>Service Unavailable</html>", Kind::Gateway),
            (504, "", Kind::Gateway),
            (
                404,
                r#"{"error":{"type":"repository_missing_exception","reason":"[r] missing"},"status":404}"#,
                Kind::RepositoryMissing,
            ),
            (
                404,
                r#"{"error":{"type":"snapshot_missing_exception","reason":"[r:s] is missing"},"status":404}"#,
                Kind::SnapshotMissing,
            ),
            (
                400,
                r#"{"error":{"type":"invalid_snapshot_name_exception","reason":"[r:s] Invalid snapshot name [s], snapshot with the same name already exists"},"status":400}"#,
                Kind::NameTaken,
            ),
            (
                400,
                r#"{"error":{"type":"invalid_snapshot_name_exception","reason":"[r:S] Invalid snapshot name [S], must be lowercase"},"status":400}"#,
                Kind::Invalid,
            ),
            (
                400,
                r#"{"error":{"type":"snapshot_name_already_in_use_exception","reason":"x"},"status":400}"#,
                Kind::NameTaken,
            ),
            (
                500,
                r#"{"error":{"type":"repository_verification_exception","reason":"[r] path is not accessible on master node","caused_by":{"type":"i_o_exception","reason":"Unable to upload object","caused_by":{"type":"amazon_s3_exception","reason":"Access Denied"}}},"status":500}"#,
                Kind::VerificationFailed,
            ),
            (
                500,
                r#"{"error":{"type":"repository_verification_exception","reason":"[r] path is not accessible","caused_by":{"type":"sts","reason":"User: arn:aws:sts::1:assumed-role/s is not authorized to perform: sts:AssumeRole on resource: r"}},"status":500}"#,
                Kind::RoleNotAssumable,
            ),
            (
                500,
                r#"{"error":{"type":"repository_verification_exception","reason":"x","caused_by":{"type":"amazon_s3_exception","reason":"The authorization header is malformed; the region is wrong; expecting 'eu-central-1'"}},"status":500}"#,
                Kind::RegionRefused,
            ),
            (
                400,
                r#"{"error":{"type":"illegal_argument_exception","reason":"Unsupported region [us-east-1]"},"status":400}"#,
                Kind::RegionRefused,
            ),
            (
                500,
                r#"{"error":{"type":"repository_exception","reason":"[r] could not read repository data"},"status":500}"#,
                Kind::ServerError,
            ),
            (400, r#"{"error":"no handler found","status":400}"#, Kind::Invalid),
            (405, "", Kind::Invalid),
    ];

    #[test]
    fn each_refusal_has_its_meaning() {
        for (status, body, expected) in TABLE {
            assert_eq!(refusal(*status, body).kind, *expected, "{status} {body}");
        }
    }

    #[test]
    fn reasons_are_one_chain_and_a_body_without_any_is_not_repeated() {
        let chain = refusal(
            500,
            r#"{"error":{"type":"a","reason":"x","caused_by":{"type":"b","reason":"x","caused_by":{"type":"c","reason":"z"}}}}"#,
        );
        assert_eq!(chain.reason, "a: x; caused by: z");
        assert_eq!(refusal(502, "<html>secret</html>").reason, "the answer was 502 without a reason that can be read");
    }
}
