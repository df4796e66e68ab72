//! What each kind of blob says.
//!
//! | blob | type |
//! |---|---|
//! | `index-N` | [`RepositoryData`] |
//! | `index.latest` | [`latest`] |
//! | `incompatible-snapshots` | [`IncompatibleSnapshots`] |
//! | `snap-<uuid>.dat` | [`SnapshotInfo`] |
//! | `meta-<uuid>.dat` | [`GlobalMetadata`] |
//! | `indices/<id>/meta-<X>.dat` | [`IndexMetadata`] |
//! | `indices/<id>/<shard>/snap-<uuid>.dat` | [`ShardSnapshot`] |
//! | `indices/<id>/<shard>/shallow-snap-<uuid>.dat` | [`ShallowShardSnapshot`] |
//! | `indices/<id>/<shard>/index-<G>` | [`ShardIndex`] |
//! | `snapshot_shard_paths/…` | [`ShardPaths`] |
//!
//! Each has `parse(&[u8]) -> Result<Self, Damage>`. Fields that are not known are skipped, as the servers do. What repeats
//! within a blob is shared (`Arc<str>`).

mod fields;
mod file;
mod index;
mod name;
mod root;
mod shard;
mod snapshot;

pub use file::FileInfo;
pub(crate) use index::MAX_SHARDS;
pub use index::{GlobalMetadata, IndexMetadata};
pub use name::{BlobName, Shard};
pub use root::{IncompatibleSnapshots, IndexEntry, RepositoryData, SnapshotEntry, SnapshotRef, latest};
pub use shard::{ShallowShardSnapshot, ShardFiles, ShardIndex, ShardPaths, ShardSnapshot};
pub use snapshot::{Remote, ShardFailure, SnapshotInfo};
