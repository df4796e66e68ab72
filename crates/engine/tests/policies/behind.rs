//! Deletions behind a snapshot that does not end.

use crate::world::{WITH_S3, World, at, deleted, minutes, of, options, policies, schedule};
use jiff::Timestamp;
use serde_json::json;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::period::Period;
use snapkeep_core::policy::Settings as PolicySettings;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{ApplyOptions, PolicyReport, RunOptions, RunReport, Wait, run};
use snapkeep_transport::Deadline;
use std::time::Duration;

const NOW: &str = "2026-03-10T03:05:00Z";
const OLDEST: [&str; 2] = ["20260201t030000z", "20260202t030000z"];

async fn take_history(world: &World, policy: &str) {
    for day in 1..=9 {
        world.take_for(policy, &format!("2026-02-0{day}T03:00:00Z")).await;
    }
}

/// The snapshots that were to be deleted and were not, and why.
fn left(report: &PolicyReport) -> Vec<(&str, &str)> {
    report.skipped.iter().filter_map(|skipped| Some((skipped.what.as_deref()?, skipped.why.as_str()))).collect()
}

/// Without a limit of time: what its policy says is its longest time ends the wait.
#[tokio::test]
async fn an_overdue_snapshot_holds_up_its_own_repository_only() {
    let mut world = World::on(WITH_S3).await;
    take_history(&world, "nightly").await;
    let second = RepositoryName::parse(&format!("{}-second", world.repository)).unwrap();
    let first = std::mem::replace(&mut world.repository, second.clone());
    world.bed.s3().create_bucket(second.as_str()).await.unwrap();
    world.register(&json!({"type": "s3", "settings": {"bucket": second.as_str(), "region": "us-east-1"}})).await;
    take_history(&world, "weekly").await;
    let mut weekly = world.settings("weekly");
    weekly.schedule = None;
    world.repository = first;
    world.set_clock(at(NOW), 0);
    let held = world.hold("nightly", "2026-03-10T03:00:00Z").await;
    let shift = at("2026-03-10T03:00:00Z").as_millisecond() - Timestamp::now().as_millisecond();
    world.front.shift_snapshot(world.repository.as_str(), &held, shift);
    let mut nightly = world.settings("nightly");
    nightly.limits.max_duration = Some(Period::parse("4min").unwrap());
    let options = RunOptions { apply: options(), only: vec![], at: at(NOW) };
    let report = run(&world.fleet, &policies([nightly, weekly]), &options, minutes(4), &Silent).await;
    let sent = world.seen("DELETE");
    world.let_go().await;

    let nightly = of(&report, "nightly");
    assert_eq!(nightly.pending.iter().map(|taken| &taken.snapshot).collect::<Vec<_>>(), [&held], "{report:?}");
    let waiting = left(nightly);
    for (name, why) in OLDEST.map(|slot| format!("nightly-{slot}")).iter().zip(&waiting[waiting.len() - 2..]) {
        assert!(why.0 == name && why.1.contains(&held) && why.1.contains("`max_duration`"), "{report:?}");
    }
    let codes: Vec<Code> = nightly.failures.iter().map(|failure: &Failure| failure.code).collect();
    assert_eq!(codes, [Code::SnapshotRunning], "{report:?}");
    assert_eq!(deleted(of(&report, "weekly")), OLDEST.map(|slot| format!("weekly-{slot}")), "{report:?}");
    assert!(sent.iter().all(|seen| seen.path_and_query.contains("-second/")), "{sent:?}");
}

/// Within a limit of time: the snapshot is pending, and the next run deletes.
#[tokio::test]
async fn deletions_behind_a_snapshot_that_goes_on_are_left_to_the_next_run() {
    let world = World::on(WITH_S3).await;
    take_history(&world, "nightly").await;
    world.set_clock(at(NOW), 0);
    let held = world.hold("nightly", "2026-03-10T03:00:00Z").await;
    let policies = policies([world.settings("nightly")]);
    let options = RunOptions { apply: options(), only: vec![], at: at(NOW) };
    let report = run(&world.fleet, &policies, &options, Deadline::after(Duration::from_secs(12)), &Silent).await;
    let sent = world.seen("DELETE").len();
    world.let_go().await;
    assert_eq!((report.verdict(), sent), (Ok(()), 0), "{report:?}");
    let nightly = of(&report, "nightly");
    assert_eq!(nightly.pending.len(), 1, "{report:?}");
    assert_eq!(left(nightly).iter().filter(|(_, why)| why.contains(&held)).count(), 2, "{report:?}");
    assert!(nightly.warnings.iter().any(|warning| warning.contains("the next run goes on")), "{report:?}");

    let next = world.run(&policies, NOW).await;
    assert_eq!(deleted(of(&next, "nightly")), OLDEST.map(|slot| format!("nightly-{slot}")), "{next:?}");
}

/// Where runs come again by themselves, another policy's slot ends the wait, and nothing is amiss.
#[tokio::test]
async fn a_run_gives_way_to_the_next_slot_of_another_policy() {
    let now = "2026-03-10T03:05:45Z";
    let world = World::on(WITH_S3).await;
    take_history(&world, "nightly").await;
    take_history(&world, "often").await;
    world.take_for("often", "2026-03-10T02:06:00Z").await;
    world.set_clock(at(now), 0);
    let held = world.hold("nightly", "2026-03-10T03:00:00Z").await;
    let often = PolicySettings { schedule: Some(schedule("6 * * * *")), ..world.settings("often") };
    let all = policies([world.settings("nightly"), often]);
    let giving_way = async |only: &[&str]| {
        world.set_clock(at(now), 0);
        let apply = ApplyOptions { wait: Wait::ToTheNextSlot, ..options() };
        let only = only.iter().map(|name| (*name).to_owned()).collect();
        let options = RunOptions { apply, only, at: at(now) };
        let whole = run(&world.fleet, &all, &options, minutes(60), &Silent);
        let report = tokio::time::timeout(Duration::from_mins(3), whole).await.unwrap();
        assert_eq!((report.verdict(), world.seen("DELETE").len()), (Ok(()), 0), "{report:?}");
        report
    };
    let behind = |report: &RunReport, policy: &str| {
        left(of(report, policy))
            .iter()
            .filter(|(_, why)| why.contains("nothing is deleted") && why.contains(&held))
            .count()
    };
    let report = giving_way(&[]).await;
    let nightly = of(&report, "nightly");
    assert_eq!(nightly.pending.iter().map(|taken| &taken.snapshot).collect::<Vec<_>>(), [&held], "{report:?}");
    for (policy, count) in [("nightly", 2), ("often", 3)] {
        assert_eq!(behind(&report, policy), count, "{report:?}");
    }
    // Alone: what it deletes waits behind the other's until its own next slot; the other's own run goes on with that.
    let report = giving_way(&["often"]).await;
    world.let_go().await;
    assert_eq!(behind(&report, "often"), 3, "{report:?}");
}
