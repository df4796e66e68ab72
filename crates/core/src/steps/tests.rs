use super::*;
use proptest::prelude::*;

fn stale() -> Event {
    Event::Refuted(Violation { invariant: 4, snapshot: "s".into(), wrong: "it runs".into() })
}

const FREE: Event = Event::Permitted(Permit::Act);
const DONE: Event = Event::Permitted(Permit::Done);

/// What is asked, in short, and the outcome.
fn told(events: &[Event]) -> String {
    let mut machine = Machine::default();
    let mut asked = String::new();
    for event in events {
        asked.push(letter(machine.ask()));
        machine.tell(event.clone());
    }
    match machine.ask() {
        Ask::End(Outcome::Stale(_)) => format!("{asked} stale"),
        Ask::End(outcome) => format!("{asked} {}", format!("{outcome:?}").to_lowercase()),
        ask => format!("{asked} {}…", letter(ask)),
    }
}

fn letter(ask: &Ask) -> char {
    match ask {
        Ask::Look => 'l',
        Ask::Act => 'A',
        Ask::End(_) => '.',
    }
}

fn again(times: usize, events: &[Event]) -> Vec<Event> {
    std::iter::repeat_n(events, times).flatten().cloned().collect()
}

#[test]
fn look_act_look_again() {
    use Event::{Accepted, Expired, Lost, Postponed, Refused, Unseen};
    for (events, expected) in [
        (vec![], " l…"),
        (vec![FREE, Accepted, DONE], "lAl done"),
        (vec![FREE, Lost, DONE], "lAl done"),
        (vec![FREE, Refused, DONE], "lAl done"),
        (vec![DONE], "l already"),
        (vec![stale()], "l stale"),
        (vec![FREE, Lost, stale()], "lAl stale"),
        (vec![FREE, Refused, FREE], "lAl refused"),
        (vec![FREE, Lost, FREE], "lAl A…"),
        (vec![FREE, Lost, FREE, Refused, DONE], "lAlAl done"),
        (vec![FREE, Lost, FREE, Lost, FREE, Lost, FREE], "lAlAlAl unknown"),
        (vec![Unseen, Unseen, Unseen, Unseen], "llll unseen"),
        (vec![FREE, Lost, Unseen, Unseen, Unseen, Unseen], "lAllll unknown"),
        (vec![FREE, Accepted, FREE, FREE, DONE], "lAlll done"),
        (vec![FREE, Accepted, FREE, FREE, FREE, FREE], "lAllll unknown"),
        (vec![Unseen, FREE, Accepted, Unseen, DONE], "llAll done"),
        (vec![Accepted, FREE], "ll A…"),
        (vec![FREE, Expired, FREE, Accepted, DONE], "lAlAl done"),
        (vec![FREE, Expired, DONE], "lAl already"),
        (vec![FREE, Lost, FREE, Expired, FREE, Lost, DONE], "lAlAlAl done"),
        (vec![FREE, Expired, FREE, Expired, FREE, Expired, FREE, Expired], "lAlAlAlA unseen"),
        (again(6, &[FREE, Postponed]), "lAlAlAlAlAlA l…"),
        (again(4, &[Unseen, FREE, Postponed]), "llAllAllAllA l…"),
        (
            [vec![FREE, Lost], again(6, &[FREE, Postponed]), vec![FREE, Accepted, DONE]].concat(),
            "lAlAlAlAlAlAlAlAl done",
        ),
        (vec![FREE, Postponed, DONE], "lAl already"),
        (vec![FREE, Refused, DONE, Postponed], "lAl. done"),
    ] {
        assert_eq!(told(&events), expected, "{events:?}");
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    prop::sample::select(vec![
        FREE,
        DONE,
        stale(),
        Event::Unseen,
        Event::Expired,
        Event::Postponed,
        Event::Accepted,
        Event::Refused,
        Event::Lost,
    ])
}

proptest! {
    /// Whatever comes: between two writes lies a look that permits the second, and writes and looks are bounded.
    #[test]
    fn no_write_without_a_look_that_permits_it(events in prop::collection::vec(any_event(), 0..80)) {
        let mut machine = Machine::default();
        let (mut permitted, mut writes, mut looks, mut turns) = (false, 0, 0, SENDS + 1);
        for event in events {
            let before = machine.ask().clone();
            machine.tell(event.clone());
            match before {
                Ask::Act if matches!(event, Event::Accepted | Event::Refused | Event::Lost) => {
                    prop_assert!(permitted);
                    (permitted, writes) = (false, writes + 1);
                }
                Ask::Look if matches!(event, Event::Permitted(_) | Event::Refuted(_) | Event::Unseen) => {
                    permitted = event == FREE;
                    looks += 1;
                }
                Ask::Act if event == Event::Expired => permitted = false,
                Ask::Act if event == Event::Postponed => (permitted, turns) = (false, turns + 1),
                Ask::Act | Ask::Look => prop_assert_eq!(machine.ask(), &before),
                Ask::End(_) => prop_assert_eq!(machine.ask(), &before),
            }
        }
        prop_assert!(writes <= SENDS && looks <= turns * LOOKS);
        prop_assert_eq!(machine.has_sent(), writes > 0);
    }
}
