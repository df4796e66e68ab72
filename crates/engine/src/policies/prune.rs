//! Deletions, repository by repository: look, send those that the look permits in one request, look again.

use super::behind::Behind;
use super::report::Deleted;
use super::session::Session;
use super::ticker::Moment;
use crate::observe::Event as Notice;
use crate::patience::Patience;
use snapkeep_cluster::{Feature, Kind, Unanswered, Written, batches};
use snapkeep_core::invariants::Look;
use snapkeep_core::inventory::Cluster;
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::plan::{Delete, Options, Plan, Skip};
use snapkeep_core::steps::{Ask, Event, Machine, Outcome, PERMIT_SECONDS};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Lost;
use std::collections::BTreeMap;
use std::time::Duration;

/// The pause before a look that is to show what an earlier one did not: longer from look to look.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_LOOK_PAUSE: Duration = Duration::from_secs(8);

/// How long other clusters may take to tell where their repositories are, and the share of the time that is left.
const OTHERS_BUDGET: Duration = Duration::from_mins(1);
const OTHERS_SHARE: u32 = 4;

/// How long deletions may wait at least, whoever's slot comes: a server is busy for a moment now and then.
const MOMENT: Duration = Duration::from_secs(15);

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
    /// Whether a request for several was refused because one of them was missing.
    was_one_missing: bool,
    looked: Moment,
    pause: Duration,
    patience: Patience,
}

/// What a look came to.
enum Seen {
    Cluster(Box<Cluster>),
    Nothing(Failure),
}

impl<'p> Session<'_, 'p> {
    /// All deletions of the plan on this cluster.
    pub(super) async fn delete_all(&mut self, plan: &'p Plan) {
        let mut by_repository: BTreeMap<&str, Vec<&'p Delete>> = BTreeMap::new();
        for delete in plan.deletes() {
            if self.is_open(&delete.place, &delete.snapshot) && self.may_begin(delete) {
                by_repository.entry(&delete.place.repository).or_default().push(delete);
            }
        }
        if by_repository.is_empty() {
            return;
        }
        // Before anything goes, it is to be known that it is nobody else's.
        let patience = self.eye.deadline.left() / OTHERS_SHARE;
        self.eye.locations.all_told(self.eye.deadline.or_after(OTHERS_BUDGET.min(patience))).await;
        let mut by_repository: Vec<_> = by_repository.into_iter().collect();
        by_repository.sort_by_key(|(repository, _)| self.is_busy(repository));
        for (repository, deletes) in by_repository {
            match self.purge(repository, &deletes).await {
                Ok(mut purge) => purge.carry_out(self).await,
                Err(failure) => deletes.iter().for_each(|delete| self.report(&delete.place).fail(failure.clone())),
            }
        }
    }

    /// Whether the operator allows it.
    fn may_begin(&mut self, delete: &Delete) -> bool {
        let limit = self.policies.iter().find(|policy| policy.name == delete.place.policy);
        let limit = limit.map_or(u32::MAX, |policy| policy.limits.max_deletes_per_run);
        let yes = self.options.yes;
        let report = self.report(&delete.place);
        if delete.unconfirmed && !yes {
            report.skip(&delete.snapshot, "it needs a yes: the policy has never deleted before");
            report.warn("nothing is deleted until its plan was carried out once with a yes (`--yes`), or it says `first_delete: allow`");
            return false;
        }
        let spent = self.spent.entry(delete.place.policy.clone()).or_default();
        if *spent >= limit {
            let why = Skip::Limit { max_deletes_per_run: limit };
            self.report(&delete.place).skip(&delete.snapshot, why.to_string());
            return false;
        }
        *spent += 1;
        true
    }

    async fn purge(&self, repository: &str, deletes: &[&'p Delete]) -> Result<Purge<'p>, Failure> {
        let repository = RepositoryName::parse(repository)?;
        crate::guard::reserved_stays(&repository)?;
        let doomed = |delete: &&'p Delete| {
            let name = SnapshotName::parse(&delete.snapshot)?;
            Ok(Doomed { delete, name, machine: Machine::default(), attempted: false, last: None })
        };
        let open = deletes.iter().map(doomed).collect::<Result<Vec<_>, Failure>>()?;
        let until = self.eye.deadline.or_after(self.turns.until_any(self.eye.ticker.now()).max(MOMENT));
        Ok(Purge {
            repository,
            of: open.len(),
            open,
            several: self.eye.product().await.is_ok_and(|product| product.has(Feature::MultiDelete)),
            was_one_missing: false,
            looked: self.eye.ticker.moment(),
            pause: Duration::ZERO,
            patience: Patience::of_deletions(until),
        })
    }
}

