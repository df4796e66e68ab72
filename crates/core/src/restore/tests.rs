use super::*;
use crate::snapshot::{ShardFailure, Shards, Snapshot};
use crate::testing::at;
use proptest::prelude::*;

fn source(indices: &[&str], streams: &[&str]) -> Details {
    Details {
        snapshot: Snapshot {
            uuid: Some("u".into()),
            state: Some(State::Success),
            started_at: Some(at("2026-11-23T05:00:00Z")),
            ended_at: Some(at("2026-11-23T05:10:00Z")),
            shards: Some(Shards { total: 2, successful: 2, failed: 0 }),
            ..Snapshot::named("s")
        },
        version: Some("3.3.0".into()),
        indices_named: indices.iter().map(|&name| name.into()).collect(),
        data_streams: streams.iter().map(|&name| name.into()).collect(),
        feature_states: vec![],
        include_global_state: Some(true),
        shard_failures: vec![],
    }
}

fn facts(indices: &[&str], streams: &[&str]) -> Facts {
    let release = Release { is_opensearch: true, major: 3, minor: 3, patch: 0, has_feature_states: false };
    let size = |&name: &&str| (name.to_owned(), Size { shards: 2, bytes: 100 });
    Facts {
        repository: "r".into(),
        target: release,
        source: source(indices, streams),
        sizes: indices.iter().map(size).collect(),
        indices: BTreeMap::new(),
        aliases: BTreeMap::new(),
        data_streams: BTreeSet::new(),
        templates: BTreeSet::new(),
        tiers: vec![],
        shards: None,
    }
}

