//! One creation: look, send, look again.

use super::following::UnderWay;
use super::report::Taken;
use super::session::{Session, changed_plan};
use super::ticker::Moment;
use crate::create::{Sent, write};
use crate::follow::OUT_OF_SIGHT;
use crate::job::{Creation, Identity};
use crate::observe::Event as Notice;
use crate::patience::Patience;
use crate::report::Outcome as Begun;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use snapkeep_cluster::Kind;
use snapkeep_core::invariants::{Look, Violation};
use snapkeep_core::inventory::Cluster;
use snapkeep_core::naming::{self, RepositoryName, SnapshotName};
use snapkeep_core::plan::{Create, Options};
use snapkeep_core::steps::{Ask, Event, Machine, Outcome, PERMIT_SECONDS};
use snapkeep_core::{Code, Failure};
use std::time::Duration;

/// The pause before a look that is to show what an earlier one did not: longer from look to look.
const LOOK_PAUSE: Duration = Duration::from_millis(400);

/// What one look came to.
enum Looked {
    Told(Event),
    /// Nothing, for now: it is looked again.
    Nothing,
    /// Something else runs first.
    Busy(Failure),
}

/// A creation under way.
struct Taking<'a> {
    create: &'a Create,
    job: Creation,
    machine: Machine,
    looked: Moment,
    /// Whether the server said yes.
    accepted: bool,
    /// Whether the server has answered each write with an error of its own.
    is_failed: bool,
    looks: u32,
    patience: Patience,
    /// While looks fail after something was sent: how long more of them are borne.
    blind: Option<Patience>,
    /// Why the last look or write did not do what it should.
    last: Option<Failure>,
}

impl<'p> Session<'_, 'p> {
    /// Takes the snapshot; `None` if the plan no longer fits, which is reported.
    pub(super) async fn take(&mut self, create: &'p Create) -> Result<Option<UnderWay>, Failure> {
        let mut taking = Taking::new(create, self.job(create)?, self);
        let outcome = loop {
            match taking.machine.ask().clone() {
                Ask::Look => {
                    taking.pause_before_look(self).await;
                    match taking.look(self).await {
                        Looked::Told(event) => taking.machine.tell(event),
                        Looked::Nothing => {}
                        Looked::Busy(failure) => taking.wait(self, failure).await?,
                    }
                }
                Ask::Act if self.eye.ticker.since(taking.looked).as_secs() >= PERMIT_SECONDS => {
                    taking.machine.tell(Event::Expired);
                }
                Ask::Act => taking.send(self).await?,
                Ask::End(outcome) => break outcome,
            }
        };
        self.begun(taking, outcome)
    }

    /// What a plan from a file says is not believed further than it fits the policy.
    fn job(&self, create: &Create) -> Result<Creation, Failure> {
        let repository = RepositoryName::parse(&create.place.repository)?;
        let snapshot = SnapshotName::parse(&create.snapshot)?;
        let policy = self.policies.iter().find(|policy| policy.name == create.place.policy);
        let policy = policy.ok_or_else(|| changed_plan(&format!("there is no policy {:?}", create.place.policy)))?;
        if naming::name_for_attempt(policy.prefix(), create.slot, create.attempt) != snapshot {
            return Err(changed_plan(&format!("{snapshot} is not the name of the policy's slot {}", create.slot)));
        }
        if let Some(name) = create.indices.iter().find(|name| !is_explicit(name)) {
            return Err(changed_plan(&format!("{name:?} is not the name of one index")));
        }
        if create.indices.is_empty() {
            return Err(changed_plan("a snapshot of no indices would be one of all"));
        }
        Ok(Creation {
            repository,
            snapshot,
            identity: Identity::Slot,
            // What it says is known with the look that permits it.
            body: None,
            wait: Duration::ZERO,
            stall_after: None,
        })
    }

    fn body(&self, create: &Create) -> Map<String, Value> {
        let (run, yes) = (self.options.run.as_str(), self.options.yes);
        body(create, self.has_metadata.then(|| create.metadata(run, yes)))
    }

    fn begun(&mut self, taking: Taking<'p>, outcome: Outcome) -> Result<Option<UnderWay>, Failure> {
        let create = taking.create;
        let unseen = || changed_plan("it could not be looked at");
        let how = match outcome {
            Outcome::Done if taking.accepted => Begun::Created,
            Outcome::Done | Outcome::Already => Begun::Adopted,
            Outcome::Stale(violation) => {
                self.stale(&create.place, violation);
                return Ok(None);
            }
            // Every look has shown that what the server said is so.
            Outcome::Unknown if taking.is_failed => return Err(taking.last.unwrap_or_else(unseen)),
            Outcome::Unknown => return Err(unknown(create, taking.last)),
            Outcome::Refused | Outcome::Unseen => return Err(taking.last.unwrap_or_else(unseen)),
        };
        self.eye.notice(&Notice::Begun { snapshot: &create.snapshot, outcome: how });
        tracing::info!(snapshot = create.snapshot, outcome = ?how, "snapshot begun");
        let taken = Taken::begun(&create.snapshot, how);
        let Creation { repository, snapshot, .. } = taking.job;
        let begun = UnderWay::begun(create.place.clone(), repository, snapshot, taken);
        Ok(Some(UnderWay { wanted: create.indices.clone(), ..begun }))
    }
}

