//! Watches one running snapshot more closely than its state tells: how far it is, and whether it moves.

use crate::observe::{Event, Observer};
use snapkeep_cluster::{SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::progress::{Tracker, diagnose};
use snapkeep_core::snapshot::{Progress, Snapshot, State};
use snapkeep_transport::Deadline;
use std::time::Duration;
use tokio::time::Instant;

/// What one `_status` may take: it is a help, and the look that decides is another.
const STATUS_TIME: Duration = Duration::from_secs(10);

/// After so many failures in a row `_status` is not asked for any more.
const STATUS_FAILURES: u32 = 3;

/// After so long in which nothing has moved, a snapshot is stuck: whoever has other things to do leaves it. (A file counts
/// once all of it is there, and a repository may be slowed down: minutes say nothing.)
const STUCK: Duration = Duration::from_hours(1);

/// The same where `_status` does not tell whether anything moves.
const UNTOLD: Duration = Duration::from_hours(24);

/// What is known of one running snapshot.
pub(crate) struct Watch<'a> {
    observer: &'a dyn Observer,
    stall_after: Option<Duration>,
    leaves_stuck: bool,
    begun: Instant,
    /// When it was last seen to move.
    moved: Instant,
    tracker: Tracker,
    told_state: Option<State>,
    told_stalled: bool,
    told_causes: Vec<String>,
    /// What it waited for when it was last seen to stall.
    diagnosis: Option<String>,
    status_failures: u32,
    last_failure: Option<String>,
    /// What the snapshot adds to the repository, in bytes, as last told.
    added_bytes: Option<u64>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(observer: &'a dyn Observer, stall_after: Option<Duration>) -> Self {
        Self {
            observer,
            stall_after,
            leaves_stuck: false,
            begun: Instant::now(),
            moved: Instant::now(),
            tracker: Tracker::default(),
            told_state: None,
            told_stalled: false,
            told_causes: Vec::new(),
            diagnosis: None,
            status_failures: 0,
            last_failure: None,
            added_bytes: None,
        }
    }

    /// The same, leaving a snapshot that is stuck: see [`Watch::stuck`].
    pub(crate) fn leaving_stuck(self) -> Self {
        Self { leaves_stuck: true, ..self }
    }

    /// Why the snapshot is not to be waited for any longer, after "it".
    pub(crate) fn stuck(&self) -> Option<String> {
        let (since, limit, why) = if self.status_failures >= STATUS_FAILURES {
            (self.begun, UNTOLD, "has run, without telling whether it moves,")
        } else {
            (self.moved, STUCK, "has not moved")
        };
        let (hours, is_stuck) = (limit.as_secs() / 3_600, self.leaves_stuck && since.elapsed() >= limit);
        let waits = self.diagnosis.as_ref().map(|diagnosis| format!(" ({diagnosis})")).unwrap_or_default();
        is_stuck.then(|| format!("{why} for {hours} h{waits}"))
    }

    /// What the snapshot adds to the repository, in bytes, as the server last said; it grows while shards begin.
    pub(crate) fn added_bytes(&self) -> Option<u64> {
        self.added_bytes
    }

    /// What it has seen so far.
    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Why the last `_status` gave nothing, if it did not.
    pub(crate) fn last_failure(&self) -> Option<&str> {
        self.last_failure.as_deref()
    }

    /// A look gave nothing: told once for each cause.
    pub(crate) fn look_failed(&mut self, what: &str, unanswered: &Unanswered) {
        let cause = format!("{what} failed: {}", unanswered.failure().cause);
        if !self.told_causes.contains(&cause) {
            self.observer.notice(&Event::LookFailed { cause: &cause });
            self.told_causes.push(cause);
        }
    }

    /// Tells of the snapshot's state, and while it runs how far it is. `None` if `_status` gave nothing
    /// or knows nothing of it.
    pub(crate) async fn look_closer(
        &mut self,
        api: &SnapshotApi,
        repository: &RepositoryName,
        snapshot: &Snapshot,
        deadline: Deadline,
    ) -> Option<Progress> {
        if snapshot.state != self.told_state {
            self.told_state = snapshot.state;
            self.observer.notice(&Event::State(snapshot));
        }
        if snapshot.state != Some(State::InProgress) {
            return None;
        }
        let progress = self.status(api, repository, &snapshot.name, deadline).await?;
        self.added_bytes = progress.bytes.total.or(self.added_bytes);
        if self.tracker.observe(self.begun.elapsed(), &progress) {
            (self.moved, self.told_stalled, self.diagnosis) = (Instant::now(), false, None);
        }
        self.observer.notice(&Event::Moved(&progress));
        self.note_stall(snapshot, &progress);
        Some(progress)
    }

    /// `_status`, unless it has failed too often or was refused.
    async fn status(
        &mut self,
        api: &SnapshotApi,
        repository: &RepositoryName,
        name: &str,
        deadline: Deadline,
    ) -> Option<Progress> {
        if self.status_failures >= STATUS_FAILURES {
            return None;
        }
        let name = SnapshotName::parse(name).ok()?;
        match api.progress(repository, &name, deadline.or_after(STATUS_TIME)).await {
            Ok(progress) => {
                (self.status_failures, self.last_failure) = (0, None);
                progress
            }
            Err(unanswered) => {
                let is_refused = matches!(&unanswered, Unanswered::Refused(refusal) if refusal.is_missing_right());
                self.status_failures = if is_refused { STATUS_FAILURES } else { self.status_failures + 1 };
                self.last_failure = Some(unanswered.failure().cause);
                self.look_failed("`_status`", &unanswered);
                None
            }
        }
    }

    fn note_stall(&mut self, snapshot: &Snapshot, progress: &Progress) {
        let since = self.tracker.stalled_for();
        if self.told_stalled || self.stall_after.is_none_or(|limit| since < limit) {
            return;
        }
        self.told_stalled = true;
        let diagnosis = diagnose(snapshot, Some(progress));
        self.observer.notice(&Event::Stalled { snapshot: &snapshot.name, since, diagnosis: &diagnosis });
        self.diagnosis = Some(diagnosis);
    }
}

