//! `doctor` over what STS, IAM, S3 and the domain's service really answer.

use crate::account::{Account, REGION};
use serde_json::{Value, json};
use snapkeep_core::naming::RepositoryName;
use snapkeep_front::{Front, Principal, TestCa};
use snapkeep_iam::{DomainArn, Operation, Statement, Stored};
use snapkeep_testbed::Testbed;
use std::process::Command;

const DOMAIN: &str = "arn:aws:es:eu-west-1:123456789012:domain/logs";
const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";

/// A set-up, to be broken.
#[derive(Clone)]
struct World {
    caller: Vec<Statement>,
    role: Vec<Statement>,
    trust: Value,
    rules: Value,
    host: &'static str,
}

impl World {
    /// As the documentation has it.
    fn of(stored: &Stored) -> Self {
        let domain: DomainArn = DOMAIN.parse().unwrap();
        Self {
            caller: stored.of_caller(&domain, &Operation::ALL),
            role: stored.of_role(),
            trust: json!(stored.trust(&domain)),
            rules: json!([]),
            host: "127.0.0.1",
        }
    }

    /// As `arrange` takes it.
    fn described(&self, bucket: &str, session: bool) -> String {
        let document = |statements: &[Statement]| json!({"Version": "2012-10-17", "Statement": statements});
        json!({
            "caller": document(&self.caller), "role": document(&self.role), "trust": self.trust, "rules": self.rules,
            "bucket": bucket, "host": self.host, "session": session,
        })
        .to_string()
    }
}

/// What is broken, and the diagnosis with the first that mends it.
struct Row {
    breaks: fn(&mut World),
    check: &'static str,
    code: &'static str,
    mend: &'static str,
}

#[rustfmt::skip]
const TABLE: [Row; 8] = [
    Row { breaks: |world| world.caller.retain(|one| one.sid != "PassSnapshotRole"), check: "pass_role", code: "pass_role_denied", mend: "PassSnapshotRole" },
    Row { breaks: |world| world.caller.retain(|one| one.sid != "RegisterAndCreate"), check: "requests", code: "access_denied", mend: "RegisterAndCreate" },
    Row { breaks: |world| world.caller.retain(|one| one.sid != "RestoreSnapshots"), check: "requests", code: "access_denied", mend: "RestoreSnapshots" },
    Row {
        breaks: |world| world.role.iter_mut().for_each(|one| one.action.0.retain(|action| action != "s3:DeleteObject")),
        check: "role_permissions", code: "repository_verification_failed", mend: "\"Action\":\"s3:DeleteObject\"",
    },
    Row {
        breaks: |world| world.trust["Statement"][0]["Principal"] = json!({"Service": "ec2.amazonaws.com"}),
        check: "role_trust", code: "repository_verification_failed", mend: "es.amazonaws.com",
    },
    Row {
        breaks: |world| world.rules = json!([{"ID": "clean", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 30}}]),
        check: "lifecycle", code: "repository_verification_failed", mend: "delete-bucket-lifecycle",
    },
    Row {
        breaks: |world| world.rules = json!([{"ID": "cold", "Filter": {"Prefix": ""}, "Status": "Enabled", "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}, {"ID": "other", "Filter": {"Prefix": ""}, "Status": "Disabled", "Expiration": {"Days": 30}}]),
        check: "storage_class", code: "repository_verification_failed", mend: "select(.ID != \\\"cold\\\")",
    },
    Row { breaks: |world| world.host = "", check: "domain", code: "cluster_unavailable", mend: "account and region" },
];

/// The program as the keeper runs it.
struct Keeper {
    repository: String,
    variables: Vec<(String, String)>,
}

impl Keeper {
    fn run(&self, line: &str) -> (i32, Value, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
        command.args(line.split(' ')).args(["--json", "-r", &self.repository]).env_clear();
        let output = command.envs(self.variables.iter().cloned()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
    }

    /// Demands a diagnosis, in exit status, code and what mends it.
    fn diagnosed(&self, row: &Row) {
        let (status, report, said) =
            self.run(&format!("doctor --domain {DOMAIN} --operations backup,retention,restore"));
        let first = &report["diagnosis"];
        assert_eq!((&first["check"], &first["code"]), (&json!(row.check), &json!(row.code)), "{report:#}\n{said}");
        assert!(status != 0 && first["mends"][0].to_string().contains(row.mend), "{first:#}");
    }
}

#[tokio::test]
async fn the_services_own_answers_lead_to_the_right_diagnosis() {
    let Some(account) = Account::open() else { return };
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let (bucket, repository) = (bed.unique("bucket"), bed.unique("repository"));
    bed.s3().create_bucket(&bucket).await.unwrap();
    let stored = Stored {
        name: RepositoryName::parse(&repository).unwrap(),
        role_arn: ROLE.to_owned(),
        bucket: bucket.clone(),
        base_path: None,
        region: REGION.to_owned(),
        readonly: false,
    };
    let well = World::of(&stored);
    let session: Value = serde_json::from_str(&arranged(&account, &well, &bucket, true)).unwrap();
    let part = |name: &str| session[name].as_str().unwrap().to_owned();
    let ca = TestCa::new().unwrap();
    let principal =
        Principal::new("arn:aws:iam::123456789012:role/keeper", &part("AccessKeyId"), &part("SecretAccessKey"));
    let front = Front::builder(&node.url).region(REGION).domain("123456789012", "logs").pass_role(&[ROLE]).tls(&ca);
    let front = front.principal(principal.session_token(&part("SessionToken"))).start().await.unwrap();
    let ca_file = account.place().join("ca.pem");
    ca.write_pem(&ca_file).unwrap();
    let variables = [
        ("SNAPKEEP_ENDPOINT", front.url()),
        ("SNAPKEEP_CA_FILE", ca_file.to_str().unwrap().to_owned()),
        ("SNAPKEEP_AUTH", "sigv4".to_owned()),
        ("SNAPKEEP_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL", account.url.clone()),
        ("AWS_ACCESS_KEY_ID", part("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey")),
        ("AWS_SESSION_TOKEN", part("SessionToken")),
    ];
    let keeper = Keeper {
        repository: repository.clone(),
        variables: variables.map(|(key, text)| (key.to_owned(), text)).to_vec(),
    };
    let unregistered = Row { breaks: |_| (), check: "registered", code: "repository_missing", mend: "repo register" };
    keeper.diagnosed(&unregistered);
    let register = format!("repo register {repository} --bucket {bucket} --bucket-region {REGION} --role-arn {ROLE}");
    let (status, _, said) = keeper.run(&register);
    assert_eq!(status, 0, "{said}");
    let (status, report, said) = keeper.run(&format!("doctor --domain {DOMAIN} --operations backup,retention,restore"));
    assert_eq!((status, &report["failed"]), (0, &json!(0)), "{report:#}\n{said}");
    for row in &TABLE {
        let mut broken = well.clone();
        (row.breaks)(&mut broken);
        arranged(&account, &broken, &bucket, false);
        keeper.diagnosed(row);
    }
}

fn arranged(account: &Account, world: &World, bucket: &str, session: bool) -> String {
    account.shell("arrange \"$WORLD\"", &[("WORLD", &world.described(bucket, session))])
}
