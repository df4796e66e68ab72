use super::Count::Of;
use super::*;
use crate::period::Period;
use crate::testing::{at, begun};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Snapshots by words: `day` or `dayThh:mm` of January 2026, then `F` or `P` if it was not successful.
fn snapshots(words: &str) -> Vec<Snapshot> {
    words.split_whitespace().map(snapshot).collect()
}

fn snapshot(word: &str) -> Snapshot {
    let (when, state) = match word.trim_end_matches(['F', 'P', 'R']) {
        when if word.ends_with('F') => (when, State::Failed),
        when if word.ends_with('P') => (when, State::Partial),
        when if word.ends_with('R') => (when, State::InProgress),
        when => (when, State::Success),
    };
    let (day, time) = when.split_once('T').unwrap_or((when, "12:00"));
    begun(word, state, &format!("2026-01-{day:0>2}T{time}:00Z"))
}

/// Those whose names end in `x` are adopted.
fn is_adopted(snapshot: &Snapshot) -> bool {
    snapshot.name.ends_with('x')
}

fn free(snapshots: &[Snapshot]) -> Vec<Subject<'_>> {
    let free = |snapshot| Subject { snapshot, ties: Ties::default(), due: false, adopted: is_adopted(snapshot) };
    snapshots.iter().map(free).collect()
}

/// The words that stay, in the order of `words`.
fn stays(keep: &Keep, words: &str, now: &str) -> String {
    keep.check().unwrap();
    let snapshots = snapshots(words);
    let verdicts = apply(keep, &free(&snapshots), at(now), &TimeZone::UTC);
    let kept: BTreeSet<&str> = verdicts.iter().filter(|v| v.keep).map(|v| v.snapshot.name.as_str()).collect();
    assert!(verdicts.iter().all(|verdict| !verdict.reasons.is_empty()));
    words.split_whitespace().filter(|word| kept.contains(word)).collect::<Vec<_>>().join(" ")
}

const NOW: &str = "2026-01-20T13:00:00Z";

/// SLM's documented rules (`expire_after`, `min_count`, `max_count`), case by case. `expire_after` is our `max_age`.
#[test]
fn beside_slm() {
    let keep = |max_age: i32, min_count: u32, max_count: u32| Keep {
        max_age: (max_age > 0).then(|| Period::days(max_age)),
        min_count: (min_count > 0).then_some(min_count),
        max_count: (max_count > 0).then_some(max_count),
        ..Keep::default()
    };
    for (what, keep, words, expected) in [
        ("expired ones go", keep(5, 0, 0), "10 14 15T13:00 16 19", "15T13:00 16 19"),
        ("min_count protects the newest SUCCESS from expiry", keep(5, 3, 0), "8 9 10 11 19", "10 11 19"),
        ("over max_count the oldest go", keep(0, 0, 2), "16 17 18 19", "18 19"),
        ("max_count also deletes what has not expired", keep(30, 0, 2), "16 17 18 19", "18 19"),
        ("only SUCCESS counts for max_count", keep(0, 0, 2), "17 18 19 20F", "18 19 20F"),
        ("only SUCCESS counts for min_count", keep(5, 2, 0), "8 9 10F 11P 19", "9 19"),
        (
            "without expiry, unsuccessful ones older than the newest SUCCESS go",
            keep(0, 0, 9),
            "16F 17P 18 19F",
            "18 19F",
        ),
        ("the last one never expires (SLM: only with min_count)", keep(5, 0, 0), "8 9", "9"),
        ("unsuccessful ones wait for a newer SUCCESS (SLM: they expire)", keep(5, 0, 0), "8F 9P", "8F 9P"),
    ] {
        assert_eq!(stays(&keep, words, NOW), expected, "{what}");
    }
}

/// restic's documented policies, case by case.
#[test]
fn beside_restic() {
    let base = Keep::default();
    for (what, keep, words, expected) in [
        ("keep-last", Keep { last: Some(Of(2)), ..base }, "10 11 12 13", "12 13"),
        (
            "keep-hourly: the newest of an hour",
            Keep { hourly: Some(Of(2)), ..base },
            "18T10:10 18T10:50 18T11:05 18T12:01",
            "18T11:05 18T12:01",
        ),
        (
            "keep-daily: days without any do not count",
            Keep { daily: Some(Of(3)), ..base },
            "2 5 9T01:00 9T23:00",
            "2 5 9T23:00",
        ),
        ("keep-weekly: ISO weeks", Keep { weekly: Some(Of(2)), ..base }, "4 5 11 12 18", "11 18"),
        ("keep-monthly", Keep { monthly: Some(Of(2)), ..base }, "1 15 20", "20"),
        (
            "rules are alternatives",
            Keep { last: Some(Of(1)), daily: Some(Of(2)), ..base },
            "18T01:00 18T02:00 19T01:00 19T02:00",
            "18T02:00 19T02:00",
        ),
        (
            "keep-within: before the newest",
            Keep { within: Some(Period::days(2)), ..base },
            "5 9 10 11T13:00",
            "10 11T13:00",
        ),
        ("unlimited", Keep { daily: Some(Count::All), ..base }, "1T01:00 1T02:00 2 3", "1T02:00 2 3"),
        ("0 turns a rule off", Keep { daily: Some(Of(0)), last: Some(Of(1)), ..base }, "1 2 3", "3"),
        (
            "no oldest one beyond the count's stretches (restic keeps it)",
            Keep { daily: Some(Of(5)), ..base },
            "9T01:00 9T02:00",
            "9T02:00",
        ),
    ] {
        assert_eq!(stays(&keep, words, NOW), expected, "{what}");
    }
}

