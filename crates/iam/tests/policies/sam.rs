//! The SAM template, with its functions worked out as `CloudFormation` does.

use crate::deployed::{Deployment, Made, TOPIC, check, deployments, joined};
use crate::requests::{KEY, ROLE};
use serde_json::{Map, Value, json};
use snapkeep_iam::Operation;
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("../../../../deploy/sam/template.yaml");

/// The template and what its parameters are.
struct Stack {
    template: Value,
    parameters: BTreeMap<String, Value>,
}

impl Stack {
    /// With the defaults, and these.
    fn new(given: &[(&str, &str)]) -> Self {
        let template: Value = serde_saphyr::from_str(TEMPLATE).unwrap();
        let defaults = template["Parameters"].as_object().unwrap().iter();
        let mut parameters: BTreeMap<String, Value> =
            defaults.filter_map(|(name, parameter)| Some((name.clone(), parameter.get("Default")?.clone()))).collect();
        let needed = [
            ("DomainName", "logs"),
            ("DomainEndpoint", "https://search-logs-abc123.eu-west-1.es.amazonaws.com"),
            ("RepositoryName", "nightly"),
            ("BucketName", "my-backups"),
        ];
        for (name, value) in needed.iter().chain(given) {
            assert!(template["Parameters"].get(name).is_some(), "there is no parameter {name}");
            parameters.insert((*name).to_owned(), json!(value));
        }
        let pseudo = [
            ("AWS::Partition", "aws"),
            ("AWS::Region", "eu-west-1"),
            ("AWS::AccountId", "123456789012"),
            ("AWS::URLSuffix", "amazonaws.com"),
            ("AWS::StackName", "snapkeep-logs"),
            ("Bucket", "my-backups"),
            ("Function", "snapkeep-logs-Function"),
            ("Logs", "/aws/lambda/snapkeep-logs"),
            ("SnapshotRole.Arn", ROLE),
        ];
        parameters.extend(pseudo.map(|(name, value)| (name.to_owned(), json!(value))));
        Self { template, parameters }
    }

    fn of(deployment: &Deployment) -> Self {
        let flag = |operation| if deployment.operations.contains(&operation) { "true" } else { "false" };
        Self::new(&[
            ("Retention", flag(Operation::Retention)),
            ("Restore", flag(Operation::Restore)),
            ("Drill", flag(Operation::Drill)),
            ("BasePath", deployment.base_path.unwrap_or_default()),
            ("BucketKeyArn", if deployment.key { KEY } else { "" }),
            ("ConfigurationParameter", if deployment.configuration { "/snapkeep/logs" } else { "" }),
            ("NotifyTopicArn", if deployment.topic { TOPIC } else { "" }),
        ])
    }

    fn properties(&self, resource: &str) -> Value {
        self.resolved(&self.template["Resources"][resource]["Properties"]).unwrap()
    }

