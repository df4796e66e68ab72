//! What lies at the root beside the generation that is read: `index.latest`, older generations, snapshots it does not know.

use super::finding::{Effect, Finding, Kind};
use super::trouble;
use crate::damage::quoted;
use crate::load::Loader;
use crate::model::{BlobName, RepositoryData};
use crate::open::{Opened, name_of};
use crate::store::{Access, Blob};
use futures_util::{StreamExt as _, stream};
use std::collections::BTreeSet;

/// Older generations that are read at once; each may be large.
const AT_ONCE: usize = 4;

/// Names that a finding lists.
const NAMED: usize = 5;

/// The last major version whose format is known here.
const KNOWN: u32 = 9;

/// What was found at the root.
#[derive(Debug, Default)]
pub(super) struct AtRoot {
    pub(super) findings: Vec<Finding>,
    /// A newer generation is there than the listing shows.
    pub(super) is_behind: bool,
}

/// Looks at it.
pub(super) async fn look(loader: &Loader<'_>, opened: &Opened) -> AtRoot {
    let mut found = AtRoot::default();
    latest(loader, opened, &mut found).await;
    found.findings.extend(older(loader, opened).await);
    found.findings.extend(unknown(opened));
    found.findings.extend(newer_format(loader, opened));
    found
}

/// What is wrong with `index.latest`. Not every repository has one.
async fn latest(loader: &Loader<'_>, opened: &Opened, found: &mut AtRoot) {
    let Some(generation) = opened.generation else { return };
    let blob = loader.store.path("index.latest");
    let finding = match &opened.latest {
        Ok(latest) if *latest == generation => return,
        Ok(latest) if *latest < generation => {
            let detail = format!("it says {latest}, the newest is index-{generation}");
            Finding::new(Kind::Latest, Effect::Nothing, detail).in_blob(blob)
        }
        Ok(latest) => {
            // Nodes write it after the generation.
            let lost = format!("index-{latest}");
            match loader.store.look(&loader.store.path(&lost)).await {
                Ok(_) => {
                    found.is_behind = true;
                    return;
                }
                Err(Access::Missing) => lost_generation(generation, &lost).in_blob(blob),
                Err(access) => trouble::unread(&access).in_blob(loader.store.path(&lost)),
            }
        }
        Err(trouble) if trouble.is_missing() => return,
        Err(trouble) => trouble::finding(Kind::Latest, Effect::Nothing, &blob, trouble),
    };
    found.findings.push(finding);
}

fn lost_generation(generation: u64, lost: &str) -> Finding {
    let detail = format!(
        "it says {lost}, which is not there: the newest is index-{generation}, and what changed since is not known"
    );
    Finding::new(Kind::Latest, Effect::Later, detail)
}

/// Older generations that say nothing: no node reads them.
async fn older(loader: &Loader<'_>, opened: &Opened) -> Vec<Finding> {
    let is_older = |blob: &&Blob| match BlobName::parse(name_of(&blob.path)) {
        BlobName::Generation(generation) => Some(generation) < opened.generation,
        _ => false,
    };
    let reads = opened.root.iter().filter(is_older).map(|blob| async {
        let read = loader.load(&blob.path, |bytes: &[u8]| RepositoryData::parse(bytes).map(drop)).await;
        // What is gone by now was deleted: a node does that.
        let trouble = read.err().filter(|trouble| !trouble.is_missing())?;
        Some(trouble::finding(Kind::OlderGeneration, Effect::Nothing, &blob.path, &trouble))
    });
    let reads = reads.collect::<Vec<_>>();
    let found: Vec<_> = stream::iter(reads).buffer_unordered(AT_ONCE).filter_map(async |found| found).collect().await;
    // What may not be read is no more than what is damaged.
    found.into_iter().map(|finding| Finding { effect: Effect::Nothing, ..finding }).collect()
}

/// Snapshots' blobs that are newer than the generation, which does not know them.
fn unknown(opened: &Opened) -> Option<Finding> {
    let written = opened.written?;
    let known: BTreeSet<&str> = opened.data.snapshots.iter().map(|snapshot| &*snapshot.uuid).collect();
    let is_unknown = |blob: &&Blob| match BlobName::parse(name_of(&blob.path)) {
        BlobName::Snapshot { uuid } => blob.modified > written && !known.contains(uuid),
        _ => false,
    };
    let blobs: Vec<&Blob> = opened.root.iter().filter(is_unknown).collect();
    let first = blobs.first()?;
    let named: Vec<&str> = blobs.iter().take(NAMED).map(|blob| name_of(&blob.path)).collect();
    let more = if blobs.len() > NAMED { format!(" and {} more", blobs.len() - NAMED) } else { String::new() };
    let detail = format!(
        "{}{more}: newer than the generation, which does not know what they are of: a snapshot is ending, one broke off, or a newer index-N is lost",
        named.join(", ")
    );
    Some(Finding::new(Kind::UnknownSnapshot, Effect::Nothing, detail).in_blob(first.path.as_str()))
}

/// What a server would refuse for its own version.
fn newer_format(loader: &Loader<'_>, opened: &Opened) -> Option<Finding> {
    let needed = opened.data.min_version.as_deref()?;
    let major = major(needed)?;
    let blob = loader.store.path(&format!("index-{}", opened.generation?));
    let names = opened.data.snapshots.iter().map(|snapshot| &snapshot.name).collect();
    let detail = format!("it needs servers of at least {}; versions up to {KNOWN} are known here", quoted(needed));
    (major > KNOWN).then(|| Finding::new(Kind::NewerFormat, Effect::Unknown, detail).in_blob(blob).hurts(names))
}

/// Of `7.12.0`, or of the number for it, 7120099.
fn major(version: &str) -> Option<u32> {
    let (major, is_dotted) = version.split_once('.').map_or((version, false), |(major, _)| (major, true));
    let major: u32 = major.parse().ok()?;
    Some(if is_dotted { major } else { major / 1_000_000 })
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn a_version_is_written_out_or_a_number() {
        for (version, expected) in
            [("7.12.0", Some(7)), ("7120099", Some(7)), ("10.0.0", Some(10)), ("10000099", Some(10)), ("x", None)]
        {
            assert_eq!(major(version), expected, "{version}");
        }
    }
}
