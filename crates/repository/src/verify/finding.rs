//! What is wrong: which blob, how, and whom it hurts.

use super::names::Names;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! kinds {
    ($($variant:ident $name:literal $meaning:literal;)*) => {
        /// What is wrong. Where Elasticsearch's own integrity check (`_verify_integrity`) finds the same, its words are used.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = $meaning] #[serde(rename = $name)] $variant,)*
        }

        impl Kind {
            /// Every kind, in the order of the docs page.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// Its words.
            pub const fn as_str(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }

            /// One sentence for the docs page.
            pub const fn meaning(self) -> &'static str {
                match self { $(Kind::$variant => $meaning),* }
            }
        }
    };
}

kinds! {
    SnapshotInfo "failed to load snapshot info" "A snapshot's `snap-….dat` at the root is missing or damaged.";
    Contents "snapshot contents mismatch" "What a snapshot says of itself and what `index-N` says of it differ.";
    GlobalMetadata "failed to load global metadata" "A snapshot's `meta-….dat` at the root is missing or damaged.";
    IndexMetadata "failed to load index metadata" "An index's `meta-….dat` is missing or damaged, or another index's, or older than recorded.";
    ShardContainer "failed to list shard container" "A shard's folder cannot be listed.";
    GenerationUndefined "shard generation not defined" "`index-N` does not say which `index-…` of a shard is the current one, and its folder has none.";
    Generation "failed to load shard generation" "A shard's current `index-…` is missing or damaged.";
    ShardSnapshot "failed to load shard snapshot" "A shard's `snap-….dat` is missing (at each level) or damaged, or another snapshot's (from `blobs` on).";
    MissingBlob "missing blob" "A blob with data is not there.";
    BlobLength "mismatched blob length" "A blob with data is shorter or longer than recorded.";
    CorruptBlob "corrupt data blob" "The bytes of a file do not add up to the checksum in its own footer.";
    NotInGeneration "snapshot not in shard generation" "A shard's `index-…` lacks a snapshot that holds the shard.";
    InGenerationOnly "blob in shard generation but not snapshot" "A shard's `index-…` gives a snapshot a file that its `snap-….dat` has not.";
    InSnapshotOnly "blob in snapshot but not shard generation" "A shard's `snap-….dat` has a file that the shard's `index-…` does not give the snapshot.";
    GenerationMismatch "snapshot shard generation mismatch" "A shard's `snap-….dat` and `index-…` say different things of one file.";
    AnotherBlob "another file's data blob" "A file is sound in itself, but not the one recorded: a valid blob in another's place, or an older one.";
    ShardPaths "failed to load shard paths" "The companion blob that says where an index's shards lie is missing or damaged.";
    Archived "archived blob" "A blob lies in a storage class that must be thawed before it can be read.";
    Unread "access lost" "A blob could not be read: whether it is sound is not known.";
    Elsewhere "remote store" "A shallow copy, or a snapshot of version 2: its data is in a remote store, which cannot be read here.";
    Latest "index.latest differs" "`index.latest` names another generation than the newest `index-N`. An older one: only repositories of type `url` read it. A newer one: that `index-N` is lost, and what it alone knew.";
    Unreferenced "unreferenced blobs" "Blobs with data that no snapshot names; `orphans` tells which. While a snapshot runs, its own are among them.";
    NewerFormat "newer format" "Servers need a newer version to read the repository than any known here: what it says may mean something else.";
    OlderGeneration "failed to load older generation" "An older `index-N` that was left over is damaged: no node reads it.";
    UnknownSnapshot "snapshot not in generation" "A snapshot's `snap-….dat` at the root is newer than `index-N`, which does not have the snapshot: it is ending, it broke off, or a newer `index-N` is lost.";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a finding does to the snapshots that it hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// They cannot be restored at all.
    Snapshot,
    /// They can be restored without the cluster's state.
    GlobalState,
    /// They can be restored without the index.
    Index,
    /// They can be restored without the shard.
    Shard,
    /// They can be restored; later snapshots or deletes are in the way of harm.
    Later,
    /// Whether they can be restored is not known.
    Unknown,
    /// Nothing: it is told for its own sake.
    Nothing,
}

impl Effect {
    /// Whether something is damaged.
    pub fn is_damage(self) -> bool {
        !matches!(self, Self::Unknown | Self::Nothing)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// The blob, by its path from the bucket's or the file system's root.
    pub blob: Option<String>,
    /// The byte of the blob where it shows.
    pub at: Option<u64>,
    /// In words: what was expected, what was found.
    pub detail: String,
    /// The index.
    pub index: Option<String>,
    /// The shard.
    pub shard: Option<u32>,
    /// The snapshots that it hurts, by name.
    pub snapshots: Names,
    /// How it hurts them.
    pub effect: Effect,
    /// Whether it is because we are not let in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_denied: bool,
}

impl Finding {
    /// Of this kind, with this effect; the rest is added.
    pub fn new(kind: Kind, effect: Effect, detail: impl fmt::Display) -> Self {
        let detail = detail.to_string();
        let (snapshots, is_denied) = (Names::default(), false);
        Self { kind, blob: None, at: None, detail, index: None, shard: None, snapshots, effect, is_denied }
    }

    /// Because we are not let in, or not.
    #[must_use]
    pub fn denied(self, is_denied: bool) -> Self {
        Self { is_denied, ..self }
    }

    /// In this blob.
    #[must_use]
    pub fn in_blob(self, blob: impl Into<String>) -> Self {
        Self { blob: Some(blob.into()), ..self }
    }

    /// Of this shard.
    #[must_use]
    pub fn of_shard(self, index: &str, shard: u32) -> Self {
        Self { index: Some(index.to_owned()), shard: Some(shard), ..self }
    }

    /// Of this index.
    #[must_use]
    pub fn of_index(self, index: &str) -> Self {
        Self { index: Some(index.to_owned()), ..self }
    }

    /// It hurts these.
    #[must_use]
    pub fn hurts(self, snapshots: Names) -> Self {
        Self { snapshots, ..self }
    }
}
