//! Whether the snapshots of a repository can be restored, without a cluster.
//!
//! What is seen ([`facts`], [`root`]) is apart from what it means ([`judge`], [`verdict`]): the latter is pure. A blob that
//! looks damaged is read twice, one that a listing lacks is asked for by name, and what we may not read is never called
//! missing. The verdict names the generation that was read; if that is no longer the newest one, there is no verdict.

mod bytes;
pub mod checksum;
mod choice;
mod estimate;
pub mod facts;
mod files;
mod finding;
mod gather;
mod generations;
mod journal;
pub mod judge;
mod names;
pub mod root;
mod trouble;
mod units;
pub mod verdict;

pub use choice::{Choice, Level, PartOf, Percent, Share};
pub use estimate::{Estimate, estimate};
pub use files::{FileNumber, Files};
pub use finding::{Effect, Finding, Kind};
pub use gather::{ShardPlace, current_generation, gather, gather_said};
pub use journal::{Journal, Subject, Totals};
pub use names::Names;
pub use verdict::{Outcome, Restores, ShardName, SnapshotVerdict};

use crate::load::Loader;
use crate::open::Opened;
use crate::places::Companions;
use crate::places::search::Hashed;
use crate::store::Counts;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use root::{Holders, RootSnapshot};
use serde::Serialize;
use snapkeep_core::{Code, Failure};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use units::Run;

/// Indices that are looked at at once, and as many shards of each. Each has several requests under way, and holds what all
/// snapshots say of it; at `metadata` it is what one blob says.
fn at_once(level: Level) -> usize {
    if level >= Level::Blobs { 2 } else { 4 }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What was looked at.
    pub totals: Totals,
    /// What was asked of the store.
    pub counts: Counts,
    /// Findings so far.
    pub findings: usize,
}

/// Hears how far a run is.
pub trait Watch: Sync {
    /// Called after each shard, and after each file whose bytes were read.
    fn moved(&self, progress: &Progress);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn moved(&self, _: &Progress) {}
}

/// What was verified and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The shape's version.
    pub schema: u32,
    /// The repository's place.
    pub location: String,
    /// The generation that the verdict is about; nothing for an empty repository.
    pub generation: Option<u64>,
    /// What was looked at: all that is said here is about that.
    pub choice: Choice,
    /// The verdict.
    pub outcome: Outcome,
    /// All that is wrong.
    pub findings: Vec<Finding>,
    /// What can be restored of each snapshot that was chosen; none if the repository changed meanwhile.
    pub snapshots: Vec<SnapshotVerdict>,
    /// What was looked at.
    pub totals: Totals,
    /// Shards that an interrupted run before had found sound, and that were not looked at now.
    pub resumed_shards: usize,
    /// When the first such run began.
    pub resumed_since: Option<Timestamp>,
    /// Blobs that were wrong at the first read and right at the second.
    pub rereads: u64,
    /// What was asked of the store.
    pub counts: Counts,
}

impl Report {
    /// The failure that a command ends with, if any.
    pub fn failure(&self) -> Option<Failure> {
        let generation = self.generation.map_or_else(|| "-".to_owned(), |generation| generation.to_string());
        verdict::failure(self.outcome, &generation, &self.findings, &self.snapshots)
    }
}

/// Verifies what was chosen of an opened repository.
pub async fn verify(
    loader: &Loader<'_>,
    opened: &Opened,
    choice: &Choice,
    journal: Option<&Journal>,
    watch: &dyn Watch,
) -> Result<Report, Failure> {
    opened.is_written(loader.store)?;
    check(opened, choice)?;
    let chosen = chosen(opened, choice);
    let roots = root::read(loader, &opened.data, &chosen).await;
    let at_root = generations::look(loader, opened).await;
    let mut findings = at_root.findings;
    let base = |name: &str| loader.store.path(name);
    let known = |uuid: &str| opened.data.snapshot(uuid).is_some();
    findings.extend(roots.iter().flat_map(|snapshot| root::judge(snapshot, base, known)));
    let companions = Companions::list(loader).await;
    let run = Run {
        loader,
        opened,
        choice,
        journal,
        watch,
        roots: &roots,
        holders: Holders::among(&roots),
        entries: opened.data.snapshots.iter().map(|entry| (&*entry.uuid, entry)).collect(),
        companions: &companions,
        hashed: Hashed::default(),
        seen: Mutex::default(),
        names: Mutex::default(),
        counted: Mutex::default(),
    };
    let indices = opened.data.indices.iter().filter(|(name, _)| choice.has_index(name));
    let reads = indices.map(|(name, entry)| run.index(name, entry)).collect::<Vec<_>>();
    let mut reads = stream::iter(reads).buffer_unordered(at_once(choice.level));
    while let Some(found) = reads.next().await {
        findings.extend(found?);
    }
    drop(reads);
    findings.extend(counted(&run, base));
    let moved = at_root.is_behind || opened.moved(loader.store).await?;
    sort(&mut findings);
    let totals = run.seen.lock().unwrap_or_else(PoisonError::into_inner).totals;
    let report = reported(loader, opened, choice, journal, Seen { roots: &roots, findings, totals, moved });
    if let Some(journal) = journal.filter(|_| !matches!(report.outcome, Outcome::Unread | Outcome::Inconclusive)) {
        journal.end()?;
    }
    Ok(report)
}

