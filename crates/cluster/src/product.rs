//! Which product answers, and in which version.

use crate::api::{SnapshotApi, Unanswered};
use serde::{Deserialize, Serialize};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The version that OpenSearch 1.x and 2.x claim to be where
/// `compatibility.override_main_response_version` is set, for the sake of old clients.
const FAKED: Version = Version { major: 7, minor: 10, patch: 2 };

/// Newest Lucene that an Elasticsearch of version [`FAKED`] has: what says more is OpenSearch.
const LUCENE_OF_FAKED: Version = Version { major: 8, minor: 7, patch: 0 };

/// What is known of an OpenSearch that hides its version: that it is one.
const OLDEST_OPENSEARCH: Version = Version { major: 1, minor: 0, patch: 0 };

/// The two products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// Elasticsearch, also Amazon's of old.
    Elasticsearch,
    /// OpenSearch, also Amazon's.
    OpenSearch,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elasticsearch => "Elasticsearch",
            Self::OpenSearch => "OpenSearch",
        })
    }
}

/// A product's version, in order. What follows the third number (`-SNAPSHOT`, `-beta1`) is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl Version {
    /// A version of these numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Version {
    type Err = Failure;

    /// Reads `7.17.28`, `8.19` or `3.0.0-alpha1`.
    fn from_str(text: &str) -> Result<Self, Failure> {
        let unreadable = || {
            let cause = format!("{text:?} is no version of Elasticsearch or OpenSearch");
            Failure::new(Code::ClusterUnavailable, cause, "is the endpoint a cluster's?")
        };
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| number.parse::<u32>().map_err(|_| unreadable()));
        let major = numbers.next().ok_or_else(unreadable)??;
        let minor = numbers.next().ok_or_else(unreadable)??;
        let patch = numbers.next().transpose()?.unwrap_or(0);
        if numbers.next().is_some() { Err(unreadable()) } else { Ok(Self { major, minor, patch }) }
    }
}

/// What answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Whose.
    pub flavour: Flavour,
    /// Its version; the lowest of its nodes', where they differ: what one of them cannot do, the
    /// cluster cannot.
    pub version: Version,
    /// What `GET /` claims, where the nodes say otherwise.
    pub claimed: Option<Version>,
    /// The cluster's name; on Amazon's domains `account:domain`.
    pub cluster_name: Option<String>,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flavour, self.version)
    }
}

/// `GET /`.
#[derive(Debug, Deserialize)]
pub(crate) struct Root {
    version: RootVersion,
    #[serde(default)]
    tagline: String,
    cluster_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RootVersion {
    number: String,
    distribution: Option<String>,
    lucene_version: Option<String>,
}

/// `GET /_nodes`.
#[derive(Debug, Deserialize)]
struct Nodes {
    cluster_name: Option<String>,
    nodes: BTreeMap<String, NodeInfo>,
}

#[derive(Debug, Deserialize)]
struct NodeInfo {
    version: String,
    build_flavor: Option<String>,
}

/// `GET /_cluster/stats`.
#[derive(Debug, Deserialize)]
struct Stats {
    cluster_name: Option<String>,
    nodes: StatsNodes,
}

#[derive(Debug, Deserialize)]
struct StatsNodes {
    versions: Vec<String>,
    #[serde(default)]
    packaging_types: Vec<Packaging>,
}

#[derive(Debug, Deserialize)]
struct Packaging {
    flavor: Option<String>,
}

/// What the nodes say of themselves.
#[derive(Debug)]
pub(crate) struct Told {
    lowest: Version,
    /// Elasticsearch tells its build's flavour (6.3 and later), OpenSearch has none.
    has_build_flavor: bool,
    cluster_name: Option<String>,
}

impl Told {
    fn of<'a>(
        versions: impl Iterator<Item = &'a str>,
        has_build_flavor: bool,
        cluster_name: Option<String>,
    ) -> Option<Self> {
        let lowest = versions.filter_map(|version| version.parse().ok()).min()?;
        Some(Self { lowest, has_build_flavor, cluster_name })
    }

    /// By the number: there is no Elasticsearch below 5 that we know, and no OpenSearch near its numbers.
    fn flavour(&self) -> Flavour {
        if self.has_build_flavor || self.lowest.major >= 5 { Flavour::Elasticsearch } else { Flavour::OpenSearch }
    }
}

impl SnapshotApi {
    /// Which product answers, and in which version. Asked for once; a failure is not kept.
    ///
    /// By `GET /` and the nodes' own versions; where one of them is missing or forbidden, by the other.
    /// The product header is not needed: old versions and proxies have none.
    pub async fn product(&self, deadline: Deadline) -> Result<Product, Unanswered> {
        self.product.get_or_try_init(|| self.detect(deadline)).await.cloned()
    }

    async fn detect(&self, deadline: Deadline) -> Result<Product, Unanswered> {
        let root = self.get::<Root>("/", deadline).await;
        let told = match self.nodes(deadline).await {
            Some(told) => Some(told),
            None => self.stats(deadline).await,
        };
        match (root, told) {
            (Ok(root), told) => judge(root, told),
            (Err(_), Some(told)) => Ok(Product {
                flavour: told.flavour(),
                version: told.lowest,
                claimed: None,
                cluster_name: told.cluster_name,
            }),
            (Err(unanswered), None) => Err(unanswered),
        }
    }

    async fn nodes(&self, deadline: Deadline) -> Option<Told> {
        let path = "/_nodes?filter_path=cluster_name,nodes.*.version,nodes.*.build_flavor";
        let nodes = self.get::<Nodes>(path, deadline).await.ok()?;
        let has_build_flavor = nodes.nodes.values().any(|node| node.build_flavor.is_some());
        Told::of(nodes.nodes.values().map(|node| node.version.as_str()), has_build_flavor, nodes.cluster_name)
    }

