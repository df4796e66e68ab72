//! A look judges a step by what is now, whatever the plan or its file says.

use super::*;
use crate::naming::RepositoryName;
use crate::retention::{Count, Keep};

fn look_at<'a>(policies: &'a [Policy], facts: &'a Inventory, now: &str) -> Look<'a> {
    Look::new(policies, "prod", &facts.clusters["prod"], "backups", at(now)).unwrap()
}

fn keeping(keep: Keep) -> [Policy; 1] {
    [policy(|s| s.keep = Some(keep))]
}

/// The plan was made by other rules, or by facts that are no more: what a rule keeps now stays.
#[test]
fn what_a_rule_keeps_by_now_stays() {
    let last = |count| keeping(Keep { last: Some(Count::Of(count)), ..Keep::default() });
    let facts = inventory(nights(14..=20));
    let plan = make(&last(3), &facts, &Options::default(), at(NOW));
    assert_eq!(deleted(&plan), (14..=17).map(|day| night(day).name).collect::<Vec<_>>());
    let verdicts = |policies: &[Policy], facts: &Inventory| -> Vec<Result<Permit, String>> {
        let look = look_at(policies, facts, NOW);
        plan.deletes().map(|delete| look.may_delete(delete).map_err(|broken| broken.wrong)).collect()
    };
    let kept = |place: u32| Err(format!("its policy keeps it now: last: number {place} from the newest"));
    let gone = Ok(Permit::Done);
    assert_eq!(verdicts(&last(3), &facts), [Ok(Permit::Act), Ok(Permit::Act), Ok(Permit::Act), Ok(Permit::Act)]);
    assert_eq!(verdicts(&last(5), &facts), [Ok(Permit::Act), Ok(Permit::Act), kept(5), kept(4)]);
    // Somebody deleted 18 and 19.
    let mut fewer = facts.clone();
    repository(&mut fewer).snapshots.retain(|snapshot| ![night(18).name, night(19).name].contains(&snapshot.name));
    assert_eq!(verdicts(&last(3), &fewer), [Ok(Permit::Act), Ok(Permit::Act), kept(3), kept(2)]);
    let nothing = [policy(|s| s.keep = None)];
    repository(&mut fewer).snapshots.retain(|snapshot| snapshot.name != night(14).name);
    assert_eq!(verdicts(&nothing, &fewer)[0], gone);
    assert_eq!(verdicts(&nothing, &fewer)[1], Err("too few newer good ones would be left".to_owned()));
}

/// Without the schedule's due slot, an attempt of it might go; at the time of the look it stands for the slot.
#[test]
fn what_stands_for_the_due_slot_by_now_stays() {
    let failed = in_state(State::Failed, marked("nightly", slot(19), 1, "2026-01-19T03:00:05Z"));
    let good = begun("manual-1", State::Success, "2026-01-19T04:00:00Z");
    let mut snapshots = nights(14..=18);
    snapshots.extend([failed, good, marked("nightly", slot(19), 2, "2026-01-19T03:10:00Z")]);
    let facts = inventory(snapshots);
    let policies = [policy(|_| ())];
    let plan = plan(&policies, &facts);
    let of_19 = plan.deletes().find(|delete| delete.snapshot == "nightly-20260119t030000z").unwrap();
    let mut before = facts.clone();
    repository(&mut before).snapshots.retain(|snapshot| snapshot.name != "nightly-20260119t030000z-r2");
    let verdict = |now: &str| look_at(&policies, &before, now).may_delete(of_19).map_err(|broken| broken.invariant);
    assert_eq!(verdict("2026-01-19T05:00:00Z"), Err(3));
    assert_eq!(look_at(&policies, &facts, NOW).may_delete(of_19), Ok(Permit::Act));
}

#[test]
fn a_yes_is_asked_for_whatever_the_file_says() {
    let policies = [policy(|s| s.first_delete = FirstDelete::Confirm)];
    let facts = inventory(nights(14..=20));
    let mut plan = plan(&policies, &facts);
    for step in &mut plan.steps {
        if let Step::Delete(delete) = step {
            delete.unconfirmed = false;
        }
    }
    let delete = plan.deletes().next().unwrap();
    let look = look_at(&policies, &facts, NOW);
    assert!(look.may_delete(delete).unwrap_err().wrong.contains("nobody has said yes"));
    assert_eq!(look.allowing(Options::default(), true).may_delete(delete), Ok(Permit::Act));
}

