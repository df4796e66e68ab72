//! What a front is made of.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio_rustls::TlsAcceptor;

use crate::answers::{DenialWording, RegionRefusal, TrustError};
use crate::clock::Clock;
use crate::domain::Domain;
use crate::fault::Faults;
use crate::front::Front;
use crate::mapping::Mapping;
use crate::principal::Principal;
use crate::proxy::Proxy;
use crate::shift::Shifts;
use crate::sigv4::Verifier;
use crate::tls::{ServerCert, Shown, TestCa};
use crate::upstream::Upstream;

/// What load balancers in front of domains wait.
const GATEWAY_TIMEOUT: Duration = Duration::from_mins(1);

/// A front to be started. By default: region eu-west-1, account 123456789012, domain `demo`, no callers, plain HTTP.
#[must_use]
pub struct Builder {
    node_url: String,
    transparent: bool,
    domain: Domain,
    clock: Clock,
    gateway_timeout: Duration,
    tls: Option<(io::Result<Shown>, String)>,
    /// The authority of those who may connect, as PEM.
    clients: Option<String>,
    principals: Vec<Principal>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("node_url", &self.node_url).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(node_url: &str) -> Self {
        let domain = Domain {
            verifier: Verifier { region: "eu-west-1".to_owned(), service: "es".to_owned() },
            account: "123456789012".to_owned(),
            name: "demo".to_owned(),
            wording: DenialWording::default(),
            pass_roles: Vec::new(),
            untrusting: Vec::new(),
            trust_error: (TrustError::default(), 500),
            refused_regions: Vec::new(),
            mapping: Mapping::default(),
        };
        Self {
            node_url: node_url.to_owned(),
            transparent: false,
            domain,
            clock: Arc::new(SystemTime::now),
            gateway_timeout: GATEWAY_TIMEOUT,
            tls: None,
            clients: None,
            principals: Vec::new(),
        }
    }

    /// The region that signatures must be scoped to.
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.domain.verifier.region);
        self
    }

    /// Account and domain name, as they appear in refusals.
    pub fn domain(mut self, account: &str, name: &str) -> Self {
        account.clone_into(&mut self.domain.account);
        name.clone_into(&mut self.domain.name);
        self
    }

    /// Adds a caller.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principals.push(principal);
        self
    }

    /// How IAM's refusals are worded.
    pub fn denial_wording(mut self, wording: DenialWording) -> Self {
        self.domain.wording = wording;
        self
    }

    /// Roles that callers may pass (`iam:PassRole`).
    pub fn pass_role(mut self, roles: &[&str]) -> Self {
        self.domain.pass_roles.extend(roles.iter().map(|&role| role.to_owned()));
        self
    }

    /// A role that does not trust the service: registrations with it fail.
    pub fn untrusting_role(mut self, role: &str) -> Self {
        self.domain.untrusting.push(role.to_owned());
        self
    }

    /// How that failure is worded, and its status (by default 500).
    pub fn trust_error(mut self, shape: TrustError, status: u16) -> Self {
        self.domain.trust_error = (shape, status);
        self
    }

    /// A `region` that registrations fail with, unless they name an `endpoint`.
    pub fn refuse_region(self, region: &str) -> Self {
        self.refuse_region_with(region, RegionRefusal::default())
    }

    /// The same, and how the failure is worded.
    pub fn refuse_region_with(mut self, region: &str, shape: RegionRefusal) -> Self {
        self.domain.refused_regions.push((region.to_owned(), shape));
        self
    }

    /// A repository setting that the node needs and callers do not see, such as `path_style_access`.
    pub fn node_setting(mut self, key: &str, value: &str) -> Self {
        self.domain.mapping.extra.push((key.to_owned(), value.to_owned()));
        self
    }

    /// For nodes without an S3 client: registrations of type `s3` become `fs` ones at `directory/bucket/base_path`.
    pub fn s3_as_fs(mut self, directory: &str) -> Self {
        self.domain.mapping.directory = Some(directory.trim_end_matches('/').to_owned());
        self
    }

    /// How long the node may take before the front answers 504; the node goes on. By default 60 seconds.
    pub fn gateway_timeout(mut self, time: Duration) -> Self {
        self.gateway_timeout = time;
        self
    }

    /// Where the time comes from; by default the system.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// HTTPS with a valid certificate of this authority.
    pub fn tls(self, ca: &TestCa) -> Self {
        self.tls_with(ca, &ServerCert::Valid)
    }

    /// HTTPS with a certificate of this authority that is wrong in some way.
    pub fn tls_with(mut self, ca: &TestCa, cert: &ServerCert) -> Self {
        self.tls = Some((ca.shown(cert), ca.pem().to_owned()));
        self
    }

    /// Over HTTPS, only callers that show a certificate of this authority get further than the handshake.
    pub fn require_client_certificate(mut self, ca: &TestCa) -> Self {
        self.clients = Some(ca.pem().to_owned());
        self
    }

    /// Plain HTTP, as by default.
    pub fn plain(mut self) -> Self {
        self.tls = None;
        self
    }

    /// Only a fault proxy: no signature is asked for, nothing is mapped, headers go on as they came.
    pub fn transparent(mut self) -> Self {
        self.transparent = true;
        self
    }

    /// Starts it on a free port of 127.0.0.1. It serves once this returns.
    #[expect(clippy::unused_async, reason = "started where a runtime is; the blocking form is beside it")]
    pub async fn start(self) -> io::Result<Front> {
        self.start_blocking()
    }

    /// Starts it without a runtime of the caller's.
    pub fn start_blocking(self) -> io::Result<Front> {
        let upstream = Upstream::parse(&self.node_url, self.transparent)?;
        let (tls, ca_pem) = match self.tls {
            Some((shown, pem)) => {
                let config = shown?.server_config(self.clients.as_deref())?;
                (Some(TlsAcceptor::from(config)), Some(pem))
            }
            None => (None, None),
        };
        let proxy = Proxy {
            upstream: Mutex::new(upstream),
            domain: (!self.transparent).then_some(self.domain),
            principals: Mutex::new(self.principals),
            clock: self.clock,
            gateway_timeout: self.gateway_timeout,
            ahead: AtomicI64::new(0),
            faults: Mutex::new(Faults::default()),
            shifts: Mutex::new(Shifts::default()),
            seen: Mutex::new(Vec::new()),
            answered: AtomicU64::new(0),
        };
        Front::run(Arc::new(proxy), tls, ca_pem)
    }
}
