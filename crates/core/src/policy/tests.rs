use super::*;
use crate::retention::Count;
use crate::testing::{at, marked, settings};
use serde_json::json;

fn fails(change: impl FnOnce(&mut Settings)) -> String {
    let mut settings = settings("nightly");
    change(&mut settings);
    Policy::new(settings).unwrap_err().cause
}

#[test]
fn what_cannot_be_meant_is_refused_by_the_policys_name() {
    assert!(Policy::new(settings("nightly")).is_ok());
    for (cause, part) in [
        (fails(|s| s.name = String::new()), "cannot begin"),
        (fails(|s| s.name = "Nightly".into()), "cannot begin"),
        (fails(|s| s.name = "n/1".into()), "cannot begin"),
        (fails(|s| s.prefix = Some("_n".into())), "the prefix"),
        (fails(|s| s.name = "n".repeat(PREFIX_LIMIT + 1)), "cannot begin"),
        (fails(|s| s.repository = RepositoryName::parse("cs-automated-enc").unwrap()), "managed service's own"),
        (fails(|s| s.clusters.clear()), "names no cluster"),
        (fails(|s| s.clusters.push("prod".into())), "twice"),
        (fails(|s| s.metadata = json!({"snapkeep": {}}).as_object().unwrap().clone()), "mark"),
        (fails(|s| s.metadata = json!({"k": "v".repeat(1_000)}).as_object().unwrap().clone()), "bytes together"),
        (fails(|s| s.keep = Some(Keep::default())), "keep nothing"),
        (fails(|s| s.limits.max_deletes_per_run = 0), "max_deletes_per_run"),
        (fails(|s| s.limits.max_attempts = 0), "max_attempts"),
    ] {
        assert!(cause.starts_with("policy ") && cause.contains(part), "{cause}");
    }
}

#[test]
fn two_policies_never_make_one_name() {
    let policy = |name: &str, change: fn(&mut Settings)| {
        let mut settings = settings(name);
        change(&mut settings);
        Policy::new(settings).unwrap()
    };
    let nightly = || policy("nightly", |_| ());
    let same_prefix = policy("weekly", |s| s.prefix = Some("nightly".into()));
    let elsewhere = policy("other", |s| {
        s.prefix = Some("nightly".into());
        s.clusters = vec!["test".into()];
    });
    assert!(check_set(&[nightly(), policy("nightly-eu", |_| ()), elsewhere]).is_ok());
    assert!(check_set(&[nightly(), nightly()]).unwrap_err().cause.contains("named"));
    assert!(check_set(&[nightly(), same_prefix]).unwrap_err().cause.contains("same names"));
}

#[test]
fn a_policy_owns_whole_names_only() {
    let nightly = Policy::new(settings("nightly")).unwrap();
    let slot = at("2026-01-02T03:00:00Z");
    let own = marked("nightly", slot, 2, "2026-01-02T03:00:01Z");
    assert_eq!(nightly.owns(&own, true).unwrap().attempt, 2);
    let longer = marked("nightly-eu", slot, 1, "2026-01-02T03:00:01Z");
    assert_eq!(nightly.owns(&longer, true), Err(Foreign::Name));
    let mut stolen = marked("weekly", slot, 1, "2026-01-02T03:00:01Z");
    stolen.name = own.name.clone();
    assert_eq!(nightly.owns(&stolen, false), Err(Foreign::OtherMark));
    let mut suffixed = own;
    suffixed.name += "-copy";
    assert_eq!(nightly.owns(&suffixed, true), Err(Foreign::Name));
}

#[test]
fn the_longest_names_fit() {
    let name = "n".repeat(PREFIX_LIMIT);
    let slot = at("2026-01-02T03:00:00Z");
    let snapshot = naming::name_for_attempt(&name, slot, u32::MAX);
    let parsed = SlotName::parse(snapshot.as_str()).unwrap();
    assert_eq!((parsed.prefix, parsed.attempt), (name.as_str(), u32::MAX));
    let keep = Keep { last: Some(Count::All), ..Keep::default() };
    assert!(Policy::new(Settings { keep: Some(keep), ..settings(&name) }).is_ok());
}

#[test]
fn a_name_that_is_no_policys_is_named_with_those_that_are() {
    let policies = ["daily", "nightly"].map(|name| (name.to_owned(), Policy::new(settings(name)).unwrap())).into();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(check_names(&policies, &names(&[])), Ok(()));
    assert_eq!(check_names(&policies, &names(&["nightly", "daily"])), Ok(()));
    let failure = check_names(&policies, &names(&["daily", "dayly"])).unwrap_err();
    assert_eq!((failure.code, &*failure.hint), (Code::BadEvent, "there are: daily, nightly"));
    assert!(failure.cause.contains("\"dayly\""));
    assert_eq!(check_names(&BTreeMap::new(), &names(&["x"])).unwrap_err().hint, "there are none");
}