impl Purge<'_> {
    async fn carry_out(&mut self, session: &mut Session<'_, '_>) {
        while !self.open.is_empty() {
            if session.eye.deadline.left().is_zero() {
                return self.out_of_time(session);
            }
            let turn = self.turn();
            self.looked = session.eye.ticker.moment();
            let names: Vec<&str> = self.open[..turn].iter().map(|doomed| doomed.name.as_str()).collect();
            let seen = match session.eye.at(&self.repository, &names, true).await {
                Ok(cluster) => Seen::Cluster(Box::new(cluster)),
                Err(failure) => Seen::Nothing(failure),
            };
            if let Some(failure) = session.eye.locations.shared(session.eye.name, self.repository.as_str()) {
                return self.leave_all(session, &failure);
            }
            self.tell_look(session, turn, &seen);
            self.settle(session);
            if let Some(behind) = self.behind(session, &seen) {
                self.wait_behind(session, &behind).await;
                continue;
            }
            self.send(session).await;
            if self.pause.is_zero() {
                continue;
            }
            session.eye.deadline.pause(self.pause).await;
        }
    }

    /// What the deletions that may be sent now have to wait for.
    fn behind(&self, session: &Session<'_, '_>, seen: &Seen) -> Option<Behind> {
        let Seen::Cluster(cluster) = seen else { return None };
        let may_go = self.open.iter().any(|doomed| *doomed.machine.ask() == Ask::Act);
        session.behind(cluster, self.repository.as_str()).filter(|_| may_go)
    }

    /// Nothing is sent before another look; none at all if waiting is in vain.
    async fn wait_behind(&mut self, session: &mut Session<'_, '_>, behind: &Behind) {
        self.open.iter_mut().for_each(|doomed| doomed.machine.tell(Event::Postponed));
        if !behind.is_stuck {
            session.eye.notice(&Notice::Waiting { why: &behind.why, left: self.patience.left() });
            if self.patience.wait().await {
                return;
            }
        }
        for doomed in std::mem::take(&mut self.open) {
            let report = session.report(&doomed.delete.place);
            match behind.failure() {
                Some(failure) => report.fail(failure),
                None => report.warn(format!("{}: the next run goes on", behind.why)),
            }
            doomed.give_up(session, &behind.why);
        }
    }

    /// The repository is another's place as well.
    fn leave_all(&mut self, session: &mut Session<'_, '_>, failure: &Failure) {
        for doomed in std::mem::take(&mut self.open) {
            session.report(&doomed.delete.place).fail(failure.clone());
            doomed.give_up(session, &failure.cause);
        }
    }

    /// How many are looked at now: all that were sent, which come first, and as many as one request takes.
    fn turn(&mut self) -> usize {
        self.open.sort_by_key(|doomed| !doomed.machine.has_sent());
        let sent = self.open.iter().take_while(|doomed| doomed.machine.has_sent()).count();
        let names: Vec<SnapshotName> = self.open[sent..].iter().map(|doomed| doomed.name.clone()).collect();
        sent + batches(&names, self.several).first().map_or(0, |batch| batch.len())
    }

    fn tell_look(&mut self, session: &Session<'_, '_>, turn: usize, seen: &Seen) {
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
        let Some(look) = Look::new(session.policies, session.eye.name, cluster, self.repository.as_str(), now) else {
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
    fn settle(&mut self, session: &mut Session<'_, '_>) {
        let (ended, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|doomed| matches!(doomed.machine.ask(), Ask::End(_)));
        self.open = open;
        for doomed in ended {
            doomed.report(session);
        }
    }

    /// One request for those that the look permits, as many as one takes.
    async fn send(&mut self, session: &mut Session<'_, '_>) {
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
            doomed.machine.tell(Event::Postponed);
        }
        if session.eye.ticker.since(self.looked).as_secs() >= PERMIT_SECONDS {
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
    async fn hear(&mut self, session: &mut Session<'_, '_>, batch: &[SnapshotName], written: Written) {
        match written {
            Written::Done(()) => self.tell(batch, &Event::Accepted, None),
            Written::Refused(refusal) if refusal.kind == Kind::Busy => {
                self.busy(session, batch, refusal.failure()).await;
            }
            Written::Refused(refusal) if refusal.is_unclear() => {
                self.pause = LOOK_PAUSE;
                self.tell(batch, &Event::Lost, Some(&refusal.failure()));
            }
            Written::Refused(refusal) if refusal.kind == Kind::SnapshotMissing || batch.len() > 1 => {
                // One of them is in the way of the others. If somebody else has deleted it, the next look shows that, and
                // what remains goes at once; otherwise each goes alone from now on.
                let is_missing = refusal.kind == Kind::SnapshotMissing;
                self.several &= is_missing && !std::mem::replace(&mut self.was_one_missing, is_missing);
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
    async fn busy(&mut self, session: &mut Session<'_, '_>, batch: &[SnapshotName], failure: Failure) {
        session.eye.notice(&Notice::Waiting { why: &failure.cause, left: self.patience.left() });
        if !self.patience.wait().await {
            return self.tell(batch, &Event::Refused, Some(&failure));
        }
        for doomed in self.open.iter_mut().filter(|doomed| batch.contains(&doomed.name)) {
            (doomed.attempted, doomed.machine, doomed.last) = (true, Machine::default(), Some(failure.clone()));
        }
    }

    fn out_of_time(&mut self, session: &mut Session<'_, '_>) {
        for doomed in std::mem::take(&mut self.open) {
            doomed.give_up(session, "no time was left: the next run goes on");
        }
    }
}

impl Doomed<'_> {
    /// It is not gone on with. What was sent for it may still have an effect.
    fn give_up(self, session: &mut Session<'_, '_>, why: &str) {
        let report = session.report(&self.delete.place);
        report.skip(self.name.as_str(), why);
        match &self.last {
            _ if !self.attempted => {}
            Some(busy) if busy.code == Code::SnapshotRunning => report.fail(self.undeleted(busy)),
            _ => report.fail(self.unknown()),
        }
    }

    fn undeleted(&self, why: &Failure) -> Failure {
        let cause = format!("snapshot {} was not deleted: {}", self.name, why.cause);
        why.clone().with_cause(cause)
    }

    fn report(self, session: &mut Session<'_, '_>) {
        let Ask::End(outcome) = self.machine.ask().clone() else { return };
        if let Outcome::Stale(violation) = outcome {
            let wrong = violation.wrong.clone();
            // What was sent for it may still have an effect.
            return if self.attempted {
                self.give_up(session, &wrong);
            } else {
                session.stale(&self.delete.place, violation);
            };
        }
        let report = session.report(&self.delete.place);
        let name = self.name.as_str();
        match outcome {
            Outcome::Already if !self.attempted => report.skip(name, "it was gone before anything was sent"),
            Outcome::Done | Outcome::Already => {
                let reasons = self.delete.reasons.clone();
                report.deleted.push(Deleted { snapshot: name.to_owned(), reasons });
                let state = self.delete.guard.state;
                report.facts.iter_mut().for_each(|facts| facts.deleted(state));
            }
            Outcome::Unknown => report.fail(self.unknown()),
            Outcome::Refused | Outcome::Unseen | Outcome::Stale(_) => {
                let failure = self.last.clone().unwrap_or_else(|| self.unknown());
                report.skip(name, failure.cause.clone());
                report.fail(self.undeleted(&failure));
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
