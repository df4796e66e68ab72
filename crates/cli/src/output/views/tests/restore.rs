use super::super::{RestorePlanView, RestoredView};
use super::*;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::restore::{
    Existing, Facts, Missing, OnConflict, Release, Request, ShardRoom, Size, Tier, Truth, plan as restore_plan,
};
use snapkeep_engine::{RestoreReport, RestoredItem};

pub(super) fn facts() -> Facts {
    let names = ["logs-1", "logs-2", "orders", ".kibana_1", ".ds-metrics-000001"];
    let tier = |name: &str, takes_restores| Tier {
        name: name.into(),
        nodes: 2,
        total_bytes: 100 << 30,
        free_bytes: 60 << 30,
        usable_bytes: 45 << 30,
        takes_restores,
    };
    Facts {
        repository: "nightly".into(),
        target: Release { is_opensearch: true, major: 3, minor: 3, patch: 0, has_feature_states: false },
        source: Details {
            snapshot: snapshot("nightly-20261123t050000z", State::Success, "2026-11-23T05:00:00Z"),
            version: Some("3.3.0".into()),
            indices_named: names.map(str::to_owned).to_vec(),
            data_streams: vec!["metrics".into()],
            feature_states: vec![],
            include_global_state: Some(true),
            shard_failures: vec![],
        },
        sizes: names.map(|name| (name.to_owned(), Size { shards: 2, bytes: 3 << 30 })).into(),
        indices: [("orders".to_owned(), Existing::default())].into(),
        aliases: BTreeMap::new(),
        data_streams: std::collections::BTreeSet::new(),
        templates: std::collections::BTreeSet::new(),
        tiers: vec![tier("data", true), tier("warm", false)],
        shards: Some(ShardRoom { open: 120, limit: 2_000 }),
    }
}

#[test]
fn a_restore_is_shown_before_and_after() {
    let blocked = restore_plan(&facts(), &Request::default());
    expect_view("restore-blocked", &RestorePlanView(&blocked));
    let request = Request {
        on_conflict: OnConflict::Close,
        exclude: vec![Pattern::parse("logs-2").unwrap()],
        settings: [("index.number_of_replicas".to_owned(), json!("1"))].into_iter().collect(),
        ..Request::default()
    };
    let plan = restore_plan(&facts(), &request);
    expect_view("restore-plan", &RestorePlanView(&plan));
    expect("restore-plan.colour.txt", &RestorePlanView(&plan).text(&look(true)));
    let item = |item: &snapkeep_core::restore::Item, started, documents| RestoredItem {
        source: item.source.clone(),
        target: item.target.clone(),
        action: item.action,
        expected: 2,
        started,
        documents,
    };
    let missing = Missing { index: "orders".into(), shard: Some(1), reason: "a blob is gone".into() };
    let report = RestoreReport {
        schema: 1,
        repository: "nightly".into(),
        snapshot: plan.snapshot.clone(),
        outcome: Some(Outcome::Created),
        ended: true,
        truth: Truth { expected: 6, started: 5, missing: vec![missing] },
        items: vec![
            item(&plan.items[0], 2, Some(1_000)),
            item(&plan.items[1], 2, Some(3)),
            item(&plan.items[2], 1, None),
        ],
        documents: 1_003,
        bytes: Some(9 << 30),
        took_s: 75.5,
        stalled: None,
    };
    expect_view("restored", &RestoredView { plan: &plan, report: &report });
    assert_eq!(report.complaint().unwrap().code, Code::RestoreIncomplete);
}
