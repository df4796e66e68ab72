//! Indices and data streams: what a selection is made from, without any mappings.

use crate::Kind;
use crate::api::{SnapshotApi, Unanswered};
use crate::features::Feature;
use crate::product::{Flavour, Product, Version};
use crate::read::moment;
use serde::Deserialize;
use serde_json::{Map, Value};
use snapkeep_core::selection::{BACKING, Index};
use snapkeep_transport::{Call, Deadline, Method};
use std::collections::{BTreeMap, BTreeSet};

/// Largest answer that is read, in bytes: some 100,000 indices.
const INDICES_CAP: usize = 64 << 20;

/// The only settings that are asked for.
const SETTINGS: &str =
    "index.creation_date,index.hidden,index.blocks.*,index.store.snapshot.*,index.searchable_snapshot.*";

/// The settings of a mounted index that name its repository, its snapshot and that snapshot's id.
const MOUNTED_ON_ELASTICSEARCH: [&str; 3] = [
    "index.store.snapshot.repository_name",
    "index.store.snapshot.snapshot_name",
    "index.store.snapshot.snapshot_uuid",
];
const MOUNTED_ON_OPENSEARCH: [&str; 3] = [
    "index.searchable_snapshot.repository",
    "index.searchable_snapshot.snapshot_id.name",
    "index.searchable_snapshot.snapshot_id.uuid",
];

/// The first release with `index.hidden`.
pub(crate) const HIDDEN_SINCE: Version = Version::new(7, 7, 0);

/// The first release of Elasticsearch whose data streams may be hidden; OpenSearch went its own way before.
const HIDDEN_STREAMS_SINCE: Version = Version::new(7, 11, 0);

/// An index, and what its settings tell beyond what a selection needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFacts {
    /// What a selection needs. Aliases, data streams and the like are filled in by [`SnapshotApi::indices`] only.
    pub index: Index,
    /// The snapshot that it is mounted from (searchable snapshots).
    pub mounted_from: Option<InRepository>,
    /// The names of its blocks that are set: `read_only_allow_delete`, `metadata`, ….
    pub blocks: Vec<String>,
}

/// A snapshot and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct InRepository {
    /// The repository's name.
    pub repository: String,
    /// The snapshot's name.
    pub snapshot: String,
    /// The snapshot's id, which is the same under every name that its repository is registered by; only an index tells
    /// it of the snapshot that it is mounted from.
    #[serde(skip)]
    pub uuid: Option<String>,
}

/// The same of indices whose settings and aliases one of them hides: `index.blocks.metadata` on a single index makes every
/// version refuse these questions about all. The cluster's state tells whatever is blocked.
const STATE: &str = "/_cluster/state/metadata?filter_path=metadata.indices.*.state,metadata.indices.*.aliases,\
    metadata.indices.*.settings.index.creation_date,metadata.indices.*.settings.index.hidden,\
    metadata.indices.*.settings.index.blocks,metadata.indices.*.settings.index.store.snapshot,\
    metadata.indices.*.settings.index.searchable_snapshot";

/// `GET _all/_settings/…`: `{index: {settings: {index: {name: value}}}}`, and `GET _all/_alias`.
type Settings = BTreeMap<String, OfIndex>;

#[derive(Debug, Default, Deserialize)]
struct OfIndex {
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    aliases: Aliases,
    /// `open` or `close`; only the cluster's state tells it.
    state: Option<String>,
}

/// Aliases: by name with what they are, or, in the cluster's state, names alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Aliases {
    ByName(Map<String, Value>),
    Names(Vec<String>),
}

impl Default for Aliases {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl Aliases {
    fn names(self) -> Vec<String> {
        match self {
            Self::ByName(all) => all.into_iter().map(|(name, _)| name).collect(),
            Self::Names(names) => names,
        }
    }
}

/// `GET _cluster/state/metadata` with a `filter_path` below `metadata.indices.*`: what that leaves of each index, by name.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound = "T: Default + Deserialize<'de>")]
pub(crate) struct State<T> {
    pub(crate) metadata: Metadata<T>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound = "T: Default + Deserialize<'de>")]
pub(crate) struct Metadata<T> {
    pub(crate) indices: BTreeMap<String, T>,
}

/// The answer of `GET _data_stream`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Streams {
    #[serde(default)]
    data_streams: Vec<Stream>,
}

impl Streams {
    /// Each index behind a stream, with the stream's name.
    pub(crate) fn by_index(self) -> BTreeMap<String, String> {
        let behind = |stream: Stream| stream.indices.into_iter().map(move |one| (one.index_name, stream.name.clone()));
        self.data_streams.into_iter().flat_map(behind).collect()
    }
}

