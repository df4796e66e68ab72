//! `serve`: run the policies when they are due, and show how they stand.

use super::chosen::Chosen;
use super::run::mark;
use super::telling::{about_with, recall};
use crate::args::Span;
use crate::session::Session;
use clap::Args;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_daemon::{Order, Reading, Settings, Source, Status, SystemClock, Teller, listen, serve};
use snapkeep_engine::policies::RunReport;
use snapkeep_notify::Look;
use snapkeep_notify::metrics::Registry;
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
    let (teller, heard) = Telling::new();
    let settings = Settings {
        every: arguments.every.0,
        grace: arguments.grace.0,
        allow_unknown_clock: arguments.allow_unknown_clock,
        mark,
        clock: Arc::new(SystemClock),
        teller: Arc::clone(&teller) as Arc<dyn Teller>,
    };
    let source = Files { session, names: arguments.policies };
    let mut tells = std::pin::pin!(tell_all(heard, &teller, &source));
    let ended = tokio::select! {
        ended = serve(&source, settings, listener, orders) => ended,
        () = &mut tells => return Ok(()),
    };
    // What the last runs have to tell is told, within reason.
    teller.close();
    let _ = tokio::time::timeout(arguments.grace.0, tells).await;
    ended?;
    session.printer.note("stopped");
    Ok(())
}

/// The configuration where every command finds it.
struct Files<'a> {
    session: &'a Session,
    names: Vec<String>,
}

impl Files<'_> {
    /// The policies that are meant. A daemon has no commands around its runs: it refuses to be asked for them.
    async fn chosen(&self) -> Result<Chosen, Failure> {
        let chosen = Chosen::read(self.session, &self.names).await?;
        if chosen.whole().config.hooks.is_empty() {
            return Ok(chosen);
        }
        let cause = format!("{} has `hooks`, and the daemon runs none", chosen.whole().name());
        let hint = "leave them out for it, or run the policies with `snapkeep run` and a timer";
        Err(Failure::new(Code::Unsupported, cause, hint))
    }
}

impl Source for Files<'_> {
    fn read(&self) -> Reading<'_> {
        Box::pin(async {
            let chosen = self.chosen().await?;
            Ok(chosen.for_daemon(self.session))
        })
    }
}

/// A run that has ended, and the policies that it ran by.
type Heard = (BTreeMap<String, Policy>, RunReport);

/// Hears of runs: keeps their metrics, and passes them on to be told.
struct Telling {
    registry: Mutex<Registry>,
    /// None once nothing more is to come.
    heard: Mutex<Option<mpsc::UnboundedSender<Heard>>>,
}

impl Telling {
    fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Heard>) {
        let (heard, told) = mpsc::unbounded_channel();
        (Arc::new(Self { registry: Mutex::default(), heard: Mutex::new(Some(heard)) }), told)
    }

    fn close(&self) {
        drop(self.heard.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn with<T>(&self, work: impl FnOnce(&mut Registry) -> T) -> T {
        work(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Teller for Telling {
    fn ran(&self, policies: &BTreeMap<String, Policy>, report: &RunReport) {
        self.with(|registry| registry.observe(report));
        if let Some(heard) = &*self.heard.lock().unwrap_or_else(PoisonError::into_inner) {
            // Nobody hears any more while the daemon ends.
            let _ = heard.send((policies.clone(), report.clone()));
        }
    }

    fn metrics(&self, status: &Status) -> String {
        let flag = |is_so: bool| f64::from(u8::from(is_so));
        self.with(|registry| {
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

/// Tells what there is to tell after each run, by the channels of the configuration as it is then; one that is not valid
/// leaves those before. Ends with whoever is heard.
async fn tell_all(mut heard: mpsc::UnboundedReceiver<Heard>, teller: &Telling, source: &Files<'_>) {
    let mut last: Option<Chosen> = None;
    let mut memory = None;
    while let Some((policies, report)) = heard.recv().await {
        last = source.chosen().await.ok().or(last);
        let Some(chosen) = &last else { continue };
        let memory = memory.get_or_insert_with(|| recall(chosen.whole(), source.session));
        let deliveries = about_with(memory, &Look::all(&report, &policies), chosen.whole(), source.session).await;
        for delivery in deliveries.iter().filter(|delivery| delivery.failure.is_none()) {
            tracing::info!(channel = delivery.channel, event = delivery.event, "told: {}", delivery.summary);
        }
        teller.with(|registry| registry.observe_deliveries(&deliveries));
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
