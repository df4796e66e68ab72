//! Reads the shapes of answers, tolerantly: fields come and go between versions. Lists are read
//! entry by entry into what is kept of them; index names are counted and dropped on the way.

use crate::Registered;
use jiff::Timestamp;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use snapkeep_core::failure::{line, one_line};
use snapkeep_core::snapshot::{Details, ShardFailure, Shards, Snapshot, State};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// Most failures of shards that are kept from one snapshot of a list.
const FAILURES_KEPT: usize = 5;

/// `GET _snapshot` and `GET _snapshot/{repository}`: `{name: {type, settings}}`.
pub(crate) type Repositories = BTreeMap<String, Repository>;

/// One of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Repository {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    settings: Map<String, Value>,
}

impl From<Repository> for Registered {
    fn from(repository: Repository) -> Self {
        Self { kind: repository.kind, settings: repository.settings }
    }
}

/// `GET _snapshot/{repository}/{snapshot}`: `snapshots[]`, flat or nested under `responses[]`.
#[derive(Debug, Deserialize)]
pub(crate) struct Listing<T = Snapshot> {
    #[serde(default = "none", deserialize_with = "entries", bound(deserialize = "T: Entry"))]
    snapshots: Option<Vec<T>>,
    #[serde(default = "none", bound(deserialize = "T: Entry"))]
    responses: Option<Vec<Response<T>>>,
    #[serde(default)]
    failures: Option<Map<String, Value>>,
    /// Where the next page begins.
    #[serde(default)]
    pub(crate) next: Option<String>,
    /// How many there are on all pages.
    #[serde(default)]
    pub(crate) total: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Response<T> {
    #[serde(default = "none", deserialize_with = "entries", bound(deserialize = "T: Entry"))]
    snapshots: Option<Vec<T>>,
    #[serde(default)]
    error: Option<Value>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> Listing<T> {
    /// A list that holds nothing.
    pub(crate) fn empty() -> Self {
        Self { snapshots: Some(Vec::new()), responses: None, failures: None, next: None, total: None }
    }

    /// The first error that a list holds in a repository's place: in `responses[].error`
    /// (Elasticsearch 7.0 to 7.14) or in the `failures` map (later).
    pub(crate) fn error(&self) -> Option<&Value> {
        let nested = self.responses.iter().flatten().find_map(|response| response.error.as_ref());
        nested.or_else(|| self.failures.as_ref()?.values().next())
    }

    /// What is listed; `None` if there is no list, which is not the same as an empty one.
    pub(crate) fn into_entries(self) -> Option<Vec<T>> {
        match (self.snapshots, self.responses) {
            (Some(flat), _) => Some(flat),
            (None, Some(responses)) => {
                Some(responses.into_iter().filter_map(|response| response.snapshots).flatten().collect())
            }
            (None, None) => None,
        }
    }
}

/// What an entry of a list is read to.
pub(crate) trait Entry: Sized {
    /// Reads one.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl Entry for Snapshot {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Wire::<Counted, FirstFew>::deserialize(deserializer).map(Wire::into_snapshot)
    }
}

impl Entry for Details {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::<Vec<String>, Vec<WireFailure>>::deserialize(deserializer)?;
        Ok(wire.into_details())
    }
}

/// A list that is read entry by entry.
fn entries<'de, T: Entry, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    struct Each<T>(T);
    impl<'de, T: Entry> Deserialize<'de> for Each<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            T::read(deserializer).map(Self)
        }
    }
    struct List<T>(PhantomData<T>);
    impl<'de, T: Entry> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of snapshots")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some(Each(entry)) = list.next_element()? {
                found.push(entry);
            }
            Ok(found)
        }
    }
    deserializer.deserialize_seq(List(PhantomData)).map(Some)
}

/// A snapshot as it is sent; `I` is what becomes of index names, `F` of failures.
#[derive(Debug, Deserialize)]
struct Wire<I, F> {
    snapshot: String,
    uuid: Option<String>,
    state: Option<String>,
    start_time_in_millis: Option<i64>,
    end_time_in_millis: Option<i64>,
    shards: Option<WireShards>,
    indices: Option<I>,
    index_details: Option<Sizes>,
    failures: Option<F>,
    reason: Option<String>,
    metadata: Option<Map<String, Value>>,
    version: Option<String>,
    #[serde(default)]
    data_streams: Option<I>,
    #[serde(default)]
    feature_states: Option<Vec<FeatureState>>,
    include_global_state: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct WireShards {
    total: i64,
    successful: i64,
    failed: i64,
}

#[derive(Debug, Deserialize)]
struct FeatureState {
    feature_name: String,
}

#[derive(Debug, Deserialize)]
struct WireFailure {
    index: Option<String>,
    shard_id: Option<i64>,
    node_id: Option<String>,
    reason: Option<String>,
}

impl WireFailure {
    fn into_failure(self) -> ShardFailure {
        ShardFailure {
            index: self.index.unwrap_or_else(|| "?".to_owned()),
            shard: self.shard_id.and_then(|number| u64::try_from(number).ok()),
            node: self.node_id,
            reason: line(self.reason.as_deref().unwrap_or("no reason given")),
        }
    }
}

/// A failure in one line of a list.
fn short(failure: &ShardFailure) -> String {
    let number = failure.shard.map_or_else(|| "?".to_owned(), |number| number.to_string());
    one_line(&format!("[{}][{number}] {}", failure.index, failure.reason), 200)
}

impl<I, F> Wire<I, F> {
    fn shards(&self, state: Option<State>) -> Option<Shards> {
        let shards = self.shards.as_ref()?;
        let count = |number: i64| u64::try_from(number).ok();
        let shards = Shards {
            total: count(shards.total)?,
            successful: count(shards.successful)?,
            failed: count(shards.failed)?,
        };
        // While it runs, some versions say 0 shards of 0, for not yet counted.
        (shards.total > 0 || state != Some(State::InProgress)).then_some(shards)
    }

