use super::*;
use crate::{AuthKind, SecretSource};
use proptest::prelude::*;
use std::fmt::Write as _;

const WHOLE: &str = include_str!("../../tests/whole.yaml");

#[test]
fn a_whole_file_is_read() {
    let config = Config::parse(WHOLE).unwrap();
    assert_eq!(config.default_cluster.as_deref(), Some("logs"));
    let logs = config.cluster("logs").unwrap();
    assert_eq!(logs.endpoint.origin(), "https://search-logs-abc123.eu-west-1.es.amazonaws.com");
    assert_eq!(logs.auth, Some(AuthKind::SigV4));
    assert_eq!(logs.assume_role.as_ref().unwrap().external_id.as_deref(), Some("0042"));
    assert_eq!(logs.repository.as_ref().unwrap().as_str(), "nightly");
    let own = config.cluster("own").unwrap();
    assert_eq!(own.password, Some(SecretSource::Env("OWN_PASSWORD".into())));
    let edge = config.cluster("edge").unwrap();
    let command = SecretSource::Command { program: "pass".into(), arguments: vec!["show".into(), "edge/key".into()] };
    assert_eq!(edge.api_key, Some(command));
    assert_eq!(edge.token, Some(SecretSource::File("/run/secrets/token".into())));
    let nightly = &config.repositories["nightly"];
    assert_eq!(nightly.bucket.as_deref(), Some("my-backups"));
    assert_eq!(nightly.readonly, Some(false));
    assert_eq!(nightly.settings["max_snapshot_bytes_per_sec"], "200mb");
    assert_eq!(nightly.settings["compress"], true);
}

#[test]
fn what_is_empty_is_a_configuration() {
    for text in ["", "\n# nothing\n", "{}", "clusters:\n", "default_cluster: null\n"] {
        assert!(Config::parse(text).unwrap().clusters.is_empty(), "{text:?}");
    }
}

const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad.txt");

/// One bad file a part: the file, then the complaint as a user reads it. `SNAPKEEP_REGENERATE=1` writes the complaints
/// anew, to be read in the diff.
#[test]
fn complaints_name_the_place_and_what_to_do() {
    let expected = std::fs::read_to_string(BAD).unwrap();
    let found: Vec<String> = expected.trim_end().split("\n====\n").map(with_complaint).collect();
    let found = found.join("\n====\n") + "\n";
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::write(BAD, &found).unwrap();
    } else {
        assert!(found == expected, "tests/bad.txt differs:\n{found}");
    }
}

fn with_complaint(case: &str) -> String {
    let (file, _) = case.split_once("\n----\n").expect("a file, a line of dashes, a complaint");
    let failure = Config::parse(file).expect_err(file);
    assert_eq!(failure.code, Code::BadConfig, "{file}");
    format!("{file}\n----\n{failure}\nhint: {}", failure.hint)
}

#[test]
fn no_literal_secret_is_ever_repeated() {
    for key in ["password", "api_key", "token"] {
        let text = format!("clusters:\n  a:\n    endpoint: https://a.example\n    {key}: canary-secret\n");
        let failure = Config::parse(&text).unwrap_err();
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    }
}

#[test]
fn a_file_that_nests_or_repeats_without_end_is_refused() {
    let deep = "a: ".to_owned() + &"[".repeat(10_000) + &"]".repeat(10_000);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let refs = vec![format!("*a{}", n - 1); 10].join(", ");
        writeln!(bomb, "a{n}: &a{n} [{refs}]").unwrap();
    }
    let large = format!("# {}\n", "x".repeat(2 << 20));
    for text in [deep, bomb, large + "a: 1"] {
        assert_eq!(Config::parse(&text).unwrap_err().code, Code::BadConfig);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_bad_config(text in "\\PC{0,200}|([a-z_]{1,16}: ?[\\[{\"'a-z0-9 ,:&*!|>-]{0,20}\n){0,8}") {
        if let Err(failure) = Config::parse(&text) {
            prop_assert_eq!(failure.code, Code::BadConfig);
        }
    }

    #[test]
    fn an_unknown_key_is_always_named(key in "[a-z_]{1,12}") {
        prop_assume!(!["default_cluster", "clusters", "repositories", "null", "true", "false", "policies", "y", "n", "yes", "no", "on", "off"].contains(&key.as_str()));
        let failure = Config::parse(&format!("\"{key}\": 1\n")).unwrap_err();
        let named = format!("`{key}`");
        prop_assert!(failure.cause.contains(&named), "{}", failure.cause);
    }
}

#[test]
fn the_files_of_the_page_are_valid() {
    let page = include_str!("../../../../docs/configuration.md");
    let files: Vec<&str> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!files.is_empty());
    for file in files {
        Config::parse(file).unwrap_or_else(|failure| panic!("{failure}\n{file}"));
    }
}
