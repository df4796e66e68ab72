//! Each kind of conflict with each choice: the plan names it, the choice does what it says, nothing else changes.

use crate::stage::{Stage, minute, nodes};
use crate::world::{
    actions, add_alias, add_to_stream, applied, drop_index, drop_stream, has_streams, indices, job, make_stream, on,
    planned, prefixed, restored, with,
};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_core::restore::{Action, OnConflict, Request};
use snapkeep_engine::{RestoreJob, Silent, apply_restore};

/// What has the name of the snapshot's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Open,
    Closed,
    Alias,
    Stream,
}

impl There {
    const ALL: [Self; 4] = [Self::Open, Self::Closed, Self::Alias, Self::Stream];

    fn can_be_closed(self) -> bool {
        matches!(self, Self::Open | Self::Closed)
    }
}

/// A snapshot of twenty documents, and in its index's place something with five.
async fn stage(node: &str, there: There) -> Stage {
    let stage = Stage::on(node).await;
    stage.take(&["s"]).await;
    drop_index(&stage, &stage.index).await;
    let name = if there == There::Alias { format!("{}-behind", stage.index) } else { stage.index.clone() };
    if there == There::Stream {
        make_stream(&stage, &name).await;
        add_to_stream(&stage, &name, 5).await;
        return stage;
    }
    stage.node.load_documents(&name, 5).await;
    match there {
        There::Open | There::Stream => {}
        There::Closed => assert_eq!(stage.node.post(&format!("/{name}/_close"), Value::Null).await.0, 200),
        There::Alias => add_alias(&stage, &name, &stage.index).await,
    }
    stage
}

async fn refused(stage: &Stage, job: &RestoreJob) -> Code {
    let plan = planned(stage, job).await;
    assert_eq!(plan.items[0].action, Action::Blocked, "{plan:?}");
    let failure = applied(stage, job, &plan).await.unwrap_err();
    assert_eq!(Some(&failure), plan.complaint().as_ref());
    failure.code
}

#[tokio::test]
async fn each_conflict_with_each_choice() {
    for node in nodes() {
        for there in There::ALL {
            if there == There::Stream && !has_streams(node).await {
                continue;
            }
            let stage = stage(node, there).await;
            let before = indices(&stage).await;
            let what = format!("{node} {there:?}");

            assert_eq!(refused(&stage, &job(&stage)).await, Code::RestoreConflict, "{what}");
            let skipped = planned(&stage, &with(&stage, on(OnConflict::Skip))).await;
            assert!(skipped.is_done() && skipped.items[0].action == Action::Skip, "{what}: {skipped:?}");
            assert!(stage.seen("POST").is_empty(), "{what}: nothing was sent");

            let renamed = restored(&stage, &with(&stage, on(OnConflict::Rename))).await;
            assert_eq!(
                (renamed.items[0].target.clone(), renamed.documents),
                (format!("restored-{}", stage.index), 20),
                "{what}"
            );
            let mut after = indices(&stage).await;
            assert!(after.as_object_mut().unwrap().remove(&renamed.items[0].target).is_some());
            assert_eq!(after, before, "{what}: what was there is as it was");

            if !there.can_be_closed() {
                assert_eq!(
                    refused(&stage, &with(&stage, on(OnConflict::Close))).await,
                    Code::RestoreConflict,
                    "{what}"
                );
                assert_eq!(stage.node.count(&stage.index).await, 5, "{what}");
                if there == There::Stream {
                    drop_stream(&stage, &stage.index).await;
                }
                continue;
            }
            let job = with(&stage, on(OnConflict::Close));
            let plan = planned(&stage, &job).await;
            assert!(plan.items[0].reasons.iter().any(|reason| reason.contains("content")), "{what}: {plan:?}");
            let report = applied(&stage, &job, &plan).await.unwrap();
            assert_eq!((report.documents, report.complaint()), (20, None), "{what}: {report:?}");
            assert_eq!(stage.node.count(&stage.index).await, 20, "{what}");
        }
    }
}

