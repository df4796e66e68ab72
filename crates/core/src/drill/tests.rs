use super::*;
use crate::restore::Restored;
use crate::schedule::Schedule;
use crate::testing::{at, record as drilled};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn record(slot: Option<&str>, outcome: Outcome) -> Record {
    let drilled = drilled("0123abcd", "nightly", outcome, "2026-01-20T05:00:00Z");
    Record { slot: slot.map(at), items: vec![item("logs-1")], ..drilled }
}

fn item(source: &str) -> Drilled {
    let target = format!("snapkeep-drill-0123abcd-{source}");
    Drilled {
        source: source.into(),
        parts: vec![Part { name: target.clone(), uuid: Some("u1".into()) }],
        target,
        data_stream: false,
        bytes: Some(1),
        documents: None,
    }
}

fn found() -> Found {
    Found {
        name: "snapkeep-drill-0123abcd-logs-1".into(),
        uuid: Some("u1".into()),
        mark: Some("0123abcd".into()),
        data_stream: None,
        restored: None,
    }
}

fn restored(snapshot: &str) -> Restored {
    Restored {
        repository: "backups".into(),
        snapshot: snapshot.into(),
        index: "logs-1".into(),
        began_at: None,
        shards: 1,
        started: 1,
        failed: 0,
    }
}

#[test]
fn only_what_the_drill_made_is_its_own() {
    let running = record(None, Outcome::Running);
    let ours = [found(), Found { restored: Some(restored("nightly-1")), ..found() }];
    assert!(ours.iter().all(|found| not_drills(&running, found).is_none()));
    let others = [
        Found { name: "logs-1".into(), ..found() },
        Found { name: "snapkeep-drill-0123abcd-logs-2".into(), ..found() },
        Found { mark: None, ..found() },
        Found { mark: Some("ffffffff".into()), ..found() },
        Found { uuid: Some("u2".into()), ..found() },
        Found { uuid: None, ..found() },
        Found { data_stream: Some("logs".into()), ..found() },
        Found { restored: Some(restored("nightly-2")), ..found() },
    ];
    for other in others {
        assert!(not_drills(&running, &other).is_some(), "{other:?}");
    }
    // A record that names what no drill would make is no licence to delete it.
    let mut forged = record(None, Outcome::Running);
    forged.items[0].parts[0].name = "logs-1".into();
    assert!(not_drills(&forged, &Found { name: "logs-1".into(), ..found() }).is_some());
    let over = Record { removed: true, ..record(None, Outcome::Passed) };
    assert!(not_drills(&over, &found()).is_some());
    let late = Record { outcome: Outcome::Interrupted, ..over };
    assert_eq!(not_drills(&late, &found()), None);
}

#[test]
fn a_part_of_the_drills_own_stream_is_the_drills_whatever_its_name() {
    let mut of_stream = record(None, Outcome::Running);
    let item = &mut of_stream.items[0];
    (item.data_stream, item.target) = (true, "snapkeep-drill-0123abcd-logs".into());
    let shrunken = Found {
        name: "snapkeep-drill-0123abcd-shrink-a1b2-.ds-logs-2026.01.20-000001".into(),
        data_stream: Some("snapkeep-drill-0123abcd-logs".into()),
        ..found()
    };
    assert_eq!(not_drills(&of_stream, &shrunken), None);
    let others = [
        Found { data_stream: Some("snapkeep-drill-0123abcd-other".into()), ..shrunken.clone() },
        Found { data_stream: None, ..shrunken.clone() },
        Found { name: "shrink-a1b2-.ds-logs-2026.01.20-000001".into(), ..shrunken.clone() },
        Found { mark: None, ..shrunken },
    ];
    for other in others {
        assert!(not_drills(&of_stream, &other).is_some(), "{other:?}");
    }
}

