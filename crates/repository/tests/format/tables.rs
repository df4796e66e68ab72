//! What blobs say that no node of the testbed writes: remote stores, failures, older forms.

use crate::encode::{Stored, dat, smile};
use serde_json::{Value, json};
use snapkeep_core::snapshot::State;
use snapkeep_repository::Damage;
use snapkeep_repository::model::{
    IncompatibleSnapshots, IndexMetadata, Remote, RepositoryData, ShallowShardSnapshot, ShardIndex, ShardPaths,
    ShardSnapshot, SnapshotInfo, latest,
};

fn info(fields: &Value, stored: Stored) -> Result<SnapshotInfo, Damage> {
    let mut snapshot = json!({"name": "one", "state": "SUCCESS", "indices": ["a"]});
    snapshot.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    SnapshotInfo::parse(&dat("snapshot", &smile(&json!({"snapshot": snapshot}), false), stored))
}

#[test]
fn snapshots_of_remote_stores_are_known_as_such() {
    let table = [
        (json!({}), None),
        (json!({"remote_store_index_shallow_copy": false, "pinned_timestamp": 0}), None),
        (json!({"remote_store_index_shallow_copy": true}), Some(Remote::ShallowCopy)),
        (json!({"remote_store_index_shallow_copy": true, "pinned_timestamp": 0}), Some(Remote::ShallowCopy)),
        (
            json!({"pinned_timestamp": 1_700_000_000_000_i64}),
            Some(Remote::PinnedTimestamp { millis: 1_700_000_000_000 }),
        ),
    ];
    for (fields, remote) in table {
        for stored in [Stored::Plain, Stored::Deflate, Stored::Zstd] {
            assert_eq!(info(&fields, stored).unwrap().remote, remote, "{fields} {stored:?}");
        }
    }
}

#[test]
fn a_snapshot_without_a_uuid_has_its_name_as_one() {
    let read = info(&json!({"unknown": {"a": [1]}}), Stored::Plain).unwrap();
    assert_eq!((read.uuid.as_str(), read.total_shards, read.failures.len()), ("one", 0, 0));
}

#[test]
fn failures_of_shards_are_told() {
    let failures = json!([{"index": "a", "index_uuid": "u", "shard_id": 3, "reason": "disk", "node_id": "n", "status": "INTERNAL_SERVER_ERROR"},
                          {"index": "a", "index_uuid": "u", "shard_id": 4, "reason": null, "status": null}]);
    let fields = json!({"state": "PARTIAL", "total_shards": 5, "successful_shards": 3, "failures": failures});
    let read = info(&fields, Stored::Deflate).unwrap();
    assert_eq!((read.state.as_str(), read.total_shards, read.successful_shards), ("PARTIAL", 5, 3));
    let shards: Vec<_> = read.failures.iter().map(|failure| (failure.shard, failure.node.as_deref())).collect();
    assert_eq!(shards, [(3, Some("n")), (4, None)]);
}

#[test]
fn a_wrong_type_says_what_and_where() {
    let damage = info(&json!({"total_shards": "five"}), Stored::Plain).unwrap_err();
    assert_eq!((damage.expected.as_str(), damage.found.as_str()), ("u32", "the text `five`"));
    let blob = dat("snapshot", &smile(&json!({"snapshot": {"name": "one", "state": 3}}), false), Stored::Plain);
    let damage = SnapshotInfo::parse(&blob).unwrap_err();
    let state = blob.windows(5).position(|window| window == b"state").unwrap() as u64 + 5;
    assert_eq!((damage.at, damage.found.as_str()), (state, "integer `3`"));
    let damage = SnapshotInfo::parse(&dat("snapshot", &smile(&json!({}), false), Stored::Deflate)).unwrap_err();
    assert!(
        damage.to_string().starts_with("at byte 17: expected the field `snapshot`, found none at byte "),
        "{damage}"
    );
}

#[test]
fn a_blob_in_another_s_place_says_whose_it_is() {
    let blob = dat("metadata", &smile(&json!({}), false), Stored::Plain);
    let damage = SnapshotInfo::parse(&blob).unwrap_err();
    assert_eq!(damage.to_string(), "at byte 4: expected the codec `snapshot`, found `metadata`");
}

