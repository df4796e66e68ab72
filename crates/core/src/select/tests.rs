use super::*;
use crate::snapshot::Shards;
use proptest::prelude::*;
use serde_json::json;

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn snapshot(name: &str, state: State, began: &str) -> Snapshot {
    Snapshot {
        state: Some(state),
        started_at: began.parse().ok(),
        metadata: json!({"env": "prod", "n": 7, "snapkeep": {"policy": "nightly"}, "a.b": "c"})
            .as_object()
            .cloned()
            .map(Into::into),
        ..Snapshot::named(name)
    }
}

fn globs(patterns: &[&str]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::parse(pattern).unwrap()).collect()
}

#[test]
fn each_field_limits_and_gives_its_reason() {
    let partial = snapshot("nightly-1", State::Partial, "2026-10-01T00:00:00Z");
    let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
    let marks = |key: &str, value: Option<&str>| vec![(key.to_owned(), value.map(str::to_owned))];
    let any = Filter::default;
    for (filter, expected) in [
        (any(), Some(vec![])),
        (Filter { globs: globs(&["weekly-*", "nightly-?"]), ..any() }, Some(vec!["matches nightly-?"])),
        (Filter { globs: globs(&["weekly-*"]), ..any() }, None),
        (Filter { states: vec![State::Failed, State::Partial], ..any() }, Some(vec!["PARTIAL"])),
        (Filter { states: vec![State::Success], ..any() }, None),
        (Filter { older_than: days(30), ..any() }, Some(vec!["older than 30 d (began 2026-10-01T00:00:00Z)"])),
        (Filter { older_than: days(60), ..any() }, None),
        (Filter { newer_than: days(60), ..any() }, Some(vec!["newer than 60 d (began 2026-10-01T00:00:00Z)"])),
        (Filter { newer_than: days(30), ..any() }, None),
        (Filter { metadata: marks("env", None), ..any() }, Some(vec!["metadata env"])),
        (Filter { metadata: marks("env", Some("prod")), ..any() }, Some(vec!["metadata env=prod"])),
        (Filter { metadata: marks("env", Some("test")), ..any() }, None),
        (Filter { metadata: marks("n", Some("7")), ..any() }, Some(vec!["metadata n=7"])),
        (Filter { metadata: marks("a.b", Some("c")), ..any() }, Some(vec!["metadata a.b=c"])),
        (
            Filter { metadata: marks("snapkeep.policy", Some("nightly")), ..any() },
            Some(vec!["metadata snapkeep.policy=nightly"]),
        ),
        (Filter { metadata: marks("snapkeep.slot", None), ..any() }, None),
    ] {
        let reasons = filter.reasons(&partial, now());
        assert_eq!(
            reasons.as_deref(),
            expected.map(|e| e.into_iter().map(String::from).collect::<Vec<_>>()).as_deref()
        );
        assert_eq!(filter.admits(&partial, now()), reasons.is_some(), "{filter:?}");
    }
}

#[test]
fn what_has_no_known_start_is_neither_old_nor_new() {
    let unknown = snapshot("a", State::Success, "");
    let future = snapshot("a", State::Success, "2036-01-01T00:00:00Z");
    let zero = Some(SignedDuration::ZERO);
    let (older, newer) =
        (Filter { older_than: zero, ..Filter::default() }, Filter { newer_than: zero, ..Filter::default() });
    assert!(!older.admits(&unknown, now()) && !newer.admits(&unknown, now()));
    assert!(!older.admits(&future, now()) && newer.admits(&future, now()));
}

#[test]
fn patterns_that_no_name_could_match_are_refused() {
    for bad in ["", "a b", "a,b", "a/b", "a\\b", "a\n"] {
        assert_eq!(Glob::parse(bad).unwrap_err().code, Code::BadEvent, "{bad:?}");
    }
    assert!(Glob::is_glob("a*") && Glob::is_glob("?") && !Glob::is_glob("nightly-1"));
}

