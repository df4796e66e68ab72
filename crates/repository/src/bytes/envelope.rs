//! What is around the body of a `.dat` blob and of a shard's `index-<G>`: Lucene's codec header and footer.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use super::cursor::Cursor;
use super::expand::Turn;
use super::{expand, smile};
use crate::Damage;
use crate::damage::quoted;

const HEADER_MAGIC: u32 = 0x3fd7_6c17;
const FOOTER_MAGIC: u32 = !HEADER_MAGIC;
const FOOTER: usize = 16;
/// Of `ChecksumBlobStoreFormat`, in all versions of both products.
const VERSION: u32 = 1;

/// What a blob says that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `snap-….dat` at the root and in a shard's folder, `shallow-snap-….dat`.
    Snapshot,
    /// `meta-….dat` at the root.
    Metadata,
    /// `meta-….dat` in an index's folder.
    IndexMetadata,
    /// `index-<G>` in a shard's folder.
    ShardIndex,
}

impl Codec {
    /// As in the blob.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Metadata => "metadata",
            Self::IndexMetadata => "index-metadata",
            Self::ShardIndex => "snapshots",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the codec `{}`", self.name())
    }
}

/// A body whose CRC32 was right.
#[derive(Debug)]
pub struct Body<'a> {
    /// Where it begins in the blob.
    at: usize,
    /// Expanded, if it was compressed.
    bytes: Cow<'a, [u8]>,
    /// There is one large body at a time.
    _turn: Option<Turn>,
}

impl<'a> Body<'a> {
    /// Checks the footer, the CRC32 and the header, in this order: what the CRC32 vouches for was written so.
    pub fn open(blob: &'a [u8], codec: Codec) -> Result<Self, Damage> {
        let checked = checked(blob)?;
        let mut cursor = Cursor::new(checked);
        header(&mut cursor, codec)?;
        let at = cursor.at();
        let (bytes, turn) = expand::expand_in_turn(cursor.rest()).map_err(|damage| damaged_inside(at, &damage))?;
        Ok(Self { at, bytes, _turn: turn })
    }

    /// The body's SMILE or JSON.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as a value; what can be is borrowed from it.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Damage> {
        smile::decode(&self.bytes).map_err(|damage| match self.bytes {
            Cow::Borrowed(_) => Damage { at: damage.at + self.at as u64, ..damage },
            Cow::Owned(_) => damaged_inside(self.at, &damage),
        })
    }

    /// The body says something that cannot be.
    pub(crate) fn damage(&self, expected: impl fmt::Display, found: impl fmt::Display) -> Damage {
        Damage::new(self.at, expected, found)
    }
}

/// Damage in the expanded bytes of a body that begins here.
fn damaged_inside(at: usize, damage: &Damage) -> Damage {
    Damage::new(at, &damage.expected, format_args!("{} at byte {} of the compressed body", damage.found, damage.at))
}

/// All before the footer, if the footer's CRC32 is that of the bytes.
fn checked(blob: &[u8]) -> Result<&[u8], Damage> {
    if blob.is_empty() {
        return Err(Damage::new(0, "a codec header", "an empty blob"));
    }
    let Some(at) = blob.len().checked_sub(FOOTER) else {
        return Err(Damage::cut_off(blob.len(), "a codec header and a footer of 16 bytes"));
    };
    let (before, footer) = blob.split_at(at);
    let mut cursor = Cursor::new(footer);
    let magic = cursor.u32("a footer")?;
    if magic != FOOTER_MAGIC {
        return Err(Damage::new(at, format_args!("the footer {FOOTER_MAGIC:08x}"), format_args!("{magic:08x}")));
    }
    let algorithm = cursor.u32("a footer")?;
    if algorithm != 0 {
        return Err(Damage::new(at + 4, "the checksum algorithm 0", algorithm));
    }
    let recorded = cursor.u64("a footer")?;
    let computed = u64::from(crc32fast::hash(&blob[..at + 8]));
    if recorded != computed {
        let expected = format!("the CRC32 {computed:08x} of the bytes before");
        return Err(Damage::new(at + 8, expected, format_args!("{recorded:08x}")));
    }
    Ok(before)
}

fn header(cursor: &mut Cursor<'_>, codec: Codec) -> Result<(), Damage> {
    let magic = cursor.u32("a codec header")?;
    if magic != HEADER_MAGIC {
        return Err(Damage::new(0, format_args!("the codec header {HEADER_MAGIC:08x}"), format_args!("{magic:08x}")));
    }
    let at = cursor.at();
    let length = cursor.lucene_vint("a codec's name")?;
    let name = cursor.take(usize::try_from(length).unwrap_or(usize::MAX), "a codec's name")?;
    if name != codec.name().as_bytes() {
        return Err(Damage::new(at, codec, quoted(&String::from_utf8_lossy(name))));
    }
    let at = cursor.at();
    let version = cursor.u32("a version")?;
    if version != VERSION {
        return Err(Damage::new(at, "the format's version 1", version));
    }
    Ok(())
}
