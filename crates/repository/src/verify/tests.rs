//! From what was seen to what it means: tables and properties, without a store.

use super::facts::{Current, InSnapshot, Listed, Listing, ShardFacts};
use super::judge::{judge, suspects};
use super::*;
use crate::Damage;
use crate::load::Trouble;
use crate::model::{FileInfo, ShardFailure, ShardFiles, ShardIndex, ShardSnapshot, SnapshotInfo, SnapshotRef};
use crate::store::Access;
use proptest::prelude::*;

fn file(name: &str, length: u64) -> FileInfo {
    FileInfo {
        name: name.into(),
        physical_name: format!("{}.cfs", name.trim_start_matches('_')),
        length,
        checksum: Some("abc".into()),
        part_size: Some(10),
        written_by: None,
        meta_hash: None,
    }
}

fn named(name: &str) -> SnapshotRef {
    SnapshotRef { name: name.to_owned(), uuid: format!("u-{name}") }
}

fn snapshot(name: &str, files: &[FileInfo]) -> ShardSnapshot {
    ShardSnapshot {
        name: name.to_owned(),
        index_version: None,
        start_millis: None,
        took_millis: None,
        number_of_files: None,
        total_size: None,
        files: files.to_vec(),
    }
}

fn generation(files: &[FileInfo], snapshots: &[(&str, &[&str])]) -> ShardIndex {
    let place = |name: &str| u32::try_from(files.iter().position(|file| &*file.name == name).unwrap()).unwrap();
    let entry =
        |names: &[&str]| ShardFiles { files: names.iter().map(|name| place(name)).collect(), shard_state_id: None };
    let snapshots = snapshots.iter().map(|(name, names)| ((*name).to_owned(), entry(names))).collect();
    ShardIndex { files: files.to_vec(), snapshots }
}

/// All blobs of these files, as they should be.
fn listing(files: &[FileInfo]) -> Listing {
    let parts = files.iter().flat_map(|file| file.parts().collect::<Vec<_>>());
    parts.map(|(name, size)| (name, Listed { size, class: None })).collect()
}

/// Two snapshots of a shard: `__a` (in two parts) in both, `__b` in the second.
fn healthy() -> ShardFacts {
    let files = [file("__a", 15), file("__b", 3)];
    let mut facts = ShardFacts::new("books", 1, "base/indices/iX/1".into(), Current::Known("G".into()));
    facts.take_snapshot(named("one"), Ok(snapshot("one", &files[..1])));
    facts.take_snapshot(named("two"), Ok(snapshot("two", &files)));
    facts.take_generation(Ok(generation(&files, &[("one", &["__a"]), ("two", &["__a", "__b"])])));
    facts.listing = Some(Ok(listing(&files)));
    facts
}

fn listed(facts: &mut ShardFacts) -> &mut Listing {
    facts.listing.as_mut().unwrap().as_mut().unwrap()
}

/// Kind, blob, snapshots and effect of each finding.
fn judged(facts: &ShardFacts) -> Vec<(Kind, String, String, Effect)> {
    let line = |finding: Finding| {
        assert_eq!((finding.index.as_deref(), finding.shard), (Some("books"), Some(1)));
        let blob = finding.blob.unwrap();
        let name = blob.strip_prefix("base/indices/iX/1/").unwrap().to_owned();
        (finding.kind, name, finding.snapshots.join(","), finding.effect)
    };
    judge(facts).into_iter().map(line).collect()
}

fn one(kind: Kind, blob: &str, snapshots: &str, effect: Effect) -> Vec<(Kind, String, String, Effect)> {
    vec![(kind, blob.to_owned(), snapshots.to_owned(), effect)]
}

#[test]
fn a_healthy_shard_has_no_findings() {
    assert_eq!(judged(&healthy()), []);
}