fn restored(started: u64, failed: u64) -> Existing {
    let restored = Restored {
        repository: "r".into(),
        snapshot: "s".into(),
        index: "a".into(),
        began_at: Some(at("2026-11-23T06:00:00Z")),
        shards: 2,
        started,
        failed,
    };
    Existing { restored: Some(restored), ..Existing::default() }
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

fn on(on_conflict: OnConflict) -> Request {
    Request { on_conflict, ..Request::default() }
}

fn shown(plan: &RestorePlan) -> Vec<String> {
    plan.items.iter().map(|item| format!("{} {} {:?}", item.source, item.target, item.action)).collect()
}

fn codes(plan: &RestorePlan) -> Vec<Code> {
    plan.problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn everything_but_systems_indices_comes_back_by_name() {
    let facts = facts(&["b", "a", ".kibana_1", ".opendistro_security", ".ds-logs-000001"], &["logs"]);
    let plan = plan(&facts, &Request::default());
    assert_eq!(shown(&plan), ["a a Restore", "b b Restore", "logs logs Restore"]);
    assert_eq!(plan.items[2].indices, [".ds-logs-000001"]);
    let out: Vec<&str> = plan.left_out.iter().map(|out| out.name.as_str()).collect();
    assert_eq!(out, [".kibana_1", ".opendistro_security", "global state"]);
    assert!(plan.left_out.iter().all(|out| out.hint.is_some()));
    assert!(plan.problems.is_empty(), "{:?}", plan.problems);
    let body = &plan.batches()[0].body;
    assert_eq!(body["indices"], serde_json::json!(["a", "b", "logs"]));
    assert_eq!((&body["include_global_state"], &body["include_aliases"]), (&false.into(), &false.into()));
}

#[test]
fn what_is_meant_is_said_by_patterns() {
    let names = ["logs-1", "logs-2", "orders", ".kibana_1", ".ds-m-2026.11.23-000001"];
    let by = |indices: &[&str], exclude: &[&str], streams: &[&str], system: &[&str]| {
        let request = Request {
            indices: patterns(indices),
            exclude: patterns(exclude),
            data_streams: patterns(streams),
            include_system: patterns(system),
            ..Request::default()
        };
        let plan = plan(&facts(&names, &["m"]), &request);
        (
            plan.items.iter().map(|item| item.source.clone()).collect::<Vec<_>>(),
            codes(&plan),
            plan.warnings.iter().filter(|warning| warning.contains("matches")).count(),
        )
    };
    assert_eq!(by(&["logs-*"], &["*-2"], &[], &[]).0, ["logs-1"]);
    assert_eq!(by(&[], &["logs-*"], &[], &[]).0, ["m", "orders"]);
    assert_eq!(by(&[], &[], &["m"], &[]).0, ["m"]);
    assert_eq!(by(&["orders"], &[], &[], &[".kibana*"]).0, [".kibana_1", "orders"]);
    assert_eq!(by(&["orders", "gone"], &[], &[], &[]).1, [Code::BadEvent]);
    assert_eq!(by(&["gone"], &[], &[], &[]).1, [Code::BadEvent, Code::BadEvent]);
    assert_eq!(by(&["orders", "gone*"], &[], &[], &[]).2, 1);
}

#[test]
fn each_conflict_with_each_choice() {
    let with = |change: fn(&mut Facts)| {
        let mut facts = facts(&["a"], &[]);
        change(&mut facts);
        facts
    };
    let open = with(|facts| drop(facts.indices.insert("a".into(), Existing::default())));
    let closed = with(|facts| {
        facts.indices.insert("a".into(), Existing { closed: true, ..Existing::default() });
    });
    let alias = with(|facts| {
        facts.aliases.insert("a".into(), Alias { indices: ["b".into()].into(), write_index: None });
    });
    let stream = with(|facts| facts.data_streams = ["a".to_owned()].into());
    let part = with(|facts| {
        facts.indices.insert("a".into(), Existing { data_stream: Some("m".into()), ..Existing::default() });
    });
    for (what, facts, close) in [
        ("open", &open, "a a Close"),
        ("closed", &closed, "a a Close"),
        ("alias", &alias, "a a Blocked"),
        ("stream", &stream, "a a Blocked"),
        ("part of a stream", &part, "a a Blocked"),
    ] {
        for (choice, expected) in [
            (OnConflict::Fail, "a a Blocked"),
            (OnConflict::Skip, "a a Skip"),
            (OnConflict::Rename, "a restored-a Restore"),
            (OnConflict::Close, close),
        ] {
            let plan = plan(facts, &on(choice));
            assert_eq!(shown(&plan), [expected], "{what} {choice:?}");
            let is_blocked = expected.ends_with("Blocked");
            let expected = if is_blocked { vec![Code::RestoreConflict] } else { vec![] };
            assert_eq!(codes(&plan), expected, "{what} {choice:?}");
        }
    }
    let mut twice = open.clone();
    twice.indices.insert("restored-a".into(), Existing::default());
    assert_eq!(shown(&plan(&twice, &on(OnConflict::Rename))), ["a restored-a Blocked"]);
}

#[test]
fn a_streams_indices_are_renamed_behind_their_mark() {
    let mut facts = facts(&[".ds-logs-000001"], &["logs"]);
    facts.data_streams.insert("logs".into());
    let plan = plan(&facts, &on(OnConflict::Rename));
    assert_eq!(shown(&plan), ["logs restored-logs Restore"]);
    assert_eq!(plan.items[0].indices, [".ds-restored-logs-000001"]);
    assert!(plan.warnings.iter().any(|warning| warning.contains("templates")));
}

#[test]
fn aliases_that_would_be_written_to_twice_are_conflicts() {
    let mut facts = facts(&["a"], &[]);
    facts.indices.insert("a".into(), Existing { aliases: ["w".into()].into(), ..Existing::default() });
    facts.aliases.insert("w".into(), Alias { indices: ["a".into()].into(), write_index: Some("a".into()) });
    let request = |on_conflict, aliases| Request {
        rename: Some(Rename::prefix("r-").unwrap()),
        aliases,
        on_conflict,
        ..Request::default()
    };
    assert_eq!(shown(&plan(&facts, &request(OnConflict::Fail, false))), ["a r-a Restore"]);
    let blocked = plan(&facts, &request(OnConflict::Fail, true));
    assert!(blocked.items[0].reasons[0].contains("two indices to write to"), "{:?}", blocked.items);
    assert_eq!(blocked.items[0].action, Action::Blocked);
    let without = plan(&facts, &request(OnConflict::Rename, true));
    assert_eq!((without.items[0].action, without.items[0].aliases), (Action::Restore, false));
    assert_eq!(without.batches()[0].body["include_aliases"], false);
}

#[test]
fn what_came_from_this_snapshot_is_left_alone_or_mended() {
    for (started, failed, expected) in
        [(2, 0, "a a Done"), (1, 0, "a a Follow"), (1, 1, "a a Again"), (0, 2, "a a Again"), (0, 1, "a a Follow")]
    {
        let mut facts = facts(&["a"], &[]);
        facts.indices.insert("a".into(), restored(started, failed));
        assert_eq!(shown(&plan(&facts, &Request::default())), [expected]);
    }
    let mut older = facts(&["a"], &[]);
    let mut existing = restored(2, 0);
    existing.restored.as_mut().unwrap().began_at = Some(at("2026-11-23T04:00:00Z"));
    older.indices.insert("a".into(), existing);
    assert_eq!(shown(&plan(&older, &Request::default())), ["a a Blocked"], "an earlier snapshot of that name");
}

#[test]
fn two_never_get_one_name() {
    let request = Request { rename: Some(Rename::pattern("logs-.*", "logs").unwrap()), ..Request::default() };
    let plan = plan(&facts(&["logs-1", "logs-2", "x"], &[]), &request);
    assert_eq!(shown(&plan), ["logs-1 logs Blocked", "logs-2 logs Blocked", "x x Restore"]);
    assert_eq!(codes(&plan), [Code::RestoreConflict]);
}

#[test]
fn there_must_be_room() {
    let tier = |name: &str, usable_bytes, takes_restores| Tier {
        name: name.into(),
        nodes: 1,
        total_bytes: 1_000,
        free_bytes: usable_bytes,
        usable_bytes,
        takes_restores,
    };
    for (usable, replicas, open, ignore_disk, expected) in [
        (200, None, 0, false, vec![]),
        (199, None, 0, false, vec![Code::RestoreConflict]),
        (199, None, 0, true, vec![]),
        (399, Some("1"), 0, false, vec![Code::RestoreConflict]),
        (400, Some("1"), 2, false, vec![]),
        (400, Some("1"), 3, false, vec![Code::RestoreConflict]),
    ] {
        let mut facts = facts(&["a", "b"], &[]);
        facts.tiers = vec![tier("data", usable, true), tier("warm", 1_000_000, false)];
        facts.shards = Some(ShardRoom { open, limit: 10 });
        let settings = replicas.map(|number| ("index.number_of_replicas".to_owned(), Value::from(number)));
        let request = Request { settings: settings.into_iter().collect(), ignore_disk, ..Request::default() };
        assert_eq!(codes(&plan(&facts, &request)), expected, "{usable} {replicas:?} {open}");
    }
}

#[test]
fn a_snapshot_must_be_whole_ended_and_readable() {
    let mut lacking = facts(&["a", "b"], &[]);
    lacking.source.snapshot.state = Some(State::Partial);
    let failed = ShardFailure { index: "a".into(), shard: Some(1), node: None, reason: "gone".into() };
    lacking.source.shard_failures = vec![failed];
    assert_eq!(codes(&plan(&lacking, &Request::default())), [Code::SnapshotPartial]);
    assert_eq!(codes(&plan(&lacking, &Request { indices: patterns(&["b"]), ..Request::default() })), []);
    assert_eq!(codes(&plan(&lacking, &Request { partial: true, ..Request::default() })), []);
    let mut stream = facts(&[".ds-logs-000001"], &["logs"]);
    stream.source.shard_failures =
        vec![ShardFailure { index: ".ds-logs-000001".into(), shard: Some(0), node: None, reason: "gone".into() }];
    assert_eq!(codes(&plan(&stream, &Request::default())), [Code::SnapshotPartial]);
    for (state, code) in [(State::InProgress, Code::SnapshotRunning), (State::Failed, Code::SnapshotFailed)] {
        let mut facts = facts(&["a"], &[]);
        facts.source.snapshot.state = Some(state);
        assert_eq!(codes(&plan(&facts, &Request::default())), [code]);
    }
    let mut old = facts(&["a"], &[]);
    old.source.version = Some("1.3.20".into());
    let old = plan(&old, &Request::default());
    assert_eq!(codes(&old), [Code::Unsupported]);
    assert!(old.complaint().unwrap().hint.contains("OpenSearch 2.x"));
}

#[test]
fn templates_are_replaced_only_if_that_is_allowed() {
    let mut facts = facts(&["a"], &[]);
    facts.templates.insert("mine".into());
    let with = |replace_templates| Request { global_state: true, replace_templates, ..Request::default() };
    assert_eq!(codes(&plan(&facts, &with(false))), [Code::RestoreConflict]);
    let allowed = plan(&facts, &with(true));
    assert_eq!(codes(&allowed), []);
    assert_eq!(allowed.batches()[0].body["include_global_state"], true);
}

#[test]
fn the_global_state_is_asked_for_alone_where_nothing_else_is_and_not_twice() {
    let with_state = Request { global_state: true, ..Request::default() };
    let mut facts = facts(&["a"], &[]);
    facts.indices.insert("a".into(), restored(2, 0));
    let done = plan(&facts, &with_state);
    assert_eq!((shown(&done), done.is_done()), (vec!["a a Done".to_owned()], false));
    let [alone] = &done.batches()[..] else { panic!("{:?}", done.batches()) };
    assert_eq!((&alone.body["indices"], &alone.body["include_global_state"]), (&["-*"].into(), &true.into()));
    assert!(alone.indices.is_empty() && alone.closes.is_empty());
    assert!(plan(&facts, &Request::default()).is_done());
    let nothing = Request { exclude: patterns(&["*"]), ..with_state.clone() };
    assert_eq!((codes(&plan(&facts, &nothing)), plan(&facts, &nothing).batches().len()), (vec![], 1));

    // It went with what is followed: its templates are there by now, and nobody's.
    facts.templates.insert("mine".into());
    facts.indices.insert("a".into(), restored(1, 0));
    let followed = plan(&facts, &with_state);
    assert_eq!((codes(&followed), followed.batches().len(), followed.is_done()), (vec![], 0, false));
    assert!(followed.warnings.iter().any(|warning| warning.contains("not asked for again")), "{:?}", followed.warnings);
    facts.indices.insert("a".into(), restored(2, 0));
    assert_eq!(codes(&plan(&facts, &with_state)), [Code::RestoreConflict]);
    let once = plan(&facts, &Request { state_once: true, ..with_state });
    assert!(once.is_done() && once.problems.is_empty() && once.batches().is_empty(), "{once:?}");
}

#[test]
fn what_lacks_shards_is_left_as_it_is_where_that_is_asked() {
    let mut facts = facts(&["a", ".ds-logs-000001"], &["logs"]);
    facts.indices.insert("a".into(), restored(1, 1));
    facts.data_streams.insert("logs".into());
    let mut part = restored(1, 1);
    part.restored.as_mut().unwrap().index = ".ds-logs-000001".into();
    facts.indices.insert(".ds-logs-000001".into(), Existing { data_stream: Some("logs".into()), ..part });
    let left = plan(&facts, &Request { leave_incomplete: true, ..Request::default() });
    assert_eq!(shown(&left), ["a a Follow", "logs logs Follow"]);
    assert!(left.batches().is_empty() && left.problems.is_empty(), "{left:?}");
    assert_eq!(shown(&plan(&facts, &Request::default())), ["a a Again", "logs logs Blocked"]);
}

#[test]
fn a_stream_of_which_nothing_is_known_to_be_behind_it_is_in_the_way() {
    let mut facts = facts(&["a"], &["logs"]);
    facts.data_streams.insert("logs".into());
    assert_eq!(shown(&plan(&facts, &Request::default())), ["a a Restore", "logs logs Blocked"]);
}

#[test]
fn shards_are_room_for_what_is_made_and_not_for_what_is_replaced() {
    let mut facts = facts(&["a", "b"], &[]);
    facts.shards = Some(ShardRoom { open: 12, limit: 10 });
    assert_eq!(codes(&plan(&facts, &Request::default())), [Code::RestoreConflict]);
    facts.indices.insert("a".into(), Existing::default());
    facts.indices.insert("b".into(), restored(1, 1));
    facts.indices.get_mut("b").unwrap().restored.as_mut().unwrap().index = "b".into();
    let replaced = plan(&facts, &on(OnConflict::Close));
    assert_eq!(shown(&replaced), ["a a Close", "b b Again"]);
    assert_eq!((codes(&replaced), replaced.room.needed_shards), (vec![], Some(0)));
}

#[test]
fn a_plan_is_stale_once_the_world_has_changed() {
    let planned = plan(&facts(&["a"], &[]), &Request::default());
    assert_eq!(planned.stale(&planned), None);
    let mut taken = facts(&["a"], &[]);
    taken.indices.insert("a".into(), Existing::default());
    assert_eq!(planned.stale(&plan(&taken, &Request::default())).unwrap().code, Code::PlanStale);
    let mut other = facts(&["a"], &[]);
    other.source.snapshot.uuid = Some("v".into());
    assert_eq!(planned.stale(&plan(&other, &Request::default())).unwrap().code, Code::PlanStale);
}

#[test]
fn latest_is_the_newest_good_one_of_those_meant() {
    let snapshot = |name: &str, state, began: &str| Snapshot {
        name: name.into(),
        state: Some(state),
        started_at: Some(at(began)),
        ..source(&[], &[]).snapshot
    };
    let all = [
        snapshot("nightly-20261121t050000z", State::Success, "2026-11-21T05:00:00Z"),
        snapshot("nightly-20261122t050000z", State::Partial, "2026-11-22T05:00:00Z"),
        snapshot("nightly-eu-20261122t060000z", State::Success, "2026-11-22T06:00:00Z"),
        snapshot("by-hand", State::Success, "2026-11-23T05:00:00Z"),
    ];
    let nightly = Among { policy: Some("nightly".into()), ..Among::default() };
    let name =
        |choice, among: &Among| choose(&all, &choice, among).map(|found| found.name.as_str()).map_err(|f| f.code);
    assert_eq!(name(Choice::Latest, &Among::default()), Ok("by-hand"));
    assert_eq!(name(Choice::Latest, &nightly), Ok("nightly-20261121t050000z"));
    assert_eq!(name(Choice::At(at("2026-11-22T07:00:00Z")), &Among::default()), Ok("nightly-eu-20261122t060000z"));
    assert_eq!(name(Choice::At(at("2026-11-20T07:00:00Z")), &Among::default()), Err(Code::SnapshotMissing));
}

#[test]
fn the_truth_counts_what_is_not_there() {
    let piece = |index: &str, stage, reason: Option<&str>| Piece {
        index: index.into(),
        shard: 0,
        stage,
        node: None,
        reason: reason.map(str::to_owned),
    };
    let pieces = Pieces {
        shards: vec![piece("a", Stage::Started, None), piece("b", Stage::Failed, Some("a blob is gone"))],
        ..Pieces::default()
    };
    let truth = pieces.truth(&["a".into(), "b".into(), "c".into()]);
    assert_eq!((truth.expected, truth.started), (3, 1));
    let missing: Vec<_> = truth.missing.iter().map(|missing| (missing.index.as_str(), missing.shard)).collect();
    assert_eq!(missing, [("b", Some(0)), ("c", None)]);
    assert_eq!(truth.missing[0].reason, "a blob is gone");
    assert!(pieces.all_settled() && pieces.all_started(&["a".into()]));
}

proptest! {
    /// Whatever is there and whatever is asked for: nothing that is there is touched unless `close` was chosen, and then only
    /// an index of that very name; no two get one name; what is sent are names of the snapshot.
    #[test]
    fn nothing_existing_is_touched_unasked(
        held in prop::collection::btree_set("[a-c]{1,2}", 1..6),
        open in prop::collection::btree_set("(restored-)?[a-c]{1,2}", 0..6),
        aliases in prop::collection::btree_set("(restored-)?[a-c]{1,2}", 0..3),
        choice in 0_usize..4,
        prefix in proptest::option::of(Just("restored-")),
    ) {
        let names: Vec<&str> = held.iter().map(String::as_str).collect();
        let mut facts = facts(&names, &[]);
        facts.indices = open.iter().map(|name| (name.clone(), Existing::default())).collect();
        let free = aliases.difference(&open);
        facts.aliases = free.map(|name| (name.clone(), Alias::default())).collect();
        let choice = [OnConflict::Fail, OnConflict::Skip, OnConflict::Rename, OnConflict::Close][choice];
        let rename = prefix.map(|prefix| Rename::prefix(prefix).unwrap());
        let plan = plan(&facts, &Request { on_conflict: choice, rename, ..Request::default() });
        prop_assert_eq!(plan.items.len(), held.len());
        let mut targets = BTreeSet::new();
        for item in plan.sent() {
            prop_assert!(targets.insert(item.target.clone()));
            prop_assert!(!facts.aliases.contains_key(&item.target));
            prop_assert_eq!(facts.indices.contains_key(&item.target), item.action == Action::Close);
            prop_assert!(item.action != Action::Close || choice == OnConflict::Close);
        }
        for batch in plan.batches() {
            for name in batch.body["indices"].as_array().unwrap() {
                prop_assert!(held.contains(name.as_str().unwrap()));
            }
        }
        let is_blocked = plan.items.iter().any(|item| item.action == Action::Blocked);
        prop_assert_eq!(is_blocked, !plan.problems.is_empty());
    }
}
