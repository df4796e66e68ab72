//! Forty days, twice a day, with days that were missed, a bad one and one of a wrong clock: at the end exactly what
//! a list written by hand says, each for the reasons that stand there.

use crate::world::{Policies, World, created, deleted, including, of, options, policies, schedule};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use snapkeep_core::Code;
use snapkeep_core::policy::{FirstDelete, Limits};
use snapkeep_core::retention::{Count, Keep};
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{ApplyOptions, RunOptions, RunReport, decide, gather, run};
use snapkeep_testbed::{Product, Release, release};
use std::collections::{BTreeMap, BTreeSet};

/// A snapshot and why it stays, or goes, as a plan or a report prints it.
type Verdict = (&'static str, &'static str);

/// What nobody may touch: others' snapshots, with names that come near.
const FOREIGN: &[Verdict] = &[
    ("manual-1", NO_POLICYS),
    ("nightly", NO_POLICYS),
    ("nightly-20251230t030000z", "foreign: the name is a policy's, but the metadata holds no mark of it"),
    ("nightly-before-upgrade", NO_POLICYS),
    ("nightly-eu-20260101t030000z-copy", NO_POLICYS),
];
const NO_POLICYS: &str = "foreign: its name is no policy's here";

/// By hand: seven days, the newest of each of four weeks (Monday to Sunday), the newest of each of three months.
/// 25 January is the day of the wrong clock, 20 January the bad one, 14 and 15 January were missed.
const NIGHTLY: &[Verdict] = &[
    ("nightly-20260125t030000z", "weekly: the newest of the week from 2026-01-19"),
    ("nightly-20260131t030000z", "monthly: the newest of the month 2026-01"),
    ("nightly-20260201t030000z", "weekly: the newest of the week from 2026-01-26"),
    ("nightly-20260203t030000z", "daily: the newest of the day 2026-02-03"),
    ("nightly-20260204t030000z", "daily: the newest of the day 2026-02-04"),
    ("nightly-20260205t030000z", "daily: the newest of the day 2026-02-05"),
    ("nightly-20260206t030000z", "daily: the newest of the day 2026-02-06"),
    ("nightly-20260207t030000z", "daily: the newest of the day 2026-02-07"),
    (
        "nightly-20260208t030000z",
        "daily: the newest of the day 2026-02-08; weekly: the newest of the week from 2026-02-02",
    ),
    (
        "nightly-20260209t030000z",
        "it stands for the slot that is due; the newest SUCCESS; floor: the newest SUCCESS; \
         daily: the newest of the day 2026-02-09; weekly: the newest of the week from 2026-02-09; \
         monthly: the newest of the month 2026-02",
    ),
];

/// The last four.
const NIGHTLY_EU: &[Verdict] = &[
    ("nightly-eu-20260208t000000z", "last: number 4 from the newest"),
    ("nightly-eu-20260208t120000z", "last: number 3 from the newest"),
    ("nightly-eu-20260209t000000z", "last: number 2 from the newest"),
    (
        "nightly-eu-20260209t120000z",
        "it stands for the slot that is due; the newest SUCCESS; floor: the newest SUCCESS; \
         last: number 1 from the newest",
    ),
];

/// What the last run's plan still counted among the last four: the next one's turn.
const NEXT: Verdict = ("nightly-eu-20260207t120000z", UNWANTED);

/// Why all that went did, but for the bad day's two.
const UNWANTED: &str = "no keep rule wants it";
const BAD_DAY: &[Verdict] = &[
    ("nightly-20260120t030000z", "not successful, and nightly-20260121t030000z is a newer SUCCESS"),
    ("nightly-20260120t030000z-r2", "not successful, and nightly-20260121t030000z is a newer SUCCESS"),
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
    /// With the reasons that the run printed.
    deleted: BTreeMap<String, String>,
}

