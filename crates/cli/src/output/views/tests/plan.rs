//! `plan` and `run`.

use super::*;
use snapkeep_core::plan::{Counts, Facts, Place, Plan};
use snapkeep_core::retention::Reason;
use snapkeep_engine::policies::{ClusterOutcome, ClusterReport, Deleted, NotDone, PolicyReport, RunReport, Taken};

/// One of everything that a plan may say.
fn a_plan() -> Plan {
    let place = json!({"cluster": "logs", "repository": "backups", "policy": "nightly"});
    let with = |more: Value| {
        let mut whole = place.clone();
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        whole
    };
    let chosen: Vec<Value> = (1..=7).map(|n| json!({"name": format!("logs-{n}"), "why": "everything"})).collect();
    let indices: Vec<String> = (1..=7).map(|n| format!("logs-{n}")).collect();
    let create = with(json!({"do": "create", "snapshot": "nightly-20261123t013000z", "slot": "2026-11-23T01:30:00Z",
        "attempt": 1, "indices": indices, "partial": false, "include_global_state": false, "user_metadata": {},
        "guard": {"begin_before": "2026-11-24T01:30:00Z", "alone": false, "confirmed": false},
        "reasons": [{"due": "slot", "late_seconds": 90}], "chosen": chosen, "left_out": []}));
    let delete = with(json!({"do": "delete", "snapshot": "nightly-20261001t003000z", "unconfirmed": true,
        "guard": {"uuid": "u", "state": "SUCCESS", "started_at": "2026-10-01T00:30:02Z"}, "reasons": [{"rule": "unwanted"}]}));
    let kept = with(json!({"snapshot": "nightly-20261120t013000z", "reasons": [{"rule": "newest_success"}]}));
    let skipped = with(json!({"snapshot": "nightly-20261002t003000z", "skipped": "limit", "max_deletes_per_run": 1,
        "reasons": [{"rule": "unwanted"}]}));
    let standing = with(json!({"slot": "2026-11-23T01:30:00Z", "next_slot": "2026-11-24T01:30:00Z", "running": [],
        "newest_success": {"snapshot": "nightly-20261120t013000z", "started_at": "2026-11-20T01:30:04Z"}, "stale": true,
        "overdue": ["nightly-20261122t013000z"], "snapshots": 3, "good": 3, "confirmed": false}));
    let plan = json!({"schema": 1, "at": "2026-11-23T01:31:30Z", "policies": [standing], "steps": [create, delete],
        "kept": [kept], "skipped": [skipped]});
    serde_json::from_value(plan).unwrap()
}

#[test]
fn a_plan_says_what_and_why() {
    let plan = a_plan();
    let unavailable = Failure::new(Code::ClusterUnavailable, "connection refused", "look");
    let failures = BTreeMap::from([("shop".to_owned(), unavailable)]);
    let planned = Planned { plan: &plan, failures: &failures, frees: None };
    expect_view("plan", &planned);
    expect("plan.colour.txt", &planned.text(&look(true)));
    let again: Plan = serde_json::from_str(&planned.json()).unwrap();
    assert_eq!(again, plan, "what --json shows is a plan");
    expect_sizes(&plan, planned);
    let snapshot = "nightly-20261002t003000z";
    expect_view("plan-explain", &Explained { snapshot, lines: &plan.explain(snapshot) });
}

/// With what deleting frees: of one repository it is known, of another not.
fn expect_sizes(plan: &Plan, planned: Planned<'_>) {
    let place = plan.deletes().next().unwrap().place.clone();
    let freed = |policy: &str, bytes: Option<u64>, why: Option<&str>| Freed {
        place: Place { policy: policy.to_owned(), ..place.clone() },
        bytes,
        why: why.map(str::to_owned),
    };
    let one = Frees { bytes: Some(1 << 30), policies: vec![freed("nightly", Some(1 << 30), None)] };
    expect_view("plan-sizes", &Planned { frees: Some(&one), ..planned });
    let policies = vec![freed("hourly", Some(1 << 20), None), freed("nightly", None, Some("access lost: no"))];
    let two = Frees { bytes: None, policies };
    expect_view("plan-sizes-unknown", &Planned { frees: Some(&two), failures: &BTreeMap::new(), plan });
}

fn facts() -> Facts {
    Facts {
        last_success: Some(at("2026-11-23T01:30:00Z")),
        slot: Some(at("2026-11-23T01:30:00Z")),
        next_slot: Some(at("2026-11-24T01:30:00Z")),
        expected_interval_seconds: Some(86_400),
        stale_after_seconds: Some(2 * 86_400),
        snapshots: Counts { success: 11, in_progress: 1, ..Counts::default() },
        ..Facts::default()
    }
}

#[test]
fn a_run_says_what_was_done() {
    let taken = |snapshot: &str, state, shards| Taken {
        snapshot: snapshot.into(),
        outcome: Outcome::Created,
        state,
        shards,
        started_at: Some(at("2026-11-23T01:30:00Z")),
        ended_at: None,
        added_bytes: Some(1 << 20),
    };
    let whole = Shards { total: 60, successful: 60, failed: 0 };
    let policy = PolicyReport {
        policy: "nightly".into(),
        cluster: "logs".into(),
        repository: "backups".into(),
        created: vec![taken("nightly-20261123t013000z", Some(State::Success), Some(whole))],
        pending: vec![taken("nightly-20261122t013000z-r2", Some(State::InProgress), None)],
        deleted: vec![Deleted { snapshot: "nightly-20261001t003000z".into(), reasons: vec![Reason::Unwanted] }],
        kept: 12,
        skipped: vec![NotDone {
            what: Some("nightly-20261002t003000z".into()),
            why: "the run has its one deletion".into(),
        }],
        stale: true,
        warnings: vec!["the clock is 9 s ahead".into()],
        failures: vec![Failure::new(Code::PlanStale, "nightly-20261003t003000z: it runs", "plan again")],
        facts: Some(facts()),
        gave_way: false,
    };
    let unseen = ClusterReport {
        outcome: ClusterOutcome::Unseen,
        failure: Some(Failure::new(Code::ClusterUnavailable, "connection refused", "look")),
        api_calls: 3,
        api_errors: 3,
    };
    let report = RunReport {
        schema: 1,
        started_at: at("2026-11-23T01:30:00Z"),
        finished_at: at("2026-11-23T01:31:00Z"),
        clusters: BTreeMap::from([("shop".to_owned(), unseen)]),
        policies: vec![policy],
        drills: None,
    };
    expect_view("run", &RunView(&report));
}