    /// All but indices and failures.
    fn outline(&mut self) -> Snapshot {
        let state = self.state.as_deref().and_then(State::read);
        Snapshot {
            name: std::mem::take(&mut self.snapshot),
            uuid: self.uuid.take(),
            state,
            started_at: self.start_time_in_millis.and_then(moment),
            ended_at: self.end_time_in_millis.and_then(moment),
            shards: self.shards(state),
            indices: None,
            size_bytes: self.index_details.as_ref().map(|sizes| sizes.0),
            failures: self.reason.as_deref().map(|reason| one_line(reason, 200)).into_iter().collect(),
            metadata: self.metadata.take().map(Into::into),
        }
    }
}

impl Wire<Counted, FirstFew> {
    fn into_snapshot(mut self) -> Snapshot {
        let mut snapshot = self.outline();
        snapshot.indices = self.indices.map(|indices| indices.0);
        let failures = self.failures.unwrap_or_default().0;
        correct(&mut snapshot, failures.is_empty());
        snapshot.failures.extend(failures);
        snapshot.failures.truncate(FAILURES_KEPT);
        snapshot
    }
}

impl Wire<Vec<String>, Vec<WireFailure>> {
    fn into_details(mut self) -> Details {
        let mut snapshot = self.outline();
        let indices_named = self.indices.unwrap_or_default();
        snapshot.indices = Some(indices_named.len() as u64);
        let failures = self.failures.unwrap_or_default();
        let shard_failures: Vec<ShardFailure> = failures.into_iter().map(WireFailure::into_failure).collect();
        correct(&mut snapshot, shard_failures.is_empty());
        snapshot.failures.extend(shard_failures.iter().take(FAILURES_KEPT).map(short));
        snapshot.failures.truncate(FAILURES_KEPT);
        Details {
            snapshot,
            version: self.version,
            indices_named,
            data_streams: self.data_streams.unwrap_or_default(),
            feature_states: self.feature_states.into_iter().flatten().map(|state| state.feature_name).collect(),
            include_global_state: self.include_global_state,
            shard_failures,
        }
    }
}

/// Elasticsearch 7.17 counts every shard of a running snapshot as failed that is not done.
fn correct(snapshot: &mut Snapshot, is_without_failures: bool) {
    if let (Some(State::InProgress), true, Some(shards)) = (snapshot.state, is_without_failures, &mut snapshot.shards) {
        shards.failed = 0;
    }
}

/// Zero stands for "not yet".
pub(crate) fn moment(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok().filter(|_| millis > 0)
}

/// How many a list holds.
#[derive(Debug, Default)]
struct Counted(u64);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Counted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counted, A::Error> {
                let mut count = Counted(0);
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count.0 += 1;
                }
                Ok(count)
            }
        }
        deserializer.deserialize_seq(Counting)
    }
}

/// The first failures of a list, one line each.
#[derive(Debug, Default)]
struct FirstFew(Vec<String>);

impl<'de> Deserialize<'de> for FirstFew {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Few;
        impl<'de> Visitor<'de> for Few {
            type Value = FirstFew;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of failures")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FirstFew, A::Error> {
                let mut few = FirstFew::default();
                while few.0.len() < FAILURES_KEPT {
                    let Some(failure) = list.next_element::<WireFailure>()? else { return Ok(few) };
                    few.0.push(short(&failure.into_failure()));
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(few)
            }
        }
        deserializer.deserialize_seq(Few)
    }
}

/// The sum of `index_details: {name: {size_in_bytes}}`.
#[derive(Debug)]
struct Sizes(u64);

