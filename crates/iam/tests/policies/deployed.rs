//! What both templates are held to: the very statements that `snapkeep aws policies` prints.

use crate::evaluator::{Request, many};
use crate::needed::{World, only};
use crate::requests::{KEY, ROLE, check_caller, check_role, check_tls, check_trust};
use serde_json::{Map, Value, json};
use snapkeep_config::ConfigPlace;
use snapkeep_iam::Operation;

/// What the configuration's notifications go to.
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:backups";

/// One way to deploy.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) operations: Vec<Operation>,
    pub(crate) base_path: Option<&'static str>,
    pub(crate) key: bool,
    pub(crate) configuration: bool,
    pub(crate) topic: bool,
}

/// The documents that a template makes.
#[derive(Debug)]
pub(crate) struct Made {
    /// The function's role, all of its policies.
    pub(crate) caller: Value,
    /// The snapshot role's.
    pub(crate) role: Value,
    pub(crate) trust: Value,
    pub(crate) bucket: Value,
}

/// The function's own statements, which are no business of a configuration's.
const OF_THE_FUNCTION: [&str; 4] = ["WriteLogs", "KeepDeadLetters", "UseFunctionKey", "ReachTheVpc"];

/// What may be chosen.
pub(crate) fn deployments() -> Vec<Deployment> {
    let mut deployments = Vec::new();
    for operations in crate::requests::SETS {
        for (base_path, key) in [(None, false), (Some("logs"), false), (Some("logs"), true), (None, true)] {
            let configuration = operations.contains(&Operation::Retention) || operations.contains(&Operation::Drill);
            let topic = configuration && key;
            deployments.push(Deployment { operations: operations.to_vec(), base_path, key, configuration, topic });
        }
    }
    deployments
}

/// The template's policies are those of the command, let the operations' requests pass and no others, and hold nothing idle.
pub(crate) fn check(deployment: &Deployment, made: &Made) {
    let mut world = World::default();
    let base = deployment.base_path.map_or(String::new(), |base| format!("base_path: {base}"));
    world.text = world.text.replace("base_path: logs", &base);
    if deployment.topic {
        let channel = format!("    operators: {{kind: sns, topic_arn: '{TOPIC}'}}\n");
        world.text += "notifications:\n  runs_every: 15min\n  channels:\n";
        world.text += &channel;
    }
    let printed = world.documents(|asked| {
        asked.operations.clone_from(&deployment.operations);
        asked.bucket_key = deployment.key.then(|| KEY.to_owned());
        let parameter = || ConfigPlace::Parameter("/snapkeep/logs".to_owned());
        asked.configuration = deployment.configuration.then(parameter);
    });
    let caller = without_the_functions_own(&made.caller);
    for (made, kind, attach_to) in [
        (&caller, "identity", "caller"),
        (&made.role, "identity", ROLE),
        (&made.trust, "trust", ROLE),
        (&made.bucket, "bucket", "my-backups"),
    ] {
        let printed = only(&printed, kind, attach_to);
        assert_eq!(by_name(made), by_name(printed), "{kind} of {attach_to}, {deployment:?}");
    }
    let read = Request::new("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/snapkeep/logs");
    let tell = Request::new("sns:Publish", TOPIC);
    let further = [(deployment.configuration, read), (deployment.topic, tell)];
    let further: Vec<Request> = further.into_iter().filter(|(used, _)| *used).map(|(_, request)| request).collect();
    check_caller(&caller, &deployment.operations, &further);
    check_trust(&made.trust);
    check_role(&made.role, deployment.base_path, deployment.key.then_some(KEY));
    check_tls(&made.role, &made.bucket);
}

/// Statements of several documents as one document.
pub(crate) fn joined<'d>(documents: impl IntoIterator<Item = &'d Value>) -> Value {
    let statements: Vec<&Value> = documents.into_iter().flat_map(|document| many(&document["Statement"])).collect();
    json!({ "Statement": statements })
}

fn without_the_functions_own(document: &Value) -> Value {
    let own = |statement: &&Value| !OF_THE_FUNCTION.iter().any(|sid| statement["Sid"] == *sid);
    json!({"Statement": many(&document["Statement"]).into_iter().filter(own).collect::<Vec<_>>()})
}

/// Statements by name, every list in its order: one word is a list of one.
fn by_name(document: &Value) -> Map<String, Value> {
    let statements = many(&document["Statement"]);
    let named: Map<String, Value> = statements
        .iter()
        .map(|statement| (statement["Sid"].as_str().expect("every statement has a name").to_owned(), normal(statement)))
        .collect();
    assert_eq!(named.len(), statements.len(), "a name stands once: {document:#}");
    named
}

fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        other => {
            let mut list: Vec<String> =
                many(other).iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
            list.sort();
            json!(list)
        }
    }
}
