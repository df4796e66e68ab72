use super::*;
use crate::adopt::Adopt;
use crate::invariants::{self, Look, Permit};
use crate::inventory::{Cluster, Inventory, Repository};
use crate::ownership::Foreign;
use crate::period::Period;
use crate::policy::{FirstDelete, Policy, Settings};
use crate::retention::Reason;
use crate::snapshot::{Snapshot, State};
use crate::testing::{at, begun, inventory, marked, settings};
use jiff::SignedDuration;

mod adopted;
mod look;
mod properties;

const NOW: &str = "2026-01-20T05:00:00Z";

fn policy(change: impl FnOnce(&mut Settings)) -> Policy {
    let mut settings = settings("nightly");
    change(&mut settings);
    Policy::new(settings).unwrap()
}

fn slot(day: i8) -> Timestamp {
    at(&format!("2026-01-{day:02}T03:00:00Z"))
}

/// The policy's good snapshot of a day.
fn night(day: i8) -> Snapshot {
    marked("nightly", slot(day), 1, &format!("2026-01-{day:02}T03:00:05Z"))
}

fn nights(days: std::ops::RangeInclusive<i8>) -> Vec<Snapshot> {
    days.map(night).collect()
}

fn in_state(state: State, snapshot: Snapshot) -> Snapshot {
    Snapshot { state: Some(state), ..snapshot }
}

fn plan(policies: &[Policy], inventory: &Inventory) -> Plan {
    let plan = make(policies, inventory, &Options::default(), at(NOW));
    assert_eq!(invariants::check(&plan, policies, inventory, Options::default()), []);
    let json = serde_json::to_string(&plan).unwrap();
    let mut written = plan.clone();
    written.policies.iter_mut().for_each(|standing| standing.facts = super::Facts::default());
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), written, "a plan survives its file");
    plan
}

fn planned(change: impl FnOnce(&mut Settings), snapshots: Vec<Snapshot>) -> Plan {
    plan(&[policy(change)], &inventory(snapshots))
}

fn repository(inventory: &mut Inventory) -> &mut Repository {
    cluster(inventory).repositories.get_mut("backups").unwrap()
}

fn cluster(inventory: &mut Inventory) -> &mut Cluster {
    inventory.clusters.get_mut("prod").unwrap()
}

fn created(plan: &Plan) -> Vec<&str> {
    plan.creates().map(|create| create.snapshot.as_str()).collect()
}

fn deleted(plan: &Plan) -> Vec<&str> {
    plan.deletes().map(|delete| delete.snapshot.as_str()).collect()
}

/// Puts it under a legal hold.
fn hold(snapshot: &mut Snapshot, value: serde_json::Value) {
    let mut metadata = snapshot.metadata.as_ref().unwrap().to_map();
    metadata.insert("snapkeep_hold".into(), value);
    snapshot.metadata = Some(metadata.into());
}

fn skips(plan: &Plan) -> Vec<Skip> {
    plan.skipped.iter().map(|skipped| skipped.why.clone()).collect()
}

#[test]
fn a_due_slot_is_taken_once_and_by_explicit_names() {
    let plan = planned(|_| (), nights(18..=19));
    let create = plan.creates().next().unwrap();
    assert_eq!(create.snapshot, "nightly-20260120t030000z");
    assert_eq!(create.indices, ["logs-1"]);
    assert_eq!(create.reasons, [Due::Slot { late_seconds: 7_200 }]);
    assert_eq!(create.guard.begin_before, slot(21));
    assert_eq!(skips(&planned(|_| (), nights(18..=20))), [Skip::SlotDone]);
}

#[test]
fn many_missed_slots_are_caught_up_once() {
    assert_eq!(created(&planned(|_| (), nights(1..=3))), ["nightly-20260120t030000z"]);
    assert_eq!(created(&planned(|_| (), vec![])), ["nightly-20260120t030000z"]);
}

