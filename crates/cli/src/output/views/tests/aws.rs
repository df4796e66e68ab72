//! `aws …`

use super::*;
use snapkeep_config::Config;
use snapkeep_iam::{Asked, Operation, policies};

#[test]
fn policies_are_shown_each_with_what_it_hangs_on() {
    let text = "\
clusters:
  logs: {endpoint: 'https://search-logs-abc123.eu-west-1.es.amazonaws.com', repository: nightly}
  own: {endpoint: 'https://own.example'}
repositories:
  nightly: {bucket: my-backups, base_path: logs, role_arn: 'arn:aws:iam::123456789012:role/snapshots'}
";
    let config = Config::parse(text).unwrap();
    let key = "arn:aws:kms:eu-west-1:123456789012:key/5ae3f3a5".to_owned();
    let found = policies(&config, &Asked { bucket_key: Some(key), ..Asked::default() }).unwrap();
    expect_view(
        "aws-policies",
        &Needed { name: "snapkeep.yaml", operations: &[Operation::Backup], examines: false, policies: &found },
    );
}

#[test]
fn a_policy_that_is_too_long_for_iam_is_noted() {
    let cluster = |number: u32| {
        format!(
            "  c{number}: {{endpoint: 'https://search-logs{number}-abc123.eu-west-1.es.amazonaws.com', repository: r}}\n"
        )
    };
    let text = format!("clusters:\n{}", (0..10).map(cluster).collect::<String>());
    let asked = Asked { account: Some("123456789012".to_owned()), ..Asked::default() };
    let found = policies(&Config::parse(&text).unwrap(), &asked).unwrap();
    let notes =
        Needed { name: "snapkeep.yaml", operations: &[Operation::Backup], examines: false, policies: &found }.notes();
    assert!(notes.iter().any(|note| note.contains("a managed policy takes 6144")), "{notes:?}");
}
