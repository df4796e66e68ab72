//! What drills need beside a restore: their indices and the marks on them, what removes these, counts, and the index of the
//! records.

use crate::Kind;
use crate::api::{SnapshotApi, Unanswered, Written, acknowledged};
use crate::indices::{HIDDEN_SINCE, Streams, with_hidden_streams};
use crate::product::{Flavour, Product, Version};
use serde::Deserialize;
use serde_json::{Value, json};
use snapkeep_core::drill::{Found, INDEX, MARK, PREFIX, Record};
use snapkeep_core::naming::encode_segment;
use snapkeep_core::selection::BACKING;
use snapkeep_transport::{Call, Deadline, Method};
use std::collections::BTreeMap;

/// Largest answer that is read, in bytes: 10,000 records of some kilobytes each.
const RECORDS_CAP: usize = 64 << 20;

/// Most records that are read, the newest: servers give no more without being asked for the next page.
const MOST_RECORDS: usize = 10_000;

/// The first release whose documents have a sequence number that a write can be bound to, and `_doc` for a type.
const SEQUENCE_SINCE: Version = Version::new(6, 6, 0);

/// The first release whose mappings have no types.
const TYPELESS_SINCE: Version = Version::new(7, 0, 0);

/// Which state of a document a write is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Stamp {
    #[serde(rename = "_version")]
    version: u64,
    #[serde(rename = "_seq_no", default)]
    sequence: Option<u64>,
    #[serde(rename = "_primary_term", default)]
    term: Option<u64>,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The document's id.
    pub id: String,
    /// Its state, for the next write.
    pub stamp: Stamp,
    /// What it says.
    pub record: Record,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Only if there is none of that id (409 else).
    Create,
    /// Only if it is still as it was read (409 else).
    Over(Stamp),
}

#[derive(Debug, Default, Deserialize)]
struct Hits {
    #[serde(default)]
    hits: Inner,
}

#[derive(Debug, Default, Deserialize)]
struct Inner {
    #[serde(default)]
    hits: Vec<Hit>,
}

#[derive(Debug, Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
    #[serde(flatten)]
    stamp: Stamp,
    #[serde(rename = "_source")]
    source: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Count {
    count: u64,
    #[serde(rename = "_shards", default)]
    shards: Value,
}

impl SnapshotApi {
    /// All indices that are named as drills name theirs, with what tells whether a drill made them.
    pub async fn drill_indices(&self, deadline: Deadline) -> Result<Vec<Found>, Unanswered> {
        // Whatever the names behind it are: of the settings only these two are asked for.
        let path = format!(
            "/{PREFIX}*,.ds-{PREFIX}*/_settings/index.uuid,{MARK}?expand_wildcards=all&ignore_unavailable=true\
             &allow_no_indices=true"
        );
        let is_none: fn(Kind) -> bool = |_| false;
        let found: Option<BTreeMap<String, Value>> =
            self.find(&Call::new(Method::GET, path), is_none, deadline).await?;
        let found = found.unwrap_or_default();
        let names: Vec<String> = found.keys().cloned().collect();
        let streams = self.drill_streams(&names, deadline).await?;
        let mut restored = self.look_at_shards(&names, deadline).await?.restored();
        // Nested, since 5.6 knows no flat settings here.
        let text = |settings: &Value, key: &str| {
            let found = key.split('.').fold(&settings["settings"], |within, part| &within[part]);
            found.as_str().map(str::to_owned)
        };
        let one = |(name, settings): (String, Value)| Found {
            uuid: text(&settings, "index.uuid"),
            mark: text(&settings, MARK),
            data_stream: streams.get(&name).cloned(),
            restored: restored.remove(&name),
            name,
        };
        Ok(found.into_iter().map(one).collect())
    }

    /// The streams that these indices are behind.
    async fn drill_streams(
        &self,
        names: &[String],
        deadline: Deadline,
    ) -> Result<BTreeMap<String, String>, Unanswered> {
        if !names.iter().any(|name| name.starts_with(BACKING)) {
            return Ok(BTreeMap::new());
        }
        let query = with_hidden_streams(&self.product(deadline).await?);
        let call = Call::new(Method::GET, format!("/_data_stream/{PREFIX}*{query}"));
        Ok(self.find::<Streams>(&call, |_| false, deadline).await?.unwrap_or_default().by_index())
    }

    /// `DELETE {index}`: one name, never a pattern. Whoever calls it has made sure that a drill made the index.
    pub async fn delete_drill_index(&self, index: &str, deadline: Deadline) -> Written {
        self.write(&Call::new(Method::DELETE, format!("/{}", encode_segment(index))), acknowledged, deadline).await
    }