#[test]
fn attempts_follow_one_another_until_they_are_used_up() {
    let attempt = |n| marked("nightly", slot(20), n, "2026-01-20T03:00:05Z");
    let failed = |n| in_state(State::Failed, attempt(n));
    let second = planned(|_| (), vec![night(19), failed(1)]);
    assert_eq!(created(&second), ["nightly-20260120t030000z-r2"]);
    let third = planned(|_| (), vec![in_state(State::Partial, attempt(2)), night(19), failed(1)]);
    assert_eq!(created(&third), ["nightly-20260120t030000z-r3"]);
    let used = vec![failed(1), failed(2), failed(3)];
    assert_eq!(skips(&planned(|_| (), used)), [Skip::AttemptsUsed { attempts: 3 }]);
    let done = planned(|_| (), vec![failed(1), attempt(2)]);
    assert_eq!(skips(&done), [Skip::SlotDone]);
    assert_eq!(deleted(&done), Vec::<&str>::new(), "at one moment neither is newer");
    let running = in_state(State::InProgress, attempt(2));
    assert_eq!(skips(&planned(|_| (), vec![failed(1), running])), [Skip::SlotRunning]);
    let unknown = Snapshot { state: None, ..attempt(1) };
    assert_eq!(skips(&planned(|_| (), vec![unknown])), [Skip::SlotUnknown]);
}

/// The number of attempts is only known from the attempts: they stay while the slot has nothing good.
#[test]
fn attempts_of_the_due_slot_stay_until_it_is_done() {
    let failed = in_state(State::Failed, marked("nightly", slot(20), 1, "2026-01-20T03:00:05Z"));
    let manual = begun("manual-1", State::Success, "2026-01-20T04:00:00Z");
    let adopting = |s: &mut Settings| s.adopt = vec![Adopt::wildcard("manual-*").unwrap()];
    let plan = planned(adopting, vec![failed.clone(), manual.clone()]);
    assert_eq!((deleted(&plan), created(&plan)), (vec![], vec!["nightly-20260120t030000z-r2"]));
    let good = marked("nightly", slot(20), 2, "2026-01-20T03:10:00Z");
    let plan = planned(adopting, vec![failed, good, manual]);
    assert_eq!(deleted(&plan), ["nightly-20260120t030000z"]);
    assert!(plan.kept.iter().any(|kept| kept.reasons[0] == Why::Rule(Reason::DueSlot)));
}

/// The clock was set back, or a machine whose clock was ahead took the next slot early.
#[test]
fn what_a_later_slot_took_by_now_stands_for_this_one() {
    let early = |start: &str| marked("nightly", slot(21), 1, start);
    let with = |snapshot: Snapshot| skips(&planned(|_| (), vec![night(19), snapshot]));
    assert_eq!(with(early("2026-01-20T03:01:00Z")), [Skip::SlotDone]);
    assert_eq!(with(in_state(State::InProgress, early("2026-01-20T05:02:00Z"))), [Skip::SlotDone]);
    for other in [early("2026-01-20T02:59:00Z"), early("2026-01-20T05:06:00Z")] {
        assert_eq!(with(other), [], "before the slot, or by a clock that was wrong");
    }
    assert_eq!(with(in_state(State::Partial, early("2026-01-20T03:01:00Z"))), []);
}

#[test]
fn a_window_that_is_over_is_not_entered() {
    let narrow = |s: &mut Settings| s.limits.start_window = Some(Period::hours(1));
    let since = at("2026-01-20T04:00:00Z");
    assert_eq!(skips(&planned(narrow, nights(18..=19))), [Skip::WindowOver { since }]);
    let wide = |s: &mut Settings| s.limits.start_window = Some(Period::days(9));
    let plan = planned(wide, nights(18..=19));
    assert_eq!(plan.creates().next().unwrap().guard.begin_before, slot(21), "the next slot ends it in any case");
}

