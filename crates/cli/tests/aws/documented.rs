//! Whoever does what `docs/aws.md` says ends with a scheduled function and a snapshot.

use crate::account::{Account, REGION};
use crate::document::{blocks, script};
use serde_json::{Value, json};
use snapkeep_front::{Front, Principal, Rights, TestCa};
use snapkeep_iam::{Decision, Request, decide};
use snapkeep_testbed::{Testbed, eventually};
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// Two ways to deploy say the same names: each is to find what it would find alone.
static ALONE: Mutex<()> = Mutex::const_new(());

const KEY: &str = "AKIDFUNCTION";
const SECRET: &str = "canary/secret+key0123456789abcdefABCDEF";
const BUCKET: &str = "example-logs-snapshots";

/// The tree in which the commands are given: the templates and what was packaged.
fn checked_out(account: &Account) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let copy = format!("cp -r {0}/deploy . && ln -s {0}/dist dist", root.canonicalize().unwrap().display());
    account.shell(&copy, &[]);
    let zips = std::fs::read_dir(account.place().join("dist")).unwrap().map(|entry| entry.unwrap().path());
    zips.into_iter().find(|path| path.to_string_lossy().ends_with("x86_64.zip")).expect("cargo xtask package")
}

/// The domain as the roles that were deployed see it: a front before the node.
struct Domain {
    front: Front,
    files: tempfile::TempDir,
}

impl Domain {
    /// It lets in what the function's role may do, and passes what it may pass.
    async fn of(account: &Account, node: &str, roles: &Roles) -> Self {
        let policies = account.role_policies(&roles.function);
        let domain = format!("arn:aws:es:{REGION}:123456789012:domain/logs");
        let may =
            |action: &str, resource: &str| decide(&policies, &Request::new(action, resource)) == Decision::Allowed;
        let path = |path: &str| format!("{domain}/{path}");
        let requests = [
            ("es:ESHttpGet", path("_snapshot/snapkeep/some")),
            ("es:ESHttpPut", path("_snapshot/snapkeep/some")),
            ("es:ESHttpPost", path("_snapshot/snapkeep/_verify")),
            ("es:ESHttpDelete", path("_snapshot/snapkeep/some")),
        ];
        let allowed: Vec<&str> =
            requests.iter().filter(|(action, path)| may(action, path)).map(|(action, _)| *action).collect();
        assert!(!allowed.contains(&"es:ESHttpDelete"), "whoever only takes snapshots deletes none");
        // Nothing says whether the domain tells which service the role is passed to.
        let service = "iam:PassedToService";
        let passing = || Request::new("iam:PassRole", &roles.snapshots);
        let may_pass = [passing().with(service, "es.amazonaws.com"), passing().without(service)]
            .iter()
            .all(|request| decide(&policies, request) == Decision::Allowed);
        let passed: Vec<&str> = may_pass.then_some(roles.snapshots.as_str()).into_iter().collect();
        let (ca, files) = (TestCa::new().unwrap(), tempfile::tempdir().unwrap());
        ca.write_pem(&files.path().join("ca.pem")).unwrap();
        let principal = Principal::new(&roles.function, KEY, SECRET).rights(Rights::only(&allowed));
        let front = Front::builder(node).region(REGION).domain("123456789012", "logs").pass_role(&passed).tls(&ca);
        Self { front: front.principal(principal).start().await.unwrap(), files }
    }

    /// What DNS, Lambda and a public authority would see to.
    fn surroundings(&self, account: &Account) -> PathBuf {
        let file = account.place().join("function.json");
        let text = json!({
            "SNAPKEEP_ENDPOINT": self.front.url(),
            "SNAPKEEP_ALLOWED_ENDPOINTS": self.front.authority(),
            "SNAPKEEP_CA_FILE": self.files.path().join("ca.pem"),
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        });
        std::fs::write(&file, text.to_string()).unwrap();
        file
    }
}

/// The roles that were deployed.
struct Roles {
    function: String,
    snapshots: String,
}

impl Account {
    /// The documents that hang on a role.
    fn role_policies(&self, arn: &str) -> Vec<Value> {
        let name = arn.rsplit('/').next().unwrap();
        let names = self.aws(&["iam", "list-role-policies", "--role-name", name]);
        let document = |policy: &Value| {
            let policy = policy.as_str().unwrap();
            self.aws(&["iam", "get-role-policy", "--role-name", name, "--policy-name", policy])["PolicyDocument"]
                .clone()
        };
        names["PolicyNames"].as_array().unwrap().iter().map(document).collect()
    }
}

