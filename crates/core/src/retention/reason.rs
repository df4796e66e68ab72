//! Why a snapshot stays or goes.

use super::Unsuccessful;
use crate::period::Period;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A keep rule that wants the newest of each of so many stretches of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// By hours.
    Hourly,
    /// By days.
    Daily,
    /// By ISO weeks, which begin on Monday.
    Weekly,
    /// By months.
    Monthly,
    /// By quarters.
    Quarterly,
    /// By years.
    Yearly,
}

impl Rule {
    /// The first moment of the stretch that holds a local time.
    pub fn start_of(self, local: DateTime) -> DateTime {
        let date = local.date();
        let day = |year, month| Date::new(year, month, 1).unwrap_or(date);
        let start = match self {
            Self::Hourly => return date.at(local.hour(), 0, 0, 0),
            Self::Daily => date,
            Self::Weekly => {
                let since_monday = i64::from(local.weekday().to_monday_zero_offset());
                date.checked_sub(jiff::SignedDuration::from_hours(24 * since_monday)).unwrap_or(Date::MIN)
            }
            Self::Monthly => day(date.year(), date.month()),
            Self::Quarterly => day(date.year(), (date.month() - 1) / 3 * 3 + 1),
            Self::Yearly => day(date.year(), 1),
        };
        start.to_datetime(jiff::civil::Time::midnight())
    }

    /// The stretch that begins at `start`, as people say it.
    fn name_of(self, start: DateTime) -> String {
        let date = start.date();
        match self {
            Self::Hourly => format!("of the hour {date} {:02}:00", start.hour()),
            Self::Daily => format!("of the day {date}"),
            Self::Weekly => format!("of the week from {date}"),
            Self::Monthly => format!("of the month {:04}-{:02}", date.year(), date.month()),
            Self::Quarterly => format!("of the quarter {:04}-Q{}", date.year(), (date.month() - 1) / 3 + 1),
            Self::Yearly => format!("of the year {:04}", date.year()),
        }
    }
}

/// Why a snapshot stays or goes. `Display` says it in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Reason {
    /// Stays: a legal hold.
    Held,
    /// Stays: it runs; deleting would abort it.
    Running,
    /// Stays: an index is mounted from it.
    Mounted,
    /// Stays: it is being restored.
    Restoring,
    /// Stays: it stands for the slot that is due.
    DueSlot,
    /// Stays: the server used a word for its state that is not known.
    UnknownState,
    /// Stays: the server told no start.
    UnknownAge,
    /// Stays: by the server it begins in the future.
    Future,
    /// Stays: the newest SUCCESS.
    NewestSuccess,
    /// Stays: among the `min_count` newest SUCCESS.
    Floor {
        /// How many.
        min_count: u32,
    },
    /// Goes: too old.
    MaxAge {
        /// The limit.
        max_age: Period,
    },
    /// Goes: too many newer ones.
    MaxCount {
        /// The limit.
        max_count: u32,
    },
    /// Wanted: among the newest.
    Last {
        /// Its place, from 1.
        place: u32,
    },
    /// Wanted: the newest of a stretch of the calendar.
    Newest {
        /// The rule.
        of: Rule,
        /// When the stretch begins, local time.
        from: DateTime,
    },
    /// Wanted: began shortly before the newest SUCCESS.
    Within {
        /// How long before.
        within: Period,
    },
    /// Stays: there is no keep rule, and no limit is reached.
    WithinBounds,
    /// Goes: no keep rule wants it.
    Unwanted,
    /// Stays: FAILED or PARTIAL, but no newer SUCCESS exists.
    NotSuperseded,
    /// Stays: FAILED or PARTIAL, and its own rule keeps it.
    Unsuccessful {
        /// That rule.
        #[serde(rename = "keep")]
        rule: Unsuccessful,
    },
    /// Goes: FAILED or PARTIAL, and a newer SUCCESS exists.
    Superseded {
        /// The newest SUCCESS.
        by: String,
    },
    /// Stays: the policy has no `keep`.
    NoRetention,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str("legal hold"),
            Self::Running => f.write_str("it runs"),
            Self::Mounted => f.write_str("an index is mounted from it"),
            Self::Restoring => f.write_str("it is being restored"),
            Self::DueSlot => f.write_str("it stands for the slot that is due"),
            Self::UnknownState => f.write_str("its state is not known"),
            Self::UnknownAge => f.write_str("its start is not known"),
            Self::Future => f.write_str("it begins in the future"),
            Self::NewestSuccess => f.write_str("the newest SUCCESS"),
            Self::Floor { min_count: 1 } => f.write_str("floor: the newest SUCCESS"),
            Self::Floor { min_count } => write!(f, "floor: one of the {min_count} newest SUCCESS"),
            Self::MaxAge { max_age } => write!(f, "older than max_age {max_age}"),
            Self::MaxCount { max_count } => write!(f, "beyond max_count {max_count}"),
            Self::Last { place } => write!(f, "last: number {place} from the newest"),
            Self::Newest { of, from } => write!(f, "{of}: the newest {}", of.name_of(*from)),
            Self::Within { within } => write!(f, "within {within} of the newest SUCCESS"),
            Self::WithinBounds => f.write_str("within max_age and max_count"),
            Self::Unwanted => f.write_str("no keep rule wants it"),
            Self::NotSuperseded => f.write_str("no newer SUCCESS exists"),
            Self::Unsuccessful { rule } => write!(f, "unsuccessful ones are kept {rule}"),
            Self::Superseded { by } => write!(f, "not successful, and {by} is a newer SUCCESS"),
            Self::NoRetention => f.write_str("the policy deletes nothing: it has no `keep`"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
        })
    }
}