impl<'a> Taking<'a> {
    fn new(create: &'a Create, job: Creation, session: &Session<'_, '_>) -> Self {
        let (eye, now) = (&session.eye, session.eye.ticker.now());
        let window = Duration::try_from(create.guard.begin_before.duration_since(now)).unwrap_or(Duration::ZERO);
        let window = window.min(session.turns.until_anothers(&create.place.policy, now));
        Self {
            create,
            job,
            machine: Machine::default(),
            looked: eye.ticker.moment(),
            accepted: false,
            is_failed: true,
            looks: 0,
            patience: Patience::until(eye.deadline.or_after(window)),
            blind: None,
            last: None,
        }
    }

    /// The first look, and the first after a write, are made at once.
    async fn pause_before_look(&mut self, session: &Session<'_, '_>) {
        if self.looks > 0 {
            session.eye.deadline.pause(LOOK_PAUSE * self.looks).await;
        }
        self.looks += 1;
    }

    async fn look(&mut self, session: &mut Session<'_, '_>) -> Looked {
        self.looked = session.eye.ticker.moment();
        let cluster = match session.eye.at(&self.job.repository, &[&self.create.snapshot], false).await {
            Ok(cluster) => cluster,
            Err(failure) => return self.unseen(session, failure).await,
        };
        self.blind = None;
        let now = session.eye.ticker.now();
        let repository = self.job.repository.as_str();
        let Some(look) = Look::new(session.policies, session.eye.name, &cluster, repository, now) else {
            return Looked::Told(Event::Unseen);
        };
        let allowed = Options { allow_unknown_clock: session.options.allow_unknown_clock };
        let renewed = look.renewed(self.create);
        match look.allowing(allowed, session.options.yes).may_create(self.create) {
            Ok(permit) => {
                self.job.body = Some(session.body(&renewed));
                Looked::Told(Event::Permitted(permit))
            }
            Err(violation) => match in_the_way(&cluster, self.create, &violation, now) {
                Some(running) => Looked::Busy(running),
                None => Looked::Told(Event::Refuted(violation)),
            },
        }
    }

    /// Once something was sent, what may pass is borne: a node that restarts just then knows the snapshot when it is back.
    async fn unseen(&mut self, session: &Session<'_, '_>, failure: Failure) -> Looked {
        let may_pass = self.machine.has_sent() && failure.code == Code::ClusterUnavailable;
        let why = self.last.insert(failure);
        if !may_pass {
            return Looked::Told(Event::Unseen);
        }
        let longest = || Patience::until(session.eye.deadline.or_after(OUT_OF_SIGHT));
        let blind = self.blind.get_or_insert_with(longest);
        session.eye.notice(&Notice::Waiting { why: &why.cause, left: blind.left() });
        if !blind.wait().await {
            return Looked::Told(Event::Unseen);
        }
        self.looks = 0;
        Looked::Nothing
    }