fn joined<T: ToString>(reasons: &[T]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Tally {
    fn add(&mut self, report: &RunReport) {
        for policy in &report.policies {
            for taken in &policy.created {
                assert!(self.created.insert(taken.snapshot.clone()), "{} was taken twice", taken.snapshot);
            }
            for gone in &policy.deleted {
                let before = self.deleted.insert(gone.snapshot.clone(), joined(&gone.reasons));
                assert_eq!(before, None, "{} was deleted twice", gone.snapshot);
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

async fn forty_days(node: &'static str) {
    let world = World::on(node).await;
    for (foreign, _) in FOREIGN {
        world.take(foreign, "2025-12-30T03:00:00Z").await;
    }
    let mut days = Days { world: &world, policies: both(&world), tally: Tally::default() };
    for number in 1..=40 {
        if number == 10 {
            let nightly = days.tally.deleted.keys().filter(|name| !name.starts_with("nightly-eu"));
            assert_eq!(nightly.count(), 0, "{node}: before anybody said yes");
        }
        days.day(number).await;
    }
    let left: BTreeMap<&str, &str> = [FOREIGN, NIGHTLY, NIGHTLY_EU, &[NEXT]].concat().into_iter().collect();
    assert_eq!(world.snapshots().await, left.keys().copied().collect::<Vec<_>>(), "{node}");
    days.tally.check(node);
    days.check_last_plan(node).await;
    world.assert_deletes_are_exact();
}

impl Tally {
    /// All that was taken is there still, or went for the reason that it should.
    fn check(&self, node: &str) {
        let left: BTreeSet<&str> = [NIGHTLY, NIGHTLY_EU, &[NEXT]].concat().into_iter().map(|(name, _)| name).collect();
        let bad_day: BTreeMap<&str, &str> = BAD_DAY.iter().copied().collect();
        let gone = self.created.iter().map(String::as_str).filter(|name| !left.contains(name));
        let expected: BTreeMap<String, String> =
            gone.map(|name| (name.to_owned(), bad_day.get(name).copied().unwrap_or(UNWANTED).to_owned())).collect();
        assert_eq!(self.deleted, expected, "{node}");
        assert!(BAD_DAY.iter().all(|(name, _)| self.created.contains(*name)), "{node}");
    }
}

impl Days<'_> {
    /// What a plan prints of each snapshot that is left.
    async fn check_last_plan(&self, node: &str) {
        let now = "2026-02-09T12:20:00Z".parse().unwrap();
        self.world.set_clock(now, 0);
        let deadline = crate::world::minutes(1);
        let gathered = gather(&self.world.fleet, &self.policies, &[], now, deadline, &Silent).await;
        let plan = decide(&self.policies, &gathered, &[], &snapkeep_core::plan::Options::default(), now);
        let kept = plan.kept.iter().map(|kept| (kept.snapshot.as_str(), joined(&kept.reasons)));
        let expected = [FOREIGN, NIGHTLY, NIGHTLY_EU].concat();
        let expected: BTreeMap<&str, String> = expected.into_iter().map(|(name, why)| (name, why.to_owned())).collect();
        assert_eq!(kept.collect::<BTreeMap<_, _>>(), expected, "{node}");
        let doomed: Vec<_> = plan.deletes().map(|delete| (delete.snapshot.as_str(), joined(&delete.reasons))).collect();
        assert_eq!(doomed, [(NEXT.0, NEXT.1.to_owned())], "{node}");
        assert_eq!(plan.creates().count(), 0, "{node}: {plan:?}");
    }
}

/// Nodes that have their days at the same time: each waits for its node, and the machine is not to be what all wait for.
const AT_ONCE: usize = 2;

/// From 7.3 on, snapshots keep metadata. Before, the list would be another one: a yes to delete is remembered nowhere, and a
/// name that is a policy's is the policy's, without any mark.
fn has_metadata(release: &Release) -> bool {
    release.product == Product::OpenSearch || release.major > 6
}

#[tokio::test]
async fn after_forty_days_there_is_exactly_what_was_meant_to_stay() {
    let nodes: Vec<_> = release::of_this_run().iter().filter(|release| has_metadata(release)).collect();
    for some in nodes.chunks(AT_ONCE) {
        let all = tokio::task::LocalSet::new();
        let each: Vec<_> = some.iter().map(|release| all.spawn_local(forty_days(release.name))).collect();
        all.await;
        for one in each {
            one.await.unwrap();
        }
    }
}
