//! One shard of a synthetic repository: its files over all snapshots, and the blobs that tell of them.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::encode::{Stored, dat, smile};
use super::payload;
use super::synthetic::{Data, Shape, Written, id, snapshot_name, snapshot_uuid, write};
use crate::failure::{Failure, Result};

/// So many segments are merged into one.
const MERGED_AT: usize = 6;

/// What stands for the snapshot's name until it is known; as long as every one of them.
const NOBODY: &str = "nightly-??????";

/// As Lucene 10 begins a segment's `.si`.
const SEGMENT_INFO: &str = "Lucene90SegmentInfo java.runtime.version 25.0.3+9-LTS java.vendor Eclipse Adoptium os Linux \
     os.arch amd64 os.version 6.1 lucene.version 10.3.1 source flush timestamp Lucene90StoredFieldsFormat.mode BEST_SPEED";

/// The shard that is written.
pub(super) struct Shard<'a> {
    shape: &'a Shape,
    folder: PathBuf,
    /// What makes its names its own.
    own: String,
    index: u64,
    segments: Vec<Segment>,
    /// Segments that there were so far.
    numbered: u64,
    /// All files of all snapshots.
    files: Vec<Value>,
    commit: Value,
    written: Written,
}

struct Segment {
    bytes: u64,
    files: Vec<Value>,
}

/// A snapshot's blob of the shard, but for the snapshot's name.
struct Template {
    body: Vec<u8>,
    at: usize,
}

impl Template {
    fn of(body: &Value) -> Self {
        let body = smile(body, false);
        let at = body.windows(NOBODY.len()).position(|window| window == NOBODY.as_bytes()).unwrap_or_default();
        Self { body, at }
    }

    fn named(&self, name: &str) -> Vec<u8> {
        let mut body = self.body.clone();
        body[self.at..self.at + name.len()].copy_from_slice(name.as_bytes());
        body
    }
}

impl<'a> Shard<'a> {
    /// Nothing is written yet.
    pub(super) fn new(shape: &'a Shape, folder: PathBuf, index: u64, shard: u64) -> Self {
        Self {
            shape,
            folder,
            own: format!("{index}/{shard}"),
            index,
            segments: Vec::new(),
            numbered: 0,
            files: Vec::new(),
            commit: Value::Null,
            written: Written::default(),
        }
    }

    /// Writes all of it; says its generation.
    pub(super) fn write(mut self) -> Result<(String, Written)> {
        std::fs::create_dir_all(&self.folder).map_err(Failure::during("cannot make a shard's folder"))?;
        let mut snapshots = Map::new();
        let mut template = Template::of(&json!({ "name": NOBODY }));
        for snapshot in 0..self.shape.snapshots {
            if self.shape.changes(self.index, snapshot) {
                self.grow()?;
                template = Template::of(&self.body());
            }
            let name = snapshot_name(snapshot);
            self.put(&format!("snap-{}.dat", snapshot_uuid(snapshot)), "snapshot", &template.named(&name))?;
            let state = format!("{}-na-{}", self.own, self.numbered);
            snapshots.insert(name, json!({ "files": self.names(), "shard_state_id": state }));
        }
        let generation = id(&format!("generation of {}", self.own));
        let files = std::mem::take(&mut self.files);
        let body = smile(&json!({ "files": files, "snapshots": snapshots }), false);
        self.put(&format!("index-{generation}"), "snapshots", &body)?;
        self.leave_orphan()?;
        Ok((generation, self.written))
    }

    fn put(&mut self, name: &str, codec: &str, body: &[u8]) -> Result<()> {
        let blob = dat(codec, body, Stored::Deflate);
        self.written.metadata_blobs += 1;
        self.written.metadata_bytes += blob.len() as u64;
        write(&self.folder.join(name), &blob)
    }

    /// A segment more; too many of them become one.
    fn grow(&mut self) -> Result<()> {
        let mut bytes = self.shape.segment_bytes(&self.own, self.numbered);
        if self.segments.len() + 1 == MERGED_AT {
            bytes += self.segments.drain(..).map(|segment| segment.bytes).sum::<u64>();
        }
        let segment = self.segment(bytes)?;
        self.segments.push(segment);
        if let Data::Holes = self.shape.data {
            let name = format!("segments_{}", base36(self.numbered));
            self.commit = self.virtual_file(&name, &format!("{name} {SEGMENT_INFO}"));
            self.files.push(self.commit.clone());
        }
        Ok(())
    }

    fn segment(&mut self, bytes: u64) -> Result<Segment> {
        let name = format!("_{}", base36(self.numbered));
        self.numbered += 1;
        let mut files =
            vec![self.stored_file(&format!("{name}.cfs"), bytes)?, self.stored_file(&format!("{name}.cfe"), 500)?];
        if let Data::Holes = self.shape.data {
            files.push(self.virtual_file(&format!("{name}.si"), &format!("{SEGMENT_INFO} {}", id(&name))));
        }
        self.files.extend(files.iter().cloned());
        Ok(Segment { bytes, files })
    }

    fn stored_file(&mut self, physical: &str, bytes: u64) -> Result<Value> {
        let blob = format!("__{}", id(&format!("{} {physical}", self.own)));
        let path = self.folder.join(&blob);
        let checksum = match self.shape.data {
            Data::Holes => hole(&path, bytes).map(|()| "1c162i8".to_owned())?,
            Data::Bytes(_) => base36(u64::from(payload::write(&path, bytes)?)),
        };
        self.written.data_blobs += 1;
        self.written.data_bytes += bytes;
        Ok(file(&blob, physical, bytes, &checksum))
    }

    /// One whose bytes are part of the metadata, as those of small files are.
    fn virtual_file(&self, physical: &str, bytes: &str) -> Value {
        let blob = format!("v__{}", id(&format!("{} {physical}", self.own)));
        let (bytes, crc) = payload::sealed(bytes.as_bytes());
        let mut file = file(&blob, physical, bytes.len() as u64, &base36(u64::from(crc)));
        file["meta_hash"] = bytes.into();
        file
    }

    fn current(&self) -> impl Iterator<Item = &Value> {
        let commit = Some(&self.commit).filter(|commit| !commit.is_null());
        self.segments.iter().flat_map(|segment| &segment.files).chain(commit)
    }

    fn names(&self) -> Vec<Value> {
        self.current().map(|file| file["name"].clone()).collect()
    }

    fn body(&self) -> Value {
        json!({
            "name": NOBODY, "index_version": self.numbered, "start_time": 1_795_425_389_655_i64, "time": 200,
            "number_of_files": 3, "total_size": 1_000_000, "files": self.current().collect::<Vec<_>>(),
        })
    }

    /// A blob that no snapshot needs, in one shard of some indices.
    fn leave_orphan(&mut self) -> Result<()> {
        if !(self.index.is_multiple_of(20) && self.own.ends_with("/0")) {
            return Ok(());
        }
        self.written.orphans += 1;
        hole(&self.folder.join(format!("__{}", id(&format!("orphan of {}", self.own)))), 4_096)
    }
}

fn file(blob: &str, physical: &str, bytes: u64, checksum: &str) -> Value {
    json!({
        "name": blob, "physical_name": physical, "length": bytes, "checksum": checksum, "part_size": i64::MAX,
        "written_by": "10.3.1",
    })
}

/// A file of that length without bytes.
fn hole(path: &Path, bytes: u64) -> Result<()> {
    let made = File::create(path).and_then(|file| file.set_len(bytes));
    made.map_err(Failure::during(format!("cannot write {}", path.display())))
}

/// As Java's `Long.toString(number, 36)`.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36));
        digits.extend(digit);
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}