#[test]
fn what_runs_elsewhere_is_waited_for_where_one_runs_at_a_time() {
    let foreign = begun("other", State::InProgress, "2026-01-20T04:59:00Z");
    let mut facts = inventory(vec![night(19)]);
    let elsewhere = Repository { snapshots: vec![foreign], ..Repository::default() };
    cluster(&mut facts).repositories.insert("cs-automated".into(), elsewhere);
    assert_eq!(created(&plan(&[policy(|_| ())], &facts)).len(), 1);
    cluster(&mut facts).concurrent = false;
    let waiting = Skip::Waiting { behind_repository: "cs-automated".into(), behind: "other".into(), until: slot(21) };
    assert_eq!(skips(&plan(&[policy(|_| ())], &facts)), [waiting]);
}

#[test]
fn a_policy_never_runs_beside_itself() {
    let running = in_state(State::InProgress, night(19));
    let plan = planned(|s| s.limits.max_duration = Some(Period::hours(12)), vec![running]);
    assert!(matches!(&skips(&plan)[..], [Skip::Waiting { behind, .. }] if behind == "nightly-20260119t030000z"));
    assert_eq!(plan.policies[0].running, ["nightly-20260119t030000z"]);
    assert_eq!(plan.policies[0].overdue, ["nightly-20260119t030000z"]);
}

#[test]
fn a_taken_name_or_an_empty_selection_is_said() {
    let taken = begun("nightly-20260120t030000z", State::Success, "2026-01-20T03:00:05Z");
    let plan = planned(|_| (), vec![taken]);
    assert_eq!(skips(&plan), [Skip::NameTaken]);
    assert_eq!(plan.kept[0].reasons, [Why::Foreign(Foreign::NoMark)]);
    let nothing = planned(|s| s.indices.exclude = vec![crate::pattern::Pattern::parse("*").unwrap()], vec![]);
    assert_eq!(skips(&nothing), [Skip::NothingSelected]);
}

#[test]
fn retention_takes_the_oldest_first_and_stops_at_its_limit() {
    let all = planned(|_| (), nights(14..=20));
    assert_eq!(deleted(&all), (14..=17).map(|day| night(day).name).collect::<Vec<_>>());
    let limited = planned(|s| s.limits.max_deletes_per_run = 2, nights(14..=20));
    assert_eq!(deleted(&limited), [night(14).name, night(15).name]);
    let over = Skip::Limit { max_deletes_per_run: 2 };
    assert_eq!(skips(&limited), [Skip::SlotDone, over.clone(), over]);
    assert!(limited.explain(&night(16).name)[0].contains("the run has its 2 deletions (otherwise: no keep rule"));
    assert!(
        limited.explain(&night(14).name)[0].ends_with("delete from prod/backups by nightly: no keep rule wants it")
    );
    assert!(limited.explain(&night(20).name)[0].contains("the slot that is due; the newest SUCCESS; floor"));
    assert_eq!(limited.explain("never-seen"), Vec::<String>::new());
}

#[test]
fn without_keep_nothing_is_deleted() {
    let plan = planned(|s| s.keep = None, nights(1..=20));
    assert_eq!(deleted(&plan), Vec::<&str>::new());
    assert_eq!(plan.kept.len(), 20);
}

#[test]
fn the_first_deletion_needs_a_yes_and_later_ones_remember_it() {
    let careful = |s: &mut Settings| s.first_delete = FirstDelete::Confirm;
    let first = planned(careful, nights(14..=19));
    assert!(first.deletes().count() == 3 && first.deletes().all(|delete| delete.unconfirmed));
    let create = first.creates().next().unwrap();
    assert!(create.metadata("run", false)["snapkeep"].get("retention").is_none());

    let mut later = nights(14..=19);
    later.push(Snapshot { metadata: Some(create.metadata("run", true).into()), ..night(20) });
    let confirmed = planned(careful, later);
    assert!(confirmed.deletes().count() == 4 && confirmed.deletes().all(|delete| !delete.unconfirmed));
    assert!(confirmed.policies[0].confirmed);
}

