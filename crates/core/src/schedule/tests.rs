use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(text: &str, zone_name: &str) -> Schedule {
    Schedule::parse(text, zone(zone_name).unwrap()).unwrap()
}

fn shown(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    schedule.upcoming(at(after)).take(count).map(|slot| slot.to_string()).collect()
}

/// Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00Z. 25 October 2026: 03:00 becomes 02:00 at 01:00Z.
#[test]
fn berlin_skips_and_repeats_an_hour() {
    let daily = schedule("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        shown(&daily, "2026-03-27T12:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        shown(&daily, "2026-10-23T12:00:00Z", 3),
        ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    let quarters = schedule("*/15 * * * *", "Europe/Berlin");
    assert_eq!(
        shown(&quarters, "2026-03-29T00:30:00Z", 3),
        ["2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"]
    );
    // 02:45 summer time is followed by 03:00 winter time: the repeated hour has had its turn.
    assert_eq!(shown(&quarters, "2026-10-25T00:30:00Z", 2), ["2026-10-25T00:45:00Z", "2026-10-25T02:00:00Z"]);
    assert_eq!(quarters.latest_slot(at("2026-10-25T01:40:00Z")), Some(at("2026-10-25T00:45:00Z")));
    assert_eq!(daily.latest_slot(at("2026-10-25T01:29:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(daily.latest_slot(at("2026-03-29T00:59:59.999Z")), Some(at("2026-03-28T01:30:00Z")));
    assert_eq!(daily.latest_slot(at("2026-03-29T01:00:00Z")), Some(at("2026-03-29T01:00:00Z")));
}

/// New York, 8 March 2026: 02:00 becomes 03:00 at 07:00Z. 1 November 2026: 02:00 becomes 01:00 at 06:00Z.
#[test]
fn new_york_skips_and_repeats_an_hour() {
    let early = schedule("15 2 * * *", "America/New_York");
    assert_eq!(shown(&early, "2026-03-07T12:00:00Z", 2), ["2026-03-08T07:00:00Z", "2026-03-09T06:15:00Z"]);
    let repeated = schedule("15 1 * * *", "America/New_York");
    assert_eq!(shown(&repeated, "2026-10-31T12:00:00Z", 2), ["2026-11-01T05:15:00Z", "2026-11-02T06:15:00Z"]);
    assert_eq!(repeated.latest_slot(at("2026-11-01T06:20:00Z")), Some(at("2026-11-01T05:15:00Z")));
}

/// Lord Howe changes by half an hour: 4 October 2026, 02:00 becomes 02:30 at 15:30Z of the day before; 5 April 2026,
/// 02:00 becomes 01:30 at 15:00Z of the day before.
#[test]
fn lord_howe_changes_by_half_an_hour() {
    let swallowed = schedule("15 2 * * *", "Australia/Lord_Howe");
    assert_eq!(shown(&swallowed, "2026-10-02T20:00:00Z", 2), ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]);
    let repeated = schedule("45 1 * * *", "Australia/Lord_Howe");
    assert_eq!(shown(&repeated, "2026-04-04T00:00:00Z", 2), ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]);
    assert_eq!(repeated.latest_slot(at("2026-04-04T15:20:00Z")), Some(at("2026-04-04T14:45:00Z")));
}

/// Samoa had no 30 December 2011: that day's slot is the first moment of the 31st, when the 31st's own may follow.
#[test]
fn a_skipped_day_is_the_first_moment_after_it() {
    let samoa = schedule("0 3 * * *", "Pacific/Apia");
    assert_eq!(
        shown(&samoa, "2011-12-29T12:00:00Z", 3),
        ["2011-12-29T13:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T13:00:00Z"]
    );
}

#[test]
fn every_counts_real_time_since_the_epoch_in_any_zone() {
    for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
        let six = schedule("every 6h", zone);
        assert_eq!(shown(&six, "2026-03-29T00:00:00Z", 2), ["2026-03-29T06:00:00Z", "2026-03-29T12:00:00Z"]);
        assert_eq!(six.latest_slot(at("2026-03-29T05:59:59.9Z")), Some(at("2026-03-29T00:00:00Z")));
        assert_eq!(six.latest_slot(at("1969-12-31T23:00:00Z")), Some(at("1969-12-31T18:00:00Z")));
    }
    assert_eq!(schedule("every 1w", "UTC").latest_slot(at("2026-01-05T00:00:00Z")), Some(at("2026-01-01T00:00:00Z")));
}

#[test]
fn words_and_alternatives_of_cron() {
    assert_eq!(shown(&schedule("0 3 * * MON-FRI", "UTC"), "2026-01-02T04:00:00Z", 1), ["2026-01-05T03:00:00Z"]);
    assert_eq!(shown(&schedule("0 3 29 2 *", "UTC"), "2026-01-01T00:00:00Z", 1), ["2028-02-29T03:00:00Z"]);
    assert_eq!(
        shown(&schedule("0 3 13 * FRI", "UTC"), "2026-01-08T00:00:00Z", 3),
        ["2026-01-09T03:00:00Z", "2026-01-13T03:00:00Z", "2026-01-16T03:00:00Z"]
    );
}

#[test]
fn what_cannot_be_used_says_why() {
    for (text, part) in [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("@daily", "five fields"),
        ("60 3 * * *", "cannot be used"),
        ("0 24 * * *", "cannot be used"),
        ("0 3 * * noday", "cannot be used"),
        ("*/0 * * * *", "cannot be used"),
        ("0 3 31 2 *", "no day ever fits"),
        ("every", "five fields"),
        ("every day", "no number"),
        ("every 6m", "minutes or months"),
        ("every 1mo", "no fixed length"),
        ("every 30s", "shorter than a minute"),
        ("every 400d", "longer than 366 days"),
    ] {
        let failure = Schedule::parse(text, TimeZone::UTC).unwrap_err();
        assert!(failure.cause.contains(part), "{text}: {}", failure.cause);
        assert_eq!(failure.code, Code::BadConfig);
        assert!(!failure.hint.is_empty());
    }
    assert!(zone("Europe/Atlantis").unwrap_err().hint.contains("IANA"));
}

/// Scheduled local times by brute force, minute by minute of real time: the definition, not the algorithm.
fn by_hand(zone: &TimeZone, hour: i8, minute: i8, days: std::ops::Range<i64>) -> Vec<Timestamp> {
    let mut found: Vec<Timestamp> = Vec::new();
    let wanted = jiff::civil::time(hour, minute, 0, 0);
    let mut before: Option<DateTime> = None;
    for second in (days.start * 1_440..days.end * 1_440).map(|minute| minute * 60) {
        let moment = Timestamp::from_second(second).unwrap();
        let local = zone.to_datetime(moment);
        // Due when the local clock first reaches or passes the wanted time of a day.
        let due = local.date().to_datetime(wanted);
        let reached = before.is_some_and(|before| before < due && due <= local);
        let had = found.last().is_some_and(|last| zone.to_datetime(*last).date() == local.date());
        if reached && !had {
            found.push(moment);
        }
        before = Some(local);
    }
    found
}

#[test]
fn a_daily_time_runs_once_on_each_day_when_the_clocks_change() {
    // The weeks of 2026 in which the clocks change: days since 1970.
    let changes = [("Europe/Berlin", 20_538), ("Europe/Berlin", 20_748), ("America/New_York", 20_517)];
    let more = [("America/New_York", 20_755), ("Australia/Lord_Howe", 20_545), ("Australia/Lord_Howe", 20_727)];
    for (name, first) in changes.into_iter().chain(more) {
        let zone = zone(name).unwrap();
        let days = first..first + 7;
        for (hour, minute) in [(1, 30), (2, 0), (2, 15), (2, 59), (3, 0), (12, 0)] {
            let schedule = Schedule::parse(&format!("{minute} {hour} * * *"), zone.clone()).unwrap();
            let from = Timestamp::from_second(days.start * 86_400).unwrap();
            let to = Timestamp::from_second(days.end * 86_400).unwrap();
            let slots: Vec<_> = schedule.upcoming(from).take_while(|slot| *slot < to).collect();
            assert_eq!(slots, by_hand(&zone, hour, minute, days.clone()), "{name} {hour}:{minute}");
        }
    }
}

proptest! {
    /// The slot of a moment is the last of the sequence that `next` walks, for any moment.
    #[test]
    fn slots_and_steps_are_one_sequence(
        which in 0_usize..6,
        zone_name in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
        second in 1_200_000_000_i64..2_000_000_000,
        nanos in 0_i32..2,
    ) {
        let text = ["30 2 * * *", "*/15 * * * *", "0 * * * *", "every 6h", "45 1 * * SUN", "0 0 1 * *"][which];
        let schedule = schedule(text, zone_name);
        let now = Timestamp::new(second, nanos).unwrap();
        let slot = schedule.latest_slot(now).unwrap();
        let next = schedule.next(now).unwrap();
        prop_assert!(slot <= now && now < next);
        prop_assert_eq!(schedule.next(slot), Some(next));
        prop_assert_eq!(schedule.previous(next), Some(slot));
        prop_assert_eq!(schedule.latest_slot(next), Some(next));
    }
}
