//! Repositories that are one place under two names, or on two clusters.

use crate::world::{CLUSTER, Policies, World, api, at, created, deleted, front, minutes, nodes, of, options, policies};
use serde_json::json;
use snapkeep_core::Code;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::plan::Options;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{Fleet, RunOptions, decide, gather, run};
use std::collections::BTreeMap;

const NOW: &str = "2026-03-10T03:05:00Z";

fn run_options() -> RunOptions {
    RunOptions { apply: options(), only: vec![], at: at(NOW) }
}

async fn with_history(node: &str) -> World {
    let world = World::on(node).await;
    for day in 1..=9 {
        world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
    }
    world.set_clock(at(NOW), 0);
    world
}

#[tokio::test]
async fn two_clusters_of_a_policy_with_one_place_delete_nothing_and_take_one() {
    for node in nodes() {
        let world = with_history(node).await;
        // The same repository behind another door: to a client that is another cluster.
        let elsewhere = front(&world.node.url).await;
        elsewhere.shift_times(at(NOW).as_millisecond() - jiff::Timestamp::now().as_millisecond());
        let mut nightly = world.settings("nightly");
        nightly.clusters.push("eu".to_owned());
        let policies = policies([nightly]);
        let clusters = [(CLUSTER.to_owned(), api(&world.front.url())), ("eu".to_owned(), api(&elsewhere.url()))];
        let fleet = Fleet::new(BTreeMap::from(clusters));

        let gathered = gather(&fleet, &policies, &[], at(NOW), minutes(1), &Silent).await;
        let plan = decide(&policies, &gathered, &[], &Options::default(), at(NOW));
        assert_eq!((plan.creates().count(), plan.deletes().count()), (1, 0), "{node}: {plan:?}");
        for cluster in [CLUSTER, "eu"] {
            let failure = &gathered.repositories[cluster][world.repository.as_str()];
            assert_eq!(failure.code, Code::RepositoryConflict, "{node}: {failure:?}");
        }

        let report = run(&fleet, &policies, &run_options(), minutes(1), &Silent).await;
        assert_eq!(report.verdict().unwrap_err().code, Code::RepositoryConflict, "{node}: {report:?}");
        assert_eq!(report.policies.iter().flat_map(created).count(), 1, "{node}: {report:?}");
        for policy in &report.policies {
            assert!(policy.deleted.is_empty(), "{node}: {report:?}");
            let codes: Vec<Code> = policy.failures.iter().map(|failure| failure.code).collect();
            assert_eq!(codes, [Code::RepositoryConflict], "{node}: {report:?}");
        }
        assert_eq!(world.snapshots().await.len(), 10, "{node}");
    }
}

#[tokio::test]
async fn a_cluster_that_is_left_out_is_asked_where_its_repositories_are() {
    let world = with_history(crate::world::WITH_S3).await;
    let policies = policies([world.settings("nightly")]);
    let left_out = || BTreeMap::from([("eu".to_owned(), vec![world.repository.clone()])]);
    let here = || (CLUSTER.to_owned(), api(&world.front.url()));

    let elsewhere = front(&world.node.url).await;
    elsewhere.shift_times(at(NOW).as_millisecond() - jiff::Timestamp::now().as_millisecond());
    let both = BTreeMap::from([here(), ("eu".to_owned(), api(&elsewhere.url()))]);
    let report = run(&Fleet::new(both).leaving_out(left_out()), &policies, &run_options(), minutes(1), &Silent).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::RepositoryConflict, "{report:?}");
    assert!(report.policies.len() == 1 && deleted(of(&report, "nightly")).is_empty(), "{report:?}");

    // One that cannot be asked may be the same place.
    let alone = Fleet::new(BTreeMap::from([here()])).leaving_out(left_out());
    let report = run(&alone, &policies, &run_options(), minutes(1), &Silent).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::BadConfig, "{report:?}");
    assert!(deleted(of(&report, "nightly")).is_empty() && world.seen("DELETE").is_empty(), "{report:?}");
}

/// Registers the world's own place once more.
async fn twin(world: &World, readonly: bool) -> RepositoryName {
    let (status, found) = world.node.get(&format!("/_snapshot/{}", world.repository)).await;
    assert_eq!(status, 200, "{found}");
    let mut body = found[world.repository.as_str()].clone();
    body.as_object_mut().unwrap().remove("uuid");
    body["settings"]["readonly"] = json!(readonly);
    let name = format!("{}-twin", world.repository);
    let (status, answer) = world.node.put(&format!("/_snapshot/{name}"), body).await;
    assert_eq!(status, 200, "{answer}");
    RepositoryName::parse(&name).unwrap()
}

fn with_twin(world: &World, twin: &RepositoryName) -> Policies {
    let mut weekly = world.settings("weekly");
    weekly.repository = twin.clone();
    policies([world.settings("nightly"), weekly])
}

#[tokio::test]
async fn one_place_registered_twice_has_one_writer() {
    for node in nodes() {
        let world = with_history(node).await;
        let twin = twin(&world, false).await;
        let policies = with_twin(&world, &twin);
        let report = run(&world.fleet, &policies, &run_options(), minutes(1), &Silent).await;
        assert_eq!(report.verdict().unwrap_err().code, Code::RepositoryConflict, "{node}: {report:?}");
        assert_eq!(created(of(&report, "nightly")).len(), 1, "{node}: {report:?}");
        assert!(created(of(&report, "weekly")).is_empty(), "{node}: {report:?}");
        assert!(world.seen("DELETE").is_empty() && deleted(of(&report, "nightly")).is_empty(), "{node}: {report:?}");
        for policy in &report.policies {
            assert_eq!(policy.failures.len(), 1, "{node}: {report:?}");
        }
    }
}

#[tokio::test]
async fn a_place_that_is_only_read_elsewhere_is_in_nobodys_way() {
    let world = with_history(crate::world::WITH_S3).await;
    let twin = twin(&world, true).await;
    let policies = with_twin(&world, &twin);
    let report = run(&world.fleet, &policies, &run_options(), minutes(1), &Silent).await;
    let nightly = of(&report, "nightly");
    assert_eq!((nightly.failures.len(), created(nightly).len(), deleted(nightly).len()), (0, 1, 2), "{report:?}");
    assert_eq!(of(&report, "weekly").failures[0].code, Code::RepositoryConflict, "its policy writes: {report:?}");
}
