//! What was there comes back: documents, mappings, settings, aliases; under its own name and others.

use crate::stage::{Stage, WITH_S3, minute, name, nodes};
use crate::world::{
    actions, add_alias, applied, drop_index, indices, job, on, patterns, planned, prefixed, restored, with,
};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_core::deletion::Selection;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::restore::{Action, Choice, OnConflict, Rename, Request};
use snapkeep_engine::{
    CloneJob, Outcome, Query, RestoreJob, Silent, Warnings, abort, cleanup_repository, inventory, list_repositories,
    plan_deletion, plan_restore, remove_repository, verify_repository,
};
use std::time::Duration;

/// Mappings and settings, without what a restore makes anew.
async fn definition(stage: &Stage, index: &str) -> Value {
    let (_, mappings) = stage.node.get(&format!("/{index}/_mapping")).await;
    let (_, mut settings) = stage.node.get(&format!("/{index}/_settings")).await;
    let (_, aliases) = stage.node.get(&format!("/{index}/_alias")).await;
    let own = settings[index]["settings"]["index"].as_object_mut().unwrap();
    for anew in ["uuid", "version", "creation_date", "history_uuid", "history", "routing", "resize"] {
        own.remove(anew);
    }
    json!([mappings[index], settings[index], aliases[index]])
}

#[tokio::test]
async fn what_was_there_comes_back() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        add_alias(&stage, &stage.index, &format!("{}-alias", stage.index)).await;
        let before = definition(&stage, &stage.index).await;
        stage.take(&["s"]).await;
        drop_index(&stage, &stage.index).await;

        let job = with(&stage, Request { aliases: true, ..Request::default() });
        let plan = planned(&stage, &job).await;
        assert_eq!(actions(&plan), [(stage.index.clone(), Action::Restore)], "{node}: {plan:?}");
        assert!(
            plan.items[0].bytes.is_some_and(|bytes| bytes > 0) && plan.items[0].shards.is_some(),
            "{node}: {plan:?}"
        );
        assert!(plan.room.usable_bytes().is_some(), "{node}: {:?}", plan.room);
        assert!(stage.seen("POST").is_empty(), "{node}: a plan changes nothing");
        let report = applied(&stage, &job, &plan).await.unwrap();
        assert_eq!((report.outcome, report.documents), (Some(Outcome::Created), 20), "{node}: {report:?}");
        assert_eq!(report.truth.expected, report.truth.started, "{node}: {report:?}");
        assert_eq!(definition(&stage, &stage.index).await, before, "{node}");
        assert_eq!(stage.node.count(&stage.index).await, 20, "{node}");

        let again = planned(&stage, &job).await;
        assert_eq!(actions(&again), [(stage.index.clone(), Action::Done)], "{node}: {again:?}");
        assert!(again.is_done());
    }
}

#[tokio::test]
async fn under_other_names_with_other_settings() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["s"]).await;
        let mut request = prefixed("old-");
        request.settings.insert("index.number_of_replicas".to_owned(), "3".into());
        let report = restored(&stage, &with(&stage, request)).await;
        let target = format!("old-{}", stage.index);
        assert_eq!((report.items[0].target.as_str(), report.documents), (target.as_str(), 20), "{node}");
        let (_, settings) = stage.node.get(&format!("/{target}/_settings")).await;
        assert_eq!(settings[&target]["settings"]["index"]["number_of_replicas"], "3", "{node}: {settings}");
        let rename = Rename::pattern("^(.*)-(.*)$", "$2-x$1").unwrap();
        let report = restored(&stage, &with(&stage, Request { rename: Some(rename), ..Request::default() })).await;
        assert_eq!(report.documents, 20, "{node}: the server makes the names that the plan shows: {report:?}");
    }
}

#[tokio::test]
async fn only_what_is_asked_for_and_no_systems_index() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let system = format!(".{}-system", stage.index);
        let other = format!("{}-other", stage.index);
        stage.node.load_documents(&system, 3).await;
        stage.node.load_documents(&other, 4).await;
        stage.take_of(&["s"], &format!("{},{system},{other}", stage.index)).await;
        for index in [&stage.index, &system, &other] {
            drop_index(&stage, index).await;
        }
        let only = Request {
            indices: patterns(&[&format!("{}*", stage.index)]),
            exclude: patterns(&["*-other"]),
            ..Request::default()
        };
        restored(&stage, &with(&stage, only)).await;
        let (_, names) = stage.node.get(&format!("/*{}*/_settings?expand_wildcards=all", stage.index)).await;
        assert_eq!(names.as_object().unwrap().keys().collect::<Vec<_>>(), [&stage.index], "{node}");
        let sent = stage.seen("POST");
        let body = String::from_utf8_lossy(&sent[0].body).into_owned();
        assert!(!body.contains('*') && !body.contains("_all"), "{node}: {body}");

        let plan = planned(&stage, &job(&stage)).await;
        let out = plan.left_out.iter().find(|out| out.name == system).unwrap();
        assert!(out.hint.as_ref().unwrap().contains("--include-system"), "{node}: {out:?}");
        let unlocked =
            Request { indices: patterns(&[&other]), include_system: patterns(&[&system]), ..Request::default() };
        assert_eq!(restored(&stage, &with(&stage, unlocked)).await.documents, 7, "{node}");
    }
}

