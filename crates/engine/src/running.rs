//! What runs, how far it is, and whether it moves.

use crate::observe::{Event, Observer};
use crate::run::missing;
use crate::watch::Watch;
use serde::{Serialize, Serializer};
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::progress::diagnose;
use snapkeep_core::snapshot::{Progress, Snapshot, State};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;
use std::time::Duration;

/// The pause between two looks while watching.
const PAUSE: Duration = Duration::from_secs(1);

/// How long nothing may move before that is called stalled, unless somebody says otherwise: servers count
/// a file, or a shard, once all of it is there.
pub const STALL_AFTER: Duration = Duration::from_secs(30);

/// Which snapshots to look at.
#[derive(Clone, Debug)]
pub struct StatusQuery {
    /// Where; `None` is every repository.
    pub repository: Option<RepositoryName>,
    /// Which, whether they run or not; none are all that run. They need a repository.
    pub snapshots: Vec<SnapshotName>,
    /// How long to watch whether they move. It ends as soon as all have; zero is one look.
    pub watch: Duration,
    /// How long nothing may have moved before it is [`Verdict::Stalled`].
    pub stall_after: Duration,
}

/// What was found, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// The snapshots.
    pub snapshots: Vec<Running>,
    /// The repositories that are left out: whatever runs there is not among the snapshots.
    pub unlooked: Vec<Unlooked>,
}

/// A repository that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unlooked {
    /// Its name.
    pub repository: String,
    /// Why.
    pub cause: String,
}

/// One snapshot and how it fares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Running {
    /// Where it is.
    pub repository: String,
    /// What `GET _snapshot` says.
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// What `_status` says; `None` if it was not to be had or knows nothing of it.
    pub progress: Option<Progress>,
    /// Bytes per second while it was watched.
    pub rate_bytes_per_s: Option<f64>,
    /// How long it may still take at that rate.
    #[serde(rename = "left_s", serialize_with = "seconds")]
    pub left: Option<Duration>,
    /// What the watch found.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What holds it up and what to do, or why nothing can be said.
    pub diagnosis: Option<String>,
}

/// What a watch found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// Something has moved.
    Moving,
    /// Nothing has moved yet, which need not mean anything.
    Waiting {
        /// For how long.
        #[serde(rename = "unmoved_s", serialize_with = "whole_seconds")]
        unmoved: Duration,
    },
    /// Nothing has moved for as long as it may stand still.
    Stalled {
        /// For how long.
        #[serde(rename = "unmoved_s", serialize_with = "whole_seconds")]
        unmoved: Duration,
    },
    /// It was told to stop and has not yet.
    Aborting,
    /// It does not run (any more).
    Ended,
    /// It was looked at once only, or `_status` was not to be had.
    Unknown,
}

#[expect(clippy::ref_option, reason = "serde calls it with what the field is")]
fn seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs()).serialize(serializer)
}

fn whole_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    time.as_secs().serialize(serializer)
}

/// Looks at what runs, or at the snapshots that are named, and watches whether it moves. A repository
/// that cannot be looked at is told to the observer and left out, unless it was asked for, or none can be.
pub async fn status(
    api: &SnapshotApi,
    query: &StatusQuery,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<Status, Failure> {
    let (mut watched, unlooked) = found(api, query, deadline, observer).await?;
    let until = deadline.or_after(query.watch);
    let mut is_first = true;
    loop {
        for one in watched.iter_mut().filter(|one| !one.is_settled()) {
            if !is_first {
                one.look(api, deadline).await;
            }
            one.look_closer(api, deadline).await;
        }
        is_first = false;
        if watched.iter().all(Watched::is_settled) || !until.pause(PAUSE).await {
            break;
        }
    }
    let snapshots = watched.into_iter().map(|one| one.into_running(query.stall_after)).collect();
    Ok(Status { snapshots, unlooked })
}

/// One snapshot under watch.
struct Watched<'a> {
    repository: RepositoryName,
    snapshot: Snapshot,
    gone: bool,
    progress: Option<Progress>,
    watch: Watch<'a>,
}

impl<'a> Watched<'a> {
    fn new(repository: &RepositoryName, snapshot: Snapshot, observer: &'a dyn Observer) -> Self {
        let watch = Watch::new(observer, None);
        Self { repository: repository.clone(), snapshot, gone: false, progress: None, watch }
    }
}

