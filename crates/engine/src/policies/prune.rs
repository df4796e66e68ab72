//! Deletions, repository by repository: look, send those that the look permits in one request, look again.

use super::apply::Session;
use super::report::Deleted;
use crate::observe::Event as Notice;
use snapkeep_cluster::{Feature, Kind, Refusal, Unanswered, Written, batches};
use snapkeep_core::invariants::Look;
use snapkeep_core::inventory::Cluster;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::plan::{Delete, Options, Place, Plan};
use snapkeep_core::steps::{Ask, Event, Machine, Outcome, PERMIT_SECONDS};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Deadline, Lost};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The pause before a look that is to show what an earlier one did not: longer from look to look.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_LOOK_PAUSE: Duration = Duration::from_secs(8);

/// How long to wait for whatever else the cluster does first.
const BUSY_BUDGET: Duration = Duration::from_mins(30);
const BUSY_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(15);

/// A deletion under way.
struct Doomed<'a> {
    delete: &'a Delete,
    name: SnapshotName,
    machine: Machine,
    /// Whether anything was sent that could have had an effect.
    attempted: bool,
    /// Why the last look or write did not do what it should.
    last: Option<Failure>,
}

/// The deletions of one repository.
struct Purge<'a> {
    repository: RepositoryName,
    open: Vec<Doomed<'a>>,
    of: usize,
    several: bool,
    looked: Instant,
    pause: Duration,
    busy_until: Deadline,
    busy_pause: Duration,
}

/// What a look came to.
enum Seen {
    Cluster(Box<Cluster>),
    Nothing(Failure),
}

impl<'a> Session<'a> {
    /// All deletions of the plan on this cluster.
    pub(super) async fn delete_all(&mut self, plan: &'a Plan) {
        let mut by_repository: BTreeMap<&str, Vec<&Delete>> = BTreeMap::new();
        let mut done: BTreeMap<&Place, u32> = BTreeMap::new();
        let name = self.name;
        for delete in plan.deletes().filter(|delete| delete.place.cluster == name) {
            let number = done.entry(&delete.place).or_default();
            if self.may_begin(delete, *number) {
                *number += 1;
                by_repository.entry(&delete.place.repository).or_default().push(delete);
            }
        }
        for (repository, deletes) in by_repository {
            match self.purge(repository, &deletes).await {
                Ok(mut purge) => purge.carry_out(self).await,
                Err(failure) => deletes.iter().for_each(|delete| self.report(&delete.place).fail(failure.clone())),
            }
        }
    }

    /// Whether the operator allows it.
    fn may_begin(&mut self, delete: &Delete, number: u32) -> bool {
        let limit = self.policies.iter().find(|policy| policy.name == delete.place.policy);
        let limit = limit.map_or(u32::MAX, |policy| policy.limits.max_deletes_per_run);
        let yes = self.options.yes;
        let report = self.report(&delete.place);
        if delete.unconfirmed && !yes {
            report.skip(&delete.snapshot, "it needs a yes: the policy has never deleted before");
            report.warn("nothing is deleted until its plan was carried out once with a yes (`--yes`), or it says `first_delete: allow`");
            return false;
        }
        if number >= limit {
            report.skip(&delete.snapshot, format!("the run has its {limit} deletions"));
            return false;
        }
        true
    }

    async fn purge(&self, repository: &str, deletes: &[&'a Delete]) -> Result<Purge<'a>, Failure> {
        let repository = RepositoryName::parse(repository)?;
        crate::guard::reserved_stays(&repository)?;
        let doomed = |delete: &&'a Delete| {
            let name = SnapshotName::parse(&delete.snapshot)?;
            Ok(Doomed { delete, name, machine: Machine::default(), attempted: false, last: None })
        };
        let open = deletes.iter().map(doomed).collect::<Result<Vec<_>, Failure>>()?;
        Ok(Purge {
            repository,
            of: open.len(),
            open,
            several: self.eye.product().await.is_ok_and(|product| product.has(Feature::MultiDelete)),
            looked: Instant::now(),
            pause: Duration::ZERO,
            busy_until: self.eye.deadline.or_after(BUSY_BUDGET),
            busy_pause: BUSY_PAUSE,
        })
    }
}

impl Purge<'_> {
    async fn carry_out(&mut self, session: &mut Session<'_>) {
        while !self.open.is_empty() {
            if session.eye.deadline.left().is_zero() {
                return self.out_of_time(session);
            }
            let turn = self.turn();
            self.looked = Instant::now();
            let names: Vec<&str> = self.open[..turn].iter().map(|doomed| doomed.name.as_str()).collect();
            let seen = match session.eye.at(&self.repository, &names, true).await {
                Ok(cluster) => Seen::Cluster(Box::new(cluster)),
                Err(failure) => Seen::Nothing(failure),
            };
            self.tell_look(session, turn, &seen);
            self.settle(session);
            self.send(session).await;
            if self.pause.is_zero() {
                continue;
            }
            session.eye.deadline.pause(self.pause).await;
        }
    }