impl<'de> Deserialize<'de> for Sizes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Index {
            size_in_bytes: u64,
        }
        struct Adding;
        impl<'de> Visitor<'de> for Adding {
            type Value = Sizes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sizes by index")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sizes, A::Error> {
                let mut sum = 0_u64;
                while let Some((_, index)) = map.next_entry::<IgnoredAny, Index>()? {
                    sum = sum
                        .checked_add(index.size_in_bytes)
                        .ok_or_else(|| A::Error::custom("sizes beyond counting"))?;
                }
                Ok(Sizes(sum))
            }
        }
        deserializer.deserialize_map(Adding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn snapshots(body: &Value) -> Option<Vec<Snapshot>> {
        serde_json::from_str::<Listing>(&body.to_string()).ok()?.into_entries()
    }

    fn error_inside(body: &Value) -> Option<Value> {
        serde_json::from_str::<Listing>(&body.to_string()).unwrap().error().cloned()
    }

    #[test]
    fn flat_and_nested_lists_are_read_alike() {
        let entry = json!({"snapshot": "a", "uuid": "u", "state": "PARTIAL", "start_time_in_millis": 1000,
            "end_time_in_millis": 0, "shards": {"total": 3, "failed": 1, "successful": 2}, "indices": ["i", "j"],
            "failures": [{"index": "i", "shard_id": 0, "reason": "no\nnode"}], "metadata": {"k": "v"}});
        let flat = snapshots(&json!({"snapshots": [entry]})).unwrap();
        assert_eq!(flat, snapshots(&json!({"responses": [{"repository": "r", "snapshots": [entry]}]})).unwrap());
        assert_eq!(flat[0].state, Some(State::Partial));
        assert_eq!(flat[0].started_at.unwrap().as_second(), 1);
        assert_eq!(flat[0].ended_at, None);
        assert_eq!(flat[0].shards, Some(Shards { total: 3, successful: 2, failed: 1 }));
        assert_eq!(flat[0].indices, Some(2));
        assert_eq!(flat[0].failures, ["[i][0] no node"]);
        assert_eq!(flat[0].metadata.as_ref().unwrap().to_map()["k"], "v");
    }

    #[test]
    fn an_error_in_a_repositorys_place_is_found() {
        let error = json!({"type": "repository_missing_exception", "reason": "[r] missing"});
        assert_eq!(error_inside(&json!({"responses": [{"repository": "r", "error": error}]})), Some(error.clone()));
        assert_eq!(error_inside(&json!({"snapshots": [], "failures": {"r": error}})), Some(error));
        for fine in [
            json!({"snapshots": []}),
            json!({"responses": [{"snapshots": []}]}),
            json!({"snapshots": [], "failures": {}}),
        ] {
            assert_eq!(error_inside(&fine), None, "{fine}");
        }
    }

    #[test]
    fn what_is_not_a_list_is_not_an_empty_one() {
        for body in [json!({}), json!([]), json!({"snapshots": {}}), json!({"snapshots": [{"uuid": "u"}]}), json!("x")]
        {
            assert_eq!(snapshots(&body), None, "{body}");
        }
        assert_eq!(snapshots(&json!({"snapshots": []})), Some(vec![]));
    }

    #[test]
    fn shards_that_are_not_counted_yet_are_none() {
        let of = |state: &str, total: i64| {
            let shards = json!({"total": total, "failed": total, "successful": 0});
            snapshots(&json!({"snapshots": [{"snapshot": "a", "state": state, "shards": shards}]})).unwrap()[0].shards
        };
        assert_eq!(of("IN_PROGRESS", 0), None);
        assert_eq!(of("SUCCESS", 0), Some(Shards::default()));
        assert_eq!(of("SUCCESS", -1), None);
        assert_eq!(of("IN_PROGRESS", 2), Some(Shards { total: 2, ..Shards::default() }));
        assert_eq!(of("FAILED", 2), Some(Shards { total: 2, successful: 0, failed: 2 }));
    }

    #[test]
    fn an_unknown_state_is_none_and_missing_fields_are_none() {
        let found = snapshots(&json!({"snapshots": [{"snapshot": "a", "state": "GLORIOUS"}]})).unwrap();
        assert_eq!((found[0].state, found[0].shards, found[0].started_at), (None, None, None));
        assert_eq!((found[0].indices, found[0].size_bytes), (None, None));
    }

    #[test]
    fn sizes_are_added_up_and_failures_are_few() {
        let failure = json!({"index": "i", "shard_id": 7, "reason": "x"});
        let entry = json!({"snapshot": "a", "state": "PARTIAL", "reason": "because", "failures": vec![failure; 50],
            "index_details": {"i": {"shard_count": 1, "size_in_bytes": 40}, "j": {"size_in_bytes": 2}}});
        let found = snapshots(&json!({"snapshots": [entry]})).unwrap();
        assert_eq!(found[0].size_bytes, Some(42));
        assert_eq!(found[0].failures.len(), FAILURES_KEPT);
        assert_eq!(found[0].failures[0], "because");
        let whole: Listing<Details> = serde_json::from_value(json!({"snapshots": [entry]})).unwrap();
        let whole = whole.into_entries().unwrap().remove(0);
        assert_eq!(whole.shard_failures.len(), 50);
        assert_eq!(whole.snapshot.failures, found[0].failures);
    }
}
