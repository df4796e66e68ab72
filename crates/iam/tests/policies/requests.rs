//! What each operation asks of AWS, and what nobody may: each operation's policy lets its own requests pass and no other, and
//! no part of it is idle.

use crate::evaluator::{Decision, Request, decide};
use crate::needed::{World, idle, only};
use serde_json::Value;
use snapkeep_iam::Operation;

pub(crate) const DOMAIN: &str = "arn:aws:es:eu-west-1:123456789012:domain/logs";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/5ae3f3a5";

/// What is sent to the domain for an operation, and what else AWS asks IAM about then.
pub(crate) fn sent(operation: Operation) -> Vec<Request> {
    match operation {
        Operation::Backup => backup(),
        Operation::Retention => to_domain(&[
            ("Delete", "/_snapshot/nightly/nightly-20261121t013000z,nightly-20261122t013000z"),
            ("Delete", "/_snapshot/nightly/nightly-20261123t013000z"),
            ("Post", "/_snapshot/nightly/_cleanup"),
        ]),
        Operation::Restore => {
            let mut requests = to_domain(&[("Post", "/orders/_close"), ("Post", "/orders/_open")]);
            requests.extend(restored("restored-orders"));
            requests
        }
        Operation::Drill => {
            let mut requests = to_domain(&[
                ("Put", "/.snapkeep-drills"),
                ("Put", "/.snapkeep-drills/_doc/nightly:2026-11-23T06:00:00Z:1:logs"),
                ("Get", "/.snapkeep-drills/_search"),
                (
                    "Get",
                    "/snapkeep-drill-*,.ds-snapkeep-drill-*/_settings/index.uuid,index.routing.allocation.exclude.snapkeep_drill",
                ),
                ("Get", "/snapkeep-drill-0123abcd-orders/_count"),
                ("Get", "/_data_stream/snapkeep-drill-*"),
                ("Delete", "/snapkeep-drill-0123abcd-orders"),
                ("Delete", "/_data_stream/snapkeep-drill-0123abcd-logs"),
            ]);
            requests.extend(restored("snapkeep-drill-0123abcd-orders"));
            requests
        }
    }
}

/// What a restore to that index sends. (What templates there are is asked for only by one that brings them along.)
fn restored(index: &str) -> Vec<Request> {
    to_domain(&[
        ("Post", "/_snapshot/nightly/nightly-20261123t013000z/_restore"),
        ("Get", "/_nodes/stats/fs"),
        ("Get", "/_template"),
        ("Get", "/_index_template"),
        ("Get", "/_cluster/state/metadata"),
        ("Get", &format!("/_cluster/state/routing_table/{index}")),
        ("Get", "/_cluster/allocation/explain"),
        ("Get", &format!("/{index}/_stats/docs")),
        ("Get", &format!("/{index}/_recovery")),
    ])
}

fn backup() -> Vec<Request> {
    let mut requests = to_domain(&[
        ("Get", "/"),
        ("Get", "/_nodes"),
        ("Get", "/_cluster/health"),
        ("Get", "/_cluster/stats"),
        ("Get", "/_cluster/settings"),
        ("Get", "/_cluster/state/customs"),
        ("Get", "/_all/_settings/index.hidden,index.creation_date"),
        ("Get", "/_all/_alias"),
        ("Get", "/_data_stream"),
        ("Get", "/_cat/indices/_warm"),
        ("Get", "/_snapshot"),
        ("Get", "/_snapshot/nightly"),
        ("Put", "/_snapshot/nightly"),
        ("Post", "/_snapshot/nightly/_verify"),
        ("Get", "/_snapshot/nightly/_all"),
        ("Get", "/_snapshot/nightly/nightly-20261123t013000z"),
        ("Put", "/_snapshot/nightly/nightly-20261123t013000z"),
        ("Get", "/_snapshot/nightly/nightly-20261123t013000z/_status"),
        ("Put", "/_snapshot/nightly/nightly-20261123t013000z/_clone/copy"),
    ]);
    let pass = Request::new("iam:PassRole", ROLE);
    requests.extend([pass.clone(), pass.with("iam:PassedToService", "es.amazonaws.com")]);
    requests
}

fn to_domain(requests: &[(&str, &str)]) -> Vec<Request> {
    requests
        .iter()
        .map(|(method, path)| Request::new(&format!("es:ESHttp{method}"), &format!("{DOMAIN}{path}")))
        .collect()
}

