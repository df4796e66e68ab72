//! What was true of the cluster and of its indices: `meta-….dat`, at the root and in each index's folder.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::fields::Entries;
use crate::Damage;
use crate::bytes::{Body, Codec, Tree, expand, json, smile};
use crate::damage::quoted;

/// Bytes that compressed mappings of an index may expand to.
const MAX_MAPPINGS: usize = 32 << 20;

/// Shards that an index may have; servers take 1,024 unless they are told otherwise, and who walks over shards is not to be led on.
pub(crate) const MAX_SHARDS: u32 = 1 << 16;

/// The root's `meta-<uuid>.dat`: the cluster's state, as far as snapshots keep it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GlobalMetadata {
    /// The number of the state.
    pub version: Option<i64>,
    /// The UUID of the cluster.
    pub cluster_uuid: Option<String>,
    /// Everything else by its name: `templates`, `settings`, `ingest` and so on.
    pub sections: BTreeMap<String, Value>,
}

/// `indices/<id>/meta-<X>.dat`: what an index was.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexMetadata {
    /// The index's name.
    pub name: String,
    /// The index's UUID, which its folder's name is not.
    pub uuid: Option<String>,
    /// How many primary shards it has.
    pub shards: u32,
    /// How many copies each shard has.
    pub replicas: u32,
    /// `open` or `close`.
    pub state: String,
    /// Flat names, such as `index.number_of_shards`; texts, or lists of texts.
    pub settings: BTreeMap<String, Value>,
    /// By type, as the cluster keeps them; `_doc` is the type where there are none.
    pub mappings: BTreeMap<String, Value>,
    /// By the alias's name, with its filter and routing.
    pub aliases: BTreeMap<String, Value>,
    /// The number of the metadata's changes.
    pub version: Option<i64>,
    /// The numbers of changes of settings, mappings and aliases, where the blob has all three (Elasticsearch 7.3, OpenSearch).
    pub versions: Option<[i64; 3]>,
}

impl GlobalMetadata {
    /// Reads the root's `meta-<uuid>.dat`.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let body = Body::open(blob, Codec::Metadata)?;
        let RawGlobal { fields } = body.read()?;
        let mut metadata = Self::default();
        for (name, Tree(value)) in fields.0 {
            match &*name {
                "version" => metadata.version = value.as_i64(),
                "cluster_uuid" => metadata.cluster_uuid = value.as_str().map(str::to_owned),
                _ => drop(metadata.sections.insert(name.into(), value)),
            }
        }
        Ok(metadata)
    }
}

impl GlobalMetadata {
    /// Whether the blob can be read, without keeping what it says: states of clusters can be large.
    pub fn check(blob: &[u8]) -> Result<(), Damage> {
        let body = Body::open(blob, Codec::Metadata)?;
        body.read::<CheckedGlobal<'_>>().map(drop)
    }
}

#[derive(Deserialize)]
struct CheckedGlobal<'a> {
    #[serde(rename = "meta-data", borrow)]
    _fields: Entries<'a, IgnoredAny>,
}

#[derive(Deserialize)]
struct RawGlobal<'a> {
    #[serde(rename = "meta-data", borrow)]
    fields: Entries<'a, Tree>,
}

impl IndexMetadata {
    /// Reads `indices/<id>/meta-<X>.dat`.
    pub fn parse(blob: &[u8]) -> Result<Self, Damage> {
        let body = Body::open(blob, Codec::IndexMetadata)?;
        let Entries(mut indices) = body.read::<Entries<'_, RawIndex<'_>>>()?;
        if indices.len() != 1 {
            return Err(body.damage("one index", indices.len()));
        }
        let (name, raw) = indices.remove(0);
        let settings = plain(raw.settings);
        let shards = number(&settings, "index.number_of_shards").filter(|shards| *shards <= MAX_SHARDS);
        let said = quoted(settings.get("index.number_of_shards").and_then(Value::as_str).unwrap_or("none"));
        let mappings = mappings(raw.mappings.map(|Tree(value)| value), MAX_MAPPINGS);
        let versions = raw.settings_version.zip(raw.mapping_version).zip(raw.aliases_version);
        Ok(Self {
            versions: versions.map(|((settings, mappings), aliases)| [settings, mappings, aliases]),
            shards: shards
                .ok_or_else(|| body.damage(format_args!("`index.number_of_shards`, up to {MAX_SHARDS}"), said))?,
            replicas: number(&settings, "index.number_of_replicas").unwrap_or_default(),
            uuid: settings.get("index.uuid").and_then(Value::as_str).map(str::to_owned),
            name: name.into(),
            state: raw.state,
            mappings: mappings.ok_or_else(|| body.damage("mappings by type", "something else"))?,
            aliases: plain(raw.aliases),
            version: raw.version,
            settings,
        })
    }
}

#[derive(Deserialize)]
struct RawIndex<'a> {
    version: Option<i64>,
    settings_version: Option<i64>,
    mapping_version: Option<i64>,
    aliases_version: Option<i64>,
    state: String,
    #[serde(borrow)]
    settings: Entries<'a, Tree>,
    mappings: Option<Tree>,
    #[serde(default, borrow)]
    aliases: Entries<'a, Tree>,
}

fn plain(entries: Entries<'_, Tree>) -> BTreeMap<String, Value> {
    entries.0.into_iter().map(|(name, Tree(value))| (name.into(), value)).collect()
}

/// Settings are texts, numbers too.
fn number(settings: &BTreeMap<String, Value>, setting: &str) -> Option<u32> {
    settings.get(setting)?.as_str()?.parse().ok()
}

/// An object by type, a list of such objects, or any of them in compressed bytes, which have become base64.
fn mappings(value: Option<Value>, most: usize) -> Option<BTreeMap<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(Value::Object(by_type)) => Some(by_type.into_iter().collect()),
        Some(Value::Array(parts)) => {
            let most = most / parts.len().max(1);
            let parts: Option<Vec<_>> = parts.into_iter().map(|part| mappings(Some(part), most)).collect();
            Some(parts?.into_iter().flatten().collect())
        }
        Some(Value::String(packed)) => compressed(&packed, most),
        Some(_) => None,
    }
}

fn compressed(packed: &str, most: usize) -> Option<BTreeMap<String, Value>> {
    let bytes = STANDARD.decode(packed).ok()?;
    let expanded = expand::expand_to(&bytes, most).ok()?;
    let value = if expanded.starts_with(b"{") { json::decode(&expanded) } else { smile::decode(&expanded) };
    match value {
        Ok(Tree(Value::Object(by_type))) => Some(by_type.into_iter().collect()),
        _ => None,
    }
}