#[test]
fn what_did_not_pass_is_looked_for_a_day_longer() {
    let over = |outcome| Record { removed: true, ..record(None, outcome) };
    let (last, after) = (at("2026-01-21T05:01:59Z"), at("2026-01-21T05:02:00Z"));
    for outcome in [Outcome::Failed, Outcome::Interrupted] {
        assert_eq!((over(outcome).may_come_late(last), over(outcome).may_come_late(after)), (true, false));
        assert!(!record(None, outcome).may_come_late(last), "it is unfinished");
    }
    for outcome in [Outcome::Passed, Outcome::Running] {
        assert!(!over(outcome).may_come_late(last));
    }
}

#[test]
fn an_index_whose_id_was_not_noted_is_known_by_its_mark() {
    let mut running = record(None, Outcome::Running);
    running.items[0].parts[0].uuid = None;
    assert_eq!(not_drills(&running, &found()), None);
}

#[test]
fn a_slot_is_drilled_once_unless_its_drill_was_killed() {
    let schedule = Schedule::parse("0 5 * * *", TimeZone::UTC).unwrap();
    let slot = "2026-01-20T05:00:00Z";
    let now = at("2026-01-20T06:00:00Z");
    let of = |outcome| due(&schedule, &[record(Some(slot), outcome)], now);
    assert_eq!(due(&schedule, &[], now), Some((at(slot), 1)));
    assert_eq!((of(Outcome::Passed), of(Outcome::Failed)), (None, None));
    assert_eq!(of(Outcome::Interrupted), Some((at(slot), 2)));
    let alive = Record { alive_until: at("2026-01-20T06:01:00Z"), ..record(Some(slot), Outcome::Running) };
    assert_eq!(due(&schedule, &[alive], now), None);
    let third = Record { attempt: MAX_ATTEMPTS, ..record(Some(slot), Outcome::Interrupted) };
    assert_eq!(due(&schedule, &[third], now), None);
    assert_eq!(due(&schedule, &[record(Some("2026-01-19T05:00:00Z"), Outcome::Passed)], now), Some((at(slot), 1)));
    assert_eq!(due(&schedule, &[record(None, Outcome::Passed)], now), Some((at(slot), 1)), "one that was asked for");
}

#[test]
fn attempts_have_ids_of_their_own() {
    let one = record(Some("2026-01-20T05:00:00Z"), Outcome::Running);
    assert_eq!(id_of(&one), "nightly:2026-01-20T05:00:00Z:1:prod");
    assert_ne!(id_of(&one), id_of(&Record { attempt: 2, ..one.clone() }));
    assert_eq!(id_of(&record(None, Outcome::Running)), "nightly:0123abcd:prod");
}

#[test]
fn a_killed_drill_is_told_from_one_that_runs() {
    let running = record(None, Outcome::Running);
    assert!(!running.is_unfinished(at("2026-01-20T05:02:00Z")));
    assert!(running.is_unfinished(at("2026-01-20T05:02:01Z")));
    assert!(record(None, Outcome::Failed).is_unfinished(Timestamp::UNIX_EPOCH));
    assert!(!Record { removed: true, ..record(None, Outcome::Failed) }.is_unfinished(Timestamp::MAX));
}

fn candidate(name: &str, bytes: u64) -> Candidate {
    Candidate { name: name.into(), bytes: Some(bytes) }
}

