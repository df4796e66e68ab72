//! What of a snapshot one drill brings back.

use super::{Drill, Outcome, Record};
use crate::{Code, Failure};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What one drill may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Indices and data streams.
    pub count: Option<u32>,
    /// Bytes.
    pub bytes: u64,
}

/// An index or data stream that could be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name in the snapshot.
    pub name: String,
    /// Its bytes without replicas, if they are known.
    pub bytes: Option<u64>,
}

/// What is restored, by the names in the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// In the order in which they were chosen.
    pub chosen: Vec<String>,
    /// What other drills have to look at.
    pub left: Vec<String>,
    /// What no drill can ever look at: each is larger than all that one may restore.
    pub too_large: Vec<String>,
}

impl From<&Drill> for Bounds {
    fn from(drill: &Drill) -> Self {
        Self { count: drill.sample, bytes: drill.max_size }
    }
}

/// When each index and data stream was last seen to come back, by the records of a policy.
pub fn last_drilled(records: &[Record]) -> BTreeMap<&str, Timestamp> {
    let mut last: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let ended = records.iter().filter(|record| matches!(record.outcome, Outcome::Passed | Outcome::Failed));
    for record in ended {
        for item in &record.items {
            let at = last.entry(&item.source).or_insert(record.began_at);
            *at = record.began_at.max(*at);
        }
    }
    last
}

/// Chooses: those that were never drilled, then those that were not for longest, as many as fit. What does not fit leaves
/// its place to a smaller one. `inconclusive` if a size is not known, since then nobody can say that it is within bounds;
/// `snapshot_missing` if there is nothing to choose from.
pub fn sample(candidates: &[Candidate], last: &BTreeMap<&str, Timestamp>, bounds: Bounds) -> Result<Sampled, Failure> {
    let with_size = |one: &Candidate| Ok((one.name.clone(), one.bytes.ok_or_else(|| of_unknown_size(&one.name))?));
    let mut sized = candidates.iter().map(with_size).collect::<Result<Vec<(String, u64)>, Failure>>()?;
    if sized.is_empty() {
        let hint = "see `drill.indices` of the policy, and `snapkeep show` for what the snapshot holds";
        return Err(Failure::new(Code::SnapshotMissing, "the snapshot holds nothing that the drill is about", hint));
    }
    sized.sort_by(|(a, _), (b, _)| (last.get(a.as_str()), a).cmp(&(last.get(b.as_str()), b)));
    let most = bounds.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let (mut sampled, mut taken) = (Sampled::default(), 0_u64);
    for (name, bytes) in sized {
        if bytes > bounds.bytes {
            sampled.too_large.push(name);
        } else if sampled.chosen.len() < most && taken.saturating_add(bytes) <= bounds.bytes {
            taken += bytes;
            sampled.chosen.push(name);
        } else {
            sampled.left.push(name);
        }
    }
    if sampled.chosen.is_empty() {
        let cause = format!("each of {} indices is larger than a drill may restore", sampled.too_large.len());
        return Err(Failure::new(Code::RestoreConflict, cause, "raise `drill.max_size` of the policy"));
    }
    Ok(sampled)
}

fn of_unknown_size(name: &str) -> Failure {
    let cause =
        format!("the size of {name} in the snapshot is not known, so that nobody can keep the drill within bounds");
    let hint = "sizes are asked for of snapshots with up to 5,000 shards: drill a policy with fewer";
    Failure::new(Code::Inconclusive, cause, hint)
}
