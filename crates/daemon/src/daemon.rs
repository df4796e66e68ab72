//! The loop: what is due is run, what was asked for is shown, until it is told to stop.

use crate::board::Board;
use crate::clock::Clock;
use crate::configuration::{Configuration, Source};
use crate::drills::Drills;
use crate::groups::groups;
use crate::look::{Looked, look};
use crate::rota::Rota;
use crate::run::{How, ending, run, tell};
use crate::server::Server;
use crate::status::Status;
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::naming::RequestMark;
use snapkeep_core::plan::Options;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::{Fleet, RunReport};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

/// How long to rest where nobody has a turn.
const LONG: SignedDuration = SignedDuration::from_hours(1);

/// Longest rest of a daemon that stops: whoever asks is shown that it goes round.
const BEAT: Duration = Duration::from_secs(20);

/// Something that the daemon is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read the configuration again.
    Reload,
    /// Begin nothing more and end what is under way; a second one ends at once.
    Stop,
}

/// The metrics while everything stands so: Prometheus' text format, version 0.0.4.
pub type Metrics = Arc<dyn Fn(&Status) -> String + Send + Sync>;

/// How the daemon goes about it.
pub struct Settings {
    /// How often each policy is looked at besides its slots.
    pub every: Duration,
    /// How long runs may go on once it was told to stop.
    pub grace: Duration,
    /// How long what follows a run may take after that.
    pub last_words: Duration,
    /// Deletes also where a server's clock is unknown or far from ours.
    pub allow_unknown_clock: bool,
    /// What the next run is called in the metadata of its snapshots.
    pub mark: fn() -> RequestMark,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("every", &self.every).field("grace", &self.grace).finish_non_exhaustive()
    }
}

/// Serves until it is told to stop. Fails only if there is no valid configuration to begin with: one that is not valid
/// later is refused, and the one before stays.
///
/// Whoever drops it leaves what was begun in the clusters as a power cut would: the next run goes on from there.
pub async fn serve(
    source: &dyn Source,
    settings: Settings,
    listener: TcpListener,
    mut orders: mpsc::Receiver<Order>,
) -> Result<(), Failure> {
    let Some(configuration) = read(source, &mut orders).await else { return Ok(()) };
    let configuration = configuration?;
    let board = Arc::new(Board::new(Arc::clone(&configuration), settings.clock.now()));
    let server = Server::new(Arc::clone(&board), Arc::clone(&settings.clock), Arc::clone(&settings.metrics), &listener);
    let mut servers = JoinSet::new();
    servers.spawn(server.serve(listener));
    let mut daemon = Daemon::new(source, settings, board, configuration);
    daemon.until_stopped(&mut orders).await;
    daemon.wind_up(&mut orders).await;
    Ok(())
}

/// The configuration as it is now; `None` if it is told to stop meanwhile: a place that does not answer holds up no end.
async fn read(
    source: &dyn Source,
    orders: &mut mpsc::Receiver<Order>,
) -> Option<Result<Arc<dyn Configuration>, Failure>> {
    loop {
        tokio::select! {
            read = source.read() => return Some(read),
            order = orders.recv() => match order {
                // It may have changed since it was asked for.
                Some(Order::Reload) => {}
                Some(Order::Stop) | None => return None,
            }
        }
    }
}

struct Daemon<'a> {
    source: &'a dyn Source,
    settings: Settings,
    board: Arc<Board>,
    configuration: Arc<dyn Configuration>,
    rota: Rota,
    runs: JoinSet<Result<RunReport, Failure>>,
    /// Tells runs to stop.
    stop: watch::Sender<bool>,
    /// The policies of each run.
    names: HashMap<Id, Vec<String>>,
    drills: Drills,
    looks: JoinSet<Looked>,
    wants_look: bool,
    /// What looks go through, and since when: clusters are not set up anew for each.
    eyes: Option<(Instant, Arc<Fleet<'static>>)>,
}

impl<'a> Daemon<'a> {
    fn new(
        source: &'a dyn Source,
        settings: Settings,
        board: Arc<Board>,
        configuration: Arc<dyn Configuration>,
    ) -> Self {
        let every = SignedDuration::try_from(settings.every).unwrap_or(LONG);
        let mut rota = Rota::new(every);
        rota.take_up(configuration.meant());
        Self {
            source,
            settings,
            board,
            configuration,
            rota,
            runs: JoinSet::new(),
            stop: watch::Sender::new(false),
            names: HashMap::new(),
            drills: Drills::default(),
            looks: JoinSet::new(),
            wants_look: true,
            eyes: None,
        }
    }

    async fn until_stopped(&mut self, orders: &mut mpsc::Receiver<Order>) {
        loop {
            self.board.beat();
            self.begin_what_is_due();
            self.look_if_wanted();
            self.drills.begin(&self.configuration, self.settings.mark);
            let now = self.settings.clock.now();
            let until = self.rota.next().unwrap_or_else(|| later(now));
            let busy = self.runs.len() + self.looks.len() + self.drills.len();
            tokio::select! {
                biased;
                order = orders.recv() => {
                    // With none there is nobody left who could tell it.
                    if order != Some(Order::Reload) || self.reload(orders).await.is_none() {
                        return;
                    }
                }
                Some(ended) = self.runs.join_next_with_id() => self.take_in(ended),
                Some(looked) = self.looks.join_next() => self.see(looked),
                Some(drilled) = self.drills.next() => {
                    if let Some(policy) = self.drills.take_in(drilled) {
                        self.rota.again(&policy);
                    }
                }
                () = self.board.asked() => self.wants_look = true,
                () = self.settings.clock.rest(until, busy) => {}
            }
        }
    }