async fn found<'a>(
    api: &SnapshotApi,
    query: &StatusQuery,
    deadline: Deadline,
    observer: &'a dyn Observer,
) -> Result<(Vec<Watched<'a>>, Vec<Unlooked>), Failure> {
    let Some(repository) = &query.repository else {
        if !query.snapshots.is_empty() {
            let hint = "name the repository, or leave the snapshots out to see all that runs";
            return Err(Failure::new(Code::BadEvent, "snapshots are named without their repository", hint));
        }
        return found_anywhere(api, deadline, observer).await;
    };
    let mut found = Vec::new();
    if query.snapshots.is_empty() {
        found = api.running(repository, deadline).await.map_err(|unanswered| unanswered.failure())?;
    }
    for name in &query.snapshots {
        let seen = api.snapshot(repository, name, deadline).await.map_err(|unanswered| unanswered.failure())?;
        found.push(seen.ok_or_else(|| missing(name.as_str(), repository.as_str()))?);
    }
    Ok((found.into_iter().map(|snapshot| Watched::new(repository, snapshot, observer)).collect(), Vec::new()))
}

/// All that runs, in every repository that can be looked at; a failure if there are some and none can.
async fn found_anywhere<'a>(
    api: &SnapshotApi,
    deadline: Deadline,
    observer: &'a dyn Observer,
) -> Result<(Vec<Watched<'a>>, Vec<Unlooked>), Failure> {
    let (mut watched, mut unlooked) = (Vec::new(), Vec::new());
    let (mut first, mut has_answered) = (None, false);
    for repository in repositories(api, deadline).await? {
        match api.running(&repository, deadline).await {
            Ok(running) => {
                has_answered = true;
                watched.extend(running.into_iter().map(|snapshot| Watched::new(&repository, snapshot, observer)));
            }
            Err(unanswered) => {
                let failure = unanswered.failure();
                let cause = format!("repository {repository} is left out: {}", failure.cause);
                observer.notice(&Event::LookFailed { cause: &cause });
                unlooked.push(Unlooked { repository: repository.as_str().to_owned(), cause: failure.cause.clone() });
                first.get_or_insert(failure);
            }
        }
    }
    match first {
        Some(failure) if !has_answered => Err(failure),
        _ => Ok((watched, unlooked)),
    }
}

async fn repositories(api: &SnapshotApi, deadline: Deadline) -> Result<Vec<RepositoryName>, Failure> {
    let found = api.repositories(deadline).await.map_err(|unanswered| unanswered.failure())?;
    Ok(found.keys().filter_map(|name| RepositoryName::parse(name).ok()).collect())
}

impl Watched<'_> {
    fn runs(&self) -> bool {
        !self.gone && self.snapshot.state == Some(State::InProgress)
    }

    /// Nothing more is to be learnt from another look.
    fn is_settled(&self) -> bool {
        !self.runs() || self.watch.tracker().has_moved() && !self.is_aborting()
    }

    fn is_aborting(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.state == "ABORTED")
    }

    async fn look(&mut self, api: &SnapshotApi, deadline: Deadline) {
        let Ok(name) = SnapshotName::parse(&self.snapshot.name) else { return };
        match api.snapshot(&self.repository, &name, deadline).await {
            Ok(Some(seen)) => self.snapshot = seen,
            Ok(None) => self.gone = true,
            Err(unanswered) => self.watch.look_failed("a look at the snapshot", &unanswered),
        }
    }

    async fn look_closer(&mut self, api: &SnapshotApi, deadline: Deadline) {
        if self.gone {
            return;
        }
        let progress = self.watch.look_closer(api, &self.repository, &self.snapshot, deadline).await;
        self.progress = progress.or_else(|| self.progress.take().filter(|_| self.watch.last_failure().is_some()));
    }

    fn into_running(self, stall_after: Duration) -> Running {
        let (verdict, diagnosis) = self.judge(stall_after);
        let tracker = self.watch.tracker();
        Running {
            repository: self.repository.as_str().to_owned(),
            rate_bytes_per_s: tracker.rate(),
            left: tracker.left().filter(|_| verdict == Verdict::Moving),
            snapshot: self.snapshot,
            progress: self.progress,
            verdict,
            diagnosis,
        }
    }

    fn judge(&self, stall_after: Duration) -> (Verdict, Option<String>) {
        let unmoved = self.watch.tracker().stalled_for();
        if self.gone {
            let gone = "it is not in the repository any more: it was deleted or aborted, or its last files could not be written";
            return (Verdict::Ended, Some(gone.to_owned()));
        }
        if !self.runs() {
            return (Verdict::Ended, None);
        }
        let Some(progress) = &self.progress else {
            let why = self.watch.last_failure().map(|cause| format!("`_status` could not be asked for: {cause}"));
            return (Verdict::Unknown, Some(why.unwrap_or_else(|| diagnose(&self.snapshot, None))));
        };
        if self.is_aborting() {
            return (Verdict::Aborting, Some(diagnose(&self.snapshot, Some(progress))));
        }
        if self.watch.tracker().has_moved() {
            return (Verdict::Moving, None);
        }
        if unmoved.is_zero() {
            return (Verdict::Unknown, None);
        }
        let verdict = if unmoved < stall_after { Verdict::Waiting { unmoved } } else { Verdict::Stalled { unmoved } };
        (verdict, Some(diagnose(&self.snapshot, Some(progress))))
    }
}
