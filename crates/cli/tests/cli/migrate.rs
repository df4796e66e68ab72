//! `migrate`: from one cluster of the configuration to another, by a plan.

use crate::stage::Stage;
use serde_json::Value;
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Node, NodeHandle, NodeOptions, Release};

/// A second node, which reaches the same buckets; it ends with this.
fn other_node(stage: &Stage) -> (Node, NodeHandle) {
    let options = NodeOptions { s3: Some(stage.bed.s3().client.clone()), ..NodeOptions::default() };
    let node = Node::start(Release::named("opensearch-3.3.0").unwrap(), &options, &Quiet).unwrap();
    let handle = NodeHandle::of(&node);
    (node, handle)
}

fn configure(stage: &Stage, new: &str) {
    let text = format!(
        "clusters:\n  old: {{endpoint: '{}', auth: none}}\n  new: {{endpoint: '{new}', auth: none}}\n",
        stage.node.url
    );
    std::fs::write(stage.directory.path().join("snapkeep.yaml"), text).unwrap();
}

#[tokio::test]
async fn from_one_cluster_to_another() {
    let mut stage = Stage::new().await;
    stage.register();
    stage.ok("create s -r R --indices I --no-global-state -q");
    stage.variables.retain(|(name, _)| name != "SNAPKEEP_ENDPOINT");
    let (_node, new) = other_node(&stage);
    configure(&stage, &new.url);
    let registered = async || new.get(&format!("/_snapshot/{}", stage.repository)).await;

    stage.refused("migrate old old latest -r R", 2, "bad_event");
    stage.refused("migrate old nowhere latest -r R", 2, "bad_config");
    stage.refused("migrate old new latest -r R --endpoint http://127.0.0.1:1", 2, "bad_event");
    stage.refused("migrate old new never-made -r R", 10, "snapshot_missing");
    stage.refused("migrate old new latest -r never-registered", 10, "repository_missing");
    let plan = stage.json("migrate old new latest -r R --dry-run");
    assert_eq!((plan["dry_run"].as_bool(), &plan["report"]), (Some(true), &Value::Null), "{plan}");
    assert_eq!(plan["plan"]["attachment"]["action"], "register", "{plan}");
    assert_eq!(plan["plan"]["attachment"]["settings"]["readonly"], "true", "{plan}");
    let unasked = stage.refused("migrate old new latest -r R", 2, "bad_event");
    assert!(unasked.contains("nothing was done") && unasked.contains("--yes"), "{unasked}");
    assert_eq!(registered().await.0, 404, "nothing is written without a yes");

    let done = stage.json("migrate old new latest -r R --yes");
    assert_eq!(done["report"]["registration"], "created", "{done}");
    assert_eq!(done["report"]["restore"]["documents"], 500, "{done}");
    assert_eq!(new.count(&stage.index).await, 500);
    let (_, found) = registered().await;
    assert_eq!(found[&stage.repository]["settings"]["readonly"], "true", "{found}");
    let again = stage.ok("migrate old new latest -r R");
    assert!(again.contains("restored already"), "{again}");
    let forgotten = stage.ok("migrate old new latest -r R --unregister --yes");
    assert!(forgotten.contains("forgotten"), "{forgotten}");
    assert_eq!(registered().await.0, 404);

    let register = format!(
        "repo register R --cluster new --bucket B --bucket-region {} --role-arn {}",
        crate::stage::REGION,
        crate::stage::ROLE
    );
    let refused = stage.refused(&register, 1, "repository_conflict");
    assert!(refused.contains("read only") && refused.contains("--take-over"), "{refused}");
    let (_, found) = registered().await;
    assert_eq!(found[&stage.repository]["settings"]["readonly"], "true", "{found}");
    stage.ok(&format!("{register} --take-over"));
    let refused = stage.refused("migrate old new latest -r R --rename-prefix old- --yes", 1, "repository_conflict");
    assert!(refused.contains("two clusters that write") && refused.contains("--readonly"), "{refused}");
}