#[test]
fn a_clock_that_is_astray_by_now_holds_back() {
    let policies = [policy(|_| ())];
    let facts = inventory(nights(14..=19));
    let plan = plan(&policies, &facts);
    let (create, delete) = (plan.creates().next().unwrap(), plan.deletes().next().unwrap());
    for (skew, slot_is_clear) in [(Some(-360), true), (None, true), (Some(-7_260), false), (Some(90_000), false)] {
        let mut now = facts.clone();
        cluster(&mut now).skew = skew.map(SignedDuration::from_secs);
        let look = look_at(&policies, &now, NOW);
        assert_eq!(look.may_delete(delete).unwrap_err().invariant, 4, "{skew:?}");
        assert_eq!(look.may_create(create).is_ok(), slot_is_clear, "{skew:?}");
        let look = look.allowing(Options { allow_unknown_clock: true }, false);
        assert_eq!(look.may_delete(delete), Ok(Permit::Act), "{skew:?}");
    }
}

/// Names, windows and numbers that a hand has written into a plan's file.
#[test]
fn a_creation_is_judged_by_its_policy() {
    let policies = [
        policy(|s| s.limits.start_window = Some(Period::hours(3))),
        policy(|s| {
            s.name = "manual".into();
            s.schedule = None;
        }),
    ];
    let facts = inventory(nights(18..=19));
    let plan = plan(&policies, &facts);
    let verdict = |now: &str, change: &dyn Fn(&mut Create)| {
        let mut create = plan.creates().next().unwrap().clone();
        change(&mut create);
        look_at(&policies, &facts, now).may_create(&create).map_err(|broken| broken.invariant)
    };
    let later = |create: &mut Create| create.guard.begin_before = slot(28);
    assert_eq!(verdict(NOW, &later), Ok(Permit::Act));
    assert_eq!(verdict("2026-01-20T06:00:00Z", &later), Err(4), "the window is the policy's");
    assert_eq!(verdict(NOW, &|create| create.guard.begin_before = at(NOW)), Err(4), "a file may be stricter");
    assert_eq!(verdict(NOW, &|create| create.snapshot = "nightly-20260121t030000z".into()), Err(2));
    assert_eq!(
        verdict(NOW, &|create| (create.slot, create.snapshot) = (slot(21), "nightly-20260121t030000z".into())),
        Err(4)
    );
    assert_eq!(
        verdict(NOW, &|create| (create.attempt, create.snapshot) = (4, "nightly-20260120t030000z-r4".into())),
        Err(2)
    );
    assert_eq!(verdict(NOW, &|create| create.place.policy = "manual".into()), Err(4));
    assert_eq!(verdict(NOW, &|create| create.place.policy = "nobody".into()), Err(2));
}

#[test]
fn a_held_snapshot_stays() {
    let mut list = nights(14..=20);
    for (snapshot, value) in list.iter_mut().zip(["true".into(), false.into(), serde_json::Value::Null]) {
        hold(snapshot, value);
    }
    let plan = planned(|_| (), list);
    assert_eq!(deleted(&plan), [night(17).name], "whatever the hold's value");
    assert!(plan.explain(&night(14).name)[0].ends_with("legal hold"));
}

/// Before 7.3 an event for repository `backups` makes the names that a policy `backups` would make.
#[test]
fn a_name_that_events_make_is_a_policys_only_if_it_says_so() {
    let named = |prefix: Option<&str>| {
        [policy(|s| {
            (s.name, s.prefix) = ("backups".into(), prefix.map(str::to_owned));
            s.repository = RepositoryName::parse("Backups").unwrap();
        })]
    };
    let bare =
        |day| Snapshot { metadata: None, ..marked("backups", slot(day), 1, &format!("2026-01-{day:02}T03:00:05Z")) };
    let mut facts = inventory((14..=19).map(bare).collect());
    let listed = cluster(&mut facts).repositories.remove("backups").unwrap();
    cluster(&mut facts).repositories.insert("Backups".into(), listed);
    cluster(&mut facts).has_metadata = false;
    let unsaid = plan(&named(None), &facts);
    assert_eq!((unsaid.steps.len(), &skips(&unsaid)[..]), (0, &[Skip::NameOfEvents][..]));
    assert!(unsaid.kept.iter().all(|kept| kept.reasons == [Why::Foreign(Foreign::NameOfEvents)]));
    let said = plan(&named(Some("backups")), &facts);
    assert_eq!((said.creates().count(), said.deletes().count()), (1, 3));
    cluster(&mut facts).has_metadata = true;
    let with_metadata = plan(&named(None), &facts);
    assert_eq!((with_metadata.creates().count(), with_metadata.deletes().count()), (1, 0));
}
