//! Which versions read what other versions wrote.
//!
//! The rules are the products' own: a major version reads the indices of the one before, and no older ones
//! (Elasticsearch's guide "Snapshot and restore", "Index compatibility"; OpenSearch's "Migrating between versions").
//! OpenSearch 1 reads what Elasticsearch 6 and 7 to 7.10 wrote, OpenSearch 2 what Elasticsearch 7 to 7.10 wrote.

use std::fmt;

/// The last Elasticsearch that OpenSearch goes on from.
const FORK: (u32, u32) = (7, 10);

/// What a snapshot is restored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// OpenSearch rather than Elasticsearch.
    pub is_opensearch: bool,
    /// First number of the version.
    pub major: u32,
    /// Second number of the version.
    pub minor: u32,
    /// Third number of the version.
    pub patch: u32,
    /// Whether it knows `feature_states`.
    pub has_feature_states: bool,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let product = if self.is_opensearch { "OpenSearch" } else { "Elasticsearch" };
        write!(f, "{product} {}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Whether what one version wrote can be restored to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// Yes, as far as the snapshot's version tells: indices in it may be older than it.
    Yes,
    /// It is not known, and why.
    Unknown(String),
    /// No.
    No {
        /// Why.
        why: String,
        /// What can be done.
        way_out: String,
    },
}

/// Whether a snapshot that says to be of `version` can be restored to `target`.
pub(super) fn compatibility(version: Option<&str>, target: &Release) -> Compatibility {
    let Some((major, minor)) = version.and_then(read) else {
        let said = version.unwrap_or("none");
        return Compatibility::Unknown(format!(
            "which version took the snapshot is not known (it says {said}): whether {target} can read it will show"
        ));
    };
    // No Elasticsearch below 5 is restored from by anything that runs, and OpenSearch began anew at 1.
    let is_opensearch = major < 5;
    match (is_opensearch, target.is_opensearch) {
        (false, false) => same_product("Elasticsearch", (major, minor), target),
        (true, true) => same_product("OpenSearch", (major, minor), target),
        (true, false) => no(
            format!("OpenSearch {major}.{minor} took the snapshot, and Elasticsearch reads none of OpenSearch's"),
            "restore it to an OpenSearch of the same major version and reindex from there (`_reindex` from remote)"
                .to_owned(),
        ),
        (false, true) => over_the_fork((major, minor), target),
    }
}

fn no(why: String, way_out: String) -> Compatibility {
    Compatibility::No { why, way_out }
}

fn same_product(product: &str, (major, minor): (u32, u32), target: &Release) -> Compatibility {
    if (major, minor) > (target.major, target.minor) {
        return no(
            format!(
                "{product} {major}.{minor} took the snapshot, and {target} is older: no version reads what a later one wrote"
            ),
            format!("restore it to {product} {major}.{minor} or later; upgrade this cluster first"),
        );
    }
    if target.major - major > 1 {
        let between = major + 1;
        return no(
            format!(
                "{product} {major}.{minor} took the snapshot: {target} reads indices of {}.x and {}.x only",
                target.major - 1,
                target.major
            ),
            step_way_out(product, between, target),
        );
    }
    Compatibility::Yes
}

/// One major version after the other, reindexing in each.
fn step_way_out(product: &str, between: u32, target: &Release) -> String {
    format!(
        "go through {product} {between}.x: restore it there, reindex (an index keeps the version that created it, whatever it is restored to), take a snapshot there, and so on to {}.x",
        target.major
    )
}

fn over_the_fork((major, minor): (u32, u32), target: &Release) -> Compatibility {
    if (major, minor) > FORK {
        return no(
            format!("Elasticsearch {major}.{minor} took the snapshot: OpenSearch reads those of Elasticsearch up to 7.10 only"),
            "restore it to an Elasticsearch and reindex from there (`_reindex` from remote), or take it with Elasticsearch 7.10 or older".to_owned(),
        );
    }
    let oldest = match target.major {
        0 | 1 => 6,
        2 => 7,
        _ => {
            return no(
                format!(
                    "Elasticsearch {major}.{minor} took the snapshot: {target} reads indices of OpenSearch {}.x and {}.x only",
                    target.major - 1,
                    target.major
                ),
                step_way_out("OpenSearch", if major < 7 { 1 } else { 2 }, target),
            );
        }
    };
    if major < oldest {
        let (product, between) = if major < 6 { ("Elasticsearch", 6) } else { ("OpenSearch", 1) };
        return no(
            format!(
                "Elasticsearch {major}.{minor} took the snapshot: {target} reads indices of Elasticsearch {oldest}.x to 7.10 only"
            ),
            step_way_out(product, between, target),
        );
    }
    Compatibility::Yes
}

/// Reads `7.17.28`, `8.18.0-8.19.0` (a range that later versions tell) and `8525000` (where they tell no release): the
/// first two numbers.
fn read(version: &str) -> Option<(u32, u32)> {
    let first = version.split('-').next()?;
    let mut numbers = first.split('.').map(|number| number.parse::<u32>().ok());
    let major = numbers.next()??;
    match numbers.next() {
        Some(minor) => Some((major, minor?)),
        None if major >= 1_000_000 => Some((major / 1_000_000, 0)),
        None => None,
    }
}

impl Default for Release {
    fn default() -> Self {
        Self { is_opensearch: true, major: 3, minor: 0, patch: 0, has_feature_states: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        let (product, version) = text.split_once(' ').unwrap();
        let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
        Release {
            is_opensearch: product == "os",
            major: numbers[0],
            minor: numbers[1],
            patch: 0,
            has_feature_states: false,
        }
    }

    #[test]
    fn neighbours_are_read_and_leaps_are_not() {
        for (from, to, expected) in [
            ("5.6.16", "es 6.8", "yes"),
            ("6.8.0", "es 7.17", "yes"),
            ("7.17.28", "es 8.19", "yes"),
            ("8.19.0", "es 9.2", "yes"),
            ("8.18.0-8.19.0", "es 8.19", "yes"),
            ("8525000", "es 9.2", "yes"),
            ("5.6.16", "es 7.17", "6.x"),
            ("7.17.28", "es 9.2", "8.x"),
            ("7.17.28", "es 7.10", "upgrade"),
            ("1.3.20", "os 2.19", "yes"),
            ("2.19.4", "os 3.3", "yes"),
            ("1.3.20", "os 3.3", "OpenSearch 2.x"),
            ("3.3.0", "os 2.19", "upgrade"),
            ("7.10.2", "os 1.3", "yes"),
            ("6.8.0", "os 1.3", "yes"),
            ("7.10.2", "os 2.19", "yes"),
            ("6.8.0", "os 2.19", "OpenSearch 1.x"),
            ("5.6.16", "os 1.3", "Elasticsearch 6.x"),
            ("7.10.2", "os 3.3", "OpenSearch 2.x"),
            ("6.8.0", "os 3.3", "OpenSearch 1.x"),
            ("7.17.28", "os 1.3", "_reindex"),
            ("2.19.4", "es 8.19", "_reindex"),
            ("strange", "es 8.19", "unknown"),
        ] {
            let found = compatibility(Some(from), &release(to));
            let said = match &found {
                Compatibility::Yes => "yes",
                Compatibility::Unknown(_) => "unknown",
                Compatibility::No { way_out, .. } => way_out,
            };
            assert!(said.contains(expected), "{from} to {to}: {found:?}");
        }
        assert!(matches!(compatibility(None, &release("os 3.3")), Compatibility::Unknown(_)));
    }
}
