//! The releases that the testbed can run, pinned.
//!
//! Each is the vendor's own small distribution, made for their integration tests and published to Maven Central. They hold
//! no plugin; OpenSearch's S3 plugin is published as a jar, and is put together here for the release that we run with S3.

use std::fmt;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::maven::Artifact;

/// Whose node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

impl Product {
    /// Lower case, as in file names and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::OpenSearch => "opensearch",
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A release: what to fetch and what it needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// Such as `opensearch-3.3.0`; also the name of the directory inside of the archive.
    pub name: &'static str,
    /// Whose it is.
    pub product: Product,
    /// Such as `3.3.0`.
    pub version: &'static str,
    /// First number of the version.
    pub major: u32,
    /// Oldest and newest Java that it runs on.
    pub java: (u32, u32),
    /// Of the archive.
    pub sha256: &'static str,
    /// Of the archive, in bytes.
    pub size: u64,
    /// The pinned jars of its S3 plugin, empty if it has none.
    pub s3_plugin: &'static str,
}

use Product::{Elasticsearch, OpenSearch};

/// All releases, the one that everything needs first.
pub static RELEASES: [Release; 9] = [
    Release {
        name: "opensearch-3.3.0",
        product: OpenSearch,
        version: "3.3.0",
        major: 3,
        java: (21, 25),
        sha256: "c3a6bf825ea05b8d9fe3758dad70ed198cf9c365700895165d310a0a9e7f48a5",
        size: 78_638_524,
        s3_plugin: include_str!("../pins/opensearch-3.3.0-repository-s3.txt"),
    },
    Release {
        name: "opensearch-2.19.4",
        product: OpenSearch,
        version: "2.19.4",
        major: 2,
        java: (11, 21),
        sha256: "3902e642715210d1d9d7cbdcc8f5abd6f931d1d7a679cea3750937becf16c406",
        size: 56_192_149,
        s3_plugin: "",
    },
    Release {
        name: "opensearch-1.3.20",
        product: OpenSearch,
        version: "1.3.20",
        major: 1,
        java: (11, 17),
        sha256: "031e0cdcd14c7a5b9907dff8050fff76c7c2892c7313ea83c4a0bfbaae9265e3",
        size: 35_134_910,
        s3_plugin: "",
    },
    Release {
        name: "elasticsearch-9.2.0",
        product: Elasticsearch,
        version: "9.2.0",
        major: 9,
        java: (21, 25),
        sha256: "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b",
        size: 99_253_337,
        s3_plugin: "",
    },
    Release {
        name: "elasticsearch-8.19.0",
        product: Elasticsearch,
        version: "8.19.0",
        major: 8,
        java: (17, 17),
        sha256: "14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033",
        size: 97_002_615,
        s3_plugin: "",
    },
    Release {
        name: "elasticsearch-7.17.28",
        product: Elasticsearch,
        version: "7.17.28",
        major: 7,
        java: (11, 17),
        sha256: "37004c9bd95165eb41b229204bbb9f311d8099d6db22ec22b2f019664f0a75ab",
        size: 57_294_779,
        s3_plugin: "",
    },
    Release {
        name: "elasticsearch-7.10.2",
        product: Elasticsearch,
        version: "7.10.2",
        major: 7,
        java: (11, 17),
        sha256: "38a4232a9b8506235c8a2b6a24cdf3732b2c2aa4b8026c89063e038a610c9f4c",
        size: 31_189_039,
        s3_plugin: "",
    },
    Release {
        name: "elasticsearch-6.8.0",
        product: Elasticsearch,
        version: "6.8.0",
        major: 6,
        java: (17, 17),
        sha256: "ce9b5535bbe33892cd640d6e6894ab1996a5ccf2b998721a539a790a4fc7a424",
        size: 29_236_931,
        s3_plugin: "",
    },
    Release {
        name: "elasticsearch-5.6.16",
        product: Elasticsearch,
        version: "5.6.16",
        major: 5,
        java: (17, 17),
        sha256: "983eada4466d18259a69ebf7cf6a219431b5acc8dc8c1e8258ee8fcf466653c4",
        size: 24_448_986,
        s3_plugin: "",
    },
];

