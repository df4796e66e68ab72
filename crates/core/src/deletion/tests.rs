use super::*;
use crate::select::Glob;
use jiff::SignedDuration;
use proptest::prelude::*;

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn repository() -> RepositoryName {
    RepositoryName::parse("backups").unwrap()
}

fn snapshot(name: &str, state: State, day: i64) -> Snapshot {
    Snapshot {
        uuid: Some(format!("uuid-{name}")),
        state: Some(state),
        started_at: Some(Timestamp::from_second(1_792_972_800 + day * 86_400).unwrap()),
        ..Snapshot::named(name)
    }
}

fn inventory() -> Vec<Snapshot> {
    vec![
        snapshot("nightly-3", State::Success, 3),
        snapshot("nightly-1", State::Success, 1),
        snapshot("nightly-2", State::Partial, 2),
        snapshot("running", State::InProgress, 4),
        snapshot("weekly-1", State::Failed, 0),
    ]
}

fn names(names: &[&str]) -> Selection {
    let names = names.iter().map(|name| SnapshotName::parse(name).unwrap()).collect();
    Selection { names, ..Selection::default() }
}

fn glob(pattern: &str) -> Filter {
    Filter { globs: vec![Glob::parse(pattern).unwrap()], ..Filter::default() }
}

fn planned(selection: &Selection) -> DeletionPlan {
    plan(&repository(), &inventory(), selection, now()).unwrap()
}

/// Steps with reasons, then kept ones with theirs, then missing ones.
fn told(plan: &DeletionPlan) -> Vec<String> {
    let steps = plan.steps.iter().map(|step| format!("- {}: {}", step.name, step.reasons.join("; ")));
    let kept = plan.kept.iter().map(|kept| format!("+ {}: {}", kept.name, kept.why));
    steps.chain(kept).chain(plan.missing.iter().map(|name| format!("? {name}"))).collect()
}

#[test]
fn each_step_and_each_kept_one_has_its_reason() {
    let days = SignedDuration::from_hours(24);
    let table: [(Selection, &[&str]); 7] = [
        (names(&["nightly-1", "nightly-2"]), &["- nightly-1: named", "- nightly-2: named; PARTIAL"]),
        (
            names(&["gone", "running", "also-gone"]),
            &["+ running: it runs: deleting it would abort it", "? also-gone", "? gone"],
        ),
        (
            Selection { filter: glob("nightly-*"), ..Selection::default() },
            &[
                "- nightly-1: matches nightly-*",
                "- nightly-2: matches nightly-*; PARTIAL",
                "+ nightly-3: the newest SUCCESS, begun 2026-10-29T00:00:00Z: without it the repository would hold no good snapshot",
            ],
        ),
        (
            Selection { filter: glob("nightly-*"), allow_last_good: true, ..Selection::default() },
            &[
                "- nightly-1: matches nightly-*",
                "- nightly-2: matches nightly-*; PARTIAL",
                "- nightly-3: matches nightly-*",
            ],
        ),
        (
            Selection {
                filter: Filter { states: vec![State::Failed, State::Partial], ..Filter::default() },
                ..Selection::default()
            },
            &["- weekly-1: FAILED", "- nightly-2: PARTIAL"],
        ),
        (
            Selection {
                filter: Filter { older_than: Some(days * 27), ..glob("weekly-?") },
                ..names(&["nightly-1", "nightly-3"])
            },
            &[
                "- weekly-1: matches weekly-?; older than 27 d (began 2026-10-26T00:00:00Z); FAILED",
                "- nightly-1: named; older than 27 d (began 2026-10-27T00:00:00Z)",
                "+ nightly-3: named, but not older than 27 d",
            ],
        ),
        (names(&["nightly-1", "nightly-1"]), &["- nightly-1: named"]),
    ];
    for (selection, expected) in table {
        assert_eq!(told(&planned(&selection)), expected, "{selection:?}");
    }
}

#[test]
fn what_was_named_and_stays_is_complained_about() {
    let code = |selection: &Selection| planned(selection).complaint().map(|failure| failure.code);
    assert_eq!(code(&names(&["nightly-1"])), None);
    assert_eq!(code(&names(&["nightly-1", "gone"])), Some(Code::SnapshotMissing));
    assert_eq!(code(&names(&["running"])), Some(Code::SnapshotRunning));
    assert_eq!(code(&names(&["nightly-1", "nightly-3"])), Some(Code::BadEvent));
    assert_eq!(code(&Selection { filter: glob("*"), ..Selection::default() }), None);
}

#[test]
fn nothing_asked_for_is_not_everything_and_reserved_repositories_stay() {
    let nothing = plan(&repository(), &inventory(), &Selection::default(), now());
    assert_eq!(nothing.unwrap_err().code, Code::BadEvent);
    let automated = RepositoryName::parse("cs-automated").unwrap();
    assert_eq!(plan(&automated, &inventory(), &names(&["nightly-1"]), now()).unwrap_err().code, Code::BadEvent);
}

