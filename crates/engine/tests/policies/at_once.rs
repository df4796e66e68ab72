//! Several runs: at the same moment, one after the other, and one that was stopped between its plan and its acts.

use crate::world::{CLUSTER, World, created, deleted, fleet, front, minutes, nodes, of, options, policies};
use snapkeep_core::Code;
use snapkeep_core::retention::{Count, Keep};
use snapkeep_engine::Outcome;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{Fleet, RunOptions, RunReport, apply, decide, gather, run};

const NOW: &str = "2026-03-10T03:05:00Z";

fn run_options() -> RunOptions {
    RunOptions { apply: options(), only: vec![], at: NOW.parse().unwrap() }
}

/// Old snapshots of the policy, three more than it keeps.
async fn with_history(node: &str) -> World {
    let world = World::on(node).await;
    for day in 1..=9 {
        world.take_for("nightly", &format!("2026-03-0{day}T03:00:00Z")).await;
    }
    // A little ahead: a node's clock is a cached one, up to 200 ms behind, and what begins now must not begin before the runs' time.
    world.set_clock(NOW.parse().unwrap(), 10);
    world
}

fn keeping(world: &World, last: u32) -> crate::world::Policies {
    let keep = Keep { last: Some(Count::Of(last)), ..Keep::default() };
    let mut nightly = world.settings("nightly");
    nightly.keep = Some(keep);
    policies([nightly])
}

fn outcomes(reports: &[&RunReport]) -> Vec<Outcome> {
    let taken = reports.iter().flat_map(|report| &of(report, "nightly").created);
    taken.map(|taken| taken.outcome).collect()
}

fn expected() -> Vec<String> {
    let left = (4..=9).map(|day| format!("nightly-2026030{day}t030000z"));
    left.chain(["nightly-20260310t030000z".to_owned()]).collect()
}

#[tokio::test]
async fn two_runs_at_once_take_one_snapshot_and_delete_each_once() {
    for node in nodes() {
        let world = with_history(node).await;
        let nightly = keeping(&world, 6);
        let other = fleet(&world.front.url());
        let options = run_options();
        let (first, second) = tokio::join!(
            run(&world.fleet, &nightly, &options, minutes(2), &Silent),
            run(&other, &nightly, &options, minutes(2), &Silent),
        );
        assert_eq!(world.snapshots().await, expected(), "{node}");
        let created = outcomes(&[&first, &second]).iter().filter(|outcome| **outcome == Outcome::Created).count();
        assert_eq!(created, 1, "{node}: {first:?} {second:?}");
        for report in [&first, &second] {
            assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        }
        world.assert_deletes_are_exact();
        // The same slot again, from wherever: nothing.
        for fleet in [&world.fleet, &other, &world.fleet] {
            let again = run(fleet, &nightly, &options, minutes(2), &Silent).await;
            assert!(of(&again, "nightly").created.is_empty(), "{node}: {again:?}");
            assert!(of(&again, "nightly").deleted.is_empty(), "{node}: {again:?}");
        }
        assert_eq!(world.snapshots().await, expected(), "{node}");
        assert!(world.seen("PUT").len() <= 2, "{node}: at most one each");
    }
}

async fn planned(fleet: &Fleet<'_>, policies: &crate::world::Policies) -> snapkeep_core::plan::Plan {
    let now = NOW.parse().unwrap();
    let gathered = gather(fleet, policies, &[], now, minutes(1), &Silent).await;
    assert!(gathered.failures.is_empty() && gathered.repositories.is_empty(), "{gathered:?}");
    decide(policies, &gathered, &[], &snapkeep_core::plan::Options::default(), now)
}

#[tokio::test]
async fn a_run_that_was_stopped_between_plan_and_acts_finds_what_another_did() {
    for node in nodes() {
        let world = with_history(node).await;
        let nightly = keeping(&world, 6);
        let plan = planned(&world.fleet, &nightly).await;
        assert_eq!((plan.creates().count(), plan.deletes().count()), (1, 3), "{node}");
        let other = run(&world.fleet, &nightly, &run_options(), minutes(2), &Silent).await;
        assert_eq!(deleted(of(&other, "nightly")).len(), 3, "{node}: {other:?}");
        let (puts, deletes) = (world.seen("PUT").len(), world.seen("DELETE").len());

        let resumed = apply(&world.fleet, &nightly, &plan, &options(), NOW.parse().unwrap(), minutes(2), &Silent).await;
        assert_eq!(resumed.verdict(), Ok(()), "{node}: {resumed:?}");
        let report = of(&resumed, "nightly");
        assert_eq!(created(report), ["nightly-20260310t030000z"], "{node}");
        assert_eq!(report.created[0].outcome, Outcome::Adopted, "{node}");
        assert_eq!((report.deleted.len(), report.skipped.len()), (0, 3), "{node}: {report:?}");
        assert_eq!((world.seen("PUT").len(), world.seen("DELETE").len()), (puts, deletes), "{node}: nothing is sent");
        assert_eq!(world.snapshots().await, expected(), "{node}");
    }
}

