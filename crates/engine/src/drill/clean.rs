//! What killed drills left behind.

use super::claim::{Claim, now, take_over};
use super::remove::remove;
use super::{REMOVAL_TIME, Stage};
use serde::Serialize;
use snapkeep_cluster::Kept;
use snapkeep_core::Failure;
use snapkeep_core::drill::{Outcome, Record};
use snapkeep_transport::Deadline;

/// What was done about one drill that left something behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cleaned {
    /// Its id.
    pub id: String,
    /// Its policy.
    pub policy: String,
    /// The cluster that it restored to.
    pub on: String,
    /// What was removed.
    pub removed: Vec<String>,
    /// What could not be, each with why.
    pub stuck: Vec<String>,
}

/// Removes what this drill left behind and says so in its record; `None` if another run does.
pub(super) async fn clean_up(stage: &Stage<'_>, kept: &Kept, deadline: Deadline) -> Result<Option<Cleaned>, Failure> {
    let now = now(stage.source, deadline).await?;
    if !kept.record.is_unfinished(now) {
        return Ok(None);
    }
    let Some(mut claim) = take_over(stage.source, kept, now, deadline).await? else { return Ok(None) };
    let removal = remove(stage.target, &claim.record, deadline.or_after(REMOVAL_TIME)).await?;
    end(&mut claim, removal.stuck.is_empty());
    claim.save(stage.source, deadline).await?;
    let Record { id, policy, on, .. } = claim.record;
    Ok(Some(Cleaned { id, policy, on, removed: removal.removed, stuck: removal.stuck }))
}

/// Removes what came after a drill that did not pass was cleaned up; `None` if nothing did. Its record stays as it is: whoever
/// looks at the same time removes the same.
pub(super) async fn sweep(stage: &Stage<'_>, record: &Record, deadline: Deadline) -> Result<Option<Cleaned>, Failure> {
    let removal = remove(stage.target, record, deadline.or_after(REMOVAL_TIME)).await?;
    let Record { id, policy, on, .. } = record.clone();
    let is_something = !(removal.removed.is_empty() && removal.stuck.is_empty());
    Ok(is_something.then_some(Cleaned { id, policy, on, removed: removal.removed, stuck: removal.stuck }))
}

fn end(claim: &mut Claim, is_removed: bool) {
    let record = &mut claim.record;
    record.removed = is_removed;
    if record.outcome == Outcome::Running && is_removed {
        record.outcome = Outcome::Interrupted;
        record.causes.push("it was killed; a later run removed what it had made".to_owned());
    }
}
