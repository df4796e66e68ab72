//! From a refusal to the failure that is shown: the code, and what mends it.

use crate::{Kind, Refusal, Unanswered};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Lost;

impl Refusal {
    /// The failure to show for it.
    pub fn failure(&self) -> Failure {
        Failure::new(self.code(), &self.reason, self.hint()).with_status(self.status)
    }

    /// Its code.
    pub fn code(&self) -> Code {
        match self.kind {
            Kind::SignatureMismatch | Kind::WrongRegion | Kind::WrongService | Kind::ClockSkew | Kind::BadToken => {
                Code::SignatureRejected
            }
            Kind::PassRoleDenied => Code::PassRoleDenied,
            Kind::Unsigned | Kind::ActionDenied | Kind::PermissionMissing | Kind::Denied => Code::AccessDenied,
            Kind::RoleNotAssumable if self.status == 403 => Code::AccessDenied,
            Kind::RoleNotAssumable | Kind::VerificationFailed | Kind::RegionRefused => {
                Code::RepositoryVerificationFailed
            }
            Kind::RepositoryMissing => Code::RepositoryMissing,
            Kind::SnapshotMissing => Code::SnapshotMissing,
            Kind::Busy | Kind::RepositoryInUse => Code::SnapshotRunning,
            Kind::ReadOnly | Kind::WrittenElsewhere => Code::RepositoryConflict,
            Kind::Unsupported => Code::Unsupported,
            Kind::NameTaken => Code::SnapshotConflict,
            // What a write's refusal means beyond that is for the engine, which knows what was asked.
            Kind::Blocked | Kind::Throttled | Kind::Gateway | Kind::ServerError | Kind::Invalid => {
                Code::ClusterUnavailable
            }
        }
    }

    /// Whether the request was refused for want of a right, so that another request may still pass.
    pub fn is_missing_right(&self) -> bool {
        self.status == 403 && matches!(self.kind, Kind::ActionDenied | Kind::PermissionMissing | Kind::Denied)
    }

    fn hint(&self) -> String {
        match self.kind {
            Kind::ActionDenied => self.action_hint(),
            Kind::PassRoleDenied => format!(
                "let the caller pass the role: {{\"Effect\":\"Allow\",\"Action\":\"iam:PassRole\",\"Resource\":\"{}\"}}",
                word_after(&self.reason, "resource: ").unwrap_or("<role ARN>")
            ),
            Kind::PermissionMissing => self.permission_hint(),
            Kind::RegionRefused => region_hint(&self.reason),
            kind => fixed_hint(kind).into(),
        }
    }

    fn action_hint(&self) -> String {
        let action = word_after(&self.reason, "perform: ").unwrap_or("es:ESHttpPut");
        format!(
            "allow it in the caller's policy or the domain's access policy: {{\"Effect\":\"Allow\",\"Action\":\"{action}\",\"Resource\":\"<domain ARN>/*\"}}"
        )
    }

    fn permission_hint(&self) -> String {
        let who = self.reason.split_once("name=").and_then(|(_, rest)| rest.split([',', ']']).next());
        let who = who.unwrap_or("the caller's role");
        format!(
            "fine-grained access control: map {who} to the role `manage_snapshots` (Security > Roles > manage_snapshots > Mapped users)"
        )
    }
}

