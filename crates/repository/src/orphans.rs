//! Blobs that no snapshot needs and no node will ever clean up. Found and told, never deleted.
//!
//! The rule is on the safe side twice. What is as new as the generation that was read, or newer, may be a snapshot's that
//! is being taken: then nothing at all is reported. And of a shard whose metadata cannot be read, nothing is said.

mod find;
mod rule;

pub use rule::{Kind, Rule};

use crate::load::Loader;
use crate::open::Opened;
use crate::places::{Companions, Places};
use crate::store::Counts;
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_core::Failure;
use std::collections::BTreeMap;

/// A blob that nothing needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// Its path from the bucket's or the file system's root.
    pub blob: String,
    /// What it was.
    pub kind: Kind,
    /// The rule that found it.
    pub rule: Rule,
    /// Its bytes.
    pub bytes: u64,
    /// When it was written.
    pub written_at: Timestamp,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Orphans {
    /// The shape's version.
    pub schema: u32,
    /// The repository's place.
    pub location: String,
    /// The generation that was read.
    pub generation: Option<u64>,
    /// Blobs that nothing needs; none while a snapshot may be running.
    pub orphans: Vec<Orphan>,
    /// Whether blobs were written since the generation was: a snapshot may be running.
    pub running: bool,
    /// How many those are.
    pub newer: u64,
    /// Blobs of no kind that snapshots have: somebody else's.
    pub foreign: u64,
    /// Shards of which nothing is said, and why.
    pub undecided: Vec<String>,
    /// By kind.
    pub kinds: BTreeMap<Kind, Sum>,
    /// What was asked of the store.
    pub counts: Counts,
}

/// Blobs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Looks for them. Ends as `inconclusive` if the repository changes meanwhile.
pub async fn orphans(loader: &Loader<'_>, opened: &Opened) -> Result<Orphans, Failure> {
    opened.is_written(loader.store)?;
    let seen = find::find(loader, opened).await?;
    if opened.moved(loader.store).await? {
        let cause = "the repository changed while it was read: what looks unused may be a new snapshot's";
        let hint = "run it again while no snapshot is taken or deleted";
        return Err(Failure::new(snapkeep_core::Code::Inconclusive, cause, hint));
    }
    let running = seen.newer > 0;
    let orphans = if running { Vec::new() } else { seen.orphans };
    let mut kinds: BTreeMap<Kind, Sum> = BTreeMap::new();
    for orphan in &orphans {
        let sum = kinds.entry(orphan.kind).or_default();
        (sum.blobs, sum.bytes) = (sum.blobs + 1, sum.bytes + orphan.bytes);
    }
    Ok(Orphans {
        schema: 1,
        location: loader.store.location().to_string(),
        generation: opened.generation,
        orphans,
        running,
        newer: seen.newer,
        foreign: seen.foreign,
        undecided: seen.undecided,
        kinds,
        counts: loader.store.counts(),
    })
}

impl Orphans {
    /// A manifest that S3 Batch Operations take: bucket and key of each, the key encoded as in a URL.
    pub fn manifest(&self, bucket: &str) -> String {
        let lines = self.orphans.iter().map(|orphan| format!("{bucket},{}", encoded(&orphan.blob)));
        lines.chain([String::new()]).collect::<Vec<_>>().join("\n")
    }
}

/// All but letters, digits, `-._~/` as `%XX`.
fn encoded(key: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let one = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    key.bytes().map(one).collect()
}

/// Folders that together hold all blobs of the repository: its own, and those of shards that lie elsewhere.
pub(crate) async fn folders(loader: &Loader<'_>, opened: &Opened) -> Vec<String> {
    let base = loader.store.location().base().to_owned();
    let companions = Companions::list(loader).await;
    let mut folders = vec![base.clone()];
    for entry in opened.data.indices.values() {
        if let Ok(Places::Hashed { folders: hashed }) = companions.places(loader, entry).await {
            let is_outside = |folder: &String| !base.is_empty() && !folder.starts_with(&format!("{base}/"));
            folders.extend(hashed.into_iter().filter(is_outside));
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_what_batch_operations_take() {
        let orphan = |blob: &str| Orphan {
            blob: blob.to_owned(),
            kind: Kind::Data,
            rule: Rule::Unreferenced,
            bytes: 1,
            written_at: Timestamp::UNIX_EPOCH,
        };
        let found = Orphans {
            schema: 1,
            location: String::new(),
            generation: Some(1),
            orphans: vec![orphan("base/indices/i-X_/0/__a"), orphan("base/a b,c#ü")],
            running: false,
            newer: 0,
            foreign: 0,
            undecided: vec![],
            kinds: BTreeMap::new(),
            counts: Counts::default(),
        };
        assert_eq!(found.manifest("bucket"), "bucket,base/indices/i-X_/0/__a\nbucket,base/a%20b%2Cc%23%C3%BC\n");
    }
}
