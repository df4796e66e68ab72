use super::super::{AuditView, DrillView, Page};
use super::*;
use snapkeep_core::audit::{Audit, Drills, Gap, Kept, Points, PolicyAudit, Slots, Unseen, Unsuccessful};
use snapkeep_core::drill::{Checked, Drilled, Outcome as DrillOutcome, Record, Said};
use snapkeep_engine::{Cleaned as CleanedUp, DrillNote, DrillReport, LastDrill};

fn record(id: &str, outcome: DrillOutcome, began_at: &str) -> Record {
    let item = |source: &str, bytes, documents| Drilled {
        source: source.into(),
        target: format!("snapkeep-drill-{id}-{source}"),
        data_stream: false,
        parts: vec![],
        bytes: Some(bytes),
        documents,
    };
    let has_passed = outcome == DrillOutcome::Passed;
    Record {
        schema: 1,
        id: id.into(),
        policy: "nightly".into(),
        cluster: "logs".into(),
        on: "spare".into(),
        on_repository: "backups".into(),
        slot: Some(at(began_at) - jiff::SignedDuration::from_secs(41)),
        attempt: 1,
        snapshot: Some("nightly-20261116t023000z".into()),
        snapshot_began_at: Some(at("2026-11-16T02:30:03.059Z")),
        outcome,
        began_at: at(began_at),
        ended_at: Some(at(began_at) + jiff::SignedDuration::from_secs(95)),
        alive_until: at(began_at) + jiff::SignedDuration::from_mins(2),
        items: vec![item("orders-1", 3 << 30, Some(120_000)), item("logs|<b>1", 17 << 10, has_passed.then_some(3))],
        left_for_others: 4,
        too_large: vec!["huge".into()],
        expected_shards: 6,
        started_shards: if has_passed { 6 } else { 5 },
        recovery_time_s: has_passed.then_some(61.25),
        recovery_point_age_s: Some(12_600),
        checks: vec![],
        causes: vec![],
        removed: true,
    }
}

fn records() -> Vec<Record> {
    let checked = |what: &str, index: &str, said, found, why: Option<&str>| Checked {
        what: what.into(),
        index: index.into(),
        said,
        found,
        why: why.map(str::to_owned),
    };
    let mut passed = record("0123abcd", DrillOutcome::Passed, "2026-11-16T06:00:41.5Z");
    passed.checks = vec![
        checked("at least 1 of status:paid", "orders-1", Said::Holds, Some(7_310), None),
        checked(
            "at least 1 of all documents",
            "metrics-*",
            Said::NotAsked,
            None,
            Some("nothing of that name was in this drill"),
        ),
    ];
    let mut failed = record("4567abcd", DrillOutcome::Failed, "2026-11-17T09:00:00Z");
    failed.slot = None;
    failed.causes = vec!["1 of 6 shards is missing".into(), "=HYPERLINK(\"x\"), and more".into()];
    let mut killed = record("89ababcd", DrillOutcome::Interrupted, "2026-11-18T06:00:41Z");
    killed.causes = vec!["it was killed; a later run removed what it had made".into()];
    vec![passed, failed, killed]
}

fn whole() -> Audit {
    let policy = |name: &str, slots, points| PolicyAudit {
        policy: name.into(),
        cluster: "logs".into(),
        repository: "backups".into(),
        schedule: Some("30 2 * * *".into()),
        slots,
        points,
        gaps: vec![],
        failures: vec![],
        drills: Drills::default(),
    };
    let mut nightly = policy(
        "nightly",
        Slots { due: 30, met: 28, missed: 1, untold: 0, pending: 1, promised_interval_s: Some(86_400), kept: Kept::No },
        Points {
            count: 28,
            oldest: Some(at("2026-10-25T02:30:03.059Z")),
            newest: Some(at("2026-11-22T02:30:02Z")),
            longest_s: Some(172_803),
            longest_from: Some(at("2026-11-09T02:30:01Z")),
            age_at_end_s: Some(34_198),
        },
    );
    nightly.gaps = vec![Gap {
        first: at("2026-11-10T02:30:00Z"),
        last: at("2026-11-10T02:30:00Z"),
        slots: 1,
        good_before: Some(at("2026-11-09T02:30:01Z")),
        good_after: Some(at("2026-11-11T02:30:04Z")),
    }];
    nightly.failures = vec![Unsuccessful {
        snapshot: "nightly-20261110t023000z".into(),
        state: State::Partial,
        started_at: Some(at("2026-11-10T02:30:02Z")),
        why: vec!["orders-1/0: node\n\tleft".into()],
    }];
    nightly.drills = Drills {
        schedule: Some("0 6 * * *".into()),
        promised: 3,
        met: 1,
        unmet: 0,
        missed: 1,
        untold: 0,
        pending: 1,
        passed: 1,
        failed: 1,
        interrupted: 1,
        longest_recovery_s: Some(61.25),
        oldest_point_s: Some(12_600),
        kept: Kept::No,
        records: records(),
    };
    let mut monthly =
        policy("monthly", Slots { due: 1, untold: 1, kept: Kept::Untold, ..Slots::default() }, Points::default());
    monthly.schedule = Some("30 2 1 * *".into());
    Audit {
        schema: 1,
        from: at("2026-10-24T12:00:00Z"),
        to: at("2026-11-23T12:00:00Z"),
        at: at("2026-11-23T12:00:00.123Z"),
        policies: vec![nightly, monthly],
        unseen: vec![Unseen { policy: "away".into(), cluster: "far".into(), why: "no route to host".into() }],
    }
}

#[test]
fn the_auditors_report_is_written_in_each_way() {
    let audit = whole();
    for (page, file) in [(Page::Markdown, "audit.md"), (Page::Html, "audit.html"), (Page::Csv, "audit.csv")] {
        expect(file, &AuditView { audit: &audit, page }.text(&look(true)));
    }
    expect_json("audit", &AuditView { audit: &audit, page: Page::Csv }.json());
}

#[test]
fn drills_are_told() {
    let note = |policy: Option<&str>, what: &str, code| DrillNote {
        policy: policy.map(str::to_owned),
        cluster: "logs".into(),
        what: what.into(),
        code,
        hint: None,
    };
    let report = DrillReport {
        schema: 1,
        drills: records(),
        cleaned: vec![CleanedUp {
            id: "cdefabcd".into(),
            policy: "nightly".into(),
            on: "spare".into(),
            removed: vec!["snapkeep-drill-cdefabcd-a".into(), "snapkeep-drill-cdefabcd-b".into()],
            stuck: vec!["snapkeep-drill-cdefabcd-c: forbidden".into()],
        }],
        notes: vec![note(None, "index snapkeep-drill-x is named like a drill's, but no record knows it", None)],
        failures: vec![note(Some("weekly"), "cluster spare does not answer", Some(Code::ClusterUnavailable))],
        last: vec![LastDrill {
            id: "89ababcd".into(),
            policy: "nightly".into(),
            cluster: "logs".into(),
            began_at: "2026-11-18T06:00:41Z".parse().unwrap(),
            ended_at: "2026-11-18T06:02:16Z".parse().unwrap(),
            outcome: DrillOutcome::Interrupted,
            failure: Some(Failure::new(Code::RestoreIncomplete, "the drill did not pass", "`snapkeep report --audit`")),
            recovery_time_s: None,
            recovery_point_age_s: Some(12_600),
        }],
        ..DrillReport::default()
    };
    expect_view("drill", &DrillView(&report));
    expect_view("drill-none", &DrillView(&DrillReport { schema: 1, ..DrillReport::default() }));
}