#[test]
fn shallow_shard_snapshots_name_the_remote_store() {
    let body = json!({
        "version": "1", "name": "one", "index_version": 3, "start_time": 1, "time": 2, "number_of_files": 2, "total_size": 77,
        "index_uuid": "u", "remote_store_repository": "segments", "commit_generation": 4, "primary_term": 1,
        "remote_store_repository_base_path": "base", "file_names": ["_0.cfe", "_0.cfs"],
    });
    let read = ShallowShardSnapshot::parse(&dat("snapshot", &smile(&body, false), Stored::Plain)).unwrap();
    assert_eq!(
        (read.remote_store_repository.as_str(), read.repository_base_path.as_deref()),
        ("segments", Some("base"))
    );
    assert_eq!((read.total_size, read.file_names.len()), (Some(77), 2));
}

fn index(mappings: &Value) -> Result<IndexMetadata, Damage> {
    let settings = json!({"index.number_of_shards": "3", "index.number_of_replicas": "1", "index.uuid": "u",
                          "index.query.default_field": ["a", "b"], "index.blocks.write": null});
    let body =
        json!({"books": {"version": 4, "state": "open", "settings": settings, "mappings": mappings, "aliases": {}}});
    IndexMetadata::parse(&dat("index-metadata", &smile(&body, false), Stored::Plain))
}

#[test]
fn mappings_are_read_in_each_of_their_forms() {
    let by_type = json!({"doc": {"properties": {"n": {"type": "long"}}}});
    for form in [json!([by_type]), by_type.clone()] {
        let read = index(&form).unwrap();
        assert_eq!((read.shards, read.replicas, read.uuid.as_deref()), (3, 1, Some("u")));
        assert_eq!(json!(read.mappings), by_type);
    }
    assert!(index(&json!([])).unwrap().mappings.is_empty());
    for wrong in [json!(7), json!(["AAAA"]), json!([[["x"]]])] {
        assert_eq!(index(&wrong).unwrap_err().expected, "mappings by type");
    }
}

#[test]
fn mappings_in_compressed_bytes_are_read() {
    let by_type = json!({"doc": {"properties": {}}});
    let packed = [b"DFL\0".as_slice(), &crate::encode::deflated(by_type.to_string().as_bytes())].concat();
    let body = json!({"books": {"state": "open", "settings": {"index.number_of_shards": "1"}, "mappings": ["HERE"]}});
    let mut bytes = smile(&body, false);
    let at = bytes.windows(5).position(|window| window == b"\x43HERE").unwrap();
    // Raw binary; its length is less than 64.
    let binary = [&[0xfd, 0x80 | u8::try_from(packed.len()).unwrap()], packed.as_slice()].concat();
    bytes.splice(at..at + 5, binary);
    let read = IndexMetadata::parse(&dat("index-metadata", &bytes, Stored::Plain)).unwrap();
    assert_eq!(json!(read.mappings), by_type);
}

#[test]
fn an_index_without_a_number_of_shards_or_with_one_that_cannot_be_is_damage() {
    for settings in [json!({}), json!({"index.number_of_shards": "4294967295"}), json!({"index.number_of_shards": "x"})]
    {
        let body = json!({"books": {"state": "open", "settings": settings}});
        let blob = dat("index-metadata", &smile(&body, false), Stored::Plain);
        assert!(IndexMetadata::parse(&blob).unwrap_err().expected.contains("index.number_of_shards"), "{settings}");
    }
}