#[tokio::test]
async fn the_newest_good_one_is_latest() {
    let stage = Stage::on(WITH_S3).await;
    stage.take(&["first", "s"]).await;
    let began = began_at(&stage, "first").await;
    // A node looks at its clock every 200 ms only (`thread_pool.estimated_time_interval`): both may begin at one time.
    while began_at(&stage, "s").await == began {
        stage.delete("s").await;
        stage.take(&["s"]).await;
    }
    let by = |choice| RestoreJob { choice, ..job(&stage) };
    assert_eq!(planned(&stage, &by(Choice::Latest)).await.snapshot, "s");
    assert_eq!(planned(&stage, &by(Choice::At(began))).await.snapshot, "first");
    for choice in [Choice::At(jiff::Timestamp::UNIX_EPOCH), Choice::Named(name("never-made"))] {
        let none = plan_restore(&stage.api, &by(choice), minute()).await.unwrap_err();
        assert_eq!(none.code, Code::SnapshotMissing);
    }
}

async fn began_at(stage: &Stage, snapshot: &str) -> jiff::Timestamp {
    let (_, shown) = stage.node.get(&stage.path(snapshot)).await;
    shown["snapshots"][0]["start_time"].as_str().unwrap().parse().unwrap()
}

/// The managed service's own repository is listed and restored from on its own domain; nothing is ever written to it.
#[tokio::test]
async fn an_automated_repository_is_only_read() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["s"]).await;
        let own = RepositoryName::parse(&format!("cs-automated-{}", stage.repository)).unwrap();
        let path = format!("/_snapshot/{own}");
        assert_eq!(stage.node.put(&path, stage.folder(&json!({}))).await.0, 200, "{node}");

        assert!(list_repositories(&stage.api, minute()).await.unwrap().contains_key(own.as_str()), "{node}");
        let mut warnings = Warnings::default();
        let now = jiff::Timestamp::now();
        let listed = inventory(&stage.api, &own, &Query::default(), now, minute(), &mut warnings).await.unwrap();
        assert_eq!(listed.snapshots.len(), 1, "{node}");

        let selection = Selection { names: vec![name("s")], ..Selection::default() };
        let clone = CloneJob {
            repository: own.clone(),
            source: name("s"),
            target: name("t"),
            indices: vec!["*".to_owned()],
            wait: Duration::ZERO,
            stall_after: None,
        };
        for refused in [
            verify_repository(&stage.api, &own, minute()).await.map(drop),
            cleanup_repository(&stage.api, &own, minute()).await.map(drop),
            remove_repository(&stage.api, &own, minute()).await,
            plan_deletion(&stage.api, &own, &selection, now, minute()).await.map(drop),
            snapkeep_engine::clone(&stage.api, &clone, minute(), &Silent).await.map(drop),
            abort(&stage.api, &own, &name("s"), minute(), &Silent).await.map(drop),
        ] {
            assert_eq!(refused.unwrap_err().code, Code::BadEvent, "{node}");
        }
        let written = || ["PUT", "POST", "DELETE"].map(|method| stage.seen(method).len());
        assert_eq!(written(), [0, 0, 0], "{node}");

        drop_index(&stage, &stage.index).await;
        let report = restored(&stage, &RestoreJob { repository: own, ..job(&stage) }).await;
        assert_eq!((report.documents, written()), (20, [0, 1, 0]), "{node}: {report:?}");
        stage.node.delete(&path).await;
    }
}