#[test]
fn spans_are_told_exactly() {
    for (seconds, expected) in [(0, "0 s"), (90, "1 min 30 s"), (86_400 * 30, "30 d"), (108_000, "1 d 6 h")] {
        assert_eq!(span_words(SignedDuration::from_secs(seconds)), expected);
    }
}

#[test]
fn each_order_has_its_first_and_the_unknown_last() {
    let mut new = snapshot("b-new", State::Success, "2026-11-02T00:00:00Z");
    new.shards = Some(Shards { total: 1, successful: 1, failed: 0 });
    new.ended_at = "2026-11-02T09:00:00Z".parse().ok();
    let mut old = snapshot("a-old", State::Failed, "2026-11-01T00:00:00Z");
    (old.size_bytes, old.indices) = (Some(9), Some(3));
    old.shards = Some(Shards { total: 5, successful: 1, failed: 4 });
    old.ended_at = "2026-11-01T00:00:01Z".parse().ok();
    let mut bare = snapshot("c-bare", State::Success, "");
    bare.state = None;
    let order = |sort: Sort, reverse: bool| {
        let mut list = vec![bare.clone(), new.clone(), old.clone()];
        sort.sort(&mut list, reverse);
        list.iter().map(|s| s.name[..1].to_owned()).collect::<String>()
    };
    for (sort, forward, backward) in [
        (Sort::Started, "bac", "abc"),
        (Sort::Name, "abc", "cba"),
        (Sort::State, "abc", "bac"),
        (Sort::Duration, "bac", "abc"),
        (Sort::Size, "abc", "acb"),
        (Sort::Indices, "abc", "acb"),
        (Sort::Shards, "abc", "bac"),
    ] {
        assert_eq!((order(sort, false).as_str(), order(sort, true).as_str()), (forward, backward), "{sort:?}");
        assert!(Sort::ALL.contains(&sort) && !sort.as_str().is_empty());
    }
}

/// The definition, written without any cleverness.
fn matches_plainly(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=name.len()).any(|taken| matches_plainly(rest, &name[taken..])),
        (['?', rest @ ..], [_, others @ ..]) => matches_plainly(rest, others),
        ([c, rest @ ..], [d, others @ ..]) => c == d && matches_plainly(rest, others),
        _ => false,
    }
}

proptest! {
    #[test]
    fn globs_match_as_defined(pattern in "[ab*?ü]{1,8}", name in "[abü]{0,8}") {
        let plainly = matches_plainly(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
        prop_assert_eq!(Glob::parse(&pattern).unwrap().matches(&name), plainly);
    }

    #[test]
    fn a_name_matches_itself_and_the_star(name in "[a-z0-9._-]{1,40}") {
        prop_assert!(Glob::parse(&name).unwrap().matches(&name));
        prop_assert!(Glob::parse("*").unwrap().matches(&name));
    }

    #[test]
    fn sorting_keeps_all_and_depends_on_nothing_but_the_snapshots(
        seconds in proptest::collection::vec(proptest::option::of(0_i64..4), 0..12),
        sort in proptest::sample::select(Sort::ALL.to_vec()),
        reverse in any::<bool>(),
    ) {
        let mut list: Vec<Snapshot> = seconds.iter().enumerate().map(|(n, seconds)| {
            let mut made = snapshot(&format!("s-{n}"), State::Success, "");
            made.started_at = seconds.map(|s| Timestamp::from_second(s).unwrap());
            made.size_bytes = seconds.map(|s| s.unsigned_abs() % 3);
            made
        }).collect();
        let mut other_way: Vec<Snapshot> = list.iter().rev().cloned().collect();
        sort.sort(&mut list, reverse);
        sort.sort(&mut other_way, reverse);
        prop_assert_eq!(&list, &other_way);
        prop_assert_eq!(list.len(), seconds.len());
    }
}