#[derive(Debug, Deserialize)]
struct Stream {
    name: String,
    #[serde(default)]
    indices: Vec<Backing>,
}

#[derive(Debug, Deserialize)]
struct Backing {
    index_name: String,
}

#[derive(Debug, Deserialize)]
struct Warm {
    index: String,
}

impl SnapshotApi {
    /// All indices, open, closed and hidden, by name, with what their settings tell.
    pub async fn index_settings(&self, deadline: Deadline) -> Result<Vec<IndexFacts>, Unanswered> {
        let path = format!("/_all/_settings/{SETTINGS}?expand_wildcards=all");
        let found = self.of_all(path, deadline).await?;
        Ok(found.into_iter().map(|(name, found)| facts(name, &flat(found.settings))).collect())
    }

    /// The same with aliases, data streams, `UltraWarm` and, where they cannot be snapshotted, which are closed: three to
    /// five requests.
    pub async fn indices(&self, product: &Product, deadline: Deadline) -> Result<Vec<IndexFacts>, Unanswered> {
        let mut found = self.index_settings(deadline).await?;
        let mut aliases = self.of_all("/_all/_alias?expand_wildcards=all".to_owned(), deadline).await?;
        let streams = self.backing_indices(&found, product, deadline).await?;
        let warm = self.warm(product, deadline).await?;
        let closed = self.closed(product, deadline).await?;
        for one in &mut found {
            let index = &mut one.index;
            index.aliases = aliases.remove(&index.name).map(|found| found.aliases.names()).unwrap_or_default();
            index.data_stream = streams.get(&index.name).cloned();
            index.warm = warm.contains(&index.name);
            index.closed = closed.contains(&index.name);
        }
        Ok(found)
    }

    /// The indices that are closed. It matters, and so is asked, only where a snapshot cannot hold them.
    async fn closed(&self, product: &Product, deadline: Deadline) -> Result<BTreeSet<String>, Unanswered> {
        if product.has(Feature::ClosedIndices) {
            return Ok(BTreeSet::new());
        }
        let path = "/_all/_settings/index.creation_date?expand_wildcards=closed".to_owned();
        let found = self.of_all(path, deadline).await?;
        let is_closed = |(_, found): &(String, OfIndex)| found.state.as_deref().is_none_or(|state| state == "close");
        Ok(found.into_iter().filter(is_closed).map(|(name, _)| name).collect())
    }

    /// What a question about all indices gives; where a block of one of them refuses it, the cluster's state.
    async fn of_all(&self, path: String, deadline: Deadline) -> Result<Settings, Unanswered> {
        match self.large(path, deadline).await {
            Err(Unanswered::Refused(refusal)) if refusal.kind == Kind::Blocked => {
                let found: Result<State<OfIndex>, Unanswered> = self.large(STATE.to_owned(), deadline).await;
                found.map(|found| found.metadata.indices).map_err(|_| Unanswered::Refused(refusal))
            }
            found => found,
        }
    }

    async fn large<T: serde::de::DeserializeOwned>(&self, path: String, deadline: Deadline) -> Result<T, Unanswered> {
        let call = Call::new(Method::GET, path).cap(INDICES_CAP);
        let found = self.find(&call, |_| false, deadline).await?;
        found.ok_or_else(|| Unanswered::Malformed { status: 404, what: "there is no such list".into() })
    }

    /// Each index behind a data stream, with the stream's name.
    pub async fn indices_behind_streams(&self, deadline: Deadline) -> Result<BTreeMap<String, String>, Unanswered> {
        let product = self.product(deadline).await?;
        self.behind_streams(&product, |_| false, deadline).await
    }

    async fn behind_streams(
        &self,
        product: &Product,
        is_none: fn(Kind) -> bool,
        deadline: Deadline,
    ) -> Result<BTreeMap<String, String>, Unanswered> {
        let path = format!("/_data_stream{}", with_hidden_streams(product));
        let call = Call::new(Method::GET, path).cap(INDICES_CAP);
        Ok(self.find::<Streams>(&call, is_none, deadline).await?.unwrap_or_default().by_index())
    }

    /// The data stream that each backing index belongs to. Versions and builds without data streams refuse the request,
    /// and under a block of the whole cluster all versions do: they take the question for a change. Then there are none
    /// if no index is named as the indices behind a stream are.
    async fn backing_indices(
        &self,
        indices: &[IndexFacts],
        product: &Product,
        deadline: Deadline,
    ) -> Result<BTreeMap<String, String>, Unanswered> {
        let has_backing = indices.iter().any(|facts| facts.index.name.contains(BACKING));
        let is_none = if has_backing { is_unknown } else { |kind| is_unknown(kind) || kind == Kind::Blocked };
        self.behind_streams(product, is_none, deadline).await
    }

