//! `inspect`, `verify`, `du` and `orphans` as their users run them: on the repository of a real node, in its bucket, by its
//! name and by its place; and on one in a folder that is then damaged.

use crate::kept;
use crate::stage::Stage;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn largest(folder: &Path, best: &mut (u64, PathBuf)) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let size = entry.metadata().unwrap().len();
        if entry.path().is_dir() {
            largest(&entry.path(), best);
        } else if entry.file_name().to_str().unwrap().starts_with("__") && size > best.0 {
            *best = (size, entry.path());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_read_by_its_place_and_by_its_name() {
    let mut stage = Stage::new().await;
    stage.register();
    stage.ok("create one -r R --indices I");
    stage.node.load_documents(&stage.index, 900).await;
    stage.ok("create two -r R --indices I");
    let client = stage.bed.s3().client.clone();
    stage.set("AWS_ACCESS_KEY_ID", &client.access_key);
    stage.set("AWS_SECRET_ACCESS_KEY", &client.secret_key);
    stage.set("AWS_ENDPOINT_URL_S3", &client.endpoint);
    stage.set("AWS_REGION", &client.region);
    let url = format!("s3://{}", stage.bucket);
    for place in [url.as_str(), "R"] {
        let region = &client.region;
        let found = stage.json(&format!("inspect {place} --region {region}"));
        let names: Vec<_> = found["snapshots"].as_array().unwrap().iter().map(|line| line["name"].as_str()).collect();
        assert_eq!(names, [Some("one"), Some("two")], "{place}: {found}");
        let report = stage.json(&format!("verify {place} --region {region} --level checksums"));
        assert_eq!((&report["outcome"], &report["findings"]), (&"whole".into(), &Value::Array(vec![])), "{report}");
        let used = stage.json(&format!("du {place} --region {region}"));
        assert!(used["monthly_usd"].as_f64().unwrap() > 0.0 && used["classes"]["STANDARD"]["bytes"].as_u64() > Some(0));
        let left = stage.json(&format!("orphans {place} --region {region} --manifest left.csv"));
        assert_eq!(left["orphans"], Value::Array(vec![]), "{left}");
        let asked = if place == "R" { Value::Array(vec![]) } else { Value::Null };
        assert_eq!(left["cluster"], asked, "the cluster of a repository that is named is asked: {left}");
        assert!(left["before"].is_string(), "nothing young is told of: {left}");
    }
    assert_eq!(std::fs::read_to_string(stage.directory.path().join("left.csv")).unwrap(), "");
    let detail = stage.json(&format!("inspect snapshot two -r {url} --index I"));
    assert!(!detail["indices"][0]["files"][0]["files"].as_array().unwrap().is_empty(), "{detail}");
    let text = stage.ok(&format!("inspect diff one two -r {url}"));
    assert!(text.contains("changed"), "{text}");
    stage.set("AWS_SECRET_ACCESS_KEY", "not-the-secret");
    let refused = stage.refused(&format!("verify {url}"), 12, "access_denied");
    assert!(refused.contains("may well be there"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_named_and_ends_with_its_own_status() {
    let stage = Stage::new().await;
    let kept = kept::copy("elasticsearch-7.17.28");
    let place = &kept.place;
    let url = format!("file://{}", place.display());
    stage.ok(&format!("verify {url} --level checksums --resume done.jsonl"));
    let done = stage.directory.path().join("done.jsonl");
    let lines = std::fs::read_to_string(&done).unwrap();
    let cut = lines.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    std::fs::write(&done, cut).unwrap();
    let text = stage.ok(&format!("verify {url} --level checksums --resume done.jsonl"));
    assert!(text.contains("1 shard, found sound since") && text.contains("not looked at now"), "{text}");
    let again = stage.json(&format!("verify {url} --level checksums --resume done.jsonl"));
    // There was a verdict: everything is looked at again.
    assert_eq!((&again["resumed_shards"], &again["outcome"]), (&0.into(), &"whole".into()), "{again}");
    let error = stage.refused(&format!("verify {url} --resume {}/index-1", place.display()), 2, "bad_event");
    assert!(error.contains("lies in the repository"), "{error}");
    let narrow = stage.run(&format!("verify {url} --index notes"));
    assert!(narrow.out.contains("nothing wrong found") && narrow.out.contains("indices notes"), "{narrow:?}");
    let mut blob = (0, PathBuf::new());
    largest(place, &mut blob);
    std::fs::remove_file(&blob.1).unwrap();
    let error = stage.refused(&format!("verify {url}"), 14, "damage_found");
    let ran = stage.run(&format!("verify {url}"));
    let name = blob.1.file_name().unwrap().to_str().unwrap();
    assert!(ran.out.contains("missing blob") && ran.out.contains(name) && error.contains("is damaged"), "{ran:?}");
    let json: Value = serde_json::from_str(&stage.run(&format!("verify {url} --json")).out).unwrap();
    assert_eq!((&json["outcome"], &json["findings"][0]["effect"]), (&"damaged".into(), &"shard".into()), "{json}");
    stage.refused(&format!("verify {url} --cluster x"), 2, "bad_event");
    stage.refused(&format!("verify {url} --sample 5%"), 2, "bad_event");
    stage.refused(&format!("verify {url} --snapshot nothing"), 10, "snapshot_missing");
    stage.refused("inspect file:///nowhere/at/all", 10, "repository_missing");
    stage.refused(&format!("orphans {url} --manifest x.csv"), 2, "bad_event");
}
