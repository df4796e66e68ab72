//! Plans from files: of clusters that could not be seen, and changed by hand.

use crate::world::{
    CLUSTER, Policies, WITH_S3, World, api, at, created, deleted, minutes, nobody, of, options, policies,
};
use snapkeep_core::Code;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::plan::{Options, Plan, Step};
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{Fleet, apply, decide, gather};
use std::collections::BTreeMap;

const NOW: &str = "2026-03-10T03:05:00Z";

async fn planned(fleet: &Fleet<'_>, policies: &Policies) -> Plan {
    let gathered = gather(fleet, policies, &[], at(NOW), minutes(1), &Silent).await;
    decide(policies, &gathered, &[], &Options::default(), at(NOW))
}

#[tokio::test]
async fn what_a_plan_has_not_seen_fails_its_apply() {
    let world = World::on(WITH_S3).await;
    world.set_clock(at(NOW), 0);
    let nobody = nobody().await;
    let away = Fleet::new(BTreeMap::from([(CLUSTER.to_owned(), api(&nobody.url()))]));
    let nightly = policies([world.settings("nightly")]);
    let unseen = planned(&away, &nightly).await;
    let report = apply(&world.fleet, &nightly, &unseen, &options(), at(NOW), minutes(1), &Silent).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::ClusterUnavailable, "{report:?}");
    let report = apply(&away, &nightly, &unseen, &options(), at(NOW), minutes(1), &Silent).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::ClusterUnavailable, "{report:?}");
    assert!(of(&report, "nightly").failures.is_empty(), "the cluster's failure says it all: {report:?}");

    let mut lost = world.settings("lost");
    lost.repository = RepositoryName::parse("nowhere").unwrap();
    let both = policies([lost, world.settings("nightly")]);
    let unseen = planned(&world.fleet, &both).await;
    let report = apply(&world.fleet, &both, &unseen, &options(), at(NOW), minutes(1), &Silent).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::RepositoryMissing, "{report:?}");
    assert_eq!(of(&report, "lost").failures.len(), 1, "{report:?}");
    assert_eq!(created(of(&report, "nightly")), ["nightly-20260310t030000z"], "{report:?}");
}

/// Each step alone would be permitted: together they are not.
#[tokio::test]
async fn a_plan_is_judged_as_a_whole_before_anything_is_done() {
    let world = World::on(WITH_S3).await;
    for day in 1..=9 {
        world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
    }
    world.set_clock(at(NOW), 0);
    let nightly = policies([world.settings("nightly")]);
    let mut plan = planned(&world.fleet, &nightly).await;
    assert_eq!((plan.creates().count(), plan.deletes().count()), (1, 2));
    let twice = plan.deletes().next().unwrap().clone();
    plan.steps.push(Step::Delete(twice.clone()));
    let report = apply(&world.fleet, &nightly, &plan, &options(), at(NOW), minutes(1), &Silent).await;
    assert_eq!(report.verdict().unwrap_err().code, Code::PlanStale, "{report:?}");
    let nightly = of(&report, "nightly");
    assert_eq!((created(nightly).len(), deleted(nightly).len(), nightly.skipped.len()), (1, 1, 1), "{report:?}");
    assert!(world.snapshots().await.contains(&twice.snapshot), "{report:?}");
}