/// Hints are read behind a Lambda and on a command line: they name what to do, and settings in words
/// that both know.
fn fixed_hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Unsigned => {
            "the cluster saw an unsigned request: use SNAPKEEP_AUTH=sigv4, and check that no proxy on the way strips the Authorization header"
        }
        Kind::SignatureMismatch => {
            "the secret key does not belong to the access key, or something on the way changed the request: check ACCESS_KEY and SECRET_KEY, or leave both out so that the default credentials are used"
        }
        Kind::WrongRegion => {
            "the signature is scoped to another region: `Region` is the domain's own; the bucket's has its own setting, `BucketRegion`"
        }
        Kind::WrongService => {
            "the endpoint does not accept service `es`: serverless collections (aoss) have no snapshot API"
        }
        Kind::ClockSkew => "this machine's clock and the service's differ by more than 5 minutes: set the clock (NTP)",
        Kind::BadToken => {
            "the access key or session token is unknown or has expired: get new credentials; a temporary access key needs its session token"
        }
        Kind::RoleNotAssumable => {
            "the snapshot role's trust policy must let the service assume it: {\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"es.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}"
        }
        Kind::Denied => {
            "check the domain's access policy and the caller's rights; a 403 without a reason often comes from a proxy or a VPC endpoint policy"
        }
        Kind::Blocked => {
            "the reason names the block: lift it in the cluster's settings (`cluster.blocks.*`) or the index's (`index.blocks.*`), and free disk space if that is what set it"
        }
        Kind::Throttled => "the cluster asks to slow down: run less often, or later",
        Kind::RepositoryMissing => "register the repository first (`register`), and check the spelling of its name",
        Kind::SnapshotMissing => "`list` shows the snapshots that there are",
        Kind::NameTaken => {
            "choose another name for the snapshot, or leave it out: names made from the time never collide"
        }
        Kind::Busy => {
            "something else runs in this cluster, perhaps a domain's own hourly snapshot, and it takes one at a time: try again in some minutes"
        }
        Kind::RepositoryInUse => {
            "a snapshot, deletion or restore uses the repository: wait until that has ended, then try again"
        }
        Kind::ReadOnly => {
            "the repository is registered with `readonly: true`: write from the cluster that owns it, or register it without"
        }
        Kind::WrittenElsewhere => {
            "another cluster writes to this repository, and two that write destroy it: let one of them write and register it `readonly: true` on every other; where the cluster has shut it off, remove it and register it anew, once it is known to be sound"
        }
        Kind::Unsupported => {
            "this version of the cluster does not know the request: what it can do is told by its version, which may be older than it claims; a newer cluster may do it"
        }
        Kind::VerificationFailed => {
            "the snapshot role needs s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject on its objects (and the KMS key, if there is one); a new role can take a minute to work"
        }
        Kind::Gateway | Kind::ServerError => {
            "look at the cluster's health; the same request may be made again, since snapkeep looks before it writes"
        }
        Kind::ActionDenied | Kind::PassRoleDenied | Kind::PermissionMissing | Kind::RegionRefused | Kind::Invalid => {
            "the request was refused as such: the reason says why, unless the endpoint is no cluster's"
        }
    }
}

/// S3 often says which region it is.
fn region_hint(reason: &str) -> String {
    let quoted = reason.split_once("expecting '").and_then(|(_, rest)| rest.split('\'').next());
    match quoted.or_else(|| word_after(reason, "in this region: ")) {
        Some(region) => format!("the bucket is in another region: set `BucketRegion` to {region}"),
        None => "set `BucketRegion` to the bucket's own region".into(),
    }
}

fn word_after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let word = text.split_once(marker)?.1.split_whitespace().next()?;
    Some(word.trim_end_matches([',', ';', '.']))
}

impl Unanswered {
    /// The failure to show for it.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Refused(refusal) => refusal.failure(),
            Self::Lost(lost) => lost_failure(lost),
            Self::Malformed { status, what } => Failure::new(
                Code::ClusterUnavailable,
                format!("the answer cannot be read: {what}"),
                "is the endpoint a cluster's? A proxy or a login page in between answers like this",
            )
            .with_status(*status),
        }
    }
}

