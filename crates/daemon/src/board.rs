//! What is known: the loop writes it, the server shows it.

use crate::configuration::Configuration;
use crate::fields;
use crate::look::Looked;
use crate::status::{ConfigurationStatus, DrillStatus, LastRun, PolicyStatus, Refused, Standing, Status};
use jiff::Timestamp;
use snapkeep_core::Failure;
use snapkeep_core::plan;
use snapkeep_core::policy::Policy;
use snapkeep_engine::policies::RunReport;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// A look that is younger is fresh enough for whoever asks.
const FRESH: Duration = Duration::from_secs(5);

/// How long somebody who asks waits for a fresh look.
const PATIENCE: Duration = Duration::from_secs(3);

/// A loop that has not gone round for so long is stuck. It goes round every few seconds.
const STUCK: Duration = Duration::from_mins(5);

/// What is known of everything.
pub struct Board {
    known: Mutex<Known>,
    /// How many looks have ended.
    looks: watch::Sender<u64>,
    asked: Notify,
}

struct Known {
    configuration: Arc<dyn Configuration>,
    described: ConfigurationStatus,
    started_at: Timestamp,
    stopping: bool,
    looked: Option<Looked>,
    looked_at: Option<Instant>,
    last_runs: BTreeMap<(String, String), LastRun>,
    /// Policies that a run is under way of.
    under_way: BTreeSet<String>,
    beat: Instant,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("configuration", &self.known().described).finish_non_exhaustive()
    }
}

impl Board {
    /// Nothing is known but the configuration, which was read at that time.
    pub(crate) fn new(configuration: Arc<dyn Configuration>, now: Timestamp) -> Self {
        let known = Known {
            described: described(&*configuration, now),
            configuration,
            started_at: now,
            stopping: false,
            looked: None,
            looked_at: None,
            last_runs: BTreeMap::new(),
            under_way: BTreeSet::new(),
            beat: Instant::now(),
        };
        Self { known: Mutex::new(known), looks: watch::Sender::new(0), asked: Notify::new() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another configuration counts from now on: what was seen by the one before is out of date.
    pub(crate) fn reloaded(&self, configuration: Arc<dyn Configuration>, now: Timestamp) {
        let mut known = self.known();
        known.described = described(&*configuration, now);
        let names: BTreeSet<&String> = configuration.meant().map(|policy| &policy.name).collect();
        known.last_runs.retain(|(policy, _), _| names.contains(policy));
        (known.looked, known.looked_at) = (None, None);
        known.configuration = configuration;
    }

    /// A later configuration is not valid.
    pub(crate) fn refused(&self, failure: Failure, at: Timestamp) {
        self.known().described.refused = Some(Refused { at, failure });
    }

    pub(crate) fn begun(&self, names: &[String]) {
        self.known().under_way.extend(names.iter().cloned());
    }

    /// A run of these has ended, or was not begun.
    pub(crate) fn ended(&self, names: &[String], end: &Result<RunReport, Failure>, now: Timestamp) {
        let mut known = self.known();
        known.under_way.retain(|name| !names.contains(name));
        let runs: Vec<_> = match end {
            Ok(report) => report.policies.iter().map(|policy| fields::of_report(report, policy)).collect(),
            Err(failure) => {
                let meant = known.configuration.meant().filter(|policy| names.contains(&policy.name));
                meant.flat_map(|policy| fields::not_run(policy, failure, now)).collect()
            }
        };
        known.last_runs.extend(runs);
    }

    pub(crate) fn looked(&self, looked: Looked) {
        let mut known = self.known();
        (known.looked, known.looked_at) = (Some(looked), Some(Instant::now()));
        drop(known);
        self.looks.send_modify(|count| *count += 1);
    }

    pub(crate) fn stopping(&self) {
        self.known().stopping = true;
    }

    /// The loop has gone round.
    pub(crate) fn beat(&self) {
        self.known().beat = Instant::now();
    }

    /// Resolves when somebody wants a fresh look.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Asks for a fresh look unless there is one, and waits a moment for it. However many ask, it is one.
    pub(crate) async fn refresh(&self) {
        let mut looks = self.looks.subscribe();
        let is_fresh = self.known().looked_at.is_some_and(|at| at.elapsed() < FRESH);
        if is_fresh || self.known().stopping {
            return;
        }
        self.asked.notify_one();
        // What is known is shown all the same.
        let _ = tokio::time::timeout(PATIENCE, looks.changed()).await;
    }

    /// Whether the loop goes round.
    pub(crate) fn is_alive(&self) -> bool {
        self.known().beat.elapsed() < STUCK
    }

    /// Why the daemon is not ready, if it is not. A cluster that does not answer is no reason: no restart mends it.
    pub(crate) fn why_not_ready(&self) -> Option<&'static str> {
        let known = self.known();
        match (known.stopping, &known.looked) {
            (true, _) => Some("stopping"),
            (false, None) => Some("the clusters have not been looked at yet"),
            (false, Some(_)) => None,
        }
    }

    /// How everything stands.
    pub(crate) fn status(&self, now: Timestamp) -> Status {
        let known = self.known();
        let looked = known.looked.as_ref();
        Status {
            schema: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            started_at: known.started_at,
            stopping: known.stopping,
            configuration: known.described.clone(),
            looked_at: looked.map(|looked| looked.at),
            clusters: looked.map(|looked| looked.clusters.clone()).unwrap_or_default(),
            repositories: looked.map(|looked| looked.repositories.clone()).unwrap_or_default(),
            policies: known.policies(now),
            running: looked.map(|looked| looked.running.clone()).unwrap_or_default(),
        }
    }
}

fn described(configuration: &dyn Configuration, now: Timestamp) -> ConfigurationStatus {
    ConfigurationStatus { name: configuration.name().to_owned(), read_at: now, refused: None }
}

impl Known {
    fn policies(&self, now: Timestamp) -> Vec<PolicyStatus> {
        let places = self.configuration.meant().flat_map(|policy| {
            let mut clusters: Vec<&String> = policy.clusters.iter().collect();
            clusters.sort_unstable();
            clusters.into_iter().map(move |cluster| (policy, cluster))
        });
        places.map(|(policy, cluster)| self.policy(policy, cluster, now)).collect()
    }

