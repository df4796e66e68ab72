//! What a policy does not do, and which of that is a failure.

use crate::{Code, Failure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "skipped", rename_all = "snake_case")]
pub enum Skip {
    /// The cluster could not be asked.
    ClusterUnseen,
    /// The repository is not registered, or could not be listed.
    RepositoryUnseen,
    /// The repository is registered `readonly`.
    Readonly,
    /// No slot has been due yet.
    NoSlot,
    /// The slot has its snapshot.
    SlotDone,
    /// The slot's snapshot runs: it is to be followed.
    SlotRunning,
    /// The slot's snapshot is in a state that is not known.
    SlotUnknown,
    /// Which slot is due cannot be told: the server's clock is more than a day off.
    ClockFar {
        /// How far it is ahead.
        seconds: i64,
    },
    /// Which slot is due cannot be told: the server's clock is not known, and ours is behind what it has recorded.
    ClockContradicted {
        /// How far in our future the newest snapshot there begins.
        seconds: i64,
    },
    /// A snapshot of the slot's name exists and is not the policy's.
    NameTaken,
    /// The policy's names are those of events for the repository, and the version keeps no metadata to tell them apart.
    NameOfEvents,
    /// Each attempt that the slot may have was FAILED or PARTIAL.
    AttemptsUsed {
        /// How many.
        attempts: u32,
    },
    /// The slot can no longer begin.
    WindowOver {
        /// Since when.
        since: Timestamp,
    },
    /// Another snapshot runs first: look again, until the window is over.
    Waiting {
        /// The repository that it goes to.
        behind_repository: String,
        /// Its name.
        behind: String,
        /// Until when waiting makes sense.
        until: Timestamp,
    },
    /// No index is selected. (An empty list would mean all of them to the server.)
    NothingSelected,
    /// Nothing is deleted: the server's clock is not known.
    ClockUnknown,
    /// Nothing is deleted: the server's clock is more than five minutes off.
    ClockSkewed {
        /// How far it is ahead.
        seconds: i64,
    },
    /// The run has as many deletions as it may.
    Limit {
        /// How many.
        max_deletes_per_run: u32,
    },
}

impl Skip {
    /// The failure that it is, where the policy did not get what it is for: a snapshot of its slot. `None` for what is
    /// in order, for what the next run does, and for deletions that are held back, of which a warning is enough.
    pub fn failure(&self) -> Option<Failure> {
        let (code, hint) = match self {
            Self::ClusterUnseen => {
                (Code::ClusterUnavailable, "the next run takes the slot if its window is still open")
            }
            Self::RepositoryUnseen => (Code::RepositoryMissing, "register it (`repo register`), or name another"),
            Self::Readonly => (
                Code::RepositoryConflict,
                "let the policy hold for the cluster that owns the repository, or register it without `readonly`",
            ),
            Self::SlotUnknown => {
                (Code::OutcomeUnknown, "look at the slot's snapshot (`show`); the next run looks again")
            }
            Self::ClockFar { .. } | Self::ClockContradicted { .. } => {
                (Code::ClusterUnavailable, "set the clock that is wrong: this machine's or the server's")
            }
            Self::NameTaken => (
                Code::SnapshotConflict,
                "look at that snapshot (`show`); give the policy another `prefix`, or delete it",
            ),
            Self::NameOfEvents => (
                Code::BadConfig,
                "give the policy a `prefix`: another one, or this very one if no event names snapshots in the repository",
            ),
            Self::AttemptsUsed { .. } => (
                Code::SnapshotFailed,
                "see why they failed (`show`); the next slot begins anew, and so does a higher `max_attempts`",
            ),
            Self::WindowOver { .. } => {
                (Code::SnapshotFailed, "the next slot begins anew; run more often, or widen `start_window`")
            }
            Self::NothingSelected => {
                (Code::SnapshotFailed, "look at `indices`: nothing on the cluster that can be snapshotted matches them")
            }
            Self::NoSlot
            | Self::SlotDone
            | Self::SlotRunning
            | Self::Waiting { .. }
            | Self::ClockUnknown
            | Self::ClockSkewed { .. }
            | Self::Limit { .. } => return None,
        };
        Some(Failure::new(code, self.to_string(), hint))
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterUnseen => f.write_str("the cluster could not be asked"),
            Self::RepositoryUnseen => f.write_str("the repository is not registered or could not be listed"),
            Self::Readonly => f.write_str("the repository is registered readonly"),
            Self::NoSlot => f.write_str("no slot has been due yet"),
            Self::SlotDone => f.write_str("the slot has its snapshot"),
            Self::SlotRunning => f.write_str("the slot's snapshot runs"),
            Self::SlotUnknown => f.write_str("the state of the slot's snapshot is not known"),
            Self::ClockFar { seconds } => write!(f, "which slot is due cannot be told: {}", off_by(*seconds)),
            Self::ClockContradicted { seconds } => write!(
                f,
                "which slot is due cannot be told: the server's clock is not known, and a snapshot there begins {seconds} s in our future"
            ),
            Self::NameTaken => f.write_str("a snapshot of that name exists and is not the policy's"),
            Self::NameOfEvents => f.write_str(
                "the policy's names would be those of events for the repository, and this version keeps no metadata to tell them apart",
            ),
            Self::AttemptsUsed { attempts: 1 } => f.write_str("the one attempt at the slot was not successful"),
            Self::AttemptsUsed { attempts } => write!(f, "{attempts} attempts at the slot were not successful"),
            Self::WindowOver { since } => write!(f, "the slot could begin until {since}"),
            Self::Waiting { behind_repository, behind, until } => {
                write!(f, "waits until {until} for {behind} in {behind_repository}, which runs")
            }
            Self::NothingSelected => f.write_str("no index is selected"),
            Self::ClockUnknown => f.write_str(CLOCK_UNKNOWN),
            Self::ClockSkewed { seconds } => f.write_str(&off_by(*seconds)),
            Self::Limit { max_deletes_per_run: 1 } => f.write_str("the run has its one deletion"),
            Self::Limit { max_deletes_per_run } => write!(f, "the run has its {max_deletes_per_run} deletions"),
        }
    }
}

