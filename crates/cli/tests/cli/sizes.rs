//! `plan --sizes`: what it says that deletions free is what they free, on a real node's disk.

use crate::policies::taken_before;
use crate::stage::Stage;
use serde_json::{Value, json};
use std::path::Path;

/// A policy that takes nothing and keeps the newest; what the configuration says of its repository, if anything.
fn configure(stage: &Stage, repositories: &str) {
    let text = format!(
        "clusters:\n  here: {{endpoint: '{}', auth: none}}\n{repositories}policies:\n  nightly:\n    clusters: here\n    \
         repository: {}\n    keep: {{max_count: 1}}\n    first_delete: allow\n",
        stage.node.url, stage.repository
    );
    std::fs::write(stage.directory.path().join("snapkeep.yaml"), text).unwrap();
}

/// Bytes of data below a folder.
fn data(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { data(&path) } else { size(&path) }).sum()
}

fn size(blob: &Path) -> u64 {
    let is_data = blob.file_name().unwrap().to_str().unwrap().starts_with("__");
    if is_data { blob.metadata().unwrap().len() } else { 0 }
}

/// The plan's word on the one policy: bytes, and why they are not known.
fn freed(plan: &Value) -> (Option<u64>, Option<&str>) {
    let [one] = plan["frees"]["policies"].as_array().unwrap().as_slice() else { panic!("{plan}") };
    assert_eq!((&one["policy"], &one["bytes"]), (&json!("nightly"), &plan["frees"]["bytes"]));
    (one["bytes"].as_u64(), one["why"].as_str())
}

#[tokio::test]
async fn what_a_plan_says_that_it_frees_is_freed() {
    let mut stage = Stage::alone().await;
    stage.variables.retain(|(name, _)| name != "SNAPKEEP_ENDPOINT");
    let folder = stage.node.repo_dir.join(&stage.repository);
    let settings = json!({ "location": folder });
    stage.node.put(&format!("/_snapshot/{}", stage.repository), json!({ "type": "fs", "settings": settings })).await;
    for slot in ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"] {
        stage.node.load_documents(&stage.index, 700).await;
        // Files of before are in no later snapshot.
        stage.node.post(&format!("/{}/_forcemerge?max_num_segments=1", stage.index), json!({})).await;
        taken_before(&stage, slot, 1).await;
    }
    configure(&stage, "");
    assert_eq!(stage.json("plan")["frees"], Value::Null, "nothing is read unasked");
    let plan = stage.json("plan --sizes --out plan.json");
    let (said, why) = freed(&plan);
    assert!(said > Some(0) && why.is_none(), "{plan}");
    assert!(stage.ok("plan --sizes").contains("; deleting frees "));

    // What cannot be read is not known, and fails nothing.
    configure(
        &stage,
        &format!("repositories:\n  {}: {{type: fs, settings: {{location: /nowhere}}}}\n", stage.repository),
    );
    let unread = stage.run("plan --sizes --json");
    let unknown: Value = serde_json::from_str(&unread.out).unwrap();
    let (bytes, why) = freed(&unknown);
    assert!(unread.status == 0 && bytes.is_none() && why.unwrap().contains("there is no such folder"), "{unread:?}");
    assert!(unread.err.contains("frees is not known"), "{unread:?}");

    let before = data(&folder);
    let applied = stage.json("apply plan.json --yes");
    assert_eq!(applied["policies"][0]["deleted"].as_array().unwrap().len(), 2, "{applied}");
    stage.ok("repo cleanup R --cluster here --yes");
    assert_eq!(Some(before - data(&folder)), said, "{plan}");
    assert_eq!(stage.json("plan --sizes")["frees"], json!({ "bytes": 0, "policies": [] }));
}
