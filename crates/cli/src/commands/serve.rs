//! `serve`: run the policies when they are due, and show how they stand.

use super::chosen::Chosen;
use super::run::{self, mark};
use super::telling::{about_with, recall};
use crate::args::Span;
use crate::session::Session;
use clap::Args;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_daemon::{Around, Configuration, Order, Reading, Settings, Source, Status, SystemClock, listen, serve};
use snapkeep_engine::policies::{Fleet, RunReport};
use snapkeep_notify::hooks::LAST_WORDS;
use snapkeep_notify::metrics::{Configured, Registry};
use snapkeep_notify::{Delivery, Look, Memory};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Shortest time between two looks at a policy besides its slots.
const OFTEN: Duration = Duration::from_secs(10);

/// Run the policies whenever they are due, and show how they stand on a page
///
/// Each policy is looked at when its slot comes, and every so often besides: what failed is tried again, what has grown
/// old is deleted, what was missed is taken once. It may run beside cron, other daemons and the Lambda function: a slot
/// gets one snapshot all the same. SIGHUP reads the configuration again, SIGTERM and Ctrl-C stop it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep serve
  snapkeep serve nightly --every 5min
  snapkeep serve --listen 0.0.0.0:9614    # whoever reaches it reads the names of what you keep")]
pub(crate) struct Serve {
    /// Policies [default: all]
    #[arg(value_name = "POLICY")]
    policies: Vec<String>,
    /// Where the page, its JSON, the metrics and the health checks are served, read-only
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9614")]
    listen: SocketAddr,
    /// How often each policy is looked at besides its slots
    #[arg(long, value_name = "SPAN", default_value = "10min")]
    every: Span,
    /// How long runs may go on once it was told to stop; what they began goes on in the cluster
    #[arg(long, value_name = "SPAN", default_value = "20s")]
    grace: Span,
    /// Delete also where the server's clock is unknown or far from ours
    #[arg(long)]
    allow_unknown_clock: bool,
}

/// Serves.
pub(crate) async fn run(arguments: Serve, session: &Session) -> Result<(), Failure> {
    if arguments.every.0 < OFTEN {
        let cause = format!("--every is less than {} s", OFTEN.as_secs());
        return Err(Failure::new(Code::BadEvent, cause, "slots are not waited for by it: each has its own look"));
    }
    // Before anything else: a signal that comes early is not lost, and does not end us.
    let orders = orders()?;
    let listener = listen(arguments.listen).await?;
    let address = listener.local_addr().unwrap_or(arguments.listen);
    if !address.ip().is_loopback() {
        session
            .printer
            .warning(&format!("{address} is not of this machine only: whoever reaches it can read the page"));
    }
    session.printer.note(&format!("listening on http://{address}/"));
    let told = Arc::new(Told::default());
    let metrics = Arc::clone(&told);
    let settings = Settings {
        every: arguments.every.0,
        grace: arguments.grace.0,
        last_words: LAST_WORDS,
        allow_unknown_clock: arguments.allow_unknown_clock,
        mark,
        clock: Arc::new(SystemClock),
        metrics: Arc::new(move |status| metrics.metrics(status)),
    };
    let source = Files { session: Arc::new(session.beside()), names: arguments.policies, told };
    serve(&source, settings, listener, orders).await?;
    session.printer.note("stopped");
    Ok(())
}

/// The configuration where every command finds it.
struct Files {
    session: Arc<Session>,
    names: Vec<String>,
    told: Arc<Told>,
}

/// What has been told, of all runs whichever configuration they had.
#[derive(Default)]
struct Told {
    registry: Mutex<Registry>,
    /// What is remembered of it, from the first run on. Runs tell one after the other.
    memory: tokio::sync::Mutex<Option<Memory>>,
}