const CLOCK_UNKNOWN: &str = "the server's clock is not known, so ages cannot be trusted";

/// How far the server's clock is ahead, in words.
fn off_by(seconds: i64) -> String {
    let side = if seconds < 0 { "behind" } else { "ahead of" };
    format!("the server's clock is {} s {side} ours", seconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_without_its_snapshot_is_a_failure_with_a_code() {
        let since = Timestamp::UNIX_EPOCH;
        for (skip, code) in [
            (Skip::ClusterUnseen, Some(Code::ClusterUnavailable)),
            (Skip::RepositoryUnseen, Some(Code::RepositoryMissing)),
            (Skip::Readonly, Some(Code::RepositoryConflict)),
            (Skip::SlotUnknown, Some(Code::OutcomeUnknown)),
            (Skip::ClockFar { seconds: -90_000 }, Some(Code::ClusterUnavailable)),
            (Skip::ClockContradicted { seconds: 3_600 }, Some(Code::ClusterUnavailable)),
            (Skip::NameTaken, Some(Code::SnapshotConflict)),
            (Skip::NameOfEvents, Some(Code::BadConfig)),
            (Skip::AttemptsUsed { attempts: 3 }, Some(Code::SnapshotFailed)),
            (Skip::WindowOver { since }, Some(Code::SnapshotFailed)),
            (Skip::NothingSelected, Some(Code::SnapshotFailed)),
            (Skip::NoSlot, None),
            (Skip::SlotDone, None),
            (Skip::SlotRunning, None),
            (Skip::ClockUnknown, None),
            (Skip::ClockSkewed { seconds: 301 }, None),
            (Skip::Limit { max_deletes_per_run: 3 }, None),
        ] {
            let failure = skip.failure();
            assert_eq!(failure.as_ref().map(|failure| failure.code), code, "{skip:?}");
            assert!(failure.is_none_or(|failure| failure.cause == skip.to_string() && !failure.hint.is_empty()));
        }
    }

    #[test]
    fn one_is_said_as_one() {
        for (skip, words) in [
            (Skip::Limit { max_deletes_per_run: 1 }, "the run has its one deletion"),
            (Skip::Limit { max_deletes_per_run: 2 }, "the run has its 2 deletions"),
            (Skip::AttemptsUsed { attempts: 1 }, "the one attempt at the slot was not successful"),
            (Skip::AttemptsUsed { attempts: 3 }, "3 attempts at the slot were not successful"),
        ] {
            assert_eq!(skip.to_string(), words);
        }
    }

    #[test]
    fn a_clock_is_ahead_or_behind() {
        assert_eq!(Skip::ClockSkewed { seconds: 360 }.to_string(), "the server's clock is 360 s ahead of ours");
        assert_eq!(Skip::ClockSkewed { seconds: -360 }.to_string(), "the server's clock is 360 s behind ours");
        assert!(Skip::ClockFar { seconds: -90_000 }.to_string().ends_with("90000 s behind ours"));
    }
}
