use super::*;
use crate::drill::{Drill, Outcome};
use crate::policy::Policy;
use crate::schedule::Schedule;
use crate::testing::{at, begun, marked, record, settings};
use jiff::tz::TimeZone;

fn stretch(from: &str, to: &str, now: &str) -> Stretch {
    Stretch { from: at(from), to: at(to), now: at(now) }
}

fn policy() -> Policy {
    Policy::new(settings("nightly")).unwrap()
}

fn night(day: &str) -> Snapshot {
    let slot = format!("2026-01-{day}T03:00:00Z");
    marked("nightly", at(&slot), 1, &slot)
}

fn of(policy: &Policy, snapshots: &[Snapshot], stretch: &Stretch) -> PolicyAudit {
    let evidence = Evidence { policy, cluster: "prod", has_metadata: true, snapshots, records: &[] };
    audit(&evidence, stretch)
}

#[test]
fn a_slot_without_its_snapshot_is_missed_only_if_it_would_still_be_there() {
    // Daily, three days are kept. Of the 17th to the 20th, the 19th was missed; that of the 15th is gone by the rules.
    let snapshots = [night("17"), night("18"), night("20")];
    let found =
        of(&policy(), &snapshots, &stretch("2026-01-15T00:00:00Z", "2026-01-21T00:00:00Z", "2026-01-20T12:00:00Z"));
    assert_eq!((found.slots.due, found.slots.met, found.slots.missed, found.slots.untold), (6, 3, 1, 2));
    assert_eq!(found.slots.promised_interval_s, Some(86_400));
    assert_eq!((found.points.count, found.points.longest_s), (3, Some(2 * 86_400)));
    assert_eq!(found.points.longest_from, Some(at("2026-01-18T03:00:00Z")));
    assert_eq!(found.points.age_at_end_s, Some(9 * 3_600));
    let [gap] = &found.gaps[..] else { panic!("{:?}", found.gaps) };
    assert_eq!((gap.first, gap.slots), (at("2026-01-19T03:00:00Z"), 1));
    assert_eq!(gap.good_before, Some(at("2026-01-18T03:00:00Z")));
    assert_eq!(gap.good_after, Some(at("2026-01-20T03:00:00Z")));
    assert_eq!(found.kept(), Kept::No);
}