#[test]
fn limits_win_over_rules_and_the_floor_over_limits() {
    let keep = Keep { daily: Some(Of(30)), max_age: Some(Period::days(5)), min_count: Some(2), ..Keep::default() };
    assert_eq!(stays(&keep, "1 2 3", NOW), "2 3");
    assert_eq!(stays(&keep, "1 2 16 17", NOW), "16 17");
    let counted = Keep { daily: Some(Of(30)), max_count: Some(3), ..Keep::default() };
    assert_eq!(stays(&counted, "17 18 19T01:00 19T02:00 19T03:00", NOW), "19T03:00");
}

#[test]
fn unsuccessful_ones_follow_their_own_rules() {
    let by = |failed, partial| Keep { last: Some(Of(9)), failed, partial, ..Keep::default() };
    let days = |days| Unsuccessful::For(Period::days(days));
    for (keep, words, expected) in [
        (by(Unsuccessful::Superseded, Unsuccessful::Superseded), "17F 18P 19 20F", "19 20F"),
        (by(Unsuccessful::Always, days(2)), "1F 17P 19P 20", "1F 19P 20"),
        (by(days(2), Unsuccessful::Superseded), "1F 19F 19T11:00P 20", "19F 20"),
        (by(days(2), days(2)), "1F 2P", "1F 2P"),
    ] {
        assert_eq!(stays(&keep, words, NOW), expected, "{words}");
    }
    let aged = Keep { max_age: Some(Period::days(3)), ..by(Unsuccessful::Always, Unsuccessful::Always) };
    assert_eq!(stays(&aged, "1F 2P 19F 20", NOW), "19F 20");
}

#[test]
fn what_must_not_be_touched_stays_and_says_why() {
    let keep = Keep { last: Some(Of(1)), max_age: Some(Period::days(1)), ..Keep::default() };
    let mut list = snapshots("1 2 3 4 5R 20");
    list[0].state = None;
    list[1].started_at = None;
    list[2].started_at = Some(at("2027-01-01T00:00:00Z"));
    let mut subjects = free(&list);
    subjects[3].ties = Ties { held: true, mounted: true, restoring: true };
    subjects[3].due = true;
    let verdicts = apply(&keep, &subjects, at(NOW), &TimeZone::UTC);
    let shown: BTreeMap<&str, String> = verdicts
        .iter()
        .map(|verdict| {
            assert!(verdict.keep, "{}", verdict.snapshot.name);
            let reasons: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
            (verdict.snapshot.name.as_str(), reasons.join("; "))
        })
        .collect();
    let expected = [
        ("1", "its state is not known"),
        ("2", "its start is not known"),
        ("20", "the newest SUCCESS; floor: the newest SUCCESS; last: number 1 from the newest"),
        ("3", "it begins in the future"),
        ("4", "legal hold; an index is mounted from it; it is being restored; it stands for the slot that is due"),
        ("5R", "it runs"),
    ];
    assert_eq!(shown, expected.map(|(name, why)| (name, why.to_owned())).into());
}

/// A SUCCESS from the future displaces nothing: neither the newest real one nor what waits for a newer one.
#[test]
fn the_future_counts_for_nothing() {
    let keep = Keep { last: Some(Of(1)), ..Keep::default() };
    assert_eq!(stays(&keep, "17 18 19P 25", NOW), "18 19P 25");
}