#[test]
fn what_was_not_drilled_for_longest_comes_first() {
    let earlier = Record { items: vec![item("a")], ..record(None, Outcome::Passed) };
    let later =
        Record { items: vec![item("b")], began_at: at("2026-01-21T05:00:00Z"), ..record(None, Outcome::Failed) };
    let killed = Record { items: vec![item("c")], ..record(None, Outcome::Interrupted) };
    let records = [later, earlier, killed];
    let last = last_drilled(&records);
    let candidates = [candidate("a", 10), candidate("b", 10), candidate("c", 10), candidate("huge", 100)];
    let chosen = |count, bytes| sample(&candidates, &last, Bounds { count, bytes }).unwrap().chosen.join(" ");
    assert_eq!(chosen(Some(1), 50), "c");
    assert_eq!(chosen(Some(2), 50), "c a");
    assert_eq!(chosen(None, 50), "c a b");
    assert_eq!(sample(&candidates, &last, Bounds { count: None, bytes: 50 }).unwrap().too_large, ["huge"]);
    assert!(sample(&candidates, &last, Bounds { count: None, bytes: 5 }).is_err(), "nothing fits");
    assert!(sample(&[], &last, Bounds { count: None, bytes: 5 }).is_err(), "there is nothing");
    let unknown = [Candidate { name: "a".into(), bytes: None }];
    assert!(sample(&unknown, &last, Bounds { count: None, bytes: 5 }).is_err(), "nobody knows the size");
}

proptest! {
    #[test]
    fn a_sample_is_within_its_bounds_and_loses_nothing(
        sizes in prop::collection::vec(0_u64..100, 1..30),
        count in prop::option::of(1_u32..10),
        bytes in 1_u64..300,
    ) {
        let candidates: Vec<Candidate> =
            sizes.iter().enumerate().map(|(at, size)| candidate(&format!("i{at:02}"), *size)).collect();
        let Ok(found) = sample(&candidates, &BTreeMap::new(), Bounds { count, bytes }) else {
            prop_assert!(sizes.iter().all(|size| *size > bytes));
            return Ok(());
        };
        let size_of = |name: &String| sizes[name[1..].parse::<usize>().unwrap()];
        prop_assert!(found.chosen.iter().map(size_of).sum::<u64>() <= bytes);
        prop_assert!(count.is_none_or(|count| found.chosen.len() <= count as usize));
        prop_assert_eq!(found.chosen.len() + found.left.len() + found.too_large.len(), sizes.len());
    }
}

#[test]
fn a_check_says_what_it_found() {
    let check = |least, most| Check {
        index: crate::pattern::Pattern::parse("orders*").unwrap(),
        query: Some(Query::parse("status:paid").unwrap()),
        at_least: least,
        at_most: most,
    };
    for (least, most, found, holds) in [
        (None, None, 0, false),
        (None, None, 1, true),
        (Some(5), None, 4, false),
        (Some(5), Some(5), 5, true),
        (None, Some(0), 0, true),
        (None, Some(0), 1, false),
    ] {
        let said = check(least, most).judge("orders-1", Ok(found)).said;
        assert_eq!(said == Said::Holds, holds, "{least:?} {most:?} {found}");
    }
    assert_eq!(check(None, None).judge("orders-1", Err("lost".into())).said, Said::Fails);
    assert_eq!(check(None, None).words(), "at least 1 of status:paid");
    let mut ended =
        Record { checks: vec![check(None, None).judge("orders-1", Ok(0))], ..record(None, Outcome::Running) };
    ended.end(at("2026-01-20T05:01:00Z"));
    assert_eq!(
        (ended.outcome, ended.causes.as_slice()),
        (Outcome::Failed, &["orders-1: at least 1 of status:paid: found 0".to_owned()][..],)
    );
    let mut asked_nothing = Record { checks: vec![check(None, None).not_asked()], ..record(None, Outcome::Running) };
    asked_nothing.end(at("2026-01-20T05:01:00Z"));
    assert_eq!(asked_nothing.outcome, Outcome::Passed);
}

#[test]
fn sizes_are_read_as_servers_read_them() {
    for (text, bytes) in [("20gb", 20 << 30), ("1TB", 1 << 40), ("512mb", 512 << 20), ("7b", 7)] {
        assert_eq!(size(text).unwrap(), bytes);
    }
    for wrong in ["", "gb", "20", "1.5gb", "-1gb", "20 gb", "99999999999tb", "5gib"] {
        assert!(size(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let record = record(Some("2026-01-20T05:00:00Z"), Outcome::Failed);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}