    fn policy(&self, policy: &Policy, cluster: &str, now: Timestamp) -> PolicyStatus {
        let place = (policy.name.clone(), cluster.to_owned());
        let seen = self.looked.as_ref().and_then(|looked| {
            looked.standings.iter().find(|one| one.place.policy == policy.name && one.place.cluster == cluster)
        });
        let last_run = self.last_runs.get(&place).cloned();
        let drills = self.looked.as_ref().filter(|_| policy.drill.is_some()).map(|looked| &looked.drills);
        let last_drill = drills.and_then(|drills| drills.get(&place).cloned());
        let schedule = policy.schedule.as_ref();
        PolicyStatus {
            policy: policy.name.clone(),
            cluster: cluster.to_owned(),
            repository: policy.repository.as_str().to_owned(),
            standing: standing(seen, last_run.as_ref(), last_drill.as_ref()),
            schedule: schedule.map(fields::schedule),
            last_good: seen.and_then(|seen| seen.newest_success.clone()),
            slot: seen.and_then(|seen| seen.slot),
            // By the server's clock where that is known.
            next_slot: seen.map_or_else(|| schedule?.next(now), |seen| seen.next_slot),
            stale: seen.is_some_and(|seen| seen.stale),
            snapshots: seen.map(|seen| seen.snapshots),
            good: seen.map(|seen| seen.good),
            confirmed: seen.is_some_and(|seen| seen.confirmed),
            run_under_way: self.under_way.contains(&policy.name),
            last_run,
            drill: policy.drill.as_ref().map(fields::practice),
            last_drill,
            next: self.looked.as_ref().and_then(|looked| looked.next.get(&place).cloned()),
        }
    }
}

/// The worst that is known.
fn standing(seen: Option<&plan::Standing>, last_run: Option<&LastRun>, last_drill: Option<&DrillStatus>) -> Standing {
    let has_failed =
        last_run.is_some_and(|run| !run.failures.is_empty()) || last_drill.is_some_and(|drill| drill.failure.is_some());
    match seen {
        Some(seen) if seen.stale => Standing::Stale,
        _ if has_failed => Standing::Failing,
        None => Standing::Unknown,
        Some(seen) if !seen.running.is_empty() => Standing::Running,
        Some(_) => Standing::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapkeep_core::Code;
    use snapkeep_core::plan::Place;

    #[test]
    fn the_word_is_the_worst_that_is_known() {
        let seen = |stale: bool, runs: bool| plan::Standing {
            place: Place { cluster: "prod".into(), repository: "r".into(), policy: "nightly".into() },
            slot: None,
            next_slot: None,
            newest_success: None,
            stale,
            running: if runs { vec!["nightly-1".into()] } else { vec![] },
            overdue: vec![],
            snapshots: 0,
            good: 0,
            confirmed: true,
            facts: plan::Facts::default(),
        };
        let run = |failures| LastRun {
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            created: vec![],
            pending: vec![],
            deleted: 0,
            failures,
            warnings: vec![],
        };
        let failure = || Failure::new(Code::SnapshotPartial, "three of five", "look");
        for (seen, last, expected) in [
            (None, None, Standing::Unknown),
            (None, Some(run(vec![failure()])), Standing::Failing),
            (Some(seen(false, false)), None, Standing::Good),
            (Some(seen(false, false)), Some(run(vec![])), Standing::Good),
            (Some(seen(false, true)), Some(run(vec![])), Standing::Running),
            (Some(seen(false, true)), Some(run(vec![failure()])), Standing::Failing),
            (Some(seen(true, true)), Some(run(vec![failure()])), Standing::Stale),
        ] {
            assert_eq!(standing(seen.as_ref(), last.as_ref(), None), expected);
        }
        let drill = |failure| DrillStatus { snapshot: None, began_at: Timestamp::UNIX_EPOCH, failure };
        for (failure, expected) in [(None, Standing::Good), (Some(failure()), Standing::Failing)] {
            assert_eq!(standing(Some(&seen(false, false)), Some(&run(vec![])), Some(&drill(failure))), expected);
        }
    }
}