/// The three answers of the commands that take the first snapshot, and what the schedule does then.
async fn takes_snapshots(account: &Account, roles: &Roles, zip: &Path, commands: &str) {
    let _alone = ALONE.lock().await;
    let bed = Testbed::shared();
    let node = bed.node("opensearch-3.3.0");
    let _ = bed.s3().create_bucket(BUCKET).await;
    node.load_documents(&bed.unique("orders"), 100).await;
    let domain = Domain::of(account, &node.url, roles).await;
    let surroundings = domain.surroundings(account);
    let variables =
        [("SNAPKEEP_TEST_ZIP", zip.to_str().unwrap()), ("SNAPKEEP_TEST_FUNCTION", surroundings.to_str().unwrap())];
    let said = account.shell(&script(commands), &variables);
    let answers: Vec<Value> = serde_json::Deserializer::from_str(&said).into_iter().map(Result::unwrap).collect();
    let log = || std::fs::read_to_string(account.place().join("function.log")).unwrap_or_default();
    let [_, registered, _, created, _, listed] = answers.as_slice() else { panic!("{said}\n{}", log()) };
    assert_eq!(registered["registration"], "created", "{registered}\n{}", log());
    assert_eq!(created["outcome"], "created", "{created}\n{}", log());
    assert_eq!(listed["snapshots"].as_array().map(Vec::len), Some(1), "{listed}");
    succeeded(&format!("/_snapshot/snapkeep/{}", created["snapshot"].as_str().unwrap())).await;
    scheduled(account, &variables);
    assert!(domain.front.requests().iter().all(|seen| seen.method != "DELETE"), "nothing is deleted");
    for path in ["/_snapshot/snapkeep/*", "/_snapshot/snapkeep"] {
        let (status, answer) = node.delete(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
}

async fn succeeded(path: &str) {
    let node = Testbed::shared().node("opensearch-3.3.0");
    eventually("the snapshot is good", async || {
        (node.get(path).await.1["snapshots"][0]["state"] == "SUCCESS").then_some(())
    })
    .await;
}

/// The schedule as it was made; what it sends, sent twice, makes one snapshot.
fn scheduled(account: &Account, variables: &[(&str, &str)]) {
    let schedules = account.aws(&["scheduler", "list-schedules"]);
    let name = schedules["Schedules"][0]["Name"].as_str().unwrap_or_else(|| panic!("{schedules}"));
    let schedule = account.aws(&["scheduler", "get-schedule", "--name", name]);
    assert_eq!(
        (&schedule["ScheduleExpression"], &schedule["ScheduleExpressionTimezone"], &schedule["State"]),
        (&json!("cron(30 1 * * ? *)"), &json!("Europe/Berlin"), &json!("ENABLED")),
        "{schedule}"
    );
    let function = schedule["Target"]["Arn"].as_str().unwrap().rsplit(':').next().unwrap();
    let input = schedule["Target"]["Input"].as_str().unwrap();
    let event = input.replace("<aws.scheduler.scheduled-time>", "2026-11-23T00:30:00Z");
    let invoke = format!(
        "aws lambda invoke --function-name {function} --cli-binary-format raw-in-base64-out --payload '{event}' slot.json >&2; cat slot.json"
    );
    let outcomes = ["created", "adopted"].map(|expected| {
        let answer: Value = serde_json::from_str(&account.shell(&invoke, variables)).unwrap();
        assert_eq!((&answer["outcome"], &answer["state"]), (&json!(expected), &json!("SUCCESS")), "{answer}");
        answer["snapshot"].clone()
    });
    assert_eq!(outcomes, [json!("snapkeep-20261123t003000z"), json!("snapkeep-20261123t003000z")]);
}

#[tokio::test]
async fn with_sam() {
    let Some(account) = Account::open() else { return };
    let zip = checked_out(&account);
    let [package, deploy, first] =
        blocks("### With SAM", "console").try_into().expect("package, deploy, first snapshot");
    account.shell(&script(&package), &[]);
    account.shell(&script(&deploy), &[]);
    let stack = account.aws(&["cloudformation", "describe-stacks", "--stack-name", "snapkeep-logs"]);
    let outputs = stack["Stacks"][0]["Outputs"].as_array().unwrap();
    let output = |key: &str| {
        let found = outputs.iter().find(|output| output["OutputKey"] == key);
        found.unwrap_or_else(|| panic!("{key}: {outputs:#?}"))["OutputValue"].as_str().unwrap().to_owned()
    };
    let roles = Roles { function: output("FunctionRoleArn"), snapshots: output("SnapshotRoleArn") };
    takes_snapshots(&account, &roles, &zip, &first).await;
}

/// Where Terraform finds its AWS provider on a machine that cannot fetch it.
const PLUGINS: &str = "SNAPKEEP_TERRAFORM_PLUGINS";

/// Paths in place of host names for buckets: moto has no names of its own.
const OVERRIDE: &str = "provider \"aws\" {\n  s3_use_path_style = true\n}\n";

#[tokio::test]
async fn with_terraform() {
    let Some(plugins) = std::env::var_os(PLUGINS) else {
        println!("skipped: {PLUGINS} is not set");
        return;
    };
    let Some(account) = Account::open() else { return };
    let zip = checked_out(&account);
    let [main] = blocks("### With Terraform", "hcl").try_into().expect("one file");
    let [apply, first] = blocks("### With Terraform", "console").try_into().expect("apply, first snapshot");
    std::fs::write(account.place().join("main.tf"), main).unwrap();
    std::fs::write(account.place().join("moto_override.tf"), OVERRIDE).unwrap();
    let plugins = format!("-plugin-dir={}", plugins.to_string_lossy());
    let arguments =
        [("TF_CLI_ARGS_init", plugins.as_str()), ("TF_CLI_ARGS_apply", "-auto-approve -input=false -no-color")];
    account.shell(&script(&apply), &arguments);
    let said = account.shell("terraform output -json snapkeep", &[]);
    let outputs: Value = serde_json::from_str(&said).unwrap();
    let role = |key: &str| outputs[key].as_str().unwrap().to_owned();
    let roles = Roles { function: role("function_role_arn"), snapshots: role("snapshot_role_arn") };
    takes_snapshots(&account, &roles, &zip, &first).await;
}
