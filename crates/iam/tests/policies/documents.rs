//! What is printed, word for word, and what is refused.

use crate::needed::{World, only};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_iam::Operation;

const WHOLE: &str = "\
clusters:
  logs: {endpoint: https://search-logs-abc123.eu-west-1.es.amazonaws.com}
  away:
    endpoint: https://search.example
    auth: sigv4
    region: cn-north-1
    assume_role: {role_arn: arn:aws-cn:iam::210987654321:role/keeper}
  own: {endpoint: https://own.example, username: backup, password: {ssm: own}}
repositories:
  nightly:
    bucket: my-backups
    base_path: logs
    role_arn: arn:aws:iam::123456789012:role/snapshots
  copies:
    settings: {bucket: my-copies, region: cn-north-1, role_arn: 'arn:aws-cn:iam::210987654321:role/copies'}
policies:
  nightly: {clusters: [logs, own], repository: nightly, schedule: 30 1 * * *}
  copies: {clusters: away, repository: copies, schedule: every 1d}
";

fn whole() -> World {
    World { text: WHOLE.to_owned() }
}

#[test]
fn everything_is_printed_word_for_word() {
    let away = ("away".to_owned(), "arn:aws-cn:es:cn-north-1:210987654321:domain/copies".parse().unwrap());
    let policies = whole().policies(|asked| {
        asked.operations = vec![Operation::Retention];
        asked.domains = vec![away];
        asked.configuration =
            Some(snapkeep_config::ConfigPlace::Object { bucket: "settings".into(), key: "snapkeep.yaml".into() });
    });
    let policies = policies.unwrap();
    let found = json!({"documents": policies.documents, "notes": policies.notes});
    let expected: Value = serde_json::from_str(include_str!("../expected/whole.json")).unwrap();
    assert_eq!(found, expected, "{found:#}");
}

#[test]
fn the_domains_account_is_its_roles_or_asked_for() {
    let mut world = World::default();
    world.text = world.text.replace("    role_arn: arn:aws:iam::123456789012:role/snapshots\n", "");
    let failure = world.policies(|_| ()).unwrap_err();
    assert_eq!((failure.code, failure.hint.contains("--account")), (Code::BadEvent, true), "{failure}");
    let policies = world.policies(|asked| asked.account = Some("210987654321".to_owned())).unwrap();
    assert_eq!(policies.notes, ["repository nightly has no `role_arn`: what its role and bucket need is not shown"]);
    let documents = json!(policies.documents);
    let resource = &only(&documents, "identity", "caller")["Statement"][1]["Resource"][0];
    assert_eq!(resource, "arn:aws:es:eu-west-1:210987654321:domain/logs/_snapshot/nightly");
}

#[test]
fn what_cannot_be_told_is_refused_with_the_flag_that_tells_it() {
    for (text, code, hint) in [
        (WHOLE, Code::BadEvent, "--domain away=arn:aws:es:"),
        ("clusters: {a: {endpoint: 'https://a.example'}}", Code::BadConfig, "write the domain's endpoint"),
        ("", Code::BadConfig, "write the domain's endpoint"),
        (
            "clusters: {a: {endpoint: 'https://search-logs-abc123.eu-west-1.es.amazonaws.com'}}",
            Code::BadConfig,
            "repository: NAME",
        ),
        ("clusters: {a: {endpoint: 'https://a1.eu-west-1.aoss.amazonaws.com', auth: sigv4}}", Code::Unsupported, ""),
    ] {
        let failure = World { text: text.to_owned() }.policies(|_| ()).unwrap_err();
        assert!(failure.code == code && failure.hint.contains(hint), "{text}: {failure:?}");
    }
    let unknown = World::default().policies(|asked| asked.cluster = Some("lgos".to_owned()));
    assert_eq!(unknown.unwrap_err().code, Code::BadConfig);
    let only_one = whole().policies(|asked| asked.cluster = Some("logs".to_owned())).unwrap();
    assert!(only_one.notes.is_empty() && only_one.documents.len() == 4, "{only_one:#?}");
}
