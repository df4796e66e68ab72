//! What a policy's `drill` says.

use super::Check;
use crate::pattern::Pattern;
use crate::period::Period;
use crate::schedule::Schedule;
use crate::{Code, Failure};

/// What a drill restores at most if the policy does not say, in bytes: 50 GiB.
pub const DEFAULT_MAX_SIZE: u64 = 50 << 30;

/// How long a drill may take if the policy does not say.
pub const DEFAULT_MAX_DURATION: Period = Period::hours(1);

/// Units of sizes and how many times 1,024 bytes they are multiplied.
const UNITS: [(&str, u32); 5] = [("b", 0), ("kb", 1), ("mb", 2), ("gb", 3), ("tb", 4)];

/// Drills of a policy, checked.
#[derive(Clone, Debug)]
pub struct Drill {
    /// When a drill is due; without one only when somebody asks for it.
    pub schedule: Option<Schedule>,
    /// The cluster that it restores to; without one, the one that took the snapshot. It needs the repository under the same
    /// name.
    pub cluster: Option<String>,
    /// Which of the snapshot's indices and data streams; empty means all but systems'.
    pub indices: Vec<Pattern>,
    /// At most so many of them in one drill; those that were not drilled for longest come first.
    pub sample: Option<u32>,
    /// At most so many bytes in one drill.
    pub max_size: u64,
    /// A drill that takes longer has failed.
    pub max_duration: Period,
    /// What must hold of what came back, beside that all shards serve and documents can be counted.
    pub checks: Vec<Check>,
}

impl Default for Drill {
    fn default() -> Self {
        Self {
            schedule: None,
            cluster: None,
            indices: Vec::new(),
            sample: None,
            max_size: DEFAULT_MAX_SIZE,
            max_duration: DEFAULT_MAX_DURATION,
            checks: Vec::new(),
        }
    }
}

impl Drill {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), Failure> {
        if self.sample == Some(0) {
            return Err(bad("`drill.sample` is 0", "leave `drill` out if nothing is to be restored"));
        }
        if self.max_size == 0 {
            return Err(bad("`drill.max_size` is nothing", "leave `drill` out if nothing is to be restored"));
        }
        if self.max_seconds().is_none() {
            return Err(bad(
                "`drill.max_duration` has months or years in it, or is longer than a week",
                "write a length such as 2h",
            ));
        }
        self.checks.iter().try_for_each(Check::check)
    }

    /// How long a drill may take, in seconds; `None` if that cannot be meant.
    pub fn max_seconds(&self) -> Option<u64> {
        const LONGEST: i64 = 7 * 86_400;
        let seconds = self.max_duration.fixed_seconds().filter(|seconds| *seconds <= LONGEST)?;
        u64::try_from(seconds).ok()
    }
}

/// Reads a size such as `20gb`, in bytes: whole numbers with `b`, `kb`, `mb`, `gb` or `tb`, of 1,024 each, as servers do.
pub fn size(text: &str) -> Result<u64, Failure> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (count, unit) = lower.split_at(digits);
    let bytes = || {
        let (_, power) = UNITS.iter().find(|(name, _)| *name == unit)?;
        count.parse::<u64>().ok()?.checked_mul(1024_u64.checked_pow(*power)?)
    };
    bytes().ok_or_else(|| {
        bad(&format!("{text:?} is not a size"), "write a whole number with b, kb, mb, gb or tb, such as 20gb")
    })
}

fn bad(cause: &str, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}
