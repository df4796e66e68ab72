//! The cluster's own clock.

use crate::api::{SnapshotApi, Unanswered, whole};
use crate::read::moment;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapkeep_transport::{Call, Deadline, Method};

/// What time it is over there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// The moment, as old as the answer is.
    pub now: Timestamp,
    /// Who says so.
    pub by: ClockSource,
}

/// Where a time was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// The answer's `Date`: Amazon's front sends it, to the second. The products themselves do not.
    DateHeader,
    /// `timestamp` of `/_cluster/stats`: the clock of the node that answered.
    ClusterStats,
}

#[derive(Debug, Deserialize)]
struct Stats {
    timestamp: i64,
}

impl SnapshotApi {
    /// How far the endpoint's clock is ahead of ours, by the last answer that had a `Date`; `None` until one had.
    pub fn skew(&self) -> Option<SignedDuration> {
        self.client.skew()
    }

    /// What time it is over there: by the answer's `Date`, even if the answer is a refusal, else by
    /// `/_cluster/stats`.
    pub async fn clock(&self, deadline: Deadline) -> Result<Clock, Unanswered> {
        let call = Call::new(Method::GET, "/_cluster/stats?filter_path=timestamp");
        let answer = self.client.read(&call, deadline).await.map_err(Unanswered::Lost)?;
        if let Some(now) = answer.date {
            return Ok(Clock { now, by: ClockSource::DateHeader });
        }
        let stats: Stats = whole(&answer)?;
        let now = moment(stats.timestamp).ok_or_else(|| Unanswered::Malformed {
            status: answer.status,
            what: format!("`timestamp` {} is no moment", stats.timestamp),
        })?;
        Ok(Clock { now, by: ClockSource::ClusterStats })
    }
}