/// A yes outlives the snapshot that it was written into: each new one inherits it.
#[test]
fn a_yes_is_inherited() {
    let careful = |s: &mut Settings| s.first_delete = FirstDelete::Confirm;
    let metadata = planned(careful, nights(14..=18)).creates().next().unwrap().metadata("run", true);
    let mut yes = night(19);
    let mark = serde_json::json!({"v": 1, "policy": "nightly", "slot": slot(19).to_string(), "retention": "confirmed"});
    let with_mark = metadata.into_iter().chain([("snapkeep".to_owned(), mark)]).collect::<serde_json::Map<_, _>>();
    yes.metadata = Some(with_mark.into());
    let plan = planned(careful, vec![yes]);
    let inherited = plan.creates().next().unwrap().metadata("run-2", false);
    assert_eq!(inherited["snapkeep"]["retention"], "confirmed");
    assert_eq!(inherited["snapkeep"]["run"], "run-2");
}

/// A plan's file may say more than its planner wrote: what counts is the policy, and the yes that is really there.
#[test]
fn what_a_plans_file_says_of_a_creation_is_not_believed() {
    let careful = |s: &mut Settings| s.first_delete = FirstDelete::Confirm;
    let honest = planned(careful, nights(14..=19)).creates().next().unwrap().clone();
    let mut edited = honest.clone();
    (edited.partial, edited.include_global_state, edited.guard.confirmed) = (true, true, true);
    edited.user_metadata.insert("by".to_owned(), serde_json::json!("somebody"));
    let policies = [policy(careful)];
    let inventory = inventory(nights(14..=19));
    let look = Look::new(&policies, "prod", &inventory.clusters["prod"], "backups", at(NOW)).unwrap();
    assert_eq!(look.renewed(&edited), honest);
}

#[test]
fn no_trusted_clock_no_deletion() {
    for (skew, expected) in [
        (None, Some(Skip::ClockUnknown)),
        (Some(SignedDuration::from_mins(-6)), Some(Skip::ClockSkewed { seconds: -360 })),
        (Some(SignedDuration::from_mins(5)), None),
    ] {
        let mut facts = inventory(nights(14..=20));
        cluster(&mut facts).skew = skew;
        let policies = [policy(|_| ())];
        let plan = plan(&policies, &facts);
        assert_eq!(plan.skipped.get(1).map(|skipped| skipped.why.clone()), expected);
        assert_eq!(deleted(&plan).is_empty(), expected.is_some());
        let allowed = make(&policies, &facts, &Options { allow_unknown_clock: true }, at(NOW));
        assert_eq!(allowed.deletes().count(), 4);
    }
}

/// Ours shows 05:00; the slot is at 03:00.
#[test]
fn a_slot_is_by_the_servers_clock_where_ours_is_far_off() {
    let hours = |hours| Some(SignedDuration::from_hours(hours));
    let policies = [policy(|_| ())];
    for (skew, days, expected) in [
        (Some(SignedDuration::from_mins(-4)), 18..=19, Ok("nightly-20260120t030000z")),
        (hours(-1), 18..=19, Ok("nightly-20260120t030000z")),
        (hours(-3), 17..=18, Ok("nightly-20260119t030000z")),
        (hours(-3), 18..=19, Err(Skip::SlotDone)),
        (hours(23), 18..=20, Ok("nightly-20260121t030000z")),
        (hours(25), 18..=19, Err(Skip::ClockFar { seconds: 90_000 })),
        (hours(-24 * 3_650), 18..=19, Err(Skip::ClockFar { seconds: -315_360_000 })),
        (None, 18..=19, Ok("nightly-20260120t030000z")),
        (None, 20..=21, Err(Skip::ClockContradicted { seconds: 79_205 })),
    ] {
        let mut facts = inventory(nights(days));
        cluster(&mut facts).skew = skew;
        let plan = plan(&policies, &facts);
        match expected {
            Ok(name) => assert_eq!(created(&plan), [name], "{skew:?}"),
            Err(why) => assert_eq!((created(&plan), &skips(&plan)[0]), (vec![], &why), "{skew:?}"),
        }
        let is_astray = |why: &Skip| matches!(why, Skip::ClockUnknown | Skip::ClockSkewed { .. });
        assert_eq!(skips(&plan).iter().any(is_astray), !facts.clusters["prod"].clock_is_trusted(), "{skew:?}");
        let allowed = make(&policies, &facts, &Options { allow_unknown_clock: true }, at(NOW));
        assert!(!skips(&allowed).iter().any(|why| is_astray(why) || why.failure().is_some()), "{skew:?}");
    }
}

