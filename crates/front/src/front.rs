//! A running front.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::builder::Builder;
use crate::fault::{Fault, FaultId};
use crate::principal::Principal;
use crate::proxy::{Shared, lock};
use crate::seen::Seen;
use crate::serve;
use crate::upstream::Upstream;

/// A proxy that stands for an Amazon domain's endpoint. It runs on a thread of its own and stops when dropped.
pub struct Front {
    address: SocketAddr,
    ca_pem: Option<String>,
    proxy: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Front {
    /// A front for the node at `http://host:port`.
    pub fn builder(node_url: &str) -> Builder {
        Builder::new(node_url)
    }

    pub(crate) fn run(proxy: Shared, tls: Option<TlsAcceptor>, ca_pem: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&proxy);
        let thread = thread::Builder::new().name("front".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = serve::accept(listener, tls, shared) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, ca_pem, proxy, stop: Some(stop), thread: Some(thread) })
    }

    /// `https://127.0.0.1:port`, or `http://` if plain.
    pub fn url(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// `127.0.0.1:port`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The authority that signed its certificate; nothing if plain.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Adds a rule. It holds until the rules are cleared; dropping the id changes nothing.
    pub fn inject(&self, fault: Fault) -> FaultId {
        lock(&self.proxy.faults).add(fault)
    }

    /// How many requests this rule struck, cleared or not.
    pub fn injected(&self, id: FaultId) -> u64 {
        lock(&self.proxy.faults).injected(id)
    }

    /// Ends every rule; their counts stay.
    pub fn clear_faults(&self) {
        lock(&self.proxy.faults).clear();
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.proxy.seen).clone()
    }

    /// Whether nothing is on its way any more: the node has done its part of every request that came, also where the caller
    /// is gone. (One that outlives the gateway's timeout counts as over.)
    pub fn is_idle(&self) -> bool {
        lock(&self.proxy.seen).iter().all(|seen| seen.is_over)
    }

    /// Adds a caller while the front runs.
    pub fn add_principal(&self, principal: Principal) {
        lock(&self.proxy.principals).push(principal);
    }

    /// Ends the credentials with this access key now, by the front's clock.
    pub fn expire(&self, access_key: &str) {
        let now = self.proxy.now();
        for principal in lock(&self.proxy.principals).iter_mut().filter(|known| known.access_key == access_key) {
            principal.expires_at = Some(now);
        }
    }

    /// The front's time.
    pub fn now(&self) -> SystemTime {
        self.proxy.now()
    }

    /// Answers as a cluster whose clock is so much ahead of (or, if negative, behind) its machine's: in
    /// `/_cluster/stats`, and in the times of the snapshots that are begun through this front from now on, which keep
    /// that shift. (`Date` is the front's own: [`set_clock_ahead`](Self::set_clock_ahead).)
    pub fn shift_times(&self, milliseconds: i64) {
        lock(&self.proxy.shifts).set_clock(milliseconds);
    }

    /// Shifts the times of one snapshot, however it was begun.
    pub fn shift_snapshot(&self, repository: &str, snapshot: &str, milliseconds: i64) {
        lock(&self.proxy.shifts).set_snapshot(repository, snapshot, milliseconds);
    }

    /// Another node behind the same address from now on: it came back elsewhere. Requests under way end where they began.
    pub fn retarget(&self, node_url: &str) -> io::Result<()> {
        let mut upstream = lock(&self.proxy.upstream);
        *upstream = Upstream::parse(node_url, upstream.transparent)?;
        Ok(())
    }

    /// Sets the front's clock ahead of (or, if negative, behind) the clock it was built with.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.proxy.ahead.store(seconds, Ordering::SeqCst);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed there.
            let _ = thread.join();
        }
    }
}
