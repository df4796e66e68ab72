//! Every call of the client on every version.

use crate::stage::{Stage, done, name, named, nodes, refused, soon};
use serde_json::json;
use snapkeep_cluster::{ClockSource, Feature, Kind, Unanswered, batches};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::snapshot::State;
use snapkeep_testbed::{Testbed, eventually};

#[tokio::test]
async fn repositories_are_registered_verified_and_removed() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let (api, repository) = (&stage.api, &stage.repository);
        let all = api.repositories(soon()).await.unwrap();
        let one = api.repository(repository, soon()).await.unwrap().unwrap();
        assert_eq!(all[repository.as_str()], one, "{}", node.name);
        assert_eq!(one.kind, "fs");
        assert_eq!(done(api.verify(repository, soon()).await), std::slice::from_ref(&node.name));
        if stage.product.has(Feature::Cleanup) {
            assert_eq!(done(stage.cleanup(repository).await).blobs, 0, "{}", node.name);
        } else {
            assert_eq!(refused(stage.cleanup(repository).await), Kind::Unsupported, "{}", node.name);
        }
        done(api.remove(repository, soon()).await);
        assert_eq!(api.repository(repository, soon()).await.unwrap(), None);
        assert_eq!(refused(api.remove(repository, soon()).await), Kind::RepositoryMissing, "{}", node.name);
        assert_eq!(refused(api.verify(repository, soon()).await), Kind::RepositoryMissing, "{}", node.name);
        let missing = api.names(repository, soon()).await.unwrap_err();
        assert!(matches!(missing, Unanswered::Refused(refusal) if refusal.kind == Kind::RepositoryMissing));
    }
}

#[tokio::test]
async fn what_is_known_of_snapshots() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let (api, repository) = (&stage.api, &stage.repository);
        assert_eq!(api.names(repository, soon()).await.unwrap(), [], "{}", node.name);
        assert_eq!(api.all(repository, &stage.product, true, soon()).await.unwrap(), [], "{}", node.name);
        let has_metadata = stage.product.has(Feature::Metadata);
        let more = if has_metadata { json!({"metadata": {"k": "v"}}) } else { json!({}) };
        stage.snapshot("one", &more).await;
        stage.snapshot("two", &json!({})).await;

        let names = api.names(repository, soon()).await.unwrap();
        assert_eq!(named(&names), ["one", "two"], "{}", node.name);
        assert!(names.iter().all(|entry| entry.state == Some(State::Success) && entry.uuid.is_some()), "{names:?}");
        let asked = [name("two"), name("never-made"), name("one")];
        assert_eq!(named(&api.details(repository, &asked, soon()).await.unwrap()), ["one", "two"], "{}", node.name);

        let all = api.all(repository, &stage.product, true, soon()).await.unwrap();
        assert_eq!(named(&all), ["one", "two"], "{}", node.name);
        let one = all.iter().find(|entry| entry.name == "one").unwrap();
        assert!(one.duration().is_some() && one.shards.is_some_and(|shards| shards.successful > 0), "{one:?}");
        assert_eq!(one.indices, Some(1), "{}", node.name);
        assert_eq!(one.size_bytes.is_some_and(|size| size > 0), stage.product.has(Feature::IndexDetails), "{one:?}");
        assert_eq!(one.metadata.is_some(), has_metadata, "{}: {one:?}", node.name);

        let full = api.full(repository, &name("one"), soon()).await.unwrap().unwrap();
        assert_eq!(full.version.as_deref(), Some(node.version.as_str()));
        assert_eq!((&full.indices_named[..], full.snapshot.indices), (&[stage.index.clone()][..], Some(1)));
        assert_eq!(full.shard_failures, []);
        let progress = api.progress(repository, &name("one"), soon()).await.unwrap().unwrap();
        assert_eq!((progress.state.as_str(), progress.unfinished.len()), ("SUCCESS", 0), "{}", node.name);
        assert!(progress.shards.done == progress.shards.total && progress.shards.total > 0, "{progress:?}");
        assert!(progress.bytes.total.is_some() && progress.bytes.done == progress.bytes.total, "{progress:?}");
        assert_eq!(api.full(repository, &name("never-made"), soon()).await.unwrap(), None, "{}", node.name);
        assert_eq!(api.progress(repository, &name("never-made"), soon()).await.unwrap(), None, "{}", node.name);
        assert_eq!(api.snapshot(repository, &name("never-made"), soon()).await.unwrap(), None, "{}", node.name);
    }
}