/// What no operation needs.
pub(crate) fn never() -> Vec<Request> {
    let mut requests = to_domain(&[
        ("Get", "/orders/_search"),
        ("Get", "/orders/_doc/1"),
        ("Get", "/_cat/indices"),
        ("Post", "/_bulk"),
        ("Post", "/orders/_search"),
        ("Put", "/orders/_doc/1"),
        ("Put", "/_cluster/settings"),
        ("Delete", "/orders"),
        ("Delete", "/_snapshot/nightly"),
        ("Put", "/_snapshot/other"),
        ("Put", "/_snapshot/other/a"),
        ("Delete", "/_snapshot/other/a"),
        ("Get", "/_snapshot/other/_all"),
        ("Get", "/_plugins/_security/api/internalusers"),
    ]);
    let other = "arn:aws:es:eu-west-1:123456789012:domain/logs2";
    requests.extend([
        Request::new("es:ESHttpGet", &format!("{other}/_snapshot/nightly")),
        Request::new("es:ESHttpPut", &format!("{other}/_snapshot/nightly")),
        Request::new("es:DeleteDomain", DOMAIN),
        Request::new("iam:PassRole", "arn:aws:iam::123456789012:role/admin"),
        Request::new("iam:PassRole", ROLE).with("iam:PassedToService", "ec2.amazonaws.com"),
        Request::new("iam:PutRolePolicy", ROLE),
        Request::new("sts:AssumeRole", ROLE),
        Request::new("s3:GetObject", "arn:aws:s3:::my-backups/logs/index-1"),
        Request::new("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/other"),
        Request::new(
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-AbCdEf",
        ),
    ]);
    requests
}

/// All that the caller asks for these operations; the policies let it pass, nothing else, and have nothing idle.
pub(crate) fn check_caller(document: &Value, operations: &[Operation], further: &[Request]) {
    let mut own: Vec<Request> = operations.iter().flat_map(|operation| sent(*operation)).collect();
    own.extend_from_slice(further);
    let others = Operation::ALL.into_iter().filter(|other| !operations.contains(other)).flat_map(sent);
    for request in &own {
        assert_eq!(decide(&[document], request), Decision::Allowed, "{operations:?}: {request:?}");
    }
    // What two operations send, each of them may.
    for request in others.filter(|request| !is_shared(request, operations)).chain(never()) {
        assert_eq!(decide(&[document], &request), Decision::NotAllowed, "{operations:?}: {request:?}");
    }
    assert_eq!(idle(document, &own), Vec::<String>::new(), "{operations:?}");
}

/// Restores are a part of drills, whatever the index is called.
fn is_shared(request: &Request, operations: &[Operation]) -> bool {
    let of_both = restored("restored-orders").into_iter().chain(restored("snapkeep-drill-0123abcd-orders"));
    let restores = [Operation::Restore, Operation::Drill].iter().any(|operation| operations.contains(operation));
    restores && of_both.into_iter().any(|shared| shared == *request)
}

/// The domain's service is let in for this domain, and for nobody else's.
pub(crate) fn check_trust(document: &Value) {
    let service = || Request { action: "sts:AssumeRole".to_owned(), ..Request::default() }.by("es.amazonaws.com");
    let right = service().with("aws:SourceAccount", "123456789012").with("aws:SourceArn", DOMAIN);
    assert_eq!(decide(&[document], &right), Decision::Allowed);
    for wrong in [
        service(),
        service().with("aws:SourceAccount", "123456789012"),
        service().with("aws:SourceArn", DOMAIN),
        service().with("aws:SourceAccount", "210987654321").with("aws:SourceArn", DOMAIN),
        service().with("aws:SourceAccount", "123456789012").with("aws:SourceArn", &format!("{DOMAIN}2")),
        right.clone().by("ec2.amazonaws.com"),
        right.clone().by("arn:aws:iam::123456789012:role/admin"),
        Request { action: "sts:TagSession".to_owned(), ..right.clone() },
    ] {
        assert_eq!(decide(&[document], &wrong), Decision::NotAllowed, "{wrong:?}");
    }
}

/// The snapshot role keeps files in its folder, wherever OpenSearch puts their hash, and touches nothing else.
pub(crate) fn check_role(document: &Value, base: Option<&str>, key: Option<&str>) {
    let object = |action: &str, key: &str| Request::new(action, &format!("arn:aws:s3:::my-backups/{key}"));
    let folder = base.map_or(String::new(), |base| format!("{base}/"));
    let mut own = vec![Request::new("s3:ListBucket", "arn:aws:s3:::my-backups")];
    for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
        own.extend([
            object(action, &format!("{folder}index-3")),
            object(action, &format!("{folder}snapshot_shard_paths/a")),
            object(action, &format!("10a01b/{folder}indices/x/0/__y")),
        ]);
    }
    let mut never = vec![
        object("s3:PutObjectAcl", &format!("{folder}index-3")),
        object("s3:DeleteObjectVersion", &format!("{folder}index-3")),
        Request::new("s3:DeleteBucket", "arn:aws:s3:::my-backups"),
        Request::new("s3:PutLifecycleConfiguration", "arn:aws:s3:::my-backups"),
        Request::new("s3:ListBucket", "arn:aws:s3:::other"),
        Request::new("s3:GetObject", "arn:aws:s3:::my-backups2/index-3"),
    ];
    if base.is_some() {
        never.extend([object("s3:GetObject", "index-3"), object("s3:GetObject", "others/index-3")]);
    }
    for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
        let request = Request::new(action, key.unwrap_or(KEY));
        let through_s3 = request.clone().with("kms:ViaService", "s3.eu-west-1.amazonaws.com");
        never.extend([request.clone(), request.with("kms:ViaService", "ebs.eu-west-1.amazonaws.com")]);
        if key.is_some() { own.push(through_s3) } else { never.push(through_s3) }
    }
    for request in &own {
        assert_eq!(decide(&[document], request), Decision::Allowed, "{request:?}");
    }
    for request in &never {
        assert_eq!(decide(&[document], request), Decision::NotAllowed, "{request:?}");
    }
    assert_eq!(idle(document, &own), Vec::<String>::new());
}

