//! Broken set-ups, one a row: what is broken, and the diagnosis that must stand first.

use crate::healthy::{
    BUCKET, CALLER, HOST, KEY, ROLE, bucket_of, document, domain_of, healthy, refusal, registered, role, stored,
    without,
};
use jiff::SignedDuration;
use serde_json::json;
use snapkeep_cluster::Health;
use snapkeep_core::Code;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_doctor::{
    AuthInfo, BucketKey, Caller, Check, ExpiryRule, Facts, Found, Generations, Key, Reach, Rejected, Tiers, Unseen,
    Verdict, examine,
};

/// A broken set-up and its diagnosis.
struct Row {
    name: &'static str,
    breaks: fn(&mut Facts),
    check: Check,
    /// `None`: a warning.
    code: Option<Code>,
    /// Parts of what is said, and of what mends it.
    says: &'static str,
    mend: &'static str,
}

fn caller(facts: &mut Facts) -> &mut serde_json::Value {
    let Ok(Caller::Documents(documents)) = &mut facts.caller else { panic!("there are documents") };
    &mut documents[0]
}

/// As the nodes say it when S3 or STS refuses them.
fn unverified(facts: &mut Facts, body: &'static str) {
    facts.repository.verified = Ok(Err(refusal(500, body)));
}

const NOT_ASSUMED: &str = r#"{"error":{"type":"repository_verification_exception","reason":"[backups] path [logs] is not accessible","caused_by":{"type":"a_w_s_security_token_service_exception","reason":"User: arn:aws:sts::1:assumed-role/x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/snapshots"}}}"#;
pub(crate) const NOT_ACCESSIBLE: &str = r#"{"error":{"type":"repository_verification_exception","reason":"[backups] path [logs] is not accessible on master node","caused_by":{"type":"i_o_exception","reason":"Unable to upload object: Access Denied"}}}"#;
const WRONG_REGION: &str = r#"{"error":{"type":"repository_verification_exception","reason":"[backups] path is not accessible","caused_by":{"type":"amazon_s3_exception","reason":"The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'eu-central-1'"}}}"#;
const NO_PERMISSIONS: &str = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/repository/get] and User [name=arn:aws:iam::123456789012:role/keeper, backend_roles=[arn:aws:iam::123456789012:role/keeper], requestedTenant=null]"}}"#;
const NO_VERIFYING: &str = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/repository/verify] and User [name=arn:aws:iam::123456789012:role/keeper, backend_roles=[arn:aws:iam::123456789012:role/keeper], requestedTenant=null]"}}"#;
const NO_POST: &str = r#"{"Message":"User: arn:aws:sts::123456789012:assumed-role/keeper/s is not authorized to perform: es:ESHttpPost on resource: logs"}"#;
const SHUT_OFF: &str = r#"{"error":{"type":"repository_exception","reason":"[backups] cannot retrieve snapshots list from this repository","caused_by":{"type":"repository_exception","reason":"[backups] The repository has been disabled to prevent data corruption because its contents were found not to match its expected state."}}}"#;

