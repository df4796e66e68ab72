//! Forty days, twice a day, with days that were missed, a bad one and one of a wrong clock: at the end exactly what
//! a list written by hand says.

use crate::world::{Policies, World, created, deleted, including, nodes, of, options, policies, schedule};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use snapkeep_core::Code;
use snapkeep_core::policy::{FirstDelete, Limits};
use snapkeep_core::retention::{Count, Keep};
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{ApplyOptions, RunOptions, RunReport, run};
use std::collections::BTreeSet;

/// What nobody may touch: others' snapshots, with names that come near.
const FOREIGN: &[&str] =
    &["manual-1", "nightly", "nightly-20251230t030000z", "nightly-before-upgrade", "nightly-eu-20260101t030000z-copy"];

/// By hand: seven days, the newest of each of four weeks (Monday to Sunday), the newest of each of three months.
/// 25 January is the day of the wrong clock, 20 January the bad one, 14 and 15 January were missed.
const NIGHTLY: &[&str] = &[
    "nightly-20260125t030000z", // the week from 19 January
    "nightly-20260131t030000z", // January
    "nightly-20260201t030000z", // the week from 26 January
    "nightly-20260203t030000z",
    "nightly-20260204t030000z",
    "nightly-20260205t030000z",
    "nightly-20260206t030000z",
    "nightly-20260207t030000z",
    "nightly-20260208t030000z", // also the week from 2 February
    "nightly-20260209t030000z", // also the week from 9 February, and February
];

/// The last four, and one that was taken after the last plan was made.
const NIGHTLY_EU: &[&str] = &[
    "nightly-eu-20260207t120000z",
    "nightly-eu-20260208t000000z",
    "nightly-eu-20260208t120000z",
    "nightly-eu-20260209t000000z",
    "nightly-eu-20260209t120000z",
];

fn both(world: &World) -> Policies {
    let mut nightly = world.settings("nightly");
    nightly.indices = including(&format!("{}*", world.index));
    nightly.partial = true;
    nightly.first_delete = FirstDelete::Confirm;
    nightly.limits = Limits { max_attempts: 2, ..Limits::default() };
    let (seven, four, three) = (Some(Count::Of(7)), Some(Count::Of(4)), Some(Count::Of(3)));
    nightly.keep = Some(Keep { daily: seven, weekly: four, monthly: three, ..Keep::default() });
    let mut eu = world.settings("nightly-eu");
    eu.schedule = Some(schedule("every 12h"));
    eu.keep = Some(Keep { last: four, ..Keep::default() });
    policies([nightly, eu])
}

/// What the days have brought.
#[derive(Default)]
struct Tally {
    created: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, report: &RunReport) {
        for policy in &report.policies {
            for taken in &policy.created {
                assert!(self.created.insert(taken.snapshot.clone()), "{} was taken twice", taken.snapshot);
            }
            for gone in &policy.deleted {
                assert!(!gone.reasons.is_empty(), "{gone:?}");
                assert!(self.deleted.insert(gone.snapshot.clone()), "{} was deleted twice", gone.snapshot);
            }
        }
    }
}

struct Days<'w> {
    world: &'w World,
    policies: Policies,
    tally: Tally,
}

impl Days<'_> {
    /// One run, by a server whose clock is so many seconds ahead.
    async fn run(&mut self, now: Timestamp, ahead: i64, yes: bool) -> RunReport {
        self.world.set_clock(now, ahead);
        let options = RunOptions { apply: ApplyOptions { yes, ..options() }, only: vec![], at: now };
        let report = run(&self.world.fleet, &self.policies, &options, crate::world::minutes(2), &Silent).await;
        self.tally.add(&report);
        report
    }

    async fn day(&mut self, number: i64) {
        let day = date(2026, 1, 1).checked_add((number - 1).days()).unwrap();
        let time = |hour, minute| day.at(hour, minute, 0, 0).in_tz("UTC").unwrap().timestamp();
        match number {
            14 | 15 => {}
            20 => self.bad_day(time(3, 10)).await,
            25 => {
                let report = self.run(time(3, 10), 3_600, false).await;
                for policy in &report.policies {
                    assert_eq!((created(policy).len(), deleted(policy).len()), (1, 0), "{report:?}");
                }
                let eu = of(&report, "nightly-eu");
                assert!(eu.warnings.iter().any(|warning| warning.contains("clock")), "{report:?}");
                self.good(time(12, 10), false).await;
            }
            number => {
                self.good(time(3, 10), number == 10).await;
                self.good(time(12, 10), false).await;
            }
        }
    }

    async fn good(&mut self, now: Timestamp, yes: bool) {
        let report = self.run(now, 0, yes).await;
        assert_eq!(report.verdict(), Ok(()), "{now}: {report:?}");
        let due = if now.strftime("%H").to_string() == "03" { 2 } else { 1 };
        let taken: usize = report.policies.iter().map(|policy| policy.created.len()).sum();
        assert_eq!(taken, due, "{now}: {report:?}");
    }

    /// An index without a shard: both attempts are PARTIAL, and nothing good goes for them.
    async fn bad_day(&mut self, now: Timestamp) {
        let red = self.world.add_red_index().await;
        for minutes in [0, 20] {
            let report = self.run(now + SignedDuration::from_mins(minutes), 0, false).await;
            assert_eq!(report.verdict().unwrap_err().code, Code::SnapshotPartial, "{report:?}");
            let nightly = of(&report, "nightly");
            assert!(
                nightly.warnings.iter().any(|warning| warning.contains("primary shards are missing")),
                "{report:?}"
            );
        }
        let third = self.run(now + SignedDuration::from_mins(40), 0, false).await;
        assert!(of(&third, "nightly").created.is_empty(), "{third:?}");
        self.world.remove_index(&red).await;
    }
}

async fn forty_days(node: &str) {
    let world = World::on(node).await;
    for foreign in FOREIGN {
        world.take(foreign, "2025-12-30T03:00:00Z").await;
    }
    let mut days = Days { world: &world, policies: both(&world), tally: Tally::default() };
    for number in 1..=40 {
        if number == 10 {
            let nightly = days.tally.deleted.iter().filter(|name| !name.starts_with("nightly-eu"));
            assert_eq!(nightly.count(), 0, "{node}: before anybody said yes");
        }
        days.day(number).await;
    }
    let mut expected: Vec<&str> = [FOREIGN, NIGHTLY, NIGHTLY_EU].concat();
    expected.sort_unstable();
    assert_eq!(world.snapshots().await, expected, "{node}");
    let Tally { created, deleted } = days.tally;
    let left: Vec<&String> = created.difference(&deleted).collect();
    let mut own: Vec<&str> = [NIGHTLY, NIGHTLY_EU].concat();
    own.sort_unstable();
    assert_eq!(left, own, "{node}");
    assert!(deleted.is_subset(&created), "{node}: nothing but what was taken");
    assert!(deleted.contains("nightly-20260120t030000z") && deleted.contains("nightly-20260120t030000z-r2"), "{node}");
    world.assert_deletes_are_exact();
}

#[tokio::test]
async fn after_forty_days_there_is_exactly_what_was_meant_to_stay() {
    for node in nodes() {
        forty_days(node).await;
    }
}
