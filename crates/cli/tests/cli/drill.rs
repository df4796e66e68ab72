//! `drill` and `report --audit`, from the file to the evidence; and a drill whose process is killed.

use crate::policies::taken_before;
use crate::stage::{Stage, ran};
use serde_json::Value;
use snapkeep_testbed::eventually;

/// A file with one policy that takes nothing by itself, and its snapshot.
async fn stage(more: &str) -> Stage {
    let mut stage = Stage::new().await;
    stage.register();
    stage.variables.retain(|(name, _)| name != "SNAPKEEP_ENDPOINT");
    configure(&stage, more);
    taken_before(&stage, "2026-01-01T00:00:00Z", 1).await;
    stage
}

/// The cluster's name is the stage's own, so that other tests' records are not this one's.
fn configure(stage: &Stage, more: &str) {
    let text = format!(
        "clusters:\n  {}: {{endpoint: '{}', auth: none}}\npolicies:\n  nightly:\n    repository: {}\n    indices: ['{}']\n    {more}\n",
        stage.repository, stage.node.url, stage.repository, stage.index
    );
    std::fs::write(stage.directory.path().join("snapkeep.yaml"), text).unwrap();
}

/// Indices of drills of this stage's index.
async fn left(stage: &Stage) -> Vec<String> {
    let (_, found) = stage.node.get("/snapkeep-drill-*/_settings/index.uuid?expand_wildcards=all").await;
    let names = found.as_object().cloned().unwrap_or_default();
    names.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(&stage.index)).collect()
}

#[tokio::test]
async fn from_a_drill_to_its_report() {
    let stage =
        stage("drill: {checks: [{index: '*', at_least: 500}, {index: '*', query: 'n:1', at_least: 1, at_most: 1}]}")
            .await;
    let report = stage.json("drill nightly");
    let drill = &report["drills"][0];
    assert_eq!((&drill["outcome"], &drill["removed"]), (&"passed".into(), &true.into()), "{report}");
    assert_eq!(drill["items"][0]["documents"], 500, "{report}");
    assert!(drill["recovery_time_s"].is_f64() && drill["recovery_point_age_s"].is_i64(), "{report}");
    let text = stage.ok("drill");
    assert!(text.contains("passed") && text.contains("2 of 2 checks held") && text.contains("old"), "{text}");
    assert_eq!(left(&stage).await, Vec::<String>::new());
    assert_eq!(stage.ok("drill --due").trim(), "no drill is due");
    assert_eq!(stage.node.count(&stage.index).await, 500);

    configure(&stage, "schedule: every 1h\n    drill: {schedule: every 1h, checks: [{index: '*', at_least: 501}]}");
    let failed = stage.refused("drill", 3, "restore_incomplete");
    assert!(failed.contains("found 500") && failed.contains("report --audit"), "{failed}");
    let ran = stage.json("run");
    assert_eq!(ran["drills"]["drills"].as_array().map(Vec::len), Some(0), "the slot has been drilled: {ran}");
    reports(&stage);
    configure(&stage, "schedule: every 1h");
    stage.refused("drill", 2, "bad_config");
    stage.refused("drill nigthly", 2, "bad_event");
}

/// Four drills: two passed, two (one for text, one for JSON) did not.
fn reports(stage: &Stage) {
    let audit = stage.json("report --audit --from 2026-01-01");
    let drills = &audit["policies"][0]["drills"];
    assert_eq!(
        (&drills["passed"], &drills["failed"], &drills["kept"]),
        (&2.into(), &2.into(), &"no".into()),
        "{audit}"
    );
    assert_eq!(drills["records"].as_array().map(Vec::len), Some(4), "{audit}");
    for (format, begins, holds) in [
        ("markdown", "# Backups and restores from 2026-01-01", "## Drills"),
        ("html", "<!doctype html>", "<h2>Drills</h2>"),
        ("csv", "table,policy,cluster", "Drills,nightly,"),
    ] {
        let page = stage.ok(&format!("report --audit --format {format} --from 2026-01-01"));
        assert!(page.starts_with(begins) && page.contains(holds), "{page}");
        assert!(page.contains("found 500") && page.contains("passed"), "{page}");
    }
    stage.refused("report --audit --from 2999-01-01", 2, "bad_event");
    stage.refused("report --audit nigthly", 2, "bad_event");
    assert_eq!(stage.run("report").status, 2);
}

/// The process is killed with its restore done or under way: the next run removes what it made, and nothing else.
#[tokio::test]
async fn what_a_killed_process_left_is_removed_by_the_next() {
    let stage = stage("drill: {}").await;
    let mut child = stage.start("drill --json");
    eventually("an index of the drill", async || (!left(&stage).await.is_empty()).then_some(())).await;
    child.kill().unwrap();
    let killed = ran(child.wait_with_output().unwrap());
    assert!(killed.out.is_empty(), "it had not ended: {killed:?}");
    assert_eq!(left(&stage).await.len(), 1);
    // It counts as alive until its lease has run out: nobody drills beside it, nor removes what may be in use.
    let early = stage.refused("drill", 15, "inconclusive");
    assert!(early.contains("counts as running until"), "{early}");
    assert_eq!(left(&stage).await.len(), 1);
    expire(&stage).await;
    let next = stage.json("run");
    let cleaned = &next["drills"]["cleaned"][0];
    assert_eq!(cleaned["removed"].as_array().map(Vec::len), Some(1), "{next}");
    assert_eq!(left(&stage).await, Vec::<String>::new());
    assert_eq!(stage.node.count(&stage.index).await, 500);
    let again = stage.json("drill");
    assert_eq!(again["drills"][0]["outcome"], "passed", "{again}");
}

/// As if the lease of two minutes had run out: nothing of it is ours to wait for.
async fn expire(stage: &Stage) {
    let query = serde_json::json!({"query": {"match_all": {}}, "size": 10_000});
    let (_, found) = stage.node.post("/.snapkeep-drills/_search", query).await;
    let is_its =
        |hit: &&Value| hit["_source"]["cluster"] == stage.repository.as_str() && hit["_source"]["outcome"] == "running";
    let hits = found["hits"]["hits"].as_array().unwrap().clone();
    let hit = hits.iter().find(is_its).unwrap();
    let mut record = hit["_source"].clone();
    record["alive_until"] = "2026-01-01T00:00:00Z".into();
    let id = hit["_id"].as_str().unwrap();
    let (status, answer) = stage.node.put(&format!("/.snapkeep-drills/_doc/{id}?refresh=true"), record).await;
    assert_eq!(status, 200, "{answer}");
}
