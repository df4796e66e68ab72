//! What which version can do: the one table of it.

use crate::product::{Flavour, Product, Version};
use std::fmt;

/// A cell of the table: never, or since this version.
macro_rules! since {
    (never) => {
        None
    };
    ($major:literal $minor:literal) => {
        Some(Version::new($major, $minor, 0))
    };
}

macro_rules! features {
    ($($variant:ident $name:literal, Elasticsearch $es:tt, OpenSearch $os:tt, $meaning:literal;)*) => {
        /// Something that not every version can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Feature {
            $(#[doc = $meaning] $variant,)*
        }

        impl Feature {
            /// All of them, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What it is called in the field.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The first version that has it; `None` if none has.
            pub const fn since(self, flavour: Flavour) -> Option<Version> {
                let (elasticsearch, opensearch) = match self { $(Self::$variant => (since! $es, since! $os)),* };
                match flavour {
                    Flavour::Elasticsearch => elasticsearch,
                    Flavour::OpenSearch => opensearch,
                }
            }
        }
    };
}

// OpenSearch went its own way from Elasticsearch 7.10.2: what that had, OpenSearch has from its first
// version on. `tests/cluster/features.rs` asks real nodes.
features! {
    Verbose "short lists (verbose=false)", Elasticsearch (5 6), OpenSearch (1 0),
        "`verbose=false` lists names and states from one blob.";
    ClosedIndices "snapshots of closed indices", Elasticsearch (7 2), OpenSearch (1 0),
        "A snapshot may hold indices that are closed.";
    Metadata "metadata on snapshots", Elasticsearch (7 3), OpenSearch (1 0),
        "A snapshot keeps `metadata` of its creator's.";
    Cleanup "cleanup", Elasticsearch (7 4), OpenSearch (1 0),
        "`POST _snapshot/{repository}/_cleanup`.";
    MultiDelete "deleting several snapshots at once", Elasticsearch (7 8), OpenSearch (1 0),
        "A delete takes a list of names.";
    ConcurrentOperations "several snapshots at once", Elasticsearch (7 9), OpenSearch (1 0),
        "Snapshots and deletions may run side by side.";
    Clone "clone", Elasticsearch (7 10), OpenSearch (1 0),
        "`PUT _snapshot/{repository}/{source}/_clone/{target}`.";
    FeatureStates "feature states", Elasticsearch (7 12), OpenSearch (never),
        "`feature_states` on create and restore.";
    IndexDetails "sizes in lists (index_details)", Elasticsearch (7 13), OpenSearch (never),
        "`index_details=true` tells the size of each index in a list.";
    Paging "lists by pages", Elasticsearch (7 14), OpenSearch (never),
        "Lists take `size`, `sort`, `order` and `after`.";
    VerifyIntegrity "verifying integrity on the server", Elasticsearch (8 16), OpenSearch (never),
        "`POST _snapshot/{repository}/_verify_integrity`.";
    ClusterManagerTimeout "cluster_manager_timeout", Elasticsearch (never), OpenSearch (2 0),
        "The parameter `cluster_manager_timeout`; elsewhere it is `master_timeout`.";
    StorageType "searchable snapshots by storage_type", Elasticsearch (never), OpenSearch (2 7),
        "A restore takes `storage_type`.";
    RenameAliases "renaming aliases on restore", Elasticsearch (never), OpenSearch (2 18),
        "A restore takes `rename_alias_pattern`.";
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Product {
    /// Whether every node of the cluster has it.
    pub fn has(&self, feature: Feature) -> bool {
        feature.since(self.flavour).is_some_and(|since| self.version >= since)
    }

    /// The name of the parameter that says how long to wait for the cluster's manager.
    pub fn manager_timeout(&self) -> &'static str {
        if self.has(Feature::ClusterManagerTimeout) { "cluster_manager_timeout" } else { "master_timeout" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(flavour: Flavour, major: u32, minor: u32) -> Product {
        Product { flavour, version: Version::new(major, minor, 0), claimed: None, cluster_name: None }
    }

    #[test]
    fn a_feature_is_there_from_its_version_on() {
        let (elastic, opensearch) = (Flavour::Elasticsearch, Flavour::OpenSearch);
        assert!(!product(elastic, 7, 13).has(Feature::Paging));
        assert!(product(elastic, 7, 14).has(Feature::Paging) && product(elastic, 8, 0).has(Feature::Paging));
        assert!(!product(opensearch, 9, 0).has(Feature::Paging));
        assert!(product(opensearch, 1, 0).has(Feature::MultiDelete));
        assert_eq!(product(opensearch, 1, 3).manager_timeout(), "master_timeout");
        assert_eq!(product(opensearch, 2, 0).manager_timeout(), "cluster_manager_timeout");
    }

    #[test]
    fn each_feature_has_a_name_of_its_own() {
        let mut names: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Feature::ALL.len());
    }
}