#[tokio::test]
async fn a_data_stream_comes_back_whole() {
    let stage = Stage::on(WITH_S3).await;
    let stream = format!("{}-stream", stage.index);
    let template = json!({"index_patterns": [format!("*{stream}")], "data_stream": {}, "template": {"settings": {"number_of_replicas": 0}}});
    let put = stage.node.put(&format!("/_index_template/{stream}"), template).await;
    assert_eq!(put.0, 200, "{put:?}");
    for _ in 0..3 {
        let doc = json!({"@timestamp": "2026-11-23T00:00:00Z"});
        let (status, answer) = stage.node.post(&format!("/{stream}/_doc?refresh=true"), doc).await;
        assert_eq!(status, 201, "{answer}");
    }
    stage.take_of(&["s"], &stream).await;
    let here = planned(&stage, &job(&stage)).await;
    assert_eq!(actions(&here), [(stream.clone(), Action::Blocked)], "{here:?}");
    let renamed = restored(&stage, &with(&stage, prefixed("old-"))).await;
    assert_eq!((renamed.items[0].target.clone(), renamed.documents), (format!("old-{stream}"), 3));
    let (status, answer) = stage.node.delete(&format!("/_data_stream/{stream}")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(restored(&stage, &job(&stage)).await.documents, 3);
    assert!(planned(&stage, &job(&stage)).await.is_done());
    for stream in [stream.clone(), format!("old-{stream}")] {
        stage.node.delete(&format!("/_data_stream/{stream}")).await;
    }
    stage.node.delete(&format!("/_index_template/{stream}")).await;
}

/// A template comes back with the global state and no other way, and never unasked in the place of one that is there.
#[tokio::test]
async fn a_template_comes_back_with_the_global_state_alone() {
    let stage = Stage::alone_on(WITH_S3).await;
    let path = format!("/_index_template/{}", stage.index);
    let template = |replicas: u32| json!({"index_patterns": [format!("{}-none", stage.index)], "template": {"settings": {"number_of_replicas": replicas}}});
    assert_eq!(stage.node.put(&path, template(1)).await.0, 200);
    let body = json!({"indices": stage.index, "include_global_state": true});
    let taken = stage.node.put(&format!("{}?wait_for_completion=true", stage.path("s")), body).await;
    assert_eq!(taken.1["snapshot"]["state"], "SUCCESS", "{taken:?}");
    drop_index(&stage, &stage.index).await;
    assert_eq!(stage.node.put(&path, template(2)).await.0, 200);

    let with_state = |replace_templates| Request { global_state: true, replace_templates, ..Request::default() };
    let refused = planned(&stage, &with(&stage, with_state(false))).await.complaint().unwrap();
    assert_eq!(refused.code, Code::RestoreConflict);
    assert!(refused.cause.contains("templates") && refused.hint.contains("--replace-templates"), "{refused}");
    restored(&stage, &job(&stage)).await;
    let replicas = async || stage.node.get(&path).await.1["index_templates"][0]["index_template"]["template"].clone();
    assert_eq!(replicas().await["settings"]["index"]["number_of_replicas"], "2", "left as it was");

    drop_index(&stage, &stage.index).await;
    restored(&stage, &with(&stage, with_state(true))).await;
    assert_eq!(replicas().await["settings"]["index"]["number_of_replicas"], "1", "the snapshot's");

    // The index is there: the state alone is asked for, and what that would change is said.
    assert_eq!(stage.node.put(&path, template(2)).await.0, 200);
    let again = planned(&stage, &with(&stage, with_state(false))).await;
    assert_eq!((actions(&again)[0].1, again.complaint().unwrap().code), (Action::Done, Code::RestoreConflict));
    restored(&stage, &with(&stage, with_state(true))).await;
    assert_eq!(replicas().await["settings"]["index"]["number_of_replicas"], "1", "the snapshot's, again");
    assert_eq!(stage.node.delete(&path).await.0, 200);
}

/// Every version takes the words for none of the indices.
#[tokio::test]
async fn the_global_state_comes_back_alone() {
    for node in nodes() {
        let stage = Stage::alone_on(node).await;
        let path = "/_cluster/settings";
        let set =
            |value: Value| json!({"persistent": {"cluster.routing.allocation.node_concurrent_recoveries": value}});
        assert_eq!(stage.node.put(path, set(json!("3"))).await.0, 200);
        let body = json!({"indices": stage.index, "include_global_state": true});
        let taken = stage.node.put(&format!("{}?wait_for_completion=true", stage.path("s")), body).await;
        assert_eq!(taken.1["snapshot"]["state"], "SUCCESS", "{node}: {taken:?}");
        assert_eq!(stage.node.put(path, set(Value::Null)).await.0, 200);
        let before = indices(&stage).await;

        let request = Request { global_state: true, replace_templates: true, ..on(OnConflict::Skip) };
        let report = restored(&stage, &with(&stage, request)).await;
        assert_eq!(report.outcome, Some(Outcome::Created), "{node}: {report:?}");
        let found = stage.node.get("/_cluster/settings?flat_settings=true").await.1;
        let value = &found["persistent"]["cluster.routing.allocation.node_concurrent_recoveries"];
        assert_eq!(value, "3", "{node}: {found}");
        assert_eq!(indices(&stage).await, before, "{node}: no index came with it");
        assert_eq!(stage.node.put(path, set(Value::Null)).await.0, 200);
    }
}
