//! The rounds of a deletion: list, delete what is still as planned, list again.

use super::report::{DeletionReport, Skipped};
use crate::observe::{Event, Observer};
use crate::patience::Patience;
use snapkeep_cluster::{Feature, Kind, SnapshotApi, Unanswered, Written, batches};
use snapkeep_core::deletion::{DeletionPlan, Standing, Step};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::Snapshot;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How often what is left is sent again.
const ROUNDS: u32 = 5;

/// The pause after a round that left something: doubled from round to round.
const ROUND_PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn apply(
    api: &SnapshotApi,
    plan: &DeletionPlan,
    repository: &RepositoryName,
    deadline: Deadline,
    observer: &dyn Observer,
) -> Result<DeletionReport, Failure> {
    let mut run = Run {
        api,
        plan,
        repository,
        deadline,
        patience: Patience::of_deletions(deadline),
        observer,
        has_multi_delete: false,
        open: plan.steps.iter().collect(),
        attempted: BTreeSet::new(),
        acknowledged: BTreeSet::new(),
        last: None,
        report: DeletionReport::new(&plan.repository),
    };
    if !run.open.is_empty() {
        // Not to know the product is no reason not to begin: one by one every version can.
        run.has_multi_delete = api.product(deadline).await.is_ok_and(|product| product.has(Feature::MultiDelete));
        run.rounds().await?;
    }
    Ok(run.into_report())
}

struct Run<'a> {
    api: &'a SnapshotApi,
    plan: &'a DeletionPlan,
    repository: &'a RepositoryName,
    deadline: Deadline,
    patience: Patience,
    observer: &'a dyn Observer,
    has_multi_delete: bool,
    /// Steps that are not settled.
    open: Vec<&'a Step>,
    /// Names that a request to delete was sent for.
    attempted: BTreeSet<&'a str>,
    /// Names that the server said yes for: they are waited for, and not sent again.
    acknowledged: BTreeSet<&'a str>,
    /// Why the last request, or the last look, did not do what it should.
    last: Option<Failure>,
    report: DeletionReport,
}

/// What an answer to a deletion means.
enum Answer {
    /// Look: the list tells what became of it.
    Look,
    /// The cluster does something else first.
    Busy(Failure),
    /// It will not be otherwise the next time.
    Stop(Failure),
}

