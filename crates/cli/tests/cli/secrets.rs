//! Secrets and configurations that AWS's services hold: asked for by the program itself, as the default chain's identity.

use crate::stage::{REGION, Stage};
use snapkeep_front::Principal;
use snapkeep_front::services::{Known, Services};

const KEY: &str = "AKIDOPERATOR";
const SECRET: &str = "canary-operators-key";

fn services(known: Known) -> Services {
    let caller = Principal::new("arn:aws:iam::123456789012:user/operator", KEY, SECRET);
    Services::start(Known { region: REGION.to_owned(), callers: vec![caller], ..known }).unwrap()
}

/// The stage's program is that operator, and finds the services.
fn arrange(stage: &mut Stage, services: &Services) {
    stage.variables.retain(|(name, _)| name != "SNAPKEEP_ENDPOINT");
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL", services.url()),
    ] {
        stage.set(name, value);
    }
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> std::collections::BTreeMap<String, String> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn configured(stage: &Stage, secret: &str) -> String {
    format!("clusters:\n  here: {{endpoint: '{}', username: u, password: {secret}}}\n", stage.node.url)
}

#[tokio::test]
async fn secrets_come_from_secrets_manager_and_systems_manager() {
    let services = services(Known {
        secrets: map([("search/password", "canary-password\n"), ("two", "canary\nlines")]),
        parameters: map([("/search/password", "canary-password")]),
        ..Known::default()
    });
    let mut stage = Stage::new().await;
    arrange(&mut stage, &services);
    for secret in ["{secretsmanager: search/password}", "{ssm: /search/password}"] {
        stage.set("SNAPKEEP_CONFIG", &configured(&stage, secret));
        assert_eq!(stage.json("repo list -vv")["schema"], 1);
        let shown = stage.ok("config show --origin");
        assert!(!shown.contains("canary"), "{shown}");
    }
    assert_eq!(services.asked(), ["secretsmanager.GetSecretValue", "AmazonSSM.GetParameter"]);
    for (secret, status, code, part) in [
        ("{secretsmanager: nothing}", 2, "bad_config", "ResourceNotFoundException"),
        ("{secretsmanager: two}", 2, "bad_config", "more than one line"),
        ("{ssm: /nothing}", 2, "bad_config", "ParameterNotFound"),
    ] {
        stage.set("SNAPKEEP_CONFIG", &configured(&stage, secret));
        let err = stage.refused("repo list", status, code);
        assert!(err.contains(part) && err.contains("password") && !err.contains("canary"), "{err}");
    }
    stage.set("AWS_SECRET_ACCESS_KEY", "canary-wrong");
    let err = stage.refused("repo list", 12, "access_denied");
    assert!(err.contains("ssm:GetParameter") && !err.contains("canary"), "{err}");
}

#[tokio::test]
async fn the_configuration_may_be_a_parameter() {
    let mut stage = Stage::new().await;
    let text = format!("clusters:\n  here: {{endpoint: '{}', auth: none}}\n", stage.node.url);
    let services = services(Known { parameters: map([("/snapkeep", &text)]), ..Known::default() });
    arrange(&mut stage, &services);
    stage.set("SNAPKEEP_CONFIG", "ssm:/snapkeep");
    assert_eq!(stage.json("repo list")["schema"], 1);
    assert!(stage.ok("config show --origin").contains("SNAPKEEP_CONFIG=ssm:/snapkeep"));
    assert_eq!(stage.json("config check")["clusters"], 1);
    stage.set("SNAPKEEP_CONFIG", "ssm:/nothing");
    let err = stage.refused("repo list", 2, "bad_config");
    assert!(err.contains("SNAPKEEP_CONFIG=ssm:/nothing") && err.contains("ParameterNotFound"), "{err}");
}

/// A value that was meant for another variable, or holds a secret that belongs elsewhere, is not repeated.
#[tokio::test]
async fn what_the_configurations_variable_holds_is_never_repeated() {
    let services = services(Known::default());
    let mut stage = Stage::new().await;
    arrange(&mut stage, &services);
    for value in [
        "canary-password",
        "pass=canary",
        "{clusters: {a: {endpoint: 'https://a.example', password: canary}}}",
        "clusters: {a: {endpoint: 'https://user:canary@a.example'}}",
        "{clusters: {a: {password: canary",
        "s3://canary:secret@bucket",
    ] {
        stage.set("SNAPKEEP_CONFIG", value);
        for line in ["repo list -vv", "config show", "config check", "plan"] {
            for ran in [stage.run(line), stage.run(&format!("{line} --json"))] {
                assert_eq!(ran.status, 2, "{value}: {ran:?}");
                assert!(!ran.err.contains("canary") && !ran.out.contains("canary"), "{value}: {ran:?}");
            }
        }
    }
}
