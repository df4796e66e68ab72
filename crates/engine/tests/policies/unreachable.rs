//! Clusters that do not answer: for good, for a while, or only to some.

use crate::world::{CLUSTER, World, api, created, deleted, minutes, nobody, nodes, of, options, policies};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{ClusterOutcome, Fleet, RunOptions, run};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::eventually;
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: &str = "2026-03-10T03:05:00Z";

fn run_options() -> RunOptions {
    RunOptions { apply: options(), only: vec![], at: NOW.parse().unwrap() }
}

#[tokio::test]
async fn one_clusters_failure_does_not_block_another() {
    for node in nodes() {
        let world = World::on(node).await;
        world.set_clock(NOW.parse().unwrap(), 0);
        let nobody = nobody().await;
        let clusters =
            BTreeMap::from([(CLUSTER.to_owned(), api(&world.front.url())), ("eu".to_owned(), api(&nobody.url()))]);
        let mut nightly = world.settings("nightly");
        nightly.clusters.extend(["eu".to_owned(), "unknown".to_owned()]);
        let report = run(&Fleet::new(clusters), &policies([nightly]), &run_options(), minutes(1), &Silent).await;
        let taken: Vec<&str> = report.policies.iter().flat_map(created).collect();
        assert_eq!(taken, ["nightly-20260310t030000z"], "{node}: {report:?}");
        assert_eq!(report.clusters["eu"].outcome, ClusterOutcome::Unseen, "{node}");
        let code = |name: &str| report.clusters[name].failure.as_ref().map(|failure| failure.code);
        assert_eq!((code(CLUSTER), code("eu")), (None, Some(Code::ClusterUnavailable)), "{node}: {report:?}");
        assert_eq!(code("unknown"), Some(Code::BadConfig), "{node}");
        assert!(report.verdict().is_err(), "{node}");
    }
}

#[tokio::test]
async fn one_repositorys_failure_does_not_block_another() {
    let world = World::on(crate::world::WITH_S3).await;
    let mut lost = world.settings("lost");
    lost.repository = snapkeep_core::naming::RepositoryName::parse("nowhere").unwrap();
    let report = world.run(&policies([lost, world.settings("nightly")]), NOW).await;
    assert_eq!(created(of(&report, "nightly")).len(), 1, "{report:?}");
    assert_eq!(of(&report, "lost").failures[0].code, Code::RepositoryMissing, "{report:?}");
    assert_eq!(report.verdict().unwrap_err().code, Code::RepositoryMissing);
}

const SERVER_ERROR: &str =
    r#"{"error":{"type":"repository_exception","reason":"[r] could not read repository data"},"status":500}"#;

/// Ways in which answers are lost for a while.
fn losses() -> Vec<(&'static str, Action)> {
    vec![
        ("dropped before", Action::DropBefore),
        ("dropped after", Action::ForwardThenDrop),
        ("503", Action::status(503, "<html>Service Unavailable</html>")),
        ("504 after", Action::gateway_timeout()),
        ("500", Action::status(500, SERVER_ERROR)),
        ("500 after", Action::ForwardThenStatus { code: 500, headers: vec![], body: SERVER_ERROR.into() }),
        (
            "404",
            Action::status(
                404,
                r#"{"error":{"type":"snapshot_missing_exception","reason":"[r:s] is missing"},"status":404}"#,
            ),
        ),
        ("twice", Action::duplicate()),
    ]
}

