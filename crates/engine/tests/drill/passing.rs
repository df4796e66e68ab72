//! What a drill finds.

use crate::stage::nodes;
use crate::world::World;
use jiff::tz::TimeZone;
use serde_json::json;
use snapkeep_core::drill::{Check, Drill, Outcome, PREFIX, Query, Said};
use snapkeep_core::pattern::Pattern;
use snapkeep_core::schedule::Schedule;

fn check(query: Option<&str>, at_least: u64) -> Check {
    Check {
        index: Pattern::parse("*").unwrap(),
        query: query.map(|text| Query::parse(text).unwrap()),
        at_least: Some(at_least),
        at_most: None,
    }
}

#[tokio::test]
async fn a_drill_restores_checks_times_and_removes() {
    for node in nodes() {
        let checks = vec![check(None, 20), check(Some(r#"{"match_all": {}}"#), 20), check(Some("*:*"), 20)];
        let world = World::on(node, Drill { checks, ..Drill::default() }).await;
        let report = world.drill(true, "first").await;
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        let [record] = &report.drills[..] else { panic!("{node}: {report:?}") };
        assert_eq!(record.outcome, Outcome::Passed, "{node}: {record:?}");
        assert_eq!(record.items[0].documents, Some(20), "{node}: {record:?}");
        assert!(record.recovery_time_s.is_some() && record.recovery_point_age_s.is_some(), "{node}: {record:?}");
        assert!(record.checks.iter().all(|checked| checked.said == Said::Holds), "{node}: {record:?}");
        assert!(record.removed, "{node}: {record:?}");
        assert_eq!(world.left().await, Vec::<String>::new(), "{node}");
        assert_eq!(world.stage.node.count(&world.stage.index).await, 20, "{node}");
        assert_eq!(world.records().await, report.drills, "{node}");
        let restores = world.stage.asked("/_restore");
        let again = world.drill(true, "first").await;
        assert_eq!(
            (&again.drills, world.stage.asked("/_restore")),
            (&report.drills, restores),
            "{node}: a repeated delivery"
        );
        world.clear().await;
    }
}

#[tokio::test]
async fn a_slot_is_drilled_once_and_a_check_that_fails_is_a_finding() {
    for node in nodes() {
        let schedule = Some(Schedule::parse("every 365d", TimeZone::UTC).unwrap());
        let world = World::on(node, Drill { schedule, checks: vec![check(None, 21)], ..Drill::default() }).await;
        let first = world.drill(false, "first").await;
        let failure = first.verdict().unwrap_err();
        assert!(failure.cause.contains("found 20"), "{node}: {failure}");
        assert_eq!(first.drills[0].outcome, Outcome::Failed, "{node}");
        assert_eq!(world.left().await, Vec::<String>::new(), "{node}");
        let second = world.drill(false, "second").await;
        assert!(second.drills.is_empty() && second.failures.is_empty(), "{node}: {second:?}");
        world.clear().await;
    }
}

#[tokio::test]
async fn what_is_only_named_like_a_drills_stays() {
    for node in nodes() {
        let world = World::on(node, Drill::default()).await;
        let decoy = format!("{PREFIX}0123abcd-{}", world.stage.index);
        let (status, answer) = world.stage.node.put(&format!("/{decoy}"), json!({})).await;
        assert_eq!(status, 200, "{node}: {answer}");
        let report = world.drill(true, "first").await;
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        assert!(report.notes.iter().any(|note| note.what.contains(&decoy)), "{node}: {report:?}");
        assert_eq!(world.left().await, std::slice::from_ref(&decoy), "{node}");
        world.stage.node.delete(&format!("/{decoy}")).await;
        world.clear().await;
    }
}