/// A data stream that comes back where its name is taken: by the stream itself, or by an index. Neither is ever closed for it.
#[tokio::test]
async fn a_data_stream_with_each_choice() {
    for node in nodes() {
        if !has_streams(node).await {
            continue;
        }
        for is_stream_there in [true, false] {
            let stage = Stage::on(node).await;
            let stream = format!("{}-stream", stage.index);
            let what = format!("{node}, a stream is there: {is_stream_there}");
            make_stream(&stage, &stream).await;
            add_to_stream(&stage, &stream, 3).await;
            stage.take_of(&["s"], &stream).await;
            if is_stream_there {
                add_to_stream(&stage, &stream, 2).await;
            } else {
                drop_stream(&stage, &stream).await;
                stage.node.load_documents(&stream, 5).await;
            }
            let before = indices(&stage).await;
            for on_conflict in [OnConflict::Fail, OnConflict::Close] {
                assert_eq!(refused(&stage, &with(&stage, on(on_conflict))).await, Code::RestoreConflict, "{what}");
            }
            let skipped = planned(&stage, &with(&stage, on(OnConflict::Skip))).await;
            assert!(skipped.is_done() && skipped.items[0].action == Action::Skip, "{what}: {skipped:?}");
            assert!(stage.seen("POST").is_empty(), "{what}: nothing was sent");

            let renamed = restored(&stage, &with(&stage, on(OnConflict::Rename))).await;
            let aside = format!("restored-{stream}");
            assert_eq!((renamed.items[0].target.as_str(), renamed.documents), (aside.as_str(), 3), "{what}");
            assert_eq!(stage.node.count(&stream).await, 5, "{what}");
            let (status, answer) = stage.node.delete(&format!("/_data_stream/{aside}")).await;
            assert_eq!(status, 200, "{what}: {answer}");
            assert_eq!(indices(&stage).await, before, "{what}: what was there is as it was");
            if is_stream_there {
                drop_stream(&stage, &stream).await;
            }
        }
    }
}

/// An index that was closed for a restore which is then refused is open again.
#[tokio::test]
async fn what_was_closed_in_vain_is_open_again() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["s"]).await;
        drop_index(&stage, &stage.index).await;
        let shards = json!({"settings": {"number_of_shards": 3, "number_of_replicas": 0}});
        assert_eq!(stage.node.put(&format!("/{}", stage.index), shards).await.0, 200);
        let before = indices(&stage).await;
        let job = with(&stage, on(OnConflict::Close));
        let plan = planned(&stage, &job).await;
        let refused = apply_restore(&stage.api, &job, &plan, &crate::world::to_the_end(), minute(), &Silent).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, Code::RestoreConflict, "{node}: {refused}");
        assert!(refused.cause.contains("shards"), "{node}: {refused}");
        assert_eq!(indices(&stage).await, before, "{node}");
    }
}

#[tokio::test]
async fn an_alias_that_is_written_to_stays_with_its_index() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let alias = format!("{}-write", stage.index);
        add_alias(&stage, &stage.index, &alias).await;
        stage.take(&["s"]).await;
        let before = indices(&stage).await;
        let both = |on_conflict| Request { aliases: true, on_conflict, ..prefixed("old-") };
        let plan = planned(&stage, &with(&stage, both(OnConflict::Fail))).await;
        assert!(plan.items[0].reasons[0].contains(&alias), "{node}: {plan:?}");
        assert_eq!(plan.complaint().unwrap().code, Code::RestoreConflict, "{node}");
        let skipped = planned(&stage, &with(&stage, both(OnConflict::Skip))).await;
        assert!(skipped.is_done() && skipped.items[0].action == Action::Skip, "{node}: {skipped:?}");
        assert_eq!(refused(&stage, &with(&stage, both(OnConflict::Close))).await, Code::RestoreConflict, "{node}");
        assert!(stage.seen("POST").is_empty(), "{node}: nothing was sent");
        restored(&stage, &with(&stage, both(OnConflict::Rename))).await;
        let mut after = indices(&stage).await;
        let new = after.as_object_mut().unwrap().remove(&format!("old-{}", stage.index)).unwrap();
        assert!(new["aliases"].as_array().is_none_or(Vec::is_empty), "{node}: {new}");
        assert_eq!(after, before, "{node}");
    }
}

/// Between plan and request somebody takes the name: nothing is restored over it.
#[tokio::test]
async fn a_plan_that_has_become_stale_does_nothing() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["s"]).await;
        drop_index(&stage, &stage.index).await;
        let job = with(&stage, on(OnConflict::Close));
        let plan = planned(&stage, &job).await;
        assert_eq!(actions(&plan), [(stage.index.clone(), Action::Restore)], "{node}");
        stage.node.load_documents(&stage.index, 5).await;
        let refused = applied(&stage, &job, &plan).await.unwrap_err();
        assert_eq!(refused.code, Code::PlanStale, "{node}: {refused}");
        assert_eq!(stage.node.count(&stage.index).await, 5, "{node}");
        assert!(stage.seen("POST").is_empty(), "{node}");
    }
}

/// The limit of shards is one of open indices: what is closed takes no room of it.
#[tokio::test]
async fn closed_indices_take_no_room_of_the_shards() {
    for node in nodes() {
        let stage = Stage::alone_on(node).await;
        stage.take(&["s"]).await;
        let room = async || planned(&stage, &with(&stage, prefixed("old-"))).await.room.shards;
        let Some(before) = room().await else { continue };
        assert_eq!(stage.node.post(&format!("/{}/_close", stage.index), Value::Null).await.0, 200, "{node}");
        let after = room().await.unwrap();
        assert!(after.open < before.open && after.limit == before.limit, "{node}: {before:?} {after:?}");
    }
}
