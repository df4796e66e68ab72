//! What is to be verified: how deep, which snapshots and indices, which part of the data.

use serde::{Deserialize, Serialize};
use snapkeep_core::{Code, Failure};
use std::str::FromStr;

/// How deep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The root's blobs, those of the indices and each shard's `index-…` are read, and what they say is compared. Of the
    /// snapshots' own blobs in the shards it is only seen that they are there: they repeat what the shard's `index-…` says, and
    /// there are as many as shards times snapshots.
    Metadata,
    /// And those are read too, and every blob of data that they name is there, with its length.
    #[default]
    Blobs,
    /// And its bytes add up to its checksums.
    Checksums,
}

/// Which blobs of data have their bytes read: a share, by a hash of their names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// All.
    All,
    /// So many of a million; which ones, the salt decides.
    Sample {
        /// Of a million.
        per_million: u32,
        /// Another one, another sample.
        salt: u32,
    },
    /// Part `part` of `of`, from 1; the parts together are all.
    Part {
        /// Which.
        part: u32,
        /// Of how many.
        of: u32,
    },
}

impl Share {
    /// Whether the file whose blobs have this name is in it.
    pub fn holds(self, name: &str) -> bool {
        let hash = |salt: u32| {
            let mut hasher = crc32fast::Hasher::new_with_initial(salt);
            hasher.update(name.as_bytes());
            hasher.finalize()
        };
        match self {
            Self::All => true,
            Self::Sample { per_million, salt } => hash(salt) % 1_000_000 < per_million,
            Self::Part { part, of } => hash(0) % of.max(1) == part.saturating_sub(1),
        }
    }

    /// Which part of all bytes it is, about.
    pub fn fraction(self) -> f64 {
        match self {
            Self::All => 1.0,
            Self::Sample { per_million, .. } => f64::from(per_million) / 1_000_000.0,
            Self::Part { of, .. } => 1.0 / f64::from(of.max(1)),
        }
    }
}

/// A sample's size, such as `5%` or `0.1%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent {
    /// Of a million.
    pub per_million: u32,
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).parse();
        let number: f64 = number.map_err(|_| format!("{text:?} is no share such as 5%"))?;
        if !(number > 0.0 && number <= 100.0) {
            return Err(format!("{text:?} is not above 0% and up to 100%"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within 0 and a million")]
        match (number * 10_000.0).round() as u32 {
            0 => Err(format!("{text:?} is less than one file in a million: 0.0001% is the least")),
            per_million => Ok(Self { per_million }),
        }
    }
}

/// A part of all, such as `3/7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartOf {
    /// Which, from 1.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl FromStr for PartOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        let (part, of) = parsed.ok_or_else(|| format!("{text:?} is no part such as 3/7"))?;
        if part == 0 || part > of {
            return Err(format!("{text:?}: parts go from 1/{of} to {of}/{of}"));
        }
        Ok(Self { part, of })
    }
}

/// What is to be verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// How deep.
    pub level: Level,
    /// Which share of the data has its bytes read.
    pub share: Share,
    /// Names of snapshots; none are all.
    pub snapshots: Vec<String>,
    /// Names of indices; none are all.
    pub indices: Vec<String>,
}

impl Choice {
    /// Whether the index is meant.
    pub fn has_index(&self, name: &str) -> bool {
        self.indices.is_empty() || self.indices.iter().any(|chosen| chosen == name)
    }

    /// Whether the snapshot is meant.
    pub fn has_snapshot(&self, name: &str) -> bool {
        self.snapshots.is_empty() || self.snapshots.iter().any(|chosen| chosen == name)
    }

    /// Whether all is looked at of each snapshot that is chosen: its indices, and their data.
    pub fn is_whole_snapshots(&self) -> bool {
        self.level >= Level::Blobs && self.share == Share::All && self.indices.is_empty()
    }

    /// Whether all is looked at that there is.
    pub fn is_everything(&self) -> bool {
        self.is_whole_snapshots() && self.snapshots.is_empty()
    }

    /// Complains about names that the repository does not have.
    pub fn check(&self, snapshots: &[&str], indices: &[&str]) -> Result<(), Failure> {
        let unknown =
            |chosen: &[String], known: &[&str]| chosen.iter().find(|name| !known.contains(&name.as_str())).cloned();
        if let Some(name) = unknown(&self.snapshots, snapshots) {
            let cause = format!("the repository has no snapshot {name}");
            return Err(Failure::new(Code::SnapshotMissing, cause, "`snapkeep inspect` lists those that there are"));
        }
        if let Some(name) = unknown(&self.indices, indices) {
            let cause = format!("no snapshot of the repository has an index {name}");
            return Err(Failure::new(
                Code::BadEvent,
                cause,
                "`snapkeep inspect snapshot NAME` lists a snapshot's indices",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_people_write_them() {
        assert_eq!("5%".parse(), Ok(Percent { per_million: 50_000 }));
        assert_eq!("0.1%".parse(), Ok(Percent { per_million: 1_000 }));
        assert_eq!("3/7".parse(), Ok(PartOf { part: 3, of: 7 }));
        for bad in ["0%", "101%", "x", "-1%", "NaN", "5%%", "%", "0.00001%", "1e-9%"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad}");
        }
        for bad in ["0/7", "8/7", "3", "3/", "a/b"] {
            assert!(bad.parse::<PartOf>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_parts_together_are_all_and_none_twice() {
        for number in 0..500 {
            let name = format!("__{number}");
            let in_parts = (1..=7).filter(|part| Share::Part { part: *part, of: 7 }.holds(&name)).count();
            assert_eq!(in_parts, 1, "{name}");
        }
    }

    #[test]
    fn a_sample_is_about_as_large_as_asked_for_and_another_with_another_salt() {
        let chosen = |salt| {
            let share = Share::Sample { per_million: 100_000, salt };
            (0..10_000).filter(|number| share.holds(&format!("__a{number}"))).collect::<Vec<_>>()
        };
        assert!((800..1_200).contains(&chosen(1).len()), "{}", chosen(1).len());
        assert_ne!(chosen(1), chosen(2));
    }
}