    /// The value with its functions worked out; nothing for `AWS::NoValue`.
    fn resolved(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(list) => Some(list.iter().filter_map(|one| self.resolved(one)).collect()),
            Value::Object(map) => match map.iter().next() {
                Some((key, argument)) if map.len() == 1 && (key == "Ref" || key.starts_with("Fn::")) => {
                    self.function(key, argument)
                }
                _ => Some(Value::Object(
                    map.iter().filter_map(|(key, value)| Some((key.clone(), self.resolved(value)?))).collect(),
                )),
            },
            other => Some(other.clone()),
        }
    }

    fn function(&self, name: &str, argument: &Value) -> Option<Value> {
        match name {
            "Ref" if argument == "AWS::NoValue" => None,
            "Ref" => Some(self.named(argument.as_str().unwrap())),
            "Fn::GetAtt" => {
                let parts: Vec<&str> = argument.as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
                Some(self.named(&parts.join(".")))
            }
            "Fn::Sub" => Some(json!(self.substituted(argument))),
            "Fn::If" => self.resolved(&argument[if self.holds(&argument[0]) { 1 } else { 2 }]),
            "Fn::Join" => Some(json!(text(&self.resolved(&argument[1]).unwrap()))),
            other => panic!("the template uses {other} where a value stands"),
        }
    }

    /// A parameter, or a resource that the template makes: what it will be called is not known before.
    fn named(&self, name: &str) -> Value {
        let resource = name.split('.').next().unwrap_or_default();
        let made = || self.template["Resources"].get(resource).map(|_| json!(format!("<{name}>")));
        self.parameters.get(name).cloned().or_else(made).unwrap_or_else(|| panic!("nothing is called {name}"))
    }

    fn substituted(&self, argument: &Value) -> String {
        let none = Map::new();
        let (pattern, own) = match argument {
            Value::Array(parts) => (parts[0].as_str().unwrap(), parts[1].as_object().unwrap()),
            pattern => (pattern.as_str().unwrap(), &none),
        };
        let mut parts = pattern.split("${");
        let mut whole = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            let value = own.get(name).map_or_else(|| self.named(name), |value| self.resolved(value).unwrap());
            whole = whole + &text(&value) + rest;
        }
        whole
    }

    fn holds(&self, condition: &Value) -> bool {
        self.is_true(&self.template["Conditions"][condition.as_str().unwrap()])
    }

    fn is_true(&self, condition: &Value) -> bool {
        if let Some(not) = condition.get("Fn::Not") {
            return !self.is_true(&not[0]);
        }
        if let Some(either) = condition.get("Fn::Or").and_then(Value::as_array) {
            return either.iter().any(|one| self.holds(&one["Condition"]));
        }
        let both = condition["Fn::Equals"].as_array().unwrap_or_else(|| panic!("{condition} is no condition"));
        text(&self.resolved(&both[0]).unwrap()) == text(&self.resolved(&both[1]).unwrap())
    }

    fn made(&self) -> Made {
        let (function, role) = (self.properties("FunctionRole"), self.properties("SnapshotRole"));
        Made {
            caller: documents(&function),
            role: documents(&role),
            trust: role["AssumeRolePolicyDocument"].clone(),
            bucket: self.properties("BucketPolicy")["PolicyDocument"].clone(),
        }
    }
}

fn documents(role: &Value) -> Value {
    joined(role["Policies"].as_array().unwrap().iter().map(|policy| &policy["PolicyDocument"]))
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn its_policies_are_those_of_the_command() {
    for deployment in deployments() {
        check(&deployment, &Stack::of(&deployment).made());
    }
}

/// What needs a configuration is refused without one, before anything is made.
#[test]
fn its_rules_ask_for_a_configuration() {
    let refused = |given: &[(&str, &str)]| {
        let stack = Stack::new(given);
        let rules = stack.template["Rules"].as_object().unwrap().values();
        let broken = |rule: &&Value| {
            let asserted = rule["Assertions"].as_array().unwrap().iter().all(|one| stack.is_true(&one["Assert"]));
            stack.is_true(&rule["RuleCondition"]) && !asserted
        };
        rules.filter(broken).count()
    };
    assert_eq!((refused(&[]), refused(&[("Restore", "true")])), (0, 0));
    for choice in [("Retention", "true"), ("Drill", "true"), ("NotifyTopicArn", TOPIC)] {
        assert_eq!(refused(&[choice]), 1, "{choice:?}");
        assert_eq!(refused(&[choice, ("ConfigurationParameter", "/snapkeep/logs")]), 0, "{choice:?}");
    }
}

/// What destroys repositories is not in it; what guards them is.
#[test]
fn the_bucket_is_safe() {
    for key in ["", KEY] {
        let bucket = Stack::new(&[("BucketKeyArn", key)]).properties("Bucket");
        let encryption =
            &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"];
        let expected = if key.is_empty() {
            json!({"SSEAlgorithm": "AES256"})
        } else {
            json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key})
        };
        assert_eq!(encryption, &expected);
        assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
        let public = bucket["PublicAccessBlockConfiguration"].as_object().unwrap();
        assert!(public.len() == 4 && public.values().all(|blocked| blocked == true), "{public:?}");
        for rule in bucket["LifecycleConfiguration"]["Rules"].as_array().unwrap() {
            let known = [
                "Id",
                "Status",
                "NoncurrentVersionExpiration",
                "ExpiredObjectDeleteMarker",
                "AbortIncompleteMultipartUpload",
            ];
            assert!(rule.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{rule}");
        }
    }
    let template: Value = serde_saphyr::from_str(TEMPLATE).unwrap();
    assert_eq!(template["Resources"]["Bucket"]["DeletionPolicy"], "Retain");
}

