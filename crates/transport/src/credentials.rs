//! AWS credentials: resolved for each request, kept while they are good.

mod function;
mod https;
mod source;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use function::Container;
use snapkeep_core::secret::Secret;
pub(crate) use source::SIGN_IN;
use source::{AssumedRole, Chain, Profile, Provided, Source, WebIdentity};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Longest time before their end at which temporary credentials are resolved anew.
const EARLY: Duration = Duration::from_mins(1);

/// The part of their life, counted from its end, in which short-lived credentials are resolved anew.
const LAST_PART: u32 = 4;

/// How long credentials without an end are kept: what they come from may have been changed since.
const WITHOUT_END: Duration = Duration::from_mins(15);

/// Where AWS credentials come from.
#[derive(Debug)]
pub enum AwsCredentials {
    /// Given ones. (`Credentials` shows no secret in `Debug`.)
    Fixed(Credentials),
    /// Those that something hands out, and anew before they end.
    Resolved(Resolver),
}

/// Credentials with where they come from. Temporary ones are resolved anew shortly before they end
/// and never used after it.
pub struct Resolver {
    source: Box<dyn Source>,
    /// Asked first and each time, since asking costs nothing.
    environment: Option<EnvironmentVariableCredentialsProvider>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    credentials: Credentials,
    taken_at: SystemTime,
}

impl AwsCredentials {
    /// Given keys.
    pub fn fixed(access_key: &str, secret_key: &Secret, session_token: Option<&Secret>) -> Self {
        let token = session_token.map(|token| token.expose().to_owned());
        Self::Fixed(Credentials::new(access_key, secret_key.expose(), token, None, "given"))
    }

    /// The default chain, set up at first use: environment, profile, web identity, container, instance.
    pub fn default_chain() -> Self {
        let environment = Some(EnvironmentVariableCredentialsProvider::new());
        Self::Resolved(Resolver { environment, ..Resolver::new(Chain) })
    }