    async fn send(&mut self, session: &Session<'_, '_>) -> Result<(), Failure> {
        self.looks = 0;
        let sent = write(session.eye.api, &self.job, session.eye.deadline).await;
        self.accepted = matches!(sent, Sent::Accepted);
        self.is_failed &= matches!(sent, Sent::Never(_) | Sent::Unclear { kind: Some(Kind::ServerError), .. });
        match sent {
            Sent::Accepted => self.machine.tell(Event::Accepted),
            Sent::Refused(failure) | Sent::Unclear { failure, kind: Some(Kind::NameTaken) } => {
                self.told(Event::Refused, failure);
            }
            // Nothing was sent, as when a permit has expired.
            Sent::Never(failure) => self.told(Event::Expired, failure),
            Sent::Unclear { failure, kind: Some(Kind::Busy) } => {
                // It may be an earlier request of our own that keeps it busy: the next look tells.
                self.machine = Machine::default();
                self.wait(session, failure).await?;
            }
            // It may have begun all the same, and show a little later.
            Sent::Unclear { failure, kind: Some(Kind::ServerError) } => {
                self.looks = 1;
                self.told(Event::Lost, failure);
            }
            Sent::Unclear { failure, .. } => self.told(Event::Lost, failure),
        }
        Ok(())
    }

    fn told(&mut self, event: Event, failure: Failure) {
        self.last = Some(failure);
        self.machine.tell(event);
    }

    /// Waits while something else runs first, as long as the snapshot may still begin.
    async fn wait(&mut self, session: &Session<'_, '_>, failure: Failure) -> Result<(), Failure> {
        session.eye.notice(&Notice::Waiting { why: &failure.cause, left: self.patience.left() });
        self.looks = 0;
        if self.patience.wait().await { Ok(()) } else { Err(failure) }
    }
}

/// Whether a name can only mean itself.
fn is_explicit(name: &str) -> bool {
    let wild = |c: char| c.is_whitespace() || c.is_control() || "*,?<>".contains(c);
    !name.is_empty() && !name.contains(wild) && !name.starts_with(['-', '+', '_'])
}

fn body(create: &Create, metadata: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("indices".to_owned(), json!(create.indices));
    body.insert("ignore_unavailable".to_owned(), json!(false));
    body.insert("include_global_state".to_owned(), json!(create.include_global_state));
    body.insert("partial".to_owned(), json!(create.partial));
    body.extend(metadata.map(|metadata| ("metadata".to_owned(), Value::Object(metadata))));
    body
}

/// What runs first, if that is all that the violation is about: it is waited for, as long as the slot may begin.
pub(super) fn in_the_way(
    cluster: &Cluster,
    create: &Create,
    violation: &Violation,
    ours: Timestamp,
) -> Option<Failure> {
    let waits = create.guard.alone && violation.invariant == 4 && cluster.time(ours) < create.guard.begin_before;
    let (repository, running) = cluster.running().next().filter(|_| waits)?;
    Some(running_first(&running.name, repository, false))
}

/// `is_concurrent`: whether the version takes several at a time, so that only the policy's own are waited for.
pub(super) fn running_first(name: &str, repository: &str, is_concurrent: bool) -> Failure {
    let rule = if is_concurrent { "a policy takes one after the other" } else { "this version takes one at a time" };
    Failure::new(
        Code::SnapshotRunning,
        format!("snapshot {name} runs in repository {repository}, and {rule}"),
        "the next run takes the slot, if its window is still open; widen `start_window` if this happens often",
    )
}

fn unknown(create: &Create, last: Option<Failure>) -> Failure {
    let why = last.map_or_else(|| "it was accepted but does not show".to_owned(), |failure| failure.cause);
    Failure::new(
        Code::OutcomeUnknown,
        format!("whether snapshot {} was begun is unknown: {why}", create.snapshot),
        "run it again: the next run adopts the snapshot if it is there",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_mean_themselves_are_sent() {
        for good in ["books", ".kibana_1", ".ds-logs-2024.01.01-000001", "a+b"] {
            assert!(is_explicit(good), "{good}");
        }
        for bad in ["", "*", "books*", "_all", "-books", "+books", "a,b", "<logs-{now/d}>", "a b"] {
            assert!(!is_explicit(bad), "{bad}");
        }
    }
}