/// The events are ones that the function takes, and the scheduled time is in them.
#[test]
fn the_schedule_passes_its_time() {
    let input = |given: &[(&str, &str)]| -> Value {
        let schedule = Stack::new(given).properties("Schedule");
        assert_eq!(schedule["ScheduleExpressionTimezone"], "UTC");
        serde_json::from_str(schedule["Target"]["Input"].as_str().unwrap()).unwrap()
    };
    let time = "<aws.scheduler.scheduled-time>";
    let backup = json!({"Action": "backup", "S3Bucket": "my-backups", "RoleArn": ROLE, "SlotTime": time, "Wait": 900});
    assert_eq!(input(&[]), backup);
    let mut beneath = backup;
    beneath["BasePath"] = json!("logs");
    assert_eq!(input(&[("BasePath", "logs")]), beneath);
    for event in [&beneath, &input(&[])] {
        snapkeep_lambda::Event::parse(&event.to_string().replace(time, "2026-11-23T01:30:00Z")).unwrap();
    }
    let tick = input(&[("ConfigurationParameter", "/snapkeep/logs")]);
    assert_eq!(
        (&tick["time"], tick.get("source").is_some(), tick.get("detail-type").is_some()),
        (&json!(time), true, true)
    );
    let stack = Stack::new(&[("BasePath", "logs")]);
    let register = stack.resolved(&stack.template["Outputs"]["RegisterEvent"]["Value"]).unwrap();
    snapkeep_lambda::Event::parse(register.as_str().unwrap()).unwrap();
}

#[test]
fn the_function_is_what_the_documents_say() {
    let function = Stack::new(&[("ConfigurationParameter", "/snapkeep/logs")]).properties("Function");
    assert_eq!((&function["Runtime"], &function["Handler"]), (&json!("provided.al2023"), &json!("bootstrap")));
    for absent in ["VpcConfig", "ReservedConcurrentExecutions", "KmsKeyArn"] {
        assert_eq!(function.get(absent), None);
    }
    let variables = &function["Environment"]["Variables"];
    assert_eq!(variables["SNAPKEEP_CONFIG"], "ssm:/snapkeep/logs");
    let documented = include_str!("../../../../docs/lambda.md");
    for name in variables.as_object().unwrap().keys() {
        assert!(documented.contains(&format!("`{name}`")), "{name}");
    }
    let placed = Stack::new(&[
        ("SubnetIds", "subnet-1"),
        ("SecurityGroupIds", "sg-1"),
        ("ReservedConcurrency", "1"),
        ("FunctionKeyArn", KEY),
    ]);
    let function = placed.properties("Function");
    assert_eq!((&function["ReservedConcurrentExecutions"], &function["KmsKeyArn"]), (&json!("1"), &json!(KEY)));
    assert_eq!(function["VpcConfig"]["SubnetIds"], "subnet-1");
    let caller = placed.made().caller;
    for sid in ["ReachTheVpc", "UseFunctionKey"] {
        assert!(caller["Statement"].as_array().unwrap().iter().any(|statement| statement["Sid"] == sid), "{sid}");
    }
}