#[test]
fn repository_data_of_all_ages_is_read() {
    let oldest = json!({"snapshots": [{"name": "s", "uuid": "u"}], "indices": {"a": {"id": "i", "snapshots": [{"name": "s", "uuid": "u"}]}}});
    let read = RepositoryData::parse(oldest.to_string().as_bytes()).unwrap();
    assert_eq!((&*read.indices["a"].snapshots[0], read.snapshots[0].state), ("u", None));
    assert_eq!(read.index_meta_blob("i", &read.snapshots[0]), "u");

    let newest = json!({
        "min_version": 7_120_000, "uuid": "r", "cluster_id": "c",
        "snapshots": [{"name": "s", "uuid": "u", "state": 3, "index_metadata_lookup": {"i": "x-1-1"}, "version": "8.11.0", "index_version": 9_039_001,
                       "start_time_millis": 1, "end_time_millis": 2, "slm_policy": "", "later": {"on": []}}],
        "indices": {"a": {"id": "i", "snapshots": ["u"], "shard_generations": ["g", null, "_new"], "shard_path_type": 2}},
        "index_metadata_identifiers": {"x-1-1": "m"},
    });
    let read = RepositoryData::parse(newest.to_string().as_bytes()).unwrap();
    let snapshot = &read.snapshots[0];
    assert_eq!(
        (snapshot.state, snapshot.index_version, &snapshot.slm_policy),
        (Some(State::Partial), Some(9_039_001), &None)
    );
    assert_eq!((read.index_meta_blob("i", snapshot), read.index_meta_blob("j", snapshot)), ("m", "u"));
    assert_eq!(read.min_version.as_deref(), Some("7120000"));
    let index = &read.indices["a"];
    assert_eq!((index.shard_generations.as_ref().unwrap()[1].as_ref(), index.shard_path_type), (None, Some(2)));
}

/// Elasticsearch 8.10 wrote a number where all others write a text.
#[test]
fn a_version_may_be_a_number() {
    let snapshots = json!([
        {"name": "a", "uuid": "u", "version": "8.9.2"}, {"name": "b", "uuid": "v", "version": 8_100_099},
        {"name": "c", "uuid": "w", "version": "8.11.0", "index_version": 8_500_003}, {"name": "d", "uuid": "x", "version": null},
    ]);
    let data = json!({"min_version": "7.12.0", "snapshots": snapshots, "indices": {}});
    let read = RepositoryData::parse(data.to_string().as_bytes()).unwrap();
    let versions: Vec<_> = read.snapshots.iter().map(|one| (one.version.as_deref(), one.index_version)).collect();
    let expected = [(Some("8.9.2"), None), (None, Some(8_100_099)), (Some("8.11.0"), Some(8_500_003)), (None, None)];
    assert_eq!(versions, expected);
}