#[tokio::test]
async fn a_snapshot_is_seen_to_run_and_deleted_while_it_does() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let (slow, heavy) = stage.slow().await;
        let (api, runs) = (&stage.api, name("runs"));
        done(api.create(&slow, &runs, Some(&json!({ "indices": heavy })), soon()).await);

        let seen = api.snapshot(&slow, &runs, soon()).await.unwrap().unwrap();
        assert_eq!((seen.state, seen.ended_at), (Some(State::InProgress), None), "{}: {seen:?}", node.name);
        assert!(seen.shards.is_none_or(|shards| shards.failed == 0), "{}: {seen:?}", node.name);
        assert_eq!(named(&api.running(&slow, soon()).await.unwrap()), ["runs"], "{}", node.name);
        assert_eq!(named(&api.names(&slow, soon()).await.unwrap()), ["runs"], "{}", node.name);
        let all = api.all(&slow, &stage.product, true, soon()).await.unwrap();
        assert_eq!((named(&all), all[0].state), (vec!["runs"], Some(State::InProgress)), "{}", node.name);
        let progress = eventually("files are counted", async || {
            let progress = api.progress(&slow, &runs, soon()).await.unwrap().unwrap();
            progress.bytes.total.is_some_and(|total| total > 0).then_some(progress)
        })
        .await;
        assert_eq!(progress.state, "STARTED", "{}", node.name);
        assert!(progress.bytes.done < progress.bytes.total && progress.files.total.is_some(), "{progress:?}");
        assert!(!progress.unfinished.is_empty() && progress.unfinished[0].index == heavy, "{progress:?}");

        assert_eq!(refused(api.remove(&slow, soon()).await), Kind::RepositoryInUse, "{}", node.name);
        let cleanup = refused(api.cleanup(&slow, soon()).await);
        let expected = if stage.product.has(Feature::Cleanup) { Kind::Busy } else { Kind::Unsupported };
        assert_eq!(cleanup, expected, "{}", node.name);

        done(api.delete(&slow, std::slice::from_ref(&runs), soon()).await);
        assert_eq!(api.snapshot(&slow, &runs, soon()).await.unwrap(), None, "{}", node.name);
        assert_eq!(api.progress(&slow, &runs, soon()).await.unwrap(), None, "{}", node.name);
    }
}

#[tokio::test]
async fn clones_where_there_are_any() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.snapshot("one", &json!({})).await;
        let clone = async |source: &str, target: &str| {
            let indices = [stage.index.clone()];
            stage.api.clone_snapshot(&stage.repository, &name(source), &name(target), &indices, soon()).await
        };
        if !stage.product.has(Feature::Clone) {
            assert_eq!(refused(clone("one", "two").await), Kind::Unsupported, "{}", node.name);
            continue;
        }
        done(clone("one", "two").await);
        assert_eq!(stage.until_success("two").await.indices, Some(1), "{}", node.name);
        assert_eq!(refused(clone("one", "two").await), Kind::NameTaken, "{}", node.name);
        assert_eq!(refused(clone("never-made", "three").await), Kind::SnapshotMissing, "{}", node.name);
    }
}

/// If one of a list is missing, nothing is deleted.
#[tokio::test]
async fn several_are_deleted_all_or_none() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let (api, repository) = (&stage.api, &stage.repository);
        for snapshot in ["one", "two", "three"] {
            stage.snapshot(snapshot, &json!({})).await;
        }
        let wrong = [name("one"), name("never-made"), name("two")];
        assert_eq!(refused(api.delete(repository, &wrong, soon()).await), Kind::SnapshotMissing, "{}", node.name);
        assert_eq!(api.names(repository, soon()).await.unwrap().len(), 3, "{}", node.name);
        done(api.delete(repository, &[], soon()).await);
        assert!(api.repository(repository, soon()).await.unwrap().is_some(), "{}", node.name);

        let right = [name("one"), name("two")];
        let batches = batches(&right, stage.product.has(Feature::MultiDelete));
        assert_eq!(batches.len(), if stage.product.has(Feature::MultiDelete) { 1 } else { 2 });
        for batch in batches {
            done(api.delete(repository, batch, soon()).await);
        }
        assert_eq!(named(&api.names(repository, soon()).await.unwrap()), ["three"], "{}", node.name);
    }
}

#[tokio::test]
async fn a_readonly_repository_says_so() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.snapshot("one", &json!({})).await;
        let readonly = RepositoryName::parse(&Testbed::shared().unique("readonly")).unwrap();
        let location = node.repo_dir.join(stage.repository.as_str());
        stage.register(&readonly, &json!({"location": location, "readonly": true})).await;
        let (api, one) = (&stage.api, name("one"));
        assert_eq!(named(&api.names(&readonly, soon()).await.unwrap()), ["one"], "{}", node.name);
        assert_eq!(refused(api.create(&readonly, &name("two"), None, soon()).await), Kind::ReadOnly, "{}", node.name);
        assert_eq!(refused(api.delete(&readonly, &[one], soon()).await), Kind::ReadOnly, "{}", node.name);
        done(api.remove(&readonly, soon()).await);
    }
}

/// Nodes send no `Date`; Amazon's front does.
#[tokio::test]
async fn the_clusters_clock_is_read() {
    for node in nodes() {
        let clock = crate::stage::api(&node.url).clock(soon()).await.unwrap();
        assert_eq!(clock.by, ClockSource::ClusterStats, "{}", node.name);
        assert!(clock.now.duration_since(jiff::Timestamp::now()).abs().as_mins() < 5, "{clock:?}");
    }
}
