//! What a policy says about keeping.

use crate::period::Period;
use crate::{Code, Failure};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many a keep rule wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many of the newest; 0 turns the rule off.
    Of(u32),
    /// Each one.
    All,
}

impl Count {
    pub(crate) fn takes(self, taken: u32) -> bool {
        match self {
            Self::Of(count) => taken < count,
            Self::All => true,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(count) => count.fmt(f),
            Self::All => f.write_str("all"),
        }
    }
}

/// What becomes of FAILED or PARTIAL snapshots once a newer SUCCESS exists. Before that they stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsuccessful {
    /// They go.
    #[default]
    Superseded,
    /// They go when they began longer ago than this.
    For(Period),
    /// They stay (until `max_age`).
    Always,
}

impl fmt::Display for Unsuccessful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superseded => f.write_str("until a newer SUCCESS exists"),
            Self::For(period) => write!(f, "for {period}"),
            Self::Always => f.write_str("always"),
        }
    }
}

/// A policy's rules. An absent rule wants nothing; an absent limit limits nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The newest.
    pub last: Option<Count>,
    /// The newest of each of the latest hours that have any.
    pub hourly: Option<Count>,
    /// The newest of each of the latest days that have any.
    pub daily: Option<Count>,
    /// The newest of each of the latest ISO weeks (Monday to Sunday) that have any.
    pub weekly: Option<Count>,
    /// The newest of each of the latest months that have any.
    pub monthly: Option<Count>,
    /// The newest of each of the latest quarters that have any.
    pub quarterly: Option<Count>,
    /// The newest of each of the latest years that have any.
    pub yearly: Option<Count>,
    /// Everything that began at most so long before the newest SUCCESS, as restic's `--keep-within`: when backups
    /// stop, this rule stops too, and deletes nothing for the mere passing of time.
    pub within: Option<Period>,
    /// What began longer ago goes.
    pub max_age: Option<Period>,
    /// Of SUCCESS, only so many of the newest may stay.
    pub max_count: Option<u32>,
    /// So many of the newest SUCCESS always stay; 1 if it is not given.
    pub min_count: Option<u32>,
    /// What becomes of FAILED snapshots.
    pub failed: Unsuccessful,
    /// What becomes of PARTIAL snapshots.
    pub partial: Unsuccessful,
}

impl Keep {
    /// Whether these rules can be meant: they keep something, and do not contradict one another.
    pub fn check(&self) -> Result<(), Failure> {
        let bad = |cause: &str, hint: &str| Err(Failure::new(Code::BadConfig, cause, hint));
        if self.min_count == Some(0) {
            return bad(
                "`min_count` is 0: a policy never gives up its last good snapshot",
                "leave it out, or say 1 or more",
            );
        }
        if self.max_count == Some(0) {
            return bad("`max_count` is 0: the policy would keep nothing", "say how many may stay");
        }
        if self.max_count.is_some_and(|max| max < self.floor()) {
            return bad("`max_count` is less than `min_count`", "the floor wins; make `max_count` at least as large");
        }
        if !self.has_rules() && self.max_age.is_none() && self.max_count.is_none() {
            let hint = "say what is to stay, such as `daily: 14` or `last: all`, or leave `keep` out to delete nothing";
            return bad("`keep` has no rule that keeps anything: the policy would keep nothing beyond its floor", hint);
        }
        Ok(())
    }

    /// How many of the newest SUCCESS always stay, at least 1.
    pub fn floor(&self) -> u32 {
        self.min_count.unwrap_or(1).max(1)
    }

    /// Whether any keep rule is given that could want something.
    pub fn has_rules(&self) -> bool {
        let counts = [self.last, self.hourly, self.daily, self.weekly, self.monthly, self.quarterly, self.yearly];
        self.within.is_some() || counts.into_iter().flatten().any(|count| count != Count::Of(0))
    }
}