#[tokio::test]
async fn writes_whose_answers_are_lost_are_looked_up() {
    for node in nodes() {
        for (what, action) in losses() {
            let world = World::on(node).await;
            for day in 1..=9 {
                world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
            }
            let faults = [("PUT", 1), ("DELETE", 1)].map(|(method, times)| {
                world.front.inject(Fault::on(method, "/_snapshot/*/*").first(times).then(action.clone()))
            });
            let report = world.run(&policies([world.settings("nightly")]), NOW).await;
            if what == "404" {
                // Not an answer to a creation: it is a refusal, and nothing was taken.
                assert_eq!(report.verdict().map_err(|failure| failure.code), Err(Code::SnapshotMissing), "{report:?}");
            } else {
                assert_eq!(report.verdict(), Ok(()), "{node} {what}: {report:?}");
                assert_eq!(created(of(&report, "nightly")), ["nightly-20260310t030000z"], "{node} {what}");
            }
            assert_eq!(
                deleted(of(&report, "nightly")),
                ["nightly-20260201t030000z", "nightly-20260202t030000z"],
                "{node} {what}: {report:?}"
            );
            assert_eq!(faults.map(|fault| world.front.injected(fault)), [1, 1], "{node} {what}");
            let expected = 7 + usize::from(what != "404");
            assert_eq!(world.snapshots().await.len(), expected, "{node} {what}");
            world.assert_deletes_are_exact();
        }
    }
}

#[tokio::test]
async fn a_cluster_that_goes_away_for_a_moment_is_borne() {
    for node in nodes() {
        let world = World::on(node).await;
        for day in 1..=8 {
            world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
        }
        // Gone for the four looks after the one that finds the snapshot begun: without an answer no look is the last.
        let looks = Fault::on("GET", "/_snapshot/*/nightly-20260310t030000z").skip(1).first(4);
        let gone = world.front.inject(looks.then(Action::DropBefore));
        let report = world.run(&policies([world.settings("nightly")]), NOW).await;
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        assert!(world.front.injected(gone) > 0, "{node}");
        assert_eq!(world.snapshots().await.len(), 8, "{node}: {report:?}");
    }
}

#[tokio::test]
async fn a_server_that_errs_again_and_again_is_a_failure_of_its_own() {
    let world = World::on(crate::world::WITH_S3).await;
    let fault = world.front.inject(Fault::on("PUT", "/_snapshot/*/*").always().then(Action::status(500, SERVER_ERROR)));
    let report = world.run(&policies([world.settings("nightly")]), NOW).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::SnapshotFailed, "{report:?}");
    assert_eq!((world.front.injected(fault), world.snapshots().await.len()), (3, 0), "{report:?}");
}

/// Accepts and never says a word.
async fn silent() -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silence = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    (url, silence)
}

/// One says nothing, and another's credentials do not come: both until the snapshot of the third is there.
#[tokio::test]
async fn a_silent_cluster_holds_up_no_other() {
    let world = World::on(crate::world::WITH_S3).await;
    for day in 1..=9 {
        world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
    }
    world.set_clock(NOW.parse().unwrap(), 0);
    let (url, silence) = silent().await;
    let mut nightly = world.settings("nightly");
    nightly.clusters.extend(["silent".to_owned(), "closed".to_owned()]);
    let policies = policies([nightly]);
    let (given, asked) = tokio::sync::watch::channel(false);
    let fleet = Fleet::of(&policies, &[], |name| {
        let (url, mut asked) = (if name == CLUSTER { world.front.url() } else { url.clone() }, asked.clone());
        Box::pin(async move {
            if name == "closed" {
                asked.wait_for(|given| *given).await.unwrap();
                return Err(Failure::new(Code::BadConfig, "no credentials", "see to them"));
            }
            Ok(Arc::into_inner(api(&url)).unwrap())
        })
    });
    let options = run_options();
    let running = run(&fleet, &policies, &options, minutes(4), &Silent);
    let name = "nightly-20260310t030000z";
    let releasing = async {
        eventually("the snapshot is there", async || {
            world.states().await.contains(&(name.to_owned(), "SUCCESS".to_owned())).then_some(())
        })
        .await;
        silence.abort();
        given.send(true).unwrap();
    };
    let (report, ()) = tokio::join!(running, releasing);
    let here = report.policies.iter().find(|policy| policy.cluster == CLUSTER).unwrap();
    assert_eq!((created(here), deleted(here).len()), (vec![name], 2), "{report:?}");
    let code = |name: &str| report.clusters[name].failure.as_ref().map(|failure| failure.code);
    assert_eq!(code("silent"), Some(Code::ClusterUnavailable), "{report:?}");
    assert_eq!((code(CLUSTER), code("closed")), (None, Some(Code::BadConfig)), "{report:?}");
}