    /// Those that are due together and share a repository are one run.
    fn begin_what_is_due(&mut self) {
        let now = self.settings.clock.now();
        let names = self.rota.due(now);
        if names.is_empty() {
            return;
        }
        self.rota.begin(&names, now);
        self.board.begun(&names);
        for names in groups(self.configuration.policies(), names) {
            tracing::debug!(policies = ?names, "run");
            let allow_unknown_clock = self.settings.allow_unknown_clock;
            let policies = names.iter().filter_map(|name| self.configuration.policies().get(name));
            let drills = self.drills.told_by(policies);
            let how = How { allow_unknown_clock, mark: (self.settings.mark)(), at: now, drills };
            let run = run(Arc::clone(&self.configuration), names.clone(), how, self.stop.subscribe());
            let task = self.runs.spawn(run);
            self.names.insert(task.id(), names);
        }
    }

    fn take_in(&mut self, ended: Result<(Id, Result<RunReport, Failure>), JoinError>) {
        let (id, end) = ended.unwrap_or_else(|error| {
            let cause = format!("the run has ended by a defect of ours: {error}");
            (error.id(), Err(Failure::new(Code::OutcomeUnknown, cause, "tell us; the next run looks before it acts")))
        });
        let (names, now) = (self.names.remove(&id).unwrap_or_default(), self.settings.clock.now());
        tell(&names, &end);
        for name in &names {
            self.rota.end(std::slice::from_ref(name), now, ending(&end, name));
        }
        if end.is_ok() {
            self.drills.want(self.configuration.meant().filter(|policy| names.contains(&policy.name)));
        }
        self.board.ended(&names, &end, now);
        self.wants_look = true;
    }

    /// One look at a time.
    fn look_if_wanted(&mut self) {
        if !self.wants_look || !self.looks.is_empty() {
            return;
        }
        self.wants_look = false;
        let options = Options { allow_unknown_clock: self.settings.allow_unknown_clock };
        let (configuration, fleet) = (Arc::clone(&self.configuration), self.eyes());
        self.looks.spawn(look(configuration, fleet, options, self.settings.clock.now()));
    }

    fn eyes(&mut self) -> Arc<Fleet<'static>> {
        self.eyes.take_if(|(since, _)| since.elapsed() >= self.settings.every);
        let anew = || (Instant::now(), Arc::new(self.configuration.fleet(self.configuration.only())));
        Arc::clone(&self.eyes.get_or_insert_with(anew).1)
    }

    fn see(&mut self, looked: Result<Looked, JoinError>) {
        match looked {
            Ok(looked) => {
                if looked.clusters.values().any(Option::is_some) {
                    // Set up anew next time: what it cannot reach may have moved.
                    self.eyes = None;
                }
                self.board.looked(looked);
            }
            Err(error) => tracing::error!("a look has ended by a defect of ours: {error}"),
        }
    }

    /// `None` if it was told to stop meanwhile.
    async fn reload(&mut self, orders: &mut mpsc::Receiver<Order>) -> Option<()> {
        let read = read(self.source, orders).await?;
        let now = self.settings.clock.now();
        match read {
            Ok(configuration) => {
                tracing::info!(policies = configuration.policies().len(), "read {} again", configuration.name());
                self.rota.take_up(configuration.meant());
                self.board.reloaded(Arc::clone(&configuration), now);
                (self.configuration, self.eyes, self.wants_look) = (configuration, None, true);
                self.looks.abort_all();
                while self.looks.join_next().await.is_some() {}
            }
            Err(failure) => {
                let (cause, hint) = (&failure.cause, &failure.hint);
                tracing::error!(
                    code = failure.code.as_str(),
                    hint,
                    "the configuration was refused, and the one before stays: {cause}"
                );
                self.board.refused(failure, now);
            }
        }
        Some(())
    }

    /// Lets runs end for a while. What is left then is told to stop: what it began goes on in the clusters, and whoever
    /// runs next finds it there. What follows a run follows, for a moment: a command may have something to release.
    async fn wind_up(mut self, orders: &mut mpsc::Receiver<Order>) {
        self.board.stopping();
        self.looks.shutdown().await;
        if !self.runs.is_empty() || self.drills.len() > 0 {
            tracing::info!("stopping; runs have {} s to end", self.settings.grace.as_secs());
        }
        self.until_ended(orders, self.settings.grace).await;
        if !self.runs.is_empty() {
            let left: Vec<&str> = self.names.values().flatten().map(String::as_str).collect();
            tracing::info!("left to the next run: {}; what was begun goes on in the cluster", left.join(", "));
        }
        self.stop.send_replace(true);
        self.drills.shutdown().await;
        self.until_ended(orders, self.settings.last_words).await;
        self.runs.shutdown().await;
    }

    /// Takes in the ends of runs and drills until there are none, for so long, or until it is told to stop (once more).
    async fn until_ended(&mut self, orders: &mut mpsc::Receiver<Order>, patience: Duration) {
        let enough = tokio::time::sleep(patience);
        tokio::pin!(enough);
        while !self.runs.is_empty() || self.drills.len() > 0 {
            self.board.beat();
            tokio::select! {
                biased;
                Some(ended) = self.runs.join_next_with_id() => self.take_in(ended),
                Some(drilled) = self.drills.next() => drop(self.drills.take_in(drilled)),
                order = orders.recv() => if order != Some(Order::Reload) { break },
                () = &mut enough => break,
                () = tokio::time::sleep(BEAT) => {}
            }
        }
    }
}

fn later(now: Timestamp) -> Timestamp {
    now.checked_add(LONG).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
