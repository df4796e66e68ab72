//! Reads `_status`: how far a snapshot is.

use crate::read::moment;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use snapkeep_core::failure::one_line;
use snapkeep_core::snapshot::{Counted, Progress, ShardAt, ShardStages};
use std::collections::BTreeMap;
use std::fmt;

/// Most unfinished shards that are kept.
const UNFINISHED_KEPT: usize = 50;

/// `GET _snapshot/{repository}/{snapshot}/_status`.
#[derive(Debug, Deserialize)]
pub(crate) struct Statuses {
    snapshots: Vec<Status>,
}

#[derive(Debug, Deserialize)]
struct Status {
    snapshot: String,
    state: String,
    shards_stats: Option<Stages>,
    stats: Option<Stats>,
    #[serde(default)]
    indices: Unfinished,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stages {
    initializing: i64,
    started: i64,
    finalizing: i64,
    done: i64,
    failed: i64,
    total: i64,
}

/// Elasticsearch up to 6 counts what is new in flat keys, 6.4 and later, and OpenSearch, in objects:
/// `incremental` is what is new, `processed` what is done of it (left out once that is all of it), `total`
/// is what the snapshot refers to. -1 stands for unknown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    incremental: Option<Size>,
    processed: Option<Size>,
    total: Option<Size>,
    number_of_files: Option<i64>,
    processed_files: Option<i64>,
    total_size_in_bytes: Option<i64>,
    processed_size_in_bytes: Option<i64>,
    start_time_in_millis: Option<i64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Size {
    file_count: i64,
    size_in_bytes: i64,
}

fn known(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}

impl Stats {
    fn files(&self) -> Counted {
        self.counted(|size| size.file_count, self.number_of_files, self.processed_files)
    }

    fn bytes(&self) -> Counted {
        self.counted(|size| size.size_in_bytes, self.total_size_in_bytes, self.processed_size_in_bytes)
    }

    fn counted(&self, of: fn(Size) -> i64, flat_total: Option<i64>, flat_done: Option<i64>) -> Counted {
        let Some(incremental) = self.incremental else {
            return Counted { total: flat_total.and_then(known), done: flat_done.and_then(known) };
        };
        let done = self.processed.unwrap_or(incremental);
        Counted { total: known(of(incremental)), done: known(of(done)) }
    }
}

/// What the status of `name` says; `None` if it is not there.
pub(crate) fn progress(statuses: Statuses, name: &str) -> Option<Progress> {
    let found = statuses.snapshots.into_iter().find(|status| status.snapshot == name)?;
    let stages = found.shards_stats.unwrap_or_default();
    let stats = found.stats.unwrap_or_default();
    let count = |number: i64| known(number).unwrap_or(0);
    Some(Progress {
        state: found.state.to_uppercase(),
        shards: ShardStages {
            initializing: count(stages.initializing),
            started: count(stages.started),
            finalizing: count(stages.finalizing),
            done: count(stages.done),
            failed: count(stages.failed),
            total: count(stages.total),
        },
        bytes: stats.bytes(),
        files: stats.files(),
        size_bytes: stats.total.and_then(|total| known(total.size_in_bytes)),
        started_at: stats.start_time_in_millis.and_then(moment),
        unfinished: found.indices.0,
    })
}

/// The shards that are not done, of `indices: {name: {shards: {number: {stage, node, reason}}}}`. Read
/// index by index, so that a cluster of 100,000 shards takes no more memory than its largest index.
#[derive(Debug, Default)]
struct Unfinished(Vec<ShardAt>);

#[derive(Debug, Deserialize)]
struct Index {
    #[serde(default)]
    shards: BTreeMap<u64, Shard>,
}

#[derive(Debug, Deserialize)]
struct Shard {
    stage: Option<String>,
    node: Option<String>,
    reason: Option<String>,
}

impl<'de> Deserialize<'de> for Unfinished {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Looking;
        impl<'de> Visitor<'de> for Looking {
            type Value = Unfinished;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("shards by index")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unfinished, A::Error> {
                let mut found = Unfinished::default();
                while let Some((name, index)) = map.next_entry::<String, Index>()? {
                    found.take(&name, index);
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(Looking)
    }
}

impl Unfinished {
    fn take(&mut self, name: &str, index: Index) {
        let is_done = |shard: &Shard| shard.stage.as_deref().is_some_and(|stage| stage.eq_ignore_ascii_case("done"));
        let unfinished = index.shards.into_iter().filter(|(_, shard)| !is_done(shard));
        let room = UNFINISHED_KEPT - self.0.len();
        self.0.extend(unfinished.take(room).map(|(number, shard)| ShardAt {
            index: name.to_owned(),
            shard: number,
            stage: shard.stage.unwrap_or_default().to_uppercase(),
            node: shard.node,
            reason: shard.reason.map(|reason| one_line(&reason, 200)),
        }));
    }
}