#[test]
fn the_first_slot_after_a_time_is_the_one_at_its_end() {
    let mut settings = settings("nightly");
    settings.schedule = Some(Schedule::parse("0 0 * * *", TimeZone::UTC).unwrap());
    let policy = Policy::new(settings).unwrap();
    let month = stretch("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let found = of(&policy, &[], &month);
    assert_eq!((found.slots.due, found.slots.promised_interval_s), (31, Some(86_400)));
}

#[test]
fn the_slot_that_is_not_over_is_no_gap() {
    let mut settings = settings("nightly");
    settings.limits.start_window = Some(crate::period::Period::hours(2));
    let policy = Policy::new(settings).unwrap();
    let snapshots = [night("18"), night("19")];
    let at_four = stretch("2026-01-18T00:00:00Z", "2026-01-21T00:00:00Z", "2026-01-20T04:00:00Z");
    assert_eq!(of(&policy, &snapshots, &at_four).slots.pending, 1);
    let at_six = Stretch { now: at("2026-01-20T06:00:00Z"), ..at_four };
    assert_eq!(of(&policy, &snapshots, &at_six).slots.missed, 1);
}

#[test]
fn what_failed_is_listed_and_is_no_recovery_point() {
    let slot = at("2026-01-19T03:00:00Z");
    let failed = Snapshot { state: Some(State::Partial), ..marked("nightly", slot, 1, "2026-01-19T03:00:00Z") };
    let foreign = begun("other", State::Failed, "2026-01-19T04:00:00Z");
    let found = of(
        &policy(),
        &[night("18"), failed, foreign],
        &stretch("2026-01-18T00:00:00Z", "2026-01-20T00:00:00Z", "2026-01-20T04:00:00Z"),
    );
    assert_eq!(found.failures.iter().map(|one| one.state).collect::<Vec<_>>(), [State::Partial]);
    assert_eq!((found.slots.missed, found.points.count), (1, 1));
}

#[test]
fn without_a_schedule_nothing_is_promised() {
    let policy = Policy::new(crate::policy::Settings { schedule: None, ..settings("nightly") }).unwrap();
    let found = of(&policy, &[], &stretch("2026-01-18T00:00:00Z", "2026-01-20T00:00:00Z", "2026-01-20T00:00:00Z"));
    assert_eq!(found.slots, Slots::default());
    assert_eq!((found.points.longest_s, found.kept()), (None, Kept::Yes));
}

#[test]
fn what_nobody_can_tell_is_no_promise_kept() {
    let past = stretch("2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z", "2026-01-20T12:00:00Z");
    let found = of(&policy(), &[night("18"), night("19"), night("20")], &past);
    assert_eq!((found.slots.due, found.slots.untold, found.kept()), (7, 7, Kept::Untold));
}

fn drilled(id: &str, slot: Option<&str>, began: &str, outcome: Outcome) -> Record {
    Record {
        slot: slot.map(at),
        recovery_time_s: (outcome == Outcome::Passed).then_some(12.5),
        ..record(id, "nightly", outcome, began)
    }
}

fn of_drills(records: &[Record], stretch: &Stretch) -> Drills {
    let drill = Drill { schedule: Some(Schedule::parse("0 6 * * *", TimeZone::UTC).unwrap()), ..Drill::default() };
    let policy = Policy::new(crate::policy::Settings { drill: Some(drill), ..settings("nightly") }).unwrap();
    audit(&Evidence { policy: &policy, cluster: "prod", has_metadata: true, snapshots: &[], records }, stretch).drills
}

#[test]
fn a_slot_is_drilled_by_its_own_drill_and_by_no_other() {
    let week = stretch("2026-01-01T00:00:00Z", "2026-01-06T00:00:00Z", "2026-01-05T12:00:00Z");
    let daily = |day: &str, outcome| {
        let slot = format!("2026-01-{day}T06:00:00Z");
        drilled(day, Some(&slot), &slot, outcome)
    };
    let asked = drilled("asked", None, "2026-01-03T15:00:00Z", Outcome::Passed);
    // The 1st lies before the first drill; the 3rd was not drilled, whatever somebody asked for; the 5th may still be.
    let found = of_drills(&[daily("02", Outcome::Passed), asked.clone(), daily("04", Outcome::Passed)], &week);
    assert_eq!(
        (found.promised, found.met, found.unmet, found.missed, found.untold, found.pending),
        (5, 2, 0, 1, 1, 1),
        "{found:?}"
    );
    assert_eq!((found.passed, found.longest_recovery_s, found.kept), (3, Some(12.5), Kept::No));

    let all = [daily("01", Outcome::Passed), daily("02", Outcome::Passed), daily("03", Outcome::Interrupted)];
    let mut again = daily("03", Outcome::Passed);
    again.attempt = 2;
    let rest = [again, daily("04", Outcome::Passed), daily("05", Outcome::Passed)];
    let found = of_drills(&[&all[..], &rest[..]].concat(), &week);
    assert_eq!((found.met, found.interrupted, found.kept), (5, 1, Kept::Yes), "{found:?}");

    let failed = drilled("bad", None, "2026-01-03T15:00:00Z", Outcome::Failed);
    let found = of_drills(&[&all[..2], &rest[..], &[failed]].concat(), &week);
    assert_eq!((found.met, found.failed, found.kept), (5, 1, Kept::No));
    assert_eq!(of_drills(&[], &week).missed, 4);
    let other = Record { cluster: "other".to_owned(), ..asked };
    assert_eq!(of_drills(&[other], &week).records, []);
}
