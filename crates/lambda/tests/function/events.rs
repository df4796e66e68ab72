//! Forty and more events, good and bad, with what comes of them. Nothing is sent for a bad one.

use crate::stage::{Stage, invocation};
use serde_json::{Value, json};
use snapkeep_core::naming::encode_segment;

/// Changes to the article's event (null takes a field away), and what comes of it: `ok` or a code.
fn table(repository: &str) -> Vec<(Value, &'static str)> {
    vec![
        // good
        (json!({}), "ok"),
        (json!({"Action": "backup"}), "ok"),
        (json!({"Action": "register"}), "ok"),
        (json!({"Action": "create"}), "ok"),
        (json!({"Action": "create", "S3Bucket": null, "RoleArn": null}), "ok"),
        (json!({"Action": "list"}), "ok"),
        (json!({"Action": "list", "S3Bucket": null, "RoleArn": null}), "ok"),
        (json!({"Action": null}), "ok"),
        (json!({"RepositoryName": null, "repositoryname": repository}), "ok"),
        (json!({"REGION": "eu-west-1", "Region": null}), "ok"),
        (json!({"BucketRegion": "eu-west-1"}), "ok"),
        (json!({"Settings": {}}), "ok"),
        (json!({"Replace": false}), "ok"),
        (json!({"Indices": "nothing-*", "IgnoreUnavailable": true}), "ok"),
        (json!({"Indices": ["nothing-*", "none-*"], "Partial": false}), "ok"),
        (json!({"IncludeGlobalState": false, "Metadata": {"by": "test"}}), "ok"),
        (json!({"SlotTime": "2026-11-23T05:00:00Z"}), "ok"),
        (json!({"SnapshotName": "by-hand"}), "ok"),
        (json!({"SnapshotName": "t-%Y%m%d-%H%M%S", "SlotTime": "2026-11-23T05:00:00+05:30"}), "ok"),
        (json!({"Action": "status", "SnapshotName": "by-hand"}), "ok"),
        (json!({"Action": "status", "SlotTime": "2026-11-23T05:00:00Z"}), "ok"),
        (json!({"Wait": 0}), "ok"),
        // asks for what is not there
        (json!({"Action": "status", "SnapshotName": "never-made"}), "snapshot_missing"),
        (json!({"Action": "list", "RepositoryName": "no-such-repository"}), "repository_missing"),
        (json!({"Action": "create", "RepositoryName": "no-such-repository"}), "repository_missing"),
        (json!({"Action": "create", "Indices": ["no-such-index"]}), "snapshot_failed"),
        // reads of automated repositories pass the checks, writes do not
        (json!({"Action": "list", "RepositoryName": "cs-automated"}), "repository_missing"),
        (json!({"RepositoryName": "cs-automated"}), "bad_event"),
        (json!({"Action": "create", "RepositoryName": "CS-mine"}), "bad_event"),
        (json!({"SnapshotName": "cs-mine"}), "bad_event"),
        // what is missing
        (json!({"Endpoint": null}), "bad_event"),
        (json!({"RepositoryName": null}), "bad_event"),
        (json!({"S3Bucket": null}), "bad_event"),
        (json!({"Region": null}), "bad_event"),
        (json!({"RoleArn": null}), "bad_event"),
        (json!({"RoleArn": ""}), "bad_event"),
        (json!({"Action": "status"}), "bad_event"),
        // what cannot be understood
        (json!({"Acton": "backup"}), "bad_event"),
        (json!({"Verbose": true}), "bad_event"),
        (json!({"region": "eu-west-1"}), "bad_event"),
        (json!({"Action": "Backup"}), "bad_event"),
        (json!({"Action": "delete"}), "bad_event"),
        (json!({"Action": 1}), "bad_event"),
        (json!({"Endpoint": 1}), "bad_event"),
        (json!({"Endpoint": "https://host.example/path"}), "bad_event"),
        (json!({"RepositoryName": "a/b"}), "bad_event"),
        (json!({"RepositoryName": "a,b"}), "bad_event"),
        (json!({"RepositoryName": "*"}), "bad_event"),
        (json!({"RepositoryName": "_all"}), "bad_event"),
        (json!({"RepositoryName": ".."}), "bad_event"),
        (json!({"S3Bucket": "s3://bucket"}), "bad_event"),
        (json!({"Region": "Ireland"}), "bad_event"),
        (json!({"BucketRegion": "eu_west_1"}), "bad_event"),
        (json!({"RoleArn": "snapshots"}), "bad_event"),
        (json!({"SnapshotName": "<snap-{now/d}>"}), "bad_event"),
        (json!({"SnapshotName": "Upper"}), "bad_event"),
        (json!({"SnapshotName": "%d-%m-%Y-%I-%M-%S"}), "bad_event"),
        (json!({"SnapshotName": "x", "SlotTime": "2026-11-23T05:00:00Z"}), "bad_event"),
        (json!({"SlotTime": "today"}), "bad_event"),
        (json!({"Wait": -1}), "bad_event"),
        (json!({"Wait": "10"}), "bad_event"),
        (json!({"Wait": 1.5}), "bad_event"),
        (json!({"Partial": "true"}), "bad_event"),
        (json!({"Replace": 1}), "bad_event"),
        (json!({"Indices": {}}), "bad_event"),
        (json!({"Indices": []}), "bad_event"),
        (json!({"Indices": ["a", 1]}), "bad_event"),
        (json!({"Metadata": "x"}), "bad_event"),
        (json!({"Metadata": {"snapkeep": {}}}), "bad_event"),
        (json!({"Metadata": {"long": "x".repeat(1100)}}), "bad_event"),
        (json!({"Settings": {"bucket": "other"}}), "bad_event"),
        (json!({"Settings": {"secret_key": "x"}}), "bad_event"),
        (json!({"Settings": [1]}), "bad_event"),
        (json!({"BasePath": "/a"}), "bad_event"),
        (json!({"BasePath": "a", "Settings": {"base_path": "b"}}), "bad_event"),
        // what is refused by the operator's limits
        (json!({"Endpoint": "https://search.example.org"}), "endpoint_not_allowed"),
        (json!({"Endpoint": "https://search-x.us-west-2.es.amazonaws.com"}), "endpoint_not_allowed"),
        (json!({"Endpoint": "https://user:password@127.0.0.1"}), "endpoint_not_allowed"),
        // policies, of which there are none here
        (json!({"Action": "run"}), "bad_config"),
        (json!({"Action": "run", "Policies": []}), "bad_event"),
        (json!({"Action": "run", "Policies": "nightly"}), "bad_event"),
        (json!({"Action": "drill"}), "bad_config"),
        (json!({"detail-type": "Scheduled Event", "source": "aws.events"}), "bad_config"),
        // restores
        (json!({"Action": "restore"}), "bad_event"),
        (json!({"Action": "restore", "SnapshotName": "s", "At": "2026-11-23T05:00:00Z"}), "bad_event"),
        (json!({"Action": "restore", "At": "yesterday"}), "bad_event"),
        (json!({"Action": "restore", "SnapshotName": "latest", "Indices": ","}), "bad_event"),
        (json!({"Action": "restore", "SnapshotName": "s", "Policy": "nightly"}), "bad_event"),
        (json!({"Action": "restore", "SnapshotName": "latest", "OnConflict": "delete"}), "bad_event"),
        (json!({"Action": "restore", "SnapshotName": "latest", "RenamePattern": "a"}), "bad_event"),
        (
            json!({"Action": "restore", "SnapshotName": "latest", "RenamePrefix": "a", "RenamePattern": "b"}),
            "bad_event",
        ),
        (json!({"Action": "restore", "SnapshotName": "latest", "IndexSettings": []}), "bad_event"),
        (json!({"Action": "restore", "SnapshotName": "latest", "Indices": ["-*", "a b"]}), "bad_event"),
        (json!({"Action": "restore", "SnapshotName": "latest", "RepositoryName": "no-such"}), "repository_missing"),
        (json!({"Action": "restore", "SnapshotName": "never-made", "RepositoryName": "no-such"}), "repository_missing"),
    ]
}

