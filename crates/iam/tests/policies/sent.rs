//! What the function really sends to a real node passes with the policies of its configuration, and what it deletes does not
//! without those of retention.

use crate::evaluator::{Decision, Request, decide};
use crate::needed::only;
use serde_json::{Value, json};
use snapkeep_config::Config;
use snapkeep_front::{Front, Principal, Seen, TestCa};
use snapkeep_iam::{Asked, Operation, policies};
use snapkeep_lambda::{Answer, Environment, Function, Invocation};
use snapkeep_testbed::Testbed;
use std::time::Duration;
use tempfile::TempDir;

const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
const DOMAIN: &str = "arn:aws:es:eu-west-1:123456789012:domain/logs";

struct Stage {
    front: Front,
    function: Function,
    bucket: String,
    repository: String,
    index: String,
    configuration: String,
    _files: TempDir,
}

impl Stage {
    async fn with(more: &str) -> Self {
        let bed = Testbed::shared();
        let node = bed.node("opensearch-3.3.0");
        let (bucket, repository, index) = (bed.unique("bucket"), bed.unique("repository"), bed.unique("orders"));
        bed.s3().create_bucket(&bucket).await.unwrap();
        node.load_documents(&index, 20).await;
        let (ca, files) = (TestCa::new().unwrap(), TempDir::new().unwrap());
        let principal = Principal::new("arn:aws:iam::123456789012:role/function", "AKIDIAM", "canary-secret");
        let front = Front::builder(&node.url).region("eu-west-1").principal(principal).pass_role(&[ROLE]).tls(&ca);
        let front = front.start().await.unwrap();
        let ca_file = files.path().join("ca.pem");
        ca.write_pem(&ca_file).unwrap();
        let configuration = format!(
            "clusters:\n  logs: {{endpoint: '{}', region: eu-west-1, auth: sigv4, ca_file: '{}'}}\n\
             repositories:\n  {repository}: {{bucket: {bucket}, role_arn: '{ROLE}'}}\n\
             policies:\n  nightly:\n    repository: {repository}\n    schedule: every 1d\n    indices: [{index}]\n    \
             adopt: [manual-*]\n    keep: {{max_count: 1}}\n    first_delete: allow\n    {more}\n",
            front.url(),
            ca_file.display(),
        );
        let variables = [
            ("ACCESS_KEY", "AKIDIAM"),
            ("SECRET_KEY", "canary-secret"),
            ("SNAPKEEP_CA_FILE", ca_file.to_str().unwrap()),
            ("SNAPKEEP_ENDPOINT", &front.url()),
            ("SNAPKEEP_REPOSITORY", &repository),
            ("SNAPKEEP_REGION", "eu-west-1"),
            ("SNAPKEEP_CONFIG", &configuration),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let function = Function::new(Environment::of(variables.into()));
        Self { front, function, bucket, repository, index, configuration, _files: files }
    }

    /// A snapshot of its index alone: that of a drill beside it may just be coming.
    fn backup(&self, name: &str) -> Value {
        json!({
            "Action": "backup", "S3Bucket": self.bucket, "RoleArn": ROLE, "SnapshotName": name, "Indices": self.index,
            "Wait": 60
        })
    }

    async fn handle(&self, event: &Value) -> Value {
        let invocation = Invocation {
            request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
            trace_id: None,
            left: Duration::from_mins(5),
            now: jiff::Timestamp::now(),
        };
        match self.function.handle(&event.to_string(), &invocation).await.unwrap_or_else(|f| panic!("{event}: {f:?}")) {
            Answer::Job(report) => json!(*report),
            Answer::Restore(restore) => json!(*restore),
            Answer::Run(run) => json!(*run),
            Answer::Drill(drill) => json!(*drill),
        }
    }

    fn policy(&self, operations: &[Operation]) -> Value {
        let asked = Asked {
            operations: operations.to_vec(),
            domains: vec![("logs".to_owned(), DOMAIN.parse().unwrap())],
            ..Asked::default()
        };
        json!(policies(&Config::parse(&self.configuration).unwrap(), &asked).unwrap().documents)
    }
}

/// What IAM is asked about a request.
fn asked_of_iam(seen: &Seen) -> Request {
    let path = seen.path_and_query.split('?').next().unwrap();
    let method = format!("{}{}", &seen.method[..1], seen.method[1..].to_lowercase());
    Request::new(&format!("es:ESHttp{method}"), &format!("{DOMAIN}{path}"))
}

#[tokio::test]
async fn what_the_function_sends_passes_and_what_it_deletes_needs_retention() {
    let stage = Stage::with("").await;
    for name in ["manual-1", "manual-2"] {
        assert_eq!(stage.handle(&stage.backup(name)).await["state"], "SUCCESS");
    }
    stage.handle(&json!({"Action": "list"})).await;
    stage.handle(&json!({"Action": "status", "SnapshotName": "manual-2"})).await;
    let run = stage.handle(&json!({"Action": "run"})).await;
    assert!(!run["policies"][0]["deleted"].as_array().unwrap().is_empty(), "{run:#}");
    assert!(!run["policies"][0]["created"].as_array().unwrap().is_empty(), "{run:#}");
    let requests: Vec<Request> = stage.front.requests().iter().map(asked_of_iam).collect();
    for method in ["Get", "Put", "Delete"] {
        assert!(requests.iter().any(|request| request.action.ends_with(method)), "nothing was sent with {method}");
    }
    let with = stage.policy(&[Operation::Retention]);
    let without = stage.policy(&[Operation::Backup]);
    for request in &requests {
        assert_eq!(decide(&[only(&with, "identity", "caller")], request), Decision::Allowed, "{request:?}");
        let is_allowed = decide(&[only(&without, "identity", "caller")], request) == Decision::Allowed;
        assert_eq!(is_allowed, !request.action.ends_with("Delete"), "{request:?}");
    }
    let written = |request: &&Request| !request.action.ends_with("Get");
    assert!(requests.iter().filter(written).all(|request| request.resource.contains(&stage.repository)));
}

#[tokio::test]
async fn what_a_drill_sends_passes_and_needs_its_own_policy() {
    let stage = Stage::with("drill: {}").await;
    stage.handle(&stage.backup("manual-1")).await;
    stage.handle(&json!({"Action": "run"})).await;
    let before = stage.front.requests().len();
    let drill = stage.handle(&json!({"Action": "drill"})).await;
    assert_eq!(drill["drills"][0]["outcome"], "passed", "{drill:#}");
    let (with, without) = (stage.policy(&[Operation::Drill]), stage.policy(&[Operation::Backup, Operation::Retention]));
    let requests: Vec<Request> = stage.front.requests().iter().skip(before).map(asked_of_iam).collect();
    for request in &requests {
        assert_eq!(decide(&[only(&with, "identity", "caller")], request), Decision::Allowed, "{request:?}");
        let is_write = !request.action.ends_with("Get");
        let is_allowed = decide(&[only(&without, "identity", "caller")], request) == Decision::Allowed;
        assert!(!(is_write && is_allowed), "{request:?}");
    }
    for method in ["Get", "Put", "Post", "Delete"] {
        assert!(requests.iter().any(|request| request.action.ends_with(method)), "nothing was sent with {method}");
    }
}
