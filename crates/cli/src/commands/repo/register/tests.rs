use super::*;
use clap::Parser;
use snapkeep_core::endpoint::Endpoint;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    register: Register,
}

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

/// The body that would be sent, or the complaint.
fn body(line: &str, configured: Option<&Repository>, endpoint: &str) -> Result<String, String> {
    let line = Line::try_parse_from(["register", "r"].into_iter().chain(line.split_whitespace())).unwrap();
    let endpoint = Endpoint::trusted(endpoint).unwrap();
    let region = endpoint.amazon_region().map(str::to_owned);
    let settings = settings(line.register.over(configured), region, &endpoint).map_err(|failure| failure.cause)?;
    Ok(settings.body().to_string())
}

#[test]
fn flags_and_configuration_make_one_registration() {
    let aws = "https://search-x-1.eu-west-1.es.amazonaws.com";
    let own = "https://own.example";
    let role = format!("--role-arn {ROLE}");
    let configured = Repository {
        bucket: Some("from-file".into()),
        role_arn: Some(ROLE.into()),
        base_path: Some("p".into()),
        readonly: Some(true),
        settings: Map::from_iter([("compress".to_owned(), json!(true))]),
        ..Repository::default()
    };
    let both = json!({"type": "s3", "settings": {"bucket": "from-file", "region": "eu-west-1", "role_arn": ROLE,
        "base_path": "p", "readonly": true, "compress": "false"}});
    let article = json!({"type": "s3", "settings": {"bucket": "bbb", "region": "eu-west-1", "role_arn": ROLE}});
    for (line, configured, endpoint, expected) in [
        (format!("--bucket bbb {role}"), None, aws, Ok(article)),
        ("--setting compress=false".into(), Some(&configured), aws, Ok(both)),
        ("--bucket bbb".into(), None, own, Ok(json!({"type": "s3", "settings": {"bucket": "bbb"}}))),
        (
            "--type fs --setting location=/x".into(),
            None,
            own,
            Ok(json!({"type": "fs", "settings": {"location": "/x"}})),
        ),
        ("--bucket bbb".into(), None, aws, Err("the snapshot role")),
        (role.clone(), None, aws, Err("a bucket")),
        (format!("--bucket bbb {role}"), None, own, Err("the bucket's region")),
        ("--bucket bbb --setting secret_key=x".into(), None, own, Err("secret")),
        (format!("--bucket s3://bbb {role}"), None, aws, Err("not a bucket's name")),
    ] {
        match (body(&line, configured, endpoint), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), expected, "{line}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{line}: {found}"),
            (found, expected) => panic!("{line}: {found:?}, expected {expected:?}"),
        }
    }
}
