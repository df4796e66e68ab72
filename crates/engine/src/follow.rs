//! Follows a snapshot until it ends or time is up.

use crate::watch::Watch;
use snapkeep_cluster::{Kind, SnapshotApi, Unanswered};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::time::Duration;
use tokio::time::Instant;

/// The first pause between looks; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// After so many looks in a row, about a minute, that were refused for good or that showed a state which is
/// not known here, whoever follows until the end is not kept waiting any longer.
const LASTING: u32 = 14;

/// After so long in which no look was answered, a snapshot is not looked for any longer: a node restarts, and a cluster
/// elects its manager, well within it, and a run without a limit of its own would otherwise never end.
pub(crate) const OUT_OF_SIGHT: Duration = Duration::from_mins(10);

/// Time that the last look may take.
pub(crate) const LAST_LOOK: Duration = Duration::from_secs(1);

/// The snapshot's last state within `wait`; one look if `wait` is zero. `None` if it is not there: a
/// cluster that cannot write a snapshot's last files forgets it rather than calling it failed.
///
/// With a watch, `_status` is asked for as well, and looks that fail are borne from the first one on:
/// while a cluster manager fails over nothing can be looked at, and the last look decides: if it failed, so does this,
/// whatever an earlier one showed. What cannot pass is borne for about a minute, and what can for [`OUT_OF_SIGHT`]:
/// `outcome_unknown`, or `inconclusive` for a state that is not known here. A snapshot that is stuck is left as it is if
/// the watch leaves such.
pub(crate) async fn follow(
    api: &SnapshotApi,
    repository: &RepositoryName,
    snapshot: &SnapshotName,
    wait: Duration,
    deadline: Deadline,
    mut watch: Option<&mut Watch<'_>>,
) -> Result<Option<Snapshot>, Failure> {
    let until = deadline.less(LAST_LOOK).or_after(wait);
    let mut pause = FIRST_PAUSE;
    let mut looks = Looks::default();
    looks.take(api.snapshot(repository, snapshot, deadline).await, watch.as_deref_mut());
    if watch.is_none() {
        looks.first_must_answer().map_err(|unanswered| unanswered.failure())?;
    }
    loop {
        let given_up = || looks.given_up(snapshot).filter(|_| watch.is_some());
        if let Some(failure) = looks.shut_off(snapshot).or_else(given_up) {
            return Err(failure);
        }
        if let (Some(watch), Some(seen)) = (watch.as_deref_mut(), &looks.seen) {
            watch.look_closer(api, repository, seen, until).await;
        }
        let is_stuck = watch.as_deref().is_some_and(|watch| watch.stuck().is_some());
        if has_ended(looks.seen.as_ref(), looks.was_there) || until.left().is_zero() || is_stuck {
            return looks.result(watch.is_some()).map_err(|unanswered| unanswered.failure());
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
    /// Why the last look failed.
    failed: Option<Unanswered>,
    /// Since when none was answered.
    failing: Option<Instant>,
    /// Looks in a row that were refused for good.
    refused: u32,
    /// Looks in a row that showed a state which is not known here.
    unknown: u32,
}

impl Looks {
    /// A look that fails while following tells nothing new.
    fn take(&mut self, look: Result<Option<Snapshot>, Unanswered>, watch: Option<&mut Watch<'_>>) {
        match look {
            Ok(now) => {
                let is_unknown = now.as_ref().is_some_and(|snapshot| snapshot.state.is_none());
                self.unknown = if is_unknown { self.unknown + 1 } else { 0 };
                (self.refused, self.failed, self.failing) = (0, None, None);
                self.seen = now;
                self.has_answered = true;
            }
            Err(unanswered) => {
                if let Some(watch) = watch {
                    watch.look_failed("a look at the snapshot", &unanswered);
                } else {
                    tracing::warn!("a look at the snapshot failed: {}", unanswered.failure().cause);
                }
                self.refused = if may_pass(&unanswered) { 0 } else { self.refused + 1 };
                self.failed = Some(unanswered);
                self.failing.get_or_insert_with(Instant::now);
            }
        }
        self.was_there |= self.seen.is_some();
    }

    /// A cluster that finds another's generation in the repository when the snapshot ends shuts it off: what the snapshot
    /// has written is in no list, and nothing can be looked at any more.
    fn shut_off(&self, snapshot: &SnapshotName) -> Option<Failure> {
        let Some(Unanswered::Refused(refusal)) = &self.failed else { return None };
        let failure = (refusal.kind == Kind::WrittenElsewhere).then(|| refusal.failure())?;
        let cause = format!("snapshot {snapshot} cannot be looked at, and is lost if it ran: {}", failure.cause);
        Some(failure.with_cause(cause))
    }

    /// Why another look is not worth waiting for.
    fn given_up(&self, snapshot: &SnapshotName) -> Option<Failure> {
        let (code, why) = match &self.failed {
            Some(unanswered) if self.refused >= LASTING => {
                let why = format!("{} looks in a row were refused: {}", self.refused, unanswered.failure().cause);
                (Code::OutcomeUnknown, why)
            }
            Some(unanswered) if self.failing.is_some_and(|since| since.elapsed() >= OUT_OF_SIGHT) => {
                let minutes = OUT_OF_SIGHT.as_secs() / 60;
                let why = format!("no look was answered for {minutes} minutes: {}", unanswered.failure().cause);
                (Code::OutcomeUnknown, why)
            }
            _ if self.unknown >= LASTING => {
                (Code::Inconclusive, "the server's word for its state is not known here".to_owned())
            }
            _ => return None,
        };
        let hint =
            "the snapshot goes on whether it can be looked at or not: mend the cause, then look at it with `status`";
        Some(Failure::new(code, format!("how snapshot {snapshot} ends is not known: {why}"), hint))
    }

    fn first_must_answer(&mut self) -> Result<(), Unanswered> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// What was seen last; if `is_current`, only by the last look of all.
    fn result(self, is_current: bool) -> Result<Option<Snapshot>, Unanswered> {
        match self.failed {
            Some(unanswered) if is_current || !self.has_answered => Err(unanswered),
            _ => Ok(self.seen),
        }
    }
}

/// Whether the next look may be answered although this one was not.
fn may_pass(unanswered: &Unanswered) -> bool {
    match unanswered {
        Unanswered::Refused(refusal) => refusal.is_unclear() || refusal.kind == Kind::Busy,
        Unanswered::Lost(lost) => lost.is_transient() || *lost == Lost::OutOfTime,
        Unanswered::Malformed { .. } => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use snapkeep_cluster::Refusal;

    fn refused(status: u16, kind: Kind) -> Unanswered {
        Unanswered::Refused(Refusal { status, kind, reason: "no".to_owned() })
    }

    fn given_up(looks: &Looks) -> Option<Code> {
        looks.given_up(&SnapshotName::parse("a").unwrap()).map(|failure| failure.code)
    }

    #[test]
    fn what_cannot_pass_is_borne_for_a_while_only() {
        for (unanswered, ends) in [
            (refused(403, Kind::PermissionMissing), true),
            (refused(401, Kind::Denied), true),
            (refused(404, Kind::RepositoryMissing), true),
            (Unanswered::Lost(Lost::NoCredentials("expired".into())), true),
            (refused(503, Kind::Gateway), false),
            (refused(429, Kind::Throttled), false),
            (Unanswered::Lost(Lost::NotSent("no route".into())), false),
        ] {
            let mut looks = Looks::default();
            for _ in 1..LASTING {
                looks.take(Err(unanswered.clone()), None);
            }
            assert_eq!(given_up(&looks), None, "{unanswered:?}");
            looks.take(Err(unanswered.clone()), None);
            assert_eq!(given_up(&looks), ends.then_some(Code::OutcomeUnknown), "{unanswered:?}");
            looks.take(Ok(None), None);
            assert_eq!(given_up(&looks), None, "{unanswered:?}: an answer begins the count again");
        }
    }

    #[test]
    fn a_repository_that_is_shut_off_ends_it_at_once() {
        let snapshot = SnapshotName::parse("a").unwrap();
        let mut looks = Looks::default();
        looks.take(Ok(None), None);
        assert!(looks.shut_off(&snapshot).is_none());
        looks.take(Err(refused(500, Kind::ServerError)), None);
        assert!(looks.shut_off(&snapshot).is_none());
        looks.take(Err(refused(500, Kind::WrittenElsewhere)), None);
        assert_eq!(looks.shut_off(&snapshot).map(|failure| failure.code), Some(Code::RepositoryConflict));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_borne_for_minutes_only() {
        let gone = || Err(Unanswered::Lost(Lost::NotSent("no route".into())));
        let mut looks = Looks::default();
        for _ in 0..2 {
            looks.take(gone(), None);
            tokio::time::advance(OUT_OF_SIGHT.mul_f64(0.9)).await;
            looks.take(gone(), None);
            assert_eq!(given_up(&looks), None);
            looks.take(Ok(None), None);
            tokio::time::advance(OUT_OF_SIGHT).await;
            assert_eq!(given_up(&looks), None, "an answer begins the time again");
        }
        looks.take(gone(), None);
        tokio::time::advance(OUT_OF_SIGHT).await;
        looks.take(gone(), None);
        assert_eq!(given_up(&looks), Some(Code::OutcomeUnknown));
    }

    #[test]
    fn what_was_seen_before_a_look_that_failed_is_not_current() {
        let mut looks = Looks::default();
        looks.take(Ok(None), None);
        looks.take(Err(refused(503, Kind::Gateway)), None);
        assert!(looks.result(true).is_err());
        let mut looks = Looks::default();
        looks.take(Ok(None), None);
        looks.take(Err(refused(503, Kind::Gateway)), None);
        assert!(looks.result(false).is_ok(), "for whoever only asks how it was");
        let mut looks = Looks::default();
        looks.take(Err(refused(503, Kind::Gateway)), None);
        looks.take(Ok(None), None);
        assert!(looks.result(true).is_ok());
    }
}
