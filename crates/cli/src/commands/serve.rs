//! `serve`: run the policies when they are due, and show how they stand.

use super::chosen::Chosen;
use super::run::mark;
use crate::args::Span;
use crate::session::Session;
use clap::Args;
use snapkeep_core::{Code, Failure};
use snapkeep_daemon::{Basics, Order, Reading, Settings, Source, SystemClock, listen, serve};
use std::net::SocketAddr;
use std::sync::Arc;
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
    let settings = Settings {
        every: arguments.every.0,
        grace: arguments.grace.0,
        allow_unknown_clock: arguments.allow_unknown_clock,
        mark,
        clock: Arc::new(SystemClock),
        teller: Arc::new(Basics),
    };
    let source = Files { session, names: arguments.policies };
    serve(&source, settings, listener, orders).await?;
    session.printer.note("stopped");
    Ok(())
}

/// The configuration where every command finds it.
struct Files<'a> {
    session: &'a Session,
    names: Vec<String>,
}

impl Source for Files<'_> {
    fn read(&self) -> Reading<'_> {
        Box::pin(async {
            let chosen = Chosen::read(self.session, &self.names).await?;
            Ok(chosen.for_daemon(self.session))
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