#[test]
fn a_name_that_could_be_read_otherwise_is_not_sent() {
    let odd = vec![snapshot("a,b", State::Failed, 0), snapshot("*", State::Failed, 0)];
    let plan = plan(&repository(), &odd, &Selection { filter: glob("*"), ..Selection::default() }, now()).unwrap();
    assert_eq!((plan.steps.len(), plan.kept.len()), (0, 2));
}

#[test]
fn a_step_knows_its_snapshot_again() {
    let step = planned(&names(&["nightly-1"])).steps.remove(0);
    let same = snapshot("nightly-1", State::Success, 1);
    let with = |change: fn(&mut Snapshot)| {
        let mut changed = same.clone();
        change(&mut changed);
        step.standing(Some(&changed))
    };
    assert_eq!(step.standing(None), Standing::Gone);
    assert_eq!(step.standing(Some(&same)), Standing::Same);
    assert_eq!(with(|s| s.uuid = Some("other".to_owned())), Standing::Replaced);
    assert_eq!(with(|s| s.uuid = None), Standing::Same);
    assert_eq!(with(|s| (s.uuid, s.started_at) = (None, Timestamp::from_second(1).ok())), Standing::Replaced);
    assert_eq!(with(|s| s.started_at = None), Standing::Same);
    assert_eq!(with(|s| s.state = Some(State::InProgress)), Standing::Running);
}

#[test]
fn its_shape_is_stable() {
    let plan = planned(&names(&["nightly-1", "running", "gone"]));
    let expected = serde_json::json!({
        "schema": 1, "repository": "backups", "total": 5, "missing": ["gone"], "allow_last_good": false,
        "steps": [{"snapshot": "nightly-1", "uuid": "uuid-nightly-1", "state": "SUCCESS",
            "started_at": "2026-10-27T00:00:00Z", "reasons": ["named"]}],
        "kept": [{"snapshot": "running", "state": "IN_PROGRESS", "started_at": "2026-10-30T00:00:00Z", "named": true, "why": "it runs: deleting it would abort it",
            "hint": "`abort` ends it, and what it has saved so far goes with it"}],
    });
    assert_eq!(serde_json::to_value(&plan).unwrap(), expected);
}

fn any_state() -> impl Strategy<Value = State> {
    proptest::sample::select(vec![State::Success, State::Success, State::Partial, State::Failed, State::InProgress])
}

proptest! {
    #[test]
    fn no_plan_loses_the_newest_good_one_or_touches_what_runs(
        states in proptest::collection::vec((any_state(), 0_i64..9), 0..10),
        asked in proptest::collection::vec(0_usize..12, 0..12),
        pattern in proptest::option::of(proptest::sample::select(vec!["*", "s-*", "s-1", "?-2", "none"])),
        older in proptest::option::of(0_i64..60),
        allow_last_good in any::<bool>(),
    ) {
        let inventory: Vec<Snapshot> =
            states.iter().enumerate().map(|(n, (state, day))| snapshot(&format!("s-{n}"), *state, *day)).collect();
        let asked: Vec<String> = asked.iter().map(|n| format!("s-{n}")).collect();
        let mut selection = names(&asked.iter().map(String::as_str).collect::<Vec<_>>());
        selection.filter = pattern.map(glob).unwrap_or_default();
        selection.filter.older_than = older.map(|days| SignedDuration::from_hours(24 * days));
        selection.allow_last_good = allow_last_good;
        let Ok(plan) = plan(&repository(), &inventory, &selection, now()) else {
            prop_assert!(asked.is_empty() && pattern.is_none() && older.is_none());
            return Ok(());
        };
        let goes = |name: &str| plan.steps.iter().any(|step| step.name == name);
        let stays = |name: &str| plan.kept.iter().any(|kept| kept.name == name);
        for snapshot in &inventory {
            let running = snapshot.state == Some(State::InProgress);
            prop_assert!(!(goes(&snapshot.name) && (running || stays(&snapshot.name))));
        }
        for name in &asked {
            prop_assert!(goes(name) || stays(name) || plan.missing.contains(name), "{} is lost", name);
        }
        prop_assert!(plan.steps.iter().all(|step| !step.reasons.is_empty()));
        let good = |s: &&Snapshot| s.state == Some(State::Success);
        let newest = inventory.iter().filter(good).map(|s| s.started_at).max();
        let left = inventory.iter().filter(good).filter(|s| !goes(&s.name)).map(|s| s.started_at).max();
        prop_assert!(allow_last_good || newest.is_none() || left.is_some());
    }
}
