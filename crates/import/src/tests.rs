use super::*;
use proptest::prelude::*;
use snapkeep_core::schedule::Schedule;

fn target() -> Target {
    Target {
        cluster: "main".into(),
        endpoint: Some("https://search.example:9200".into()),
        schedule: Some("30 2 * * *".into()),
        timezone: None,
        name: None,
    }
}

/// Reads, and holds the result to what is promised of every result.
fn imported(text: &str) -> Imported {
    let imported = read(text, &target()).unwrap_or_else(|failure| panic!("{failure}\n{text}"));
    let yaml = imported.yaml();
    assert_eq!(Config::complaints(&yaml).len(), 0, "{yaml}");
    let config = Config::parse(&yaml).unwrap();
    assert_eq!(config.policies.len(), imported.policies.len());
    assert!(imported.findings.iter().all(|finding| !finding.why.is_empty() && !finding.instead.is_empty()));
    imported
}

fn folder(name: &str) -> Vec<(String, String)> {
    let folder = format!("{}/tests/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "out"))
        .map(|path| (path.to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Each example of others' documentation, and what comes of it. `SNAPKEEP_REGENERATE=1` writes it anew, to be read in the
/// diff.
#[test]
fn examples_become_what_stands_beside_them() {
    let files = folder("examples");
    assert!(files.len() > 7);
    for (path, text) in files {
        let found = imported(&text).yaml();
        let expected = format!("{path}.out");
        if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
            std::fs::write(&expected, &found).unwrap();
        }
        assert!(std::fs::read_to_string(&expected).unwrap_or_default() == found, "{expected} differs:\n{found}");
    }
}

#[test]
fn what_is_none_of_them_is_refused() {
    for (text, part) in [
        ("[]", "neither"),
        ("a: 1", "neither"),
        ("elasticsearch: {client: {hosts: x, password: secret}}", "neither"),
        ("actions: []", "no section"),
        ("{", "the file is not usable YAML"),
        ("{schedule: 0 30 1 * * ?, repository: r, name: x, config: {}}", "does not hold the policy's name"),
        ("policies: []", "no policies"),
    ] {
        let failure = read(text, &target()).unwrap_err();
        assert!(failure.cause.contains(part), "{text}: {failure}");
        assert!(!failure.cause.contains("secret") && !failure.hint.contains("secret"));
    }
}

/// Values that are not understood may be secrets: a reindex's password, a header, an environment's variable.
#[test]
fn nothing_that_is_not_understood_is_repeated() {
    let text = "
actions:
  1: {action: reindex, options: {request_body: {source: {remote: {password: s3cret-1}}}, remote_aws_secret_key: s3cret-2}}
  2: {action: restore, options: {repository: r, name: x, extra_settings: {token: s3cret-3}, unknown: s3cret-4}}
  3: {action: delete_snapshots, options: {repository: r, password: s3cret-5}, filters: [{filtertype: pattern, kind: prefix, value: a-, api_key: s3cret-6}]}
  4: {action: snapshot, description: s3cret-7, options: {repository: '${REPO:s3cret-8}'}, key: s3cret-9}
";
    let imported = imported(text);
    let shown = imported.yaml() + &serde_json::to_string(&imported.findings).unwrap();
    assert!(!shown.contains("s3cret"), "{shown}");
    for key in ["extra_settings", "unknown", "password", "api_key"] {
        assert!(imported.findings.iter().any(|finding| finding.what.contains(key)), "{key}: {shown}");
    }
}

#[test]
fn names_are_ours_to_give() {
    let text = r#"{"policies": [
        {"_id": "A Policy-sm-policy", "sm_policy": {"name": "A Policy", "snapshot_config": {"repository": "r"}}},
        {"sm_policy": {"name": "a-policy", "snapshot_config": {"repository": "r"}}},
        {"sm_policy": {"name": "off", "enabled": false, "snapshot_config": {"repository": "r"}}},
        {"sm_policy": {"name": "cs", "snapshot_config": {"repository": "cs-automated"}}}
    ], "total_policies": 9}"#;
    let imported = imported(text);
    let names: Vec<&str> = imported.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["a-policy", "a-policy-2"]);
    let lost: Vec<&str> =
        imported.findings.iter().filter(|f| f.effect == Effect::NotImported).map(|f| &*f.at).collect();
    assert_eq!(lost, ["the answer", "off", "cs"]);
}

proptest! {
    /// Whatever the schedule says, what comes of it can be read, or it is listed.
    #[test]
    fn any_schedule_of_slms_is_imported_or_listed(
        second in "0|30", minute in "[0-5]?[0-9]|\\*|0/15|\\*/5|5-10", hour in "[0-9]|1[0-9]|\\*|8-18|0/6",
        weekday in "\\?|\\*|MON|MON-FRI|[1-7]|[1-7]#[1-5]|[1-7]L|2-6|1,7",
    ) {
        let schedule = format!("{second} {minute} {hour} ? * {weekday}");
        let text = format!(r#"{{"p": {{"policy": {{"schedule": "{schedule}", "repository": "r", "name": "<p-{{now/d}}>"}}}}}}"#);
        let imported = imported(&text);
        let found = imported.policies[0].schedule.clone();
        let is_listed = imported.findings.iter().any(|finding| finding.what.contains("schedule"));
        prop_assert_eq!(is_listed, second != "0" || found.is_none());
        if let Some(found) = found {
            prop_assert!(Schedule::parse(&found, jiff::tz::TimeZone::UTC).is_ok());
        }
    }

    /// No text makes it panic, and what comes of it passes the check.
    #[test]
    fn any_chain_of_filters_is_imported_or_listed(
        filters in prop::collection::vec(prop_oneof![
            "\\{filtertype: pattern, kind: (prefix|suffix|timestring|regex), value: '(a-|b|%Y|x\\.y|\\^a)'(, exclude: (true|False))?\\}",
            "\\{filtertype: age, source: (creation_date|name), direction: (older|younger), unit: (days|months|weird), unit_count: [0-9]{1,9}(, timestring: '%Y')?(, exclude: yes)?(, epoch: 1700000000)?\\}",
            "\\{filtertype: state(, state: (SUCCESS|FAILED|PARTIAL|IN_PROGRESS|X))?(, exclude: true)?\\}",
            "\\{filtertype: count, count: [0-9](, use_age: true, source: creation_date)?(, reverse: false)?(, exclude: false)?\\}",
            "\\{filtertype: (none|period|empty)(, period_type: absolute, unit: days)?\\}",
        ], 0..5),
    ) {
        let text = format!("actions: {{1: {{action: delete_snapshots, options: {{repository: r}}, filters: [{}]}}}}", filters.join(", "));
        let imported = imported(&text);
        prop_assert!(imported.policies.len() == 1 || !imported.findings.is_empty(), "{}", text);
    }
}
