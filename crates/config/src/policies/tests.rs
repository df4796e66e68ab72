use super::*;
use crate::Config;

const POLICIES: &str = include_str!("../../tests/policies.yaml");

#[test]
fn a_policy_says_all_that_it_can() {
    let config = Config::parse(POLICIES).unwrap();
    let names: Vec<&str> = config.policies.keys().map(String::as_str).collect();
    assert_eq!(names, ["hourly", "nightly", "simple"]);
    let nightly = &config.policies["nightly"];
    assert_eq!(nightly.clusters, ["logs", "shop"]);
    assert_eq!((nightly.prefix(), nightly.repository.as_str()), ("prod-nightly", "nightly"));
    let schedule = nightly.schedule.as_ref().unwrap();
    assert_eq!(schedule.as_str(), "30 2 * * *");
    assert_eq!((schedule.zone(), nightly.zone.iana_name()), (&nightly.zone, Some("Europe/Berlin")));
    let texts = |patterns: &[Pattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let indices = &nightly.indices;
    let lists = [&indices.include, &indices.exclude, &indices.aliases, &indices.data_streams].map(|list| texts(list));
    assert_eq!(lists, ["logs-* .kibana*", "logs-debug-*", "current", "metrics-*"]);
    assert!(indices.hidden && nightly.partial && nightly.include_global_state);
    assert_eq!(indices.older_than, Some(Period::days(1)));
    assert_eq!(nightly.metadata["tier"], 1);
    let keep = nightly.keep.unwrap();
    assert_eq!((keep.last, keep.yearly, keep.quarterly), (Some(Count::Of(3)), Some(Count::All), Some(Count::Of(8))));
    assert_eq!((keep.max_count, keep.min_count, keep.within), (Some(400), Some(3), Some(Period::days(2))));
    assert_eq!((keep.failed, keep.partial), (Unsuccessful::For(Period::days(7)), Unsuccessful::Always));
    assert_eq!((nightly.limits.max_deletes_per_run, nightly.limits.max_attempts), (20, 2));
    assert_eq!((nightly.limits.start_window, nightly.stale_after), (Some(Period::hours(2)), Some(Period::hours(36))));
    assert_eq!(nightly.first_delete, FirstDelete::Allow);
    assert_eq!(nightly.adopt.len(), 3);
}

#[test]
fn a_drill_says_all_that_it_can() {
    let config = Config::parse(POLICIES).unwrap();
    let drill = config.policies["nightly"].drill.as_ref().unwrap();
    let schedule = drill.schedule.as_ref().unwrap();
    assert_eq!((schedule.as_str(), schedule.zone().iana_name()), ("0 6 * * 1", Some("Europe/Berlin")));
    assert_eq!((drill.cluster.as_deref(), drill.sample, drill.max_size), (Some("shop"), Some(5), 20 << 30));
    assert_eq!((drill.max_seconds(), drill.indices.len()), (Some(7_200), 1));
    let words: Vec<String> = drill.checks.iter().map(snapkeep_core::drill::Check::words).collect();
    assert_eq!(words, ["10 to 1000000 of all documents", "at least 1 of {\"term\":{\"level\":\"error\"}}"]);
    assert!(config.policies["simple"].drill.is_none());
}

#[test]
fn what_a_policy_does_not_say_is_careful() {
    let config = Config::parse(POLICIES).unwrap();
    let simple = &config.policies["simple"];
    assert_eq!(simple.clusters, ["logs"]);
    assert_eq!((simple.keep, simple.first_delete, simple.limits), (None, FirstDelete::Confirm, Limits::default()));
    assert_eq!((simple.zone.iana_name(), simple.prefix()), (Some("UTC"), "simple"));
    assert_eq!(simple.indices, Selection::default());
    assert!(!simple.partial && !simple.include_global_state);
    assert_eq!(config.policies["hourly"].indices.include.len(), 2);
}

const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad-policies.txt");

/// One bad file a part: the file, then the complaint as a user reads it. `SNAPKEEP_REGENERATE=1` writes the complaints
/// anew, to be read in the diff.
#[test]
fn complaints_name_the_place_and_what_to_do() {
    let expected = std::fs::read_to_string(BAD).unwrap();
    let with_complaint = |case: &str| {
        let (file, _) = case.split_once("\n----\n").expect("a file, a line of dashes, a complaint");
        let failure = Config::parse(file).expect_err(file);
        assert_eq!(failure.code, Code::BadConfig, "{file}");
        format!("{file}\n----\n{failure}\nhint: {}", failure.hint)
    };
    let found: Vec<String> = expected.trim_end().split("\n====\n").map(with_complaint).collect();
    let found = found.join("\n====\n") + "\n";
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::write(BAD, &found).unwrap();
    } else {
        assert!(found == expected, "tests/bad-policies.txt differs:\n{found}");
    }
}
