//! Clusters that are red, blocked or in a wrong year, indices that go while they are snapshotted, snapshots that are
//! in the way.

use crate::world::{WITH_S3, World, created, deleted, including, minutes, nodes, of, options, policies};
use serde_json::json;
use snapkeep_core::Code;
use snapkeep_core::snapshot::State;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{ApplyOptions, RunOptions, run};
use snapkeep_testbed::{Mode, eventually};

const NOW: &str = "2026-03-10T03:05:00Z";

#[tokio::test]
async fn a_red_index_is_told_before_and_its_snapshot_is_no_good_one() {
    for node in nodes() {
        let world = World::on(node).await;
        let red = world.add_red_index().await;
        let mut nightly = world.settings("nightly");
        nightly.indices = including(&format!("{}*", world.index));
        let report = world.run(&policies([nightly]), NOW).await;
        world.remove_index(&red).await;
        let nightly = of(&report, "nightly");
        assert!(nightly.warnings.iter().any(|warning| warning.contains(&red)), "{node}: {report:?}");
        assert!(report.verdict().is_err(), "{node}: {report:?}");
        assert!(nightly.created.iter().all(|taken| taken.state != Some(State::Success)), "{node}: {report:?}");
    }
}

#[tokio::test]
async fn blocks_are_told_before() {
    for node in nodes() {
        let world = World::on(node).await;
        let block = json!({"index.blocks.read_only_allow_delete": true});
        let (status, answer) = world.node.put(&format!("/{}/_settings", world.index), block).await;
        assert_eq!(status, 200, "{answer}");
        let report = world.run(&policies([world.settings("nightly")]), NOW).await;
        let nightly = of(&report, "nightly");
        assert!(nightly.warnings.iter().any(|warning| warning.contains("flood stage")), "{node}: {report:?}");
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        assert_eq!(created(nightly), ["nightly-20260310t030000z"], "{node}");
    }
}

#[tokio::test]
async fn a_clock_ten_years_off_deletes_nothing() {
    const TEN_YEARS: i64 = 315_360_000;
    for node in nodes() {
        let world = World::on(node).await;
        for day in 1..=9 {
            world.take_for("nightly", &format!("2025-03-0{day}T03:00:00Z")).await;
        }
        let policies = policies([world.settings("nightly")]);
        for ahead in [TEN_YEARS, -TEN_YEARS, 600, -600] {
            let at = NOW.parse().unwrap();
            world.set_clock(at, ahead);
            let options = RunOptions { apply: options(), only: vec![], at };
            let report = run(&world.fleet, &policies, &options, minutes(1), &Silent).await;
            assert!(deleted(of(&report, "nightly")).is_empty(), "{node} {ahead}: {report:?}");
            assert!(of(&report, "nightly").warnings.iter().any(|warning| warning.contains("clock")), "{node} {ahead}");
        }
        assert!(world.seen("DELETE").is_empty(), "{node}");
        // Ten years off, nobody knows which slot is due; ten minutes off, it is the server's: today's, or yesterday's.
        let names = world.snapshots().await;
        let taken: Vec<&str> = names.iter().map(String::as_str).filter(|name| name.contains("-2026")).collect();
        assert_eq!(taken, ["nightly-20260309t030000z", "nightly-20260310t030000z"], "{node}");

        // And the operator may say that he knows.
        world.set_clock(NOW.parse().unwrap(), 600);
        let apply = ApplyOptions { allow_unknown_clock: true, ..options() };
        let options = RunOptions { apply, only: vec![], at: NOW.parse().unwrap() };
        let report = run(&world.fleet, &policies, &options, minutes(1), &Silent).await;
        assert!(!deleted(of(&report, "nightly")).is_empty(), "{node}: {report:?}");
        world.assert_deletes_are_exact();
    }
}

#[tokio::test]
async fn a_clock_that_jumps_between_plan_and_act_stops_the_deletions() {
    let world = World::on(WITH_S3).await;
    for day in 1..=9 {
        world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
    }
    let policies = policies([world.settings("nightly")]);
    let now = NOW.parse().unwrap();
    world.set_clock(now, 0);
    let gathered = snapkeep_engine::policies::gather(&world.fleet, &policies, &[], now, minutes(1), &Silent).await;
    let plan =
        snapkeep_engine::policies::decide(&policies, &gathered, &[], &snapkeep_core::plan::Options::default(), now);
    assert_eq!(plan.deletes().count(), 2);
    world.set_clock(now, 3_600);
    let report =
        snapkeep_engine::policies::apply(&world.fleet, &policies, &plan, &options(), now, minutes(1), &Silent).await;
    assert!(deleted(of(&report, "nightly")).is_empty() && world.seen("DELETE").is_empty(), "{report:?}");
    assert_eq!(of(&report, "nightly").skipped.len(), 2, "{report:?}");
}

#[tokio::test]
async fn an_index_that_is_deleted_while_it_is_snapshotted_is_missed() {
    let world = World::on(WITH_S3).await;
    let gone = format!("{}-gone", world.index);
    world.node.load_documents(&gone, 20).await;
    let mut nightly = world.settings("nightly");
    nightly.indices = including(&format!("{}*", world.index));
    nightly.partial = true;
    let policies = policies([nightly]);
    world
        .bed
        .s3()
        .set_mode(world.repository.as_str(), &Mode::Hold(snapkeep_testbed::s3::Keys::default()))
        .await
        .unwrap();
    let running = world.run(&policies, NOW);
    let meddling = async {
        eventually("an upload is held", async || {
            (world.bed.s3().counts(world.repository.as_str()).await.unwrap().holding > 0).then_some(())
        })
        .await;
        let (status, answer) = world.node.delete(&format!("/{gone}")).await;
        world.bed.s3().set_mode(world.repository.as_str(), &Mode::Normal).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    };
    let (report, ()) = tokio::join!(running, meddling);
    let nightly = of(&report, "nightly");
    let told = nightly.warnings.iter().any(|warning| warning.contains(&gone));
    assert!(told || report.verdict().is_err_and(|failure| failure.code == Code::SnapshotPartial), "{report:?}");
}
