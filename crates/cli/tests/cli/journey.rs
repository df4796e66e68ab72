//! Every command, in the order in which somebody would use it.

use crate::stage::{REGION, ROLE, Stage, end_of};
use serde_json::{Value, json};
use snapkeep_testbed::{Mode, eventually};

#[tokio::test]
async fn from_registration_to_removal() {
    let mut stage = Stage::alone().await;
    let register = format!("repo register R --bucket B --bucket-region {REGION} --role-arn {ROLE}");
    assert_eq!(stage.json(&register)["registration"], "created");
    assert_eq!(stage.json(&register)["registration"], "unchanged");
    stage.refused(&format!("{register} --base-path elsewhere"), 1, "repository_conflict");
    assert_eq!(stage.json(&format!("{register} --base-path elsewhere --replace"))["registration"], "replaced");
    let listed = stage.json("repo list");
    assert!(listed["repositories"].as_array().unwrap().iter().any(|one| one["repository"] == *stage.repository));
    assert_eq!(stage.json("repo show R")["settings"]["base_path"], "elsewhere");
    assert_eq!(stage.json("repo verify R")["nodes"].as_array().unwrap().len(), 1);

    let repository = stage.repository.clone();
    stage.set("SNAPKEEP_REPOSITORY", &repository);
    let made = stage.json("create --indices I --metadata ticket=OPS-7 --no-global-state");
    assert_eq!((made["state"].as_str(), made["outcome"].as_str()), (Some("SUCCESS"), Some("created")), "{made}");
    let name = made["snapshot"].as_str().unwrap().to_owned();
    assert!(is_dated(&name, &stage.repository), "{name}");
    stage.ok("create second --indices I -q");
    stage.refused("create second --indices I", 1, "snapshot_conflict");
    stage.ok("create --template dated-%Y%m%d-%H%M%S --indices I --no-wait");

    let list = stage.json("list --metadata ticket=OPS-7");
    assert_eq!((list["total"].as_u64(), list["matching"].as_u64()), (Some(3), Some(1)), "{list}");
    assert_eq!(list["snapshots"][0]["snapshot"], *name);
    assert_eq!(stage.json("list --older-than 1h")["matching"], 0);
    assert_eq!(stage.json("list --match sec* --state success --newer-than 1h --sizes")["snapshots"][0]["indices"], 1);
    let shown = stage.json(&format!("show {name}"));
    assert_eq!(
        (shown["index_names"][0].as_str(), &shown["metadata"]),
        (Some(&*stage.index), &json!({"ticket": "OPS-7"}))
    );
    assert_eq!(stage.json(&format!("status {name}"))["snapshots"][0]["verdict"], "ended");
    let clone = stage.json(&format!("clone {name} copied --indices I"));
    assert_eq!((clone["state"].as_str(), clone["source"].as_str()), (Some("SUCCESS"), Some(&*name)), "{clone}");

    deletes(&stage, &name);
    aborts(&stage).await;

    stage.refused("repo cleanup R", 2, "bad_event");
    // For a moment after its end a snapshot or deletion still counts as running there.
    let free = async || Some(stage.run("repo cleanup R --yes --json")).filter(|ran| ran.status != 11);
    let cleaned = eventually("the node is free to clean up", free).await;
    assert_eq!(cleaned.status, 0, "{cleaned:?}");
    assert!(cleaned.out.contains(&*stage.repository), "{cleaned:?}");
    stage.refused("repo remove R", 2, "bad_event");
    assert_eq!(stage.json("repo remove R --yes")["removed"], true);
    stage.refused("list", 10, "repository_missing");
    stage.refused("repo show R", 10, "repository_missing");
}

/// Nothing goes unasked; what goes is what the plan says.
fn deletes(stage: &Stage, name: &str) {
    let names = |answer: &Value| answer["snapshots"].as_array().unwrap().len();
    let before = names(&stage.json("list"));
    let err = stage.refused("delete second", 2, "bad_event");
    assert!(err.contains("nothing was done") && err.contains("add --yes"), "{err}");
    let plan = stage.json(&format!("delete second {name} --dry-run"));
    assert_eq!((plan["dry_run"].as_bool(), plan["plan"]["steps"].as_array().unwrap().len()), (Some(true), 2), "{plan}");
    assert_eq!(plan["plan"]["steps"][0]["reasons"][0], "named");
    stage.refused("delete 'sec*' --yes", 2, "bad_event");
    assert_eq!(names(&stage.json("list")), before);
    let done = stage.json("delete second --yes");
    assert_eq!((&done["report"]["deleted"], done["dry_run"].as_bool()), (&json!(["second"]), Some(false)), "{done}");
    assert_eq!(names(&stage.json("list")), before - 1);
    stage.refused("delete second --yes", 10, "snapshot_missing");
    stage.refused("delete", 2, "bad_event");
    let all = stage.json("delete --match * --yes");
    assert_eq!(all["plan"]["kept"].as_array().unwrap().len(), 1, "the last good one stays: {all}");
    assert_eq!(names(&stage.json("list")), 1);
}

/// A running one is shown as such, is not deleted, and ends when it is told to.
async fn aborts(stage: &Stage) {
    stage.node.load_documents(&stage.index, 3_000).await;
    stage.mode(Mode::hold()).await;
    stage.ok("create held --indices I --no-wait");
    stage.until("held", "STARTED").await;
    let running = stage.json("status --watch 1 -r R");
    let seen = &running["snapshots"][0];
    assert_eq!((seen["snapshot"].as_str(), seen["state"].as_str()), (Some("held"), Some("IN_PROGRESS")), "{running}");
    assert!(stage.ok("status --watch 2").contains("has not moved yet"), "what does not move is called so");
    stage.refused("delete held --yes", 11, "snapshot_running");
    stage.refused("abort held", 2, "bad_event");
    let abort = stage.start("abort held --yes --json");
    stage.until("held", "ABORTED").await;
    stage.mode(Mode::Normal).await;
    let ended = end_of(abort).await;
    let answer: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!((ended.status, answer["outcome"].as_str()), (0, Some("aborted")), "{answer}");
    stage.refused("show held", 10, "snapshot_missing");
}

/// `<repository>-<yyyymmdd>t<hhmmss>z-<8 hex>`.
fn is_dated(name: &str, repository: &str) -> bool {
    let Some(rest) = name.strip_prefix(&format!("{repository}-")) else { return false };
    rest.len() == 25
        && rest.as_bytes()[8] == b't'
        && &rest[15..17] == "z-"
        && rest[17..].bytes().all(|b| b.is_ascii_hexdigit())
}
