//! Blobs that no snapshot needs and no node will ever clean up. Found and told, never deleted.
//!
//! The rule is on the safe side. What is as new as the generation that was read, or newer, may be a snapshot's that is being
//! taken: then nothing at all is reported. A snapshot that began before that generation was written may be running as well:
//! nothing younger than a bound is reported, which has to be longer than a snapshot takes. A root that does not fit the
//! generation is refused. And of a shard whose metadata cannot be read, or lacks something, nothing is said.

mod find;
mod rule;
mod trust;

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
    /// Nothing is reported that was written then or later.
    pub before: Option<Timestamp>,
    /// How many blobs are left alone for that.
    pub younger: u64,
    /// Snapshots that run by the word of the repository's cluster; nothing where no cluster was asked.
    pub cluster: Option<Vec<String>>,
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

/// Looks for them, however young they are: for repositories of which it is known that no snapshot runs.
pub async fn orphans(loader: &Loader<'_>, opened: &Opened) -> Result<Orphans, Failure> {
    orphans_before(loader, opened, None).await
}

/// Looks for those that were written before that time, by the store's clock. Ends as `inconclusive` if the repository changes
/// meanwhile, as `damage_found` if the root and the generation do not fit, as `access_denied` if the root cannot be listed.
pub async fn orphans_before(
    loader: &Loader<'_>,
    opened: &Opened,
    before: Option<Timestamp>,
) -> Result<Orphans, Failure> {
    opened.is_written(loader.store)?;
    let trusted = trust::trusted(loader, opened).await?;
    let seen = find::find(loader, opened, &trusted, before).await?;
    if opened.moved(loader.store).await? {
        let cause = "the repository changed while it was read: what looks unused may be a new snapshot's";
        let hint = "run it again while no snapshot is taken or deleted";
        return Err(Failure::new(snapkeep_core::Code::Inconclusive, cause, hint));
    }
    let running = seen.newer > 0;
    let orphans = if running { Vec::new() } else { seen.orphans };
    Ok(Orphans {
        schema: 1,
        location: loader.store.location().to_string(),
        generation: opened.generation,
        kinds: sums(&orphans),
        orphans,
        before,
        younger: seen.younger,
        cluster: None,
        running,
        newer: seen.newer,
        foreign: seen.foreign,
        undecided: seen.undecided,
        counts: loader.store.counts(),
    })
}

fn sums(orphans: &[Orphan]) -> BTreeMap<Kind, Sum> {
    let mut kinds: BTreeMap<Kind, Sum> = BTreeMap::new();
    for orphan in orphans {
        let sum = kinds.entry(orphan.kind).or_default();
        (sum.blobs, sum.bytes) = (sum.blobs + 1, sum.bytes.saturating_add(orphan.bytes));
    }
    kinds
}

impl Orphans {
    /// With what the repository's cluster said, before it was looked for orphans, of the snapshots that run: nothing is
    /// reported while one does.
    #[must_use]
    pub fn with_running(self, names: Vec<String>) -> Self {
        let running = self.running || !names.is_empty();
        let orphans = if running { Vec::new() } else { self.orphans };
        Self { kinds: sums(&orphans), orphans, running, cluster: Some(names), ..self }
    }

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
            before: None,
            younger: 0,
            cluster: None,
            orphans: vec![orphan("base/indices/i-X_/0/__a"), orphan("base/a b,c#ü")],
            running: false,
            newer: 0,
            foreign: 0,
            undecided: vec![],
            kinds: BTreeMap::new(),
            counts: Counts::default(),
        };
        assert_eq!(found.manifest("bucket"), "bucket,base/indices/i-X_/0/__a\nbucket,base/a%20b%2Cc%23%C3%BC\n");
        assert_eq!(found.clone().with_running(vec![]).orphans, found.orphans);
        let running = found.with_running(vec!["nightly".to_owned()]);
        assert_eq!((running.orphans.len(), running.running, running.manifest("bucket")), (0, true, String::new()));
    }
}