#[test]
fn blobs_with_data_are_named_with_those_that_they_hurt() {
    let mut facts = healthy();
    listed(&mut facts).remove("__a.part1");
    assert_eq!(judged(&facts), one(Kind::MissingBlob, "__a.part1", "one,two", Effect::Shard));
    assert_eq!(suspects(&facts, facts.listing.as_ref().unwrap().as_ref().unwrap()), ["__a.part1"]);
    let mut facts = healthy();
    listed(&mut facts).get_mut("__b").unwrap().size = 2;
    assert_eq!(judged(&facts), one(Kind::BlobLength, "__b", "two", Effect::Shard));
    // Row 26: told from the listing, before anything is read.
    for (class, is_frozen) in [("GLACIER", true), ("DEEP_ARCHIVE", true), ("GLACIER_IR", false), ("STANDARD_IA", false)]
    {
        let mut facts = healthy();
        listed(&mut facts).get_mut("__b").unwrap().class = Some(class.into());
        let expected = if is_frozen { one(Kind::Archived, "__b", "two", Effect::Shard) } else { vec![] };
        assert_eq!(judged(&facts), expected, "{class}");
    }
}

/// Row 41: a few bytes that claim millions of parts.
#[test]
fn parts_that_nobody_wrote_are_not_walked_over_for_ever() {
    let files: Vec<FileInfo> =
        (0..50).map(|number| FileInfo { part_size: Some(1), ..file(&format!("__{number}"), (1 << 24) - 1) }).collect();
    let names: Vec<String> = files.iter().map(|file| file.name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut facts = ShardFacts::new("books", 1, "base/indices/iX/1".into(), Current::Known("G".into()));
    facts.take_snapshot(named("one"), Ok(snapshot("one", &files)));
    facts.take_generation(Ok(generation(&files, &[("one", &names)])));
    facts.listing = Some(Ok(Listing::new()));
    let found = judge(&facts);
    assert!((10_000..11_000).contains(&found.len()), "{}", found.len());
    assert_eq!(suspects(&facts, &Listing::new()).len(), found.len());
    let untold = found.iter().filter(|finding| finding.detail.contains("nothing is said of")).count();
    assert_eq!(untold, 50);
}

#[test]
fn a_shards_generation_hurts_what_comes_later() {
    let mut facts = healthy();
    facts.take_generation(Err(Trouble::Damaged(Damage::cut_off(3, "x"))));
    assert_eq!(judged(&facts), one(Kind::Generation, "index-G", "one,two", Effect::Later));
    facts.take_generation(Err(Trouble::Access(Access::Denied { why: "no".into() })));
    assert_eq!(judged(&facts), one(Kind::Unread, "index-G", "one,two", Effect::Unknown));
    facts.current = Current::Undefined;
    assert_eq!(judged(&facts), one(Kind::GenerationUndefined, "index-…", "one,two", Effect::Later));
    let files = [file("__a", 15), file("__b", 3)];
    let mut facts = healthy();
    facts.take_generation(Ok(generation(&files, &[("two", &["__a", "__b"])])));
    assert_eq!(judged(&facts), one(Kind::NotInGeneration, "snap-u-one.dat", "one", Effect::Later));
    facts.take_generation(Ok(generation(&files, &[("one", &["__a", "__b"]), ("two", &["__a", "__b"])])));
    assert_eq!(judged(&facts), one(Kind::InGenerationOnly, "snap-u-one.dat", "one", Effect::Later));
    facts.take_generation(Ok(generation(&files, &[("one", &["__a"]), ("two", &["__a"])])));
    assert_eq!(judged(&facts), one(Kind::InSnapshotOnly, "snap-u-two.dat", "two", Effect::Later));
    facts.take_generation(Ok(generation(
        &[file("__a", 14), file("__b", 3)],
        &[("one", &["__a"]), ("two", &["__a", "__b"])],
    )));
    assert_eq!(judged(&facts), one(Kind::GenerationMismatch, "index-G", "one,two", Effect::Later));
}

/// A file that is in the metadata itself: that its bytes are wrong is seen without reading any, at each level.
#[test]
fn what_is_in_the_metadata_is_summed_up_at_each_level() {
    let sound = [&b"books"[..], &[0xC0, 0x28, 0x93, 0xE8, 0, 0, 0, 0]].concat();
    let crc = crc32fast::hash(&sound);
    let sound = [&sound[..], &u64::from(crc).to_be_bytes()].concat();
    let mut bent = sound.clone();
    bent[0] ^= 1;
    let found = |bytes: &[u8], is_opened: bool| {
        let length = bytes.len() as u64;
        let file = FileInfo { meta_hash: Some(bytes.to_vec()), checksum: None, ..file("v__a", length) };
        let mut facts = ShardFacts::new("books", 1, "base/indices/iX/1".into(), Current::Known("G".into()));
        if is_opened {
            facts.take_snapshot(named("one"), Ok(snapshot("one", std::slice::from_ref(&file))));
        } else {
            facts.snapshots.push((named("one"), InSnapshot::There));
        }
        facts.take_generation(Ok(generation(std::slice::from_ref(&file), &[("one", &["v__a"])])));
        assert_eq!(judged(&facts), []);
        let found = bytes::check_virtual(&facts);
        found.into_iter().map(|finding| (finding.kind, finding.effect, finding.snapshots.join(","))).collect::<Vec<_>>()
    };
    for is_opened in [false, true] {
        assert_eq!(found(&sound, is_opened), []);
        assert_eq!(found(&bent, is_opened), [(Kind::CorruptBlob, Effect::Shard, "one".to_owned())]);
    }
}

/// At `metadata` a snapshot's own blob is not opened: the shard's `index-…` stands for it.
#[test]
fn what_is_not_opened_is_by_the_shards_own_list() {
    let files = [file("__a", 15), file("__b", 3)];
    let mut facts = ShardFacts::new("books", 1, "base/indices/iX/1".into(), Current::Known("G".into()));
    facts.snapshots = ["one", "two"].map(|name| (named(name), InSnapshot::There)).into();
    facts.take_generation(Ok(generation(&files, &[("one", &["__a"]), ("two", &["__a", "__b"])])));
    assert_eq!(judged(&facts), []);
    assert_eq!((facts.used(), facts.users_of(1)), (vec![0, 1], Names::from_iter(["two"])));
    facts.take_generation(Ok(generation(&files, &[("two", &["__a", "__b"])])));
    assert_eq!(judged(&facts), one(Kind::NotInGeneration, "snap-u-one.dat", "one", Effect::Later));
    facts.take_generation(Err(Trouble::Damaged(Damage::cut_off(3, "x"))));
    assert_eq!(judged(&facts), one(Kind::Generation, "index-G", "one,two", Effect::Later));
    assert_eq!(facts.used(), Vec::<u32>::new());
    assert!(!facts.is_nowhere());
}

/// Which `index-…` is current stands in a folder that may not be listed: that is no damage.
#[test]
fn what_an_unlisted_folder_would_say_is_not_missing() {
    let mut facts = healthy();
    facts.current = Current::Undefined;
    facts.generation = None;
    facts.listing = Some(Err(Access::Denied { why: "no".into() }));
    assert_eq!(judged(&facts), one(Kind::ShardContainer, "", "one,two", Effect::Unknown));
}

#[test]
fn a_shards_snapshot_hurts_its_own() {
    for (trouble, kind, effect) in [
        (Trouble::Access(Access::Missing), Kind::ShardSnapshot, Effect::Shard),
        (Trouble::Access(Access::Archived { class: "GLACIER".into() }), Kind::Archived, Effect::Shard),
        (Trouble::Access(Access::Throttled { why: "x".into() }), Kind::Unread, Effect::Unknown),
    ] {
        let mut facts = healthy();
        facts.snapshots[0].1 = InSnapshot::Trouble(trouble);
        assert_eq!(judged(&facts), one(kind, "snap-u-one.dat", "one", effect));
    }
    let mut facts = healthy();
    facts.snapshots[0].1 = InSnapshot::Another { name: "two".into() };
    assert_eq!(judged(&facts), one(Kind::ShardSnapshot, "snap-u-one.dat", "one", Effect::Shard));
}

/// A listing that is behind, and a blob that we may not ask for: not missing.
#[test]
fn what_cannot_be_asked_for_is_not_missing() {
    let mut facts = healthy();
    listed(&mut facts).remove("__b");
    facts.unconfirmed.insert("__b".into(), Access::Denied { why: "no".into() });
    assert_eq!(judged(&facts), one(Kind::Unread, "__b", "two", Effect::Unknown));
}

#[test]
fn a_folder_that_cannot_be_listed_is_not_called_empty() {
    let mut facts = healthy();
    facts.listing = Some(Err(Access::Denied { why: "no".into() }));
    assert_eq!(judged(&facts), one(Kind::ShardContainer, "", "one,two", Effect::Unknown));
}

fn finding(effect: Effect, snapshot: &str) -> Finding {
    Finding::new(Kind::MissingBlob, effect, "x").of_shard("books", 0).hurts(Names::from_iter([snapshot]))
}

fn root(name: &str) -> RootSnapshot {
    RootSnapshot {
        named: named(name),
        info: Err(Trouble::Access(Access::Missing)),
        global: Ok(()),
        indices: ["books".into()].into(),
        state: None,
    }
}

#[test]
fn what_hurts_most_decides_what_is_restored() {
    for (effects, expected) in [
        (&[][..], Restores::Whole),
        (&[Effect::Nothing, Effect::Later], Restores::Whole),
        (&[Effect::Unknown], Restores::Unknown),
        (&[Effect::Unknown, Effect::Shard], Restores::Without),
        (&[Effect::Index], Restores::Without),
        (&[Effect::GlobalState], Restores::Without),
        (&[Effect::Shard, Effect::Snapshot], Restores::Not),
    ] {
        let findings: Vec<Finding> = effects.iter().map(|effect| finding(*effect, "one")).collect();
        let verdicts = verdict::of_snapshots(&[root("one"), root("two")], &findings, &everything());
        assert_eq!((verdicts[0].restores, verdicts[1].restores), (expected, Restores::Whole), "{effects:?}");
        assert_eq!(verdicts[0].without_global_state, effects.contains(&Effect::GlobalState));
    }
}

#[test]
fn a_repository_that_moved_gets_no_verdict_and_damage_counts_more_than_what_is_unread() {
    let of = |effects: &[Effect], moved| {
        let findings: Vec<Finding> = effects.iter().map(|effect| finding(*effect, "one")).collect();
        let outcome = verdict::outcome(&findings, &[], &everything(), moved);
        (outcome, verdict::failure(outcome, "7", &findings, &[]).map(|failure| failure.code.exit()))
    };
    assert_eq!(of(&[], false), (Outcome::Whole, None));
    assert_eq!(of(&[Effect::Nothing], false), (Outcome::Whole, None));
    assert_eq!(of(&[Effect::Later], false), (Outcome::Damaged, Some(14)));
    assert_eq!(of(&[Effect::Unknown, Effect::Shard], false), (Outcome::Damaged, Some(14)));
    assert_eq!(of(&[Effect::Unknown], false), (Outcome::Unread, Some(15)));
    assert_eq!(of(&[], true), (Outcome::Inconclusive, Some(15)));
    assert_eq!(of(&[Effect::Shard], true), (Outcome::Inconclusive, Some(15)));
}

fn everything() -> Choice {
    Choice { level: Level::Blobs, share: Share::All, snapshots: vec![], indices: vec![] }
}

/// A snapshot that ended so, without so many shards.
fn ended(name: &str, state: &str, failures: usize) -> RootSnapshot {
    let failure = ShardFailure { index: "books".into(), shard: 0, node: None, reason: None, status: None };
    let info = SnapshotInfo {
        name: name.into(),
        uuid: format!("u-{name}"),
        version_id: None,
        indices: vec!["books".into()],
        data_streams: vec![],
        state: state.into(),
        reason: None,
        include_global_state: None,
        metadata: None,
        start_millis: 0,
        end_millis: 0,
        total_shards: 1,
        successful_shards: 1,
        failures: vec![failure; failures],
        remote: None,
        size_in_bytes: None,
        index_bytes: std::collections::BTreeMap::new(),
    };
    RootSnapshot { info: Ok(Box::new(info)), ..root(name) }
}

#[test]
fn only_what_was_taken_whole_and_looked_at_whole_is_whole() {
    let indices = || vec!["books".to_owned()];
    let narrower = [
        Choice { level: Level::Metadata, ..everything() },
        Choice { indices: indices(), ..everything() },
        Choice { level: Level::Checksums, share: Share::Part { part: 1, of: 2 }, ..everything() },
        Choice { level: Level::Checksums, share: Share::Sample { per_million: 1, salt: 0 }, ..everything() },
    ];
    for (state, failures, expected, narrow) in [
        ("SUCCESS", 0, Restores::Whole, Restores::NothingFound),
        ("PARTIAL", 1, Restores::Partial, Restores::Partial),
        ("FAILED", 0, Restores::Not, Restores::Not),
        ("IN_PROGRESS", 0, Restores::Not, Restores::Not),
    ] {
        let of = |choice: &Choice| {
            let verdicts = verdict::of_snapshots(&[ended("one", state, failures)], &[], choice);
            (verdicts[0].restores, verdict::outcome(&[], &verdicts, choice, false))
        };
        assert_eq!(of(&everything()), (expected, Outcome::Whole), "{state}");
        for choice in &narrower {
            assert_eq!(of(choice), (narrow, Outcome::NothingFound), "{state} {choice:?}");
        }
        // All of one snapshot, but not of the repository.
        let one = Choice { snapshots: vec!["one".into()], ..everything() };
        assert_eq!(of(&one), (expected, Outcome::NothingFound), "{state}");
    }
}

#[test]
fn shards_are_counted_in_their_indices() {
    let told = |state: &str, total: u32, successful: u32, failures: usize, shards: u64| {
        let mut snapshot = ended("one", state, failures);
        let Ok(info) = &mut snapshot.info else { panic!() };
        (info.total_shards, info.successful_shards) = (total, successful);
        let found = root::judge_shards(&snapshot, |name: &str| name.to_owned(), 1, shards);
        assert!(found.iter().all(|finding| finding.kind == Kind::Contents && finding.effect == Effect::Later));
        found.len()
    };
    for (state, total, successful, failures, shards, expected) in [
        ("SUCCESS", 1, 1, 0, 1, 0),
        ("PARTIAL", 3, 1, 2, 3, 0),
        // One of an index's two shards is not counted.
        ("SUCCESS", 2, 2, 0, 1, 1),
        ("SUCCESS", 5, 5, 0, 1, 1),
        ("PARTIAL", 3, 1, 1, 3, 1),
        ("SUCCESS", 1, 2, 0, 1, 1),
        // A clone of OpenSearch's, and one that failed before it began.
        ("SUCCESS", 0, 0, 0, 1, 0),
        ("FAILED", 4, 0, 0, 1, 0),
    ] {
        assert_eq!(
            told(state, total, successful, failures, shards),
            expected,
            "{state} {total} {successful} {failures}"
        );
    }
}

#[test]
fn damage_says_whether_a_snapshot_lost_anything() {
    let cause = |effect: Effect| {
        let findings = [finding(effect, "one")];
        let verdicts = verdict::of_snapshots(&[root("one"), root("two")], &findings, &everything());
        verdict::failure(Outcome::Damaged, "7", &findings, &verdicts).unwrap().cause
    };
    assert_eq!(cause(Effect::Shard), "generation 7 is damaged (1 finding); 1 of 2 snapshots cannot be restored whole");
    assert!(cause(Effect::Later).ends_with("none of the snapshots that it has is known to have lost anything"));
}

#[test]
fn what_lies_in_a_remote_store_is_not_called_whole() {
    let elsewhere = |name: &str| Finding::new(Kind::Elsewhere, Effect::Nothing, "x").hurts(Names::from_iter([name]));
    let of = |findings: &[Finding]| {
        let verdicts = verdict::of_snapshots(&[root("one"), root("two")], findings, &everything());
        let outcome = verdict::outcome(findings, &verdicts, &everything(), false);
        (outcome, verdict::failure(outcome, "7", findings, &verdicts).map(|failure| failure.code.exit()))
    };
    assert_eq!(of(&[elsewhere("one"), elsewhere("two")]), (Outcome::Elsewhere, Some(2)));
    assert_eq!(of(&[elsewhere("one")]), (Outcome::NothingFound, None));
    assert_eq!(of(&[]), (Outcome::Whole, None));
}

#[test]
fn what_we_may_not_read_ends_otherwise_than_what_was_not_served() {
    let denied = |why: &str| Access::Denied { why: why.into() };
    for (access, exit) in [
        (denied("no"), 12),
        (Access::Throttled { why: "the access point is too busy".into() }, 15),
        (Access::Other { why: "no route".into() }, 15),
    ] {
        let mut facts = healthy();
        facts.listing = Some(Err(access));
        let findings = judge(&facts);
        let failure = verdict::failure(Outcome::Unread, "7", &findings, &[]).unwrap();
        assert_eq!(failure.code.exit(), exit, "{failure}");
    }
}

proptest! {
    /// Whatever is lost of a shard's data: exactly that is named, and exactly those who use it are hurt.
    #[test]
    fn exactly_what_is_lost_is_named(
        files in proptest::collection::vec((0_u64..40, 1_u8..8), 1..8),
        lost in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let infos: Vec<FileInfo> = files.iter().enumerate().map(|(at, (length, _))| file(&format!("__{at}"), *length)).collect();
        let holds = |bit: usize, at: usize| files[at].1 >> bit & 1 == 1;
        let mut facts = ShardFacts::new("books", 1, "base/indices/iX/1".into(), Current::Known("G".into()));
        for bit in 0..3 {
            let own: Vec<FileInfo> = (0..infos.len()).filter(|at| holds(bit, *at)).map(|at| infos[at].clone()).collect();
            facts.take_snapshot(named(&bit.to_string()), Ok(snapshot(&bit.to_string(), &own)));
        }
        let mut all = listing(&infos);
        let names: Vec<String> = all.keys().cloned().collect();
        let lost: std::collections::BTreeSet<String> = lost.iter().map(|index| names[index.index(names.len())].clone()).collect();
        all.retain(|name, _| !lost.contains(name));
        facts.listing = Some(Ok(all));
        let found: std::collections::BTreeMap<String, String> = judged(&facts)
            .into_iter()
            .map(|(kind, blob, snapshots, _)| {
                assert_eq!(kind, Kind::MissingBlob);
                (blob, snapshots)
            })
            .collect();
        prop_assert_eq!(found.keys().cloned().collect::<std::collections::BTreeSet<_>>(), lost);
        for (blob, snapshots) in found {
            let at: usize = blob.trim_start_matches("__").split(".part").next().unwrap().parse().unwrap();
            let users: Vec<String> = (0..3).filter(|bit| holds(*bit, at)).map(|bit| bit.to_string()).collect();
            prop_assert_eq!(snapshots, users.join(","));
        }
    }
}