#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row {
        name: "no credentials",
        breaks: |facts| {
            facts.identity = Ok(Err(Rejected::NoCredentials("no providers in chain provided credentials".to_owned())));
            facts.access.look = Ok(Err(refusal(403, r#"{"Message":"User: anonymous is not authorized to perform: es:ESHttpGet"}"#)));
        },
        check: Check::Credentials, code: Some(Code::BadConfig), says: "there are no credentials", mend: "AWS_PROFILE",
    },
    Row {
        name: "no PassRole",
        breaks: |facts| {
            without(caller(facts), "PassSnapshotRole");
            facts.repository.registered = Ok(None);
        },
        check: Check::PassRole, code: Some(Code::PassRoleDenied), says: ROLE, mend: r#""Action":"iam:PassRole""#,
    },
    Row {
        name: "a snapshot role of another account",
        breaks: |facts| facts.subject.stored.as_mut().unwrap().role_arn = "arn:aws:iam::210987654321:role/snapshots".into(),
        check: Check::PassRole, code: Some(Code::PassRoleDenied), says: "210987654321", mend: "in the domain's account",
    },
    Row {
        name: "no ESHttpPut",
        breaks: |facts| without(caller(facts), "RegisterAndCreate"),
        check: Check::Requests, code: Some(Code::AccessDenied), says: "es:ESHttpPut", mend: r#""Action":"es:ESHttpPut""#,
    },
    Row {
        name: "no ESHttpDelete",
        breaks: |facts| without(caller(facts), "DeleteSnapshots"),
        check: Check::Requests, code: Some(Code::AccessDenied), says: "es:ESHttpDelete", mend: r#""Action":"es:ESHttpDelete""#,
    },
    Row {
        name: "no ESHttpPost",
        breaks: |facts| without(caller(facts), "VerifyRepository"),
        check: Check::Requests, code: Some(Code::AccessDenied), says: "es:ESHttpPost", mend: "_verify",
    },
    Row {
        name: "no ESHttpGet, and policies that cannot be read",
        breaks: |facts| {
            facts.caller = Err(Unseen::without("iam:GetRolePolicy"));
            facts.access.look = Ok(Err(refusal(403, r#"{"Message":"User: arn:aws:sts::123456789012:assumed-role/keeper/s is not authorized to perform: es:ESHttpGet on resource: logs"}"#)));
            facts.access.auth_info = Err(Unseen::without("es:ESHttpGet"));
        },
        check: Check::Requests, code: Some(Code::AccessDenied), says: "es:ESHttpGet", mend: r#""Action":"es:ESHttpGet""#,
    },
    Row {
        name: "a domain whose access policy denies the caller",
        breaks: |facts| domain_of(facts).access_policy = Some(document(&json!({
            "Effect": "Deny", "Principal": {"AWS": CALLER}, "Action": "es:ESHttpPut", "Resource": "*",
        }))),
        check: Check::Requests, code: Some(Code::AccessDenied), says: "es:ESHttpPut", mend: "es:ESHttpPut",
    },
    Row {
        name: "a caller that may not verify, and policies that cannot be read",
        breaks: |facts| {
            facts.caller = Err(Unseen::without("iam:GetRolePolicy"));
            facts.repository.verified = Ok(Err(refusal(403, NO_POST)));
        },
        check: Check::Requests, code: Some(Code::AccessDenied), says: "es:ESHttpPost", mend: "backups/_verify",
    },
    Row {
        name: "a caller that may not verify, whatever its own policies say",
        breaks: |facts| facts.repository.verified = Ok(Err(refusal(403, NO_POST))),
        check: Check::Requests, code: Some(Code::AccessDenied), says: "es:ESHttpPost", mend: "backups/_verify",
    },
    Row {
        name: "mapped to a role that may look and not verify",
        breaks: |facts| {
            facts.access.auth_info = Ok(AuthInfo { user: CALLER.into(), backend_roles: vec![CALLER.into()], roles: vec!["readall".into()] });
            facts.repository.verified = Ok(Err(refusal(403, NO_VERIFYING)));
        },
        check: Check::Mapping, code: Some(Code::AccessDenied), says: "to readall, but not to manage_snapshots", mend: "rolesmapping/manage_snapshots",
    },
    Row {
        name: "mapped to a role that may not verify, told by the refusal alone",
        breaks: |facts| {
            facts.access.auth_info = Err(Unseen::without("es:ESHttpGet"));
            facts.repository.verified = Ok(Err(refusal(403, NO_VERIFYING)));
        },
        check: Check::Mapping, code: Some(Code::AccessDenied), says: CALLER, mend: "rolesmapping/manage_snapshots",
    },
    Row {
        name: "wrong trust",
        breaks: |facts| {
            role(facts).trust["Statement"][0]["Principal"] = json!({"Service": "ec2.amazonaws.com"});
            unverified(facts, NOT_ASSUMED);
        },
        check: Check::RoleTrust, code: Some(Code::RepositoryVerificationFailed), says: "does not let es.amazonaws.com", mend: r#""Service":"es.amazonaws.com""#,
    },
    Row {
        name: "trust for another domain",
        breaks: |facts| {
            role(facts).trust["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"] = json!("arn:aws:es:eu-west-1:123456789012:domain/other");
            unverified(facts, NOT_ASSUMED);
        },
        check: Check::RoleTrust, code: Some(Code::RepositoryVerificationFailed), says: "conditions do not fit", mend: "domain/logs",
    },
    Row {
        name: "missing SourceArn and SourceAccount",
        breaks: |facts| _ = role(facts).trust["Statement"][0].as_object_mut().unwrap().remove("Condition"),
        check: Check::RoleTrust, code: None, says: "aws:SourceArn", mend: r#""aws:SourceArn":"arn:aws:es:eu-west-1:123456789012:domain/logs""#,
    },
    Row {
        name: "missing SourceArn",
        breaks: |facts| _ = role(facts).trust["Statement"][0]["Condition"].as_object_mut().unwrap().remove("ArnLike"),
        check: Check::RoleTrust, code: None, says: "names this domain only", mend: r#""aws:SourceArn":"arn:aws:es:eu-west-1:123456789012:domain/logs""#,
    },
    Row {
        name: "no such role",
        breaks: |facts| {
            facts.role = Ok(Found::Missing);
            unverified(facts, NOT_ASSUMED);
        },
        check: Check::RoleExists, code: Some(Code::RepositoryVerificationFailed), says: "there is no role", mend: "snapkeep aws policies",
    },
    Row {
        name: "wrong trust, and a role that cannot be read",
        breaks: |facts| {
            facts.role = Err(Unseen::without("iam:GetRole"));
            unverified(facts, NOT_ASSUMED);
        },
        check: Check::Verified, code: Some(Code::RepositoryVerificationFailed), says: "sts:AssumeRole", mend: r#""Service":"es.amazonaws.com""#,
    },
    Row {
        name: "no DeleteObject",
        breaks: |facts| {
            role(facts).policies.as_mut().unwrap()[0]["Statement"][1]["Action"] = json!(["s3:GetObject", "s3:PutObject"]);
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::RolePermissions, code: Some(Code::RepositoryVerificationFailed), says: "may not s3:DeleteObject", mend: r#""Action":"s3:DeleteObject""#,
    },
    Row {
        name: "no ListBucket",
        breaks: |facts| {
            without(&mut role(facts).policies.as_mut().unwrap()[0], "ListBucket");
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::RolePermissions, code: Some(Code::RepositoryVerificationFailed), says: "s3:ListBucket", mend: r#""Resource":"arn:aws:s3:::logs-snapshots""#,
    },
    Row {
        name: "no such bucket",
        breaks: |facts| {
            facts.bucket = Ok(Found::Missing);
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::BucketExists, code: Some(Code::RepositoryVerificationFailed), says: BUCKET, mend: "create-bucket",
    },
    Row {
        name: "bucket in another region",
        breaks: |facts| {
            bucket_of(facts).region = Ok("eu-central-1".to_owned());
            unverified(facts, WRONG_REGION);
        },
        check: Check::BucketRegion, code: Some(Code::RepositoryVerificationFailed), says: "the bucket is in eu-central-1", mend: "eu-central-1",
    },
    Row {
        name: "a bucket policy that demands a VPC endpoint",
        breaks: |facts| {
            bucket_of(facts).policy = Ok(Some(document(&json!({
                "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:sourceVpce": "vpce-1"}},
            }))));
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::BucketPolicy, code: Some(Code::RepositoryVerificationFailed), says: "denies the snapshot role", mend: "aws:PrincipalArn",
    },
    Row {
        name: "a bucket of another account that lets nobody in",
        breaks: |facts| {
            bucket_of(facts).is_own = Ok(false);
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::BucketPolicy, code: Some(Code::RepositoryVerificationFailed), says: "another account's", mend: r#""AWS":"arn:aws:iam::123456789012:role/snapshots""#,
    },
    Row {
        name: "lifecycle expiry",
        breaks: |facts| bucket_of(facts).rules = Ok(vec![ExpiryRule { id: "clean".into(), expires: Some("after 30 days".into()), ..ExpiryRule::default() }]),
        check: Check::Lifecycle, code: Some(Code::RepositoryVerificationFailed), says: "\"clean\" deletes files after 30 days", mend: "aws s3api delete-bucket-lifecycle --bucket logs-snapshots",
    },
    Row {
        name: "lifecycle expiry, beside a rule that does no harm",
        breaks: |facts| bucket_of(facts).rules = Ok(vec![
            ExpiryRule { id: "clean".into(), expires: Some("after 30 days".into()), ..ExpiryRule::default() },
            ExpiryRule { id: "versions".into(), ..ExpiryRule::default() },
        ]),
        check: Check::Lifecycle, code: Some(Code::RepositoryVerificationFailed), says: "\"clean\" deletes files after 30 days",
        mend: r#"jq '{Rules: [.Rules[] | select(.ID != "clean")]}' > rules.json && aws s3api put-bucket-lifecycle-configuration"#,
    },
    Row {
        name: "Glacier transition",
        breaks: |facts| bucket_of(facts).rules = Ok(vec![ExpiryRule { id: "cold".into(), prefix: "logs/".into(), moves_to: vec!["DEEP_ARCHIVE".into()], ..ExpiryRule::default() }]),
        check: Check::StorageClass, code: Some(Code::RepositoryVerificationFailed), says: "moves files to DEEP_ARCHIVE", mend: "aws s3api delete-bucket-lifecycle --bucket logs-snapshots",
    },
    Row {
        name: "Glacier transition, beside a rule for another folder",
        breaks: |facts| bucket_of(facts).rules = Ok(vec![
            ExpiryRule { id: "cold".into(), prefix: "logs/".into(), moves_to: vec!["DEEP_ARCHIVE".into()], ..ExpiryRule::default() },
            ExpiryRule { id: "other".into(), prefix: "other/".into(), expires: Some("after 1 day".into()), ..ExpiryRule::default() },
        ]),
        check: Check::StorageClass, code: Some(Code::RepositoryVerificationFailed), says: "moves files to DEEP_ARCHIVE", mend: r#"select(.ID != "cold")"#,
    },
    Row {
        name: "key denied to the role",
        breaks: |facts| {
            with_key(facts, &json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}));
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::BucketKey, code: Some(Code::RepositoryVerificationFailed), says: "may not use the bucket's key", mend: r#""kms:ViaService":"s3.eu-west-1.amazonaws.com""#,
    },
    Row {
        name: "a key whose policy shuts the role out",
        breaks: |facts| {
            with_key(facts, &json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/admin"}, "Action": "kms:*", "Resource": "*"}));
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::BucketKey, code: Some(Code::RepositoryVerificationFailed), says: "the key's policy", mend: r#""Principal":{"AWS":"arn:aws:iam::123456789012:role/snapshots"}"#,
    },
    Row {
        name: "a key that is disabled",
        breaks: |facts| {
            with_key(facts, &json!([]));
            facts.key.as_mut().unwrap().state = "Disabled".into();
            unverified(facts, NOT_ACCESSIBLE);
        },
        check: Check::BucketKey, code: Some(Code::RepositoryVerificationFailed), says: "is Disabled", mend: "aws kms enable-key",
    },
    Row {
        name: "unmapped backend role",
        breaks: |facts| {
            facts.access.auth_info = Ok(AuthInfo { user: CALLER.into(), backend_roles: vec![CALLER.into()], roles: vec!["own_index".into()] });
            facts.access.mapped = Ok(vec!["arn:aws:iam::123456789012:role/other".into()]);
            facts.access.look = Ok(Err(refusal(403, NO_PERMISSIONS)));
        },
        check: Check::Mapping, code: Some(Code::AccessDenied), says: "to no role",
        mend: r#""value":["arn:aws:iam::123456789012:role/other","arn:aws:iam::123456789012:role/keeper"]"#,
    },
    Row {
        name: "unmapped backend role, told by the refusal alone",
        breaks: |facts| {
            facts.access.auth_info = Err(Unseen::without("es:ESHttpGet"));
            facts.access.mapped = Err(Unseen::without("es:ESHttpGet"));
            facts.access.look = Ok(Err(refusal(403, NO_PERMISSIONS)));
        },
        check: Check::Mapping, code: Some(Code::AccessDenied), says: CALLER, mend: "rolesmapping/manage_snapshots",
    },
    Row {
        name: "mapped without manage_snapshots",
        breaks: |facts| {
            facts.access.auth_info = Ok(AuthInfo { user: CALLER.into(), backend_roles: vec![CALLER.into()], roles: vec!["readall".into()] });
            facts.access.look = Ok(Err(refusal(403, NO_PERMISSIONS)));
        },
        check: Check::Mapping, code: Some(Code::AccessDenied), says: "to readall, but not to manage_snapshots", mend: "rolesmapping/manage_snapshots",
    },
    Row {
        name: "skewed clock",
        breaks: |facts| {
            facts.skew = Some(SignedDuration::from_mins(20));
            facts.identity = Ok(Err(Rejected::Clock));
            facts.access.look = Ok(Err(refusal(403, r#"{"message":"Signature expired: 20261123T114000Z is now earlier than 20261123T115500Z"}"#)));
        },
        check: Check::Clock, code: Some(Code::SignatureRejected), says: "1200 s behind", mend: "set-ntp",
    },
    Row {
        name: "wrong endpoint: no such name",
        breaks: |facts| unreachable(facts, Reach::NoSuchName("failed to lookup address information".to_owned())),
        check: Check::Reach, code: Some(Code::ClusterUnavailable), says: "there is no host", mend: "copy the endpoint",
    },
    Row {
        name: "wrong endpoint: another domain's",
        breaks: |facts| domain_of(facts).hosts = vec!["search-logs-zzz.eu-west-1.es.amazonaws.com".to_owned()],
        check: Check::DomainState, code: Some(Code::BadConfig), says: HOST, mend: "https://search-logs-zzz.eu-west-1.es.amazonaws.com",
    },
    Row {
        name: "wrong endpoint: Dashboards",
        breaks: |facts| unreachable(facts, Reach::NoCluster("HTML with status 200".to_owned())),
        check: Check::Reach, code: Some(Code::ClusterUnavailable), says: "is no cluster's endpoint", mend: "_dashboards",
    },
    Row {
        name: "wrong endpoint: a domain that is gone",
        breaks: |facts| facts.domain = Ok(Found::Missing),
        check: Check::DomainState, code: Some(Code::ClusterUnavailable), says: "there is no domain", mend: "account and region",
    },
    Row {
        name: "unreachable VPC",
        breaks: |facts| {
            facts.subject.endpoint = Endpoint::trusted("https://vpc-logs-abc123.eu-west-1.es.amazonaws.com").unwrap();
            domain_of(facts).hosts = vec!["vpc-logs-abc123.eu-west-1.es.amazonaws.com".to_owned()];
            unreachable(facts, Reach::NoConnection { cause: "timed out".to_owned() });
        },
        check: Check::Reach, code: Some(Code::ClusterUnavailable), says: "timed out", mend: "authorize-security-group-ingress",
    },
    Row {
        name: "serverless",
        breaks: |facts| {
            facts.subject.endpoint = Endpoint::trusted("https://abc.eu-west-1.aoss.amazonaws.com").unwrap();
            unreachable(facts, Reach::Serverless);
        },
        check: Check::Serverless, code: Some(Code::Unsupported), says: "serverless collection", mend: "OpenSearch Service domain",
    },
    Row {
        name: "stale repository settings",
        breaks: |facts| {
            let mut old = registered();
            old.settings["role_arn"] = json!("arn:aws:iam::123456789012:role/old");
            facts.repository.registered = Ok(Some(old));
            unverified(facts, NOT_ASSUMED);
        },
        check: Check::Registered, code: Some(Code::RepositoryConflict), says: "role/old", mend: "--replace",
    },
    Row {
        name: "foreign writer, by generations",
        breaks: |facts| facts.repository.generations = Ok(Generations { known: 7, found: 9 }),
        check: Check::Writer, code: Some(Code::RepositoryConflict), says: "generation 9", mend: "--readonly",
    },
    Row {
        name: "foreign writer, by the cluster's words",
        breaks: |facts| {
            facts.access.look = Ok(Ok(()));
            facts.repository.generations = Ok(Generations { known: -3, found: 9 });
        },
        check: Check::Writer, code: Some(Code::RepositoryConflict), says: "given the repository up", mend: "--readonly",
    },
    Row {
        name: "foreign writer, by what a look is answered",
        breaks: |facts| facts.access.look = Ok(Err(refusal(500, SHUT_OFF))),
        check: Check::Writer, code: Some(Code::RepositoryConflict), says: "has been disabled to prevent data corruption", mend: "--readonly",
    },
    Row {
        name: "a red cluster",
        breaks: |facts| facts.health = Ok(Health { status: "red".to_owned(), red: vec!["orders".to_owned()] }),
        check: Check::Health, code: Some(Code::ClusterUnavailable), says: "orders", mend: "allocation/explain",
    },
    Row {
        name: "a policy that is late",
        breaks: |facts| {
            let age = facts.repository.ages.get_mut("nightly").unwrap();
            age.last_good = Some("2026-11-20T12:00:00Z".parse().unwrap());
            age.is_stale = true;
        },
        check: Check::Age, code: Some(Code::SnapshotMissing), says: "72 h old", mend: "snapkeep run",
    },
    Row {
        name: "a domain that anybody may call",
        breaks: |facts| facts.access.unsigned = Ok(200),
        check: Check::Unsigned, code: None, says: "without any identity", mend: "access policy",
    },
    Row {
        name: "blue/green",
        breaks: |facts| domain_of(facts).change = Some("Processing".to_owned()),
        check: Check::DomainState, code: None, says: "being changed", mend: "wait",
    },
    Row {
        name: "a bucket that may be opened to the public",
        breaks: |facts| bucket_of(facts).blocks_public = Ok(false),
        check: Check::PublicAccess, code: None, says: "not blocked", mend: "put-public-access-block",
    },
    Row {
        name: "Object Lock by default",
        breaks: |facts| bucket_of(facts).object_lock = Ok(Some(30)),
        check: Check::ObjectLock, code: None, says: "30 days", mend: "repo verify",
    },
    Row {
        name: "cold indices",
        breaks: |facts| facts.tiers = Ok(Tiers { warm: vec!["w".into()], cold: Ok(vec!["c".into()]) }),
        check: Check::Tiers, code: None, says: "cold: c", mend: "_cold/migration/_warm",
    },
];

/// Nothing of the cluster was seen.
fn unreachable(facts: &mut Facts, reach: Reach) {
    facts.reach = reach;
    let unseen = || Unseen::because("the cluster cannot be reached");
    facts.health = Err(unseen());
    facts.load = Err(unseen());
    facts.blocks = Err(unseen());
    facts.access.look = Err(unseen());
    facts.access.unsigned = Err(unseen());
    facts.access.auth_info = Err(unseen());
    facts.repository.registered = Err(unseen());
    facts.repository.verified = Err(unseen());
    facts.repository.generations = Err(unseen());
    facts.tiers = Err(unseen());
}

pub(crate) fn with_key(facts: &mut Facts, statements: &serde_json::Value) {
    bucket_of(facts).encryption = Ok(BucketKey::Named(KEY.to_owned()));
    facts.key = Ok(Key { arn: KEY.to_owned(), state: "Enabled".to_owned(), policy: Ok(document(statements)) });
}

#[test]
fn each_broken_set_up_has_its_diagnosis_first_with_what_mends_it() {
    for Row { name, breaks, check, code, says, mend } in TABLE {
        let mut facts = healthy();
        breaks(&mut facts);
        let report = examine(&facts);
        let first = report.diagnosis().unwrap_or_else(|| panic!("{name}: nothing is found"));
        let told = serde_json::to_string_pretty(&report).unwrap();
        assert_eq!((first.check, first.code), (*check, *code), "{name}: {told}");
        assert!(first.says.contains(says), "{name}: {}", first.says);
        let mends: Vec<String> = first.mends.iter().map(ToString::to_string).collect();
        assert!(mends[0].contains(mend), "{name}: {mends:?}");
        assert!(!first.means.is_empty(), "{name}: what it means is not said");
        let others = report.findings.iter().filter(|other| other.verdict == Verdict::Failed && other.check != *check);
        for other in others {
            assert!(other.follows_from.is_some(), "{name}: {other:?} stands for itself");
        }
    }
}

#[test]
fn the_key_is_well_where_it_and_the_role_agree() {
    let root = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"});
    let mut facts = healthy();
    with_key(&mut facts, &root);
    let statement = serde_json::to_value(stored().of_key(KEY)).unwrap();
    role(&mut facts).policies.as_mut().unwrap().push(document(&statement));
    assert_eq!(examine(&facts).diagnosis(), None);
    let mut facts = healthy();
    with_key(&mut facts, &serde_json::to_value(stored().in_key_policy()).unwrap());
    assert_eq!(examine(&facts).diagnosis(), None);
}

#[test]
fn where_all_is_well_nothing_is_said_to_be_wrong() {
    let report = examine(&healthy());
    assert_eq!(report.diagnosis(), None, "{report:?}");
    assert_eq!(report.failure(), None);
    assert_eq!(report.count(Verdict::Unchecked), 0, "{report:?}");
}