#[tokio::test]
async fn a_plan_that_no_longer_fits_is_refused_step_by_step() {
    for node in nodes() {
        let world = with_history(node).await;
        let nightly = keeping(&world, 2);
        let plan = planned(&world.fleet, &nightly).await;
        assert_eq!(plan.deletes().count(), 7, "{node}");
        // An operator deletes all that is newer than the fourth, and puts another in the place of the first.
        for day in 5..=9 {
            let (status, answer) = world.node.delete(&world.path(&format!("nightly-2026030{day}t030000z"))).await;
            assert_eq!(status, 200, "{answer}");
        }
        let first = world.path("nightly-20260301t030000z");
        assert_eq!(world.node.delete(&first).await.0, 200, "{node}");
        world.take_for("nightly", "2026-03-01T03:00:00Z").await;
        let mut without_create = plan.clone();
        without_create.steps.retain(|step| matches!(step, snapkeep_core::plan::Step::Delete(_)));
        let now = NOW.parse().unwrap();
        let report = apply(&world.fleet, &nightly, &without_create, &options(), now, minutes(2), &Silent).await;
        // The fourth is the newest now, the third is kept by `last: 2`, the first is another; the second may go.
        let nightly = of(&report, "nightly");
        assert_eq!(deleted(nightly), ["nightly-20260302t030000z"], "{node}: {report:?}");
        assert_eq!(report.verdict().unwrap_err().code, Code::PlanStale, "{node}");
        assert_eq!(nightly.failures.len(), 3, "{node}: {report:?}");
        let left = [1, 3, 4].map(|day| format!("nightly-2026030{day}t030000z"));
        assert_eq!(world.snapshots().await, left, "{node}");
        world.assert_deletes_are_exact();
    }
}

#[tokio::test]
async fn a_plan_that_was_changed_by_hand_does_not_get_further_than_its_policy() {
    let world = with_history(crate::world::WITH_S3).await;
    world.take("manual-1", "2026-01-01T00:00:00Z").await;
    let nightly = keeping(&world, 8);
    let mut plan = planned(&world.fleet, &nightly).await;
    for step in &mut plan.steps {
        match step {
            snapkeep_core::plan::Step::Create(create) => create.indices = vec!["*".to_owned()],
            snapkeep_core::plan::Step::Delete(delete) => "manual-1".clone_into(&mut delete.snapshot),
        }
    }
    let report = apply(&world.fleet, &nightly, &plan, &options(), NOW.parse().unwrap(), minutes(1), &Silent).await;
    let codes: Vec<Code> = of(&report, "nightly").failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [Code::PlanStale, Code::PlanStale], "{report:?}");
    assert!(world.seen("PUT").is_empty() && world.seen("DELETE").is_empty());
    assert_eq!(report.clusters[CLUSTER].failure, None);
}

#[tokio::test]
async fn two_fronts_are_two_places() {
    let world = with_history(crate::world::WITH_S3).await;
    let elsewhere = front(&world.node.url).await;
    let other = fleet(&elsewhere.url());
    let nightly = keeping(&world, 20);
    let options = run_options();
    elsewhere.shift_times(options.at.as_millisecond() - jiff::Timestamp::now().as_millisecond());
    let (first, second) = tokio::join!(
        run(&world.fleet, &nightly, &options, minutes(2), &Silent),
        run(&other, &nightly, &options, minutes(2), &Silent),
    );
    assert_eq!((first.verdict(), second.verdict()), (Ok(()), Ok(())), "{first:?} {second:?}");
    let names = world.snapshots().await;
    assert_eq!(names.iter().filter(|name| name.starts_with("nightly-20260310")).count(), 1, "{names:?}");
    assert_eq!(names.len(), 10);
}