/// What the numbers tell that were added up over all indices.
fn counted(run: &Run<'_>, base: impl Fn(&str) -> String + Copy) -> Vec<Finding> {
    let mut findings = Vec::new();
    if run.choice.indices.is_empty() {
        let counted = run.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for snapshot in run.roots {
            let (known, shards) = counted.get(snapshot.named.name.as_str()).copied().unwrap_or_default();
            findings.extend(root::judge_shards(snapshot, base, known, shards));
        }
    }
    let unreferenced = run.seen.lock().unwrap_or_else(PoisonError::into_inner).totals.unreferenced;
    if unreferenced > 0 {
        let blobs = if unreferenced == 1 { "blob" } else { "blobs" };
        let detail = format!("{unreferenced} {blobs} with data that no snapshot names; `snapkeep orphans` tells which");
        findings.push(Finding::new(Kind::Unreferenced, Effect::Nothing, detail));
    }
    findings
}

/// What a run saw.
struct Seen<'a> {
    roots: &'a [RootSnapshot],
    findings: Vec<Finding>,
    totals: Totals,
    moved: bool,
}

fn reported(
    loader: &Loader<'_>,
    opened: &Opened,
    choice: &Choice,
    journal: Option<&Journal>,
    seen: Seen<'_>,
) -> Report {
    let verdicts = verdict::of_snapshots(seen.roots, &seen.findings, choice);
    let outcome = verdict::outcome(&seen.findings, &verdicts, choice, seen.moved);
    Report {
        schema: 1,
        location: loader.store.location().to_string(),
        generation: opened.generation,
        choice: choice.clone(),
        outcome,
        snapshots: if outcome == Outcome::Inconclusive { Vec::new() } else { verdicts },
        findings: seen.findings,
        totals: seen.totals,
        resumed_shards: journal.map_or(0, Journal::len),
        resumed_since: journal.and_then(Journal::since),
        rereads: loader.rereads(),
        counts: loader.store.counts(),
    }
}

fn check(opened: &Opened, choice: &Choice) -> Result<(), Failure> {
    let snapshots: Vec<&str> = opened.data.snapshots.iter().map(|snapshot| snapshot.name.as_str()).collect();
    let indices: Vec<&str> = opened.data.indices.keys().map(String::as_str).collect();
    choice.check(&snapshots, &indices)?;
    let chosen: BTreeSet<&str> =
        chosen(opened, choice).iter().map(|ordinal| &*opened.data.snapshots[*ordinal].uuid).collect();
    let is_held = |name: &&String| {
        opened.data.indices.get(*name).is_some_and(|entry| entry.snapshots.iter().any(|uuid| chosen.contains(&**uuid)))
    };
    let Some(name) = choice.indices.iter().find(|name| !is_held(name)) else { return Ok(()) };
    let cause = format!("none of the chosen snapshots has the index {name}: there would be nothing to look at");
    Err(Failure::new(Code::BadEvent, cause, "`snapkeep inspect snapshot NAME` lists a snapshot's indices"))
}

/// The chosen snapshots' places in `index-N`.
fn chosen(opened: &Opened, choice: &Choice) -> Vec<usize> {
    let snapshots = opened.data.snapshots.iter().enumerate();
    snapshots.filter(|(_, snapshot)| choice.has_snapshot(&snapshot.name)).map(|(ordinal, _)| ordinal).collect()
}

/// The worst first, then by index, shard and blob.
fn sort(findings: &mut [Finding]) {
    fn key(finding: &Finding) -> impl Ord + '_ {
        (finding.effect, finding.index.as_deref(), finding.shard, finding.kind, finding.blob.as_deref())
    }
    findings.sort_by(|one, other| key(one).cmp(&key(other)));
}

#[cfg(test)]
mod moving;
#[cfg(test)]
mod tests;
