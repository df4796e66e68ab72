//! Policies, from the file to the report: config → policy → plan → apply → run.

use crate::stage::Stage;
use serde_json::{Value, json};

/// A file with one policy whose prefix and repository are the stage's own.
fn configure(stage: &Stage, more: &str) {
    let text = format!(
        "clusters:\n  here: {{endpoint: '{}', auth: none}}\n  away: {{endpoint: 'http://127.0.0.1:1', auth: none}}\npolicies:\n  \
         nightly:\n    clusters: here\n    repository: {}\n    schedule: every 1h\n    indices: ['{}']\n    {more}\n",
        stage.node.url, stage.repository, stage.index
    );
    std::fs::write(stage.directory.path().join("snapkeep.yaml"), text).unwrap();
}

/// A snapshot as the policy took it for an earlier slot.
pub(crate) async fn taken_before(stage: &Stage, slot: &str, attempt: u32) -> String {
    let stamp: String = slot.chars().filter(|c| !"-:".contains(*c)).collect::<String>().to_lowercase();
    let retry = if attempt > 1 { format!("-r{attempt}") } else { String::new() };
    let name = format!("nightly-{stamp}{retry}");
    let mark = json!({"v": 1, "policy": "nightly", "slot": slot, "run": "0badcafe"});
    let body = json!({"indices": stage.index, "include_global_state": false, "metadata": {"snapkeep": mark}});
    let path = format!("/_snapshot/{}/{name}?wait_for_completion=true", stage.repository);
    let (_, answer) = stage.node.put(&path, body).await;
    assert_eq!(answer["snapshot"]["state"], "SUCCESS", "{answer}");
    name
}

fn names(stage: &Stage) -> Vec<String> {
    let list = stage.json("list -r R --cluster here");
    list["snapshots"].as_array().unwrap().iter().map(|one| one["snapshot"].as_str().unwrap().to_owned()).collect()
}

fn deletes(plan: &Value) -> Vec<&str> {
    let steps = plan["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["do"] == "delete").map(|step| step["snapshot"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn from_the_file_to_the_report() {
    let mut stage = Stage::new().await;
    stage.variables.retain(|(name, _)| name != "SNAPKEEP_ENDPOINT");
    configure(&stage, "keep: {max_count: 1}");
    stage.ok(&format!(
        "repo register R --cluster here --bucket B --bucket-region {} --role-arn {}",
        crate::stage::REGION,
        crate::stage::ROLE
    ));
    assert_eq!(stage.json("config check")["policies"], 1);
    assert!(stage.ok("config show --origin").contains("snapkeep.yaml:2:"));
    assert_eq!(stage.json("policy list")["policies"][0]["policy"], "nightly");
    assert_eq!(stage.json("policy next nightly --count 3")["slots"].as_array().unwrap().len(), 3);

    let old = taken_before(&stage, "2026-01-01T00:00:00Z", 1).await;
    let newer = taken_before(&stage, "2026-01-01T01:00:00Z", 1).await;
    plans_and_applies(&stage, &old, &newer).await;
    runs(&stage);
}

/// What is planned is what is done, once somebody has said yes.
async fn plans_and_applies(stage: &Stage, old: &str, newer: &str) {
    let plan = stage.json("plan nightly --out plan.json");
    assert_eq!(deletes(&plan), [old], "{plan}");
    assert_eq!((&plan["steps"][0]["do"], &plan["steps"][0]["indices"]), (&json!("create"), &json!([stage.index])));
    assert!(stage.ok("plan").contains("needs a yes"));
    assert!(stage.ok(&format!("plan --explain {newer}")).contains("the newest SUCCESS"));
    stage.refused("plan --explain nothing", 10, "snapshot_missing");
    let later = stage.json("plan --at 2030-01-01T00:00:00Z");
    assert_eq!(later["at"], "2030-01-01T00:00:00Z");
    let err = stage.refused("apply plan.json", 2, "bad_event");
    assert!(err.contains("nothing was done"), "{err}");
    assert_eq!(names(stage).len(), 2, "plans change nothing");

    // Without a yes a run takes what is due, and leaves the first deletion alone.
    let report = stage.json("run");
    let policy = &report["policies"][0];
    assert_eq!((&policy["created"][0]["state"], &policy["deleted"]), (&json!("SUCCESS"), &json!([])), "{report}");
    // The plan's creation is done already; its deletion still fits.
    let applied = stage.json("apply plan.json --yes");
    assert_eq!(applied["policies"][0]["deleted"][0]["snapshot"], *old, "{applied}");
    assert_eq!(names(stage).len(), 2);
    stage.refused("apply nothing.json", 2, "bad_event");

    // What changed since it was planned is left alone, and said so.
    stage.json("plan --out stale.json");
    let gone = format!("/_snapshot/{}/{newer}", stage.repository);
    stage.node.delete(&gone).await;
    let again = taken_before(stage, "2026-01-01T01:00:00Z", 1).await;
    assert_eq!(again, newer);
    stage.refused("apply stale.json --yes", 13, "plan_stale");
    assert!(names(stage).contains(&newer.to_owned()));
}

/// A run does what is due, finds what is done, and one cluster does not hold up another.
fn runs(stage: &Stage) {
    let report = stage.json("run nightly --yes");
    assert_eq!(report["policies"][0]["created"], json!([]), "{report}");
    assert_eq!(stage.json("run")["policies"][0]["deleted"], json!([]));
    assert!(stage.refused("run nigthly", 2, "bad_event").contains("did you mean nightly?"));
    stage.refused("run --endpoint https://elsewhere.example", 2, "bad_event");
    stage.refused("run --cluster away", 2, "bad_event");
    configure(stage, "clusters_: 1");
    assert!(stage.refused("run", 2, "bad_config").contains("did you mean `clusters`?"));
    configure(stage, "stale_after: 2h");
    let text = std::fs::read_to_string(stage.directory.path().join("snapkeep.yaml")).unwrap();
    let both = text.replace("clusters: here", "clusters: [here, away]");
    std::fs::write(stage.directory.path().join("snapkeep.yaml"), both).unwrap();
    let ran = stage.run("run --json --timeout 60s");
    assert_eq!(ran.status, 1, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&report["clusters"]["here"]["outcome"], &report["clusters"]["away"]["outcome"]),
        (&json!("seen"), &json!("unseen")),
        "{report}"
    );
    assert!(ran.err.contains("cluster_unavailable"), "{ran:?}");
}