/// What is left to an answer once a look has said that all is done: it is usually on its way.
const GRACE: Duration = Duration::from_secs(2);

/// Sends a change that servers answer only when all is done, and looks meanwhile: the answer, or `None`
/// if a look said that it is over and no answer followed. Nothing is sent twice by this.
pub(crate) async fn while_looking<T>(
    write: impl Future<Output = Written<T>>,
    pause: Duration,
    mut is_over: impl AsyncFnMut() -> bool,
) -> Option<Written<T>> {
    tokio::pin!(write);
    loop {
        let look = async {
            tokio::time::sleep(pause).await;
            is_over().await
        };
        tokio::select! {
            biased;
            written = &mut write => return Some(written),
            over = look => if over {
                return tokio::time::timeout(GRACE, write).await.ok();
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Silent;

    #[tokio::test(start_paused = true)]
    async fn what_stands_still_is_left_by_those_who_have_other_things_to_do() {
        let mut watch = Watch::new(&Silent, None).leaving_stuck();
        let patient = Watch::new(&Silent, None);
        tokio::time::advance(STUCK / 2).await;
        watch.moved = Instant::now();
        tokio::time::advance(STUCK / 2).await;
        assert_eq!(watch.stuck(), None);
        watch.diagnosis = Some("waiting for a shard".to_owned());
        tokio::time::advance(STUCK / 2).await;
        assert_eq!(watch.stuck().as_deref(), Some("has not moved for 1 h (waiting for a shard)"));
        assert_eq!(patient.stuck(), None);
        (watch.status_failures, watch.diagnosis) = (STATUS_FAILURES, None);
        assert_eq!(watch.stuck(), None, "it may move unseen");
        tokio::time::advance(UNTOLD).await;
        assert_eq!(watch.stuck().as_deref(), Some("has run, without telling whether it moves, for 24 h"));
    }
}
