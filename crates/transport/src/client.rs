//! The client: one endpoint, one identity.

use crate::auth::secrets_of;
use crate::calls::{Calls, Counter};
use crate::exchange::exchange;
use crate::guard::{self, GuardedResolver, Lookup};
use crate::refused::SignatureRefused;
use crate::retry::{Pace, may_pass, random};
use crate::scrub::scrubbed;
use crate::skew::Skew;
use crate::{Answer, Auth, ClientCertificate, Deadline, Lost, sign, tls};
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use jiff::SignedDuration;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::failure::with_sources;
use snapkeep_core::{Code, Failure};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use http::Method;

/// The service that SigV4 signatures are scoped to unless something else is said: Amazon's search domains.
const SERVICE: &str = "es";

/// Time for name resolution, connection and TLS handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What one request may take of the time that is left: a request that hangs leaves time to look
/// what became of it.
const SHARE: f64 = 0.6;

/// Largest answer that is read, in bytes, unless a call says otherwise.
const DEFAULT_CAP: usize = 4 << 20;

/// What a client needs to know beside its endpoint and identity.
#[derive(Clone, Debug)]
pub struct Settings {
    /// PEM file of further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// A certificate that we show to the cluster, whatever else says who we are.
    pub client_certificate: Option<ClientCertificate>,
    /// How reads are tried again.
    pub pace: Pace,
    /// The clock that signatures are dated by.
    pub clock: fn() -> SystemTime,
    /// How host names are resolved, before unfit addresses are left out.
    pub lookup: Lookup,
    /// The service that signatures are scoped to: `es`, or that of a configuration's place.
    pub service: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ca_file: None,
            client_certificate: None,
            pace: Pace::default(),
            clock: SystemTime::now,
            lookup: guard::system_lookup,
            service: SERVICE,
        }
    }
}

/// One request, without identity.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path_and_query: String,
    body: Option<Bytes>,
    /// Further headers; a content type takes the place of JSON's.
    headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Whether the path is a secret: it is not logged.
    is_secret: bool,
    timeout: Duration,
    cap: usize,
}

impl Call {
    /// A request to `path_and_query`, which starts with `/` and is percent-encoded already.
    pub fn new(method: Method, path_and_query: impl Into<String>) -> Self {
        let timeout = if method == Method::GET { Duration::from_secs(30) } else { Duration::from_mins(1) };
        Self {
            method,
            path_and_query: path_and_query.into(),
            body: None,
            headers: Vec::new(),
            is_secret: false,
            timeout,
            cap: DEFAULT_CAP,
        }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With a header more.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a path that is a secret, such as a webhook's.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// The path and query, as given.
    pub fn path(&self) -> &str {
        &self.path_and_query
    }

    /// With another time that one try may take, whatever the deadline leaves.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another cap on the answer's size, in bytes.
    #[must_use]
    pub fn cap(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }
}

/// Sends requests to one endpoint as one identity. Follows no redirects, uses no proxies.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Arc<Endpoint>,
    auth: Auth,
    settings: Settings,
    skew: Skew,
    counter: Counter,
}