    /// What Lambda gives a function, as its variables say: its role's keys themselves, else an address that hands them out.
    /// Nothing else is asked, and a program that names no other kind stays small.
    pub fn of_function<'v>(variable: impl Fn(&str) -> Option<&'v str>) -> Self {
        let secret = |name| variable(name).map(Secret::new);
        match (variable("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY")) {
            (Some(key), Some(secret_key)) => Self::fixed(key, &secret_key, secret("AWS_SESSION_TOKEN").as_ref()),
            _ => Self::Resolved(Resolver::new(Container {
                url: variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").map(str::to_owned),
                token: secret("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            })),
        }
    }

    /// A profile of the shared configuration and credentials files (`AWS_CONFIG_FILE`,
    /// `AWS_SHARED_CREDENTIALS_FILE`): keys, roles with a source profile, web identity,
    /// `credential_process`. Profiles that sign in through a browser are refused with a word on how
    /// `credential_process` serves them.
    pub fn profile(name: impl Into<String>) -> Self {
        Self::Resolved(Resolver::new(Profile { name: name.into() }))
    }

    /// A role, assumed as `base` at the STS of the request's region (or at `AWS_ENDPOINT_URL_STS`).
    /// Without a session name the sessions are called `snapkeep`.
    pub fn assume_role(
        base: Box<Self>,
        role_arn: impl Into<String>,
        external_id: Option<String>,
        session_name: Option<String>,
    ) -> Self {
        let base: Arc<Self> = base.into();
        let source = AssumedRole { base, role_arn: role_arn.into(), external_id, session_name };
        Self::Resolved(Resolver::new(source))
    }

    /// A role, assumed with the token in a file, which is read anew each time. Without a session name
    /// the sessions are called `snapkeep`.
    pub fn web_identity(
        token_file: impl Into<PathBuf>,
        role_arn: impl Into<String>,
        session_name: Option<String>,
    ) -> Self {
        let source = WebIdentity { token_file: token_file.into(), role_arn: role_arn.into(), session_name };
        Self::Resolved(Resolver::new(source))
    }

    /// Whatever a provider of one's own hands out.
    pub fn provided(provider: impl ProvideCredentials + 'static) -> Self {
        Self::Resolved(Resolver::new(Provided(provider)))
    }

    /// Credentials for the next request, by a clock that says `now`, to a service of that region. The error is one line.
    pub async fn resolve(&self, region: &str, now: SystemTime) -> Result<Credentials, String> {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::Resolved(resolver) => resolver.current(region, now).await,
        }
    }

    /// After the server refused `used`: forgets those, and gives others if there are others.
    pub(crate) async fn renew(&self, region: &str, now: SystemTime, used: &Credentials) -> Option<Credentials> {
        match self {
            Self::Fixed(_) => None,
            Self::Resolved(resolver) => resolver.other_than(used, region, now).await,
        }
    }
}

impl Resolver {
    fn new(source: impl Source + 'static) -> Self {
        Self { source: Box::new(source), environment: None, kept: Mutex::default() }
    }

    async fn current(&self, region: &str, now: SystemTime) -> Result<Credentials, String> {
        if let Some(environment) = &self.environment
            && let Ok(found) = environment.provide_credentials().await
        {
            return Ok(found);
        }
        // Held while they are fetched, so that requests at the same time cause one fetch.
        let mut kept = self.kept.lock().await;
        if let Some(fresh) = kept.as_ref().filter(|kept| kept.is_fresh(now)) {
            return Ok(fresh.credentials.clone());
        }
        let error = match self.source.fetch(region).await {
            Ok(credentials) => {
                *kept = Some(Kept { credentials: credentials.clone(), taken_at: now });
                return Ok(credentials);
            }
            Err(error) => error,
        };
        let Some(good) = kept.as_ref().filter(|kept| now < kept.end()) else { return Err(error) };
        tracing::warn!(%error, "no new credentials: those at hand are used until they end");
        Ok(good.credentials.clone())
    }

    async fn other_than(&self, used: &Credentials, region: &str, now: SystemTime) -> Option<Credentials> {
        self.kept.lock().await.take_if(|kept| are_same(&kept.credentials, used));
        let found = self.current(region, now).await.ok()?;
        (!are_same(&found, used)).then_some(found)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.source).finish()
    }
}

impl Kept {
    fn end(&self) -> SystemTime {
        self.credentials.expiry().unwrap_or(self.taken_at + WITHOUT_END)
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        let life = self.end().duration_since(self.taken_at).unwrap_or_default();
        now + EARLY.min(life / LAST_PART) < self.end()
    }
}

fn are_same(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id()
        && one.secret_access_key() == other.secret_access_key()
        && one.session_token() == other.session_token()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::provider::{error::CredentialsError, future};
    use std::sync::atomic::{AtomicU64, Ordering};

    const LIFE: Duration = Duration::from_secs(3600);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Hands out `A1`, `A2`, …, each good until `ends` (seconds), and nothing from the `fails`th on.
    #[derive(Debug)]
    struct Counter {
        asked: Arc<AtomicU64>,
        ends: fn(u64) -> Option<u64>,
        fails: u64,
    }

    impl ProvideCredentials for Counter {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            future::ProvideCredentials::ready(if number >= self.fails {
                Err(CredentialsError::provider_error("out of order"))
            } else {
                Ok(Credentials::new(format!("A{number}"), "s", None, (self.ends)(number).map(at), "test"))
            })
        }
    }

    fn counting(ends: fn(u64) -> Option<u64>, fails: u64) -> (AwsCredentials, Arc<AtomicU64>) {
        let asked = Arc::new(AtomicU64::new(0));
        (AwsCredentials::provided(Counter { asked: Arc::clone(&asked), ends, fails }), asked)
    }

    async fn keys(credentials: &AwsCredentials, times: &[u64]) -> Vec<String> {
        let mut keys = Vec::new();
        for &time in times {
            keys.push(match credentials.resolve("r", at(time)).await {
                Ok(found) => found.access_key_id().to_owned(),
                Err(error) => error,
            });
        }
        keys
    }

    #[tokio::test]
    async fn they_are_kept_until_shortly_before_their_end() {
        let (hourly, _) = counting(|number| Some(number * LIFE.as_secs()), u64::MAX);
        assert_eq!(keys(&hourly, &[0, 3539, 3540, 3700, 7139, 7200]).await, ["A1", "A1", "A2", "A2", "A2", "A3"]);
        let (short, _) = counting(|number| Some(number * 4), u64::MAX);
        assert_eq!(keys(&short, &[0, 2, 3, 5, 7, 8]).await, ["A1", "A1", "A2", "A2", "A3", "A3"]);
        let (endless, asked) = counting(|_| None, u64::MAX);
        assert_eq!(keys(&endless, &[0, 800, 900]).await, ["A1", "A1", "A2"]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_is_at_hand_bridges_a_source_that_is_out_of_order_but_not_beyond_its_end() {
        let (credentials, _) = counting(|_| Some(3600), 2);
        let seen = keys(&credentials, &[0, 3590, 3600]).await;
        assert_eq!(seen[..2], ["A1", "A1"]);
        assert!(seen[2].contains("out of order"), "{seen:?}");
    }

    #[tokio::test]
    async fn refused_ones_are_resolved_anew_and_given_only_if_they_differ() {
        let (credentials, asked) = counting(|_| Some(3600), u64::MAX);
        let first = credentials.resolve("r", at(0)).await.unwrap();
        let second = credentials.renew("r", at(1), &first).await.unwrap();
        assert_eq!(second.access_key_id(), "A2");
        // Another request was refused with the first ones too: those that are at hand by now will do.
        assert_eq!(credentials.renew("r", at(2), &first).await.unwrap().access_key_id(), "A2");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let same = AwsCredentials::provided(second.clone());
        assert!(same.renew("r", at(2), &second).await.is_none());
        assert!(AwsCredentials::Fixed(second.clone()).renew("r", at(2), &second).await.is_none());
    }
}
