use super::*;
use crate::retention::{Count, Keep, Subject, Ties, Unsuccessful, apply};
use crate::snapshot::State;
use crate::testing::{at, begun, snapshot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn takes(adopt: &Adopt, name: &str) -> bool {
    adopt.takes(&snapshot(name))
}

#[test]
fn the_articles_names_are_read() {
    let article = Adopt::date("dd-MM-yyyy-h-mm-ss").unwrap();
    for name in ["23-11-2026-1-05-09", "01-01-2026-12-59-59"] {
        assert!(takes(&article, name), "{name}");
    }
    for name in [
        "23-11-2026-13-05-09",
        "23-11-2026-01-05-09",
        "23-11-2026-1-05-09-x",
        "x23-11-2026-1-05-09",
        "23-11-2026-0-05-09",
        "32-11-2026-1-05-09",
        "23-13-2026-1-05-09",
        "23-11-2026-1-5-09",
        "23-11-2026",
        "",
    ] {
        assert!(!takes(&article, name), "{name}");
    }
}

#[test]
fn formats_may_hold_literal_text() {
    let quoted = Adopt::date("'backup-of-'yyyyMMdd'_'HHmmss").unwrap();
    assert!(takes(&quoted, "backup-of-20260203_040506"));
    assert!(!takes(&quoted, "backup-of-20260203_250506"));
    let ambiguous = Adopt::date("yyyyMMddhmmss").unwrap();
    assert!(takes(&ambiguous, "2026020311506") && takes(&ambiguous, "20260203110506"));
    for bad in ["", "dd-MM", "nightly-yyyyMMdd", "yyyyMMdd'open"] {
        assert!(Adopt::date(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_wildcard_says_what_it_takes() {
    assert!(takes(&Adopt::wildcard("manual-*").unwrap(), "manual-1"));
    for bad in ["*", "?*", "-*", "*-*", "*both*", "?manual", ".*", "-a*"] {
        assert!(Adopt::wildcard(bad).is_err(), "{bad}");
    }
}

fn regexes(texts: &[&str]) -> Vec<NameRegex> {
    texts.iter().map(|text| NameRegex::parse(text).unwrap()).collect()
}

#[test]
fn each_bound_narrows() {
    let taken = |only: Only| {
        let adopt = Adopt::wildcard("c*").unwrap().only(only);
        let list = [
            begun("c-1", State::Success, "2026-01-01T00:00:00Z"),
            begun("c-2", State::Failed, "2026-01-02T00:00:00Z"),
            begun("c-3x", State::Partial, "2026-01-03T00:00:00Z"),
            begun("c-ä", State::Success, "2026-01-04T00:00:00Z"),
            snapshot("c-5"),
            begun("d-6", State::Success, "2026-01-01T00:00:00Z"),
        ];
        list.into_iter().filter(|one| adopt.takes(one)).map(|one| one.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(taken(Only::default()), "c-1 c-2 c-3x c-ä c-5");
    assert_eq!(taken(Only { matches: regexes(&["^c-", r"\d$"]), ..Only::default() }), "c-1 c-2 c-5");
    assert_eq!(taken(Only { except: regexes(&["x", "1"]), ..Only::default() }), "c-2 c-5");
    assert_eq!(taken(Only { states: vec![State::Success, State::Partial], ..Only::default() }), "c-1 c-3x c-ä c-5");
    let (from, to) = (Some(at("2026-01-02T00:00:00Z")), Some(at("2026-01-04T00:00:00Z")));
    assert_eq!(taken(Only { from, ..Only::default() }), "c-2 c-3x c-ä");
    assert_eq!(taken(Only { from, to, ..Only::default() }), "c-2 c-3x");
    assert!(NameRegex::parse("(?=a)").unwrap_err().hint.contains("look-around"));
}

const NOW: &str = "2026-11-23T12:00:00Z";

prop_compose! {
    fn any_foreign()(list in prop::collection::vec((0_i64..60 * 24, 0_u8..8), 0..40)) -> Vec<Snapshot> {
        list.into_iter().enumerate().map(|(at, (hour, state))| {
            let mut one = begun(&format!("c-{at:03}"), State::Success, NOW);
            one.started_at = one.started_at.unwrap().checked_sub(SignedDuration::from_hours(hour)).ok();
            one.state = match state { 0 => Some(State::Failed), 1 => Some(State::Partial), 2 => None, _ => one.state };
            one
        }).collect()
    }
}

fn any_keep() -> impl Strategy<Value = Keep> {
    let count = || prop::option::of((0_u32..6).prop_map(Count::Of));
    let period = || prop::option::of((1_i32..40).prop_map(crate::period::Period::days));
    let bad = || prop_oneof![Just(Unsuccessful::Superseded), Just(Unsuccessful::Always)];
    (count(), count(), count(), period(), period(), prop::option::of(1_u32..9), prop::option::of(1_u32..5), bad())
        .prop_map(|(last, daily, weekly, within, max_age, max_count, min_count, failed)| Keep {
            last,
            daily,
            weekly,
            within,
            max_age,
            max_count,
            min_count,
            failed,
            ..Keep::default()
        })
}

fn any_only() -> impl Strategy<Value = Only> {
    let states = prop::sample::subsequence(vec![State::Success, State::Failed, State::Partial], 0..=3);
    let regex = || prop::sample::subsequence(vec!["1", "[2-5]$", "^c-0[01]"], 0..=2);
    let bound = || prop::option::of(0_i64..60 * 24);
    (states, regex(), regex(), bound(), bound()).prop_map(|(states, matches, except, from, to)| {
        let ago = |hours: Option<i64>| -> Option<Timestamp> {
            hours.map(|hours| at(NOW).checked_sub(SignedDuration::from_hours(hours)).unwrap())
        };
        Only { matches: regexes(&matches), except: regexes(&except), states, from: ago(from), to: ago(to) }
    })
}

fn gone<'a>(keep: &Keep, adopt: &Adopt, list: &'a [Snapshot]) -> BTreeSet<&'a str> {
    let subject = |snapshot| Subject { snapshot, ties: Ties::default(), due: false, adopted: true };
    let subjects: Vec<_> = list.iter().filter(|one| adopt.takes(one)).map(subject).collect();
    let verdicts = apply(keep, &subjects, at(NOW), &TimeZone::UTC);
    verdicts.into_iter().filter(|verdict| !verdict.keep).map(|verdict| verdict.snapshot.name.as_str()).collect()
}

proptest! {
    /// Whoever takes fewer snapshots deletes fewer: what is left out displaces nothing.
    #[test]
    fn to_narrow_never_deletes_more(list in any_foreign(), keep in any_keep(), only in any_only()) {
        let whole = Adopt::wildcard("c*").unwrap();
        let narrow = whole.clone().only(only);
        prop_assert!(gone(&keep, &narrow, &list).is_subset(&gone(&keep, &whole, &list)));
        prop_assert!(list.iter().filter(|one| narrow.takes(one)).all(|one| whole.takes(one)));
    }
}
