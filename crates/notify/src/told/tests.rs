use super::*;
use crate::{Look, Notice};
use proptest::prelude::*;
use snapkeep_config::Config;
use snapkeep_core::drill::Outcome;
use snapkeep_core::plan::Facts;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::LastDrill;

const HOUR: i64 = 3600;

/// Each hour; stale after two without a good one.
fn policy() -> Policy {
    let text = "clusters: {c: {endpoint: https://c}}\npolicies: {p: {repository: r, schedule: every 1h}}\n";
    Config::parse(text).unwrap().policies.remove("p").unwrap()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn attempt(state: State, start: i64, end: i64) -> Attempt {
    let (started_at, ended_at) = (second(start), Some(second(end)));
    Attempt { snapshot: format!("p-{start}"), state, started_at, ended_at }
}

/// Newest first.
fn facts(attempts: Vec<Attempt>) -> Facts {
    let last_success = attempts.iter().find(|one| one.state == State::Success).map(|one| one.started_at);
    Facts { attempts, last_success, ..Facts::default() }
}

fn look<'a>(policy: &'a Policy, facts: Option<&'a Facts>, codes: &[Code], at: i64) -> Look<'a> {
    let failures = codes.iter().map(|code| Failure::new(*code, "no", "look")).collect();
    Look { policy, cluster: "c".into(), facts, failures, drill: None, is_drill_unseen: false, at: second(at) }
}

/// What a remembering front end tells at each of these looks.
fn told(looks: &[Look<'_>]) -> Vec<String> {
    let mut memory = Memory::default();
    let mut each = Vec::new();
    for look in looks {
        let (changes, told) = decide(Before::Remembered(&memory), look);
        memory.put(look, told);
        each.push(changes.iter().map(|change| change.topic.as_str()).collect::<Vec<_>>().join(" "));
    }
    each
}

#[test]
fn each_incident_is_told_once_and_its_end_once() {
    let policy = policy();
    let good = facts(vec![attempt(State::Success, 0, 60)]);
    let partial = facts(vec![attempt(State::Partial, HOUR, HOUR + 60), attempt(State::Success, 0, 60)]);
    let failed = facts(vec![attempt(State::Failed, HOUR + 300, HOUR + 360), attempt(State::Partial, HOUR, HOUR + 60)]);
    let well = facts(vec![attempt(State::Success, 2 * HOUR, 2 * HOUR + 60)]);
    let looks = [
        look(&policy, Some(&good), &[], 60),
        look(&policy, Some(&good), &[], 120),
        look(&policy, Some(&partial), &[Code::SnapshotPartial], HOUR),
        look(&policy, Some(&partial), &[], HOUR + 120),
        look(&policy, Some(&failed), &[Code::SnapshotFailed], HOUR + 300),
        look(&policy, None, &[Code::ClusterUnavailable], HOUR + 600),
        look(&policy, Some(&well), &[], 2 * HOUR),
        look(&policy, Some(&well), &[], 2 * HOUR + 60),
    ];
    assert_eq!(told(&looks), ["", "", "partial", "", "", "", "recovered", ""]);
}

#[test]
fn what_leaves_no_trace_is_told_at_a_slots_first_run() {
    let policy = policy();
    let good = facts(vec![attempt(State::Success, 0, 60)]);
    let (unseen, denied) = ([Code::ClusterUnavailable], [Code::AccessDenied]);
    let looks = [
        look(&policy, Some(&good), &[], 60),
        // Between slots nothing is lost yet.
        look(&policy, None, &unseen, 600),
        look(&policy, None, &unseen, 1200),
        look(&policy, None, &unseen, HOUR + 5),
        look(&policy, None, &unseen, HOUR + 600),
        look(&policy, Some(&good), &denied, HOUR + 900),
        look(&policy, Some(&good), &[], HOUR + 1200),
        // What the next run mends is nothing to tell.
        look(&policy, Some(&good), &[Code::SnapshotRunning, Code::PlanStale], 2 * HOUR - 1),
    ];
    assert_eq!(told(&looks), ["", "", "", "failure", "", "", "recovered", ""]);
}

#[test]
fn staleness_is_told_beside_the_trouble_and_the_end_when_both_are_over() {
    let policy = policy();
    let failed = facts(vec![attempt(State::Failed, HOUR, HOUR + 60), attempt(State::Success, 0, 60)]);
    let well = facts(vec![attempt(State::Success, 5 * HOUR, 5 * HOUR + 60)]);
    let looks = [
        look(&policy, Some(&failed), &[], HOUR + 100),
        look(&policy, Some(&failed), &[], 2 * HOUR + 10),
        look(&policy, Some(&failed), &[], 3 * HOUR),
        look(&policy, Some(&well), &[], 5 * HOUR),
    ];
    assert_eq!(told(&looks), ["failure", "stale", "", "recovered"]);
    // A policy that is new has nothing that could grow old.
    assert_eq!(told(&[look(&policy, Some(&facts(vec![])), &[], 10)]), [""]);
}

#[test]
fn nothing_is_well_again_while_there_is_no_good_snapshot() {
    let policy = policy();
    let (none, good) = (facts(vec![]), facts(vec![attempt(State::Success, 0, 60)]));
    let failed = facts(vec![attempt(State::Failed, 4 * HOUR, 4 * HOUR + 60)]);
    let well = facts(vec![attempt(State::Success, 5 * HOUR, 5 * HOUR + 60)]);
    let looks = [
        look(&policy, Some(&good), &[], 3 * HOUR),
        // All that it had is deleted.
        look(&policy, Some(&none), &[], 3 * HOUR + 60),
        look(&policy, Some(&failed), &[], 4 * HOUR + 60),
        look(&policy, Some(&none), &[], 4 * HOUR + 120),
        look(&policy, Some(&well), &[], 5 * HOUR + 60),
    ];
    assert_eq!(told(&looks), ["stale", "", "failure", "", "recovered"]);
}

/// Receivers leave out what they have seen.
#[test]
fn each_message_has_an_id_of_its_own_also_where_there_are_no_good_snapshots() {
    let text = "clusters: {c: {endpoint: https://c}}\npolicies: {p: {repository: r, keep: {last: 1}}}\n";
    let policy = Config::parse(text).unwrap().policies.remove("p").unwrap();
    let (none, day) = (facts(vec![]), 24 * HOUR);
    let (mut memory, mut ids) = (Memory::default(), Vec::new());
    for turn in 0..4 {
        let codes: &[Code] = if turn % 2 == 0 { &[Code::AccessDenied] } else { &[] };
        let look = look(&policy, Some(&none), codes, turn * day);
        let (changes, told) = decide(Before::Remembered(&memory), &look);
        memory.put(&look, told);
        let notices = changes.iter().map(|change| Notice::of(change, &look, look.at));
        ids.extend(notices.map(|notice| (notice.event, notice.id, notice.code, notice.summary)));
    }
    let well = ("recovered", None, "p on c: well again".to_owned());
    let told: Vec<_> = ids.iter().map(|(event, _, code, summary)| (*event, code.clone(), summary.clone())).collect();
    let failed = ("failure", Some("access_denied".to_owned()), "p on c: the run failed".to_owned());
    assert_eq!(told, [failed.clone(), well.clone(), failed, well]);
    let distinct: std::collections::BTreeSet<_> = ids.iter().map(|(_, id, ..)| id).collect();
    assert_eq!(distinct.len(), 4, "{ids:?}");
}

#[test]
fn nothing_is_well_again_before_somebody_has_looked_after_the_drills() {
    let policy = policy();
    let good = facts(vec![attempt(State::Success, 0, 1)]);
    let unseen = Look { is_drill_unseen: true, ..look(&policy, Some(&good), &[], 60) };
    let looks = [look(&policy, Some(&good), &[Code::AccessDenied], 0), unseen, look(&policy, Some(&good), &[], 120)];
    assert_eq!(told(&looks), ["failure", "", "recovered"]);
}

/// The end of a bad snapshot's trouble is about no snapshot, and no failure.
#[test]
fn an_end_is_called_after_what_ended() {
    let policy = policy();
    let bad = facts(vec![attempt(State::Partial, HOUR, HOUR + 60), attempt(State::Success, 0, 60)]);
    let well = facts(vec![attempt(State::Success, HOUR + 600, HOUR + 660), attempt(State::Partial, HOUR, HOUR + 60)]);
    let mut memory = Memory::default();
    let first = look(&policy, Some(&bad), &[], HOUR + 60);
    let (_, told) = decide(Before::Remembered(&memory), &first);
    memory.put(&first, told);
    let last = look(&policy, Some(&well), &[], HOUR + 660);
    let (changes, _) = decide(Before::Remembered(&memory), &last);
    let notice = Notice::of(&changes[0], &last, last.at);
    assert_eq!(notice.id, format!("recovered:p@c/r:{}", bad.attempts[0].snapshot));
    assert_eq!((notice.snapshot, notice.code, notice.cause), (None, None, None));
}

#[test]
fn what_nobody_was_told_is_as_it_was_before() {
    let change = |topic, anchor: &str| Change { topic, anchor: anchor.into() };
    let bad = Told { trouble: Some("x".into()), stale: true, looked_at: Some(second(0)), drill: Some("d1".into()) };
    let well = Told { looked_at: Some(second(60)), drill: Some("d2".into()), ..Told::default() };
    for (change, expected) in [
        (change(Topic::Recovered, "x"), Told { trouble: bad.trouble.clone(), stale: true, ..well.clone() }),
        (change(Topic::Failure, "drill d2"), Told { drill: bad.drill.clone(), ..well.clone() }),
    ] {
        let mut told = well.clone();
        told.take_back(&change, &bad);
        assert_eq!(told, expected, "{change:?}");
    }
    for (change, expected) in [
        (change(Topic::Stale, "never"), Told { stale: false, ..bad.clone() }),
        // So that the slot's next run is the first that tells.
        (change(Topic::Failure, "x"), Told { trouble: None, looked_at: well.looked_at, ..bad.clone() }),
    ] {
        let mut told = bad.clone();
        told.take_back(&change, &well);
        assert_eq!(told, expected, "{change:?}");
    }
}

#[test]
fn a_drill_that_did_not_pass_is_told_whatever_else_there_is() {
    let policy = policy();
    let good = facts(vec![attempt(State::Success, 0, 60)]);
    let failed = facts(vec![attempt(State::Failed, HOUR, HOUR + 60), attempt(State::Success, 0, 60)]);
    let drill = |ended: i64, outcome| LastDrill {
        id: format!("d{ended}"),
        policy: "p".into(),
        cluster: "c".into(),
        began_at: second(ended - 60),
        ended_at: second(ended),
        outcome,
        failure: (outcome != Outcome::Passed)
            .then(|| Failure::new(Code::RestoreIncomplete, "the drill did not pass", "look")),
        recovery_time_s: None,
        recovery_point_age_s: None,
    };
    let drills = [
        drill(600, Outcome::Failed),
        drill(HOUR + 100, Outcome::Failed),
        drill(HOUR + 200, Outcome::Interrupted),
        drill(HOUR + 300, Outcome::Passed),
        drill(HOUR + 400, Outcome::Failed),
    ];
    let [first, second_one, killed, passed, third] = &drills;
    let drilled = |facts, at, drill| Look { drill: Some(drill), ..look(&policy, Some(facts), &[], at) };
    let looks = [
        look(&policy, Some(&good), &[], 60),
        drilled(&good, 600, first),
        drilled(&good, 1200, first),
        // Nobody looked at drills.
        look(&policy, Some(&good), &[], 1200),
        drilled(&good, 1800, first),
        drilled(&failed, HOUR + 100, second_one),
        drilled(&failed, HOUR + 200, killed),
        drilled(&failed, HOUR + 300, passed),
        drilled(&failed, HOUR + 400, third),
    ];
    assert_eq!(told(&looks), ["", "failure", "", "", "", "failure failure", "", "", "failure"]);
    let beat = Beat { at: second(600), every: SignedDuration::from_mins(10), time: SignedDuration::from_mins(5) };
    let (changes, _) = decide(Before::Beat(beat), &looks[1]);
    let notice = Notice::of(&changes[0], &looks[1], second(600));
    assert_eq!(
        (notice.summary.as_str(), notice.id.as_str()),
        ("p on c: a drill did not pass", "failure:p@c/r:drill d600")
    );
    let why = (notice.code.as_deref(), notice.cause.as_deref(), notice.snapshot);
    assert_eq!(why, (Some("restore_incomplete"), Some("the drill did not pass"), None));
    // The run before and the one after it do not tell what this one's time has seen.
    for (at, messages) in [(0, 0), (600, 1), (1200, 0)] {
        let (changes, _) = decide(Before::Beat(Beat { at: second(at), ..beat }), &looks[2]);
        assert_eq!(changes.len(), messages, "{at}");
    }
}

#[test]
fn without_a_schedule_it_is_told_once_a_day() {
    let text = "clusters: {c: {endpoint: https://c}}\npolicies: {p: {repository: r, keep: {last: 1}}}\n";
    let policy = Config::parse(text).unwrap().policies.remove("p").unwrap();
    let denied = [Code::AccessDenied];
    let (none, day) = (facts(vec![]), 24 * HOUR);
    let beat = |at: i64| {
        Before::Beat(Beat { at: second(at), every: SignedDuration::from_hours(1), time: SignedDuration::from_mins(15) })
    };
    let mut messages = 0;
    for hour in 0..72 {
        let look = look(&policy, Some(&none), &denied, hour * HOUR + 7);
        messages += decide(beat(hour * HOUR + 7), &look).0.len();
    }
    assert_eq!(messages, 3, "{day}");
}

#[test]
fn memory_is_read_as_it_is_written_and_nonsense_is_nothing() {
    let policy = policy();
    let mut memory = Memory::default();
    let told = Told { trouble: Some("x".into()), stale: true, looked_at: Some(second(0)), drill: None };
    memory.put(&look(&policy, None, &[], 0), told);
    assert_eq!(Memory::read(&memory.to_text()), memory);
    assert_eq!(Memory::read("{\"places\": 7"), Memory::default());
}

/// A snapshot's state and how long it takes, in seconds.
fn outcomes() -> impl Strategy<Value = Vec<(State, i64)>> {
    let state = prop_oneof![3 => Just(State::Success), 1 => Just(State::Partial), 2 => Just(State::Failed)];
    prop::collection::vec((state, 1..2400_i64), 1..40)
}

/// Runs each `every` seconds that may take `time`: what each sees at its end, with its beat. A run that finds none running
/// begins one for a new slot, or after a bad one.
fn runs(outcomes: &[(State, i64)], every: i64, time: i64) -> Vec<(Vec<Attempt>, i64)> {
    let (mut attempts, mut left, mut running): (Vec<Attempt>, _, Option<Attempt>) = (vec![], outcomes.iter(), None);
    let mut runs = Vec::new();
    for at in (0..).map(|turn| turn * every) {
        if let Some(ended) = running.take_if(|one| one.end() < second(at)) {
            attempts.insert(0, ended);
        }
        let is_due = attempts
            .first()
            .is_none_or(|last| last.state != State::Success || last.started_at < second(at / HOUR * HOUR));
        if running.is_none() && is_due {
            let Some((state, takes)) = left.next() else { break };
            running = Some(attempt(*state, at + 1, at + 1 + takes));
        }
        if let Some(ended) = running.take_if(|one| one.end() < second(at + time)) {
            attempts.insert(0, ended);
        }
        runs.push((attempts.clone(), at));
    }
    runs
}

proptest! {
    /// Whatever happens, whoever remembers tells each incident once, and its end once.
    #[test]
    fn over_any_history_each_incident_is_told_once(
        outcomes in outcomes(),
        troubles in prop::collection::vec(prop::bool::weighted(0.2), 0..200),
    ) {
        let policy = policy();
        let (mut memory, mut open, mut stale) = (Memory::default(), false, false);
        for (turn, (attempts, at)) in runs(&outcomes, 600, 5000).into_iter().enumerate() {
            let facts = facts(attempts);
            let codes: &[Code] = if troubles.get(turn) == Some(&true) { &[Code::AccessDenied] } else { &[] };
            let look = look(&policy, Some(&facts), codes, at);
            let (changes, told) = decide(Before::Remembered(&memory), &look);
            for change in &changes {
                match change.topic {
                    Topic::Failure | Topic::Partial => prop_assert!(!std::mem::replace(&mut open, true)),
                    Topic::Stale => prop_assert!(!std::mem::replace(&mut stale, true)),
                    Topic::Recovered => {
                        prop_assert!(open || stale);
                        (open, stale) = (false, false);
                    }
                }
            }
            let is_bad = facts.attempts.first().is_some_and(|last| last.state != State::Success);
            prop_assert!(!is_bad || open, "a bad snapshot is never kept quiet");
            memory.put(&look, told);
            prop_assert_eq!(decide(Before::Remembered(&memory), &look).0, vec![], "a second look at the same says nothing");
        }
    }

    /// Whoever remembers nothing, but comes as regularly as it says, tells what one who saw every run would tell: each
    /// change once, although each run works out anew what held before.
    #[test]
    fn without_memory_runs_share_out_what_there_is_to_tell(
        outcomes in outcomes(),
        every in prop_oneof![Just(300_i64), Just(600), Just(900), Just(1800)],
        time in prop_oneof![Just(290_i64), Just(598), Just(898), Just(3000)],
    ) {
        let policy = policy();
        let (mut trouble, mut stale) = (false, false);
        for (attempts, at) in runs(&outcomes, every, time) {
            let facts = facts(attempts);
            let look = look(&policy, Some(&facts), &[], at);
            let beat = Beat { at: second(at), every: SignedDuration::from_secs(every), time: SignedDuration::from_secs(time) };
            let (changes, _) = decide(Before::Beat(beat), &look);
            // What an observer knows who saw this run and tells nothing that the next one will see happen.
            let mut ended = facts.attempts.iter().filter(|one| one.end() < second(at + every));
            let now_bad = ended.clone().next().is_some_and(|last| last.state != State::Success);
            let newest = ended.find(|one| one.state == State::Success);
            let from = newest.and_then(|newest| policy.stale_from(newest.started_at));
            let now_stale = from.is_some_and(|from| from <= second(at));
            let mut expected = Vec::new();
            if now_bad && !trouble {
                let state = facts.attempts.iter().find(|one| one.end() < second(at + every)).unwrap().state;
                expected.push(if state == State::Partial { Topic::Partial } else { Topic::Failure });
            }
            if now_stale && !stale {
                expected.push(Topic::Stale);
            }
            if (trouble || stale) && !now_bad && !now_stale {
                expected.push(Topic::Recovered);
            }
            let topics: Vec<Topic> = changes.iter().map(|change| change.topic).collect();
            prop_assert_eq!(topics, expected, "at {}", at);
            (trouble, stale) = (now_bad, now_stale);
        }
    }
}
