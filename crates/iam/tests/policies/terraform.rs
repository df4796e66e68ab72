//! The Terraform module's policies: JSON files in which names stand for what is made. Which of them is used when is HCL's
//! business: the module's own `tests` plan it, in `cargo xtask test --deploy`.

use crate::deployed::{Deployment, Made, TOPIC, check, deployments, joined};
use crate::requests::{DOMAIN, KEY, ROLE};
use serde_json::Value;
use snapkeep_iam::Operation;
use std::path::PathBuf;

fn module() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/terraform"))
}

/// The file with its names replaced, as `templatefile` does.
fn filled(file: &str) -> Value {
    let place = module().join("policies").join(file);
    let text = std::fs::read_to_string(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let names = [
        ("domain_arn", DOMAIN),
        ("repository", "nightly"),
        ("snapshot_role_arn", ROLE),
        ("account", "123456789012"),
        ("bucket_arn", "arn:aws:s3:::my-backups"),
        ("base_path", "logs"),
        ("key_arn", KEY),
        ("region", "eu-west-1"),
        ("dns_suffix", "amazonaws.com"),
        ("parameter_arn", "arn:aws:ssm:eu-west-1:123456789012:parameter/snapkeep/logs"),
        ("topic_arn", TOPIC),
        ("logs_arn", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/snapkeep"),
        ("dead_letters_arn", "arn:aws:sqs:eu-west-1:123456789012:snapkeep-dead-letters"),
        ("function_arn", "arn:aws:lambda:eu-west-1:123456789012:function:snapkeep"),
    ];
    let text = names.iter().fold(text, |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    assert!(!text.contains("${"), "{file}: a name is not known here: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}: {text}"))
}

fn made(deployment: &Deployment) -> Made {
    let mut caller = vec!["backup.json.tftpl", "function.json.tftpl"];
    for (operations, file) in [
        (&[Operation::Retention][..], "retention.json.tftpl"),
        (&[Operation::Restore, Operation::Drill], "restore.json.tftpl"),
        (&[Operation::Restore], "close.json.tftpl"),
        (&[Operation::Drill], "drill.json.tftpl"),
    ] {
        let is_used = operations.iter().any(|operation| deployment.operations.contains(operation));
        caller.extend(is_used.then_some(file));
    }
    caller.extend(deployment.configuration.then_some("configuration.json.tftpl"));
    caller.extend(deployment.topic.then_some("notifications.json.tftpl"));
    let mut role =
        vec![if deployment.base_path.is_some() { "bucket_folder.json.tftpl" } else { "bucket_whole.json.tftpl" }];
    role.extend(deployment.key.then_some("bucket_key.json.tftpl"));
    let all = |files: Vec<&str>| joined(&files.into_iter().map(filled).collect::<Vec<_>>());
    Made {
        caller: all(caller),
        role: all(role),
        trust: filled("service_trust.json.tftpl"),
        bucket: filled("only_tls.json.tftpl"),
    }
}

#[test]
fn its_policies_are_those_of_the_command() {
    for deployment in deployments() {
        check(&deployment, &made(&deployment));
    }
}

#[test]
fn every_policy_is_json_and_used() {
    let read = |name: &str| std::fs::read_to_string(module().join(name)).unwrap();
    let used = ["roles.tf", "bucket.tf"].map(read).concat();
    for entry in std::fs::read_dir(module().join("policies")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(used.contains(&format!("/{name}\"")), "{name} is used nowhere");
        let document = filled(&name);
        assert_eq!(document["Version"], "2012-10-17", "{name}");
    }
}