#[test]
fn a_readonly_repository_is_left_alone() {
    let mut facts = inventory(nights(14..=19));
    repository(&mut facts).readonly = true;
    let plan = plan(&[policy(|_| ())], &facts);
    assert!(plan.steps.is_empty() && skips(&plan).iter().all(|why| *why == Skip::Readonly));
}

#[test]
fn one_clusters_silence_blocks_no_other() {
    let both = policy(|s| s.clusters = vec!["prod".into(), "gone".into()]);
    let elsewhere = policy(|s| {
        s.name = "elsewhere".into();
        s.repository = crate::naming::RepositoryName::parse("missing").unwrap();
    });
    let plan = plan(&[both, elsewhere], &inventory(nights(18..=19)));
    assert_eq!(created(&plan).len(), 1);
    assert_eq!(skips(&plan), [Skip::ClusterUnseen, Skip::RepositoryUnseen]);
}

#[test]
fn each_snapshot_is_one_policys_or_nobodys() {
    let weekly = policy(|s| {
        s.name = "nightly-eu".into();
        s.adopt = vec![Adopt::wildcard("manual-*").unwrap(), Adopt::wildcard("both-*").unwrap()];
    });
    let article =
        policy(|s| s.adopt = vec![Adopt::date("dd-MM-yyyy-h-mm-ss").unwrap(), Adopt::wildcard("bo*").unwrap()]);
    let foreign = |name: &str, day: i8| begun(name, State::Success, &format!("2026-01-{day:02}T01:00:00Z"));
    let mut list = nights(18..=20);
    list.extend([1, 2].map(|day| marked("nightly-eu", slot(day), 1, &format!("2026-01-0{day}T03:00:05Z"))));
    list.extend([foreign("05-01-2026-1-00-00", 5), foreign("manual-1", 1), foreign("both-1", 3), foreign("else", 1)]);
    let plan = plan(&[article, weekly], &inventory(list));
    assert_eq!(deleted(&plan), ["05-01-2026-1-00-00", "manual-1"]);
    let foreign: Vec<_> =
        plan.kept.iter().filter(|kept| kept.policy.is_none()).map(|k| (&*k.snapshot, &k.reasons[0])).collect();
    assert_eq!(foreign, [("both-1", &Why::Foreign(Foreign::Disputed)), ("else", &Why::Foreign(Foreign::Name))]);
}

#[test]
fn staleness_is_two_slots_without_a_success_or_as_the_policy_says() {
    for (snapshots, stale_after, stale) in [
        (nights(18..=19), None, false),
        (nights(17..=18), None, true),
        (vec![], None, true),
        (nights(17..=18), Some(Period::days(3)), false),
        (nights(18..=19), Some(Period::hours(24)), true),
    ] {
        let plan = planned(|s| s.stale_after = stale_after, snapshots);
        assert_eq!(plan.policies[0].stale, stale, "{:?}", plan.policies[0]);
    }
}

/// A snapshot that the server's clock puts a moment before its slot is that slot's.
#[test]
fn a_servers_clock_that_lags_makes_nothing_stale() {
    for (start, stale, after) in
        [("2026-01-19T02:59:59.978Z", false, 48 * 3600), ("2026-01-19T02:00:00Z", true, 25 * 3600)]
    {
        let plan = planned(|_| {}, vec![marked("nightly", slot(19), 1, start)]);
        let standing = &plan.policies[0];
        assert_eq!((standing.stale, standing.facts.stale_after_seconds), (stale, Some(after)), "{standing:?}");
    }
}