#[test]
fn the_calendar_has_its_boundaries_in_the_stated_zone() {
    let keep = Keep { daily: Some(Of(2)), monthly: Some(Of(2)), ..Keep::default() };
    let list = [
        begun("a", State::Success, "2025-12-31T22:30:00Z"),
        begun("b", State::Success, "2025-12-31T23:30:00Z"),
        begun("c", State::Success, "2026-01-01T22:30:00Z"),
        begun("d", State::Success, "2026-01-01T23:30:00Z"),
    ];
    let kept = |zone: &str| {
        let zone = crate::schedule::zone(zone).unwrap();
        let verdicts = apply(&keep, &free(&list), at(NOW), &zone);
        let kept: BTreeSet<&str> = verdicts.iter().filter(|v| v.keep).map(|v| &*v.snapshot.name).collect();
        kept.into_iter().collect::<String>()
    };
    assert_eq!(kept("UTC"), "bd");
    assert_eq!(kept("Europe/Berlin"), "acd");
    assert_eq!(kept("America/New_York"), "bd");
}

#[test]
fn stretches_have_names() {
    let local = "2026-11-23T13:05:09".parse().unwrap();
    let named = [Rule::Hourly, Rule::Daily, Rule::Weekly, Rule::Monthly, Rule::Quarterly, Rule::Yearly]
        .map(|of| Reason::Newest { of, from: of.start_of(local) }.to_string());
    assert_eq!(
        named,
        [
            "hourly: the newest of the hour 2026-11-23 13:00",
            "daily: the newest of the day 2026-11-23",
            "weekly: the newest of the week from 2026-11-23",
            "monthly: the newest of the month 2026-11",
            "quarterly: the newest of the quarter 2026-Q4",
            "yearly: the newest of the year 2026",
        ]
    );
}

#[test]
fn rules_that_cannot_be_meant_are_refused() {
    let base = Keep::default();
    for (keep, part) in [
        (base, "keep nothing"),
        (Keep { daily: Some(Of(0)), ..base }, "keep nothing"),
        (Keep { min_count: Some(3), ..base }, "keep nothing"),
        (Keep { max_count: Some(0), ..base }, "`max_count` is 0"),
        (Keep { min_count: Some(0), last: Some(Of(1)), ..base }, "`min_count` is 0"),
        (Keep { max_count: Some(2), min_count: Some(3), ..base }, "less than"),
    ] {
        assert!(keep.check().unwrap_err().cause.contains(part), "{keep:?}");
    }
    assert!(Keep { max_age: Some(Period::days(1)), ..base }.check().is_ok());
}

fn any_keep() -> impl Strategy<Value = Keep> {
    let count = || prop::option::of(prop_oneof![(0_u32..6).prop_map(Count::Of), Just(Count::All)]);
    let period = || prop::option::of((1_i32..60).prop_map(Period::days));
    let unsuccessful = || {
        prop_oneof![
            Just(Unsuccessful::Superseded),
            Just(Unsuccessful::Always),
            (1_i32..30).prop_map(|days| Unsuccessful::For(Period::days(days))),
        ]
    };
    let counts = (count(), count(), count(), count(), count(), count(), count());
    let limits = (period(), period(), prop::option::of(1_u32..9), prop::option::of(1_u32..5));
    (counts, limits, unsuccessful(), unsuccessful()).prop_map(|(counts, limits, failed, partial)| {
        let (last, hourly, daily, weekly, monthly, quarterly, yearly) = counts;
        let (within, max_age, max_count, min_count) = limits;
        Keep {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            quarterly,
            yearly,
            within,
            max_age,
            max_count,
            min_count,
            failed,
            partial,
        }
    })
}

prop_compose! {
    fn any_snapshots()(
        list in prop::collection::vec((0_i64..90 * 24 * 4, 0_u8..9, 0_u8..4), 0..60),
        with_adopted in any::<bool>(),
    ) -> Vec<Snapshot> {
        list.into_iter().enumerate().map(|(at, (quarter, state, adopted))| {
            let suffix = if with_adopted && adopted == 0 { "x" } else { "" };
            let mut snapshot = begun(&format!("s{at:03}{suffix}"), State::Success, NOW);
            // Up to ten days of them lie in the future.
            let start = super::tests::at(NOW).as_second() + (quarter - 80 * 24 * 4) * 900;
            snapshot.started_at = (state != 8).then(|| Timestamp::from_second(start).unwrap());
            snapshot.state = match state {
                0 => Some(State::Failed),
                1 => Some(State::Partial),
                2 => Some(State::InProgress),
                3 => None,
                _ => Some(State::Success),
            };
            snapshot
        }).collect()
    }
}

