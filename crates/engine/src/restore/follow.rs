//! Follows each shard until all serve, nothing moves any more for good, or time is up.

use super::expected::Expected;
use super::report::by_name;
use super::{Following, RestoreJob};
use crate::follow::{LAST_LOOK, OUT_OF_SIGHT};
use crate::observe::{Event, Observer};
use snapkeep_cluster::{SnapshotApi, Unanswered};
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::progress::Tracker;
use snapkeep_core::restore::Pieces;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause between looks; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// After so many looks in a row in which nothing is being restored any more, what is missing stays missing.
const SETTLED: u32 = 3;

/// How the following ended.
pub(super) struct End {
    /// The last look.
    pub(super) pieces: Pieces,
    /// Whether the restore has ended, well or not.
    pub(super) has_ended: bool,
    /// What it waited for when it was followed no longer because it stood still.
    pub(super) stalled: Option<String>,
}

struct Watch<'a> {
    api: &'a SnapshotApi,
    job: &'a RestoreJob,
    snapshot: &'a SnapshotName,
    indices: Vec<String>,
    following: &'a Following,
    observer: &'a dyn Observer,
    began: Instant,
    tracker: Tracker,
    told_stalled: bool,
    told: Vec<String>,
    settled: u32,
    failing: Option<Instant>,
}

/// Follows what is expected to be there.
pub(super) async fn follow(
    api: &SnapshotApi,
    job: &RestoreJob,
    expected: &[Expected<'_>],
    snapshot: &SnapshotName,
    following: &Following,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<End, Failure> {
    let mut watch = Watch {
        api,
        job,
        snapshot,
        indices: expected.iter().flat_map(|one| one.indices.clone()).collect(),
        following,
        observer,
        began: Instant::now(),
        tracker: Tracker::default(),
        told_stalled: false,
        told: Vec::new(),
        settled: 0,
        failing: None,
    };
    watch.until_it_ends(deadline).await
}

impl Watch<'_> {
    async fn until_it_ends(&mut self, deadline: Deadline) -> Result<End, Failure> {
        let last = deadline.less(LAST_LOOK);
        let until = last.or_after(self.following.wait);
        let mut pause = FIRST_PAUSE;
        loop {
            let mut left = until;
            match self.api.look_at_shards(&self.indices, deadline).await {
                Ok(looked) => {
                    let pieces = looked.pieces();
                    if let Some(end) = self.take(&pieces, deadline).await {
                        return Ok(end);
                    }
                    // Where nothing works on it any more, a few looks more make that sure, however short the wait.
                    left = if self.settled > 0 { last } else { until };
                    if left.left().is_zero() {
                        return Ok(End { pieces, has_ended: false, stalled: None });
                    }
                }
                Err(unanswered) => self.bear(&unanswered, until)?,
            }
            tokio::time::sleep(pause.min(left.left())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What a look means; `None` if it goes on.
    async fn take(&mut self, pieces: &Pieces, deadline: Deadline) -> Option<End> {
        self.failing = None;
        let progress = pieces.progress();
        if self.tracker.observe(self.began.elapsed(), &progress) {
            self.told_stalled = false;
        }
        self.observer.notice(&Event::Moved(&progress));
        let end = |has_ended, stalled| Some(End { pieces: pieces.clone(), has_ended, stalled });
        if pieces.all_started(&self.indices) {
            return end(true, None);
        }
        let is_over = progress.shards.started == 0 && !self.is_restoring(deadline).await;
        self.settled = if is_over { self.settled + 1 } else { 0 };
        if self.settled >= SETTLED {
            return end(true, None);
        }
        let diagnosis = self.stalled(pieces)?;
        end(false, Some(diagnosis))
    }

    /// Whether the cluster still works on it. Where that cannot be asked, shards that wait for a node count.
    async fn is_restoring(&mut self, deadline: Deadline) -> bool {
        match self.api.is_restoring(&self.job.repository, self.snapshot, deadline).await {
            Ok(is_restoring) => is_restoring,
            Err(unanswered) => {
                self.say("a look at the cluster's restores", &unanswered);
                self.tracker.stalled_for() < LONGEST_PAUSE * SETTLED
            }
        }
    }

    /// Tells once that nothing moves; what is waited for if that is an end.
    fn stalled(&mut self, pieces: &Pieces) -> Option<String> {
        let since = self.tracker.stalled_for();
        if self.told_stalled || self.following.stall_after.is_none_or(|limit| since < limit) {
            return None;
        }
        self.told_stalled = true;
        let diagnosis = pieces.diagnosis();
        self.observer.notice(&Event::Stalled { snapshot: self.snapshot.as_str(), since, diagnosis: &diagnosis });
        self.following.stop_on_stall.then_some(diagnosis)
    }

    /// A look that fails is borne for some minutes: nodes restart, and managers change.
    fn bear(&mut self, unanswered: &Unanswered, until: Deadline) -> Result<(), Failure> {
        self.say("a look at the restored shards", unanswered);
        let since = *self.failing.get_or_insert_with(Instant::now);
        let is_refused = matches!(unanswered, Unanswered::Refused(refusal) if refusal.is_missing_right());
        if !is_refused && since.elapsed() < OUT_OF_SIGHT && !until.left().is_zero() {
            return Ok(());
        }
        let cause = format!("how the restore ends is not known: {}", unanswered.failure().cause);
        let hint = format!(
            "it goes on whether it can be looked at or not: mend the cause, then run the same command again{}, which follows it",
            by_name(self.snapshot.as_str())
        );
        Err(Failure::new(Code::OutcomeUnknown, cause, hint))
    }

    fn say(&mut self, what: &str, unanswered: &Unanswered) {
        let cause = format!("{what} failed: {}", unanswered.failure().cause);
        if !self.told.contains(&cause) {
            self.observer.notice(&Event::LookFailed { cause: &cause });
            self.told.push(cause);
        }
    }
}
