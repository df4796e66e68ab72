//! One creation: look, send, look again.

use super::apply::{Session, UnderWay, changed_plan};
use super::report::Taken;
use crate::create::{Sent, write};
use crate::job::{Creation, Identity};
use crate::observe::Event as Notice;
use crate::report::Outcome as Begun;
use serde_json::{Map, Value, json};
use snapkeep_cluster::Kind;
use snapkeep_core::invariants::Look;
use snapkeep_core::naming::{self, RepositoryName, SnapshotName};
use snapkeep_core::plan::{Create, Options};
use snapkeep_core::steps::{Ask, Event, Machine, Outcome, PERMIT_SECONDS};
use snapkeep_core::{Code, Failure};
use std::time::Duration;
use tokio::time::Instant;

/// The pause before a look that is to show what an earlier one did not: longer from look to look.
const LOOK_PAUSE: Duration = Duration::from_millis(400);

/// The pause while something else runs first: doubled up to the longest.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(15);

/// What one look came to.
enum Looked {
    Told(Event),
    /// Something else runs first.
    Busy(Failure),
}

/// A creation under way.
struct Taking<'a> {
    create: &'a Create,
    job: Creation,
    machine: Machine,
    looked: Instant,
    /// Whether the server said yes.
    accepted: bool,
    looks: u32,
    busy_pause: Duration,
    /// Why the last look or write did not do what it should.
    last: Option<Failure>,
}

impl<'a> Session<'a> {
    /// Takes the snapshot; `None` if the plan no longer fits, which is reported.
    pub(super) async fn take(&mut self, create: &'a Create) -> Result<Option<UnderWay<'a>>, Failure> {
        let mut taking = Taking::new(create, self.job(create)?);
        let outcome = loop {
            match taking.machine.ask().clone() {
                Ask::Look => {
                    taking.pause_before_look(self).await;
                    match taking.look(self).await {
                        Looked::Told(event) => taking.machine.tell(event),
                        Looked::Busy(failure) => taking.wait(self, failure).await?,
                    }
                }
                Ask::Act if taking.looked.elapsed().as_secs() >= PERMIT_SECONDS.unsigned_abs() => {
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
        let (run, yes) = (self.options.run.as_str(), self.options.yes);
        let metadata = self.has_metadata.then(|| create.metadata(run, yes));
        Ok(Creation {
            repository,
            snapshot,
            identity: Identity::Slot,
            body: Some(body(create, metadata)),
            wait: Duration::ZERO,
            stall_after: None,
        })
    }

    fn begun(&mut self, taking: Taking<'a>, outcome: Outcome) -> Result<Option<UnderWay<'a>>, Failure> {
        let create = taking.create;
        let unseen = || changed_plan("it could not be looked at");
        let how = match outcome {
            Outcome::Done if taking.accepted => Begun::Created,
            Outcome::Done | Outcome::Already => Begun::Adopted,
            Outcome::Stale(violation) => {
                let report = self.report(&create.place);
                report.skip(&create.snapshot, violation.wrong.clone());
                return Err(violation.into());
            }
            Outcome::Unknown => return Err(unknown(create, taking.last)),
            Outcome::Refused | Outcome::Unseen => return Err(taking.last.unwrap_or_else(unseen)),
        };
        self.eye.notice(&Notice::Begun { snapshot: &create.snapshot, outcome: how });
        tracing::info!(snapshot = create.snapshot, outcome = ?how, "snapshot begun");
        Ok(Some(UnderWay {
            place: create.place.clone(),
            repository: taking.job.repository,
            name: taking.job.snapshot,
            taken: Taken::begun(&create.snapshot, how),
            wanted: Some(create),
        }))
    }
}

impl<'a> Taking<'a> {
    fn new(create: &'a Create, job: Creation) -> Self {
        Self {
            create,
            job,
            machine: Machine::default(),
            looked: Instant::now(),
            accepted: false,
            looks: 0,
            busy_pause: BUSY_PAUSE,
            last: None,
        }
    }

    /// The first look, and the first after a write, are made at once.
    async fn pause_before_look(&mut self, session: &Session<'_>) {
        if self.looks > 0 {
            session.eye.deadline.pause(LOOK_PAUSE * self.looks).await;
        }
        self.looks += 1;
    }

    async fn look(&mut self, session: &mut Session<'_>) -> Looked {
        self.looked = Instant::now();
        let cluster = match session.eye.at(&self.job.repository, &[&self.create.snapshot], false).await {
            Ok(cluster) => cluster,
            Err(failure) => {
                self.last = Some(failure);
                return Looked::Told(Event::Unseen);
            }
        };
        let now = session.eye.ticker.now();
        let repository = self.job.repository.as_str();
        let Some(look) = Look::new(session.policies, session.name, &cluster, repository, now) else {
            return Looked::Told(Event::Unseen);
        };
        let allowed = Options { allow_unknown_clock: session.options.allow_unknown_clock };
        match look.allowing(allowed, session.options.yes).may_create(self.create) {
            Ok(permit) => Looked::Told(Event::Permitted(permit)),
            Err(violation) => match cluster.running().next() {
                Some((place, running))
                    if self.create.guard.alone && now < self.create.guard.begin_before && violation.invariant == 4 =>
                {
                    Looked::Busy(running_first(&running.name, place))
                }
                _ => Looked::Told(Event::Refuted(violation)),
            },
        }
    }

    async fn send(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        self.looks = 0;
        let sent = write(session.eye.api, &self.job, session.eye.deadline).await;
        self.accepted = matches!(sent, Sent::Accepted);
        match sent {
            Sent::Accepted => self.machine.tell(Event::Accepted),
            Sent::Refused(failure) => self.told(Event::Refused, failure),
            // Nothing was sent, as when a permit has expired.
            Sent::Never(failure) => self.told(Event::Expired, failure),
            Sent::Unclear { failure, kind: Some(Kind::Busy) } => {
                // It may be an earlier request of our own that keeps it busy: the next look tells.
                self.machine = Machine::default();
                self.wait(session, failure).await?;
            }
            Sent::Unclear { failure, kind: Some(Kind::NameTaken | Kind::ServerError) } => {
                self.told(Event::Refused, failure);
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
    async fn wait(&mut self, session: &Session<'_>, failure: Failure) -> Result<(), Failure> {
        let window = self.create.guard.begin_before.duration_since(session.eye.ticker.now());
        let until = session.eye.deadline.or_after(Duration::try_from(window).unwrap_or(Duration::ZERO));
        session.eye.notice(&Notice::Waiting { why: &failure.cause, left: until.left() });
        self.looks = 0;
        if !until.pause(self.busy_pause).await {
            return Err(failure);
        }
        self.busy_pause = (self.busy_pause * 2).min(LONGEST_BUSY_PAUSE);
        Ok(())
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

pub(super) fn running_first(name: &str, repository: &str) -> Failure {
    Failure::new(
        Code::SnapshotRunning,
        format!("snapshot {name} runs in repository {repository}, and this version takes one at a time"),
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
