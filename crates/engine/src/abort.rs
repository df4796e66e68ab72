//! Ends a running snapshot. The server's way to do so is to delete it, so that only what runs is sent.

use crate::create::{ATTEMPTS, RESEND_PAUSE};
use crate::guard::reserved_stays;
use crate::observe::Observer;
use crate::run::missing;
use crate::watch::{Watch, while_looking};
use serde::Serialize;
use snapkeep_cluster::{Kind, SnapshotApi, Unanswered, Written};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::progress::diagnose;
use snapkeep_core::select::state_word;
use snapkeep_core::snapshot::{Progress, Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::slice::from_ref;
use std::time::Duration;

/// After nothing has moved for so long, the observer hears what the abort waits for.
const STALL_AFTER: Duration = Duration::from_secs(20);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How many looks in a row a snapshot must be seen as ended until that counts: an aborted one may be seen
/// as failed for a moment before it is gone.
const LASTING: u32 = 5;

/// How an abort ended. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Aborted {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// The snapshot's name.
    pub snapshot: String,
    /// The server's id for it.
    pub uuid: Option<String>,
    /// What became of it.
    pub outcome: AbortOutcome,
    /// Its state when it was last seen.
    pub state: Option<State>,
}

/// What became of a snapshot that was to be aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortOutcome {
    /// It was aborted and is gone.
    Aborted,
    /// It had ended before anything was sent: nothing was done.
    AlreadyEnded,
    /// It ended before the abort took effect, which the server refused for certain, and is there.
    Ended,
}

/// Aborts the snapshot if it runs, and waits until it is gone. What does not run is never sent:
/// `snapshot_missing`, or [`AbortOutcome::AlreadyEnded`]. Servers know no guard for this: one that ends
/// between the look and the request, some milliseconds later, is deleted all the same.
pub async fn abort(
    api: &SnapshotApi,
    repository: &RepositoryName,
    snapshot: &SnapshotName,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<Aborted, Failure> {
    reserved_stays(repository)?;
    let seen = api.snapshot(repository, snapshot, deadline).await.map_err(|unanswered| unanswered.failure())?;
    let seen = seen.ok_or_else(|| missing(snapshot.as_str(), repository.as_str()))?;
    let watch = Watch::new(observer, Some(STALL_AFTER));
    let mut run = Run {
        api,
        repository,
        name: snapshot,
        uuid: seen.uuid.clone(),
        deadline,
        watch,
        seen,
        progress: None,
        unclear: None,
    };
    match run.seen.state {
        Some(State::InProgress) => run.end().await,
        Some(_) => Ok(run.ended(AbortOutcome::AlreadyEnded)),
        None => Err(Failure::new(
            Code::Unsupported,
            format!("the server's word for the state of snapshot {snapshot} is not known here: does it run?"),
            "nothing was done; `show` tells what is known of it, `delete` deletes it",
        )),
    }
}

struct Run<'a> {
    api: &'a SnapshotApi,
    repository: &'a RepositoryName,
    name: &'a SnapshotName,
    uuid: Option<String>,
    deadline: Deadline,
    watch: Watch<'a>,
    seen: Snapshot,
    progress: Option<Progress>,
    /// Why it is not known whether a request has taken effect or still may.
    unclear: Option<String>,
}

/// What a look tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It is not there, or another has its name.
    Gone,
    Runs,
    Ended,
    /// The look failed.
    Nothing,
}

