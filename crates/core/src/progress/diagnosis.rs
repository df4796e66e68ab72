//! What holds a snapshot up, in words, and what can be done about it.

use crate::failure::line;
use crate::select::state_word;
use crate::snapshot::{Progress, ShardAt, Snapshot};
use std::collections::BTreeMap;

/// Most shards that are named for one stage on one node.
const NAMED: usize = 3;

/// Most groups of shards that are named.
const GROUPS: usize = 4;

/// Says what a snapshot that does not move waits for, and what to do: by what `GET _snapshot` says and
/// what `_status` says (`None` if it knows nothing of the snapshot). One line.
pub fn diagnose(snapshot: &Snapshot, progress: Option<&Progress>) -> String {
    let said = state_word(snapshot.state);
    let Some(progress) = progress else {
        return line(&format!(
            "the list says {said}, but `_status` knows nothing of it: the cluster manager may be changing; look again"
        ));
    };
    let text = match progress.state.as_str() {
        "ABORTED" => aborting(progress, said),
        "SUCCESS" | "PARTIAL" | "FAILED" => format!(
            "the list says {said}, but `_status` says {}: the cluster manager has still to write the snapshot's end; look again, then at its log",
            progress.state
        ),
        _ if progress.unfinished.is_empty() => format!(
            "{}, but the cluster manager has not written the snapshot's last files: look at its log and its access to the repository",
            all_done(progress.shards.total)
        ),
        _ => format!(
            "waiting for {}: some versions count a file once all of it is there, so that a large one may take minutes; else look at these nodes' logs and their access to the repository; if they do not go on, `abort` ends it",
            where_they_are(progress)
        ),
    };
    line(&text)
}

fn all_done(shards: u64) -> String {
    if shards == 1 { "its only shard is done".to_owned() } else { format!("all {shards} shards are done") }
}

fn aborting(progress: &Progress, said: &str) -> String {
    let told = format!("it was told to stop (the list says {said}, `_status` says ABORTED)");
    if progress.unfinished.is_empty() {
        return format!("{told}; the cluster manager has still to remove what was written");
    }
    format!(
        "{told} and waits for {}: it ends when their uploads end or fail; deleting it again adds nothing, a restart of such a node ends its part",
        where_they_are(progress)
    )
}

/// Shards that are not done, by stage and node.
fn where_they_are(progress: &Progress) -> String {
    let mut groups: BTreeMap<(&str, Option<&str>), Vec<&ShardAt>> = BTreeMap::new();
    for shard in &progress.unfinished {
        groups.entry((shard.stage.as_str(), shard.node.as_deref())).or_default().push(shard);
    }
    let hidden = groups.len().saturating_sub(GROUPS);
    let mut told: Vec<String> = groups.iter().take(GROUPS).map(|(key, shards)| group(*key, shards)).collect();
    if hidden > 0 {
        told.push(format!("and {hidden} more places"));
    }
    told.join(", ")
}

fn group((stage, node): (&str, Option<&str>), shards: &[&ShardAt]) -> String {
    let names: Vec<String> = shards.iter().take(NAMED).map(|at| format!("[{}][{}]", at.index, at.shard)).collect();
    let more = if shards.len() > NAMED { ", …" } else { "" };
    let place = node.map_or_else(|| "no node".to_owned(), |node| format!("node {node}"));
    let noun = if shards.len() == 1 { "shard" } else { "shards" };
    let why = shards.iter().find_map(|at| at.reason.as_deref());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} {noun} in stage {stage} on {place} ({}{more}{why})", shards.len(), names.join(", "))
}