    /// How many are looked at now: all that were sent, which come first, and as many as one request takes.
    fn turn(&mut self) -> usize {
        self.open.sort_by_key(|doomed| !doomed.machine.has_sent());
        let sent = self.open.iter().take_while(|doomed| doomed.machine.has_sent()).count();
        let names: Vec<SnapshotName> = self.open[sent..].iter().map(|doomed| doomed.name.clone()).collect();
        sent + batches(&names, self.several).first().map_or(0, |batch| batch.len())
    }

    fn tell_look(&mut self, session: &Session<'_>, turn: usize, seen: &Seen) {
        let now = session.eye.ticker.now();
        let looked_at = self.open[..turn].iter_mut().filter(|doomed| *doomed.machine.ask() == Ask::Look);
        let cluster = match seen {
            Seen::Cluster(cluster) => cluster,
            Seen::Nothing(failure) => {
                for doomed in looked_at {
                    doomed.last = Some(failure.clone());
                    doomed.machine.tell(Event::Unseen);
                }
                return;
            }
        };
        let Some(look) = Look::new(session.policies, session.name, cluster, self.repository.as_str(), now) else {
            return;
        };
        let allowed = Options { allow_unknown_clock: session.options.allow_unknown_clock };
        let look = look.allowing(allowed, session.options.yes);
        for doomed in looked_at {
            let verdict = look.may_delete(doomed.delete);
            doomed.machine.tell(verdict.map_or_else(Event::Refuted, Event::Permitted));
        }
    }

    /// Reports what has ended.
    fn settle(&mut self, session: &mut Session<'_>) {
        let (ended, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|doomed| matches!(doomed.machine.ask(), Ask::End(_)));
        self.open = open;
        for doomed in ended {
            doomed.report(session);
        }
    }

    /// One request for those that the look permits, as many as one takes.
    async fn send(&mut self, session: &mut Session<'_>) {
        let is_permitted = |doomed: &Doomed<'_>| *doomed.machine.ask() == Ask::Act;
        let names: Vec<SnapshotName> =
            self.open.iter().filter(|doomed| is_permitted(doomed)).map(|doomed| doomed.name.clone()).collect();
        let Some(batch) = batches(&names, self.several).first().copied() else {
            // Nothing to send: what was sent does not show yet, or nothing could be seen.
            self.pause = (self.pause * 2).clamp(LOOK_PAUSE, LONGEST_LOOK_PAUSE);
            return;
        };
        self.pause = Duration::ZERO;
        for doomed in self.open.iter_mut().filter(|doomed| is_permitted(doomed) && !batch.contains(&doomed.name)) {
            doomed.machine.tell(Event::Expired);
        }
        if self.looked.elapsed().as_secs() >= PERMIT_SECONDS.unsigned_abs() {
            return self.tell(batch, &Event::Expired, None);
        }
        let shown: Vec<&str> = batch.iter().map(SnapshotName::as_str).collect();
        session.eye.notice(&Notice::Deleting { done: self.of - self.open.len(), of: self.of, names: &shown });
        let written = session.eye.api.delete(&self.repository, batch, session.eye.deadline).await;
        self.hear(session, batch, written).await;
    }

    fn tell(&mut self, batch: &[SnapshotName], event: &Event, failure: Option<&Failure>) {
        for doomed in self.open.iter_mut().filter(|doomed| batch.contains(&doomed.name)) {
            doomed.attempted |= *event != Event::Expired;
            doomed.last = failure.cloned().or(doomed.last.take());
            doomed.machine.tell(event.clone());
        }
    }

