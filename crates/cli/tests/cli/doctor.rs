//! `doctor` on a cluster of one's own: what needs nothing of AWS's.

use crate::policies::taken_before;
use crate::stage::{REGION, ROLE, Stage};
use serde_json::{Value, json};

fn configure(stage: &Stage) {
    let text = format!(
        "clusters:\n  here: {{endpoint: '{}', auth: none, repository: {repository}}}\npolicies:\n  nightly: {{clusters: here, \
         repository: {repository}, schedule: every 1h, indices: ['{}']}}\n",
        stage.node.url,
        stage.index,
        repository = stage.repository,
    );
    std::fs::write(stage.directory.path().join("snapkeep.yaml"), text).unwrap();
}

/// The verdict on one check.
fn verdict<'v>(report: &'v Value, check: &str) -> &'v Value {
    let checks = report["checks"].as_array().unwrap();
    &checks.iter().find(|one| one["check"] == check).unwrap_or_else(|| panic!("{check}: {report:#}"))["verdict"]
}

#[tokio::test]
async fn a_cluster_of_ones_own_is_examined_down_to_its_policies_ages() {
    let mut stage = Stage::new().await;
    stage.variables.retain(|(name, _)| name != "SNAPKEEP_ENDPOINT");
    configure(&stage);
    let unregistered = stage.run("doctor --json");
    let report: Value = serde_json::from_str(&unregistered.out).unwrap();
    assert_eq!((unregistered.status, &report["diagnosis"]["check"]), (10, &json!("registered")), "{unregistered:?}");
    let register = format!("repo register {} --cluster here", stage.repository);
    assert_eq!(report["diagnosis"]["mends"][0]["command"], format!("snapkeep repo register {}", stage.repository));

    stage.ok(&format!("{register} --bucket B --bucket-region {REGION} --role-arn {ROLE}"));
    let late = stage.run("doctor");
    assert!(late.status == 10 && late.out.contains("policy nightly has no good snapshot"), "{late:?}");
    assert!(late.out.contains("$ snapkeep run --yes") && late.err.contains("error[snapshot_missing]"), "{late:?}");

    taken_before(&stage, "2026-01-01T00:00:00Z", 1).await;
    let report = stage.json("doctor");
    for check in ["endpoint", "look", "registered", "verified", "age"] {
        assert_eq!(verdict(&report, check), "ok", "{report:#}");
    }
    assert_eq!(report["failed"], 0, "{report:#}");
    assert_eq!(verdict(&report, "writer"), "unchecked", "nobody says how the bucket can be read");
}

#[tokio::test]
async fn what_cannot_be_reached_is_said_before_what_follows_from_it() {
    let stage = Stage::new().await;
    let ran = stage.run("doctor -r R --endpoint http://127.0.0.1:1 --auth none --json --timeout 10s");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.status, &report["diagnosis"]["check"]), (1, &json!("endpoint")), "{ran:?}");
    assert_eq!(verdict(&report, "registered"), "unchecked");
    let ran = stage.run("doctor --endpoint https://abc.eu-west-1.aoss.amazonaws.com --json");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.status, &report["diagnosis"]["check"]), (2, &json!("serverless")), "{ran:?}");
    let unnamed = stage.run("doctor --domain nonsense");
    assert!(unnamed.status == 2 && unnamed.err.contains("error[bad_"), "{unnamed:?}");
}