fn lost_failure(lost: &Lost) -> Failure {
    let (code, hint) = match lost {
        Lost::NotSent(cause) if cause.contains("certificate") || cause.contains("UnknownIssuer") => (
            Code::ClusterUnavailable,
            "the endpoint's TLS certificate is not trusted: name its authority as the CA file (SNAPKEEP_CA_FILE)",
        ),
        Lost::NotSent(cause) if is_at_loopback(cause) => (
            Code::ClusterUnavailable,
            "does a node listen there? http:// or https://: one without TLS is reached by http:// only, and https:// is what is assumed",
        ),
        Lost::NotSent(_) => (
            Code::ClusterUnavailable,
            "check the endpoint's name and port; a VPC domain answers only inside its VPC, where the security groups let port 443 pass",
        ),
        Lost::OutOfTime => (Code::ClusterUnavailable, "allow more time: 60 seconds are enough for most"),
        Lost::Cut(_) => (
            Code::ClusterUnavailable,
            "look at the cluster's health; the same request may be made again, since snapkeep looks before it writes",
        ),
        Lost::Unreadable(cause) if cause.contains("larger than") => (
            Code::ClusterUnavailable,
            "the answer is too large to be read: look at one snapshot at a time, and delete what is not needed any more",
        ),
        Lost::Unreadable(_) => (
            Code::ClusterUnavailable,
            "is the endpoint a cluster's? A proxy or a login page in between answers like this",
        ),
        Lost::AddressRefused(_) => (
            Code::EndpointNotAllowed,
            "a loopback address passes if the operator named the host exactly (in the function: SNAPKEEP_ALLOWED_ENDPOINTS); link-local and metadata addresses never do",
        ),
        Lost::NoCredentials(_) => (
            Code::BadConfig,
            "check the variables or the profile that hold the credentials, or run where a role gives them (in the function: its execution role)",
        ),
    };
    Failure::new(code, lost.cause(), lost.hint().unwrap_or(hint))
}

/// Whether the cause names an endpoint on this machine, where no VPC is in the way.
fn is_at_loopback(cause: &str) -> bool {
    ["://localhost", "://127.", "://[::1]"].iter().any(|here| cause.contains(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: Kind, status: u16, reason: &str) -> Refusal {
        Refusal { status, kind, reason: reason.into() }
    }

    #[test]
    fn hints_name_what_is_missing() {
        let denied =
            refusal(Kind::ActionDenied, 403, "User: u is not authorized to perform: es:ESHttpGet on resource: d");
        assert!(denied.failure().hint.contains(r#""Action":"es:ESHttpGet""#));
        let pass = refusal(Kind::PassRoleDenied, 403, "perform: iam:PassRole on resource: arn:aws:iam::1:role/r");
        assert!(pass.failure().hint.contains(r#""Resource":"arn:aws:iam::1:role/r""#));
        let unmapped = refusal(
            Kind::PermissionMissing,
            403,
            "no permissions for [x] and User [name=arn:aws:iam::1:role/f, backend_roles=[]]",
        );
        assert!(unmapped.failure().hint.contains("map arn:aws:iam::1:role/f to the role `manage_snapshots`"));
        let region = refusal(Kind::RegionRefused, 500, "the region is wrong; expecting 'eu-central-1'");
        assert!(region.failure().hint.ends_with("set `BucketRegion` to eu-central-1"));
    }

    #[test]
    fn a_node_on_this_machine_is_in_no_vpc() {
        for (at, says) in [
            ("https://127.0.0.1:9200", "http://"),
            ("http://[::1]:9200", "http://"),
            ("https://localhost", "http://"),
            ("https://search-x.eu-west-1.es.amazonaws.com", "VPC"),
        ] {
            let lost = Unanswered::Lost(Lost::NotSent(format!("tcp connect error: Connection refused (at {at})")));
            assert!(lost.failure().hint.contains(says), "{at}");
        }
    }

    #[test]
    fn a_trust_that_is_refused_with_403_is_access_denied() {
        assert_eq!(refusal(Kind::RoleNotAssumable, 403, "").code(), Code::AccessDenied);
        assert_eq!(refusal(Kind::RoleNotAssumable, 500, "").code(), Code::RepositoryVerificationFailed);
    }
}