    /// The indices in `UltraWarm` storage. Only Amazon's domains have it, and `_cat/indices/_warm` tells; their cluster
    /// is named `account:domain`.
    async fn warm(&self, product: &Product, deadline: Deadline) -> Result<BTreeSet<String>, Unanswered> {
        if !product.cluster_name.as_deref().is_some_and(|name| name.contains(':')) {
            return Ok(BTreeSet::new());
        }
        let call = Call::new(Method::GET, "/_cat/indices/_warm?format=json&h=index").cap(INDICES_CAP);
        let found = self.find::<Vec<Warm>>(&call, is_unknown, deadline).await?.unwrap_or_default();
        Ok(found.into_iter().map(|warm| warm.index).collect())
    }
}

/// What a question about data streams needs so that the hidden ones are among them: what knows none refuses the words.
pub(crate) fn with_hidden_streams(product: &Product) -> &'static str {
    let knows_hidden = product.flavour == Flavour::Elasticsearch && product.version >= HIDDEN_STREAMS_SINCE;
    if knows_hidden { "?expand_wildcards=all" } else { "" }
}

/// A server that takes `_data_stream` or `_warm` for an index's name says that it is none.
fn is_unknown(kind: Kind) -> bool {
    matches!(kind, Kind::Unsupported | Kind::Invalid)
}

fn facts(name: String, settings: &Map<String, Value>) -> IndexFacts {
    let text = |key: &str| settings.get(key).and_then(Value::as_str);
    let created_at = text("index.creation_date").and_then(|millis| moment(millis.parse().ok()?));
    let mounted = |repository: &str, snapshot: &str, uuid: &str| {
        let (repository, snapshot) = (text(repository)?.to_owned(), text(snapshot)?.to_owned());
        Some(InRepository { repository, snapshot, uuid: text(uuid).map(str::to_owned) })
    };
    let [repository, snapshot, uuid] = MOUNTED_ON_ELASTICSEARCH;
    let on_elasticsearch = mounted(repository, snapshot, uuid);
    let [repository, snapshot, uuid] = MOUNTED_ON_OPENSEARCH;
    let on_opensearch = || mounted(repository, snapshot, uuid);
    let block = |(key, value): (&String, &Value)| {
        let name = key.strip_prefix("index.blocks.")?;
        is_true(value).then(|| name.to_owned())
    };
    IndexFacts {
        index: Index {
            name,
            created_at,
            hidden: settings.get("index.hidden").is_some_and(is_true),
            ..Index::default()
        },
        mounted_from: on_elasticsearch.or_else(on_opensearch),
        blocks: settings.iter().filter_map(block).collect(),
    }
}

/// Settings by their whole names. (Elasticsearch 5 cannot be asked for them that way.)
pub(crate) fn flat(settings: Map<String, Value>) -> Map<String, Value> {
    let mut all = Map::new();
    let mut open: Vec<(String, Value)> = settings.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        match value {
            Value::Object(inner) => open.extend(inner.into_iter().map(|(key, value)| (format!("{name}.{key}"), value))),
            value => drop(all.insert(name, value)),
        }
    }
    all
}

/// Settings are texts on most versions, whatever they mean.
pub(crate) fn is_true(value: &Value) -> bool {
    value == true || value == "true"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(settings: &Value) -> IndexFacts {
        facts("books".to_owned(), &flat(settings.as_object().unwrap().clone()))
    }

    #[test]
    fn settings_tell_age_blocks_and_where_an_index_is_mounted_from() {
        let found = read(&json!({
            "index": {
                "creation_date": "1700000000000", "hidden": "true",
                "blocks": {"read_only_allow_delete": "true", "write": "false"},
                "store": {"snapshot": {"repository_name": "r", "snapshot_name": "s", "snapshot_uuid": "u"}},
            },
        }));
        assert_eq!(found.index.created_at, moment(1_700_000_000_000));
        assert!(found.index.hidden);
        assert_eq!(found.blocks, ["read_only_allow_delete"]);
        let from = InRepository { repository: "r".to_owned(), snapshot: "s".to_owned(), uuid: Some("u".to_owned()) };
        assert_eq!(found.mounted_from.as_ref(), Some(&from));
        let opensearch = read(&json!({
            "index.searchable_snapshot.repository": "r",
            "index.searchable_snapshot.snapshot_id": {"name": "s", "uuid": "u"},
        }));
        assert_eq!(opensearch.mounted_from, Some(from));
        assert_eq!(read(&json!({})).index, Index { name: "books".to_owned(), ..Index::default() });
    }
}
