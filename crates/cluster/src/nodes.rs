//! What a restore needs to know of the cluster: disks by tier, the limit of shards, aliases, templates; and of the snapshot:
//! the size of each index.

use crate::Kind;
use crate::api::{SnapshotApi, Unanswered};
use crate::indices::{HIDDEN_SINCE, flat, is_true};
use crate::product::{Flavour, Product, Version};
use serde::Deserialize;
use serde_json::{Map, Value};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::restore::{Alias, Release, ShardRoom, Size, Tier};
use snapkeep_transport::{Call, Deadline, Method};
use std::collections::{BTreeMap, BTreeSet};

/// Largest answer that is read, in bytes.
const CAP: usize = 64 << 20;

/// The low watermark unless it is set: percent of a disk that may be used.
const WATERMARK: f64 = 0.85;

/// The first release of Elasticsearch that replicates closed indices, and counts their shards.
const CLOSED_ARE_COUNTED_SINCE: Version = Version::new(7, 2, 0);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Nodes {
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    roles: Option<Vec<String>>,
    fs: Fs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fs {
    total: Disk,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disk {
    total_in_bytes: i64,
    available_in_bytes: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AllSettings {
    transient: Map<String, Value>,
    persistent: Map<String, Value>,
    defaults: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Health {
    number_of_data_nodes: u64,
    active_shards: u64,
    initializing_shards: u64,
    unassigned_shards: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Aliased {
    aliases: BTreeMap<String, OfAlias>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OfAlias {
    is_write_index: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Composable {
    index_templates: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Statuses {
    snapshots: Vec<Status>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    indices: BTreeMap<String, Value>,
}

/// How much room there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// The data nodes by tier.
    pub tiers: Vec<Tier>,
    /// Shards, if there is a limit.
    pub shards: Option<ShardRoom>,
}

/// The limit of shards is one of open indices', and since closed ones are replicated their shards are counted unless they
/// are left out by name. Earlier releases refuse the words, and those for what they do not know to hide.
fn of_open_indices(product: &Product) -> &'static str {
    match product.flavour {
        Flavour::Elasticsearch if product.version < CLOSED_ARE_COUNTED_SINCE => "",
        Flavour::Elasticsearch if product.version < HIDDEN_SINCE => "&expand_wildcards=open",
        Flavour::Elasticsearch | Flavour::OpenSearch => "&expand_wildcards=open,hidden",
    }
}

impl SnapshotApi {
    /// The room on disks and for shards: three requests.
    pub async fn space(&self, product: &Product, deadline: Deadline) -> Result<Space, Unanswered> {
        let settings = self.limits(deadline).await?;
        let path = "/_nodes/stats/fs?filter_path=nodes.*.roles,nodes.*.fs.total";
        let nodes = self.told::<Nodes>(path, deadline).await?;
        let path = format!(
            "/_cluster/health?filter_path=number_of_data_nodes,active_shards,initializing_shards,unassigned_shards{}",
            of_open_indices(product)
        );
        let health = self.told::<Health>(&path, deadline).await?;
        let low = settings.get("cluster.routing.allocation.disk.watermark.low").and_then(Value::as_str);
        let threshold = settings.get("cluster.routing.allocation.disk.threshold_enabled");
        // Where the disks are not looked at, a shard goes wherever there is room at all.
        let low = if threshold.is_some_and(|is_on| !is_true(is_on)) { Some("100%") } else { low };
        let per_node = settings.get("cluster.max_shards_per_node").filter(|_| has_shard_limit(product));
        let per_node = per_node.and_then(|limit| limit.as_u64().or_else(|| limit.as_str()?.parse().ok()));
        let open = health.active_shards + health.initializing_shards + health.unassigned_shards;
        Ok(Space {
            tiers: tiers(nodes, low),
            shards: per_node.map(|limit| ShardRoom { open, limit: limit.saturating_mul(health.number_of_data_nodes) }),
        })
    }

    /// Settings that limit a restore, by their whole names: what is transient counts before what is persistent.
    async fn limits(&self, deadline: Deadline) -> Result<Map<String, Value>, Unanswered> {
        let path = "/_cluster/settings?include_defaults=true&filter_path=**.max_shards_per_node,**.disk";
        let found = self.told::<AllSettings>(path, deadline).await?;
        let mut all = flat(found.defaults);
        all.extend(flat(found.persistent));
        all.extend(flat(found.transient));
        Ok(all)
    }

    /// All aliases, with their indices and the one that each is written to.
    pub async fn aliases(&self, deadline: Deadline) -> Result<BTreeMap<String, Alias>, Unanswered> {
        let found: BTreeMap<String, Aliased> = self.told("/_all/_alias?expand_wildcards=all", deadline).await?;
        let mut aliases: BTreeMap<String, Alias> = BTreeMap::new();
        for (index, of_index) in found {
            for (name, alias) in of_index.aliases {
                let known = aliases.entry(name).or_default();
                known.indices.insert(index.clone());
                if alias.is_write_index {
                    known.write_index = Some(index.clone());
                }
            }
        }
        Ok(aliases)
    }

    /// The index templates that are users' own, of both kinds: not those that begin with a dot or say that they are managed.
    pub async fn templates(&self, deadline: Deadline) -> Result<BTreeSet<String>, Unanswered> {
        let legacy: BTreeMap<String, Value> = self.told("/_template", deadline).await?;
        let call = Call::new(Method::GET, "/_index_template").cap(CAP);
        let is_unknown = |kind| matches!(kind, Kind::Unsupported | Kind::Invalid);
        let composable = self.find::<Composable>(&call, is_unknown, deadline).await?.unwrap_or_default();
        let is_managed =
            |template: &Value| template["_meta"]["managed"] == true || template["mappings"]["_meta"]["managed"] == true;
        let named = composable.index_templates.iter().filter(|entry| !is_managed(&entry["index_template"]));
        let named = named.filter_map(|entry| entry["name"].as_str().map(str::to_owned));
        let legacy = legacy.into_iter().filter(|(_, template)| !is_managed(template)).map(|(name, _)| name);
        Ok(named.chain(legacy).filter(|name| !name.starts_with('.')).collect())
    }

    /// Shards and bytes of each index of a snapshot. The server reads a file for each shard.
    pub async fn index_sizes(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        deadline: Deadline,
    ) -> Result<BTreeMap<String, Size>, Unanswered> {
        let path = format!("/_snapshot/{}/{}/_status", repository.segment(), snapshot.segment());
        let mut found = self.told::<Statuses>(&path, deadline).await?;
        let indices = found.snapshots.pop().map(|status| status.indices).unwrap_or_default();
        Ok(indices.into_iter().filter_map(|(name, of)| Some((name, size(&of)?))).collect())
    }

    async fn told<T: serde::de::DeserializeOwned + Default>(
        &self,
        path: &str,
        deadline: Deadline,
    ) -> Result<T, Unanswered> {
        let call = Call::new(Method::GET, path).cap(CAP);
        Ok(self.find::<T>(&call, |_| false, deadline).await?.unwrap_or_default())
    }
}

/// Before 7 the setting was there without effect.
fn has_shard_limit(product: &Product) -> bool {
    product.flavour == Flavour::OpenSearch || product.version.major >= 7
}

/// From 6.4 on, and on OpenSearch, `total` is an object; before, the key is flat.
fn size(of: &Value) -> Option<Size> {
    let stats = &of["stats"];
    let bytes = stats["total"]["size_in_bytes"].as_u64().or_else(|| stats["total_size_in_bytes"].as_u64())?;
    Some(Size { shards: of["shards_stats"]["total"].as_u64()?, bytes })
}

fn tiers(nodes: Nodes, low: Option<&str>) -> Vec<Tier> {
    let mut tiers: BTreeMap<&'static str, Tier> = BTreeMap::new();
    for node in nodes.nodes.into_values() {
        let Some(name) = tier_of(node.roles.as_deref()) else { continue };
        let known = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
        let (total, free) = (known(node.fs.total.total_in_bytes), known(node.fs.total.available_in_bytes));
        let tier = tiers.entry(name).or_insert_with(|| Tier {
            name: name.to_owned(),
            nodes: 0,
            total_bytes: 0,
            free_bytes: 0,
            usable_bytes: 0,
            takes_restores: matches!(name, "data" | "content" | "hot"),
        });
        tier.nodes += 1;
        tier.total_bytes = tier.total_bytes.saturating_add(total);
        tier.free_bytes = tier.free_bytes.saturating_add(free);
        tier.usable_bytes = tier.usable_bytes.saturating_add(free.saturating_sub(reserve(total, low)));
    }
    tiers.into_values().collect()
}

/// Roles, and the tier that a node of each belongs to; the first that fits counts.
const TIERS: [(&str, &str); 8] = [
    ("data", "data"),
    ("data_content", "content"),
    ("data_hot", "hot"),
    ("data_warm", "warm"),
    ("data_cold", "cold"),
    ("data_frozen", "frozen"),
    ("warm", "warm"),
    ("search", "search"),
];

/// The tier of a node of these roles; `None` if it holds no data. Versions that tell no roles have but one tier.
fn tier_of(roles: Option<&[String]>) -> Option<&'static str> {
    let Some(roles) = roles else { return Some("data") };
    TIERS.iter().find(|(role, _)| roles.iter().any(|has| has == role)).map(|(_, tier)| *tier)
}

/// Bytes of a disk that must stay free for the low watermark: `85%` and `0.85` are what may be used, `10gb` what is kept.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a disk"
)]
fn reserve(total: u64, low: Option<&str>) -> u64 {
    let text = low.unwrap_or_default().trim().to_ascii_lowercase();
    let share = text.strip_suffix('%').and_then(|percent| percent.parse::<f64>().ok()).map(|percent| percent / 100.0);
    let share = share.or_else(|| text.parse().ok().filter(|share| *share <= 1.0));
    match share {
        Some(share) => (total as f64 * (1.0 - share.clamp(0.0, 1.0))) as u64,
        None => bytes(&text).unwrap_or((total as f64 * (1.0 - WATERMARK)) as u64),
    }
}

/// Reads `10gb`.
fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 5] = [("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10), ("b", 1)];
    let (unit, times) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    text.trim_end_matches(unit).trim().parse::<u64>().ok()?.checked_mul(*times)
}

impl From<&Product> for Release {
    fn from(product: &Product) -> Self {
        Self {
            is_opensearch: product.flavour == Flavour::OpenSearch,
            major: product.version.major,
            minor: product.version.minor,
            patch: product.version.patch,
            has_feature_states: product.has(crate::Feature::FeatureStates),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn watermarks_are_shares_or_bytes() {
        for (low, expected) in [
            (None, 150),
            (Some("85%"), 150),
            (Some("0.9"), 99),
            (Some("500b"), 500),
            (Some("1kb"), 1024),
            (Some("strange"), 150),
        ] {
            let found = reserve(1_000, low);
            assert!(found.abs_diff(expected) <= 1, "{low:?}: {found}");
        }
    }

    #[test]
    fn nodes_make_tiers() {
        let node = |roles: Value, free: u64| json!({"roles": roles, "fs": {"total": {"total_in_bytes": 1000, "available_in_bytes": free}}});
        let nodes = json!({"nodes": {
            "a": node(json!(["data", "master", "data_hot"]), 500),
            "b": node(json!(["data"]), 100),
            "c": node(json!(["data_warm"]), 900),
            "d": node(json!(["master"]), 900),
            "e": {"fs": {"total": {"total_in_bytes": 1000, "available_in_bytes": 200}}},
        }});
        let tiers = tiers(serde_json::from_value(nodes).unwrap(), Some("90%"));
        let shown: Vec<_> =
            tiers.iter().map(|tier| (tier.name.as_str(), tier.nodes, tier.free_bytes, tier.takes_restores)).collect();
        assert_eq!(shown, [("data", 3, 800, true), ("warm", 1, 900, false)]);
        assert!(tiers[0].usable_bytes.abs_diff(500) <= 3, "{tiers:?}");
    }

    #[test]
    fn sizes_are_told_in_two_ways() {
        let new = json!({"shards_stats": {"total": 2}, "stats": {"total": {"file_count": 1, "size_in_bytes": 7}}});
        let old = json!({"shards_stats": {"total": 2}, "stats": {"total_size_in_bytes": 7}});
        for of in [new, old] {
            assert_eq!(size(&of), Some(Size { shards: 2, bytes: 7 }));
        }
        assert_eq!(size(&json!({})), None);
    }
}
