//! What holds for any bytes.

use crate::encode::{Stored, dat, sealed, smile};
use crate::fixtures;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use snapkeep_repository::Damage;
use snapkeep_repository::bytes::{MAX_DEPTH, json as json_bytes, smile as smile_bytes};
use snapkeep_repository::model::{
    GlobalMetadata, IncompatibleSnapshots, IndexMetadata, RepositoryData, ShallowShardSnapshot, ShardIndex, ShardPaths,
    ShardSnapshot, SnapshotInfo, latest,
};

type Parser = (&'static str, fn(&[u8]) -> Result<(), Damage>);

/// The parsers of blobs with an envelope, with their codecs.
#[rustfmt::skip]
const SEALED: [Parser; 6] = [
    ("snapshot", |blob| SnapshotInfo::parse(blob).map(drop)),
    ("metadata", |blob| GlobalMetadata::parse(blob).map(drop)),
    ("index-metadata", |blob| IndexMetadata::parse(blob).map(drop)),
    ("snapshot", |blob| ShardSnapshot::parse(blob).map(drop)),
    ("snapshot", |blob| ShallowShardSnapshot::parse(blob).map(drop)),
    ("snapshots", |blob| ShardIndex::parse(blob).map(drop)),
];

fn parse_all(blob: &[u8]) -> [bool; 10] {
    let sealed = SEALED.map(|(_, parse)| parse(blob).is_ok());
    let mut all = [false; 10];
    all[..6].copy_from_slice(&sealed);
    all[6] = RepositoryData::parse(blob).is_ok();
    all[7] = IncompatibleSnapshots::parse(blob).is_ok();
    all[8] = ShardPaths::parse("snapshot_path_a.b.1.1.1", blob).is_ok();
    all[9] = latest(blob).is_ok();
    all
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z]{0,70}", "\\PC{0,40}", Just("again".to_owned()), "[a-z]{1,2}",];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-40_i64..40).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |value| value.is_finite()).prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 200, 12, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::from),
            btree_map(text.clone(), inner, 0..12).prop_map(|fields| Value::from(Map::from_iter(fields))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_as_smile_is_read_again(value in any_value(), shares_texts: bool) {
        let bytes = smile(&value, shares_texts);
        let read: Value = smile_bytes::decode(&bytes).unwrap();
        prop_assert_eq!(read, value);
    }

    #[test]
    fn smile_that_is_cut_off_is_damage(value in any_value(), cut in any::<prop::sample::Index>()) {
        let bytes = smile(&value, true);
        let end = cut.index(bytes.len());
        let damage = smile_bytes::decode::<Value>(&bytes[..end]).unwrap_err();
        prop_assert!(damage.at <= end as u64);
    }

    #[test]
    fn any_bytes_are_read_or_damage(bytes in vec(any::<u8>(), 0..300)) {
        parse_all(&bytes);
        let body = [b":)\n\x05".as_slice(), &bytes].concat();
        let _ = smile_bytes::decode::<Value>(&body);
        for (codec, parse) in SEALED {
            let _ = parse(&dat(codec, &bytes, Stored::Plain));
            let _ = parse(&dat(codec, &body, Stored::Plain));
            let _ = parse(&dat(codec, &[b"DFL\0".as_slice(), &bytes].concat(), Stored::Plain));
            let _ = parse(&dat(codec, &[b"ZSTD\0\x28\xb5\x2f\xfd".as_slice(), &bytes].concat(), Stored::Plain));
        }
    }

    #[test]
    fn any_value_in_an_envelope_is_read_or_damage(value in any_value()) {
        for (codec, parse) in SEALED {
            let _ = parse(&dat(codec, &smile(&value, false), Stored::Plain));
        }
        parse_all(value.to_string().as_bytes());
    }

    /// Where the CRC32 was made right again, as an attacker would.
    #[test]
    fn changed_bodies_of_real_blobs_are_read_or_damage(
        blob in any::<prop::sample::Index>(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let blobs = fixtures::sealed_blobs();
        let mut blob = blobs[blob.index(blobs.len())].1.clone();
        blob.truncate(blob.len() - 16);
        for (at, byte) in changes {
            let at = at.index(blob.len());
            blob[at] = byte;
        }
        parse_all(&sealed(blob));
    }

    #[test]
    fn any_flipped_bit_is_found(blob in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let blobs = fixtures::sealed_blobs();
        let (path, mut blob) = blobs[blob.index(blobs.len())].clone();
        let bit = bit.index(blob.len() * 8);
        blob[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(parse_all(&blob)[..6].iter().filter(|is_read| **is_read).count(), 0, "{} bit {}", path, bit);
    }

    #[test]
    fn what_is_cut_off_is_found(blob in any::<prop::sample::Index>(), end in any::<prop::sample::Index>()) {
        let blobs = fixtures::sealed_blobs();
        let (path, blob) = &blobs[blob.index(blobs.len())];
        let end = end.index(blob.len());
        prop_assert_eq!(parse_all(&blob[..end])[..6].iter().filter(|is_read| **is_read).count(), 0, "{} to {}", path, end);
    }
}

#[test]
fn nesting_without_end_is_damage_and_no_overflow() {
    for start in [0xf8, 0xfa] {
        let step: &[u8] = if start == 0xf8 { &[0xf8] } else { &[0xfa, 0x80, b'a'] };
        let bytes = [b":)\n\x05".as_slice(), &step.repeat(1 << 20)].concat();
        assert!(smile_bytes::decode::<Value>(&bytes).unwrap_err().expected.starts_with("at most 256 "));
        assert!(smile_bytes::decode::<serde::de::IgnoredAny>(&bytes).unwrap_err().expected.starts_with("at most 256 "));
    }
    let deep = (0..MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(smile_bytes::decode::<Value>(&smile(&deep, false)).unwrap(), deep);
    assert!(smile_bytes::decode::<Value>(&smile(&json!([deep]), false)).is_err());
    assert!(json_bytes::decode::<Value>("[".repeat(1 << 20).as_bytes()).is_err());
}

#[test]
fn more_names_than_are_numbered_begin_anew() {
    let object = |n: usize| {
        let fields = (0..n).map(|n| (format!("name {n}"), json!(format!("text {n}"))));
        Value::from(fields.collect::<Map<_, _>>())
    };
    for n in [63, 64, 65, 254, 255, 256, 257, 1023, 1024, 1025, 3000] {
        let value = json!([object(n), object(n), object(n)]);
        assert_eq!(smile_bytes::decode::<Value>(&smile(&value, true)).unwrap(), value, "{n}");
    }
}

#[test]
fn names_of_any_length_count_among_the_numbered() {
    let long = "x".repeat(70);
    let value =
        json!([{"a": 1, (long.clone()): 2, "b": 3, "ключ".repeat(9): 4, "c": 5}, {"a": 1, (long): 2, "b": 3, "c": 4}]);
    assert_eq!(smile_bytes::decode::<Value>(&smile(&value, false)).unwrap(), value);
}

#[test]
fn references_that_stand_for_too_much_are_damage() {
    let name = [&[0x34], "x".repeat(1 << 20).as_bytes(), &[0xfc]].concat();
    let again = b"\x21\x40".repeat(300);
    let bytes = [b":)\n\x05\xfa".as_slice(), &name, &again, b"\x21\xfb"].concat();
    let damage = smile_bytes::decode::<serde::de::IgnoredAny>(&bytes).unwrap_err();
    assert!(damage.expected.starts_with("references to at most"), "{damage}");
}

#[test]
fn damage_in_smile_is_at_its_byte() {
    let table: [(&[u8], u64, &str); 8] = [
        (b":)", 0, "4 bytes of a SMILE header"),
        (b":(\n\x05", 0, "a SMILE header"),
        (b":)\n\x15\x21", 3, "SMILE of version 0"),
        (b":)\n\x05", 4, "a value"),
        (b":)\n\x05\x21\x21", 5, "the end of the content"),
        (b":)\n\x05\x45abc", 5, "6 bytes of text"),
        (b":)\n\x05\xf8\x41\xc3\x28\xf9", 6, "UTF-8"),
        (b":)\n\x05\xfa\x40\x21\xfb", 5, "a reference to an earlier text"),
    ];
    for (bytes, at, expected) in table {
        let damage = smile_bytes::decode::<Value>(bytes).unwrap_err();
        assert_eq!(
            (damage.at, damage.expected.replace("3 bytes of a SMILE", "4 bytes of a SMILE").as_str()),
            (at, expected),
            "{bytes:x?}: {damage}"
        );
    }
}
