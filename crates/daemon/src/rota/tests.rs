use super::*;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::policy::Settings;

const EVERY: SignedDuration = SignedDuration::from_mins(10);

fn policy(name: &str, schedule: Option<&str>) -> Policy {
    let schedule = schedule.map(|text| Schedule::parse(text, TimeZone::UTC).unwrap());
    Policy::new(Settings { schedule, ..settings(name, "backups", &["prod"]) }).unwrap()
}

/// A policy that is due at no time.
pub(crate) fn policy_of(name: &str, repository: &str, clusters: &[&str]) -> Policy {
    Policy::new(settings(name, repository, clusters)).unwrap()
}

fn settings(name: &str, repository: &str, clusters: &[&str]) -> Settings {
    Settings::of(name, clusters, RepositoryName::parse(repository).unwrap())
}

fn at(text: &str) -> Timestamp {
    format!("2026-03-10T{text}Z").parse().unwrap()
}

fn rota(schedule: Option<&str>) -> Rota {
    let mut rota = Rota::new(EVERY);
    rota.take_up([&policy("nightly", schedule)]);
    rota
}

/// A look from then to then.
fn looked(rota: &mut Rota, began: &str, ended: &str, ending: Ending) {
    let names = ["nightly".to_owned()];
    rota.begin(&names, at(began));
    rota.end(&names, at(ended), ending);
}

#[test]
fn the_next_turn_is_the_next_slot_or_so_long_after_the_last_look() {
    for (schedule, began, ended, next) in [
        (Some("0 3 * * *"), "02:55:00", "02:55:01", "03:00:00"),
        (Some("0 3 * * *"), "02:40:00", "02:40:01", "02:50:01"),
        (Some("0 3 * * *"), "03:00:00", "03:20:00", "03:30:00"),
        // Slots that came while it was looked at are one turn, at once.
        (Some("0 * * * *"), "03:00:00", "06:30:00", "04:00:00"),
        (Some("every 1min"), "03:00:00", "03:00:02", "03:01:00"),
        (None, "03:00:00", "03:00:02", "03:10:02"),
    ] {
        let mut rota = rota(schedule);
        looked(&mut rota, began, ended, Ending::Through);
        assert_eq!(rota.next(), Some(at(next)), "{schedule:?} {began}");
        let (due, just_before) = (at(next), at(next) - SignedDuration::from_secs(1));
        assert_eq!(rota.due(due), ["nightly"], "{schedule:?} {began}");
        if at(ended) <= just_before {
            assert!(rota.due(just_before).is_empty(), "{schedule:?} {began}");
        }
    }
}

#[test]
fn a_cluster_that_was_not_to_be_had_is_tried_again_before_long() {
    let mut rota = rota(Some("0 3 * * *"));
    let mut pauses = Vec::new();
    for _ in 0..8 {
        looked(&mut rota, "04:00:00", "04:00:00", Ending::InVain);
        pauses.push(rota.next().unwrap().duration_since(at("04:00:00")).as_secs());
    }
    assert_eq!(pauses, [15, 30, 60, 120, 240, 480, 600, 600]);
    looked(&mut rota, "04:00:00", "04:00:00", Ending::Through);
    assert_eq!(rota.next(), Some(at("04:10:00")));
}

#[test]
fn what_a_new_snapshot_makes_superfluous_goes_at_once() {
    let mut rota = rota(Some("0 3 * * *"));
    looked(&mut rota, "03:00:00", "03:20:00", Ending::More);
    assert_eq!(rota.due(at("03:20:00")), ["nightly"]);
    looked(&mut rota, "03:20:00", "03:20:01", Ending::Through);
    assert_eq!(rota.next(), Some(at("03:30:01")));
}

#[test]
fn what_comes_to_be_known_has_a_look_after_the_one_that_is_under_way() {
    let mut rota = rota(Some("0 3 * * *"));
    looked(&mut rota, "03:00:00", "03:20:00", Ending::Through);
    rota.again("nightly");
    assert_eq!(rota.due(at("03:20:00")), ["nightly"]);
    rota.begin(&["nightly".to_owned()], at("03:20:00"));
    rota.again("nightly");
    assert!(rota.due(at("03:20:01")).is_empty(), "it is under way");
    rota.end(&["nightly".to_owned()], at("03:20:02"), Ending::Through);
    assert_eq!(rota.due(at("03:20:02")), ["nightly"]);
    looked(&mut rota, "03:20:02", "03:20:03", Ending::Through);
    assert_eq!(rota.next(), Some(at("03:30:03")));
}

#[test]
fn what_is_new_or_was_changed_has_its_turn_at_once_and_what_is_under_way_has_none() {
    let mut rota = rota(Some("0 3 * * *"));
    assert_eq!((rota.next(), rota.due(at("00:00:00"))), (Some(Timestamp::MIN), vec!["nightly".to_owned()]));
    let names = ["nightly".to_owned()];
    rota.begin(&names, at("03:00:00"));
    assert_eq!((rota.next(), rota.due(at("23:00:00"))), (None, vec![]));
    rota.take_up([&policy("hourly", Some("0 * * * *")), &policy("nightly", None)]);
    assert_eq!(rota.due(at("03:00:10")), ["hourly"], "the other is under way still");
    rota.end(&names, at("03:01:00"), Ending::Through);
    assert_eq!(rota.due(at("03:01:00")), ["hourly", "nightly"], "with what it says now");
    rota.take_up([&policy("hourly", None)]);
    rota.end(&names, at("03:02:00"), Ending::Through);
    assert_eq!(rota.due(at("03:02:00")), ["hourly"], "one that is gone has no turn");
}

#[test]
fn a_clock_that_is_set_back_loses_no_turn() {
    let mut rota = rota(Some("0 3 * * *"));
    looked(&mut rota, "12:00:00", "12:00:01", Ending::Through);
    assert_eq!(rota.due(at("02:00:00")), ["nightly"]);
}

proptest! {
    /// Whatever passes between two wakes: each slot is followed by a look that begins at or after it and before the next
    /// wake, and no two looks begin at the same moment.
    #[test]
    fn each_slot_has_its_look(
        minutes in 1_i64..300,
        steps in prop::collection::vec((1_i64..20_000, 0_i64..4_000, any::<bool>()), 1..60),
    ) {
        let text = format!("every {minutes}min");
        let schedule = Schedule::parse(&text, TimeZone::UTC).unwrap();
        let mut rota = rota(Some(&text));
        let names = ["nightly".to_owned()];
        let (mut now, mut began, mut seen) = (at("00:00:00"), Vec::new(), at("00:00:00"));
        for (away, length, in_vain) in steps {
            // Asleep, or not there: until its turn, and longer.
            now = rota.next().unwrap().max(now) + SignedDuration::from_secs(away % 7 * away);
            prop_assert_eq!(rota.due(now), names.clone());
            rota.begin(&names, now);
            began.push(now);
            prop_assert!(rota.due(now).is_empty());
            now += SignedDuration::from_secs(length);
            rota.end(&names, now, if in_vain { Ending::InVain } else { Ending::Through });
            // The next turn comes with the first slot after this look began, or before.
            prop_assert!(rota.next().unwrap() <= schedule.next(began[began.len() - 1]).unwrap());
            prop_assert!(rota.next().unwrap() <= now + EVERY);
            prop_assert!(seen <= began[began.len() - 1]);
            seen = now;
        }
        prop_assert!(began.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