/// Names of the releases that every run of tests covers.
pub const REQUIRED: [&str; 2] = ["opensearch-3.3.0", "elasticsearch-7.17.28"];

/// The environment variable that says which releases a run of tests covers: `1` for all, or names between commas.
pub const MATRIX_VAR: &str = "SNAPKEEP_MATRIX";

/// The releases of this run of tests: [`REQUIRED`], or what `SNAPKEEP_MATRIX` says. What is left out is said once a
/// process.
///
/// # Panics
/// When `SNAPKEEP_MATRIX` names a release that there is not.
pub fn of_this_run() -> &'static [&'static Release] {
    static CHOSEN: LazyLock<Vec<&Release>> = LazyLock::new(|| {
        let asked = std::env::var(MATRIX_VAR).ok();
        let chosen = chosen(asked.as_deref()).unwrap_or_else(|error| panic!("{MATRIX_VAR}: {error}"));
        let skipped: Vec<&str> =
            RELEASES.iter().filter(|release| !chosen.contains(release)).map(|release| release.name).collect();
        if !skipped.is_empty() {
            // Past the tests' capture: what is skipped is to be seen.
            let _ = writeln!(std::io::stderr(), "skipped {}: {MATRIX_VAR}=1 runs them", skipped.join(", "));
        }
        chosen
    });
    &CHOSEN
}

fn chosen(asked: Option<&str>) -> Result<Vec<&'static Release>> {
    match asked {
        None => REQUIRED.into_iter().map(Release::named).collect(),
        Some("1") => Ok(RELEASES.iter().collect()),
        Some(names) => names.split(',').map(|name| Release::named(name.trim())).collect(),
    }
}

impl Release {
    /// The release of that name.
    ///
    /// # Errors
    /// [`Error::UnknownRelease`] naming those that there are.
    pub fn named(name: &str) -> Result<&'static Self> {
        RELEASES.iter().find(|release| release.name == name).ok_or_else(|| Error::UnknownRelease {
            name: name.to_owned(),
            known: RELEASES.iter().map(|release| release.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The majors of Java that it runs on.
    pub fn java_range(&self) -> RangeInclusive<u32> {
        self.java.0..=self.java.1
    }

    /// Whether it can be had with S3.
    pub fn has_s3(&self) -> bool {
        !self.s3_plugin.is_empty()
    }

    /// The distribution on Maven Central.
    pub fn archive(&self) -> Artifact {
        let vendor = self.product.name();
        Artifact {
            group: format!("org.{vendor}.distribution.integ-test-zip"),
            artifact: vendor.to_owned(),
            packaging: "zip".to_owned(),
            version: self.version.to_owned(),
            sha256: self.sha256.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_itself() {
        for release in &RELEASES {
            assert_eq!(release.name, format!("{}-{}", release.product, release.version));
            assert_eq!(release.version.split('.').next().unwrap(), release.major.to_string());
            assert_eq!(release.sha256.len(), 64);
            assert!(std::ptr::eq(Release::named(release.name).unwrap(), release));
            Artifact::parse_all(release.s3_plugin);
        }
        let unknown = Release::named("opensearch-9").unwrap_err().to_string();
        assert!(unknown.contains("opensearch-3.3.0"), "{unknown}");
    }

    #[test]
    fn a_run_covers_what_is_required_or_asked_for() {
        let names = |asked: Option<&str>| -> Vec<&str> {
            chosen(asked).unwrap().into_iter().map(|release| release.name).collect()
        };
        assert_eq!(names(None), REQUIRED);
        assert_eq!(names(Some("1")).len(), RELEASES.len());
        assert_eq!(
            names(Some("elasticsearch-6.8.0, elasticsearch-5.6.16")),
            ["elasticsearch-6.8.0", "elasticsearch-5.6.16"]
        );
        assert!(chosen(Some("")).is_err());
    }
}