    /// What the answer means. Whatever it is, a look says what came of it.
    async fn hear(&mut self, session: &mut Session<'_>, batch: &[SnapshotName], written: Written) {
        match written {
            Written::Done(()) => self.tell(batch, &Event::Accepted, None),
            Written::Refused(refusal) if refusal.kind == Kind::Busy => {
                self.busy(session, batch, refusal.failure()).await;
            }
            Written::Refused(refusal) if is_unclear(&refusal) => {
                self.pause = LOOK_PAUSE;
                self.tell(batch, &Event::Lost, Some(&refusal.failure()));
            }
            Written::Refused(refusal) if refusal.kind == Kind::SnapshotMissing || batch.len() > 1 => {
                // One of them is in the way of the others: from now on each goes alone.
                self.several = false;
                self.tell(batch, &Event::Lost, Some(&refusal.failure()));
            }
            Written::Refused(refusal) => self.tell(batch, &Event::Refused, Some(&refusal.failure())),
            Written::Lost(lost) => self.lost(batch, lost),
        }
    }

    fn lost(&mut self, batch: &[SnapshotName], lost: Lost) {
        let (unsent, transient) = (lost.is_unsent(), lost.is_transient());
        let failure = Unanswered::Lost(lost).failure();
        self.pause = LOOK_PAUSE;
        let event = match (unsent, transient) {
            (false, _) => Event::Lost,
            (true, true) => Event::Expired,
            (true, false) => Event::Refused,
        };
        self.tell(batch, &event, Some(&failure));
    }

    /// The cluster does something else first. (It may be an earlier request of our own: the next look tells.)
    async fn busy(&mut self, session: &mut Session<'_>, batch: &[SnapshotName], failure: Failure) {
        session.eye.notice(&Notice::Waiting { why: &failure.cause, left: self.busy_until.left() });
        let waited = self.busy_until.pause(self.busy_pause).await;
        self.busy_pause = (self.busy_pause * 2).min(LONGEST_BUSY_PAUSE);
        if !waited {
            return self.tell(batch, &Event::Refused, Some(&failure));
        }
        for doomed in self.open.iter_mut().filter(|doomed| batch.contains(&doomed.name)) {
            (doomed.attempted, doomed.machine, doomed.last) = (true, Machine::default(), Some(failure.clone()));
        }
    }

    fn out_of_time(&mut self, session: &mut Session<'_>) {
        for doomed in std::mem::take(&mut self.open) {
            if doomed.machine.has_sent() {
                let failure = doomed.unknown();
                session.report(&doomed.delete.place).fail(failure);
            } else {
                session
                    .report(&doomed.delete.place)
                    .skip(doomed.name.as_str(), "no time was left: the next run goes on");
            }
        }
    }
}

impl Doomed<'_> {
    fn report(self, session: &mut Session<'_>) {
        let Ask::End(outcome) = self.machine.ask().clone() else { return };
        let report = session.report(&self.delete.place);
        let name = self.name.as_str();
        match outcome {
            Outcome::Already if !self.attempted => report.skip(name, "it was gone before anything was sent"),
            Outcome::Done | Outcome::Already => {
                let reasons = self.delete.reasons.clone();
                report.deleted.push(Deleted { snapshot: name.to_owned(), reasons });
            }
            Outcome::Stale(violation) => {
                report.skip(name, violation.wrong.clone());
                report.fail(violation.into());
            }
            Outcome::Unknown => report.fail(self.unknown()),
            Outcome::Refused | Outcome::Unseen => {
                let failure = self.last.clone().unwrap_or_else(|| self.unknown());
                let cause = format!("snapshot {name} was not deleted: {}", failure.cause);
                report.skip(name, failure.cause.clone());
                report.fail(failure.with_cause(cause));
            }
        }
    }

    /// It was sent, and whether it has an effect cannot be seen.
    fn unknown(&self) -> Failure {
        let why = self.last.as_ref().map_or("the server said yes", |failure| &failure.cause);
        Failure::new(
            Code::OutcomeUnknown,
            format!(
                "snapshot {} is still listed, or could not be looked for, after it was to be deleted: {why}",
                self.name
            ),
            "the next run looks again",
        )
    }
}

fn is_unclear(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::Throttled | Kind::Gateway | Kind::ServerError)
}
