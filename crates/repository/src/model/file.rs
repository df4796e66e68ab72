//! A Lucene file of a shard, as a snapshot keeps it.

use std::sync::Arc;

use serde::Deserialize;

use super::fields::{Pool, Text};
use super::root::is_plain;
use crate::bytes::Binary;
use crate::damage::quoted;

/// How the names of blobs with data begin.
const STORED: &str = "__";

/// How the names of blobs begin that are not stored: the file's bytes are its `meta_hash`.
const VIRTUAL: &str = "v__";

/// The servers cut files of gigabytes into parts of megabytes; who walks over parts is not to be led on.
const MAX_PARTS: u64 = 1 << 24;

/// One file of a shard and the blobs that hold its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The blob's name, without `.part…`: `__…`, or `v__…` for a file that is in [`Self::meta_hash`].
    pub name: Arc<str>,
    /// Lucene's name for the file, such as `_0.cfs`.
    pub physical_name: String,
    /// The file's length in bytes, over all parts; at most 2^63 - 1, so sums have to saturate.
    pub length: u64,
    /// The CRC32 in Lucene's footer, in base 36, lower case, without leading zeros.
    pub checksum: Option<String>,
    /// Bytes of each part but the last; none, 0 and 2^63 - 1 stand for one part.
    pub part_size: Option<u64>,
    /// The version of Lucene that wrote the file.
    pub written_by: Option<String>,
    /// The file's bytes, for small files (`segments_N`, `.si`).
    pub meta_hash: Option<Vec<u8>>,
}

impl FileInfo {
    /// Whether no blob holds the file: it is all in [`Self::meta_hash`].
    pub fn is_virtual(&self) -> bool {
        self.name.starts_with(VIRTUAL)
    }

    /// How many blobs hold the file; 0 for a virtual one.
    pub fn number_of_parts(&self) -> u64 {
        if self.is_virtual() {
            return 0;
        }
        match self.part_size {
            Some(size) if size > 0 && self.length > 0 => 1 + (self.length - 1) / size,
            _ => 1,
        }
    }

    /// The blobs that hold the file, in order: name and length in bytes.
    pub fn parts(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let parts = self.number_of_parts();
        (0..parts).map(move |part| match (parts, self.part_size) {
            (2.., Some(size)) => (format!("{}.part{part}", self.name), size.min(self.length - part * size)),
            _ => (self.name.to_string(), self.length),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct RawFile<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    physical_name: String,
    length: u64,
    checksum: Option<String>,
    part_size: Option<u64>,
    written_by: Option<String>,
    meta_hash: Option<Binary>,
}

impl RawFile<'_> {
    /// What is expected and what is found otherwise, if the file cannot be.
    pub(super) fn shared(self, pool: &Pool) -> Result<FileInfo, (String, String)> {
        let file = FileInfo {
            name: pool.get(&self.name),
            physical_name: self.physical_name,
            length: self.length,
            checksum: self.checksum,
            part_size: self.part_size,
            written_by: self.written_by,
            meta_hash: self.meta_hash.map(|Binary(bytes)| bytes),
        };
        let is_named = [STORED, VIRTUAL].iter().any(|start| file.name.starts_with(start));
        match file.number_of_parts() {
            _ if !is_named || !is_plain(&file.name) => {
                Err((format!("a blob's name that begins with {STORED} or {VIRTUAL}"), quoted(&file.name)))
            }
            _ if i64::try_from(file.length).is_err() => {
                Err(("a file's length of 63 bits".to_owned(), file.length.to_string()))
            }
            MAX_PARTS.. => Err((format!("fewer than {MAX_PARTS} parts of a file"), file.number_of_parts().to_string())),
            _ => Ok(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, length: u64, part_size: Option<u64>) -> FileInfo {
        FileInfo {
            name: name.into(),
            physical_name: "_0.cfs".to_owned(),
            length,
            checksum: None,
            part_size,
            written_by: None,
            meta_hash: None,
        }
    }

    #[test]
    fn parts_are_as_long_as_the_file() {
        let unchunked = Some(i64::MAX.unsigned_abs());
        let table: [(u64, Option<u64>, &[u64]); 8] = [
            (0, Some(10), &[0]),
            (1, Some(10), &[1]),
            (10, Some(10), &[10]),
            (11, Some(10), &[10, 1]),
            (30, Some(10), &[10, 10, 10]),
            (30, unchunked, &[30]),
            (30, None, &[30]),
            (30, Some(0), &[30]),
        ];
        for (length, part_size, expected) in table {
            let lengths: Vec<u64> = file("__a", length, part_size).parts().map(|(_, length)| length).collect();
            assert_eq!(lengths, expected, "{length} in parts of {part_size:?}");
        }
    }

    #[test]
    fn parts_are_numbered_only_when_there_are_several() {
        let names = |length| file("__a", length, Some(10)).parts().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(10), ["__a"]);
        assert_eq!(names(11), ["__a.part0", "__a.part1"]);
        assert_eq!(file("v__a", 10, Some(3)).parts().count(), 0);
    }
}
