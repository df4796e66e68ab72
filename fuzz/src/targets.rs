//! The targets, one for each parser; a test of snapkeep-repository replays their corpora with the same code.
//!
//! Where a CRC32 guards a parser, the target's bytes are what is between the codec's header and the footer, which are made
//! right: hostile bytes would have them right too.

use snapkeep_repository::bytes::{Body, Codec, expand, json, smile};
use snapkeep_repository::model::{
    BlobName, FileInfo, GlobalMetadata, IncompatibleSnapshots, IndexMetadata, RepositoryData, ShallowShardSnapshot,
    ShardIndex, ShardPaths, ShardSnapshot, SnapshotInfo, latest,
};
use snapkeep_repository::verify::checksum::{Check, Sum};

/// A target's name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// By name; each is a file of `fuzz_targets/` and a folder of `corpus/`.
#[rustfmt::skip]
pub const TARGETS: &[Target] = &[
    ("blob_name", blob_name),
    ("checksum", checksum),
    ("envelope", envelope),
    ("expand", |bytes| drop(expand::expand(bytes))),
    ("global_metadata", |bytes| drop(GlobalMetadata::parse(&sealed(Codec::Metadata, bytes)))),
    ("incompatible_snapshots", |bytes| drop(IncompatibleSnapshots::parse(bytes))),
    ("index_metadata", |bytes| drop(IndexMetadata::parse(&sealed(Codec::IndexMetadata, bytes)))),
    ("json", |bytes| drop(json::decode::<serde_json::Value>(bytes))),
    ("latest", |bytes| drop(latest(bytes))),
    ("repository_data", repository_data),
    ("shallow_shard_snapshot", |bytes| drop(ShallowShardSnapshot::parse(&sealed(Codec::Snapshot, bytes)))),
    ("shard_index", shard_index),
    ("shard_paths", shard_paths),
    ("shard_snapshot", shard_snapshot),
    ("smile", any_smile),
    ("snapshot_info", |bytes| drop(SnapshotInfo::parse(&sealed(Codec::Snapshot, bytes)))),
];

fn sealed(codec: Codec, body: &[u8]) -> Vec<u8> {
    let name = codec.name().as_bytes();
    let mut blob = [&0x3fd7_6c17_u32.to_be_bytes(), [name.len() as u8].as_slice(), name, &[0, 0, 0, 1], body].concat();
    blob.extend_from_slice(&(!0x3fd7_6c17_u32).to_be_bytes());
    blob.extend_from_slice(&[0; 4]);
    let crc = u64::from(crc32fast::hash(&blob));
    blob.extend_from_slice(&crc.to_be_bytes());
    blob
}

fn envelope(bytes: &[u8]) {
    for codec in [Codec::Snapshot, Codec::Metadata, Codec::IndexMetadata, Codec::ShardIndex] {
        let _ = Body::open(bytes, codec);
    }
}

fn blob_name(bytes: &[u8]) {
    if let Ok(path) = std::str::from_utf8(bytes) {
        BlobName::parse(path);
    }
}

fn any_smile(bytes: &[u8]) {
    if let Err(damage) = smile::decode::<serde_json::Value>(bytes) {
        assert!(damage.at <= bytes.len() as u64, "{damage}");
    }
}

fn repository_data(bytes: &[u8]) {
    let Ok(data) = RepositoryData::parse(bytes) else { return };
    for index in data.indices.values() {
        for uuid in &index.snapshots {
            let snapshot = data.snapshot(uuid).expect("a snapshot that an index names");
            data.index_meta_blob(&index.id, snapshot);
        }
    }
}

fn shard_snapshot(bytes: &[u8]) {
    if let Ok(shard) = ShardSnapshot::parse(&sealed(Codec::Snapshot, bytes)) {
        shard.files.iter().for_each(parts_are_the_file);
    }
}

fn shard_index(bytes: &[u8]) {
    let Ok(shard) = ShardIndex::parse(&sealed(Codec::ShardIndex, bytes)) else { return };
    shard.files.iter().for_each(parts_are_the_file);
    for snapshot in shard.snapshots.values() {
        assert_eq!(shard.files_of(snapshot).count(), snapshot.files.len(), "{snapshot:?}");
    }
}

fn parts_are_the_file(file: &FileInfo) {
    if !file.is_virtual() && file.number_of_parts() < 1000 {
        assert_eq!(file.parts().map(|(_, length)| length).sum::<u64>(), file.length, "{file:?}");
    }
}

/// A file of Lucene's; the first byte says in how large parts it comes.
fn checksum(bytes: &[u8]) {
    let Some((size, file)) = bytes.split_first() else { return };
    let sum = |parts: std::slice::Chunks<'_, u8>| {
        let mut check = Check::new(file.len() as u64);
        parts.for_each(|part| check.take(part));
        check.sum()
    };
    let (whole, cut) = (sum(file.chunks(file.len().max(1))), sum(file.chunks(usize::from(*size).max(1))));
    assert_eq!(whole, cut);
    if let Sum::Sound(crc) = whole {
        let end = file.len() - 8;
        assert_eq!(crc, crc32fast::hash(&file[..end]));
    }
}

/// The first line is the blob's name.
fn shard_paths(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (name, blob) = bytes.split_at(end);
    if let Ok(paths) = ShardPaths::parse(&String::from_utf8_lossy(name), blob) {
        assert_eq!(paths.paths.len() as u64, u64::from(paths.shards));
    }
}