/// Whatever a role may: not without TLS.
pub(crate) fn check_tls(role: &Value, bucket: &Value) {
    for (resource, action) in
        [("arn:aws:s3:::my-backups", "s3:ListBucket"), ("arn:aws:s3:::my-backups/logs/index-3", "s3:GetObject")]
    {
        let request = Request::new(action, resource).by(ROLE);
        let (plain, tls) =
            (request.clone().with("aws:SecureTransport", "false"), request.with("aws:SecureTransport", "true"));
        assert_eq!(decide(&[role, bucket], &plain), Decision::Denied);
        assert_eq!(decide(&[role, bucket], &tls), Decision::Allowed);
    }
}

/// The sets that the templates offer.
pub(crate) const SETS: [&[Operation]; 5] = [
    &[Operation::Backup],
    &[Operation::Backup, Operation::Retention],
    &[Operation::Backup, Operation::Restore],
    &[Operation::Backup, Operation::Retention, Operation::Drill],
    &Operation::ALL,
];

#[test]
fn each_operation_passes_with_its_policy_and_no_part_is_idle() {
    for operations in SETS {
        let world = World::default();
        let documents = world.documents(|asked| asked.operations = operations.to_vec());
        check_caller(only(&documents, "identity", "caller"), operations, &[]);
        check_trust(only(&documents, "trust", ROLE));
        check_role(only(&documents, "identity", ROLE), Some("logs"), None);
        check_tls(only(&documents, "identity", ROLE), only(&documents, "bucket", "my-backups"));
    }
}

#[test]
fn keys_and_what_is_read_beside_are_in_it_where_they_are_used() {
    let mut world = World::default();
    world.text = world.text.replace("base_path: logs", "");
    world.text = world.text.replace(
        "repository: nightly}",
        "repository: nightly, token: {ssm: /search/token}, password: {secretsmanager: search}}",
    );
    let documents = world.documents(|asked| {
        asked.configuration = Some(snapkeep_config::ConfigPlace::Parameter("/snapkeep/logs".into()));
        asked.bucket_key = Some(KEY.to_owned());
        asked.secrets_key = Some("arn:aws:kms:eu-west-1:123456789012:key/secrets".to_owned());
    });
    let further = [
        Request::new("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/snapkeep/logs"),
        Request::new("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/search/token"),
        Request::new(
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:search-AbCdEf",
        ),
        Request::new("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/secrets"),
    ];
    check_caller(only(&documents, "identity", "caller"), &[Operation::Backup], &further);
    check_role(only(&documents, "identity", ROLE), None, Some(KEY));
    let of_key = only(&documents, "key", KEY);
    let used = Request::new("kms:Decrypt", KEY).by(ROLE).with("kms:ViaService", "s3.eu-west-1.amazonaws.com");
    assert_eq!(decide(&[of_key], &used), Decision::Allowed);
    assert_eq!(decide(&[of_key], &used.by("arn:aws:iam::123456789012:role/other")), Decision::NotAllowed);
}

#[test]
fn a_bucket_of_another_account_lets_the_role_in_itself() {
    let documents = World::default().documents(|asked| asked.bucket_account = Some("210987654321".to_owned()));
    let bucket = only(&documents, "bucket", "my-backups");
    let tls = |action: &str, resource: &str| Request::new(action, resource).with("aws:SecureTransport", "true");
    for (action, resource) in [
        ("s3:ListBucket", "arn:aws:s3:::my-backups"),
        ("s3:PutObject", "arn:aws:s3:::my-backups/logs/index-1"),
        ("s3:DeleteObject", "arn:aws:s3:::my-backups/h/logs/indices/a"),
    ] {
        assert_eq!(decide(&[bucket], &tls(action, resource).by(ROLE)), Decision::Allowed, "{action}");
        let other = tls(action, resource).by("arn:aws:iam::123456789012:role/other");
        assert_eq!(decide(&[bucket], &other), Decision::NotAllowed, "{action}");
    }
    let own = World::default().documents(|asked| asked.bucket_account = Some("123456789012".to_owned()));
    assert_eq!(only(&own, "bucket", "my-backups")["Statement"].as_array().unwrap().len(), 1);
}

/// A repository that is only read gets a role that cannot write.
#[test]
fn a_readonly_repository_is_only_read() {
    let mut world = World::default();
    world.text = world.text.replace("base_path: logs", "base_path: logs\n    readonly: true");
    let documents = world.documents(|_| ());
    let role = only(&documents, "identity", ROLE);
    let object = |action: &str| decide(&[role], &Request::new(action, "arn:aws:s3:::my-backups/logs/index-1"));
    assert_eq!(object("s3:GetObject"), Decision::Allowed);
    assert_eq!((object("s3:PutObject"), object("s3:DeleteObject")), (Decision::NotAllowed, Decision::NotAllowed));
}
