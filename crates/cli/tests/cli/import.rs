//! `policy import`: from a file and from a cluster.

use crate::stage::{Stage, ran};
use snapkeep_front::{Action, Fault, Front};

const SM: &str = include_str!("../../../import/tests/examples/sm-documentation.json");
const SLM: &str = include_str!("../../../import/tests/examples/slm-documentation.json");
const CURATOR: &str = include_str!("../../../import/tests/examples/curator-documentation.yml");

/// What is written passes the check; nothing that exists is written over.
#[tokio::test]
async fn from_a_file_to_a_configuration_that_is_checked() {
    let mut stage = Stage::new().await;
    std::fs::write(stage.directory.path().join("actions.yml"), CURATOR).unwrap();
    stage.variables.retain(|(name, _)| name != "SNAPKEEP_ENDPOINT");
    let mut scheduled = stage.command("policy import actions.yml --schedule");
    let shown = ran(scheduled.args(["30 2 * * *", "--timezone", "Europe/Berlin"]).output().unwrap());
    assert!(shown.err.contains("not quite the same"), "{shown:?}");
    for part in
        ["schedule: '30 2 * * *'", "max_age: 45d", "# - not imported: action 3: restore", "clusters.main.endpoint"]
    {
        assert!(shown.out.contains(part), "{part}: {shown:?}");
    }
    let json = stage.json("policy import actions.yml --out snapkeep.yaml");
    assert_eq!((json["source"].as_str(), json["out"].as_str()), (Some("curator"), Some("snapkeep.yaml")));
    assert_eq!(json["policies"]["curator"]["keep"]["max_age"], "45d");
    assert_eq!(stage.json("config check")["policies"], 1);
    assert!(stage.ok("policy list").contains("none older than 45d"));
    let again = stage.refused("policy import actions.yml --out snapkeep.yaml", 2, "bad_event");
    assert!(again.contains("does not exist yet"), "{again}");
    refusals(&stage);
}

fn refusals(stage: &Stage) {
    let write = |name: &str, text: &str| std::fs::write(stage.directory.path().join(name), text).unwrap();
    write("other.yml", "actions: {1: {action: close}}");
    write("secret.yml", "elasticsearch: {client: {password: s3cret}}");
    let nothing = stage.refused("policy import other.yml", 2, "unsupported");
    assert!(nothing.contains("no policy could be imported"), "{nothing}");
    let secret = stage.refused("policy import secret.yml", 2, "bad_config");
    assert!(secret.contains("client configuration") && !secret.contains("s3cret"), "{secret}");
    stage.refused("policy import none.yml", 2, "bad_event");
    stage.refused("policy import actions.yml --schedule nonsense", 2, "bad_event");
}

/// No distribution that can be had for tests holds Snapshot Management or SLM: real nodes say so, each in its words, and
/// the documented answers stand in for the rest.
#[tokio::test]
async fn from_a_cluster_by_its_flavour() {
    let stage = Stage::new().await;
    for (node, path, answer, policy) in [
        ("opensearch-3.3.0", "/_plugins/_sm/policies", SM, "daily-policy"),
        ("elasticsearch-7.17.28", "/_slm/policy", SLM, "daily-snapshots"),
    ] {
        let front = Front::builder(&stage.bed.node(node).url).transparent().plain().start().await.unwrap();
        let line = format!("policy import --from-cluster --endpoint {}", front.url());
        let lacking = stage.refused(&line, 2, "unsupported");
        assert!(lacking.contains("so that there are no policies to import"), "{node}: {lacking}");
        let fault = front.inject(Fault::on("GET", path).always().then(Action::status(200, answer)));
        let json = stage.json(&line);
        assert!(json["policies"][policy]["keep"]["max_age"].is_string(), "{node}: {json}");
        assert!(json["configuration"].as_str().unwrap().contains(&front.url()), "{json}");
        assert!(front.injected(fault) > 0);
        front.clear_faults();
        let denied = r#"{"error":{"type":"security_exception","reason":"no permissions for [x]"},"status":403}"#;
        front.inject(Fault::on("GET", path).always().then(Action::status(403, denied)));
        stage.refused(&line, 12, "access_denied");
    }
}