    async fn stats(&self, deadline: Deadline) -> Option<Told> {
        let path = "/_cluster/stats?filter_path=cluster_name,nodes.versions,nodes.packaging_types";
        let stats = self.get::<Stats>(path, deadline).await.ok()?;
        let has_build_flavor = stats.nodes.packaging_types.iter().any(|packaging| packaging.flavor.is_some());
        Told::of(stats.nodes.versions.iter().map(String::as_str), has_build_flavor, stats.cluster_name)
    }
}

/// What `GET /` and the nodes say together.
fn judge(root: Root, told: Option<Told>) -> Result<Product, Unanswered> {
    let claimed: Version = root
        .version
        .number
        .parse()
        .map_err(|error: Failure| Unanswered::Malformed { status: 200, what: format!("`GET /`: {}", error.cause) })?;
    let flavour = flavour(&root, claimed, told.as_ref());
    let is_faked = flavour == Flavour::OpenSearch && claimed == FAKED;
    let fallback = if is_faked { OLDEST_OPENSEARCH } else { claimed };
    let version = told.as_ref().map_or(fallback, |told| told.lowest);
    Ok(Product {
        flavour,
        version,
        claimed: (claimed != version).then_some(claimed),
        cluster_name: root.cluster_name.or_else(|| told?.cluster_name),
    })
}

/// The distribution where it is told; a faked version hides it, but not the tagline, the nodes'
/// versions and Lucene's.
fn flavour(root: &Root, claimed: Version, told: Option<&Told>) -> Flavour {
    let lucene = || root.version.lucene_version.as_deref().and_then(|lucene| lucene.parse::<Version>().ok());
    let is_opensearch = root.version.distribution.as_deref().map_or_else(
        || {
            root.tagline.contains("OpenSearch")
                || told.is_some_and(|told| told.flavour() == Flavour::OpenSearch)
                || claimed == FAKED && lucene().is_some_and(|lucene| lucene > LUCENE_OF_FAKED)
        },
        |distribution| distribution.eq_ignore_ascii_case("opensearch"),
    );
    if is_opensearch { Flavour::OpenSearch } else { Flavour::Elasticsearch }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn root(version: &Value, tagline: &str) -> Root {
        serde_json::from_value(json!({"version": version, "tagline": tagline, "cluster_name": "c"})).unwrap()
    }

    fn told(versions: &[&str], has_build_flavor: bool) -> Option<Told> {
        Told::of(versions.iter().copied(), has_build_flavor, None)
    }

    #[test]
    fn versions_are_read_and_ordered() {
        for (text, expected) in [
            ("7.17.28", Some((7, 17, 28))),
            ("8.19", Some((8, 19, 0))),
            ("3.0.0-alpha1", Some((3, 0, 0))),
            ("8.0.0-SNAPSHOT", Some((8, 0, 0))),
            ("OpenSearch_2.11", None),
            ("7", None),
            ("", None),
            ("1.2.3.4", None),
            ("1.-2.3", None),
        ] {
            let read = text.parse::<Version>().ok().map(|v| (v.major, v.minor, v.patch));
            assert_eq!(read, expected, "{text}");
        }
        assert!(Version::new(7, 9, 3) < Version::new(7, 10, 0));
        assert_eq!(Version::new(7, 10, 2).to_string(), "7.10.2");
    }

    #[test]
    fn what_the_root_claims_is_held_against_the_nodes() {
        let opensearch = "The OpenSearch Project: https://opensearch.org/";
        let elastic = "You Know, for Search";
        let faked = json!({"number": "7.10.2", "lucene_version": "9.12.3"});
        #[rustfmt::skip]
        let table = [
            (root(&json!({"number": "3.3.0", "distribution": "opensearch"}), opensearch), told(&["3.3.0"], false), "OpenSearch 3.3.0", None),
            (root(&json!({"number": "7.17.28"}), elastic), told(&["7.17.28"], true), "Elasticsearch 7.17.28", None),
            // Nodes in the middle of an upgrade.
            (root(&json!({"number": "8.19.0"}), elastic), told(&["8.19.0", "7.17.28"], true), "Elasticsearch 7.17.28", Some("8.19.0")),
            (root(&faked, opensearch), told(&["2.19.4"], false), "OpenSearch 2.19.4", Some("7.10.2")),
            // The tagline is hidden as well, or the nodes do not tell.
            (root(&faked, ""), told(&["2.19.4"], false), "OpenSearch 2.19.4", Some("7.10.2")),
            (root(&faked, opensearch), None, "OpenSearch 1.0.0", Some("7.10.2")),
            (root(&faked, ""), None, "OpenSearch 1.0.0", Some("7.10.2")),
            (root(&json!({"number": "7.10.2", "lucene_version": "8.7.0"}), elastic), None, "Elasticsearch 7.10.2", None),
            (root(&json!({"number": "5.6.16"}), elastic), told(&["5.6.16"], false), "Elasticsearch 5.6.16", None),
        ];
        for (root, told, expected, claimed) in table {
            let shown = format!("{root:?} {told:?}");
            let product = judge(root, told).unwrap();
            assert_eq!(product.to_string(), expected, "{shown}");
            assert_eq!(product.claimed.map(|version| version.to_string()).as_deref(), claimed, "{shown}");
        }
    }

    #[test]
    fn a_version_that_is_none_is_malformed() {
        let unanswered = judge(root(&json!({"number": "latest"}), ""), None).unwrap_err();
        assert!(matches!(unanswered, Unanswered::Malformed { .. }), "{unanswered:?}");
    }
}