impl Run<'_> {
    async fn end(&mut self) -> Result<Aborted, Failure> {
        let mut unseen = Unanswered::Lost(Lost::OutOfTime).failure();
        for attempt in 1..=ATTEMPTS {
            match self.send().await {
                None | Some(Written::Done(())) => return self.wait_for("the server said yes").await,
                Some(Written::Refused(refusal)) if refusal.kind == Kind::SnapshotMissing => {
                    return self.wait_for(&refusal.reason).await;
                }
                Some(Written::Refused(refusal)) if refusal.kind == Kind::Busy => unseen = refusal.failure(),
                Some(Written::Refused(refusal)) if refusal.is_unclear() => {
                    self.unclear = Some(refusal.reason.clone());
                    unseen = refusal.failure();
                }
                Some(Written::Refused(refusal)) => return Err(refusal.failure()),
                Some(Written::Lost(lost)) if lost.is_unsent() && !lost.is_transient() => {
                    return Err(Unanswered::Lost(lost).failure());
                }
                Some(Written::Lost(lost)) => {
                    self.unclear = (!lost.is_unsent()).then(|| lost.cause().to_owned()).or(self.unclear.take());
                    unseen = Unanswered::Lost(lost).failure();
                }
            }
            if attempt < ATTEMPTS && !self.deadline.pause(RESEND_PAUSE).await {
                break;
            }
            // The answer tells nothing: did it take effect? Only what still runs is sent again, at once.
            match self.look().await {
                Look::Runs if !self.is_aborting() => {}
                Look::Gone | Look::Ended | Look::Runs => return self.wait().await,
                Look::Nothing => {
                    let cause = format!("whether snapshot {} was aborted is unknown: {}", self.name, unseen.cause);
                    return Err(unknown(&cause));
                }
            }
        }
        let cause = format!("snapshot {} still runs: {}", self.name, unseen.cause);
        Err(unseen.with_cause(cause))
    }

    /// Sends the deletion. Servers answer when it is over; `None` if a look said so before.
    async fn send(&mut self) -> Option<Written> {
        let (api, repository, name, deadline) = (self.api, self.repository, self.name, self.deadline);
        let write = api.delete(repository, from_ref(name), deadline);
        while_looking(write, PAUSE, async || self.look().await == Look::Gone).await
    }

    async fn wait_for(&mut self, why: &str) -> Result<Aborted, Failure> {
        self.unclear = Some(why.to_owned());
        self.wait().await
    }

    /// Looks until it is gone, or until it is seen as ended for good. With a request on its way that may
    /// still take effect, that says nothing of the abort.
    async fn wait(&mut self) -> Result<Aborted, Failure> {
        let mut ended = 0;
        loop {
            match self.look().await {
                Look::Gone => return Ok(self.ended(AbortOutcome::Aborted)),
                Look::Ended => ended += 1,
                Look::Runs => ended = 0,
                Look::Nothing => {}
            }
            if ended >= LASTING {
                return self.still_there();
            }
            if !self.deadline.pause(PAUSE).await {
                return Err(self.under_way());
            }
        }
    }

    async fn look(&mut self) -> Look {
        match self.api.snapshot(self.repository, self.name, self.deadline).await {
            Ok(None) => Look::Gone,
            Ok(Some(seen)) if self.uuid.is_some() && seen.uuid.is_some() && seen.uuid != self.uuid => Look::Gone,
            Ok(Some(seen)) => {
                self.progress = self.watch.look_closer(self.api, self.repository, &seen, self.deadline).await;
                self.seen = seen;
                if self.seen.state == Some(State::InProgress) { Look::Runs } else { Look::Ended }
            }
            Err(unanswered) => {
                self.watch.look_failed("a look at the snapshot", &unanswered);
                Look::Nothing
            }
        }
    }

    fn is_aborting(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.state == "ABORTED")
    }

    /// It has ended and stays: an end of its own if no request can have had an effect.
    fn still_there(&self) -> Result<Aborted, Failure> {
        let Some(why) = &self.unclear else { return Ok(self.ended(AbortOutcome::Ended)) };
        let state = state_word(self.seen.state);
        Err(Failure::new(
            Code::OutcomeUnknown,
            format!("snapshot {} is {state} and still listed, and the abort may yet remove it: {why}", self.name),
            "look again in some minutes: `show` tells whether it is there, `delete` deletes it",
        ))
    }

    fn under_way(&self) -> Failure {
        let why = diagnose(&self.seen, self.progress.as_ref());
        unknown(&format!("snapshot {} was told to stop but has not yet: {why}", self.name))
    }

    fn ended(&self, outcome: AbortOutcome) -> Aborted {
        Aborted {
            schema: 1,
            repository: self.repository.as_str().to_owned(),
            snapshot: self.name.as_str().to_owned(),
            uuid: self.uuid.clone(),
            outcome,
            state: self.seen.state,
        }
    }
}

fn unknown(cause: &str) -> Failure {
    Failure::new(
        Code::OutcomeUnknown,
        cause,
        "`status` shows whether it still runs; aborting may be repeated while it does",
    )
}
