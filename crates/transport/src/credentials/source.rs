//! What hands credentials out. Each fetch begins anew: files that were changed since are read again.

use super::AwsCredentials;
use super::https::Https;
use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::region::Region;
use snapkeep_core::failure::with_sources;
use std::fmt::Debug;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

/// What the sessions of a role are called, unless something else is said.
const SESSION: &str = "snapkeep";

/// Credentials under way; the error is one line.
pub(super) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Credentials, String>> + Send + 'a>>;

/// Hands credentials out. (A trait, so that a program that never names a kind does not carry it.)
pub(super) trait Source: Debug + Send + Sync {
    /// Fetches credentials, for requests to `region`.
    fn fetch<'a>(&'a self, region: &'a str) -> Fetching<'a>;
}

/// The default chain.
#[derive(Debug)]
pub(super) struct Chain;

/// A profile of the shared files.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: String,
}

/// A role, assumed as somebody else.
#[derive(Debug)]
pub(super) struct AssumedRole {
    pub(super) base: Arc<AwsCredentials>,
    pub(super) role_arn: String,
    pub(super) external_id: Option<String>,
    pub(super) session_name: Option<String>,
}

/// A role, assumed with a token.
#[derive(Debug)]
pub(super) struct WebIdentity {
    pub(super) token_file: PathBuf,
    pub(super) role_arn: String,
    pub(super) session_name: Option<String>,
}

/// A provider that somebody brought.
#[derive(Debug)]
pub(super) struct Provided<P>(pub(super) P);

impl Source for Chain {
    fn fetch<'a>(&'a self, region: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            let builder = DefaultCredentialsChain::builder().configure(config(region));
            let chain = builder.region(Region::new(region.to_owned())).build().await;
            chain.provide_credentials().await.map_err(|error| explained(&error))
        })
    }
}

impl Source for Profile {
    fn fetch<'a>(&'a self, region: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            let builder = ProfileFileCredentialsProvider::builder().configure(&config(region));
            let found = builder.profile_name(&self.name).build().provide_credentials().await;
            found.map_err(|error| format!("profile {}: {}", self.name, explained(&error)))
        })
    }
}

impl Source for AssumedRole {
    fn fetch<'a>(&'a self, region: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            let base = Base { credentials: Arc::clone(&self.base), region: region.to_owned() };
            // First, so that what is wrong with it is said as it is.
            base.credentials.resolve(region, SystemTime::now()).await?;
            let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https());
            let sdk = loader.region(Region::new(region.to_owned())).credentials_provider(base.clone()).load().await;
            let mut builder = AssumeRoleProvider::builder(&self.role_arn)
                .configure(&sdk)
                .session_name(self.session_name.as_deref().unwrap_or(SESSION));
            if let Some(id) = &self.external_id {
                builder = builder.external_id(id);
            }
            let found = builder.build_from_provider(base).await.provide_credentials().await;
            found.map_err(|error| not_assumed(&self.role_arn, &error))
        })
    }
}

impl Source for WebIdentity {
    fn fetch<'a>(&'a self, region: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            let configuration = StaticConfiguration {
                web_identity_token_file: self.token_file.clone(),
                role_arn: self.role_arn.clone(),
                session_name: self.session_name.clone().unwrap_or_else(|| SESSION.to_owned()),
            };
            if let Err(error) = self.token_file.metadata() {
                return Err(format!("the token file {} cannot be read: {error}", self.token_file.display()));
            }
            let builder = WebIdentityTokenCredentialsProvider::builder().configure(&config(region));
            let found = builder.static_configuration(configuration).build().provide_credentials().await;
            found.map_err(|error| not_assumed(&self.role_arn, &error))
        })
    }
}

impl<P: ProvideCredentials> Source for Provided<P> {
    fn fetch<'a>(&'a self, _: &'a str) -> Fetching<'a> {
        Box::pin(async move { self.0.provide_credentials().await.map_err(|error| with_sources(&error)) })
    }
}

/// Credentials of ours for an SDK client.
#[derive(Clone, Debug)]
struct Base {
    credentials: Arc<AwsCredentials>,
    region: String,
}

impl Base {
    async fn find(&self) -> provider::Result {
        let found = self.credentials.resolve(&self.region, SystemTime::now()).await;
        found.map_err(CredentialsError::provider_error)
    }
}

impl ProvideCredentials for Base {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.find())
    }
}

fn config(region: &str) -> ProviderConfig {
    ProviderConfig::default().with_http_client(https()).with_region(Some(Region::new(region.to_owned())))
}

fn https() -> SharedHttpClient {
    SharedHttpClient::new(Https::default())
}

fn not_assumed(role_arn: &str, error: &CredentialsError) -> String {
    format!("the role {role_arn} cannot be assumed: {}", with_sources(error))
}

/// Signing in through a browser is left to AWS's own command: two more SDKs would be needed here.
fn explained(error: &CredentialsError) -> String {
    let text = with_sources(error);
    let signs_in = text.contains("enabled: sso") || text.contains("enabled: credentials-login");
    if signs_in { SIGN_IN.to_owned() } else { text }
}

/// What is said of profiles that need a browser; [`crate::Lost::hint`] says what serves them.
pub(crate) const SIGN_IN: &str = "it signs in through a browser (SSO or `aws login`), which only the AWS CLI does";
