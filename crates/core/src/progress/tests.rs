use super::*;
use crate::snapshot::{Counted, ShardAt, Snapshot, State};
use proptest::prelude::*;

fn progress(state: &str, done: u64, total: u64, shards: ShardStages) -> Progress {
    Progress {
        state: state.to_owned(),
        shards,
        bytes: Counted { total: Some(total), done: Some(done) },
        files: Counted { total: None, done: None },
        size_bytes: None,
        started_at: None,
        unfinished: Vec::new(),
    }
}

fn started(done: u64) -> Progress {
    progress("STARTED", done, 1000, ShardStages { started: 2, total: 2, ..ShardStages::default() })
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn rate_and_time_left_follow_the_last_half_minute() {
    let mut tracker = Tracker::default();
    assert!(!tracker.observe(at(0), &started(0)));
    assert_eq!((tracker.rate(), tracker.left()), (None, None));
    assert!(tracker.observe(at(10), &started(100)));
    assert_eq!((tracker.rate(), tracker.left()), (Some(10.0), Some(at(90))));
    assert!(tracker.observe(at(100), &started(100 + 90 * 5)));
    // Counted from the last look before the window: 450 bytes in 90 seconds.
    assert_eq!((tracker.rate(), tracker.left()), (Some(5.0), Some(at(90))));
    assert!(tracker.has_moved());
}

#[test]
fn shards_that_wait_count_like_the_others() {
    let mut tracker = Tracker::default();
    let shards = ShardStages { initializing: 3, started: 1, total: 4, ..ShardStages::default() };
    tracker.observe(at(0), &progress("STARTED", 0, 100, shards));
    tracker.observe(at(1), &progress("STARTED", 50, 100, shards));
    assert_eq!(tracker.left(), Some(at(7)), "400 in all, 50 done, 50 a second");
    let none_begun = ShardStages { initializing: 4, total: 4, ..ShardStages::default() };
    tracker.observe(at(2), &progress("STARTED", 60, 100, none_begun));
    assert_eq!(tracker.left(), None);
}

#[test]
fn anything_that_changes_is_a_move() {
    let mut tracker = Tracker::default();
    assert!(!tracker.observe(at(0), &started(10)));
    assert!(!tracker.observe(at(40), &started(10)));
    assert_eq!((tracker.stalled_for(), tracker.rate(), tracker.left()), (at(40), Some(0.0), None));
    assert!(!tracker.has_moved());
    let finalizing = ShardStages { started: 1, finalizing: 1, total: 2, ..ShardStages::default() };
    assert!(tracker.observe(at(41), &progress("STARTED", 10, 1000, finalizing)));
    assert_eq!(tracker.stalled_for(), at(0));
    assert!(tracker.observe(at(50), &progress("ABORTED", 10, 1000, finalizing)));
    assert!(tracker.observe(at(51), &progress("ABORTED", 5, 1000, finalizing)), "another manager counts anew");
    assert_eq!(tracker.rate(), None);
}

#[test]
fn without_bytes_there_is_no_rate() {
    let mut silent = started(0);
    silent.bytes = Counted { total: None, done: None };
    let mut tracker = Tracker::default();
    tracker.observe(at(0), &silent);
    tracker.observe(at(9), &silent);
    assert_eq!((tracker.rate(), tracker.left(), tracker.stalled_for()), (None, None, at(9)));
}

fn shard(index: &str, shard: u64, stage: &str, node: Option<&str>) -> ShardAt {
    ShardAt { index: index.into(), shard, stage: stage.into(), node: node.map(str::to_owned), reason: None }
}

#[test]
fn a_diagnosis_names_the_shards_the_stage_the_node_and_what_to_do() {
    let snapshot = Snapshot { state: Some(State::InProgress), ..Snapshot::named("s") };
    let with = |state: &str, unfinished: Vec<ShardAt>| {
        let mut found = started(0);
        (found.state, found.unfinished) = (state.to_owned(), unfinished);
        diagnose(&snapshot, Some(&found))
    };
    let many = vec![
        shard("books", 0, "STARTED", Some("n1")),
        shard("books", 1, "STARTED", Some("n1")),
        shard("logs", 0, "STARTED", Some("n1")),
        shard("logs", 1, "STARTED", Some("n1")),
        shard("maps", 0, "INIT", None),
    ];
    let text = with("STARTED", many);
    assert!(text.starts_with(
        "waiting for 1 shard in stage INIT on no node ([maps][0]), \
         4 shards in stage STARTED on node n1 ([books][0], [books][1], [logs][0], …): some versions"
    ));
    assert!(text.contains("`abort` ends it"), "{text}");
    assert!(with("STARTED", vec![]).starts_with("all 2 shards are done, but the cluster manager"));
    let aborted = with("ABORTED", vec![shard("books", 0, "STARTED", Some("n1"))]);
    assert!(aborted.contains("the list says IN_PROGRESS, `_status` says ABORTED"), "{aborted}");
    assert!(aborted.contains("1 shard in stage STARTED on node n1 ([books][0])"), "{aborted}");
    assert!(with("ABORTED", vec![]).contains("has still to remove"));
    assert!(with("SUCCESS", vec![]).starts_with("the list says IN_PROGRESS, but `_status` says SUCCESS"));
    assert!(diagnose(&snapshot, None).contains("`_status` knows nothing of it"));
}

proptest! {
    #[test]
    fn whatever_is_seen_the_numbers_make_sense(
        looks in proptest::collection::vec(
            (0_u64..50, proptest::option::of(any::<u64>()), proptest::option::of(any::<u64>()), 0_u64..5, 0_u64..5),
            1..30,
        ),
    ) {
        let mut tracker = Tracker::default();
        let mut clock = 0;
        for (n, (pause, done, total, initializing, begun)) in looks.into_iter().enumerate() {
            clock += pause;
            let shards = ShardStages { initializing, started: begun, total: initializing + begun, ..ShardStages::default() };
            let mut seen = progress("STARTED", 0, 0, shards);
            seen.bytes = Counted { total, done };
            let before = tracker.stalled_for();
            let moved = tracker.observe(at(clock), &seen);
            let expected = if moved || n == 0 { Duration::ZERO } else { before + at(pause) };
            prop_assert_eq!(tracker.stalled_for(), expected);
            prop_assert!(tracker.rate().is_none_or(|rate| rate.is_finite() && rate >= 0.0));
            prop_assert!(tracker.left().is_none_or(|left| left <= FURTHEST));
        }
    }

    #[test]
    fn a_steady_pace_is_told_as_such(pace in 1_u64..1_000_000, step in 1_u64..40, looks in 2_usize..40) {
        let mut tracker = Tracker::default();
        for n in 0..looks as u64 {
            tracker.observe(at(n * step), &progress("STARTED", n * step * pace, u64::MAX >> 20,
                ShardStages { started: 1, total: 1, ..ShardStages::default() }));
        }
        let rate = tracker.rate().unwrap();
        prop_assert!((rate - as_f64(pace)).abs() < 1e-6 * rate);
        prop_assert_eq!(tracker.stalled_for(), Duration::ZERO);
    }
}

#[test]
fn what_is_shown_as_done_never_runs_ahead() {
    let seen = |done, initializing, bytes: Option<(u64, u64)>| Progress {
        bytes: Counted { total: bytes.map(|(_, total)| total), done: bytes.map(|(done, _)| done) },
        ..progress("STARTED", 0, 0, ShardStages { initializing, done, total: 10, ..ShardStages::default() })
    };
    for (found, expected) in [
        (seen(0, 10, None), 0),
        (seen(5, 0, None), 500),
        (seen(5, 5, Some((100, 100))), 500),
        (seen(9, 0, Some((50, 100))), 500),
        (seen(10, 0, Some((100, 100))), 1000),
        (seen(10, 0, Some((0, 0))), 1000),
        (seen(0, 0, Some((200, 100))), 1000),
    ] {
        assert_eq!(thousandths(&found), expected, "{found:?}");
    }
}
