//! Follows a snapshot until it ends or time is up.

use crate::watch::Watch;
use snapkeep_cluster::{SnapshotApi, Unanswered};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::time::Duration;

/// The first pause between looks; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Time that the last look may take.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The snapshot's last state within `wait`; one look if `wait` is zero. `None` if it is not there: a
/// cluster that cannot write a snapshot's last files forgets it rather than calling it failed.
///
/// With a watch, `_status` is asked for as well, and looks that fail are borne from the first one on:
/// while a cluster manager fails over nothing can be looked at, and the last look decides.
pub(crate) async fn follow(
    api: &SnapshotApi,
    repository: &RepositoryName,
    snapshot: &SnapshotName,
    wait: Duration,
    deadline: Deadline,
    mut watch: Option<&mut Watch<'_>>,
) -> Result<Option<Snapshot>, Unanswered> {
    let until = deadline.less(LAST_LOOK).or_after(wait);
    let mut pause = FIRST_PAUSE;
    let mut looks = Looks::default();
    looks.take(api.snapshot(repository, snapshot, deadline).await, watch.as_deref_mut());
    if watch.is_none() {
        looks.first_must_answer()?;
    }
    loop {
        if let (Some(watch), Some(seen)) = (watch.as_deref_mut(), &looks.seen) {
            watch.look_closer(api, repository, seen, until).await;
        }
        if has_ended(looks.seen.as_ref(), looks.was_there) || until.left().is_zero() {
            return looks.result();
        }
        tokio::time::sleep(pause.min(until.left())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        looks.take(api.snapshot(repository, snapshot, deadline).await, watch.as_deref_mut());
    }
}

/// What the looks so far have told.
#[derive(Default)]
struct Looks {
    seen: Option<Snapshot>,
    was_there: bool,
    has_answered: bool,
    failed: Option<Unanswered>,
}

impl Looks {
    /// A look that fails while following tells nothing new: what was seen last still holds.
    fn take(&mut self, look: Result<Option<Snapshot>, Unanswered>, watch: Option<&mut Watch<'_>>) {
        match look {
            Ok(now) => {
                self.seen = now;
                self.has_answered = true;
            }
            Err(unanswered) => {
                tracing::warn!("a look at the snapshot failed: {}", unanswered.failure().cause);
                if let Some(watch) = watch {
                    watch.look_failed("a look at the snapshot", &unanswered);
                }
                self.failed = Some(unanswered);
            }
        }
        self.was_there |= self.seen.is_some();
    }

    fn first_must_answer(&mut self) -> Result<(), Unanswered> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn result(self) -> Result<Option<Snapshot>, Unanswered> {
        match self.failed {
            Some(unanswered) if !self.has_answered => Err(unanswered),
            _ => Ok(self.seen),
        }
    }
}

/// Gone after it was there is an end as well; not there yet is none.
fn has_ended(seen: Option<&Snapshot>, was_there: bool) -> bool {
    match seen {
        Some(snapshot) => snapshot.state.is_some_and(|state| state != State::InProgress),
        None => was_there,
    }
}

/// A snapshot that has ended badly is a failure of its own kind, never a good one.
pub(crate) fn judge(snapshot: &Snapshot) -> Result<(), Failure> {
    let shards = snapshot.shards.unwrap_or_default();
    let why = if snapshot.failures.is_empty() { String::new() } else { format!(": {}", snapshot.failures.join("; ")) };
    match snapshot.state {
        Some(State::Partial) => Err(Failure::new(
            Code::SnapshotPartial,
            format!("snapshot {} lacks {} of {} shards{why}", snapshot.name, shards.failed, shards.total),
            "make the missing shards available (cluster health), then take another; this one is not a good backup",
        )),
        Some(State::Failed) => Err(Failure::new(
            Code::SnapshotFailed,
            format!("snapshot {} failed{why}", snapshot.name),
            "look at the reason and at the cluster's health, then take another",
        )),
        Some(State::Success | State::InProgress) | None => Ok(()),
    }
}
