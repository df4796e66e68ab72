//! The client: one endpoint, one identity.

use crate::auth::{secrets_of, with_sources};
use crate::guard::{self, AddressRefused, GuardedResolver, Lookup};
use crate::retry::{Pace, may_pass, random};
use crate::{Answer, Auth, Deadline, Lost, sign, tls};
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use http::Method;

/// The service that SigV4 signatures for Amazon's search domains are scoped to.
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
    /// How reads are tried again.
    pub pace: Pace,
    /// The clock that signatures are dated by.
    pub clock: fn() -> SystemTime,
    /// How host names are resolved, before unfit addresses are left out.
    pub lookup: Lookup,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ca_file: None, pace: Pace::default(), clock: SystemTime::now, lookup: guard::system_lookup }
    }
}

/// One request, without identity.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path_and_query: String,
    body: Option<Bytes>,
    timeout: Duration,
    cap: usize,
}

impl Call {
    /// A request to `path_and_query`, which starts with `/` and is percent-encoded already.
    pub fn new(method: Method, path_and_query: impl Into<String>) -> Self {
        let timeout = if method == Method::GET { Duration::from_secs(30) } else { Duration::from_mins(1) };
        Self { method, path_and_query: path_and_query.into(), body: None, timeout, cap: DEFAULT_CAP }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The path and query, as given.
    pub fn path(&self) -> &str {
        &self.path_and_query
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
}

impl Client {
    /// Sets up TLS and connection pool; sends nothing.
    pub fn new(endpoint: Endpoint, auth: Auth, settings: Settings) -> Result<Self, Failure> {
        let endpoint = Arc::new(endpoint);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(settings.ca_file.as_deref())?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .dns_resolver(GuardedResolver { endpoint: Arc::clone(&endpoint), lookup: settings.lookup })
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("snapkeep/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::new(Code::BadConfig, with_sources(&error), "check SNAPKEEP_CA_FILE"))?;
        Ok(Self { http, endpoint, auth, settings })
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

    /// Sends a request that changes something: once.
    pub async fn write(&self, call: &Call, deadline: Deadline) -> Result<Answer, Lost> {
        self.once(call, deadline).await
    }

    async fn once(&self, call: &Call, deadline: Deadline) -> Result<Answer, Lost> {
        let (request, secrets) = self.request(call, deadline).await?;
        let timeout = call.timeout.min(deadline.left().mul_f64(SHARE));
        if timeout.is_zero() {
            return Err(Lost::OutOfTime);
        }
        let started = tokio::time::Instant::now();
        let outcome = match tokio::time::timeout(timeout, self.exchange(request, call.cap)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Lost::Cut(format!("no whole answer within {:.1} s", timeout.as_secs_f32()))),
        };
        self.log(call, &outcome, started.elapsed());
        outcome.map(|answer| scrubbed(answer, &secrets))
    }

    /// The signed request, built anew for each try: signatures age, credentials expire. With it the
    /// secrets that it rests on.
    async fn request(&self, call: &Call, deadline: Deadline) -> Result<(reqwest::Request, Vec<Secret>), Lost> {
        let mut secrets = self.auth.secrets();
        let unusable = |error: &dyn std::error::Error| Lost::NotSent(with_sources(error));
        let url = format!("{}{}", self.endpoint.origin(), call.path_and_query);
        let mut builder = http::Request::builder().method(call.method.clone()).uri(&url);
        if call.body.is_some() {
            builder = builder.header(CONTENT_TYPE, "application/json");
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
        if let Auth::SigV4 { credentials, region } = &self.auth {
            let found = tokio::time::timeout(deadline.left(), credentials.resolve(region)).await;
            let found = found.unwrap_or_else(|_| Err("they were not found before the deadline".into()));
            let found = found.map_err(Lost::NoCredentials)?;
            secrets.extend(secrets_of(&found));
            sign(&mut request, &found, region, SERVICE, (self.settings.clock)())
                .map_err(|error| Lost::NoCredentials(error.to_string()))?;
        }
        let request = reqwest::Request::try_from(request).map_err(|error| unusable(&error))?;
        Ok((request, secrets))
    }

    async fn exchange(&self, request: reqwest::Request, cap: usize) -> Result<Answer, Lost> {
        let mut response = self.http.execute(request).await.map_err(lost)?;
        let status = response.status().as_u16();
        if (300..400).contains(&status) {
            return Err(Lost::Unreadable(format!(
                "the endpoint answered with a redirect ({status}), which is not followed"
            )));
        }
        let encoding = response.headers().get(CONTENT_ENCODING).map(|encoding| encoding.to_str().unwrap_or("unknown"));
        if let Some(encoding) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(Lost::Unreadable(format!(
                "the answer ({status}) is compressed ({encoding}), which was not asked for"
            )));
        }
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > cap {
                return Err(Lost::Unreadable(format!("the answer ({status}) is larger than {cap} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: body.freeze(), retry_after })
    }

    fn log(&self, call: &Call, outcome: &Result<Answer, Lost>, took: Duration) {
        let status = outcome.as_ref().ok().map(|answer| answer.status);
        let lost = outcome.as_ref().err().map(Lost::cause);
        tracing::debug!(
            method = %call.method,
            host = self.endpoint.host(),
            path = call.path_and_query,
            status,
            lost,
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// A refusal may repeat parts of the request: our secrets are taken out before anyone reads it. JSON
/// is read first, because it can spell one text in many ways.
fn scrubbed(answer: Answer, secrets: &[Secret]) -> Answer {
    if answer.status < 300 || secrets.is_empty() {
        return answer;
    }
    let scrub = |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| secret.scrub(&text));
    let body = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(json) => scrub_json(json, &scrub).to_string(),
        Err(_) => scrub(&String::from_utf8_lossy(&answer.body)),
    };
    Answer { body: body.into(), ..answer }
}

fn scrub_json(value: Value, scrub: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(scrub(&text)),
        Value::Array(values) => values.into_iter().map(|value| scrub_json(value, scrub)).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (scrub(&key), scrub_json(value, scrub))).collect(),
        other => other,
    }
}

/// What reqwest's error means for the request's effect.
fn lost(error: reqwest::Error) -> Lost {
    let error = error.without_url();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    while let Some(current) = source {
        if let Some(refused) = current.downcast_ref::<AddressRefused>() {
            return Lost::AddressRefused(refused.to_string());
        }
        source = current.source();
    }
    let cause = with_sources(&error);
    if error.is_connect() || error.is_builder() { Lost::NotSent(cause) } else { Lost::Cut(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn answer(body: &str) -> Answer {
        Answer { status: 400, body: body.to_owned().into(), retry_after: None }
    }

    #[test]
    fn secrets_are_taken_out_however_they_are_spelt() {
        let secret = Secret::new("canary/secret+key==");
        for body in [
            r#"{"reason":"canary/secret+key=="}"#,
            r#"{"reason":"canary\/secret\u002bkey\u003d="}"#,
            r#"["\u0063anary/secret+key=="]"#,
            "plain canary/secret+key== text",
        ] {
            let clean = scrubbed(answer(body), std::slice::from_ref(&secret));
            let text = String::from_utf8(clean.body.to_vec()).unwrap();
            assert!(!text.contains("anary") && text.contains("***"), "{text}");
        }
    }

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
    async fn credentials_that_fit_no_header_are_said_to_be_so() {
        let endpoint = Endpoint::trusted("https://127.0.0.1:1").unwrap();
        let client = Client::new(endpoint, Auth::Bearer(Secret::new("two\nlines")), Settings::default()).unwrap();
        let lost =
            client.read(&Call::new(Method::GET, "/"), Deadline::after(Duration::from_secs(20))).await.unwrap_err();
        assert!(matches!(lost, Lost::NoCredentials(_)), "{lost:?}");
    }
}
