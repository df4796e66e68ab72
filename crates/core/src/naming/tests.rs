use super::*;
use jiff::{ToSpan, civil};
use proptest::prelude::*;
use std::collections::HashSet;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_names_are_the_contracts() {
    let mark = RequestMark::of("8476A536-e9f4-11e8-9739-2dfe598c3fcd");
    let name = name_for_request("Prod Logs", at("2026-11-23T13:05:09Z"), &mark);
    assert_eq!(name.as_str(), "prod-logs-20261123t130509z-8476a536");
    assert_eq!(name_for_slot("_.-nightly", at("2026-01-02T03:04:05Z")).as_str(), "nightly-20260102t030405z");
    assert_eq!(name_for_slot("ÄÖÜ", at("2026-01-02T03:04:05Z")).as_str(), "snapshot-20260102t030405z");
    assert!(mark.marks(name.as_str()));
    assert!(!mark.marks("prod-logs-20261123t130509z-18476a536"));
}

#[test]
fn an_id_that_is_no_uuid_still_gives_8_hex_digits() {
    for id in ["", "manual", "zzzzzzzz-1", "8476a53", "ä8476a536"] {
        let mark = RequestMark::of(id);
        assert_eq!(mark.as_str().len(), 8, "{id}");
        assert!(mark.as_str().bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
    assert_ne!(RequestMark::of("a"), RequestMark::of("b"));
}

/// 01:00 and 13:00 were one name in the article's scheme; here 48 hours of seconds across the
/// change to and from summer time are all different, and sort as they follow.
#[test]
fn no_two_seconds_of_48_hours_collide_even_when_clocks_change() {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    for day in [civil::date(2026, 3, 28), civil::date(2026, 10, 24)] {
        let start = day.to_zoned(zone.clone()).unwrap().timestamp();
        let names: Vec<String> =
            (0..48 * 3600).map(|s| name_for_slot("nightly", start + s.seconds()).as_str().to_owned()).collect();
        assert!(names.is_sorted());
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }
}

#[test]
fn a_template_that_could_give_one_name_twice_is_refused() {
    for good in ["nightly-%Y%m%d-%H%M%S", "%Y-%j-%H.%M.%S", "a%S%M%H%d%m%Y"] {
        assert!(Template::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "%d-%m-%Y-%I-%M-%S",
        "%d-%m-%Y-%l-%M-%S",
        "%Y%m%d-%H%M",
        "%Y%m%d",
        "%y%m%d%H%M%S",
        "%",
        "x-%%",
        "%Y%d%H%M%S",
        "%Y%m%d%H%M%S,x",
        "_%Y%m%d%H%M%S",
        "A%Y%m%d%H%M%S",
    ] {
        assert!(Template::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_that_mean_more_than_one_thing_are_refused() {
    for name in [
        "",
        ".",
        "..",
        "_all",
        "_status",
        "-x",
        "*",
        "a*",
        "a,b",
        "a/b",
        "a\\b",
        "a b",
        "a\tb",
        "a\0b",
        "a?b",
        "a#b",
        "a\"b",
        "a<b",
        "a>b",
        "a|b",
        "<snap-{now/d}>",
        "a%b",
        "a%2fb",
        "a\u{a0}b",
    ] {
        assert!(RepositoryName::parse(name).is_err(), "{name:?}");
        assert!(SnapshotName::parse(name).is_err(), "{name:?}");
    }
    assert!(SnapshotName::parse("<snap-{now/d}>").unwrap_err().cause.contains("date math"));
    assert!(SnapshotName::parse("Upper").is_err());
    assert!(RepositoryName::parse("Upper").is_ok());
    assert!(RepositoryName::parse("CS-automated").unwrap().is_reserved());
    assert!(!RepositoryName::parse("css").unwrap().is_reserved());
}

fn a_time() -> impl Strategy<Value = Timestamp> {
    (0_i64..253_402_300_799).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    /// Within 48 hours: as near as 12-hour names, days of 23 and 25 hours, and lost units would collide.
    #[test]
    fn different_seconds_never_collide(prefix in ".{0,300}", id in ".{0,40}", a in a_time(), apart in -172_800_i64..=172_800) {
        let b = Timestamp::from_second((a.as_second() + apart).clamp(0, 253_402_300_799)).unwrap();
        let mark = RequestMark::of(&id);
        prop_assert_eq!(a == b, name_for_request(&prefix, a, &mark) == name_for_request(&prefix, b, &mark));
        prop_assert_eq!(a == b, name_for_slot(&prefix, a) == name_for_slot(&prefix, b));
        prop_assert_eq!(a < b, name_for_slot(&prefix, a).as_str() < name_for_slot(&prefix, b).as_str());
        let template = Template::parse("x-%Y%m%d%H%M%S").unwrap();
        prop_assert_eq!(a == b, template.render(a).unwrap() == template.render(b).unwrap());
    }

    #[test]
    fn names_that_we_make_are_names_that_we_accept(prefix in ".{0,300}", id in ".{0,40}", at in a_time()) {
        let name = name_for_request(&prefix, at, &RequestMark::of(&id));
        prop_assert!(name.as_str().len() <= NAME_LIMIT);
        prop_assert_eq!(SnapshotName::parse(name.as_str()).unwrap(), name);
    }

    #[test]
    fn any_text_is_one_encoded_segment_or_refused(text in ".{0,60}") {
        let url = |segment: &str| format!("https://h.example/_snapshot/{segment}/x");
        if let Ok(name) = RepositoryName::parse(&text) {
            let segment = name.segment();
            prop_assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            let parsed = url::Url::parse(&url(&segment)).unwrap();
            let segments: Vec<&str> = parsed.path_segments().unwrap().collect();
            prop_assert_eq!(segments, vec!["_snapshot", segment.as_str(), "x"]);
            prop_assert_eq!(decode(&segment), text);
        }
    }
}

fn decode(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_slots_name_is_read_whole_or_not_at_all() {
    let slot: Timestamp = "2026-02-03T04:05:06Z".parse().unwrap();
    for (prefix, attempt) in [("nightly", 1), ("nightly-eu", 2), ("a-r2", 12), ("nightly-20250101t000000z", 3)] {
        let name = name_for_attempt(prefix, slot, attempt);
        assert_eq!(SlotName::parse(name.as_str()), Some(SlotName { prefix, slot, attempt }), "{name}");
    }
    assert_eq!(name_for_attempt("nightly", slot, 2).as_str(), "nightly-20260203t040506z-r2");
    for other in [
        "",
        "nightly",
        "-20260203t040506z",
        "nightly-20260203t040506z-r1",
        "nightly-20260203t040506z-r02",
        "nightly-20260203t040506z-r",
        "nightly-20260203t040506z-r99999999999",
        "nightly-20260203t040506z-0a1b2c3d",
        "nightly-20260203t040506zx",
        "nightly-20260203T040506Z",
        "nightly-20260230t040506z",
        "nightly-20260203t240506z",
        "nightly-20260203t040560z",
        "nightly-2026020at040506z",
        "nightly20260203t040506z",
    ] {
        assert_eq!(SlotName::parse(other), None, "{other}");
    }
}
