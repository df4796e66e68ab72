//! What a policy adopts, and what it must not.

use super::*;

fn adopting(pattern: &str) -> impl Fn(&mut Settings) {
    let adopt = vec![Adopt::wildcard(pattern).unwrap()];
    move |settings| settings.adopt = adopt.clone()
}

fn manual(day: i8, hour: u8) -> Snapshot {
    begun(&format!("manual-{day:02}-{hour:02}"), State::Success, &format!("2026-01-{day:02}T{hour:02}:00:00Z"))
}

/// The policy's own ones are judged as if nothing were adopted.
#[test]
fn an_adopted_snapshot_stands_in_for_no_own_one() {
    let strict = |s: &mut Settings| {
        adopting("manual-*")(s);
        s.keep =
            Some(crate::retention::Keep { max_age: Some(Period::days(2)), min_count: Some(2), ..Default::default() });
    };
    let mut list = nights(8..=11);
    list.extend((12..=16).map(|day| manual(day, 1)));
    let plan = planned(strict, list);
    let own = [night(8).name, night(9).name];
    assert_eq!(deleted(&plan), [&own[0], &own[1], "manual-12-01", "manual-13-01", "manual-14-01"]);
    let standing = &plan.policies[0];
    assert_eq!(standing.newest_success.as_ref().unwrap().snapshot, night(11).name);
    assert_eq!((standing.snapshots, standing.good, standing.stale), (9, 4, true));
}

/// Until there is an own one, what is adopted is all there is.
#[test]
fn what_is_adopted_is_protected_like_own_ones_until_there_are_newer_own_ones() {
    let aged = |s: &mut Settings| {
        adopting("manual-*")(s);
        s.keep = Some(crate::retention::Keep { max_age: Some(Period::days(2)), ..Default::default() });
    };
    let old: Vec<Snapshot> = (5..=7).map(|day| manual(day, 1)).collect();
    assert_eq!(deleted(&planned(aged, old.clone())), ["manual-05-01", "manual-06-01"]);
    let with = |own: Snapshot| old.iter().cloned().chain([own]).collect::<Vec<_>>();
    assert_eq!(deleted(&planned(aged, with(night(4)))), ["manual-05-01", "manual-06-01"], "the own one is older");
    assert_eq!(deleted(&planned(aged, with(in_state(State::Partial, night(19))))), ["manual-05-01", "manual-06-01"]);
    assert_eq!(deleted(&planned(aged, with(night(19)))), ["manual-05-01", "manual-06-01", "manual-07-01"]);
}

#[test]
fn an_own_failed_one_waits_for_an_own_success() {
    let failed = in_state(State::Failed, night(15));
    let list = vec![night(14), failed, manual(16, 1)];
    assert_eq!(deleted(&planned(adopting("manual-*"), list.clone())), Vec::<&str>::new());
    let list = list.into_iter().chain([night(17)]).collect();
    assert_eq!(deleted(&planned(adopting("manual-*"), list)), [night(15).name]);
}

/// Marks and names of other policies, of this installation or another.
#[test]
fn what_another_policy_marked_is_never_adopted() {
    let start = "2026-01-02T03:00:05Z";
    let elsewhere = marked("nightly-of-another", slot(2), 1, start);
    let renamed = Snapshot { name: "nightly-renamed".into(), ..marked("daily", slot(2), 1, start) };
    let mut newer = begun("nightly-v2", State::Success, start);
    newer.metadata = serde_json::json!({"snapkeep": {"v": 2}}).as_object().cloned().map(Into::into);
    let weekly = policy(|s| s.name = "nightly-weekly".into());
    let of_weekly = Snapshot { metadata: None, ..marked("nightly-weekly", slot(2), 1, start) };
    let own_before_metadata = Snapshot { metadata: None, ..night(2) };
    let by_hand = begun("nightly-by-hand", State::Success, start);
    let mut list = nights(18..=20);
    list.extend([elsewhere, renamed, newer, of_weekly, own_before_metadata, by_hand]);
    let plan = plan(&[policy(adopting("nightly-*")), weekly.clone()], &inventory(list.clone()));
    assert_eq!(deleted(&plan), [night(2).name.as_str(), "nightly-by-hand"]);
    let foreign: Vec<_> = plan.kept.iter().filter(|kept| kept.policy.is_none()).collect();
    assert_eq!(foreign.len(), 4);
    assert!(
        foreign
            .iter()
            .all(|kept| [Why::Foreign(Foreign::Marked), Why::Foreign(Foreign::NoMark)].contains(&kept.reasons[0]))
    );

    // Without metadata the name's form is the mark.
    let bare: Vec<Snapshot> = list.into_iter().map(|snapshot| Snapshot { metadata: None, ..snapshot }).collect();
    let mut facts = inventory(bare);
    cluster(&mut facts).has_metadata = false;
    let plan = super::plan(&[policy(adopting("nightly-*")), weekly], &facts);
    assert!(!deleted(&plan).contains(&"nightly-of-another-20260102t030000z"), "{:?}", deleted(&plan));
}