    /// `DELETE _data_stream/{name}` with the indices behind it, likewise.
    pub async fn delete_drill_stream(&self, name: &str, deadline: Deadline) -> Written {
        let call = Call::new(Method::DELETE, format!("/_data_stream/{}", encode_segment(name)));
        self.write(&call, acknowledged, deadline).await
    }

    /// How many documents of the index (or stream) a query finds; `None` if not all of its shards have answered.
    pub async fn count(&self, index: &str, query: &Value, deadline: Deadline) -> Result<Option<u64>, Unanswered> {
        let call = Call::new(Method::GET, format!("/{}/_count", encode_segment(index))).json(query.to_string());
        let count = self.find::<Count>(&call, |_| false, deadline).await?.unwrap_or_default();
        Ok((count.shards["failed"] == 0).then_some(count.count))
    }

    /// All records, newest first; none if there is no index of them.
    pub async fn drill_records(&self, deadline: Deadline) -> Result<Vec<Kept>, Unanswered> {
        let product = self.product(deadline).await?;
        let sequence = if has_sequence(&product) { "&seq_no_primary_term=true" } else { "" };
        let path = format!(
            "/{INDEX}/_search?size={MOST_RECORDS}&sort=began_at:desc&version=true{sequence}&ignore_unavailable=true\
             &allow_no_indices=true"
        );
        let call = Call::new(Method::GET, path).cap(RECORDS_CAP);
        let hits = self.find::<Hits>(&call, |_| false, deadline).await?.unwrap_or_default().hits.hits;
        // One that is not ours to read, such as one of a later version, does not hide the others.
        let kept = |hit: Hit| match serde_json::from_value(hit.source) {
            Ok(record) => Some(Kept { id: hit.id, stamp: hit.stamp, record }),
            Err(error) => {
                tracing::warn!("record {} of {INDEX} cannot be read: {error}", hit.id);
                None
            }
        };
        Ok(hits.into_iter().filter_map(kept).collect())
    }

    /// Makes the index of records, hidden where there is such a thing. That it is there already is refused.
    pub async fn create_drill_index(&self, deadline: Deadline) -> Result<Written, Unanswered> {
        let product = self.product(deadline).await?;
        let fields =
            json!({"dynamic": false, "properties": {"began_at": {"type": "date"}, "policy": {"type": "keyword"}}});
        let mappings = if since(&product, TYPELESS_SINCE) { fields } else { json!({document_type(&product): fields}) };
        let mut settings = json!({"number_of_shards": 1, "auto_expand_replicas": "0-1"});
        if since(&product, HIDDEN_SINCE) {
            settings["hidden"] = json!(true);
        }
        let body = json!({"settings": {"index": settings}, "mappings": mappings});
        let call = Call::new(Method::PUT, format!("/{INDEX}")).json(body.to_string());
        Ok(self.write(&call, acknowledged, deadline).await)
    }

    /// Writes a record; its new state. It is seen by the next search.
    pub async fn write_drill_record(
        &self,
        id: &str,
        record: &Record,
        how: Write,
        deadline: Deadline,
    ) -> Result<Written<Stamp>, Unanswered> {
        let product = self.product(deadline).await?;
        let bound = match how {
            Write::Create => "op_type=create".to_owned(),
            Write::Over(Stamp { sequence: Some(sequence), term: Some(term), .. }) if has_sequence(&product) => {
                format!("if_seq_no={sequence}&if_primary_term={term}")
            }
            Write::Over(Stamp { version, .. }) => format!("version={version}"),
        };
        let path = format!("/{INDEX}/{}/{}?{bound}&refresh=true", document_type(&product), encode_segment(id));
        let body = serde_json::to_string(record).unwrap_or_default();
        let call = Call::new(Method::PUT, path).json(body);
        Ok(self.write(&call, |answer| Stamp::deserialize(answer).ok(), deadline).await)
    }
}

fn has_sequence(product: &Product) -> bool {
    since(product, SEQUENCE_SINCE)
}

fn since(product: &Product, elasticsearch: Version) -> bool {
    product.flavour == Flavour::OpenSearch || product.version >= elasticsearch
}

/// Types may not begin with `_` before 6.
fn document_type(product: &Product) -> &'static str {
    if since(product, Version::new(6, 0, 0)) { "_doc" } else { "doc" }
}

impl Product {
    /// Whether `index.hidden` may be set.
    pub fn can_hide_indices(&self) -> bool {
        since(self, HIDDEN_SINCE)
    }
}