/// Each fact that a deletion rests on, changed after the plan was made.
#[test]
fn a_deletion_whose_ground_is_gone_is_refused() {
    let policies = [policy(|_| ())];
    let facts = inventory(nights(14..=20));
    let plan = plan(&policies, &facts);
    let first = plan.deletes().next().unwrap();
    let verdict = |change: &dyn Fn(&mut Cluster)| {
        let mut now = facts.clone();
        change(cluster(&mut now));
        let look = Look::new(&policies, "prod", &now.clusters["prod"], "backups", at(NOW)).unwrap();
        look.may_delete(first).map_err(|violation| violation.invariant)
    };
    let on = |change: fn(&mut Repository)| {
        verdict(&move |cluster: &mut Cluster| change(cluster.repositories.get_mut("backups").unwrap()))
    };
    assert_eq!(verdict(&|_| ()), Ok(Permit::Act));
    assert_eq!(on(|r| r.snapshots.clear()), Ok(Permit::Done));
    assert_eq!(on(|r| r.snapshots[0].uuid = Some("other".into())), Err(4));
    assert_eq!(on(|r| r.snapshots[0].state = Some(State::InProgress)), Err(4));
    assert_eq!(on(|r| r.snapshots[0].started_at = Some(at(NOW))), Err(4));
    assert_eq!(on(|r| r.snapshots[0].metadata = None), Err(2));
    assert_eq!(on(|r| r.readonly = true), Err(2));
    assert_eq!(on(|r| _ = r.held.insert(r.snapshots[0].name.clone())), Err(4));
    assert_eq!(on(|r| _ = r.mounted.insert(r.snapshots[0].name.clone())), Err(4));
    assert_eq!(on(|r| _ = r.restoring.insert(r.snapshots[0].name.clone())), Err(4));
    assert_eq!(on(|r| hold(&mut r.snapshots[0], true.into())), Err(4));
    assert_eq!(verdict(&|c| c.skew = None), Err(4));
    assert_eq!(verdict(&|c| c.skew = Some(SignedDuration::from_secs(-301))), Err(4));
    assert_eq!(on(|r| r.snapshots.truncate(1)), Err(1));
    assert_eq!(on(|r| r.snapshots.iter_mut().skip(1).for_each(|s| s.state = Some(State::Partial))), Err(1));
}

#[test]
fn a_creation_whose_ground_is_gone_is_refused() {
    let policies = [policy(|_| ())];
    let facts = inventory(nights(18..=19));
    let plan = plan(&policies, &facts);
    let create = plan.creates().next().unwrap();
    let verdict = |added: Option<Snapshot>, alone: bool, now: &str| {
        let mut facts = facts.clone();
        repository(&mut facts).snapshots.extend(added);
        cluster(&mut facts).concurrent = !alone;
        let look = Look::new(&policies, "prod", &facts.clusters["prod"], "backups", at(now)).unwrap();
        look.may_create(create).map_err(|violation| violation.invariant)
    };
    let again = marked("nightly", slot(20), 2, NOW);
    let other = begun("other", State::InProgress, NOW);
    assert_eq!(verdict(None, true, NOW), Ok(Permit::Act));
    assert_eq!(verdict(Some(night(20)), true, NOW), Ok(Permit::Done));
    assert_eq!(verdict(Some(begun(&night(20).name, State::Success, NOW)), false, NOW), Err(2));
    assert_eq!(verdict(Some(again.clone()), false, NOW), Err(6));
    assert_eq!(verdict(Some(in_state(State::InProgress, again.clone())), false, NOW), Err(6));
    assert_eq!(verdict(Some(in_state(State::Failed, again)), false, NOW), Ok(Permit::Act));
    assert_eq!(verdict(Some(other.clone()), false, NOW), Ok(Permit::Act));
    assert_eq!(verdict(Some(other), true, NOW), Err(4));
    assert_eq!(verdict(None, false, "2026-01-21T03:00:00Z"), Err(4));
}