/// The rules once more, by the words of the contract: for each snapshot, by counting the others.
fn by_the_book(keep: &Keep, all: &[Snapshot], one: &Snapshot, now: Timestamp) -> bool {
    let counts = |s: &&Snapshot| is_good(s, now) && (is_adopted(one) || !is_adopted(s));
    let good: Vec<&Snapshot> = all.iter().filter(counts).collect();
    let newer = |than: &Snapshot| {
        good.iter().filter(|s| (s.started_at, &s.name) > (than.started_at, &than.name)).count() as u64
    };
    let Some(start) = one.started_at.filter(|start| *start <= now) else { return true };
    let old = keep.max_age.is_some_and(|age| start < age.before(now, &TimeZone::UTC));
    let kept_bad = |rule: Unsuccessful| match rule {
        Unsuccessful::Superseded => false,
        Unsuccessful::Always => true,
        Unsuccessful::For(period) => start >= period.before(now, &TimeZone::UTC),
    };
    let superseded = good.iter().any(|s| s.started_at > Some(start));
    match one.state {
        None | Some(State::InProgress) => true,
        Some(State::Failed) => !superseded || !old && kept_bad(keep.failed),
        Some(State::Partial) => !superseded || !old && kept_bad(keep.partial),
        Some(State::Success) if newer(one) < u64::from(keep.floor()) => true,
        Some(State::Success) if old || keep.max_count.is_some_and(|max| newer(one) >= u64::from(max)) => false,
        Some(State::Success) => !keep.has_rules() || wanted_by_the_book(keep, &good, one, newer(one)),
    }
}

type Key = (i16, i8, i8, i8);
type Stretch = fn(jiff::civil::DateTime) -> Key;

fn wanted_by_the_book(keep: &Keep, good: &[&Snapshot], one: &Snapshot, newer: u64) -> bool {
    let below = |count: Option<Count>, place: usize| match count {
        None => false,
        Some(Count::All) => true,
        Some(Count::Of(count)) => place < count as usize,
    };
    let local = |snapshot: &Snapshot| TimeZone::UTC.to_datetime(snapshot.started_at.unwrap());
    let by_week: Stretch = |t| (t.date().iso_week_date().year(), t.date().iso_week_date().week(), 0, 0);
    let stretches: [(Option<Count>, Stretch); 6] = [
        (keep.hourly, |t| (t.year(), t.month(), t.day(), t.hour())),
        (keep.daily, |t| (t.year(), t.month(), t.day(), 0)),
        (keep.weekly, by_week),
        (keep.monthly, |t| (t.year(), t.month(), 0, 0)),
        (keep.quarterly, |t| (t.year(), (t.month() - 1) / 3, 0, 0)),
        (keep.yearly, |t| (t.year(), 0, 0, 0)),
    ];
    let by_calendar = stretches.into_iter().any(|(count, stretch)| {
        let own = stretch(local(one));
        let newest = good.iter().filter(|s| stretch(local(s)) == own).max_by_key(|s| (s.started_at, &s.name)).unwrap();
        let later: BTreeSet<Key> = good.iter().map(|s| stretch(local(s))).filter(|key| *key > own).collect();
        newest.name == one.name && below(count, later.len())
    });
    let newest = good.iter().filter_map(|s| s.started_at).max().unwrap();
    let within = keep.within.is_some_and(|within| one.started_at.unwrap() >= within.before(newest, &TimeZone::UTC));
    by_calendar || within || below(keep.last, usize::try_from(newer).unwrap())
}

proptest! {
    #[test]
    fn verdicts_are_by_the_book(keep in any_keep(), list in any_snapshots()) {
        let now = at(NOW);
        let verdicts = apply(&keep, &free(&list), now, &TimeZone::UTC);
        prop_assert_eq!(verdicts.len(), list.len());
        for verdict in verdicts {
            let expected = by_the_book(&keep, &list, verdict.snapshot, now);
            prop_assert_eq!(verdict.keep, expected, "{:?} {:?}", verdict.snapshot, verdict.reasons);
            prop_assert!(!verdict.reasons.is_empty());
        }
    }

    /// What was deleted is nothing that the next verdicts rest on: they are the same for those that stayed.
    #[test]
    fn deleting_what_goes_changes_no_other_verdict(keep in any_keep(), list in any_snapshots()) {
        let kept: Vec<Snapshot> = apply(&keep, &free(&list), at(NOW), &TimeZone::UTC)
            .into_iter().filter(|verdict| verdict.keep).map(|verdict| verdict.snapshot.clone()).collect();
        prop_assert!(apply(&keep, &free(&kept), at(NOW), &TimeZone::UTC).iter().all(|verdict| verdict.keep));
    }

    #[test]
    fn the_order_of_a_listing_does_not_matter(keep in any_keep(), list in any_snapshots(), seed in any::<u64>()) {
        let mut other = list.clone();
        other.sort_by_key(|snapshot| snapshot.name.bytes().fold(seed, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)));
        prop_assert_eq!(
            apply(&keep, &free(&list), at(NOW), &TimeZone::UTC),
            apply(&keep, &free(&other), at(NOW), &TimeZone::UTC)
        );
    }
}