#[test]
fn repository_data_that_contradicts_itself_is_damage() {
    let of = |text: &str| RepositoryData::parse(text.as_bytes()).unwrap_err();
    let unknown = of(r#"{"snapshots":[],"indices":{"a":{"id":"i","snapshots":["gone"]}}}"#);
    assert_eq!((unknown.at, unknown.found.as_str()), (55, "`gone`"));
    assert!(unknown.expected.contains("in the index `a`"), "{unknown}");
    let lost = of(r#"{"snapshots":[{"name":"s","uuid":"u","index_metadata_lookup":{"i":"lost"}}],"indices":{}}"#);
    assert_eq!(lost.found, "`lost`");
    assert_eq!(of("{}").expected, "what the format prescribes");
    assert!(of("").found.contains("empty"));
}

#[test]
fn the_latest_generation_is_eight_bytes() {
    assert_eq!(latest(&[0, 0, 0, 0, 0, 0, 1, 2]).unwrap(), 258);
    for wrong in [&[][..], &[0; 7], &[0; 9], &[0xff; 8]] {
        assert!(latest(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn incompatible_snapshots_are_listed() {
    let read = IncompatibleSnapshots::parse(br#"{"incompatible-snapshots":[{"name":"a","uuid":"u"},"b"]}"#).unwrap();
    let read: Vec<_> = read.snapshots.iter().map(|snapshot| (snapshot.name.as_str(), snapshot.uuid.as_str())).collect();
    assert_eq!(read, [("a", "u"), ("b", "b")]);
}

fn file(name: &str, length: u64, part_size: u64) -> Value {
    json!({"name": name, "physical_name": "_0.cfs", "length": length, "checksum": "1x", "part_size": part_size, "written_by": "9"})
}

#[test]
fn a_shard_index_names_only_its_own_files() {
    let parse = |files: Value, named: Value| {
        let body = json!({"files": files, "snapshots": {"one": {"files": named, "shard_state_id": "s"}}});
        ShardIndex::parse(&dat("snapshots", &smile(&body, false), Stored::Deflate))
    };
    let read = parse(json!([file("__a", 3, 0)]), json!(["__a"])).unwrap();
    let one = &read.snapshots["one"];
    let named: Vec<&str> = read.files_of(one).map(|file| &*file.name).collect();
    assert_eq!((named, one.shard_state_id.as_deref()), (vec!["__a"], Some("s")));
    assert_eq!(parse(json!([file("__a", 3, 0)]), json!(["__b"])).unwrap_err().found, "`__b`");
}

/// Many snapshots hold the same files: their lists are one.
#[test]
fn snapshots_of_a_shard_share_what_they_hold_alike() {
    let files = |names: &[&str]| json!({"files": names});
    let body = json!({
        "files": [file("__a", 3, 0), file("__b", 3, 0)],
        "snapshots": {"1": files(&["__a"]), "2": files(&["__a"]), "3": files(&["__b", "__a"]), "4": files(&[])},
    });
    let read = ShardIndex::parse(&dat("snapshots", &smile(&body, false), Stored::Plain)).unwrap();
    let places = |name: &str| read.snapshots[name].files.to_vec();
    assert_eq!(["1", "2", "3", "4"].map(places), [vec![0], vec![0], vec![1, 0], vec![]]);
    assert!(std::sync::Arc::ptr_eq(&read.snapshots["1"].files, &read.snapshots["2"].files));
}

/// They become parts of paths.
#[test]
fn names_of_blobs_that_lead_elsewhere_are_damage() {
    let parse = |name: &str| {
        let body = json!({"name": "one", "files": [file(name, 3, 0)]});
        ShardSnapshot::parse(&dat("snapshot", &smile(&body, false), Stored::Plain))
    };
    for good in ["__a", "v__a", "__3x.y-Z_"] {
        assert_eq!(&*parse(good).unwrap().files[0].name, good);
    }
    for bad in
        ["", "a", "_a", "../../../../secret.bin", "__/../../x", "__a/b", "v__a/b", "__a\\b", "__a\nb", "__a\u{1b}[2J"]
    {
        let damage = parse(bad).unwrap_err();
        assert!(
            damage.expected.contains("a blob's name") && !damage.found.contains(char::is_control),
            "{bad:?}: {damage}"
        );
    }
}

#[test]
fn files_of_no_sensible_size_are_damage() {
    let parse = |file: Value| {
        ShardSnapshot::parse(&dat("snapshot", &smile(&json!({"name": "one", "files": [file]}), false), Stored::Plain))
    };
    assert_eq!(parse(file("__a", 1 << 40, 1 << 30)).unwrap().files[0].number_of_parts(), 1024);
    assert!(parse(file("__a", 1 << 40, 1)).unwrap_err().expected.contains("parts"));
    assert!(parse(file("__a", u64::MAX, 0)).unwrap_err().expected.contains("63 bits"));
    assert!(parse(json!({"name": "__a", "length": -1})).is_err());
}

#[test]
fn shard_paths_say_what_their_name_says() {
    let body = |shards: u32, paths: &[&str]| {
        json!({"indexId": "i", "indexName": ".a.b", "number_of_shards": shards, "shard_path_type": 1, "shard_path_hash_algorithm": 1, "paths": paths})
            .to_string()
    };
    for name in ["snapshot_path_i..a.b.2.1.1", "i#.a.b#2#1#1"] {
        let read = ShardPaths::parse(name, body(2, &["x/", "y/"]).as_bytes()).unwrap();
        assert_eq!((read.index_name.as_str(), read.paths.len(), read.path_type), (".a.b", 2, 1));
    }
    assert!(ShardPaths::parse("snapshot_path_i..a.b.3.1.1", body(2, &["x/", "y/"]).as_bytes()).is_err());
    assert!(ShardPaths::parse("snapshot_path_i..a.b.2.1.1", body(2, &["x/"]).as_bytes()).is_err());
}
