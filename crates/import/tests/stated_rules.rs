//! What Snapshot Management and SLM say that they delete, by their documentation, beside what their imported examples plan.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use snapkeep_config::Config;
use snapkeep_core::inventory::{Cluster, Inventory, Repository};
use snapkeep_core::plan::{Options, make};
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_import::{Target, read};
use std::collections::BTreeSet;

const SM: &str = include_str!("examples/sm-documentation.json");
const SLM: &str = include_str!("examples/slm-documentation.json");

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// Snapshots of so many hours ago with these states, named as the tool would.
fn snapshots(list: &[(i64, State)], name: fn(Timestamp, usize) -> String) -> Vec<Snapshot> {
    let one = |(at, (hours, state)): (usize, &(i64, State))| {
        // No two begin at one moment.
        let start = now() - SignedDuration::from_hours(*hours) - SignedDuration::from_secs(i64::try_from(at).unwrap());
        Snapshot {
            uuid: Some(format!("uuid-{at}")),
            state: Some(*state),
            started_at: Some(start),
            ..Snapshot::named(name(start, at))
        }
    };
    list.iter().enumerate().map(one).collect()
}

/// What the imported policy deletes.
fn ours(text: &str, name: &str, repository: &str, snapshots: &[Snapshot]) -> BTreeSet<String> {
    let target = Target { cluster: "main".into(), endpoint: None, schedule: None, timezone: None, name: None };
    let config = Config::parse(&read(text, &target).unwrap().yaml()).unwrap();
    let seen = Repository { snapshots: snapshots.to_vec(), ..Repository::default() };
    let cluster = Cluster {
        skew: Some(SignedDuration::ZERO),
        concurrent: true,
        has_metadata: true,
        repositories: [(repository.to_owned(), seen)].into(),
        indices: Vec::new(),
    };
    let inventory = Inventory { clusters: [("main".to_owned(), cluster)].into() };
    let plan = make(&[config.policies[name].clone()], &inventory, &Options::default(), now());
    plan.deletes().map(|delete| delete.snapshot.clone()).collect()
}

/// So many of those that fit `counts` began later.
fn newer(one: &Snapshot, all: &[Snapshot], counts: fn(&Snapshot) -> bool) -> usize {
    all.iter().filter(|other| counts(other) && other.started_at > one.started_at).count()
}

fn is_good(one: &Snapshot) -> bool {
    one.state == Some(State::Success)
}

fn is_older(one: &Snapshot, days: i64) -> bool {
    now().duration_since(one.started_at.unwrap()) > SignedDuration::from_hours(24 * days)
}

/// `max_age` 7d, `max_count` 21, `min_count` 7: whatever is over an age or a count goes, whatever its state; 7 stay.
fn by_sm(one: &Snapshot, all: &[Snapshot]) -> bool {
    let place = newer(one, all, |_| true);
    place >= 7 && (place >= 21 || is_older(one, 7))
}

/// `expire_after` 30d, `min_count` 5, `max_count` 50: both count SUCCESS only; others expire by age.
fn by_slm(one: &Snapshot, all: &[Snapshot]) -> bool {
    let place = newer(one, all, is_good);
    if is_good(one) { place >= 5 && (place >= 50 || is_older(one, 30)) } else { is_older(one, 30) }
}

fn of_sm(start: Timestamp, at: usize) -> String {
    format!("daily-policy-{}-{at:08}", start.strftime("%Y-%m-%d-%H:%M"))
}

fn of_slm(start: Timestamp, at: usize) -> String {
    format!("daily-snap-{}-abcdefghijklmn_p-q{at:04}", start.strftime("%Y.%m.%d"))
}

fn goes(all: &[Snapshot], rule: fn(&Snapshot, &[Snapshot]) -> bool) -> BTreeSet<String> {
    all.iter().filter(|one| rule(one, all)).map(|one| one.name.clone()).collect()
}

fn any_list(days: i64) -> impl Strategy<Value = Vec<(i64, State)>> {
    let state = prop_oneof![4 => Just(State::Success), 1 => Just(State::Failed), 1 => Just(State::Partial)];
    prop::collection::vec((1..days * 24, state), 0..90)
}

proptest! {
    /// Where all are good, the same goes; else no SUCCESS goes that it would keep, and no other that is younger than its age.
    #[test]
    fn snapshot_management(list in any_list(20), only_good in any::<bool>()) {
        let list: Vec<_> = list.into_iter().map(|(hours, state)| (hours, if only_good { State::Success } else { state })).collect();
        let all = snapshots(&list, of_sm);
        let (ours, theirs) = (ours(SM, "daily-policy", "s3-repo", &all), goes(&all, by_sm));
        if only_good {
            prop_assert_eq!(&ours, &theirs);
        }
        for one in all.iter().filter(|one| ours.contains(&one.name)) {
            prop_assert!(theirs.contains(&one.name) || !is_good(one) && is_older(one, 7), "{:?}", one);
        }
    }

    /// The same goes, but for FAILED and PARTIAL ones that no newer SUCCESS stands in for.
    #[test]
    fn slm(list in any_list(60)) {
        let all = snapshots(&list, of_slm);
        let has_newer = |one: &&String| all.iter().any(|s| s.name == **one && (is_good(s) || newer(s, &all, is_good) > 0));
        let theirs: BTreeSet<String> = goes(&all, by_slm).iter().filter(has_newer).cloned().collect();
        prop_assert_eq!(ours(SLM, "daily-snapshots", "my_repository", &all), theirs);
    }
}

/// Names that only begin alike are nobody's.
#[test]
fn other_policies_snapshots_are_left_alone() {
    let named = |name: fn(Timestamp, usize) -> String| snapshots(&[(2_000, State::Success), (1, State::Success)], name);
    for name in [
        (|_, at| format!("daily-policy-eu-2026-01-01-00:00-{at:08}")) as fn(Timestamp, usize) -> String,
        |_, at| format!("daily-policy-{at}"),
        |_, at| format!("xdaily-policy-2026-01-01-00:00-{at:08}"),
    ] {
        assert!(ours(SM, "daily-policy", "s3-repo", &named(name)).is_empty());
    }
    let eu = named(|start, at| format!("daily-snap-eu-{}-abcdefghijklmn_p-q{at:04}", start.strftime("%Y.%m.%d")));
    assert!(ours(SLM, "daily-snapshots", "my_repository", &eu).is_empty());
}