fn applied(stage: &Stage, changes: &Value) -> Value {
    let mut event = stage.event_with(changes);
    let null_in_place = changes.get("Action").is_some_and(Value::is_null);
    event.as_object_mut().unwrap().retain(|key, value| !value.is_null() || null_in_place && key == "Action");
    event
}

#[tokio::test]
async fn events_and_what_comes_of_them() {
    let stage = Stage::new().await;
    let table = table(&stage.repository);
    assert!(table.len() >= 40);
    for (number, (changes, expected)) in table.iter().enumerate() {
        let event = applied(&stage, changes);
        let before = stage.front.requests().len();
        let function = stage.function();
        let invocation = invocation(&format!("{number:08x}-e9f4-11e8-9739-2dfe598c3fcd"));
        let outcome = function.handle(&event.to_string(), &invocation).await;
        let found = outcome.as_ref().map_or_else(|failure| failure.code.as_str(), |_| "ok");
        assert_eq!(found, *expected, "{changes}: {outcome:?}");
        let unsent = ["bad_event", "endpoint_not_allowed", "unsupported"].contains(expected);
        assert!(!unsent || stage.front.requests().len() == before, "something was sent for {changes}");
    }
}

/// What is not even an object, and keys that a JSON map would silently drop.
#[tokio::test]
async fn texts_that_are_no_event() {
    let stage = Stage::new().await;
    let twice = stage.event().to_string().replacen('{', r#"{"Region":"eu-west-1","#, 1);
    let spellings = stage.event().to_string().replacen('{', r#"{"region":"eu-west-1","#, 1);
    for text in ["", "null", "[]", "\"backup\"", "1", "{", "{}", "{\"Endpoint\":}", &twice, &spellings] {
        let failure = stage.function().handle(text, &invocation("x")).await.unwrap_err();
        assert_eq!(failure.code.as_str(), "bad_event", "{text}: {failure}");
        assert!(!failure.hint.is_empty());
    }
    assert!(stage.front.requests().is_empty());
}

#[tokio::test]
async fn an_unknown_key_is_named_with_the_nearest_one() {
    let stage = Stage::new().await;
    for (key, nearest) in
        [("RolArn", "RoleArn"), ("s3_bucket", "S3Bucket"), ("Index", "Indices"), ("SnapshotNames", "SnapshotName")]
    {
        let failure = stage.handle(&stage.event_with(&json!({key: "x"}))).await.unwrap_err();
        assert!(failure.cause.contains(key) && failure.hint.contains(nearest), "{key}: {failure} {}", failure.hint);
    }
}

/// A field that an action has no use for is no error, but it is said.
#[tokio::test]
async fn fields_without_a_meaning_are_warned_about() {
    let stage = Stage::new().await;
    let report = stage.handle(&stage.event_with(&json!({"Action": "register", "Wait": 5}))).await.unwrap();
    assert_eq!(report.warnings, ["`Wait` means nothing to action `register`"]);
}

/// The operator's defaults stand in for what an event leaves out.
#[tokio::test]
async fn the_environment_fills_in_endpoint_repository_and_region() {
    let mut stage = Stage::new().await;
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    let (url, repository) = (stage.front.url(), stage.repository.clone());
    for (name, value) in
        [("SNAPKEEP_ENDPOINT", url.as_str()), ("SNAPKEEP_REPOSITORY", &repository), ("SNAPKEEP_REGION", "eu-west-1")]
    {
        stage.set(name, value);
    }
    let report = stage.handle(&json!({"Action": "list"})).await.unwrap();
    assert_eq!((report.repository, report.snapshots), (repository, Some(vec![])));
}

/// Odd but usable names reach the cluster as one segment under a signature that fits; the rest is refused unsent.
#[tokio::test]
async fn row_36_any_name_is_one_encoded_segment_or_refused() {
    let stage = Stage::new().await;
    for (name, segment) in [
        ("r\u{e9}po-\u{1f980}", "r%C3%A9po-%F0%9F%A6%80"),
        ("a+b=c;d:e@f&g$h!i'j(k)l~m", "a%2Bb%3Dc%3Bd%3Ae%40f%26g%24h%21i%27j%28k%29l~m"),
        ("..a", "..a"),
        ("[x]{y}^z`", "%5Bx%5D%7By%7D%5Ez%60"),
    ] {
        let failure =
            stage.handle(&stage.event_with(&json!({"Action": "list", "RepositoryName": name}))).await.unwrap_err();
        assert_eq!(failure.code.as_str(), "repository_missing", "{name}: {failure}");
        let seen = stage.front.requests().pop().unwrap();
        let (path, _) = seen.path_and_query.split_once('?').unwrap();
        assert_eq!(path, format!("/_snapshot/{segment}/_all"));
        assert!(seen.signed_by.is_some(), "{name}");
    }
    let mut odd = Stage::new().await;
    odd.repository = odd.bed.unique("r\u{e9}po-\u{1f980}");
    let event = odd.event_with(&json!({"SlotTime": "2026-11-23T05:00:00Z"}));
    let report = odd.handle(&event).await.unwrap();
    let (_, body) = odd.node.get(&format!("/_snapshot/{}/_all", encode_segment(&odd.repository))).await;
    assert_eq!(body["snapshots"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!(body["snapshots"][0]["snapshot"], report.snapshot.unwrap());

    let before = stage.front.requests().len();
    for name in [
        "a/../../_cluster/settings",
        "..",
        "a%2f..",
        "a?b",
        "a#b",
        "a\\b",
        "a\nb",
        "a,b",
        "*",
        "-a",
        "_all",
        "a\u{0}b",
        "\u{2028}",
    ] {
        for field in ["RepositoryName", "SnapshotName"] {
            let event = stage.event_with(&json!({"Action": "status", "SnapshotName": "x", field: name}));
            assert_eq!(stage.handle(&event).await.unwrap_err().code.as_str(), "bad_event", "{field} {name:?}");
        }
    }
    assert_eq!(stage.front.requests().len(), before);
}

/// Date math never reaches a server, which would expand it to another name on another day.
#[tokio::test]
async fn row_37_date_math_is_refused_and_a_template_is_expanded_here() {
    let stage = Stage::new().await;
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    let before = stage.front.requests().len();
    for name in ["<snap-{now/d}>", "%3Csnap-%7Bnow%2Fd%7D%3E"] {
        let failure = stage.handle(&stage.event_with(&json!({"SnapshotName": name}))).await.unwrap_err();
        assert_eq!(failure.code.as_str(), "bad_event", "{failure}");
    }
    assert_eq!(stage.front.requests().len(), before);
    let template = json!({"SnapshotName": "snap-%Y.%m.%d-%H%M%S", "SlotTime": "2026-11-23T05:00:00Z"});
    stage.handle(&stage.event_with(&template)).await.unwrap();
    assert_eq!(stage.snapshots().await, ["snap-2026.11.23-050000"]);
}
