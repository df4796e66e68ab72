//! Facts for the tests of this crate.

use crate::drill::{Outcome, Record, SCHEMA};
use crate::inventory::{Cluster, Inventory, Repository};
use crate::naming::{RepositoryName, name_for_attempt};
use crate::ownership::Mark;
use crate::policy::{FirstDelete, Settings};
use crate::retention::{Count, Keep};
use crate::schedule::Schedule;
use crate::selection::Index;
use crate::snapshot::{Snapshot, State};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Map;

/// A moment.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A good snapshot of which nothing else is known.
pub(crate) fn snapshot(name: &str) -> Snapshot {
    Snapshot { state: Some(State::Success), ..Snapshot::named(name) }
}

/// A snapshot with its state and start.
pub(crate) fn begun(name: &str, state: State, started_at: &str) -> Snapshot {
    let uuid = Some(format!("u-{name}"));
    Snapshot { state: Some(state), started_at: Some(at(started_at)), uuid, ..snapshot(name) }
}

/// A policy's good snapshot for a slot, with the mark.
pub(crate) fn marked(policy: &str, slot: Timestamp, attempt: u32, started_at: &str) -> Snapshot {
    let metadata = Mark { policy, slot, confirmed: false }.write("run", &Map::new());
    let name = name_for_attempt(policy, slot, attempt);
    Snapshot { metadata: Some(metadata.into()), ..begun(name.as_str(), State::Success, started_at) }
}

/// A daily policy of cluster `prod` and repository `backups`: at 03:00 UTC, keeps three days, may delete.
pub(crate) fn settings(name: &str) -> Settings {
    Settings {
        schedule: Some(Schedule::parse("0 3 * * *", TimeZone::UTC).unwrap()),
        keep: Some(Keep { daily: Some(Count::Of(3)), ..Keep::default() }),
        first_delete: FirstDelete::Allow,
        ..Settings::of(name, &["prod"], RepositoryName::parse("backups").unwrap())
    }
}

/// Cluster `prod` with one index, a good clock, and these snapshots in `backups`.
pub(crate) fn inventory(snapshots: Vec<Snapshot>) -> Inventory {
    let index = Index { name: "logs-1".into(), ..Index::default() };
    let repository = Repository { snapshots, ..Repository::default() };
    let cluster = Cluster {
        skew: Some(SignedDuration::ZERO),
        concurrent: true,
        has_metadata: true,
        repositories: [("backups".to_owned(), repository)].into(),
        indices: vec![index],
    };
    Inventory { clusters: [("prod".to_owned(), cluster)].into() }
}

/// A drill of a policy on cluster `prod`, of one shard, with nothing else said.
pub(crate) fn record(id: &str, policy: &str, outcome: Outcome, began_at: &str) -> Record {
    let began_at = at(began_at);
    Record {
        schema: SCHEMA,
        id: id.to_owned(),
        policy: policy.to_owned(),
        cluster: "prod".to_owned(),
        on: "prod".to_owned(),
        on_repository: "backups".to_owned(),
        slot: None,
        attempt: 1,
        snapshot: Some("nightly-1".to_owned()),
        snapshot_began_at: None,
        outcome,
        began_at,
        ended_at: None,
        alive_until: began_at + SignedDuration::from_mins(2),
        items: Vec::new(),
        left_for_others: 0,
        too_large: Vec::new(),
        expected_shards: 1,
        started_shards: 1,
        recovery_time_s: None,
        recovery_point_age_s: None,
        checks: Vec::new(),
        causes: Vec::new(),
        removed: false,
    }
}
