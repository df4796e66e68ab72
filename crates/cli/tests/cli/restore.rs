//! `restore`: shown, asked for, carried out, followed; what is there is never touched unasked.

use crate::stage::Stage;
use serde_json::Value;

async fn documents(stage: &Stage, index: &str) -> u64 {
    stage.node.count(index).await
}

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.register();
    stage.ok("create s -r R --indices I --no-global-state -q");
    stage
}

#[tokio::test]
async fn from_a_plan_to_documents() {
    let mut stage = stage().await;
    let (index, repository) = (stage.index.clone(), stage.repository.clone());
    stage.set("SNAPKEEP_REPOSITORY", &repository);

    let refused = stage.refused("restore latest --yes", 1, "restore_conflict");
    assert!(refused.contains("an open index") && refused.contains("--on-conflict"), "{refused}");
    let plan = stage.json("restore latest --rename-prefix old- --dry-run");
    assert_eq!((plan["dry_run"].as_bool(), &plan["report"]), (Some(true), &Value::Null), "{plan}");
    assert_eq!((plan["snapshot"].as_str(), plan["plan"]["items"][0]["action"].as_str()), (Some("s"), Some("restore")));
    let unasked = stage.refused("restore latest --rename-prefix old-", 2, "bad_event");
    assert!(unasked.contains("nothing was done") && unasked.contains("--yes"), "{unasked}");
    let done = stage.json("restore latest --rename-prefix old- --yes --set index.number_of_replicas=0");
    let report = &done["report"];
    assert_eq!((report["started"].as_u64(), report["expected"].as_u64()), (Some(1), Some(1)), "{done}");
    assert_eq!((report["documents"].as_u64(), report["missing"].as_array().map(Vec::len)), (Some(500), Some(0)));
    let again = stage.ok("restore latest --rename-prefix old-");
    assert!(again.contains("done") && again.contains("restored already"), "{again}");

    stage.node.load_documents(&index, 3).await;
    let aside = stage.ok("restore s --on-conflict rename --yes");
    assert!(aside.contains(&format!("restored-{index}")) && aside.contains("1 of 1 shards serve"), "{aside}");
    let skipped = stage.json("restore s --on-conflict skip --yes");
    assert_eq!((skipped["plan"]["items"][0]["action"].as_str(), &skipped["report"]), (Some("skip"), &Value::Null));
    stage.node.delete(&format!("/{index}")).await;
    stage.node.load_documents(&index, 3).await;
    assert_eq!(documents(&stage, &index).await, 3);
    stage.ok("restore s --on-conflict close --yes -q");
    assert_eq!(documents(&stage, &index).await, 500);
}

#[tokio::test]
async fn what_cannot_be_restored_is_said_by_its_code() {
    let mut stage = stage().await;
    let repository = stage.repository.clone();
    stage.set("SNAPKEEP_REPOSITORY", &repository);
    stage.refused("restore never-made --yes", 10, "snapshot_missing");
    stage.refused("restore latest --policy nightly --yes", 10, "snapshot_missing");
    stage.refused("restore --at 2001-01-01 --yes", 10, "snapshot_missing");
    stage.refused("restore s --policy nightly", 2, "bad_event");
    stage.refused("restore s --indices gone --yes", 2, "bad_event");
    stage.refused("restore s --rename-pattern (?i)a --rename-replacement b", 2, "bad_event");
    stage.refused("restore s --indices -*", 2, "bad_event");
    assert_eq!(stage.run("restore").status, 2);
}