impl Run<'_> {
    /// A failure ends it at once; with nothing attempted it is the whole answer.
    async fn rounds(&mut self) -> Result<(), Failure> {
        let mut pause = ROUND_PAUSE;
        for round in 1..=ROUNDS {
            let stopped = self.round().await.err();
            if self.attempted.is_empty()
                && let Some(failure) = stopped
            {
                return Err(failure);
            }
            let is_stopped = stopped.is_some();
            self.last = stopped.or(self.last.take());
            if let Err(failure) = self.look().await {
                self.last = Some(not_looked(&failure));
                return Ok(());
            }
            if is_stopped || self.open.is_empty() || round == ROUNDS || !self.deadline.pause(pause).await {
                return Ok(());
            }
            pause *= 2;
        }
        Ok(())
    }

    /// One request for each batch of what is open and was not said yes to.
    async fn round(&mut self) -> Result<(), Failure> {
        let unsaid = self.open.iter().filter(|step| !self.acknowledged.contains(step.name.as_str()));
        let names = unsaid.map(|step| SnapshotName::parse(&step.name));
        let names = names.collect::<Result<Vec<_>, Failure>>()?;
        for batch in batches(&names, self.has_multi_delete) {
            self.batch(batch).await?;
        }
        Ok(())
    }

    /// Looks at the batch again and sends what is still as planned, patiently while the cluster is busy.
    async fn batch(&mut self, names: &[SnapshotName]) -> Result<(), Failure> {
        loop {
            let names = self.look_again(names).await?;
            if names.is_empty() {
                return Ok(());
            }
            match self.send(&names).await {
                Answer::Look => return Ok(()),
                Answer::Stop(failure) => return Err(failure),
                Answer::Busy(failure) => {
                    self.observer.notice(&Event::Waiting { why: &failure.cause, left: self.patience.left() });
                    if !self.patience.wait().await {
                        return Err(failure);
                    }
                }
            }
        }
    }

    async fn send(&mut self, names: &[SnapshotName]) -> Answer {
        let shown: Vec<&str> = names.iter().map(SnapshotName::as_str).collect();
        let (done, of) = (self.report.settled(), self.plan.steps.len());
        self.observer.notice(&Event::Deleting { done, of, names: &shown });
        let written = self.api.delete(self.repository, names, self.deadline).await;
        if !matches!(&written, Written::Lost(lost) if lost.is_unsent()) {
            self.report.batches += 1;
            let sent: Vec<&str> =
                self.open.iter().map(|step| step.name.as_str()).filter(|name| shown.contains(name)).collect();
            self.attempted.extend(&sent);
            if matches!(written, Written::Done(())) {
                self.acknowledged.extend(&sent);
            }
        }
        let answer = meaning(written);
        if let Some(failure) = &answer.1 {
            self.last = Some(failure.clone());
        }
        answer.0
    }

    /// The whole list: settles what is gone or is not what was planned, and keeps the last good one. The
    /// last look of all says what was deleted.
    async fn look(&mut self) -> Result<(), Failure> {
        let listed = self.api.names(self.repository, self.deadline).await.map_err(|look| look.failure())?;
        let found: HashMap<&str, &Snapshot> = listed.iter().map(|entry| (entry.name.as_str(), entry)).collect();
        self.settle(|step| step.standing(found.get(step.name.as_str()).copied()));
        // What was sent may be going although it is listed: it does not stand in for a good one that stays.
        let (attempted, acknowledged) = (self.attempted.clone(), self.acknowledged.clone());
        self.keep_last_good(&listed, &attempted);
        // Nor is anything sent once more that may not have taken effect and has become the last one.
        self.keep_last_good(&listed, &acknowledged);
        Ok(())
    }

    fn keep_last_good(&mut self, listed: &[Snapshot], going: &BTreeSet<&str>) {
        let steps: Vec<&Step> = self.open.iter().copied().filter(|step| !going.contains(step.name.as_str())).collect();
        let staying = listed.iter().filter(|snapshot| !going.contains(snapshot.name.as_str()));
        if let Some(last) = self.plan.last_good(&steps, staying) {
            self.open.retain(|step| step.name != last.name);
            self.skip(last, "it is the last SUCCESS now: without it the repository would hold no good snapshot");
        }
    }

    /// Everything, just before the batch is sent, then the batch in detail; gives the names that may be.
    /// Servers leave out of the details what they cannot read: the list alone says what is gone.
    async fn look_again(&mut self, names: &[SnapshotName]) -> Result<Vec<SnapshotName>, Failure> {
        self.look().await?;
        let listed = self.still_open(names);
        if listed.is_empty() {
            return Ok(listed);
        }
        let found = self.api.details(self.repository, &listed, self.deadline).await.map_err(|look| look.failure())?;
        let found: HashMap<&str, &Snapshot> = found.iter().map(|entry| (entry.name.as_str(), entry)).collect();
        self.settle(|step| {
            found.get(step.name.as_str()).map_or(Standing::Same, |&snapshot| step.standing(Some(snapshot)))
        });
        Ok(self.still_open(names))
    }

    fn still_open(&self, names: &[SnapshotName]) -> Vec<SnapshotName> {
        let open: BTreeSet<&str> = self.open.iter().map(|step| step.name.as_str()).collect();
        names.iter().filter(|name| open.contains(name.as_str())).cloned().collect()
    }

    /// Settles the open steps by how each one's snapshot is found.
    fn settle(&mut self, standing: impl Fn(&Step) -> Standing) {
        let open = std::mem::take(&mut self.open);
        for step in open {
            match (standing(step), self.attempted.contains(step.name.as_str())) {
                (Standing::Same, _) => self.open.push(step),
                (Standing::Gone, true) => self.report.deleted.push(step.name.clone()),
                (Standing::Gone, false) => self.report.already_gone.push(step.name.clone()),
                (Standing::Replaced, _) => self.skip(step, "another snapshot has its name now"),
                (Standing::Running, _) => self.skip(step, "it runs now: deleting it would abort it"),
            }
        }
    }

    fn skip(&mut self, step: &Step, why: &str) {
        self.report.skipped.push(Skipped { name: step.name.clone(), why: why.to_owned() });
    }

    fn into_report(mut self) -> DeletionReport {
        self.report.left = self.open.iter().map(|step| step.name.clone()).collect();
        self.report.failure = Some(self.last.unwrap_or_else(still_there));
        self.report
    }
}

/// What the answer means, and what to say of it if the list does not show that it was done.
fn meaning(written: Written) -> (Answer, Option<Failure>) {
    match written {
        Written::Done(()) => (Answer::Look, None),
        // Gone, for one name; nothing certain for several. The list tells.
        Written::Refused(refusal) if refusal.kind == Kind::SnapshotMissing => (Answer::Look, Some(refusal.failure())),
        Written::Refused(refusal) if refusal.kind == Kind::Busy => {
            (Answer::Busy(refusal.failure()), Some(refusal.failure()))
        }
        Written::Refused(refusal) if refusal.is_unclear() => (Answer::Look, Some(unknown(refusal.failure()))),
        Written::Refused(refusal) => (Answer::Stop(refusal.failure()), None),
        Written::Lost(lost) => lost_meaning(lost),
    }
}

fn lost_meaning(lost: Lost) -> (Answer, Option<Failure>) {
    let (unsent, transient) = (lost.is_unsent(), lost.is_transient());
    let failure = Unanswered::Lost(lost).failure();
    match (unsent, transient) {
        (false, _) => (Answer::Look, Some(unknown(failure))),
        (true, true) => (Answer::Look, Some(failure)),
        (true, false) => (Answer::Stop(failure), None),
    }
}

/// The server may still be at it.
fn unknown(failure: Failure) -> Failure {
    let cause = format!("still listed, and the server may still be deleting: {}", failure.cause);
    failure
        .with_code(Code::OutcomeUnknown)
        .with_cause(cause)
        .with_hint("list the snapshots; delete what is still there")
}

fn not_looked(failure: &Failure) -> Failure {
    let cause = format!("what became of the deletion could not be looked at: {}", failure.cause);
    Failure::new(Code::OutcomeUnknown, cause, "list the snapshots; delete what is still there")
}

fn still_there() -> Failure {
    let cause = "the server said that it was deleted, but it is still listed";
    Failure::new(Code::OutcomeUnknown, cause, "list the snapshots again in some minutes; look at the cluster's log")
}