impl Client {
    /// Sets up TLS and connection pool; sends nothing.
    pub fn new(endpoint: Endpoint, auth: Auth, settings: Settings) -> Result<Self, Failure> {
        let endpoint = Arc::new(endpoint);
        let tls = tls::client_config(settings.ca_file.as_deref(), settings.client_certificate.as_ref())?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .dns_resolver(GuardedResolver { endpoint: Arc::clone(&endpoint), lookup: settings.lookup })
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("snapkeep/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Failure::new(Code::BadConfig, with_sources(&error), "check the CA file and the client certificate")
            })?;
        Ok(Self { http, endpoint, auth, settings, skew: Skew::default(), counter: Counter::default() })
    }

    /// The server's clock minus ours, in whole seconds, as the last answer told that had a `Date` or
    /// was about a signature's time; `None` until one did.
    pub fn skew(&self) -> Option<SignedDuration> {
        self.skew.measured()
    }

    /// What has been sent so far.
    pub fn calls(&self) -> Calls {
        self.counter.so_far()
    }

    /// Sends a request that changes nothing; tries again what may pass, within the deadline.
    pub async fn read(&self, call: &Call, deadline: Deadline) -> Result<Answer, Lost> {
        let mut failed = 0;
        loop {
            let outcome = self.once(call, deadline).await;
            failed += 1;
            if !may_pass(&outcome) || failed >= self.settings.pace.attempts {
                return outcome;
            }
            let asked_for = outcome.as_ref().ok().and_then(|answer| answer.retry_after);
            tracing::debug!(method = %call.method, failed, "trying a read again");
            if !deadline.pause(self.settings.pace.pause(failed, asked_for, random())).await {
                return outcome;
            }
        }
    }

    /// Sends a request that changes something: once. (Again only if Amazon's front refused its signature,
    /// and so carried nothing out, for a time or a token that can be mended.)
    pub async fn write(&self, call: &Call, deadline: Deadline) -> Result<Answer, Lost> {
        self.once(call, deadline).await
    }

    /// One request, and once more after each refusal that a better signature mends.
    async fn once(&self, call: &Call, deadline: Deadline) -> Result<Answer, Lost> {
        let mut mended = Mended::default();
        loop {
            let (answer, used) = self.send(call, deadline).await?;
            if !self.mend(&answer, used.as_ref(), &mut mended, deadline).await {
                return Ok(answer);
            }
            tracing::debug!(method = %call.method, "a refused signature is made anew");
        }
    }

    /// Whether the next signature can be better than the one that `answer` refuses: once for the clock,
    /// once for the credentials.
    async fn mend(&self, answer: &Answer, used: Option<&Credentials>, mended: &mut Mended, deadline: Deadline) -> bool {
        let (Auth::SigV4 { credentials, region }, Some(used)) = (&self.auth, used) else { return false };
        match SignatureRefused::of(answer) {
            Some(SignatureRefused::Clock(told)) if !mended.clock => {
                let Some(server) = answer.date.or(told) else { return false };
                self.skew.correct(server, (self.settings.clock)());
                mended.clock = true;
                true
            }
            Some(SignatureRefused::Token) if !mended.token => {
                mended.token = true;
                let renewing = credentials.renew(region, self.now(), used);
                matches!(tokio::time::timeout(deadline.left(), renewing).await, Ok(Some(_)))
            }
            _ => false,
        }
    }

    /// One request. With its answer the credentials that signed it.
    async fn send(&self, call: &Call, deadline: Deadline) -> Result<(Answer, Option<Credentials>), Lost> {
        let signer = self.signer(deadline).await?;
        let request = self.request(call, signer.as_ref())?;
        let timeout = call.timeout.min(deadline.left().mul_f64(SHARE));
        if timeout.is_zero() {
            return Err(Lost::OutOfTime);
        }
        let started = tokio::time::Instant::now();
        let clock = self.settings.clock;
        let exchange = exchange(&self.http, request, call.cap, clock, |date| self.skew.measure(date, clock()));
        let outcome = match tokio::time::timeout(timeout, exchange).await {
            Ok(outcome) => outcome.map_err(|lost| self.located(lost)),
            Err(_) => Err(Lost::Cut(format!("no whole answer within {:.1} s", timeout.as_secs_f32()))),
        };
        self.counter.count(&outcome);
        self.log(call, &outcome, started.elapsed());
        let mut secrets = self.auth.secrets();
        secrets.extend(signer.iter().flat_map(secrets_of));
        Ok((scrubbed(outcome?, &secrets), signer))
    }

    /// A request that did not leave says where it was to go.
    fn located(&self, lost: Lost) -> Lost {
        match lost {
            Lost::NotSent(cause) => Lost::NotSent(format!("{cause} (at {})", self.endpoint.origin())),
            other => other,
        }
    }

    /// Whose signature the next request bears, if it is to be signed.
    async fn signer(&self, deadline: Deadline) -> Result<Option<Credentials>, Lost> {
        let Auth::SigV4 { credentials, region } = &self.auth else { return Ok(None) };
        let found = tokio::time::timeout(deadline.left(), credentials.resolve(region, self.now())).await;
        let found = found.unwrap_or_else(|_| Err("they were not found before the deadline".into()));
        found.map(Some).map_err(Lost::NoCredentials)
    }

    /// The request, built and signed anew for each try: signatures age, credentials expire.
    fn request(&self, call: &Call, signer: Option<&Credentials>) -> Result<reqwest::Request, Lost> {
        let unusable = |error: &dyn std::error::Error| Lost::NotSent(with_sources(error));
        let url = format!("{}{}", self.endpoint.origin(), call.path_and_query);
        let mut builder = http::Request::builder().method(call.method.clone()).uri(&url);
        let says_type = call.headers.iter().any(|(name, _)| CONTENT_TYPE.as_str().eq_ignore_ascii_case(name));
        if call.body.is_some() && !says_type {
            builder = builder.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in &call.headers {
            builder = builder.header(*name, value.as_ref());
        }
        if let Some(header) = self.auth.header() {
            let value = HeaderValue::try_from(header).map_err(|_| {
                Lost::NoCredentials(
                    "the credentials hold a character that no header may hold, such as a line's end".into(),
                )
            })?;
            builder = builder.header(AUTHORIZATION, value);
        }
        let mut request = builder.body(call.body.clone().unwrap_or_default()).map_err(|error| unusable(&error))?;
        if let (Auth::SigV4 { region, .. }, Some(signer)) = (&self.auth, signer) {
            sign(&mut request, signer, region, self.settings.service, self.now())
                .map_err(|error| Lost::NoCredentials(error.to_string()))?;
        }
        reqwest::Request::try_from(request).map_err(|error| unusable(&error))
    }

    /// The time that signatures are dated by.
    fn now(&self) -> SystemTime {
        self.skew.corrected((self.settings.clock)())
    }

    fn log(&self, call: &Call, outcome: &Result<Answer, Lost>, took: Duration) {
        let status = outcome.as_ref().ok().map(|answer| answer.status);
        let lost = outcome.as_ref().err().map(Lost::cause);
        tracing::debug!(
            method = %call.method,
            host = self.endpoint.host(),
            path = if call.is_secret { "***" } else { call.path_and_query.as_str() },
            status,
            lost,
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// What was mended about one request's signature.
#[derive(Default)]
struct Mended {
    clock: bool,
    token: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapkeep_core::secret::Secret;
    use std::net::SocketAddr;

    /// A name that passes as Amazon's but resolves to this machine: refused at connect, by the client itself.
    #[tokio::test]
    async fn a_name_that_resolves_to_loopback_is_not_connected_to() {
        let endpoint = Endpoint::admit("https://search-x.eu-west-1.es.amazonaws.com", "eu-west-1", &[]).unwrap();
        let lookup: Lookup =
            |_| Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0)), "[fe80::1]:0".parse().unwrap()]) });
        let client = Client::new(endpoint, Auth::None, Settings { lookup, ..Settings::default() }).unwrap();
        let lost =
            client.read(&Call::new(Method::GET, "/"), Deadline::after(Duration::from_secs(20))).await.unwrap_err();
        assert!(matches!(&lost, Lost::AddressRefused(cause) if cause.contains("search-x")), "{lost:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_connected_to_is_named() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let endpoint = Endpoint::trusted(&format!("http://{closed}")).unwrap();
        let client = Client::new(endpoint, Auth::None, Settings::default()).unwrap();
        let lost =
            client.write(&Call::new(Method::PUT, "/"), Deadline::after(Duration::from_secs(20))).await.unwrap_err();
        assert!(matches!(&lost, Lost::NotSent(cause) if cause.contains(&closed.to_string())), "{lost:?}");
    }

    #[tokio::test]
    async fn credentials_that_fit_no_header_are_said_to_be_so() {
        let endpoint = Endpoint::trusted("https://127.0.0.1:1").unwrap();
        let client = Client::new(endpoint, Auth::Bearer(Secret::new("two\nlines")), Settings::default()).unwrap();
        let lost =
            client.read(&Call::new(Method::GET, "/"), Deadline::after(Duration::from_secs(20))).await.unwrap_err();
        assert!(matches!(lost, Lost::NoCredentials(_)), "{lost:?}");
    }
}
