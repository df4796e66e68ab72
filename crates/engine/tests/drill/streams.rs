//! Data streams: they come back whole, are counted, and go whole.

use crate::stage::{Stage, nodes};
use crate::world::{World, left};
use serde_json::json;
use snapkeep_core::drill::{Drill, Outcome};
use snapkeep_testbed::eventually;

/// A stream of two indices and three documents; `None` where there is no such thing.
async fn stream_on(stage: &Stage) -> Option<String> {
    let stream = format!("{}-stream", stage.index);
    // Only the stream's own name fits: what is restored needs no template.
    let template =
        json!({"index_patterns": [stream], "data_stream": {}, "template": {"settings": {"number_of_replicas": 0}}});
    // (The test nodes of 8 and 9 make streams, but lack the module whose requests ask for and delete them.)
    let is_asked = stage.node.get("/_data_stream").await.0 == 200;
    let (status, _) = stage.node.put(&format!("/_index_template/{stream}"), template).await;
    if status != 200 || !is_asked {
        eprintln!("{} has no data streams: nothing to drill", stage.node.name);
        return None;
    }
    for at in 0..3 {
        let document = json!({"@timestamp": "2026-11-23T00:00:00Z"});
        let (status, answer) = stage.node.post(&format!("/{stream}/_doc?refresh=true"), document).await;
        assert_eq!(status, 201, "{answer}");
        if at == 0 {
            let (status, answer) = stage.node.post(&format!("/{stream}/_rollover"), json!({})).await;
            assert_eq!(status, 200, "{answer}");
        }
    }
    Some(stream)
}

#[tokio::test]
async fn a_stream_comes_back_whole_and_goes_whole() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let Some(stream) = stream_on(&stage).await else { continue };
        let world = World::of(stage, &[&stream], Drill::default(), None).await;
        let report = world.drill(true, "first").await;
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        let record = &report.drills[0];
        let item = record.items.iter().find(|item| item.source == stream).unwrap();
        assert_eq!((item.data_stream, item.documents, item.parts.len()), (true, Some(3), 2), "{node}: {record:?}");
        assert_eq!((record.outcome, record.items.len()), (Outcome::Passed, 2), "{node}: {record:?}");
        assert_eq!(left(world.stage.node, &world.stage.index).await, Vec::<String>::new(), "{node}");

        let made = async || Some(left(world.stage.node, &stream).await).filter(|all| all.len() == 2);
        tokio::select! {
            report = world.drill(true, "killed") => panic!("{node}: it ended: {report:?}"),
            _ = eventually("the drill's stream", made) => {}
        }
        world.later(3);
        let next = world.drill(false, "next").await;
        assert_eq!((next.verdict(), next.cleaned.len()), (Ok(()), 1), "{node}: {next:?}");
        assert_eq!(left(world.stage.node, &world.stage.index).await, Vec::<String>::new(), "{node}");
        let (_, streams) = world.stage.node.get(&format!("/_data_stream/*{stream}")).await;
        assert_eq!(streams["data_streams"].as_array().map(Vec::len), Some(1), "{node}: {streams}");
        assert_eq!(world.stage.node.count(&stream).await, 3, "{node}: the stream itself stays");
        world.stage.node.delete(&format!("/_data_stream/{stream}")).await;
        world.stage.node.delete(&format!("/_index_template/{stream}")).await;
        world.clear().await;
    }
}
