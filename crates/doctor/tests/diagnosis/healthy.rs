//! A set-up in which all is well, to be broken by the tests.

use serde_json::{Value, json};
use snapkeep_cluster::{Health, Refusal, Registered};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::repository::{RepositorySettings, S3Settings};
use snapkeep_doctor::{
    Access, Age, AuthInfo, Blocks, Bucket, BucketKey, Caller, Domain, Facts, Found, Generations, Identity, Load, Reach,
    Repository, Role, Subject, Tiers, Unseen, Versioning,
};
use snapkeep_iam::{Operation, Stored};
use snapkeep_transport::Answer;
use std::collections::BTreeMap;

pub(crate) const DOMAIN: &str = "arn:aws:es:eu-west-1:123456789012:domain/logs";
pub(crate) const HOST: &str = "search-logs-abc123.eu-west-1.es.amazonaws.com";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
pub(crate) const CALLER: &str = "arn:aws:iam::123456789012:role/keeper";
pub(crate) const BUCKET: &str = "logs-snapshots";
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234";

/// As whoever followed the documentation has it.
pub(crate) fn healthy() -> Facts {
    let stored = stored();
    let domain = DOMAIN.parse().unwrap();
    let caller = of(&stored.of_caller(&domain, &Operation::ALL));
    let (trust, permissions) = (serde_json::to_value(stored.trust(&domain)).unwrap(), of(&stored.of_role()));
    Facts {
        subject: subject(),
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        identity: Ok(Ok(Identity {
            account: "123456789012".to_owned(),
            arn: "arn:aws:sts::123456789012:assumed-role/keeper/session".to_owned(),
        })),
        reach: Reach::Answered,
        skew: Some(jiff::SignedDuration::ZERO),
        domain: Ok(Found::There(there())),
        health: Ok(Health { status: "green".to_owned(), red: Vec::new() }),
        load: Ok(Load { disk_total: 100, disk_free: 60, heap_max: 100, heap_used: 40 }),
        blocks: Ok(Blocks::default()),
        access: access(),
        caller: Ok(Caller::Documents(vec![caller])),
        role: Ok(Found::There(Role { trust, policies: Ok(vec![permissions]), has_boundary: false })),
        bucket: Ok(Found::There(bucket())),
        key: Err(Unseen::because("the bucket has no key of its own")),
        repository: repository(),
        tiers: Ok(Tiers { warm: Vec::new(), cold: Ok(Vec::new()) }),
    }
}

pub(crate) fn stored() -> Stored {
    Stored {
        name: RepositoryName::parse("backups").unwrap(),
        role_arn: ROLE.to_owned(),
        bucket: BUCKET.to_owned(),
        base_path: Some("logs".to_owned()),
        region: "eu-west-1".to_owned(),
        readonly: false,
    }
}

fn subject() -> Subject {
    let further = json!({"base_path": "logs"}).as_object().unwrap().clone();
    let wanted = S3Settings { bucket: BUCKET.into(), region: "eu-west-1".into(), role_arn: ROLE.into(), further };
    Subject {
        endpoint: Endpoint::trusted(&format!("https://{HOST}")).unwrap(),
        is_signed: true,
        region: Some("eu-west-1".to_owned()),
        domain: Some(DOMAIN.parse().unwrap()),
        repository: Some(stored().name),
        operations: Operation::ALL.to_vec(),
        stored: Some(stored()),
        wanted: Some(RepositorySettings::S3(wanted)),
    }
}

fn there() -> Domain {
    Domain {
        arn: DOMAIN.to_owned(),
        hosts: vec![HOST.to_owned()],
        engine: "OpenSearch_2.19".to_owned(),
        fine_grained: true,
        ..Domain::default()
    }
}

fn access() -> Access {
    Access {
        unsigned: Ok(403),
        look: Ok(Ok(())),
        auth_info: Ok(AuthInfo {
            user: CALLER.to_owned(),
            backend_roles: vec![CALLER.to_owned()],
            roles: vec!["manage_snapshots".to_owned(), "own_index".to_owned()],
        }),
        mapped: Ok(vec![CALLER.to_owned()]),
    }
}

fn bucket() -> Bucket {
    let only_tls = json!({
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [format!("arn:aws:s3:::{BUCKET}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    });
    Bucket {
        region: Ok("eu-west-1".to_owned()),
        is_own: Ok(true),
        rules: Ok(Vec::new()),
        versioning: Ok(Versioning::On),
        object_lock: Ok(None),
        encryption: Ok(BucketKey::Managed),
        policy: Ok(Some(document(&json!([only_tls])))),
        blocks_public: Ok(true),
    }
}

fn repository() -> Repository {
    let age = Age { last_good: Some("2026-11-23T01:30:00Z".parse().unwrap()), is_stale: false };
    Repository {
        registered: Ok(Some(registered())),
        verified: Ok(Ok(vec!["node".to_owned()])),
        generations: Ok(Generations { known: 7, found: 7 }),
        ages: BTreeMap::from([("nightly".to_owned(), age)]),
    }
}

pub(crate) fn registered() -> Registered {
    let settings = json!({"bucket": BUCKET, "region": "eu-west-1", "role_arn": ROLE, "base_path": "logs"});
    Registered { kind: "s3".to_owned(), settings: settings.as_object().unwrap().clone() }
}

/// A policy document of statements.
pub(crate) fn of(statements: &impl serde::Serialize) -> Value {
    document(&serde_json::to_value(statements).unwrap())
}

pub(crate) fn document(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

pub(crate) fn refusal(status: u16, body: &'static str) -> Refusal {
    Refusal::of(&Answer::new(status, body))
}

/// The facts' role, to be broken.
pub(crate) fn role(facts: &mut Facts) -> &mut Role {
    let Ok(Found::There(role)) = &mut facts.role else { panic!("there is a role") };
    role
}

/// The facts' bucket, to be broken.
pub(crate) fn bucket_of(facts: &mut Facts) -> &mut Bucket {
    let Ok(Found::There(bucket)) = &mut facts.bucket else { panic!("there is a bucket") };
    bucket
}

/// The facts' domain, to be broken.
pub(crate) fn domain_of(facts: &mut Facts) -> &mut Domain {
    let Ok(Found::There(domain)) = &mut facts.domain else { panic!("there is a domain") };
    domain
}

/// The statements of that name leave a document.
pub(crate) fn without(document: &mut Value, sid: &str) {
    document["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != sid);
}
