//! Whether the root that was listed is the generation's: by another one's, what is needed looks like what is not.

use crate::load::{Loader, Trouble};
use crate::model::SnapshotRef;
use crate::open::{Opened, name_of};
use crate::store::Store;
use jiff::Timestamp;
use snapkeep_core::{Code, Failure};
use std::collections::HashSet;

/// Names that a message repeats at most.
const NAMED: usize = 3;

/// What orphans are told by.
pub(super) struct Trusted {
    pub(super) generation: u64,
    pub(super) written: Timestamp,
    /// Snapshots that `index-N` does not have and that are there.
    pub(super) incompatible: Vec<SnapshotRef>,
}

impl Trusted {
    /// What is not said because of incompatible snapshots.
    pub(super) fn incompatible_word(&self) -> Option<String> {
        let names: Vec<&str> = self.incompatible.iter().map(|snapshot| snapshot.name.as_str()).collect();
        let why = "what the servers call incompatible may need indices, index metadata and data that nothing else does";
        (!names.is_empty()).then(|| format!("what only {} may need: {why}", some(&names)))
    }
}

/// Refuses a root that cannot be listed, or that does not fit the generation.
pub(super) async fn trusted(loader: &Loader<'_>, opened: &Opened) -> Result<Trusted, Failure> {
    let (Some(generation), Some(written)) = (opened.generation, opened.written) else {
        return Err(unlisted(loader.store));
    };
    match &opened.latest {
        Ok(latest) if *latest > generation => return Err(behind(*latest, generation)),
        Ok(_) => {}
        Err(trouble) if trouble.is_missing() => {}
        Err(Trouble::Access(access)) => return Err(access.failure("index.latest")),
        Err(Trouble::Damaged(damage)) => {
            let cause =
                format!("index.latest is damaged {damage}: whether index-{generation} is the newest is not known");
            return Err(misfit(cause));
        }
    }
    complete(opened)?;
    let incompatible = incompatible(loader, opened).await?;
    Ok(Trusted { generation, written, incompatible })
}

/// The blob is there on versions that knew older ones, 6.x above all.
async fn incompatible(loader: &Loader<'_>, opened: &Opened) -> Result<Vec<SnapshotRef>, Failure> {
    match opened.incompatible(loader).await {
        Ok(found) => Ok(found),
        Err(Trouble::Access(access)) => Err(access.failure("incompatible-snapshots")),
        Err(Trouble::Damaged(damage)) => Err(misfit(format!("incompatible-snapshots is damaged {damage}"))),
    }
}

/// Refuses a root that lacks what the generation names.
fn complete(opened: &Opened) -> Result<(), Failure> {
    let listed: HashSet<&str> = opened.root.iter().map(|blob| name_of(&blob.path)).collect();
    let lacks = |uuid: &str| !listed.contains(format!("snap-{uuid}.dat").as_str());
    let missing = opened.data.snapshots.iter().filter(|snapshot| lacks(&snapshot.uuid));
    let missing: Vec<&str> = missing.map(|snapshot| snapshot.name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let cause = "the newest index-N that is listed names snapshots whose snap-….dat is not";
    Err(misfit(format!("{cause}: {}", some(&missing))))
}

fn some(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED { format!("{shown} and {} more", names.len() - NAMED) } else { shown }
}

fn behind(latest: u64, generation: u64) -> Failure {
    misfit(format!(
        "index.latest says {latest}, but the newest that is listed is index-{generation}: by an older generation, what newer snapshots need looks unused"
    ))
}

fn misfit(cause: String) -> Failure {
    let hint = "look with `snapkeep verify` first, and mend what it finds: in a damaged repository nothing is safe to call unused";
    Failure::new(Code::DamageFound, cause, hint)
}

fn unlisted(store: &Store) -> Failure {
    let cause = format!("{} cannot be listed: what nothing needs cannot be told", store.location());
    Failure::new(Code::AccessDenied, cause, "s3:ListBucket on the bucket is needed, or the right to read the folder")
}
