//! Documents, mappings, settings and aliases are what they were.

use crate::world::{World, pairs};
use serde_json::{Value, json};
use snapkeep_core::migrate::{Attach, Wish};
use snapkeep_core::restore::Action;
use snapkeep_engine::{MigrationJob, RegistrationOutcome};
use snapkeep_testbed::NodeHandle;

/// What a node says of an index, without what a restore makes anew and what a version adds. Types are of the past: what is
/// under one is the mapping.
async fn definition(node: &NodeHandle, index: &str) -> Value {
    let (_, mappings) = node.get(&format!("/{index}/_mapping")).await;
    let (_, mut settings) = node.get(&format!("/{index}/_settings")).await;
    let (_, aliases) = node.get(&format!("/{index}/_alias")).await;
    let own = settings[index]["settings"]["index"].as_object_mut().unwrap();
    for anew in ["uuid", "version", "creation_date", "history_uuid", "history", "routing", "resize"] {
        own.remove(anew);
    }
    let mappings = &mappings[index]["mappings"];
    let mut mappings = if mappings["doc"].is_object() { mappings["doc"].clone() } else { mappings.clone() };
    // Elasticsearch 6 spells out what was the default of 5.
    mappings.as_object_mut().unwrap().remove("_all");
    json!([mappings, settings[index], aliases[index]])
}

async fn documents(node: &NodeHandle, index: &str) -> Vec<(String, Value)> {
    let (_, found) = node.get(&format!("/{index}/_search?size=1000")).await;
    let hits = found["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{found}"));
    let mut all: Vec<(String, Value)> =
        hits.iter().map(|hit| (hit["_id"].as_str().unwrap().to_owned(), hit["_source"].clone())).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

async fn round_trip(pair: (&str, &str)) {
    let world = World::of(pair).await;
    world.fill().await;
    world.take("s", &world.index).await;
    let job = world.job();
    let job = MigrationJob { wish: Wish { unregister: true, ..job.wish.clone() }, ..job };

    let plan = world.planned(&job).await;
    assert_eq!(plan.complaint(), None, "{pair:?}: {plan:?}");
    assert_eq!(plan.attachment.action, Attach::Register, "{pair:?}");
    let actions: Vec<_> = plan.restore.items.iter().map(|item| (item.target.as_str(), item.action)).collect();
    assert_eq!(actions, [(world.index.as_str(), Action::Restore)], "{pair:?}");
    assert!(world.written().is_empty(), "{pair:?}: a plan changes nothing");

    let report = world.applied(&job, &plan).await.unwrap_or_else(|failure| panic!("{pair:?}: {failure}: {plan:?}"));
    assert_eq!(report.restore.complaint(), None, "{pair:?}: {report:?}");
    assert_eq!(
        (report.registration, report.unregistered),
        (RegistrationOutcome::Created, true),
        "{pair:?}: {report:?}"
    );
    let sent = world.written();
    let registered: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!((sent[0].method.as_str(), &registered["settings"]["readonly"]), ("PUT", &json!("true")), "{pair:?}");
    let methods: Vec<&str> = sent.iter().map(|seen| seen.method.as_str()).collect();
    assert_eq!(methods, ["PUT", "POST", "DELETE"], "{pair:?}: registered, restored, forgotten");
    assert_eq!(world.target.get(&world.path("")).await.0, 404, "{pair:?}");

    let index = &world.index;
    assert_eq!(documents(world.target, index).await, documents(&world.source, index).await, "{pair:?}");
    assert_eq!(definition(world.target, index).await, definition(&world.source, index).await, "{pair:?}");
    let again = world.planned(&job).await;
    assert!(again.is_done() && again.restore.items[0].action == Action::Done, "{pair:?}: {again:?}");
    data_stream(&world, pair).await;
}

/// Where both have data streams.
async fn data_stream(world: &World, pair: (&str, &str)) {
    let stream = format!("{}-stream", world.index);
    let template =
        json!({"index_patterns": [&stream], "data_stream": {}, "template": {"settings": {"number_of_replicas": 0}}});
    let (status, answer) = world.source.put(&format!("/_index_template/{stream}"), template).await;
    if status != 200 || world.target.get("/_data_stream").await.0 != 200 {
        eprintln!("{pair:?}: no data streams: {answer}");
        return;
    }
    for _ in 0..3 {
        let doc = json!({"@timestamp": "2026-11-23T00:00:00Z"});
        let (status, answer) = world.source.post(&format!("/{stream}/_doc?refresh=true"), doc).await;
        assert_eq!(status, 201, "{pair:?}: {answer}");
    }
    world.take("streams", &stream).await;
    let job = world.job();
    let choice = snapkeep_core::restore::Choice::Latest;
    let job = MigrationJob { choice, wish: Wish { unregister: true, ..job.wish.clone() }, ..job };
    let plan = world.planned(&job).await;
    assert_eq!(plan.restore.snapshot, "streams", "{pair:?}");
    let report = world.applied(&job, &plan).await.unwrap_or_else(|failure| panic!("{pair:?}: {failure}: {plan:?}"));
    assert_eq!((report.restore.documents, report.restore.complaint()), (3, None), "{pair:?}: {report:?}");
    let (status, found) = world.target.get(&format!("/_data_stream/{stream}")).await;
    assert_eq!((status, found["data_streams"][0]["name"].as_str()), (200, Some(stream.as_str())), "{pair:?}: {found}");
    world.target.delete(&format!("/_data_stream/{stream}")).await;
}

#[tokio::test]
async fn what_was_there_comes_back_there() {
    for pair in pairs() {
        round_trip(pair).await;
    }
}
