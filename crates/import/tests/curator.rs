//! Curator's action files beside what Curator 8 itself would delete, as `cargo xtask test --peers` recorded it on a real
//! Elasticsearch 7.17: the plans of the imported policies over the same list of snapshots.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use serde_json::Value;
use snapkeep_config::Config;
use snapkeep_core::inventory::{Cluster, Inventory, Repository};
use snapkeep_core::plan::{Options, Plan, Why, make};
use snapkeep_core::retention::Reason;
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_import::{Effect, Imported, Target, read};
use std::collections::{BTreeMap, BTreeSet};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/curator");

struct Recorded {
    at: jiff::Timestamp,
    snapshots: Vec<Snapshot>,
    curator: BTreeMap<String, BTreeSet<String>>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn recorded() -> Recorded {
    let file = std::fs::read_to_string(format!("{FOLDER}/recorded.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let names = |list: &Value| list.as_array().unwrap().iter().map(text).collect();
    let snapshot = |one: &Value| Snapshot {
        uuid: Some(format!("uuid of {}", one["snapshot"])),
        state: State::read(one["state"].as_str().unwrap()),
        started_at: jiff::Timestamp::from_millisecond(one["start"].as_i64().unwrap()).ok(),
        ..Snapshot::named(text(&one["snapshot"]))
    };
    Recorded {
        at: jiff::Timestamp::from_second(file["at"].as_i64().unwrap()).unwrap(),
        snapshots: file["snapshots"].as_array().unwrap().iter().map(snapshot).collect(),
        curator: file["curator"].as_object().unwrap().iter().map(|(name, list)| (name.clone(), names(list))).collect(),
    }
}

fn imported(name: &str) -> Imported {
    let target = Target {
        cluster: "main".into(),
        endpoint: Some("https://search.example:9200".into()),
        schedule: None,
        timezone: None,
        name: None,
    };
    read(&std::fs::read_to_string(format!("{FOLDER}/{name}.yml")).unwrap(), &target).unwrap()
}

fn plan(imported: &Imported, recorded: &Recorded) -> Plan {
    let config = Config::parse(&imported.yaml()).unwrap();
    let repository = Repository { snapshots: recorded.snapshots.clone(), ..Repository::default() };
    let cluster = Cluster {
        skew: Some(jiff::SignedDuration::ZERO),
        concurrent: true,
        has_metadata: true,
        repositories: [("backups".to_owned(), repository)].into(),
        indices: Vec::new(),
    };
    let inventory = Inventory { clusters: [("main".to_owned(), cluster)].into() };
    let policies: Vec<_> = config.policies.into_values().collect();
    make(&policies, &inventory, &Options::default(), recorded.at)
}

/// The floor, in its parts.
fn is_floor(why: &Why) -> bool {
    matches!(why, Why::Rule(Reason::NewestSuccess | Reason::Floor { .. } | Reason::NotSuperseded))
}

/// What stays though Curator deletes it, each with the floor's reason.
fn held(name: &str, theirs: &BTreeSet<String>, plan: &Plan, is_narrower: bool) -> Vec<String> {
    let ours: BTreeSet<String> = plan.deletes().map(|delete| delete.snapshot.clone()).collect();
    assert!(ours.is_subset(theirs), "{name}: {:?}", ours.difference(theirs));
    let stays = plan.kept.iter().filter(|kept| theirs.contains(&kept.snapshot));
    let line = |kept: &snapkeep_core::plan::Kept| {
        let floor: Vec<String> = kept.reasons.iter().filter(|why| is_floor(why)).map(ToString::to_string).collect();
        assert!(!floor.is_empty() || is_narrower, "{name}: {kept:?}");
        let why = if floor.is_empty() { "the import says that it takes fewer".to_owned() } else { floor.join("; ") };
        format!("{name}: {}: {why}", kept.snapshot)
    };
    let lines: Vec<String> = stays.map(line).collect();
    assert_eq!(ours.len() + lines.len(), theirs.len(), "{name}: each is deleted or held back");
    lines
}

fn is_narrower(imported: &Imported) -> bool {
    imported.findings.iter().any(|finding| ["count", "delete_snapshots"].contains(&finding.what.as_str()))
}

/// The same snapshots as Curator, but for what the floor holds back: that is listed in `held.txt`. What cannot be imported
/// is listed, and deletes nothing. `SNAPKEEP_REGENERATE=1` writes the lists anew, to be read in the diff.
#[test]
fn the_same_goes_as_with_curator() {
    let recorded = recorded();
    let (mut lines, mut same, mut goes) = (Vec::new(), 0, 0);
    for (name, theirs) in &recorded.curator {
        let imported = imported(name);
        let lost: Vec<_> = imported.findings.iter().filter(|finding| finding.effect == Effect::NotImported).collect();
        if name.starts_with("listed-") {
            assert!(imported.policies.is_empty() && !lost.is_empty(), "{name}");
            lines.extend(lost.iter().map(|finding| format!("{name}: {finding}")));
            continue;
        }
        assert!(!imported.policies.is_empty() && lost.is_empty(), "{name}: {lost:?}");
        let plan = plan(&imported, &recorded);
        lines.extend(held(name, theirs, &plan, is_narrower(&imported)));
        same += usize::from(!is_narrower(&imported));
        goes += plan.deletes().count();
    }
    assert!(same >= 20 && goes > 100, "{same} files come to the same, {goes} snapshots go");
    let (path, found) = (format!("{FOLDER}/held.txt"), lines.join("\n") + "\n");
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap_or_default() == found, "{path} differs:\n{found}");
}

/// Every file of the folder was run.
#[test]
fn each_action_file_is_recorded() {
    let recorded = recorded();
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let names = files.filter(|path| path.extension().is_some_and(|extension| extension == "yml"));
    let names: BTreeSet<String> = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, recorded.curator.keys().cloned().collect());
}