impl Told {
    fn with<T>(&self, work: impl FnOnce(&mut Registry) -> T) -> T {
        work(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What `/metrics` shows.
    fn metrics(&self, status: &Status) -> String {
        let flag = |is_so: bool| f64::from(u8::from(is_so));
        self.with(|registry| {
            let configured = status.policies.iter().map(|one| Configured {
                policy: &one.policy,
                cluster: &one.cluster,
                repository: &one.repository,
                is_drilled: one.drill.is_some(),
            });
            registry.forget_others(&configured.collect::<Vec<_>>());
            let refused = status.configuration.refused.is_some();
            registry.gauge("snapkeep_start_time_seconds", &[], status.started_at.as_duration().as_secs_f64());
            registry.gauge("snapkeep_configuration_refused", &[], flag(refused));
            for (name, failure) in &status.clusters {
                registry.gauge("snapkeep_cluster_up", &[name], flag(failure.is_none()));
            }
            registry.prometheus()
        })
    }
}

impl Source for Files {
    fn read(&self) -> Reading<'_> {
        Box::pin(async {
            let chosen = Chosen::read(&self.session, &self.names).await?;
            let (places, channels) = (Configured::all(chosen.meant()), &chosen.whole().config.notifications.channels);
            self.told.with(|registry| registry.begin(&places, channels));
            let configuration = Written { chosen, session: Arc::clone(&self.session), told: Arc::clone(&self.told) };
            Ok(Arc::new(configuration) as Arc<dyn Configuration>)
        })
    }
}

/// A configuration as it was read.
struct Written {
    chosen: Chosen,
    session: Arc<Session>,
    told: Arc<Told>,
}

impl Written {
    fn around<'a>(&'a self, names: &'a [String]) -> run::Around<'a> {
        run::Around::new(self.chosen.whole(), names.iter().map(String::as_str), &self.session)
    }

    async fn tell(&self, names: &[String], end: Result<&RunReport, &Failure>) {
        let (policies, now) = (&self.chosen.policies, self.session.now());
        let meant = || policies.values().filter(|policy| names.contains(&policy.name));
        self.told.with(|registry| match end {
            Ok(report) => registry.observe(report),
            Err(failure) => registry.observe_in_vain(meant(), failure, now),
        });
        let looks = match end {
            Ok(report) => Look::all(report, policies),
            Err(failure) => Look::in_vain(meant(), failure, now),
        };
        let mut memory = self.told.memory.lock().await;
        let memory = memory.get_or_insert_with(|| recall(self.chosen.whole(), &self.session));
        let deliveries = about_with(memory, &looks, self.chosen.whole(), &self.session).await;
        for Delivery { channel, event, summary, failure, .. } in &deliveries {
            match failure {
                None => tracing::info!(channel, event, "told: {summary}"),
                Some(failure) => tracing::warn!(channel, event, "not told: {}", failure.cause),
            }
        }
        self.told.with(|registry| registry.observe_deliveries(&deliveries));
    }
}

impl Configuration for Written {
    fn name(&self) -> &str {
        self.chosen.whole().name()
    }

    fn policies(&self) -> &BTreeMap<String, Policy> {
        &self.chosen.policies
    }

    fn only(&self) -> &[String] {
        &self.chosen.only
    }

    fn fleet(&self, only: &[String]) -> Fleet<'static> {
        let left_out = self.chosen.left_out(self.session.globals.cluster.as_deref(), only);
        self.chosen.fleet_of(only, self.session.process.clone()).leaving_out(left_out)
    }

    fn before<'a>(&'a self, names: &'a [String]) -> Around<'a, Result<(), Failure>> {
        Box::pin(async move { self.around(names).before().await })
    }

    fn after<'a>(&'a self, names: &'a [String], end: Result<&'a RunReport, &'a Failure>) -> Around<'a, ()> {
        Box::pin(async move {
            // Who stops us knows: it is no trouble of the backups'.
            if !end.is_err_and(|failure| failure.code == Code::Interrupted) {
                self.tell(names, end).await;
            }
            let verdict = end.map_err(Failure::clone).and_then(RunReport::verdict);
            self.around(names).after(end.ok(), verdict.as_ref().copied()).await;
        })
    }
}

/// What signals say, in their order.
fn orders() -> Result<mpsc::Receiver<Order>, Failure> {
    let (teller, orders) = mpsc::channel(4);
    let signals = [
        (SignalKind::hangup(), Order::Reload),
        (SignalKind::terminate(), Order::Stop),
        (SignalKind::interrupt(), Order::Stop),
    ];
    for (kind, order) in signals {
        let signal = signal(kind).map_err(|error| {
            Failure::new(
                Code::Unsupported,
                format!("signals cannot be heard: {error}"),
                "free some of the system's resources",
            )
        })?;
        tokio::spawn(pass_on(signal, order, teller.clone()));
    }
    Ok(orders)
}

async fn pass_on(mut signal: Signal, order: Order, teller: mpsc::Sender<Order>) {
    while signal.recv().await.is_some() {
        if teller.send(order).await.is_err() {
            return;
        }
    }
}
